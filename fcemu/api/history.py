"""These handlers of routes under ``/_fcemu/`` tell what happened, and why nothing happens."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Final

from fcemu.api.otlp import NEEDED, otlp
from fcemu.api.own_answers import json_answer
from fcemu.api.state import News, ServerState
from fcemu.api.wire import Answer, Stream, WireRequest
from fcemu.core.answers import recorded_answer_of
from fcemu.core.compact import compact
from fcemu.core.errors import InvalidArgument, StoreError
from fcemu.core.facts import Delivered, DeliveryFailed, Fact, kind_of
from fcemu.core.invocation import Attempt, Invocation, Recorded
from fcemu.core.logs import log_of
from fcemu.core.moments import Moments, to_json
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, TimedOut
from fcemu.core.spans import chrome, spans_of
from fcemu.core.tasks import events
from fcemu.core.timeline import render
from fcemu.engine.emulator import Emulator
from fcemu.engine.journal import Journal
from fcemu.engine.rerun import rerun
from fcemu.engine.traces import Trace
from fcemu.own_api import records
from fcemu.own_api.codec import COUNT, read_member
from fcemu.own_api.problems import Problem
from fcemu.own_api.routes import EVENTS, LINES

_LINES_AT_ONCE: Final = 500
_SHORTEST: Final = 8
"""How much of a request id names an invocation, where no other one begins like it."""


class History:
    """Reads the journal; stops an invocation, or lets it run again."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state

    # The journal.

    async def follow_journal(self, request: WireRequest, which: records.WhichFacts) -> Stream:
        """ASSUMED: fcemu lets a client that asks for server-sent events follow the journal unless it says ``follow=0``,
        and begins after its ``Last-Event-ID``, because a browser that loses its connection asks again in this way."""
        as_events = EVENTS in request.headers.get("Accept", "")
        after = which.after
        if as_events and after is None and (last := request.headers.get("Last-Event-ID", "")):
            after = read_member("Last-Event-ID", last, COUNT, "parameter")
        stream = Stream(request, request.emulator.kept)
        await stream.open(EVENTS if as_events else LINES)
        try:
            await self._tell(request, stream, after or 0, which, as_events)
        except StoreError as failed:
            text = json.dumps(Problem("unavailable", failed.message, 500).document(), ensure_ascii=False)
            await stream.send_last(f"event: problem\ndata: {text}\n\n" if as_events else f"{text}\n")
        return stream

    async def _tell(
        self, request: WireRequest, stream: Stream, after: int, which: records.WhichFacts, as_events: bool
    ) -> None:
        """Send the facts. Raises ``StoreError`` where the next ones cannot be kept."""
        journal, function = request.emulator.journal, which.function
        moments = await _moments_before(request.emulator, after) if as_events else None
        if not (as_events if which.follow is None else which.follow):
            await _send(stream, journal, after, len(journal), function, moments)
            return
        request.end()  # a clock that jumps need not wait for who only listens
        news = News(self._state.wakeups)
        self._state.streams.add(news)
        unfollow = journal.follow(news.tell)
        try:
            while not news.stopped and self._state.emulator is request.emulator:
                news.heard.clear()
                end = len(journal)
                if end > after:
                    await _send(stream, journal, after, end, function, moments)
                    after = end
                else:
                    await news.heard.wait()
            await _send(stream, journal, after, len(journal), function, moments)
        finally:
            unfollow()
            self._state.streams.discard(news)

    async def show_timeline(self, request: WireRequest, form: records.TimelineForm) -> str | Answer:
        """The forms for trace viewers are JSON."""
        emulator = request.emulator
        facts, started, now = emulator.journal[:], emulator.clock.started, emulator.clock.shown()
        if form.format in (None, "text"):
            return await asyncio.to_thread(render, facts, started)

        def document() -> Answer:
            spans = spans_of(facts, started, now)
            return json_answer(chrome(spans, started) if form.format == "chrome" else otlp(spans, self._state.version))

        try:
            return await asyncio.to_thread(document)
        except ImportError as missing:
            raise Problem(
                "unavailable",
                f"OTLP needs OpenTelemetry's own encoder, which is not installed here ({missing}); pip install "
                f"'fcemu[otlp]', or {NEEDED}",
            ) from None

    async def explain(self, request: WireRequest) -> records.Explanation:
        found = request.emulator.explain()
        return records.Explanation(
            text=found.text, in_flight=found.in_flight, waiting_for=found.waiting_for, next_due=found.next_due
        )

    # Invocations.

    async def list_invocations(self, request: WireRequest, which: records.WhichInvocations) -> Answer:
        there = request.emulator.journal.invocations
        if which.after is not None and which.after not in there:
            raise Problem("invalid-parameter", f"after: there is no invocation {which.after!r}")
        asked = (which.function, which.status, which.task_id)

        def chosen() -> list[Recorded]:
            fit = (one for one in there.after(which.after) if _fits(one, *asked))
            return list(islice(fit, which.limit))

        return await _written(request.emulator, await asyncio.to_thread(chosen))

    async def show_invocation(self, request: WireRequest, request_id: str) -> Answer:
        return await _written(request.emulator, invocation_named(request.emulator, request_id))

    async def stop_invocation(self, request: WireRequest, request_id: str) -> Answer:
        """Answers with the record, which is Stopping where the invocation ran."""
        invocation = invocation_named(request.emulator, request_id)
        try:
            request.emulator.tasks.stop_invocation(invocation)
        except InvalidArgument as refused:
            raise Problem("cannot-stop", refused.message) from None
        return await _written(request.emulator, invocation)

    async def rerun_invocation(self, request: WireRequest, request_id: str, changes: records.Rerun) -> records.Accepted:
        """Recorded; the invocation runs when the clock moves."""
        emulator, delay = request.emulator, changes.delay_seconds or timedelta(0)
        try:
            accepted = rerun(
                emulator, invocation_named(emulator, request_id), changes.payload, delay, changes.task_id or ""
            )
        except ValueError as wrong:
            raise Problem("invalid-field", str(wrong), field="task_id") from None
        return records.Accepted(request_id=accepted.id)


async def _moments_before(emulator: Emulator, after: int) -> Moments:
    """What has been folded of the journal up to position ``after``."""
    moments = Moments(emulator.clock.started)
    for start in range(0, after, _LINES_AT_ONCE):
        for _, fact in emulator.journal.numbered(start, min(start + _LINES_AT_ONCE, after, len(emulator.journal))):
            moments.pass_over(fact)
        await asyncio.sleep(0)
    return moments


async def _send(
    stream: Stream, journal: Journal, after: int, end: int, function: FunctionRef | None, moments: Moments | None
) -> None:
    """Send the facts from position ``after`` to ``end``, a portion at a time, so that others are served in between;
    with ``moments``, as events, each with the state after it."""
    for start in range(after, end, _LINES_AT_ONCE):
        lines = []
        for n, fact in journal.numbered(start, min(start + _LINES_AT_ONCE, end)):
            wanted = function is None or journal.function_of(fact) == function
            if moments is None:
                lines += [f"{journal.line(n, fact)}\n"] if wanted else []
            elif wanted:
                told = compact(journal.entry(n, fact) | {"state": to_json(moments.after(fact))})
                lines.append(f"id: {n}\nevent: {kind_of(type(fact))}\ndata: {told}\n\n")
            else:
                moments.pass_over(fact)
        await stream.send("".join(lines))
        await asyncio.sleep(0)


def _fits(recorded: Recorded, function: FunctionRef | None, status: str | None, task_id: str | None) -> bool:
    """Whether an invocation is one of those that are asked for."""
    return (
        (function is None or recorded.function == function)
        and (status is None or recorded.state == status)
        and (task_id is None or recorded.task_id == task_id)
    )


def invocation_named(emulator: Emulator, request_id: str) -> Recorded:
    """The invocation of that request id, or of the only one that begins like this. Raises ``Problem``."""
    known = emulator.journal.invocations
    invocation = known.find(request_id)
    if invocation is not None:
        return invocation
    beginning = [each for each in list(known) if each.startswith(request_id)] if len(request_id) >= _SHORTEST else []
    found = known.find(beginning[0]) if len(beginning) == 1 else None
    if found is not None:
        return found
    several = f"; {len(beginning)} request ids begin with it" if len(beginning) > 1 else ""
    raise Problem("not-found", f"there is no invocation {request_id!r}{several}")


async def _written(emulator: Emulator, wanted: list[Recorded] | Recorded) -> Answer:
    """Whole records, read from the store where they have left memory and written on another thread, because there may
    be many."""
    memory_of = cache(emulator.memory_mb)
    several = wanted if isinstance(wanted, list) else [wanted]

    def record(recorded: Recorded, history: Sequence[Fact]) -> records.Invocation:
        emulator.read_outside.add(recorded.id)
        memory_mb, invocation = memory_of(recorded.function), emulator.journal.whole(recorded)
        memory_used_mb = emulator.settings.max_memory_usage_mb
        return invocation_record(invocation, history, memory_mb, memory_used_mb, emulator.traces.trace)

    def write() -> Answer:
        histories = emulator.journal.histories(several)
        told = [record(each, histories[each.id]) for each in several]
        return json_answer(told if isinstance(wanted, list) else told[0])

    return await asyncio.to_thread(write)


def invocation_record(
    invocation: Invocation,
    history: Iterable[Fact],
    memory_mb: int,
    memory_used_mb: float,
    trace_of: Callable[[Invocation, Attempt], Trace | None],
) -> records.Invocation:
    """All that is known of an invocation, in the words of the fixture; ``history``: its facts."""
    accepted, reply = invocation.accepted, recorded_answer_of(invocation)
    return records.Invocation(
        request_id=invocation.id,
        task_id=accepted.task_id or None,
        function=str(accepted.function),
        qualifier=accepted.qualifier,
        kind="sync" if accepted.synchronous else "async",
        source=accepted.source,
        status=invocation.state,
        accepted=accepted.at,
        due=invocation.due,
        ended=invocation.ended,
        reason=invocation.reason,
        caused_by=None if accepted.root == accepted.request_id else accepted.root,
        payload=accepted.payload,
        attempts=[
            _attempt(attempt, log_of(attempt, invocation.id, memory_mb, memory_used_mb), trace_of(invocation, attempt))
            for attempt in invocation.attempts
        ],
        deliveries=[_delivery(delivery) for delivery in invocation.deliveries],
        events=[records.Event(status=event.status, at=event.at, detail=event.detail) for event in events(history)],
        reply=None if reply is None else records.Reply(reply.status, reply.error, reply.body),
    )


def _attempt(attempt: Attempt, log: str, trace: Trace | None) -> records.Attempt:
    outcome = attempt.outcome
    return records.Attempt(
        number=attempt.number,
        started=attempt.started,
        ended=attempt.ended,
        outcome=attempt.word,
        error=outcome.error_type if isinstance(outcome, FunctionError | TimedOut) else None,
        instance_id=attempt.instance_id,
        logs=log,
        traceback=None if trace is None else trace.text,
        location=None if trace is None else trace.location,
    )


def _delivery(delivery: Delivered | DeliveryFailed) -> records.Delivery:
    if isinstance(delivery, Delivered):
        return records.Delivery(
            at=delivery.at, destination=delivery.destination, message_id=delivery.message_id, body=delivery.body
        )
    return records.Delivery(at=delivery.at, destination=delivery.destination, reason=delivery.reason)
