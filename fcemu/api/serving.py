"""Connections: HTTP as aiohttp parses it, one request answered after the other, broken HTTP too."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, cast

from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage
from aiohttp.streams import StreamReader

from fcemu.api.outbox import Outbox
from fcemu.api.overdue import Overdue
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import CONTENT_LENGTH, Answer, BrokenRequest, Stream, WireRequest
from fcemu.core.errors import StoreError
from fcemu.engine.emulator import Emulator

Response = Answer | Stream
Serve = Callable[[WireRequest], Answer | Awaitable[Response | None] | None]
"""Answers a request: at once, by a coroutine, or (``None``) later through ``Connection.finish``. Raises nothing, but
its coroutine may raise ``ConnectionError``."""

LINGER: Final = 2.0
"""Real seconds in which a client that is still sending may read the answer to what it should not have sent."""
HEAD_SECONDS: Final = 30.0
BODY_SECONDS: Final = 300.0
"""Real seconds that a client may take to send its headers, and its body."""
HANG_UP_SECONDS: Final = 5.0
"""Real seconds after which a client that sends no more, and has no answer, is taken for gone."""
_HEADER_BYTES: Final = 16 * 1024
_READ_BYTES: Final = 256 * 1024
_PIPELINED: Final = 32
_LOG: Final = logging.getLogger("fcemu.api")
_REQUEST_LINE: Final = re.compile(rb"[\r\n]*[A-Za-z]+ +(/[^ \r\n]*)")
_HEAD_ENDS: Final = b"\r\n\r\n"


class Connection(asyncio.BufferedProtocol):
    """One client's connection; all of it runs on the event loop.

    Parsing and body streams are aiohttp's. Its own connection is not used: it spends a task and several coroutines
    on each request, and answers broken HTTP in its own words.
    """

    def __init__(self, http: "HttpServer") -> None:
        self._http: Final = http
        self._parser = HttpRequestParser(
            cast(Any, self),
            http.loop,
            _READ_BYTES,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            payload_exception=BrokenRequest,
            auto_decompress=False,  # a body is an event, whatever its encoding
        )
        self.transport: asyncio.Transport | None = None
        self.secure = False
        """Whether the client speaks TLS."""
        self._current: WireRequest | None = None
        """The request that is being answered."""
        self._waiting: deque[WireRequest] = deque()
        """Requests that came meanwhile."""
        self._newest: StreamReader | None = None
        """The body of the newest request: the only one that may be incomplete."""
        self._head = b""
        """The beginning of a request whose headers are not complete."""
        self._body_left = 0
        """How much of a body is still to come, where its head says how long it is."""
        self._deaf = False
        """What still comes from this client is not looked at."""
        self._unread = False
        """Something came that was not looked at."""
        self._ended = False
        """The client sends no more."""
        self._reading_paused = False
        self._crowded = False
        """Reading is paused until fewer requests wait, although aiohttp resumes it when a body is read."""
        self._writable: asyncio.Future[None] | None = None
        """There while the client reads too slowly."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.secure = transport.get_extra_info("sslcontext") is not None
        self._http.connections.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._http.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._http.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Something came."""
        for piece in _pieces(data, self._head[1 - len(_HEAD_ENDS) :]):
            while piece and not self._deaf:
                # The end of a body is the end of a piece, too: what follows begins with a request line.
                end = self._body_left or len(piece)
                self._piece_received(piece[:end])
                piece = piece[end:]

    def _piece_received(self, data: bytes) -> None:
        in_a_body = self._incomplete()
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except HttpProcessingError as error:
            self._not_http(str(error.message), b"" if in_a_body else self._head + data)
            return
        for message, body in messages:
            self._waiting.append(WireRequest(message, body, self))
            self._newest = body
        if messages:
            before, self._head = self._head, b""
            if before:
                self._http.slow_heads.end(self)
            self._body_left = 0
            length = _length(messages)
            if length is not None:
                behind = (before[-len(_HEAD_ENDS) :] + data).partition(_HEAD_ENDS)[2]
                self._body_left = max(0, length - len(behind))
                self._head = behind[length:][:_HEADER_BYTES]
            if self._incomplete():
                self._http.slow_bodies.end(self)
                self._http.slow_bodies.begin(self)
            self._deaf = upgraded
            if len(self._waiting) > _PIPELINED:
                self._crowded = True
                self.pause_reading()
            if self._current is None and len(self._waiting) == len(messages):
                self._http.soon(self)
        elif in_a_body:
            self._body_left = max(0, self._body_left - len(data))
        else:
            self._head = (self._head + data)[:_HEADER_BYTES]
            if self._current is None:
                self._http.slow_heads.begin(self)

    def eof_received(self) -> bool:
        """The client sends no more. It may still wait for answers, unless it listens to a stream.

        A client that is gone looks like one that only sends no more. ASSUMED: it is gone if it has no answer after a
        while.
        """
        self._deaf = self._ended = True
        self._cut_off("the body ends before it is complete")
        request = self._current
        if request is not None:
            self._http.loop.call_later(HANG_UP_SECONDS, self._hung_up, request)
        if self.secure:  # asyncio closes a TLS connection of which one half is closed
            return False
        return not self.idle and not (self._current is not None and self._current.streams)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.transport = None
        self._deaf = True
        self._waiting.clear()
        self._http.slow_heads.end(self)
        self._http.slow_bodies.end(self)
        self._cut_off("the client is gone")
        self.resume_writing()
        request, self._current = self._current, None
        if request is not None:
            request.disconnected()
            if not self._http.stops:
                request.hung_up()
        self._http.lost(self)

    def _hung_up(self, request: WireRequest) -> None:
        if request is self._current and not self._http.stops:
            request.hung_up()

    def pause_writing(self) -> None:
        self._writable = self._http.loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        self._http.work(self, self.serve_waiting)

    # What aiohttp's body streams call.

    @property
    def connected(self) -> bool:
        return self.transport is not None

    def pause_reading(self) -> None:
        if self.transport is not None and not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self.transport is not None and self._reading_paused and not self._crowded:
            self._reading_paused = False
            self.transport.resume_reading()

    # Answering.

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""
        return self._current is None and not self._waiting

    def send(self, data: bytes) -> None:
        """Write to the client, at once, what is kept by then. Raises ``StoreError`` when it cannot be kept,
        ``ConnectionError`` when the client is gone."""
        request = self._current
        if request is not None and request.saving is not None and request.saving.unsaved:
            request.emulator.save()
        self.send_at_once(data)

    def send_at_once(self, data: bytes) -> None:
        """Write what tells of nothing that has to be kept. Raises ``ConnectionError`` when the client is gone."""
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self.transport.write(data)

    async def drain(self) -> None:
        """Wait for a client that reads slowly."""
        if self._writable is not None:
            await self._writable

    def finish(self, request: WireRequest, make: Callable[..., Answer], *of: Any) -> None:
        """Answer ``request`` with ``make(*of)``, or with what its error comes to; nothing when the client is gone."""
        if request is self._current:
            try:
                answer = make(*of)
            except Exception as error:
                answer = request.refusal(error)
            self._http.work(self, self._answered, request, answer)

    def abort(self) -> None:
        """End the connection at once; what its client did not get yet is lost."""
        self._deaf = True
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Close, as soon as what came is answered."""
        self._deaf = True
        if self.idle and self.transport is not None:
            self.transport.close()

    def serve_waiting(self) -> None:
        """Answer what waits, in order, as far as that can be done at once."""
        while self._waiting and self._current is None and self._writable is None:
            request = self._current = self._waiting.popleft()
            self._http.requests += 1
            emulator = self._http.emulator()
            if emulator is not None:
                request.begin(emulator)
            response = self._http.serve(request)
            if isinstance(response, Answer):
                self._give(request, response)
            elif response is not None:
                self._http.run(self._answer(request, response))
        if self._reading_paused and len(self._waiting) < _PIPELINED and (self._crowded or not self._incomplete()):
            self._crowded = False
            self.resume_reading()

    async def _answer(self, request: WireRequest, answering: Awaitable[Response | None]) -> None:
        try:
            response = await answering
        except BaseException as error:
            request.end()
            if request is self._current:
                self.abort()
            if not isinstance(error, ConnectionError):
                raise
            return
        if response is not None:
            self._http.work(self, self._answered, request, response)

    def _answered(self, request: WireRequest, response: Response) -> None:
        """Write an answer that was not there at once, and go on with the requests behind it."""
        self._give(request, response)
        self.serve_waiting()

    def _give(self, request: WireRequest, response: Response) -> None:
        """Write an answer; where what it tells of is to be kept, once it is. The end of a stream tells of nothing."""
        if isinstance(response, Answer) and request.saving is not None and request.saving.unsaved:
            self._http.outbox.put(self, request, response)
        else:
            self._write(request, response)

    def deliver(self, request: WireRequest, response: Answer, failed: StoreError | None) -> None:
        """Write what was held back; ``failed``: what it tells of could not be kept."""
        if failed is not None:
            response = request.refusal(failed)
        self._write(request, response)
        self.serve_waiting()

    def _write(self, request: WireRequest, response: Response) -> None:
        """Write an answer, or the end of a stream. An answer before the whole body has come ends the connection:
        what follows could not be told from the rest of the body."""
        transport = self.transport
        if request is not self._current or transport is None:
            return
        unread = not request.body_is_here or (self._unread and not self._waiting)
        last = unread or not request.keep_alive or (self._deaf and not self._waiting)
        transport.write(response.last_bytes(request, last))
        request.end()
        self._current = None
        if last:
            self._waiting.clear()
            self._deaf = True
            if unread and not self._ended:
                self._close_gently(transport)
            else:
                transport.close()

    # What is not HTTP.

    def _not_http(self, why: str, data: bytes) -> None:
        """The client sent something else. The request whose body it cuts off is answered with ``why``; else a request
        of its own is, which ``data`` begins with. Only its first line says in whose form: what follows may be another
        request, which somebody has hidden in it."""
        self._deaf = self._unread = True
        text = f"the request is not valid HTTP: {why.partition(chr(10))[0].rstrip(': ')}"
        if not self._cut_off(text):
            found = _REQUEST_LINE.match(data)
            target = found[1].decode("ascii", "replace") if found else "/"
            self._waiting.append(WireRequest.malformed(target, text, self))
            self.serve_waiting()

    def head_is_late(self) -> None:
        """A request has begun and its headers do not come to an end."""
        self._not_http(f"its headers took longer than {HEAD_SECONDS:g} seconds", self._head)

    def body_is_late(self) -> None:
        """A request's body does not come to an end."""
        if self._incomplete():
            self._not_http(f"its body took longer than {BODY_SECONDS:g} seconds", b"")

    def _incomplete(self) -> bool:
        return self._newest is not None and not self._newest.is_eof()

    def _cut_off(self, why: str) -> bool:
        """Whether a body was incomplete; whoever reads it hears why it stays so."""
        body = self._newest
        if body is None or body.is_eof():
            return False
        body.set_exception(BrokenRequest(why))
        body.feed_eof()
        return True

    def _close_gently(self, transport: asyncio.Transport) -> None:
        """Let the client read the answer first: closing while it sends would take the answer from it."""
        self._crowded = False
        self.resume_reading()
        if transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:  # the client has closed its end already, and reads no answer
                transport.abort()
                return
        self._http.loop.call_later(LINGER, transport.close)


def _length(messages: Sequence[tuple[RawRequestMessage, StreamReader]]) -> int | None:
    """How long the body of the only message is, where its head says that."""
    if len(messages) != 1 or messages[0][0].chunked:
        return None
    return int(messages[0][0].headers.get(CONTENT_LENGTH, 0))


def _pieces(data: bytes, before: bytes) -> Iterable[bytes]:
    """What came at once, cut behind the end of each of its first heads. The parser loses the requests that it has read
    from a piece when it meets something in the same piece that is no request. What looks like the end of a head may
    stand in a body, too, as often as it likes: so the pieces are not more than the requests that may wait.

    ``before``: the last bytes of a head that has begun, where its end may have begun."""
    begun = (before + data).find(_HEAD_ENDS, 0, len(before) + len(_HEAD_ENDS)) if before else -1
    end = begun + len(_HEAD_ENDS) - len(before)
    if begun >= 0 and 0 < end < len(data):
        return [data[:end], *_pieces(data[end:], b"")]
    first = data.find(_HEAD_ENDS)
    if first < 0 or data.find(_HEAD_ENDS, first + len(_HEAD_ENDS)) < 0:
        return (data,)
    *heads, rest = data.split(_HEAD_ENDS, _PIPELINED)
    return [*(head + _HEAD_ENDS for head in heads), *([rest] if rest else [])]


class HttpServer:
    """The connections of one listening socket, and the tasks that answer them. It is asyncio's protocol factory.

    ``meanwhile`` is called after each of the requests that came at the same time. ``wakeups``: by which their answers
    come that were not there at once.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        serve: Serve,
        emulator: Callable[[], Emulator | None],
        meanwhile: Callable[[], None],
        wakeups: Wakeups,
    ) -> None:
        self.loop: Final = loop
        self._wakeups: Final = wakeups
        self.serve: Final = serve
        self.emulator: Final = emulator
        self._meanwhile: Final = meanwhile
        self.connections: Final[set[Connection]] = set()
        self.requests = 0
        """How many have been read so far."""
        self.outbox: Final = Outbox(self)
        self.buffer: Final = memoryview(bytearray(_READ_BYTES))
        """What comes on any connection is read into it. Without it, asyncio allocates as much for each request."""
        self._ready: list[Connection] = []
        self.slow_heads: Final = Overdue(loop, HEAD_SECONDS, Connection.head_is_late)
        self.slow_bodies: Final = Overdue(loop, BODY_SECONDS, Connection.body_is_late)
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._empty: asyncio.Future[None] | None = None
        self.stops = False
        """Whether it closes its connections, so that clients are gone that did not hang up."""

    def __call__(self) -> Connection:
        return Connection(self)

    def soon(self, connection: Connection) -> None:
        """Serve what waits on ``connection`` once everything that came at the same time is read.

        Invocations then begin back to back, and the threads that run them do not fight for the interpreter with a
        loop that is still reading: a third more requests a second at 8 connections.
        """
        if not self._ready:
            self.loop.call_soon(self._serve_ready)
        self._ready.append(connection)

    def _serve_ready(self) -> None:
        ready, self._ready = self._ready, []
        self._wakeups.gather()
        try:
            for connection in ready:
                self.work(connection, connection.serve_waiting)
                self._meanwhile()
        finally:
            self._wakeups.deliver()
        self.outbox.flush()
        emulator = self.emulator()
        if emulator is not None:
            emulator.begin_accepted()

    def work(self, connection: Connection, do: Callable[..., None], *of: Any) -> None:
        """Do a piece of one connection's work. A defect in it is logged and ends this connection only: the work of
        other connections is done in the same turn of the loop."""
        try:
            do(*of)
        except Exception:  # a client must not lose its answer by what another client meets
            _LOG.exception("a connection failed")
            connection.abort()

    def run(self, answering: Coroutine[Any, Any, None]) -> None:
        """Answer a request in a task; ``close`` ends it."""
        task = self.loop.create_task(answering, name="fcemu-request")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def lost(self, connection: Connection) -> None:
        """The connection is closed."""
        self.connections.discard(connection)
        if not self.connections and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def close(self, patience: float) -> None:
        """Let what is being answered go on for ``patience`` real seconds; then end it. Nobody connects any more."""
        self.stops = True
        self.slow_heads.close()
        self.slow_bodies.close()
        for connection in list(self.connections):
            connection.close()
        gone = self._empty = self.loop.create_future()
        if self.connections:
            await asyncio.wait({gone}, timeout=patience)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
        if self.connections:
            await gone
