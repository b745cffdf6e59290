"""What a test holds: function, invocation, attempt and reply handles; mailboxes are in mailboxes.py."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fcemu.core import invocation as core
from fcemu.core.answers import recorded_answer_of
from fcemu.core.asking import read_delay
from fcemu.core.functions import Function as Definition
from fcemu.core.invocation import State
from fcemu.core.logs import log_of
from fcemu.core.names import LATEST
from fcemu.core.outcome import FunctionError, Returned, Stuck, TimedOut
from fcemu.core.tasks import events, no_task
from fcemu.core.times import parse_duration
from fcemu.core.values import dataclass
from fcemu.engine.emulator import Asked
from fcemu.testing.aio import FunctionAio, InvocationAio, blocking

if TYPE_CHECKING:
    from fcemu.testing.emulator import LocalEmulator
    from fcemu.testing.stubs import Stub

Duration = float | timedelta | str
Payload = bytes | str | Mapping[str, Any] | list[Any] | int | float | bool | None


class UnknownName(LookupError):
    """Nobody defined or used that name; the text has the closest one."""

    @classmethod
    def of(cls, kind: str, name: str, known: list[str]) -> "UnknownName":
        """The error for a ``kind`` of thing, e.g. ``"function"``."""
        if not known:
            return cls(f"there is no {kind} {name!r}; there is no {kind} at all")
        close = get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return cls(f"there is no {kind} {name!r}; {hint}known: {', '.join(sorted(known))}")


class InvocationFailed(Exception):
    """``result()`` of an invocation that did not succeed. ``invocation`` is its handle; the cause is what the handler
    raised, where the runtime has it."""

    def __init__(self, invocation: "Invocation", text: str) -> None:
        super().__init__(text)
        self.invocation = invocation


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of the journal: ``n`` counts from 1, ``data`` holds what belongs to its ``kind``."""

    n: int
    at: datetime
    kind: str
    function: str
    request_id: str
    attempt: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller gets: status, headers (looked up in any letter case), body, and FC's error type if it failed."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    error: str | None
    logs: str
    request_id: str

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON; raises ``ValueError``."""
        return json.loads(self.body)


class Headers(dict[str, str]):
    """Headers by name in any letter case."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in pairs.items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value, or ``default``."""
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the handler, or one refusal to run it (``started == ended``)."""

    number: int
    started: datetime
    ended: datetime | None
    outcome: str | None
    """``None`` while it runs, else ``returned``, ``function error``, ``timed out``, ``throttled``, ``system error``,
    ``stopped`` or ``stuck`` (only the clock held it up, which stood still for it)."""
    error: str | None
    """FC's error type, e.g. ``UnhandledInvocationError``."""
    exception: BaseException | None
    """What the handler raised (inline runtime; the newest thousand are kept)."""
    logs: str
    """The log as FC writes it, with its marker lines."""
    instance_id: str


@dataclass(frozen=True, slots=True)
class Event:
    """A state that an invocation entered; ``detail`` is JSON text as FC writes it, ``""`` for plain transitions."""

    status: str
    at: datetime
    detail: str


def encode(payload: Payload) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as compact JSON."""
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode()
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


class Function:
    """A function of the emulator, for one qualifier."""

    def __init__(self, emulator: "LocalEmulator", definition: Definition, qualifier: str) -> None:
        self._emulator = emulator
        self._definition = definition
        self._qualifier = qualifier

    @property
    def name(self) -> str:
        """``service/name`` or ``name``."""
        return str(self._definition.ref)

    @blocking
    def invoke(self, payload: Payload = b"", *, headers: Mapping[str, str] | None = None) -> Reply:
        """Invoke synchronously; the clock moves just as far as the handler sleeps.

        Function errors are returned (``reply.error``). Raises ``FCError`` for what FC refuses.
        """
        return self._emulator._invoke(self._asked(payload, 0, headers))

    @blocking
    def invoke_async(
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
        return self._emulator._accept(self._asked(payload, delay, headers, task_id))

    @property
    def aio(self) -> FunctionAio:
        """``invoke`` and ``invoke_async`` as coroutines."""
        return FunctionAio(self)

    def _asked(
        self, payload: Payload, delay: Duration, headers: Mapping[str, str] | None, task_id: str | None = None
    ) -> Asked:
        """What is asked for, by arguments or by FC's headers, which count where an argument is not given."""
        said, is_fc2 = Headers(headers or {}), self._definition.ref.service is not None
        text = f"{parse_duration(delay).total_seconds():.15g}"
        if text == "0":
            text = said.get("x-fc-async-delay", "")
        named = task_id
        if named is None:
            named = said.get("x-fc-stateful-async-invocation-id" if is_fc2 else "x-fc-async-task-id", "")
        asked = Asked(
            self._definition.ref,
            encode(payload),
            self._qualifier,
            read_delay(text, self._emulator._engine.settings.limits),
            task_id=named,
            task_mode=is_fc2 and said.get("x-fc-stateful-async-invocation-enable", "").lower() == "true",
        )
        if task_id and not self._emulator._engine.is_task(asked):
            raise ValueError(no_task(asked.ref, task_id))
        return asked

    @blocking
    def http(
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
        more = {"params": params, "headers": headers, "json": json, "data": data}
        return self._emulator._http(self._http_asked(method, path, more))

    @blocking
    def http_async(
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
        more = {"params": params, "headers": headers, "json": json, "data": data}
        return self._emulator._accept(self._http_asked(method, path, more, delay, task_id))

    def _http_asked(
        self, method: str, path: str, more: Mapping[str, Any], delay: Duration = 0, task_id: str | None = None
    ) -> Asked:
        from fcemu.testing.web import asked_for

        later = self._asked(b"", delay, None, task_id)
        asked = asked_for(self._definition, self._qualifier, self._emulator.region, method, path, **more)
        return Asked(
            asked.ref, asked.payload, asked.qualifier, later.delay, asked.source, task_id=later.task_id, http=asked.http
        )

    @property
    def invocations(self) -> list["Invocation"]:
        """Its invocations in order of acceptance; a new list each time."""
        return [one for one in self._emulator.invocations if one.function == self.name]

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

    def stub(self, *steps: Any) -> "Stub":
        """Let ``steps`` run instead of its code, one an attempt; the last repeats, and none at all returns nothing.

        An exception is raised, a callable is the handler, a ``Step`` says more, anything else is returned.
        """
        from fcemu.testing.stubs import Stub

        return Stub.place(self._emulator, self._definition.ref, steps)

    @property
    def module(self) -> ModuleType:
        """The handler's module, to monkeypatch; loaded when it was not, which raises what its body raises.

        Raises ``LookupError`` with ``isolate=True``, where each instance has a module of its own.
        """
        return self._emulator._module_of(self._definition.ref)

    def __repr__(self) -> str:
        suffix = "" if self._qualifier == LATEST else f":{self._qualifier}"
        return f"<Function {self.name}{suffix}>"


class Invocation:
    """One accepted request. Its properties always show the present state; reading them never changes it."""

    def __init__(self, emulator: "LocalEmulator", record: core.Recorded) -> None:
        self._emulator = emulator
        self._record = record

    @property
    def request_id(self) -> str:
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
    def kind(self) -> str:
        """``"sync"`` or ``"async"``."""
        return "sync" if self._record.synchronous else "async"

    @property
    def source(self) -> str:
        """``"api"``, ``"http"``, ``"timer"``, ``"trigger"`` or ``"destination"``."""
        return self._whole(self._record).accepted.source

    @property
    def payload(self) -> bytes:
        return self._whole(self._record).accepted.payload

    def json(self) -> Any:
        """The payload read as JSON; raises ``ValueError``."""
        return json.loads(self.payload)

    @property
    def accepted(self) -> datetime:
        return self._record.at

    @property
    def due(self) -> datetime:
        """When the next attempt may start; of an ended invocation, when the last one might."""
        return self._whole(self._record).due

    @property
    def ended(self) -> datetime | None:
        return self._seen().ended

    @property
    def status(self) -> str:
        """FC's word: ``Enqueued``, ``Running``, ``Retrying``, ``Succeeded``, ``Failed``, ``Expired``, …"""
        return self._seen().state.value

    @property
    def attempts(self) -> list[Attempt]:
        """All attempts so far, refused ones included; a new list each time."""
        return [self._attempt(attempt) for attempt in self._whole(self._seen()).attempts]

    def _attempt(self, attempt: core.Attempt) -> Attempt:
        outcome, record = attempt.outcome, self._record
        return Attempt(
            number=attempt.number,
            started=attempt.started,
            ended=attempt.ended,
            outcome=attempt.word,
            error=outcome.error_type if isinstance(outcome, FunctionError | TimedOut) else None,
            exception=self._emulator._engine.exception(record.id, attempt.number),
            logs=log_of(attempt, record.id, self._emulator._memory_of(record), self._emulator._memory_used),
            instance_id=attempt.instance_id,
        )

    @property
    def reply(self) -> Reply | None:
        """What a synchronous caller got, or would have got, from the last attempt; ``None`` before it ended."""
        record = self._whole(self._seen())
        answer = recorded_answer_of(record)
        if answer is None:
            return None
        last = record.attempts[-1]
        headers = {"X-Fc-Request-Id": record.id, "X-Fc-Instance-Id": last.instance_id}
        if answer.error is not None and answer.refusal is None:
            headers["X-Fc-Error-Type"] = answer.error
        return Reply(answer.status, Headers(headers), answer.body, answer.error, self._attempt(last).logs, record.id)

    @blocking
    def result(self) -> Any:
        """Move the clock until this invocation has ended, and return what it returned: JSON, else text.

        Raises ``InvocationFailed`` (from the handler's own exception) when it did not succeed.
        """
        self._emulator._run_until_ended(self._record)
        return self._result()

    @property
    def events(self) -> list[Event]:
        """The states it entered, in order; a new list each time."""
        record = self._seen()
        found = events(self._emulator._engine.journal.histories([record])[record.id])
        return [Event(event.status.value, event.at, event.detail) for event in found]

    @blocking
    def stop(self) -> None:
        """Stop it: at once (``Stopping``, ``Stopped``) what is not running; what runs is ``Stopping`` until the next
        move, which ends its handler. Nobody is told: a stop is neither a success nor a failure.

        Raises ``FCError`` for one that has ended or is synchronous.
        """
        self._stop()

    def _stop(self) -> None:
        self._emulator._engine.tasks.stop_invocation(self._record)

    @property
    def aio(self) -> InvocationAio:
        """``result`` and ``stop`` as coroutines."""
        return InvocationAio(self)

    def _result(self) -> Any:
        record = self._whole(self._seen())
        last = record.attempts[-1].outcome if record.attempts else None
        if record.state is State.SUCCEEDED and isinstance(last, Returned):
            text = last.payload.decode(errors="replace")
            try:
                return json.loads(text)
            except ValueError:
                return text
        reason = f": {record.reason}" if record.reason else ""
        said = last.document.decode(errors="replace") if isinstance(last, FunctionError | TimedOut) else ""
        if isinstance(last, Stuck):
            said = last.why
        text = f"{self.function} {record.id} is {record.state}{reason}\n{said}".rstrip()
        cause = self._emulator._engine.exception(record.id, len(record.attempts))
        raise InvocationFailed(self, text) from cause

    def _whole(self, record: core.Recorded) -> core.Invocation:
        """Read from the data file what has left memory."""
        return self._emulator._engine.journal.whole(record)

    def _seen(self) -> core.Recorded:
        self._emulator._read_by_test.add(self._record.id)
        return self._record

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Invocation) and other._record.id == self._record.id and other._emulator is self._emulator
        )

    def __hash__(self) -> int:
        return hash(self.request_id)

    def __repr__(self) -> str:
        return f"<Invocation {self.function} {self.request_id} {self._record.state}>"
