"""What a server says while it runs: a line for each request, attempt, retry and report, and what handlers write."""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Mapping
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
from fcemu.core.times import for_people, offset, spoken_offset
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
_LOGGED_ERROR: Final = r"\d{4}-\d\d-\d\dT[\d:.]+Z \S+ \[ERROR\] (?=\{)"
_WARNS: Final = "fcemu: warning: "
"""With this begins what fcemu itself says among the output of a handler's process."""
_PAUSE_SECONDS: Final = 0.05
"""How long what happens is collected, so that a busy server writes once in a while."""
_PORTION: Final = 200
"""How many facts are told at once: requests wait meanwhile, for a millisecond or two."""
_BREATH_SECONDS: Final = 0.005
"""How long requests are answered between two portions."""
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
    wall: str = ""
    """The time of day, which stands in front of lines where the clock flows."""
    width: int = 0
    """That of the names of invocations, so that lines stand below each other."""
    unfinished: dict[tuple[str, int], str] = field(default_factory=dict)
    """The last line of what an attempt has written, where it has not ended that line."""
    traces: dict[str, str] = field(default_factory=dict)
    """The traceback of each invocation's last attempt, so that it is not told four times."""


class Terminal:
    """Tells what happens in an emulator, and in each that takes its place, on stderr.

    ``quiet``: failures and warnings alone. ``verbose``: every fact. ``as_json``: a line is an object. What handlers
    write is told when it is written, but for ``quiet``. Facts are told on the event loop, in small portions.
    """

    def __init__(self, writer: Writer, *, quiet: bool, verbose: bool, as_json: bool) -> None:
        self._writer: Final = writer
        self._quiet: Final = quiet
        self._verbose: Final = verbose
        self._as_json: Final = as_json
        self._loop: Final = asyncio.get_running_loop()
        self._sources: Final[deque[_Source]] = deque()
        self._scheduled = self._closed = False
        self._budget = float(_BURST)
        """How many facts may be told now."""
        self._filled = time.monotonic()
        self._lines: Final[list[str]] = []
        """What is to be written now."""

    def hear(self, emulator: host.Emulator) -> None:
        """Tell of this one from now on, when all of the one before it has been told. On any thread."""
        source = _Source(emulator, Timeline(emulator.clock.started, _NAMES), len(emulator.journal))
        self._sources.append(source)
        emulator.journal.follow(self._told)
        emulator.fleet.hear = partial(self._hear, source)

    def close(self) -> None:
        """Tell the rest, when nothing happens any more; the event loop does not tell from now on."""
        self._closed = True
        while self._tell_portion():
            pass

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
        if self._closed:
            return
        self._scheduled = False  # before looking, so that what happens meanwhile is told by another flush
        if self._tell_portion() and not self._scheduled:
            self._scheduled = True
            self._loop.call_later(_BREATH_SECONDS, self._flush)

    def _tell_portion(self) -> bool:
        """Write what has happened since the last time, but only so much that requests need not wait for it long.
        Returns whether there is more."""
        real_now = time.monotonic()
        self._budget = min(_BURST, self._budget + (real_now - self._filled) * _A_SECOND)
        self._filled = real_now
        now = f"{datetime.now():%H:%M:%S}  "
        more = False
        while self._sources:
            source = self._sources[0]
            source.wall = now if source.emulator.rate else ""
            more = self._tell_news(source)
            if more or source is self._sources[-1]:
                break
            self._sources.popleft()  # another emulator has taken its place
        if self._lines:
            self._lines.append("")
            self._writer.write("\n".join(self._lines))
            self._lines.clear()
        return more

    def _tell_news(self, source: _Source) -> bool:
        """A portion of what has happened in one emulator, in order. Returns whether there is more."""
        there = end = len(source.emulator.journal)
        if not self._quiet:
            left_out = there - source.position - int(self._budget)
            if left_out > 0:
                source.position += left_out
                self._say(f"… {left_out} more facts are not shown here; 'fcemu timeline' shows all", "info", {})
            end = min(there, source.position + _PORTION)
        while source.heard and source.heard[0].position <= end:
            heard = source.heard.popleft()
            self._tell_facts(source, heard.position)
            self._tell_written(source, heard)
        self._tell_facts(source, end)
        return source.position < there

    def _tell_facts(self, source: _Source, end: int) -> None:
        begin, source.position = source.position, max(source.position, end)
        self._budget -= source.position - begin
        with suppress(host.StoreError):  # who asks for the journal hears of it
            for n, fact in source.emulator.journal.numbered(begin, end):
                kind = type(fact).__name__
                if isinstance(fact, Finished) and source.unfinished:
                    self._tell_rest(source, fact)
                if self._shows(kind, fact):
                    self._tell(source, n, fact, kind)

    def _shows(self, kind: str, fact: Fact) -> bool:
        if self._quiet:
            return kind in _WARNINGS or kind in _ERRORS
        return self._verbose or kind not in _DETAILS or (isinstance(fact, HookRan) and bool(fact.error))

    def _tell(self, source: _Source, n: int, fact: Fact, kind: str) -> None:
        who, what = source.timeline.told(fact)
        if len(who) > source.width:
            source.width = len(who)
        who = who.ljust(source.width)
        failed = isinstance(fact, Finished) and not isinstance(fact.outcome, Returned)
        trace = self._trace(source, fact) if failed or (self._quiet and kind in _ERRORS) else ""
        started = source.emulator.clock.started
        if self._as_json:
            line = f"{offset(fact.at, started)}  {who}  {what}"
            level = "error" if kind in _ERRORS else "warning" if kind in _WARNINGS else "info"
            more = {"traceback": trace} if trace else {}
            self._say(line, level, {"fact": source.emulator.journal.entry(n, fact), **more})
            return
        since = spoken_offset(fact.at, started)
        self._lines.append(f"{source.wall}{since}  {who}  {for_people(what)}")
        if trace and source.traces.get(fact.request_id) == trace:
            self._lines.append("    the same traceback as the attempt before")
        elif trace:
            source.traces[fact.request_id] = trace
            self._lines.extend(f"    {each}" for each in trace.splitlines())
        if kind in _ENDS:
            source.traces.pop(fact.request_id, None)

    def _trace(self, source: _Source, fact: Fact) -> str:
        """Where an attempt failed, with the paths of this machine."""
        journal = source.emulator.journal
        with suppress(LookupError, host.StoreError):
            invocation = journal.whole(journal.invocations[fact.request_id])
            number = fact.attempt if isinstance(fact, Finished) else invocation.last_attempt
            attempt = next(each for each in invocation.attempts if each.number == number)
            trace = source.emulator.traces.trace(invocation, attempt)
            return "" if trace is None else trace.text.rstrip()
        return ""

    def _tell_written(self, source: _Source, heard: _Heard) -> None:
        """The whole lines of what a handler has written."""
        key = heard.request_id, heard.attempt
        *lines, rest = (source.unfinished.pop(key, "") + without_error(heard.text)).split("\n")
        if rest:
            source.unfinished[key] = rest
        for line in lines:
            self._tell_output(source, *key, heard.at, line)

    def _tell_rest(self, source: _Source, fact: Finished) -> None:
        """What an attempt that has ended wrote last, without ending the line."""
        key = fact.request_id, fact.attempt
        if rest := source.unfinished.pop(key, ""):
            self._tell_output(source, *key, fact.at, rest)

    def _tell_output(self, source: _Source, request_id: str, attempt: int, at: datetime, line: str) -> None:
        warns = line.startswith(_WARNS)
        if self._quiet and not warns:
            return
        level, line = "warning" if warns else "info", line.removeprefix(_WARNS)
        if self._as_json:
            about = {"at": at.isoformat(), "request_id": request_id, "attempt": attempt}
            self._say(line, level, {"event": "output", **about})
            return
        since, name = spoken_offset(at, source.emulator.clock.started), source.timeline.name_of(request_id)
        self._lines.append(f"{source.wall}{since}  {name}  {'warning:' if warns else '|'} {line}")

    def _say(self, message: str, level: str, more: Mapping[str, Any]) -> None:
        if self._as_json:
            now = datetime.now(UTC).isoformat()
            message = json.dumps({"time": now, "level": level, "message": message, **more}, ensure_ascii=False)
        self._lines.append(message)


def without_error(text: str) -> str:
    """What a handler wrote, without the error document that FC's runtime logs behind it: the traceback follows."""
    found = re.search(_LOGGED_ERROR, text)
    if found is None:
        return text
    try:
        told, end = json.JSONDecoder().raw_decode(text, found.end())
    except ValueError:
        return text
    return text if "errorMessage" not in told else text[: found.start()] + text[end:].removeprefix("\n")
