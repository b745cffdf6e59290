"""These handlers answer InvokeFunction for every dialect."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from multidict import CIMultiDictProxy, istr

from fcemu.api.dialect import Dialect, Target
from fcemu.api.task_words import TaskWords
from fcemu.api.wakeups import Wakeups, resolve
from fcemu.api.wire import Answer, WireRequest, access_key_id, error_type_line, header_text
from fcemu.core.answers import answer_of
from fcemu.core.asking import read_delay
from fcemu.core.errors import InvalidArgument
from fcemu.core.facts import Started
from fcemu.core.invocation import Invocation, State
from fcemu.core.limits import Limits
from fcemu.core.logs import log_of, tail
from fcemu.engine.emulator import Asked, Emulator

INVOCATION_TYPE: Final = istr("X-Fc-Invocation-Type")
LOG_TYPE: Final = istr("X-Fc-Log-Type")
ASYNC_DELAY: Final = istr("X-Fc-Async-Delay")
_MILLISECOND: Final = timedelta(milliseconds=1)
_NO_DELAY: Final = timedelta(0)


class Manner(NamedTuple):
    """How the caller wants the function to be invoked."""

    asynchronous: bool
    with_log: bool
    delay: timedelta
    task_id: str = ""
    task_mode: bool = False


_PLAINLY: Final = Manner(False, False, _NO_DELAY)


def read_manner(headers: CIMultiDictProxy[str], limits: Limits, words: TaskWords) -> Manner:
    """Raises ``InvalidArgument``. An empty header is none; a delay and a task id on a synchronous call are not looked
    at (async-invocation §1.2, §1.5, §3). ASSUMED: fcemu reads the values of the headers of an invocation in any letter
    case (async-invocation §1.2)."""
    kind, log = headers.get(INVOCATION_TYPE, "").strip(), headers.get(LOG_TYPE, "").strip()
    if not kind and not log:
        return _PLAINLY
    kind_word, log_word = kind.lower(), log.lower()
    if kind_word not in ("", "sync", "async"):
        raise InvalidArgument.choice("InvocationType", "Sync | Async", kind)
    asynchronous, with_log = kind_word == "async", log_word == "tail"
    if log_word not in ("", "none") and (asynchronous or not with_log):
        raise InvalidArgument.choice("LogType", "None" if asynchronous else "Tail | None", log)
    if not asynchronous:
        return Manner(False, with_log, _NO_DELAY)
    delay = read_delay(headers.get(ASYNC_DELAY, "").strip(), limits)
    return Manner(True, with_log, delay, *words.read(headers))


def payload_bytes(manner: Manner, limits: Limits) -> int:
    """How large an event may be that comes in this manner."""
    return limits.async_payload_bytes if manner.asynchronous else limits.sync_payload_bytes


class Invocations:
    """Answers InvokeFunction for every dialect."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups: Final = wakeups

    async def invoke(self, dialect: Dialect, target: Target, request: WireRequest) -> Answer:
        """Accept an asynchronous invocation; begin a synchronous one, which is answered when it has ended. Headers are
        checked here, the rest by the emulator. Raises ``FCError``."""
        emulator = request.emulator
        limits = emulator.settings.limits
        manner = read_manner(request.headers, limits, dialect.tasks)
        if request.came_whole:
            payload = request.arrived()
        else:  # what the emulator looks at before the size of the event is looked at before the event is read
            emulator.check(target.ref, target.qualifier)
            payload = await request.body(payload_bytes(manner, limits))
        asked = Asked(
            target.ref,
            payload,
            target.qualifier,
            manner.delay,
            "api",
            access_key_id(request.headers),
            manner.task_id,
            manner.task_mode,
            None,
            dialect.chosen_id(request.headers),
        )
        if manner.asynchronous:
            return accepted_answer(dialect, emulator.accept(asked))
        return _ended(emulator, dialect, await invoked(request, asked, self._wakeups), manner.with_log)


async def invoked(request: WireRequest, asked: Asked, wakeups: Wakeups) -> Invocation:
    """A synchronous invocation, once it has ended. It is canceled when the client hangs up. Raises ``FCError``."""
    emulator = request.emulator
    ended: asyncio.Future[Invocation] = wakeups.gather()
    invocation = emulator.invoke(asked, partial(wakeups.call_by, emulator.at_batch_end, resolve, ended))
    request.on_hang_up = partial(emulator.tasks.hang_up, invocation)
    if emulator.unsaved and emulator.rate:  # one commit for all attempts that this turn of the loop begins
        emulator.keep_soon()
    await ended
    if invocation.state is State.FAILED:
        emulator.read_outside.add(invocation.id)  # its caller learns of it
    return invocation


def accepted_answer(dialect: Dialect, invocation: Invocation) -> Answer:
    """The id of a task is told where the invocation is one. ASSUMED: fcemu leaves the header with the id of a task out
    where task mode is off (async-invocation §1.3)."""
    task_id = invocation.accepted.task_id
    task = f"{dialect.tasks.id_header}: {task_id}\r\n" if task_id else ""
    return Answer(202, f"HTTP/1.1 202 Accepted\r\nX-Fc-Request-Id: {invocation.id}\r\n{task}{dialect.extra_headers}")


def _ended(emulator: Emulator, dialect: Dialect, invocation: Invocation, with_log: bool) -> Answer:
    """The answer to a synchronous call. Raises ``FCError`` when the handler never ran, and the emulator's own error."""
    emulator.raise_for(invocation)
    answer = answer_of(invocation)
    if answer.refusal is not None:
        raise answer.refusal
    head = "HTTP/1.1 200 OK\r\n"
    for name, text in answer.headers:
        head += f"{name}: {text}\r\n"
    error = error_type_line(answer.error) if answer.error else ""
    log = log_headers(emulator, invocation) if with_log else ""
    head += f"X-Fc-Request-Id: {invocation.id}\r\n{error}{_about(emulator, invocation)}{log}{dialect.extra_headers}"
    return Answer(200, head, answer.body)


def _about(emulator: Emulator, invocation: Invocation) -> str:
    """The headers that tell of the attempt whose outcome is the answer."""
    accepted = invocation.accepted
    began, finished = invocation.tried[-2:]
    assert isinstance(began, Started)
    duration = round((finished.at - began.at) / _MILLISECOND)
    code = emulator.checksum_of(invocation, began.instance_id)
    checksum = f"X-Fc-Code-Checksum: {code}\r\n" if code else ""
    version = (
        ""
        if accepted.function.service is None
        else f"X-Fc-Invocation-Service-Version: {header_text(accepted.qualifier)}\r\n"
    )
    return (
        f"X-Fc-Instance-Id: {began.instance_id}\r\nX-Fc-Invocation-Duration: {duration}\r\n"
        f"X-Fc-Max-Memory-Usage: {emulator.settings.max_memory_usage_mb:.2f}\r\n{checksum}{version}"
    )


def log_headers(emulator: Emulator, invocation: Invocation) -> str:
    """The end of the log of the last attempt."""
    last = invocation.last
    assert last is not None  # else the caller is refused
    memory_mb = emulator.memory_mb(invocation.accepted.function)
    log = log_of(last, invocation.id, memory_mb, emulator.settings.max_memory_usage_mb)
    return f"X-Fc-Log-Result: {tail(log, emulator.settings.limits.tail_log_bytes)}\r\n"
