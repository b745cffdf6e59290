"""A forward proxy for programs that honour proxy variables: FC's hosts go to the emulator, the rest where it went."""

import asyncio
import base64
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment
from urllib.request import proxy_bypass_environment as bypasses  # type: ignore[attr-defined]

from fcemu.endpoints.hosts import is_fc_host

HEAD_BYTES: Final = 64 * 1024
HEAD_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 30.0
"""Real seconds for a request's head, and for a connection to somewhere else."""
_PIECE: Final = 64 * 1024
_LOOPBACK: Final = frozenset({"localhost", "::1", "0.0.0.0"})
_HOP_BY_HOP: Final = frozenset({b"proxy-connection", b"proxy-authorization", b"connection", b"keep-alive"})
_PORTS: Final = {"http": 80, "https": 443}


class Refused(Exception):
    """The proxy does not do it; ``status`` says as what kind of thing."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


class Place(NamedTuple):
    """Where a request goes. ``authorization``: the header for another proxy that stands in between, if it has one."""

    host: str
    port: int
    tls: bool = False
    is_proxy: bool = False
    authorization: bytes = b""


class Onward:
    """How to reach other hosts: straight, or through the proxy that this process's own variables name.

    Raises ``Refused`` for proxies other than HTTP ones.
    """

    def __init__(self) -> None:
        self._proxies: Final = getproxies_environment()

    def __call__(self, scheme: str, host: str, port: int) -> Place:
        named = self._proxies.get(scheme) or self._proxies.get("all")
        if not named or is_loopback(host) or bypasses(f"{host}:{port}", self._proxies):
            return Place(host, port)
        parts = urlsplit(named if "://" in named else f"http://{named}")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise Refused("502 Bad Gateway", f"the proxy {parts.scheme}://{parts.hostname} is not an HTTP proxy")
        secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
        header = b"Proxy-Authorization: Basic " + base64.b64encode(secret) + b"\r\n" if parts.username else b""
        return Place(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "https", True, header)


class Proxy:
    """Listens on loopback. ``target``: the emulator. ``only``: other hosts, but for loopback, are refused.

    Each plain request gets a connection of its own: the bytes that follow its head are passed on as they are.
    """

    def __init__(self, target: tuple[str, int], *, only: bool = False) -> None:
        self._target: Final = Place(*target)
        self._only: Final = only
        self._onward: Final = Onward()
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    async def start(self) -> int:
        """Listen; returns the port."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_BYTES)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Refuse connections, drop open ones."""
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="fcemu-proxy")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):  # one side is gone
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            await _refuse(writer, Refused("431 Request Header Fields Too Large", "the request's head is too large"))
            return
        try:
            asked = Asked.of(head)
            place = self._place(asked)
            onward, first = await self._open(place, asked)
        except Refused as refused:
            await _refuse(writer, refused)
            return
        try:
            if first:
                onward[1].write(first)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if first:
                await _relay(_pump(reader, onward[1]), _answer(onward[0], writer))
            else:
                await _relay(_pump(reader, onward[1]), _pump(onward[0], writer))
        finally:
            onward[1].close()

    def _place(self, asked: "Asked") -> Place:
        if is_fc_host(asked.host):
            return self._target
        if self._only and not is_loopback(asked.host):
            raise Refused(
                "403 Forbidden", f"{asked.host} is not a host of FC, and --intercept-only refuses all other hosts"
            )
        return self._onward(asked.scheme, asked.host, asked.port)

    async def _open(
        self, place: Place, asked: "Asked"
    ) -> tuple[tuple[asyncio.StreamReader, asyncio.StreamWriter], bytes]:
        """A connection, and what to send on it first: nothing in a tunnel. Raises ``Refused``."""
        tunnelled = asked.tunnel or (asked.scheme == "https" and place.is_proxy)
        tls = place.tls or (asked.scheme == "https" and not asked.tunnel and not place.is_proxy)
        if place is self._target:
            tls = False
        try:
            connection = await asyncio.wait_for(
                asyncio.open_connection(
                    place.host, place.port, ssl=ssl.create_default_context() if tls else None, limit=HEAD_BYTES
                ),
                CONNECT_SECONDS,
            )
        except (OSError, TimeoutError) as failed:
            reason = str(failed) or "no answer"
            raise Refused("502 Bad Gateway", f"{place.host}:{place.port} cannot be reached: {reason}") from None
        if place.is_proxy and tunnelled:
            await self._tunnel(connection, place, asked)
        if asked.tunnel:
            return connection, b""
        return connection, asked.passed_on(place)

    async def _tunnel(
        self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], place: Place, asked: "Asked"
    ) -> None:
        """Ask another proxy for a tunnel. Raises ``Refused``."""
        reader, writer = connection
        there = f"{asked.authority}:{asked.port}".encode()
        writer.write(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (there, there, place.authorization))
        try:
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), CONNECT_SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            answer = b"nothing"
        status = answer.split(b"\r\n")[0].decode("latin-1")
        if status.split(" ")[1:2] != ["200"]:
            writer.close()
            raise Refused("502 Bad Gateway", f"the proxy {place.host}:{place.port} answered {status}")
        if not asked.tunnel:
            await writer.start_tls(ssl.create_default_context(), server_hostname=asked.host)


class Asked(NamedTuple):
    """What a client asks a proxy for. ``fields``: its header lines, without those for the proxy itself."""

    method: str
    scheme: str
    host: str
    port: int
    path: str
    fields: tuple[bytes, ...]
    upgrade: bytes

    @property
    def tunnel(self) -> bool:
        """Whether it asks for bytes to be passed on, whatever they are."""
        return self.method == "CONNECT"

    @property
    def authority(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @classmethod
    def of(cls, head: bytes) -> "Asked":
        """Raises ``Refused`` for what is not a request to a proxy."""
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        words = line.decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Refused("400 Bad Request", "this is not an HTTP request")
        method, target, _ = words
        if method != "CONNECT" and not target.lower().startswith(("http://", "https://")):
            raise Refused("400 Bad Request", "this is a proxy: it answers requests for http:// and https:// URLs only")
        try:
            parts = urlsplit(f"https://{target}" if method == "CONNECT" else target)
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        except ValueError:
            host = ""
        if not host:
            raise Refused("400 Bad Request", f"{target!r} does not name a host and a port")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kept, upgrade = [], b""
        for field in fields:
            name = field.partition(b":")[0].strip().lower()
            if name not in _HOP_BY_HOP:
                kept.append(field)
            if name == b"upgrade":
                upgrade = b"Upgrade"
        return cls(method, parts.scheme, host, port, path, tuple(kept), upgrade)

    def passed_on(self, place: Place) -> bytes:
        """The head for whoever is asked next; that closes the connection when it has answered."""
        target, more = self.path, b""
        if place.is_proxy and self.scheme == "http":
            target, more = f"http://{self.authority}:{self.port}{self.path}", place.authorization
        line = f"{self.method} {target} HTTP/1.1".encode("latin-1")
        connection = b"Connection: " + (self.upgrade or b"close")
        return b"\r\n".join([line, *self.fields, connection, more.removesuffix(b"\r\n")]).removesuffix(b"\r\n") + (
            b"\r\n\r\n"
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: such connections are never another's business."""
    host = host.lower().rstrip(".")
    return host in _LOOPBACK or host.startswith("127.") or host.endswith(".localhost")


async def _refuse(writer: asyncio.StreamWriter, refused: Refused) -> None:
    text = f"fcemu: {refused}\n".encode()
    head = f"HTTP/1.1 {refused.status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(text)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + text)
    await writer.drain()
    writer.write_eof()


async def _relay(there: Coroutine[Any, Any, None], back: Coroutine[Any, Any, None]) -> None:
    """Until nothing more comes back."""
    sending = asyncio.ensure_future(there)
    try:
        await back
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on the answer to a plain request, which says that the connection ends with it."""
    try:
        while (head := await reader.readuntil(b"\r\n\r\n"))[8:10] == b" 1" and not head.startswith(b" 101", 8):
            writer.write(head)  # an interim answer
        if not head.startswith(b" 101", 8):
            lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
            kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _HOP_BY_HOP]
            head = b"\r\n".join([*kept, b"Connection: close\r\n\r\n"])
        writer.write(head)
    except asyncio.IncompleteReadError as broken:
        writer.write(broken.partial)
    except asyncio.LimitOverrunError:
        pass  # whatever it is, as it is
    await _pump(reader, writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
