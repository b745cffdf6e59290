"""Handlers: traffic to HTTP triggers and custom domains."""

from typing import Final

from fcemu.api.dialect import Dialect
from fcemu.api.doors import Door, check_in, check_out
from fcemu.api.invocations import Manner, accepted_answer, invoked, log_headers, payload_bytes, read_manner
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import HOST, Answer, WireRequest, access_key_id, error_type_line, header_text, status_line
from fcemu.core.answers import http_answer_of
from fcemu.core.errors import EntityTooLarge, InvalidArgument
from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.invocation import Invocation
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked, Emulator


class HttpTriggers:
    """Answers requests to HTTP triggers for every dialect."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups: Final = wakeups

    async def proxy(
        self, request: WireRequest, dialect: Dialect, ref: FunctionRef, qualifier: str, target: str
    ) -> Answer:
        """The proxy path of 2016-08-15: ``target`` is what follows the function's name, with the query."""
        trigger = request.emulator.control.http_trigger(ref, qualifier)
        host = request.headers.get(HOST, "").partition(":")[0]
        door = Door(
            ref=ref,
            qualifier=qualifier,
            target=target,
            domain=host,
            uri=request.target,
            trigger=trigger,
            default_host=True,
        )
        return await self.serve(request, dialect, door)

    async def serve(self, request: WireRequest, dialect: Dialect, door: Door) -> Answer:
        """Raises ``FCError``."""
        request.invokes = True
        check_in(request, door)
        emulator = request.emulator
        manner = read_manner(request.headers, emulator.settings.limits, dialect.tasks)
        asked = Asked(
            door.ref,
            await _body(request, manner),
            door.qualifier,
            manner.delay,
            "http",
            access_key_id(request.headers),
            manner.task_id,
            manner.task_mode,
            HttpRequest.of(request.method, door.target, request.headers.items(), door.domain, door.uri),
        )
        if manner.asynchronous:
            return accepted_answer(dialect, emulator.accept(asked))
        return _ended(emulator, door, await invoked(request, asked, self._wakeups), manner.with_log)


async def _body(request: WireRequest, manner: Manner) -> bytes:
    """Raises ``InvalidArgument`` for a body that is too large. Source: http-triggers §1; an event that comes by the
    API, not by a trigger, is ``EntityTooLarge``."""
    try:
        return await request.body(payload_bytes(manner, request.emulator.settings.limits))
    except EntityTooLarge as large:
        raise InvalidArgument(large.message) from None


def _ended(emulator: Emulator, door: Door, invocation: Invocation, with_log: bool) -> Answer:
    """The answer to a synchronous request. Raises ``FCError`` when the handler never ran, or answered what cannot be
    passed on."""
    emulator.raise_for(invocation)
    answer = http_answer_of(invocation)
    if answer.refusal is not None:
        raise answer.refusal
    error = ""
    if answer.by_function:
        check_out(HttpAnswer(answer.status, answer.headers), door)
    else:
        error = error_type_line(answer.error or "")
    headers = "".join(f"{name}: {header_text(text)}\r\n" for name, text in answer.headers)
    attached = "Content-Disposition: attachment\r\n" if door.default_host else ""
    log = log_headers(emulator, invocation) if with_log else ""
    head = f"{status_line(answer.status)}{headers}X-Fc-Request-Id: {invocation.id}\r\n{error}{log}{attached}"
    return Answer(answer.status, head, answer.body)
