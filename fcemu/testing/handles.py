"""The handles of functions and of their invocations."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from typing import Any, Final, cast

from fcemu.core import invocation as core
from fcemu.core.answers import answer_of, recorded_answer_of
from fcemu.core.asking import read_delay
from fcemu.core.errors import FCError
from fcemu.core.functions import Function as Definition
from fcemu.core.http import HttpRequest
from fcemu.core.invocation import State
from fcemu.core.logs import log_of
from fcemu.core.names import LATEST
from fcemu.core.outcome import FunctionError, Returned, Stuck, TimedOut
from fcemu.core.tasks import events, no_task
from fcemu.core.times import parse_duration
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.rerun import rerun
from fcemu.testing import web
from fcemu.testing.access import Access
from fcemu.testing.coroutines import Aio, blocking, coroutine_of
from fcemu.testing.environment import Environment, changed
from fcemu.testing.failures import error_of, in_short, location_of
from fcemu.testing.records import (
    Attempt,
    Duration,
    Event,
    Headers,
    InvocationKind,
    NotEnded,
    Outcome,
    Payload,
    Reply,
    Several,
    Source,
    Status,
    UnknownName,
    encode,
    json_or_text,
    read_json,
)
from fcemu.testing.stubs import Stub


class InvocationFailed(Exception):
    """``result()`` of an invocation that did not succeed. ``invocation`` is its handle; the cause is what the handler
    raised, where the runtime has it."""

    def __init__(self, invocation: "Invocation", text: str) -> None:
        super().__init__(text)
        self.invocation = invocation


class Function:
    """A function of the emulator, for one qualifier."""

    def __init__(self, access: Access, definition: Definition, qualifier: str) -> None:
        self._access: Final = access
        self._definition: Final = definition
        self._qualifier: Final = qualifier

    @property
    def name(self) -> str:
        """``service/name`` or ``name``."""
        return str(self._definition.ref)

    @blocking
    async def invoke(self, payload: Payload = b"", *, headers: Mapping[str, str] | None = None) -> Reply:
        """Invoke synchronously; the clock moves just as far as the handler sleeps.

        Function errors are returned (``reply.error``). Raises ``FCError`` for what FC refuses.
        """
        __tracebackhide__ = True
        record = await self._access.answered(self._asked(payload, 0, headers))
        refusal = answer_of(record).refusal
        if refusal is not None:
            self._access.seen(record)
            raise refusal
        return Invocation(self._access, record).answered()

    @blocking
    async def invoke_async(
        self,
        payload: Payload = b"",
        *,
        delay: Duration = 0,
        task_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Invocation":
        """Accept an asynchronous invocation; it runs when the clock gets there, ``delay`` from now.

        ``task_id``: its name as a task; without one its request id. Raises ``ValueError`` where the function is not in
        task mode (``asyncTask``), and ``FCError`` for what FC refuses: then nothing is kept.
        """
        __tracebackhide__ = True
        return Invocation(self._access, self._access.accept(self._asked(payload, delay, headers, task_id)))

    @property
    def aio(self) -> "FunctionAio":
        """``invoke``, ``invoke_async``, ``http`` and ``http_async`` as coroutines."""
        return FunctionAio(self)

    def _asked(
        self, payload: Payload, delay: Duration, headers: Mapping[str, str] | None, task_id: str | None = None
    ) -> Asked:
        """What is asked for, by arguments or by FC's headers, which count where an argument is not given."""
        __tracebackhide__ = True
        said, is_fc2 = Headers(headers or {}), self._definition.ref.service is not None
        text = f"{parse_duration(delay).total_seconds():.15g}"
        if text == "0":
            text = said.get("x-fc-async-delay", "")
        named = task_id
        if named is None:
            named = said.get("x-fc-stateful-async-invocation-id" if is_fc2 else "x-fc-async-task-id", "")
        try:
            due_in = read_delay(text, self._access.engine.settings.limits)
        except FCError as refused:
            self._access.tell_refused("invoke_async", self._definition.ref, refused)
            raise
        asked = Asked(
            self._definition.ref,
            encode(payload),
            self._qualifier,
            due_in,
            task_id=named,
            task_mode=is_fc2 and said.get("x-fc-stateful-async-invocation-enable", "").lower() == "true",
        )
        if task_id and not self._access.engine.is_task(asked):
            raise ValueError(no_task(asked.ref, task_id))
        return asked

    @blocking
    async def http(
        self,
        method: str,
        path: str = "/",
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Payload = b"",
    ) -> Reply:
        """Send an HTTP request as an HTTP trigger hands it on; ``path`` is below the trigger's address.

        Never raises for what FC or the function answers: look at ``reply.status_code``.
        """
        asked = self._http_asked(web.request_of(self._domain, method, path, params, headers, json, data))
        try:
            record = await self._access.answered(asked)
        except FCError as error:
            return web.refused(error)
        invocation = Invocation(self._access, record)
        return web.reply_of(record, invocation.answered, invocation._seen)

    @blocking
    async def http_async(
        self,
        method: str,
        path: str = "/",
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Payload = b"",
        delay: Duration = 0,
        task_id: str | None = None,
    ) -> "Invocation":
        """Send an HTTP request that is accepted now, and served when the clock gets there, ``delay`` from now.

        Raises what ``invoke_async`` raises.
        """
        __tracebackhide__ = True
        sent = web.request_of(self._domain, method, path, params, headers, json, data)
        asked = self._http_asked(sent, delay, task_id)
        return Invocation(self._access, self._access.accept(asked))

    @property
    def _domain(self) -> str:
        return f"{self._definition.ref.name}.{self._access.engine.settings.account.region}.fcapp.run"

    def _http_asked(self, sent: tuple[HttpRequest, bytes], delay: Duration = 0, task_id: str | None = None) -> Asked:
        request, body = sent
        return replace(self._asked(body, delay, None, task_id), source="http", http=request)

    @property
    def invocations(self) -> list["Invocation"]:
        """Its invocations in order of acceptance; a new list each time."""
        return [one for one in invocations_of(self._access) if one.function == self.name]

    def invocation(self, request_or_task_id: str) -> "Invocation":
        """The one with that request id, else the newest with that task id. Raises ``UnknownName``."""
        mine = self.invocations
        for one in reversed(mine):
            if one.request_id == request_or_task_id:
                return one
        for one in reversed(mine):
            if one.task_id == request_or_task_id:
                return one
        known = [one.task_id or one.request_id for one in mine]
        raise UnknownName.of(f"invocation of {self.name}", request_or_task_id, known)

    @property
    def environment(self) -> Environment:
        """Its variables as a mapping that a test may change: ``function.environment["URL"] = url``. What it changes
        holds for attempts that start from then on, and is put back after the test."""
        return Environment(self._access, self._definition.ref)

    @environment.setter
    def environment(self, variables: Mapping[str, str]) -> None:
        self.environment.put(variables)

    def environ(self, **variables: str) -> AbstractContextManager[Environment]:
        """``with``: these variables are set besides the others; at its end all are as they were before."""
        return changed(self.environment, variables)

    def stub(self, *steps: Any) -> Stub:
        """Let ``steps`` run instead of its code, one an attempt; the last repeats, and none at all returns nothing.

        An exception is raised, a callable is the handler, a ``Step`` says more, anything else is returned.
        """
        return Stub.place(self._access, self._definition.ref, steps)

    @property
    def module(self) -> ModuleType:
        """The handler's module, to monkeypatch; loaded when it was not, which raises what its body raises.

        Raises ``LookupError`` with ``isolate=True``, where each instance has a module of its own.
        """
        return self._access.module_of(self._access.engine, self._definition.ref)

    def __repr__(self) -> str:
        suffix = "" if self._qualifier == LATEST else f":{self._qualifier}"
        return f"<Function {self.name}{suffix}>"


class Invocation:
    """One accepted request. Its properties always show the present state; reading them never changes it."""

    def __init__(self, access: Access, record: core.Recorded) -> None:
        self._access: Final = access
        self._given = record
        self._life: Final = access.life

    @property
    def _record(self) -> core.Recorded:
        """Its record; after a restart, that of the emulator which goes on."""
        self._given = self._access.latest(self._given, self._life)
        return self._given

    @property
    def request_id(self) -> str:
        """The id that FC gave the request when it accepted it."""
        return self._record.id

    @property
    def task_id(self) -> str | None:
        """Its name as a task; ``None`` where the function was not in task mode."""
        return self._record.task_id or None

    @property
    def function(self) -> str:
        """``service/name`` or ``name``."""
        return str(self._record.function)

    @property
    def kind(self) -> InvocationKind:
        """``"sync"`` or ``"async"``."""
        return "sync" if self._record.synchronous else "async"

    @property
    def source(self) -> Source:
        """``"api"``, ``"http"``, ``"timer"``, ``"trigger"`` or ``"destination"``."""
        return cast(Source, self._whole(self._record).accepted.source)

    @property
    def payload(self) -> bytes:
        """The event as the caller sent it."""
        return self._whole(self._record).accepted.payload

    def json(self) -> Any:
        """The payload read as JSON; raises ``ValueError``."""
        __tracebackhide__ = True
        return read_json(self.payload, "the payload")

    @property
    def accepted(self) -> datetime:
        """The virtual instant at which FC accepted it, in UTC."""
        return self._record.at

    @property
    def due(self) -> datetime:
        """When the next attempt may start; of an ended invocation, when the last one might."""
        return self._whole(self._record).due

    @property
    def ended(self) -> datetime | None:
        """The virtual instant at which it reached a terminal state, in UTC; ``None`` before."""
        return self._seen().ended

    @property
    def status(self) -> Status:
        """FC's word: ``Enqueued``, ``Running``, ``Retrying``, ``Succeeded``, ``Failed``, ``Expired``, …"""
        return self._seen().state.value

    @property
    def attempts(self) -> list[Attempt]:
        """All attempts so far, refused ones included; a new list each time. An index that it does not have raises an
        ``IndexError`` that says who must move the clock."""
        record = self._whole(self._seen())
        return Several([self._attempt(record, attempt) for attempt in record.attempts], self._no_such_attempt)

    def _no_such_attempt(self) -> str:
        record = self._whole(self._record)
        count = len(record.attempts)
        there = f"has {count} {'attempt' if count == 1 else 'attempts'}" if count else "has not run yet"
        if record.finished:
            there = f"is {record.state} after {count or 'no'} {'attempt' if count == 1 else 'attempts'}"
            return f"{self.function} {record.id} {there}, and will have no more"
        return f"{self.function} {record.id} is {record.state} and {there}; {self._access.who_moves()}"

    def _attempt(self, record: core.Invocation, attempt: core.Attempt) -> Attempt:
        outcome, engine = attempt.outcome, self._access.engine
        memory_mb, memory_used_mb = engine.memory_mb(record.function), engine.settings.max_memory_usage_mb
        trace = engine.traces.trace(record, attempt)
        return Attempt(
            number=attempt.number,
            started=attempt.started,
            ended=attempt.ended,
            outcome=cast(Outcome | None, attempt.word),
            error=outcome.error_type if isinstance(outcome, FunctionError | TimedOut) else None,
            exception=engine.traces.exception(record.id, attempt.number),
            logs=log_of(attempt, record.id, memory_mb, memory_used_mb),
            instance_id=attempt.instance_id,
            traceback=None if trace is None else trace.text,
            location=None if trace is None else trace.location,
        )

    @property
    def reply(self) -> Reply:
        """What a synchronous caller got, or would have got, from the last attempt.

        Raises ``NotEnded`` before its end, which says who must move the clock; and where it has ended without an
        answer, because no attempt of it came to its end.
        """
        __tracebackhide__ = True
        self._seen()
        return self.answered()

    def answered(self) -> Reply:
        """``reply``, which counts as looked at once something of it is read."""
        __tracebackhide__ = True
        record = self._whole(self._record)
        answer = recorded_answer_of(record)
        if answer is None:
            if record.finished:
                raise NotEnded(f"{self!r} has no reply: none of its attempts has ended")
            raise NotEnded(
                f"{self.function} {record.id} is {record.state} and has no reply yet; {self._access.who_moves()}"
            )
        last = record.attempts[-1]
        headers = {"X-Fc-Request-Id": record.id, "X-Fc-Instance-Id": last.instance_id}
        if answer.error is not None and answer.refusal is None:
            headers["X-Fc-Error-Type"] = answer.error
        logs = self._attempt(record, last).logs
        return Reply(
            answer.status,
            Headers(headers),
            answer.body,
            answer.error,
            logs,
            record.id,
            looked=self._seen,
            result=self._result,
        )

    @blocking
    async def result(self) -> Any:
        """Move the clock until this invocation has ended, and return what it returned: JSON, else text.

        Raises ``InvocationFailed`` (from the handler's own exception) when it did not succeed.
        """
        __tracebackhide__ = True
        record = self._record
        if isinstance(record, core.Invocation) and not record.finished:
            await self._access.move(Emulator.run_until_ended, record)
        return self._result()

    @property
    def events(self) -> list[Event]:
        """The states it entered, in order; a new list each time."""
        record = self._seen()
        found = events(self._access.engine.journal.histories([record])[record.id])
        return [Event(event.status.value, event.at, event.detail) for event in found]

    @blocking
    async def stop(self) -> None:
        """Stop it: at once (``Stopping``, ``Stopped``) what is not running; what runs is ``Stopping`` until the next
        move, which ends its handler. Nobody is told: a stop is neither a success nor a failure.

        Raises ``FCError`` for one that has ended or is synchronous.
        """
        __tracebackhide__ = True
        self._access.engine.tasks.stop_invocation(self._record)

    @blocking
    async def rerun(self, payload: Payload = None, *, delay: Duration = 0, task_id: str | None = None) -> "Invocation":
        """Accept its event again, as an asynchronous invocation of the same function and qualifier; it runs when the
        clock gets there, ``delay`` from now. ``payload``: another event, ``None``: the same. A task becomes a task,
        named ``task_id`` or by its request id.

        Raises what ``Function.invoke_async`` raises.
        """
        access, event = self._access, None if payload is None else encode(payload)
        record = rerun(access.engine, self._record, event, parse_duration(delay), task_id or "")
        access.engine.save()
        return Invocation(access, record)

    @property
    def aio(self) -> "InvocationAio":
        """``result``, ``stop`` and ``rerun`` as coroutines."""
        return InvocationAio(self)

    def _result(self) -> Any:
        __tracebackhide__ = True
        record = self._whole(self._seen())
        last = record.attempts[-1].outcome if record.attempts else None
        if record.state is State.SUCCEEDED and isinstance(last, Returned):
            return json_or_text(last.payload)
        reason = f": {record.reason}" if record.reason else ""
        said = last.document.decode(errors="replace") if isinstance(last, FunctionError | TimedOut) else ""
        if isinstance(last, Stuck):
            said = last.why
        text = f"{self.function} {record.id} is {record.state}{reason}\n{said}".rstrip()
        if (location := location_of(self._access.engine, record)) is not None:
            text += f"\nat {location}"
        cause = self._access.engine.traces.exception(record.id, len(record.attempts))
        raise InvocationFailed(self, text) from cause

    def _whole(self, record: core.Recorded) -> core.Invocation:
        """Read from the data file what has left memory."""
        return self._access.engine.journal.whole(record)

    def _seen(self) -> core.Recorded:
        return self._access.seen(self._record)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Invocation) and other._record.id == self._record.id and other._access is self._access

    def __hash__(self) -> int:
        return hash(self.request_id)

    def __repr__(self) -> str:
        record = self._whole(self._record)
        if error_of(record) is None:
            return f"<Invocation {self.function} {record.id} {record.state}>"
        return f"<Invocation {self.function} {in_short(self._access.present, record)}>"


class FunctionAio(Aio[Function]):
    """``Function.aio``."""

    invoke = coroutine_of(Function.invoke)
    invoke_async = coroutine_of(Function.invoke_async)
    http = coroutine_of(Function.http)
    http_async = coroutine_of(Function.http_async)


class InvocationAio(Aio[Invocation]):
    """``Invocation.aio``."""

    result = coroutine_of(Invocation.result)
    stop = coroutine_of(Invocation.stop)
    rerun = coroutine_of(Invocation.rerun)


def function_named(access: Access, name: str, qualifier: str | None = None) -> Function:
    """Raises ``UnknownName``."""
    __tracebackhide__ = True
    functions = access.engine.functions()
    for function in functions:
        if str(function.ref) == name:
            return Function(access, function, qualifier or LATEST)
    raise UnknownName.of("function", name, [str(function.ref) for function in functions])


def invocations_of(access: Access) -> list[Invocation]:
    """All invocations of every source in order of acceptance."""
    return [Invocation(access, record) for record in list(access.engine.journal.invocations.values())]
