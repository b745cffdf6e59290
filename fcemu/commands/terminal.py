"""What a server says while it runs: a line for each request, attempt, retry and report, and what handlers write."""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from fcemu import host
from fcemu.commands.log import Writer
from fcemu.core.facts import Fact, Finished, HookRan
from fcemu.core.outcome import Returned
from fcemu.core.timeline import Timeline
from fcemu.core.times import for_people, offset
from fcemu.core.values import dataclass

_DETAILS: Final = frozenset(
    {
        "Dequeued",
        "DeliveryStarted",
        "HookRan",
        "InstanceProvisioned",
        "InstanceStarted",
        "InstanceStopped",
        "MessageDeleted",
        "MessageReceived",
        "Slept",
        "Started",
        "StopAsked",
        "Succeeded",
        "VisibilityChanged",
    }
)
"""Kinds of facts that only ``-v`` shows."""
_WARNINGS: Final = frozenset({"DeliveryFailed", "Expired", "Invalid", "Warned"})
_ERRORS: Final = frozenset({"Failed"})
_ENDS: Final = frozenset({"Succeeded", "Failed", "Expired", "Stopped", "Invalid"})
_LOGGED_ERROR: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z \S+ \[ERROR\] (?=\{)")
_WARNS: Final = "fcemu: warning: "
"""With this begins what fcemu itself says among the output of a handler's process."""
_PAUSE_SECONDS: Final = 0.05
"""How long what happens is collected, so that a busy server writes once in a while."""
_BURST: Final = 20_000
_A_SECOND: Final = 2_000
"""How many facts are told at a time, and a second from then on. More than these a person cannot read, and a server that
writes them is slow."""
_NAMES: Final = 10_000
"""How many invocations are called by their number; a million that wait are no matter of the terminal."""


@dataclass(slots=True)
class _Heard:
    """What a handler wrote: in which attempt, behind which position of the journal, and when."""

    position: int
    at: datetime
    request_id: str
    attempt: int
    text: str


@dataclass(slots=True)
class _Source:
    """An emulator as far as it was told of."""

    emulator: host.Emulator
    timeline: Timeline
    position: int
    heard: deque[_Heard] = field(default_factory=deque)
    width: int = 0
    """That of the names of invocations, so that lines stand below each other."""
    unfinished: dict[tuple[str, int], str] = field(default_factory=dict)
    """The last line of what an attempt has written, where it has not ended that line."""
    traces: dict[str, str] = field(default_factory=dict)
    """The traceback of each invocation's last attempt, so that it is not told four times."""


class Terminal:
    """Tells what happens in an emulator, and in each that takes its place, on stderr.

    ``quiet``: failures and warnings alone. ``verbose``: every fact. ``as_json``: a line is an object. What handlers
    write is told when it is written, but for ``quiet``. Facts are told on the event loop, a few times a second at most.
    """

    def __init__(self, writer: Writer, *, quiet: bool, verbose: bool, as_json: bool) -> None:
        self._writer: Final = writer
        self._quiet: Final = quiet
        self._verbose: Final = verbose
        self._as_json: Final = as_json
        self._loop: Final = asyncio.get_running_loop()
        self._sources: Final[deque[_Source]] = deque()
        self._scheduled = False
        self._budget = float(_BURST)
        """How many facts may be told now."""
        self._filled = time.monotonic()
        self._now = ""
        """The time of day, in front of lines, where the clock flows."""

    def hear(self, emulator: host.Emulator) -> None:
        """Tell of this one from now on, when all of the one before it has been told. On any thread."""
        source = _Source(emulator, Timeline(emulator.clock.started, _NAMES), len(emulator.journal))
        self._sources.append(source)
        emulator.journal.follow(self._told)
        emulator.fleet.hear = partial(self._hear, source)

    def close(self) -> None:
        """Tell the rest, when nothing happens any more and the event loop does not tell."""
        self._flush()

    # On any thread.

    def _told(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._loop.call_later, _PAUSE_SECONDS, self._flush)

    def _hear(self, source: _Source, request_id: str, attempt: int, text: str) -> None:
        emulator = source.emulator
        source.heard.append(_Heard(len(emulator.journal), emulator.clock.shown(), request_id, attempt, text))
        self._told()

    # On the event loop.

    def _flush(self) -> None:
        self._scheduled = False
        lines: list[str] = []
        real_now = time.monotonic()
        self._budget = min(_BURST, self._budget + (real_now - self._filled) * _A_SECOND)
        self._filled, self._now = real_now, f"{datetime.now():%H:%M:%S}  "
        for source in list(self._sources):
            lines += self._news(source)
            if source is not self._sources[-1]:
                self._sources.remove(source)
        if lines:
            self._writer.write("".join(f"{line}\n" for line in lines))

    def _news(self, source: _Source) -> Iterator[str]:
        """The lines of what has happened since the last time, in order."""
        end = len(source.emulator.journal)
        left_out = 0 if self._quiet else end - source.position - int(self._budget)
        if left_out > 0:
            source.position += left_out
            yield from self._said(f"… {left_out} more facts are not shown here; 'fcemu timeline' shows all", "info", {})
        while source.heard and source.heard[0].position <= end:
            heard = source.heard.popleft()
            yield from self._facts(source, heard.position)
            yield from self._written(source, heard)
        yield from self._facts(source, end)

    def _facts(self, source: _Source, end: int) -> Iterator[str]:
        begin, source.position = source.position, max(source.position, end)
        self._budget -= source.position - begin
        with suppress(host.StoreError):  # who asks for the journal hears of it
            for n, fact in source.emulator.journal.numbered(begin, end):
                kind = type(fact).__name__
                if isinstance(fact, Finished):
                    yield from self._rest(source, fact)
                if self._shows(kind, fact):
                    yield from self._fact(source, n, fact, kind)

    def _shows(self, kind: str, fact: Fact) -> bool:
        if self._quiet:
            return kind in _WARNINGS or kind in _ERRORS
        return self._verbose or kind not in _DETAILS or (isinstance(fact, HookRan) and bool(fact.error))

    def _fact(self, source: _Source, n: int, fact: Fact, kind: str) -> Iterator[str]:
        at, who, what = source.timeline.row(fact)
        source.width = max(source.width, len(who))
        line = f"{at}  {who:<{source.width}}  {what}"
        level = "error" if kind in _ERRORS else "warning" if kind in _WARNINGS else "info"
        failed = isinstance(fact, Finished) and not isinstance(fact.outcome, Returned)
        trace = self._trace(source, fact) if failed or (self._quiet and kind in _ERRORS) else ""
        if self._as_json:
            more = {"traceback": trace} if trace else {}
            yield from self._said(line, level, {"fact": source.emulator.journal.entry(n, fact), **more})
            return
        yield f"{self._wall(source)}{for_people(line)}"
        if trace and source.traces.get(fact.request_id) == trace:
            yield "    the same traceback as the attempt before"
        elif trace:
            source.traces[fact.request_id] = trace
            yield from (f"    {each}" for each in trace.splitlines())
        if kind in _ENDS:
            source.traces.pop(fact.request_id, None)

    def _trace(self, source: _Source, fact: Fact) -> str:
        """Where an attempt failed, with the paths of this machine."""
        journal = source.emulator.journal
        with suppress(LookupError, host.StoreError):
            invocation = journal.whole(journal.invocations[fact.request_id])
            number = fact.attempt if isinstance(fact, Finished) else invocation.attempts[-1].number
            attempt = next(each for each in invocation.attempts if each.number == number)
            trace = source.emulator.traces.trace(invocation, attempt)
            return "" if trace is None else trace.text.rstrip()
        return ""

    def _written(self, source: _Source, heard: _Heard) -> Iterator[str]:
        """The whole lines of what a handler has written."""
        key = heard.request_id, heard.attempt
        *lines, rest = (source.unfinished.pop(key, "") + without_error(heard.text)).split("\n")
        if rest:
            source.unfinished[key] = rest
        for line in lines:
            yield from self._output(source, *key, heard.at, line)

    def _rest(self, source: _Source, fact: Finished) -> Iterator[str]:
        """What an attempt that has ended wrote last, without ending the line."""
        key = fact.request_id, fact.attempt
        if rest := source.unfinished.pop(key, ""):
            yield from self._output(source, *key, fact.at, rest)

    def _output(self, source: _Source, request_id: str, attempt: int, at: datetime, line: str) -> Iterator[str]:
        warns = line.startswith(_WARNS)
        if self._quiet and not warns:
            return
        level, line = "warning" if warns else "info", line.removeprefix(_WARNS)
        if self._as_json:
            about = {"at": at.isoformat(), "request_id": request_id, "attempt": attempt}
            yield from self._said(line, level, {"event": "output", **about})
            return
        since, name = for_people(offset(at, source.emulator.clock.started)), source.timeline.name_of(request_id)
        yield f"{self._wall(source)}{since}  {name}  {'warning:' if warns else '|'} {line}"

    def _wall(self, source: _Source) -> str:
        """The time of day, where the clock flows."""
        return self._now if source.emulator.rate else ""

    def _said(self, message: str, level: str, more: Mapping[str, Any]) -> Iterator[str]:
        if self._as_json:
            now = datetime.now(UTC).isoformat()
            yield json.dumps({"time": now, "level": level, "message": message, **more}, ensure_ascii=False)
        else:
            yield message


def without_error(text: str) -> str:
    """What a handler wrote, without the error document that FC's runtime logs behind it: the traceback follows."""
    found = _LOGGED_ERROR.search(text)
    if found is None:
        return text
    try:
        told, end = json.JSONDecoder().raw_decode(text, found.end())
    except ValueError:
        return text
    return text if "errorMessage" not in told else text[: found.start()] + text[end:].removeprefix("\n")
