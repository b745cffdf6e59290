"""Handlers: traffic to HTTP triggers and custom domains."""

from collections.abc import Awaitable
from functools import partial
from typing import Final

from fcemu.api.dialect import Dialect
from fcemu.api.doors import Door, check_in, check_out
from fcemu.api.invocations import Manner, accepted_answer, log_headers, read_manner
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

    def proxy(
        self, request: WireRequest, dialect: Dialect, ref: FunctionRef, qualifier: str, target: str
    ) -> Answer | Awaitable[Answer | None] | None:
        """The proxy path of 2016-08-15: ``target`` is what follows the function's name, with the query."""
        trigger = request.emulator.resources.http_trigger(ref, qualifier)
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
        return self.serve(request, dialect, door)

    def serve(self, request: WireRequest, dialect: Dialect, door: Door) -> Answer | Awaitable[Answer | None] | None:
        """Raises ``FCError``."""
        check_in(request, door)
        manner = read_manner(request.headers, request.emulator.settings.limits, dialect.tasks)
        if request.body_is_here:
            return self._go(request, dialect, door, manner, request.arrived())
        return self._when_here(request, dialect, door, manner)

    async def _when_here(self, request: WireRequest, dialect: Dialect, door: Door, manner: Manner) -> Answer | None:
        try:
            body = await request.body(_at_most(request, manner))
        except EntityTooLarge as large:
            raise _too_large(large) from None
        return self._go(request, dialect, door, manner, body)

    def _go(self, request: WireRequest, dialect: Dialect, door: Door, manner: Manner, body: bytes) -> Answer | None:
        emulator = request.emulator
        if len(body) > (most := _at_most(request, manner)):
            raise _too_large(EntityTooLarge(most))
        asked = Asked(
            door.ref,
            body,
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
        connection, wakeups = request.connection, self._wakeups

        def then(ended: Invocation) -> None:
            of = request, _ended, emulator, door, ended, manner.with_log
            wakeups.call_by(emulator.at_batch_end, connection.finish, *of)

        request.on_hang_up = partial(emulator.tasks.hang_up, emulator.invoke(asked, then))
        return None


def _at_most(request: WireRequest, manner: Manner) -> int:
    limits = request.emulator.settings.limits
    return limits.async_payload_bytes if manner.asynchronous else limits.sync_payload_bytes


def _too_large(body: EntityTooLarge) -> InvalidArgument:
    """Source: http-triggers §1; an event that comes by the API, not by a trigger, is ``EntityTooLarge``."""
    return InvalidArgument(body.message)


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
    attempt = invocation.attempts[-1]
    headers = "".join(f"{name}: {header_text(text)}\r\n" for name, text in answer.headers)
    attached = "Content-Disposition: attachment\r\n" if door.default_host else ""
    log = log_headers(emulator, invocation, attempt) if with_log else ""
    head = f"{status_line(answer.status)}{headers}X-Fc-Request-Id: {invocation.id}\r\n{error}{log}{attached}"
    return Answer(answer.status, head, answer.body)
