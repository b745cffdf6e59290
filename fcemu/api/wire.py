"""WireRequest; reading bodies and headers with good error messages; what is written back."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpProcessingError, HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy, istr

from fcemu.core.errors import EntityTooLarge, InvalidArgument
from fcemu.core.http import BODILESS

if TYPE_CHECKING:
    from fcemu.api.serving import Connection
    from fcemu.engine.emulator import Emulator
    from fcemu.engine.saving import Saving

AUTHORIZATION: Final = istr("Authorization")
CONTENT_LENGTH: Final = istr("Content-Length")
EXPECT: Final = istr("Expect")
HOST: Final = istr("Host")
TRACE_ID: Final = istr("X-Fc-Trace-Id")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class BrokenRequest(Exception):
    """The client's HTTP broke in the middle of the body; the text says how."""


class WireRequest:
    """One HTTP request as the routes see it.

    ``target`` is path and query as they were sent. ``emulator`` is the one that answers, whatever is put behind the
    server meanwhile. ``why_malformed`` is not empty when there was no request that could be read.
    """

    __slots__ = (
        "_body",
        "_counted",
        "check_body",
        "connection",
        "emulator",
        "headers",
        "keep_alive",
        "method",
        "on_disconnect",
        "on_hang_up",
        "refuse",
        "saving",
        "streams",
        "target",
        "version",
        "why_malformed",
    )

    emulator: "Emulator"
    refuse: Callable[["WireRequest", Exception], "Answer"]
    """Writes the answer when something goes wrong; the route sets it."""

    def __init__(self, message: RawRequestMessage, body: StreamReader, connection: "Connection") -> None:
        self.method: str = message.method
        target: str = message.path
        if target.startswith("http"):  # the form that proxies send
            target = message.url.raw_path_qs
        self.target = target
        self.headers: CIMultiDictProxy[str] = message.headers
        self.version = message.version
        self.keep_alive = not message.should_close
        self.connection = connection
        self.why_malformed = ""
        self.check_body: Callable[[bytes], None] | None = None
        """Raises ``SignatureNotMatch`` for a body that is not the one that was signed."""
        self.streams = False
        self.saving: Saving | None = None
        """What keeps what happens in ``emulator``."""
        self.on_disconnect: Callable[[], None] | None = None
        self.on_hang_up: Callable[[], None] | None = None
        self._body = body
        self._counted = False

    @classmethod
    def malformed(cls, target: str, why: str, connection: "Connection") -> "WireRequest":
        """What stands for something that is not HTTP, so that it is answered in its turn."""
        headers: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        message = RawRequestMessage(
            "GET", target, HttpVersion11, headers, (), True, None, False, False, cast(Any, None)
        )
        request = cls(message, EMPTY_PAYLOAD, connection)
        request.why_malformed = why
        return request

    @property
    def base_url(self) -> str:
        """Where the client reaches this server, with the scheme that it speaks."""
        scheme = "https" if self.connection.secure else "http"
        return f"{scheme}://{header_text(self.headers.get(HOST, '')) or 'localhost'}"

    def refusal(self, error: Exception) -> "Answer":
        """What is answered when ``error`` came up."""
        return self.refuse(self, error)

    def disconnected(self) -> None:
        """The client is gone before it got its answer."""
        self.end()
        if self.on_disconnect is not None:
            self.on_disconnect()

    def hung_up(self) -> None:
        """The client does not wait for its answer any more, as far as anybody can tell."""
        if self.on_hang_up is not None:
            self.on_hang_up()

    # Being counted: an autojumping clock waits for requests that are being served.

    @property
    def is_served(self) -> bool:
        """Whether there is an emulator that answers."""
        return self._counted

    def begin(self, emulator: "Emulator") -> None:
        """``emulator`` serves this request from now on."""
        self.emulator = emulator
        self.saving = emulator.saving
        self._counted = True
        emulator.serving += 1

    def end(self) -> None:
        """The clock need not wait for this request any more; only the first call counts."""
        if self._counted:
            self._counted = False
            self.emulator.request_served()

    # The body.

    @property
    def body_is_here(self) -> bool:
        """Whether the whole body has arrived."""
        return self._body.is_eof()

    def arrived(self) -> bytes:
        """The body, whatever its size, when all of it is here. Raises ``InvalidArgument`` when the client's HTTP
        broke in it."""
        try:
            return self._signed(self._body.read_nowait())
        except (BrokenRequest, HttpProcessingError) as broken:
            raise _broken(broken) from None

    async def body(self, at_most: int) -> bytes:
        """The body, waiting until all of it is here. Raises ``EntityTooLarge`` before reading what is announced as
        longer than ``at_most`` bytes, and as soon as more has come; else what ``arrived`` raises."""
        if int(self.headers.get(CONTENT_LENGTH, 0)) > at_most:
            raise EntityTooLarge(at_most)
        connection, payload = self.connection, self._body
        if not payload.is_eof() and self.headers.get(EXPECT, "").lower() == "100-continue":
            connection.send(_CONTINUE)
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := await payload.readany():
                size += len(piece)
                if size > at_most:
                    raise EntityTooLarge(at_most)
                pieces.append(piece)
        except (BrokenRequest, HttpProcessingError) as broken:
            raise _broken(broken) from None
        return self._signed(b"".join(pieces))

    def _signed(self, body: bytes) -> bytes:
        """Raises ``SignatureNotMatch``."""
        if self.check_body is not None:
            self.check_body(body)
        return body


def _broken(error: BrokenRequest | HttpProcessingError) -> InvalidArgument:
    """aiohttp's parser in Python raises its own error where the one in C is told of ours."""
    return InvalidArgument(error.message if isinstance(error, HttpProcessingError) else str(error))


class Answer:
    """A response: ``head`` is the status line and headers, each line ended; the rest is added when it is written."""

    __slots__ = ("body", "head", "status")

    def __init__(self, status: int, head: str, body: bytes = b"") -> None:
        self.status = status
        self.head = head
        self.body = body

    def last_bytes(self, request: WireRequest, last: bool) -> bytes:
        """All of it. ``last``: the connection ends afterwards."""
        bodiless = self.status in BODILESS
        length = "" if bodiless else f"Content-Length: {len(self.body)}\r\n"
        head = f"{self.head}Date: {rfc822_formatted_time()}\r\n{length}{_connection(request, last)}\r\n"
        data = head.encode("utf-8", "surrogateescape")
        return data if bodiless or request.method == "HEAD" else data + self.body


class Stream:
    """A response whose body comes piece by piece, for as long as the client listens.

    A coroutine opens it, sends pieces and returns it; where it waits in between, it listens to ``on_disconnect``.
    """

    __slots__ = ("_chunked", "_request")

    def __init__(self, request: WireRequest) -> None:
        self._request = request
        self._chunked = request.version >= HttpVersion11

    def open(self, content_type: str) -> None:
        """Send the headers. Raises ``ConnectionError`` when the client is gone, ``StoreError`` as ``send`` does."""
        request = self._request
        request.keep_alive = request.keep_alive and self._chunked
        coding = "Transfer-Encoding: chunked\r\n" if self._chunked else ""
        request.connection.send(
            f"{status_line(200)}Content-Type: {content_type}\r\nCache-Control: no-store\r\n{coding}"
            f"Date: {rfc822_formatted_time()}\r\n{_connection(request, not request.keep_alive)}\r\n".encode()
        )
        request.streams = True  # from here on, an error has no answer of its own any more

    async def send(self, piece: str) -> None:
        """Send one piece. Raises ``ConnectionError`` when the client is gone, ``StoreError`` when what it tells of
        cannot be kept: then nothing is sent."""
        data = self._piece(piece)
        if data:
            self._request.connection.send(data)
            await self._request.connection.drain()

    def send_last(self, piece: str) -> None:
        """Send a piece that says why there are no more. Raises ``ConnectionError`` when the client is gone."""
        self._request.connection.send_at_once(self._piece(piece))

    def _piece(self, piece: str) -> bytes:
        data = piece.encode("utf-8", "backslashreplace")
        return b"%x\r\n%b\r\n" % (len(data), data) if data and self._chunked else data

    def last_bytes(self, request: WireRequest, last: bool) -> bytes:
        """The end of the body."""
        return b"0\r\n\r\n" if self._chunked else b""


def _connection(request: WireRequest, last: bool) -> str:
    if last:
        return "Connection: close\r\n"
    return "" if request.version >= HttpVersion11 else "Connection: keep-alive\r\n"


_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


def status_line(status: int) -> str:
    """The first line of a response, ended."""
    return _LINES.get(status) or f"HTTP/1.1 {status} \r\n"


def error_type_line(error_type: str) -> str:
    """The header ``X-Fc-Error-Type``, ended; nothing for ``""``."""
    return f"X-Fc-Error-Type: {header_text(error_type)}\r\n" if error_type else ""


def header_text(value: str) -> str:
    """``value`` as it may stand in a header: without what would end the line."""
    return value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value)


def trace_id(headers: CIMultiDictProxy[str]) -> str:
    """The id that a request's caller wants it to have; ``""`` when it may have any. Raises ``InvalidArgument``.

    ASSUMED: such an id is made of 1 to 128 letters, digits, ``.``, ``_`` and ``-``; FC does not say which it takes.
    """
    wanted = headers.get(TRACE_ID, "").strip()
    if wanted and not _ID.fullmatch(wanted):
        raise InvalidArgument.choice("TraceId", "1 to 128 letters, digits, '.', '_' and '-'", wanted)
    return wanted


def access_key_id(headers: CIMultiDictProxy[str]) -> str:
    """Who signed the request; ``""`` when nobody did. The signature itself is not looked at (wire-api §7)."""
    text = headers.get(AUTHORIZATION)
    if text is None:
        return ""
    scheme, _, rest = text.partition(" ")
    if scheme.startswith("ACS3-"):
        _, _, after = rest.partition("Credential=")
        return after.partition(",")[0].strip()
    return rest.partition(":")[0].strip() if scheme in {"FC", "acs"} else ""
