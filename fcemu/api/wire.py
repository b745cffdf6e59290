"""``WireRequest`` is an HTTP request as the routes see it, ``Answer`` what is written back."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpProcessingError, HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse
from multidict import CIMultiDictProxy, istr

from fcemu.core.errors import EntityTooLarge, InvalidArgument
from fcemu.core.http import BODILESS
from fcemu.engine import real

if TYPE_CHECKING:
    from fcemu.engine.emulator import Emulator

AUTHORIZATION: Final = istr("Authorization")
CONTENT_LENGTH: Final = istr("Content-Length")
EXPECT: Final = istr("Expect")
HOST: Final = istr("Host")
TRACE_ID: Final = istr("X-Fc-Trace-Id")
BODY_SECONDS: Final = 300.0
"""Real seconds that a client may take to send its body."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that change nothing."""
_LOG: Final = logging.getLogger("fcemu.api")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class BrokenRequest(Exception):
    """The client's HTTP broke in the middle of the body; the text says how."""


BROKEN: Final = (BrokenRequest, HttpProcessingError, RequestPayloadError)
"""What reading a body raises when the client's HTTP broke in it."""


class WireRequest(BaseRequest):
    """One HTTP request as the routes see it. aiohttp makes it when it has read the head.

    ``target`` is path and query as they were sent. ``emulator`` is the one that answers, whatever is put behind the
    server meanwhile.
    """

    emulator: "Emulator"
    is_served = False
    """Whether there is an emulator that answers."""
    check_body: Callable[[bytes], None] | None = None
    """Raises ``SignatureNotMatch`` for a body that is not the one that was signed."""
    on_hang_up: Callable[[], object] | None = None
    """Called when the client does not wait for its answer any more."""
    streams = False
    """Whether the answer has begun, so that an error has none of its own any more."""
    admitted = False
    """Whether it has passed the guard and, where that is verified, its signature."""
    invokes = False
    """Whether it is for a function's HTTP trigger, whatever its method."""
    _counted = False

    def __init__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> None:
        super().__init__(message, payload, protocol, writer, task, task.get_loop())
        self.head: Final = message
        """What aiohttp has read of it: its properties look at the same, a call each."""
        target = message.path
        if target.startswith("http"):  # the form that proxies send
            target = self.rel_url.raw_path_qs
        self.target: Final = target
        self.came_whole: Final = payload.is_eof()
        """Whether the whole body came with the head."""

    @property
    def base_url(self) -> str:
        """Where the client reaches this server, with the scheme that it speaks."""
        scheme = "https" if self.secure else "http"
        return f"{scheme}://{header_text(self.headers.get(HOST, '')) or 'localhost'}"

    def tell_refused(self, code: str, message: str, request_id: str, *, is_understood: bool) -> None:
        """It is refused, and that is the answer's id: a fact where it would have invoked or changed something, else a
        line in the log. ``is_understood``: it names something that the server can do, and who asks may ask that."""
        what = f"{self.method} {self.target.partition('?')[0]}"
        if self.admitted and is_understood and (self.invokes or self.method not in _READING):
            self.emulator.refusals.note(request_id, access_key_id(self.headers), what, code, message)
        else:
            _LOG.info("%s was refused: %s: %s", what, code, message)

    def hung_up(self) -> None:
        """The client does not wait for its answer any more, as far as the server can tell."""
        if self.on_hang_up is not None:
            self.on_hang_up()

    # Being counted: an autojumping clock waits for requests that are being served.

    def begin(self, emulator: "Emulator") -> None:
        """``emulator`` serves this request from now on."""
        self.emulator = emulator
        self.is_served = self._counted = True
        emulator.serving += 1

    def end(self) -> None:
        """The clock need not wait for this request any more; only the first call counts."""
        if self._counted:
            self._counted = False
            self.emulator.request_served()

    # The body.

    async def body(self, at_most: int) -> bytes:
        """The body, waiting until all of it is here. Raises ``EntityTooLarge`` before reading what is announced as
        longer than ``at_most`` bytes, and as soon as more has come; ``InvalidArgument`` for a body that takes too
        long; else what ``arrived`` raises."""
        if int(self.headers.get(CONTENT_LENGTH, 0)) > at_most:
            raise EntityTooLarge(at_most)
        content = self.content
        if not content.is_eof() and self.headers.get(EXPECT, "").lower() == "100-continue":
            await self.writer.write(_CONTINUE)
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while piece := await content.readany():
                    size += len(piece)
                    if size > at_most:
                        raise EntityTooLarge(at_most)
                    pieces.append(piece)
        except TimeoutError:
            raise InvalidArgument(f"its body took longer than {BODY_SECONDS:g} seconds") from None
        except BROKEN as broken:
            raise _broken(broken) from None
        return self._checked(b"".join(pieces))

    def arrived(self) -> bytes:
        """The body, whatever its size, where it ``came_whole``. Raises ``InvalidArgument`` when the client's HTTP broke
        in it, ``SignatureNotMatch`` when it is not the one that was signed."""
        try:
            body = self.content.read_nowait()
        except BROKEN as broken:
            raise _broken(broken) from None
        return body if self.check_body is None else self._checked(body)

    def _checked(self, body: bytes) -> bytes:
        """Raises ``SignatureNotMatch``."""
        if self.check_body is not None:
            self.check_body(body)
        return body


def not_http(why: str) -> InvalidArgument:
    """The error for a client that sends what is no HTTP."""
    return InvalidArgument(f"the request is not valid HTTP: {why.partition(chr(10))[0].rstrip(': ')}")


def _broken(error: Exception) -> InvalidArgument:
    """aiohttp's parser in Python raises its own error where the one in C wraps it."""
    if isinstance(error, RequestPayloadError) and isinstance(error.__cause__, HttpProcessingError):
        error = error.__cause__
    return InvalidArgument(str(error)) if isinstance(error, BrokenRequest) else not_http(_text(error))


def _text(error: Exception) -> str:
    return error.message if isinstance(error, HttpProcessingError) else str(error)


class Answer:
    """A response: ``head`` is the status line and headers, each line ended; the rest is added when it is written.

    aiohttp gets it in place of a ``StreamResponse``, whose own writing takes 14 µs more, of the 50 in which an
    invocation is accepted (``bench/invoke.py``).
    """

    __slots__ = ("body", "head", "keep_alive", "status")

    def __init__(self, status: int, head: str, body: bytes = b"") -> None:
        self.status = status
        self.head = head
        self.body = body
        self.keep_alive = True
        """Whether more requests may come on this connection; aiohttp asks."""

    async def prepare(self, request: WireRequest) -> None:
        """aiohttp has it written: head and body at once. Raises ``ConnectionError`` when the client is gone."""
        protocol, asked = request.protocol, request.head
        transport = protocol.transport
        try:
            if transport is None or transport.is_closing():
                raise ConnectionResetError("the client is gone")
            self.keep_alive = self.keep_alive and not asked.should_close
            if not self.keep_alive:
                connection = "Connection: close\r\n"
            else:
                connection = "" if asked.version >= HttpVersion11 else "Connection: keep-alive\r\n"
            bodiless = self.status in BODILESS
            length = "" if bodiless else f"Content-Length: {len(self.body)}\r\n"
            head = f"{self.head}Date: {_date()}\r\n{length}{connection}\r\n".encode("utf-8", "surrogateescape")
            transport.write(head if bodiless or asked.method == "HEAD" else head + self.body)
        finally:
            request.end()
        if protocol.writing_paused:  # its client does not read, so that the requests behind this one wait
            await request.writer.drain()

    async def write_eof(self) -> None:
        """aiohttp's step behind a body. There is nothing to do."""


class Stream(StreamResponse):
    """A response whose body comes piece by piece, for as long as the client listens.

    A coroutine opens it, sends pieces and returns it; it is cancelled when the client is gone.
    """

    def __init__(self, request: WireRequest, keep: Callable[[], Awaitable[None]]) -> None:
        """``keep`` raises ``StoreError`` when what the next piece tells of cannot be kept."""
        super().__init__()
        self._answers: Final = request
        self._keep: Final = keep

    async def open(self, content_type: str) -> None:
        """Send the headers. Raises ``ConnectionError`` when the client is gone, ``StoreError`` as ``send`` does."""
        await self._keep()
        self.headers["Content-Type"] = content_type
        self.headers["Cache-Control"] = "no-store"
        await self.prepare(self._answers)
        self._answers.streams = True

    async def send(self, piece: str) -> None:
        """Send one piece. Raises ``ConnectionError`` when the client is gone, ``StoreError`` when what it tells of
        cannot be kept: then nothing is sent."""
        await self._keep()
        await self.send_last(piece)

    async def send_last(self, piece: str) -> None:
        """Send a piece that says why there are no more. Raises ``ConnectionError`` when the client is gone."""
        if piece:
            await self.write(piece.encode("utf-8", "backslashreplace"))


_dated = (0, "")
"""A second since 1970, and how it is written."""


Response = Answer | Stream
"""What a route returns."""


def _date() -> str:
    """The real time of day, as the header ``Date`` has it."""
    global _dated
    second, text = _dated
    now = int(real.time())
    if now != second:
        text = formatdate(now, usegmt=True)
        _dated = (now, text)
    return text


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

    ASSUMED: fcemu takes a trace id of 1 to 128 letters, digits, ``.``, ``_`` and ``-``; FC does not say which it takes
    (async-invocation §1.2).
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
