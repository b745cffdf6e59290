"""Writes a test that lets happen again what happened to one invocation, and asserts that it did.

The test is text of Python, made of facts alone: nothing is run to write it. It repeats the request from outside that
led to the invocation, with the faults and stubs that its attempts met and with what was stopped, and nothing else.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, Final
from urllib.parse import urlencode

from fcemu.core.answers import recorded_answer_of
from fcemu.core.facts import (
    Accepted,
    AttemptRefused,
    Delayed,
    Delivered,
    DeliveryFailed,
    Fact,
    FaultStruck,
    Finished,
    Held,
    InstanceStarted,
    Redelivered,
    RetryPlanned,
    Slept,
    Started,
    StopAsked,
)
from fcemu.core.http import NOT_PASSED_ON
from fcemu.core.invocation import Invocation, State
from fcemu.core.json_forms import time_text
from fcemu.core.outcome import FunctionError, Halted, Outcome, Returned, Stuck, SystemFailed, TimedOut
from fcemu.core.values import dataclass
from fcemu.retelling.expressions import (
    ANY,
    Values,
    document_of,
    duration_text,
    exception_made,
    function_handle,
    literal,
    read_object,
)

_UNSENT: Final = NOT_PASSED_ON | {"host", "authorization", "date", "expect", "accept-encoding"}
"""Headers that a client writes of itself, or that say where the server was."""
_ADDRESSES: Final = {"queue": "queue", "topic": "topic", "eventbus": "eventbus"}


class NotRetold(ValueError):
    """No test can let that happen again; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where an invocation happened.

    ``definition``: the path of a file, or a definition in native form. ``options``: those of the emulator that a test
    does not have by itself. ``stubbed``: the attempts that ran a stub. ``triggers``: the names of the triggers that a
    test can fire, by function, timers among them. ``task_modes``: the functions whose asynchronous invocations are
    tasks. ``now``: the clock.
    """

    definition: str | Mapping[str, Any]
    options: Mapping[str, Any]
    stubbed: frozenset[tuple[str, int]]
    triggers: Mapping[str, Mapping[str, str]]
    task_modes: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """One invocation of those that a request from outside led to, with all its facts."""

    invocation: Invocation
    facts: Sequence[Fact]

    @property
    def function(self) -> str:
        return str(self.invocation.function)


def retold(
    wanted: Invocation,
    family: Sequence[Member],
    order: Mapping[int, int],
    setting: Setting,
    before: Sequence[Invocation] = (),
) -> str:
    """The text of a test about ``wanted``. ``family``: the invocation that came from outside first, and all that it
    led to, in order of acceptance. ``order``: the place in the journal of each fact, by its ``id()``. ``before``: the
    HTTP requests that the same instances answered before, which a web application may remember.

    Raises ``NotRetold``.
    """
    return _Test(wanted, family, order, setting, before).text()


class _Test:
    def __init__(
        self,
        wanted: Invocation,
        family: Sequence[Member],
        order: Mapping[int, int],
        setting: Setting,
        before: Sequence[Invocation],
    ) -> None:
        self._wanted: Final = wanted
        self._family: Final = family
        self._order: Final = order
        self._setting: Final = setting
        self._root: Final = family[0].invocation
        self._before: Final = before
        self._start: Final = before[0].at if before else self._root.at
        self._over: Final = all(one.invocation.finished for one in family)
        self._exact: Final = all(map(_is_exact, family))
        self._values: Final = Values(wanted.id, self._start, setting.now, exact=self._exact)
        self._uses: Final[set[str]] = set()
        """The names that the test imports."""
        self._strict: bool = True

    def text(self) -> str:
        root, wanted = self._root, self._wanted
        if root.accepted.synchronous and not root.finished:
            raise NotRetold("its synchronous caller still waits; try again when the invocation has ended")
        self._check_that_it_can_happen()
        before, later = self._directions()
        steps = [*self._remembered(), *before, *self._call(root), *later, *self._to_the_end(bool(later))]
        if wanted is not root:
            steps += ["", f"invocation = {self._handle(self._member(wanted))}"]
        assertions = list(self._assertions())
        body = "\n".join(f"    {line}" if line else "" for line in [*steps, "", *assertions])
        name = re.sub(r"\W+", "_", f"{wanted.function}_{wanted.state}").lower()
        about = f"{wanted.function} {wanted.id}, {time_text(wanted.at)}"
        return "\n".join(
            [f'"""Copied from an emulator: {about}."""', "", *self._head(), f"def test_{name}(fcemu):", body, ""]
        )

    def _head(self) -> Iterator[str]:
        testing = sorted(self._uses & {"FCError", "Step"})
        if self._values.uses_any:
            yield from ("from unittest.mock import ANY", "")
        yield from ("import pytest", *([""] if testing else []))
        if testing:
            yield f"from fcemu.testing import {', '.join(testing)}"
        given = self._setting.definition
        options = {"start": time_text(self._start), **self._setting.options}
        if not self._strict:
            options["strict"] = False
        if isinstance(given, str):
            definition = repr(given)
        else:
            yield from ("", f"DEFINITION = {given!r}")
            definition = "DEFINITION"
        said = "".join(f", {name}={value!r}" for name, value in options.items())
        if "ended(" in self._uses:
            yield from (
                "",
                "",
                "def ended(fcemu, function):",
                '    """How many attempts of a function have ended."""',
                "    invocations = fcemu.function(function).invocations",
                "    return sum(attempt.ended is not None for one in invocations for attempt in one.attempts)",
            )
        yield from ("", "", f"@pytest.mark.fcemu({definition}{said})")

    # What happens.

    def _check_that_it_can_happen(self) -> None:
        for one in self._family:
            if one.invocation.state is State.INVALID:
                raise NotRetold(f"{one.function} was deleted while the invocation waited for it")
            for attempt in one.invocation.attempts:
                if isinstance(attempt.outcome, Stuck):
                    raise NotRetold("an attempt was ended because the clock stood still for it")
                if isinstance(attempt.outcome, Halted) and one.invocation.accepted.synchronous:
                    raise NotRetold("its caller hung up before it ended")

    def _directions(self) -> tuple[list[str], list[str]]:
        """What is arranged before the request, and what is done behind it, in the order of the journal."""
        found: list[tuple[int, str]] = []
        functions = dict.fromkeys(one.function for one in self._family)
        for function in functions:
            found += self._faults_of(function)
            found += self._stubs_of(function)
        for one in self._family:
            for fact in one.facts:
                if isinstance(fact, StopAsked):
                    found += [(self._order[id(fact)], line) for line in self._stop(one, fact)]
        found.sort(key=lambda each: each[0])
        return [line for place, line in found if place < 0], [line for place, line in found if place >= 0]

    def _attempts_of(self, function: str) -> list[tuple[Member, Started | AttemptRefused, list[Fact]]]:
        """The attempts of a function in order: whose each is, how it began, and its facts, faults included."""
        found: list[tuple[Member, Started | AttemptRefused, list[Fact]]] = []
        for one in self._family:
            if one.function != function:
                continue
            facts: list[Fact] = []
            for fact in one.facts:
                facts.append(fact)
                if isinstance(fact, Started | AttemptRefused):
                    found.append((one, fact, facts))
                elif isinstance(fact, RetryPlanned | Redelivered):
                    facts = []
        found.sort(key=lambda each: self._order[id(each[1])])
        return found

    def _faults_of(self, function: str) -> Iterator[tuple[int, str]]:
        attempts = self._attempts_of(function)
        struck = [list(self._troubles(facts, begun)) for _, begun, facts in attempts]
        ends = self._ends(attempts)
        for fault in dict.fromkeys(each for one in struck for each in one):
            numbers = [number for number, one in enumerate(struck) if fault in one]
            for _, run in groupby(enumerate(numbers), lambda each: each[1] - each[0]):
                consecutive = [number for _, number in run]
                name, _, more = fault.partition(" ")
                times = f", times={len(consecutive)}" if len(consecutive) > 1 else ""
                line = f"fcemu.faults.{name}({function!r}{more}{times})"
                yield from self._at(consecutive[0], ends, function, line)

    def _troubles(self, facts: list[Fact], begun: Started | AttemptRefused) -> Iterator[str]:
        """The faults of one attempt: a method of ``fcemu.faults``, a blank, and further arguments."""
        named = [fact.fault for fact in facts if isinstance(fact, FaultStruck)]
        for fault in named:
            match fault.split():
                case ["delay"]:
                    late = [fact for fact in facts if isinstance(fact, Delayed)]
                    yield f"delay , by={duration_text(late[0].due - late[0].at)!r}" if late else "delay , by='1s'"
                case ["deliver_twice"]:
                    again = [fact for fact in facts if isinstance(fact, Redelivered)]
                    wait = again[0].due - again[0].at if again else timedelta(0)
                    yield f"deliver_twice , again={duration_text(wait)!r}"
                case ["crash", when]:
                    yield f"crash , when={when!r}"
        if isinstance(begun, AttemptRefused):
            if not {"throttle", "fail"} & set(named):
                self._strict = False  # it may be that the definition refuses the attempt before the fault does
            outcome = begun.outcome
            yield f"fail , status={outcome.status}" if isinstance(outcome, SystemFailed) else "throttle "

    def _stubs_of(self, function: str) -> Iterator[tuple[int, str]]:
        attempts = self._attempts_of(function)
        ends = self._ends(attempts)
        ran = [
            (one.invocation.id, begun.attempt) in self._setting.stubbed or _was_slow(one, begun.attempt)
            for one, begun, _ in attempts
        ]
        begin = 0
        for stubbed, run in groupby(enumerate(ran), lambda each: each[1]):
            numbers = [number for number, _ in run]
            if stubbed:
                self._uses.add("Step")
                steps = ", ".join(self._step(attempts[number]) for number in numbers)
                name = f"stub_{begin}" if begin else "stub"
                begin += 1
                yield from self._at(numbers[0], ends, function, f"{name} = fcemu.function({function!r}).stub({steps})")
                if numbers[-1] + 1 < len(attempts):
                    yield from self._at(numbers[-1] + 1, ends, function, f"{name}.remove()")

    def _step(self, attempt: tuple[Member, Started | AttemptRefused, list[Fact]]) -> str:
        one, begun, _ = attempt
        mine = [fact for fact in one.facts if getattr(fact, "attempt", None) == begun.attempt]
        said = []
        slept = sum(((fact.until - fact.at) for fact in mine if isinstance(fact, Slept)), timedelta())
        outcome = next((fact.outcome for fact in mine if isinstance(fact, Finished)), None)
        match outcome:
            case Returned(payload) if payload:
                document = document_of(payload)
                said.append(
                    f"returns={document!r}" if isinstance(document, dict | list) else f"returns={literal(payload)}"
                )
            case FunctionError(_, document, name):
                said.append(f"raises={exception_made(name, document)}")
            case TimedOut():
                slept = max(slept, mine[-1].at - begun.at) + timedelta(seconds=1)
        if slept:
            said.append(f"seconds={slept.total_seconds():.15g}")
        return f"Step({', '.join(said)})"

    def _ends(self, attempts: Iterable[tuple[Member, Started | AttemptRefused, list[Fact]]]) -> list[int]:
        """The places in the journal where the attempts ended."""
        ends = []
        for one, begun, _ in attempts:
            end = next((f for f in one.facts if isinstance(f, Finished) and f.attempt == begun.attempt), begun)
            ends.append(self._order[id(end)])
        return ends

    def _at(self, number: int, ends: Sequence[int], function: str, line: str) -> Iterator[tuple[int, str]]:
        """A direction for before the attempt of that number of a function, counted from 0."""
        if number == 0:
            yield -1, line
            return
        self._uses.add("ended(")
        place = ends[number - 1]
        yield place, f"fcemu.run_until(lambda: ended(fcemu, {function!r}) == {number})"
        yield place, line

    def _stop(self, one: Member, asked: StopAsked) -> Iterator[str]:
        before = [fact for fact in one.facts if self._order[id(fact)] < self._order[id(asked)]]
        runs = [fact for fact in before if isinstance(fact, Started | Slept | Finished | AttemptRefused)]
        if runs and isinstance(runs[-1], Started):
            raise NotRetold("it was stopped while its handler ran without a virtual sleep")
        if asked.at > self._start:
            yield f"fcemu.advance_to({self._offset(asked.at)!r})"
        elif any(not isinstance(fact, Accepted) for fact in before):
            yield "fcemu.advance(0)"
        handle = "invocation" if one is self._family[0] and self._wanted is self._root else ""
        yield f"{handle or self._handle(one)}.stop()"

    def _to_the_end(self, moved: bool) -> Iterator[str]:
        happened = any(not isinstance(fact, Accepted | StopAsked) for one in self._family for fact in one.facts)
        if self._over:
            if not self._root.accepted.synchronous or len(self._family) > 1:
                yield "fcemu.run_until_idle()"
        elif self._setting.now > self._start:
            yield f"fcemu.advance_to({self._offset(self._setting.now)!r})"
        elif happened and not moved:
            yield "fcemu.advance(0)"

    # The request.

    def _remembered(self) -> Iterator[str]:
        """The requests before, and the way from each to the next."""
        for one, following in pairwise([*self._before, self._root]):
            yield f"{function_handle(one)}.http({self._http_arguments(one)})"
            if one.ended is not None and following.at > one.ended:
                yield f"fcemu.advance_to({self._offset(following.at)!r})"

    def _call(self, root: Invocation) -> Iterator[str]:
        accepted = root.accepted
        name = "invocation" if root is self._wanted else "cause"
        function = function_handle(root)
        if accepted.source == "http":
            yield from self._http(root, function, name)
        elif accepted.synchronous:
            payload = literal(accepted.payload) if accepted.payload else ""
            if (answer := recorded_answer_of(root)) is not None and answer.refusal is not None:
                self._uses.add("FCError")
                yield "with pytest.raises(FCError) as refused:"
                yield f"    {function}.invoke({payload})"
                yield f"{name} = {function}.invocations[-1]"
                return
            yield f"reply = {function}.invoke({payload})"
            yield f"{name} = fcemu.invocation(reply.request_id)"
        elif (fire := self._fire(root)) is not None:
            yield f"{name} = {fire}"
        else:
            event = [literal(accepted.payload)] if accepted.payload else []
            yield f"{name} = {function}.invoke_async({', '.join([*event, *self._later(root, headers=True)])})"

    def _later(self, root: Invocation, *, headers: bool) -> Iterator[str]:
        """The arguments of what is accepted now and runs later."""
        accepted = root.accepted
        if accepted.due > accepted.at:
            yield f"delay={(accepted.due - accepted.at).total_seconds():.15g}"
        if root.task_id and root.task_id != root.id:
            yield f"task_id={root.task_id!r}"
        if headers and root.task_id and str(root.function) not in self._setting.task_modes:
            yield "headers={'X-Fc-Stateful-Async-Invocation-Enable': 'true'}"

    def _fire(self, root: Invocation) -> str | None:
        """How the trigger is fired that led to an invocation, where it is still there."""
        accepted = root.accepted
        triggers = self._setting.triggers.get(str(root.function), {})
        if accepted.source == "timer":
            name = str(read_object(accepted.payload).get("triggerName"))
            return f"fcemu.timer({f'{root.function}/{name}'!r}).fire()" if triggers.get(name) == "timer" else None
        if accepted.source == "trigger":
            others = [name for name, kind in triggers.items() if kind not in ("timer", "http")]
            if others:
                return f"fcemu.trigger({f'{root.function}/{others[0]}'!r}).fire(payload={literal(accepted.payload)})"
        return None

    def _http(self, root: Invocation, function: str, name: str) -> Iterator[str]:
        said = self._http_arguments(root)
        if root.accepted.synchronous:
            yield f"reply = {function}.http({said})"
            yield f"{name} = fcemu.invocation(reply.request_id)"
        else:
            yield f"{name} = {function}.http_async({', '.join([said, *self._later(root, headers=False)])})"

    def _http_arguments(self, root: Invocation) -> str:
        accepted, body = root.accepted, root.accepted.payload
        if accepted.http is not None:
            method, path, headers = accepted.http.method, accepted.http.target, list(accepted.http.headers)
        else:  # the function got the request as an event
            event = read_object(body)
            method, path = event["requestContext"]["http"]["method"], event["rawPath"]
            path += f"?{urlencode(event['queryParameters'])}" if event["queryParameters"] else ""
            headers, text = list(event["headers"].items()), event["body"]
            body = base64.b64decode(text) if event["isBase64Encoded"] else text.encode()
        sent = {
            name: text for name, text in headers if name.lower() not in _UNSENT and not name.lower().startswith("x-fc-")
        }
        more = [f"headers={sent!r}"] if sent else []
        return ", ".join([repr(method), repr(path), *more, *([f"data={literal(body, text=True)}"] if body else [])])

    # What came of it.

    def _assertions(self) -> Iterator[str]:
        wanted = self._member(self._wanted)
        invocation = wanted.invocation
        if invocation is not self._root:
            yield f"assert cause.status == {self._root.state.value!r}"
        yield f"assert invocation.status == {invocation.state.value!r}"
        attempts = invocation.attempts
        yield f"assert [attempt.outcome for attempt in invocation.attempts] == {[each.word for each in attempts]!r}"
        errors = [_error(each.outcome) for each in attempts]
        if any(errors):
            yield f"assert [attempt.error for attempt in invocation.attempts] == {errors!r}"
        yield from self._times(wanted)
        yield from self._replies(invocation)
        yield from self._reports(wanted)
        bad = [
            one
            for one in self._family
            if one.invocation.state in _BAD and one.invocation not in (self._wanted, self._root)
        ]
        if bad:
            self._strict = False

    def _times(self, one: Member) -> Iterator[str]:
        attempts = one.invocation.attempts
        if not attempts or any(isinstance(fact, Held) for fact in one.facts):
            return
        if self._exact:
            times = ", ".join(repr(self._offset(each.started)) for each in attempts)
            yield f"assert [attempt.started for attempt in invocation.attempts] == fcemu.times({times})"
            return
        waits: list[timedelta] = []
        for fact in one.facts:
            if isinstance(fact, RetryPlanned | Redelivered):
                waits.append(fact.due - fact.at)
            elif isinstance(fact, Delayed) and waits:
                waits[-1] += fact.due - fact.at
            elif isinstance(fact, InstanceStarted) and waits:
                waits[-1] += timedelta(seconds=fact.seconds)
        waits = waits[: len(attempts) - 1]
        if waits:
            yield "attempts = invocation.attempts"
            yield "waits = [after.started - before.ended for before, after in zip(attempts, attempts[1:])]"
            yield f"assert [wait.total_seconds() for wait in waits] == {[each.total_seconds() for each in waits]!r}"

    def _replies(self, invocation: Invocation) -> Iterator[str]:
        answer = recorded_answer_of(invocation)
        if answer is None:
            return
        if answer.refusal is not None:
            if invocation.accepted.synchronous and invocation.accepted.source != "http":
                yield f"assert (refused.value.status, refused.value.code) == {(answer.status, answer.refusal.code)!r}"
            elif invocation.accepted.synchronous:
                yield f"assert reply.status_code == {answer.status}"
            return
        compared = "is None" if answer.error is None else f"== {answer.error!r}"
        yield f"assert invocation.reply.error {compared}"
        document = document_of(answer.body)
        if answer.error is not None:
            message = document.get("errorMessage") if isinstance(document, dict) else None
            if isinstance(message, str) and (said := self._values.of(message)) != ANY:
                yield f"assert invocation.reply.json()['errorMessage'] == {said}"
        elif isinstance(document, dict | list):
            yield f"assert invocation.reply.json() == {self._values.of(document)}"
        else:
            try:
                said = self._values.of(answer.body.decode())
                what = "text"
            except UnicodeDecodeError:
                what, said = "body", repr(answer.body)
            if said != ANY:
                yield f"assert invocation.reply.{what} == {said}"

    def _reports(self, one: Member) -> Iterator[str]:
        addresses = [fact.destination for fact in one.facts if isinstance(fact, Delivered)]
        for address, several in groupby(addresses):
            kind, _, name = address.partition(":")
            if kind in _ADDRESSES:
                found = f"[message for message in fcemu.{kind}({name!r}).messages if message.invocation == invocation]"
                yield f"assert len({found}) == {len(list(several))}"
        for fact in one.facts:
            if isinstance(fact, DeliveryFailed):
                facts = "(fact.kind, fact.request_id) for fact in fcemu.journal"
                yield f"assert ('DeliveryFailed', invocation.request_id) in [{facts}]"
        caused = [each for each in self._family[1:] if each.invocation.finished]
        if one.invocation is self._root and caused and len(caused) + 1 == len(self._family):
            ends = [(each.function, each.invocation.state.value) for each in caused]
            sources = sorted({each.invocation.accepted.source for each in caused})
            led_to = f"each != invocation and each.source in {sources!r}"
            found = f"[(each.function, each.status) for each in fcemu.invocations if {led_to}]"
            yield f"assert {found} == {ends!r}"

    # Names.

    def _member(self, invocation: Invocation) -> Member:
        return next(one for one in self._family if one.invocation.id == invocation.id)

    def _handle(self, one: Member) -> str:
        """How a test gets at an invocation: by its number among those of the function with the same source."""
        if one is self._family[0]:
            return "invocation" if self._wanted is self._root else "cause"
        source = one.invocation.accepted.source
        alike = [
            each for each in self._family if each.function == one.function and each.invocation.accepted.source == source
        ]
        there = f"fcemu.function({one.function!r}).invocations"
        return f"[each for each in {there} if each.source == {source!r}][{alike.index(one)}]"

    def _offset(self, at: datetime) -> str:
        return f"+{duration_text(at - self._start)}"


_BAD: Final = (State.FAILED, State.EXPIRED)


def _is_exact(one: Member) -> bool:
    """Whether the clock stood still while handlers ran: each attempt began when it was due, and ended when it began or
    at the end of a virtual sleep."""
    due, ends = one.invocation.accepted.due, set[datetime]()
    for fact in one.facts:
        match fact:
            case RetryPlanned() | Redelivered() | Delayed():
                due = fact.due
            case Held():
                return False
            case Started() | AttemptRefused():
                ends = {fact.at}
                if fact.at != due:
                    return False
            case Slept():
                ends |= {fact.at, fact.until}
            case Finished() if not isinstance(fact.outcome, TimedOut | Halted) and fact.at not in ends:
                return False
    return True


def _was_slow(one: Member, attempt: int) -> bool:
    """Whether an attempt timed out without a virtual sleep, which it does only where the clock flows: a stub that takes
    as long does it elsewhere."""
    mine = [fact for fact in one.facts if isinstance(fact, Slept | Finished) and fact.attempt == attempt]
    if not mine or not isinstance(end := mine[-1], Finished) or not isinstance(end.outcome, TimedOut):
        return False
    return not any(isinstance(fact, Slept) and fact.until >= end.at for fact in mine)


def _error(outcome: Outcome | None) -> str | None:
    return outcome.error_type if isinstance(outcome, FunctionError | TimedOut) else None
