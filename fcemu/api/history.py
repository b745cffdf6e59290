"""Handlers under /_fcemu/: what happened, and why nothing happens; journal, timeline, invocations."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from fcemu.api import problems
from fcemu.api.mounts import Handler
from fcemu.api.problems import Problem, json_answer, not_yet, problem_document, read_members
from fcemu.api.records import invocation_record
from fcemu.api.state import News, ServerState
from fcemu.api.wire import Answer, Stream, WireRequest, status_line
from fcemu.core.errors import StoreError
from fcemu.core.facts import Fact, time_text
from fcemu.core.invocation import Recorded, State
from fcemu.core.names import FunctionRef
from fcemu.core.timeline import render
from fcemu.engine.emulator import Emulator
from fcemu.engine.journal import Journal

_LINES_AT_ONCE: Final = 500
_EVENT_STREAM: Final = "text/event-stream"


class History:
    """Reads the journal, and changes nothing."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state
        self.routes: Final[dict[tuple[str, str], Handler]] = {
            ("GET", "/journal"): self._journal,
            ("GET", "/timeline"): self._timeline,
            ("GET", "/explain"): self._explain,
            ("GET", "/invocations"): self._list,
            ("GET", "/invocations/{id}"): self._show,
        }

    # The journal.

    async def _journal(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Stream:
        """ASSUMED: server-sent events follow unless ``follow=0``, and begin after ``Last-Event-ID``, because a
        browser that loses its connection asks again in this way."""
        readers = {"after": problems.count, "function": problems.function_name, "follow": problems.flag}
        given = read_members(query, readers, "parameter")
        events = _EVENT_STREAM in request.headers.get("Accept", "")
        after = given.get("after", 0)
        if events and "after" not in given and (last := request.headers.get("Last-Event-ID", "")):
            after = read_members({"Last-Event-ID": last}, {"Last-Event-ID": problems.count}, "parameter")[
                "Last-Event-ID"
            ]
        stream = Stream(request, request.emulator.kept)
        await stream.open(_EVENT_STREAM if events else "application/x-ndjson")
        try:
            await self._tell(request, stream, after, given, events)
        except StoreError as failed:
            document = problem_document(500, "unavailable", failed.message)
            text = json.dumps(document, ensure_ascii=False)
            await stream.send_last(f"event: problem\ndata: {text}\n\n" if events else f"{text}\n")
        return stream

    async def _tell(
        self, request: WireRequest, stream: Stream, after: int, given: Mapping[str, Any], events: bool
    ) -> None:
        """Send the facts. Raises ``StoreError`` where the next ones cannot be kept."""
        journal, function = request.emulator.journal, given.get("function")
        if not given.get("follow", events):
            await _send(stream, journal, after, len(journal), function, events)
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
                    await _send(stream, journal, after, end, function, events)
                    after = end
                else:
                    await news.heard.wait()
            await _send(stream, journal, after, len(journal), function, events)
        finally:
            unfollow()
            self._state.streams.discard(news)

    async def _timeline(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        given = read_members(query, {"format": problems.one_of("text", "chrome", "otlp")}, "parameter")
        wanted = given.get("format", "text")
        if wanted != "text":
            raise not_yet(f"the timeline in the format {wanted!r}")
        emulator = request.emulator
        text = await asyncio.to_thread(render, emulator.journal[:], emulator.clock.started)
        head = f"{status_line(200)}Content-Type: text/plain; charset=utf-8\r\n"
        return Answer(200, head, text.encode("utf-8", "backslashreplace"))

    async def _explain(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        found = request.emulator.explain()
        due = None if found.next_due is None else time_text(found.next_due)
        return json_answer(
            {"text": found.text, "in_flight": found.in_flight, "waiting_for": found.waiting_for, "next_due": due}
        )

    # Invocations.

    async def _list(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        states = problems.one_of(*State)
        readers = {
            "function": problems.function_name,
            "status": states,
            "task_id": problems.text,
            "after": problems.text,
            "limit": problems.count,
        }
        given = read_members(query, readers, "parameter")
        emulator = request.emulator
        chosen = list(emulator.journal.invocations.values())
        if "after" in given:
            ids = [invocation.id for invocation in chosen]
            if given["after"] not in ids:
                raise Problem(400, "invalid-parameter", f"after: there is no invocation {given['after']!r}")
            chosen = chosen[ids.index(given["after"]) + 1 :]
        if "function" in given:
            chosen = [invocation for invocation in chosen if invocation.function == given["function"]]
        if "status" in given:
            chosen = [invocation for invocation in chosen if invocation.state == given["status"]]
        if "task_id" in given:
            chosen = [invocation for invocation in chosen if invocation.task_id == given["task_id"]]
        return await records(emulator, chosen[: given.get("limit")])

    async def _show(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        invocation = one_invocation(request.emulator, path["id"])
        return await records(request.emulator, invocation)


async def _send(
    stream: Stream, journal: Journal, after: int, end: int, function: FunctionRef | None, events: bool
) -> None:
    """Send the facts from position ``after`` to ``end``, a portion at a time, so that others are served in between."""
    for start in range(after, end, _LINES_AT_ONCE):
        lines = [
            f"id: {n}\nevent: {type(fact).__name__}\ndata: {journal.line(n, fact)}\n\n"
            if events
            else f"{journal.line(n, fact)}\n"
            for n, fact in journal.numbered(start, min(start + _LINES_AT_ONCE, end))
            if function is None or journal.function_of(fact) == function
        ]
        await stream.send("".join(lines))
        await asyncio.sleep(0)


def one_invocation(emulator: Emulator, request_id: str) -> Recorded:
    """Raises ``Problem``."""
    invocation = emulator.journal.invocations.get(request_id)
    if invocation is None:
        raise Problem(404, "not-found", f"there is no invocation {request_id!r}")
    return invocation


async def records(emulator: Emulator, wanted: list[Recorded] | Recorded) -> Answer:
    """Whole records, read from the store where they have left memory and written on another thread, because there may
    be many."""
    memory_of = cache(emulator.memory_mb)
    several = wanted if isinstance(wanted, list) else [wanted]

    def record(recorded: Recorded, history: Sequence[Fact]) -> dict[str, Any]:
        emulator.read_outside.add(recorded.id)
        memory_mb, invocation = memory_of(recorded.function), emulator.journal.whole(recorded)
        return invocation_record(invocation, history, memory_mb, emulator.settings.max_memory_usage_mb)

    def write() -> Answer:
        histories = emulator.journal.histories(several)
        written = [record(each, histories[each.id]) for each in several]
        return json_answer(written if isinstance(wanted, list) else written[0])

    return await asyncio.to_thread(write)
