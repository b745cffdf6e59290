"""What the report of a failed test has of each emulator: the failures with their tracebacks, and the timeline."""

import re
from collections.abc import Iterator
from typing import Final

from fcemu.core.errors import FCError
from fcemu.core.facts import InstanceStarted, Warned
from fcemu.core.invocation import Recorded, State
from fcemu.core.timeline import Timeline, capped
from fcemu.core.times import for_people
from fcemu.engine.emulator import Emulator
from fcemu.engine.lines import is_ours
from fcemu.testing.exploring import story
from fcemu.testing.failures import BAD, error_of, told
from fcemu.testing.taking_part import Part, is_alone, of_test

FAILURES, TIMELINE = "fcemu failures", "fcemu timeline"
MORE: Final = "--fcemu-timeline=all"
_FAILURES_SHOWN: Final = 3
_MATTER: Final = 20
"""How many failed and waiting invocations the timeline looks for when it is capped."""
_EMULATORS_SHOWN: Final = 3
_WARNINGS_SHOWN: Final = 3


def sections(test: str, *, whole: bool) -> list[tuple[str, str]]:
    """The sections of the emulators that took part in the test that runs now, each with its title. ``whole``: nothing
    is left out. ``test`` is what pytest calls it."""
    parts, gone = of_test()
    shown = parts if whole else parts[-_EMULATORS_SHOWN:]
    found = [section for part in shown for section in sections_of(part, test, whole=whole)]
    missing = gone + len(parts) - len(shown)
    if missing:
        text = f"this test used {missing} more emulators before these"
        found.append(("fcemu", text if gone else f"{text}, {MORE}"))
    return found


def end_in_the_test(error: BaseException) -> None:
    """What the emulator has refused is shown where the test has called it: no frame of ours stands below that."""
    if not isinstance(error, FCError | ValueError | LookupError | TimeoutError):
        return  # anything else may be a defect of ours, whose place matters
    last, trace = None, error.__traceback__
    while trace is not None:
        if not is_ours(trace.tb_frame.f_code.co_filename):
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None


def coloured(title: str, text: str) -> str:
    """The text of a section for a terminal that shows colours: what failed is red, what to do is bold, what the
    emulator warns of or has refused is yellow."""
    lines = text.splitlines()
    return "\n".join(f"{style}{line}{_PLAIN}" if (style := _style(title, line)) else line for line in lines)


_RED, _YELLOW, _BOLD, _PLAIN = "\033[31m", "\033[33m", "\033[1m", "\033[0m"
_BADLY: Final = re.compile(
    r"  (?:attempt \d+ (?:failed|timed out|stuck|refused)|(?:Failed|Invalid): |Expired$|not delivered to )"
)
_ODDLY: Final = re.compile(r"  warning: |^\S+ s\s+\(refused\) ")


def _style(title: str, line: str) -> str:
    if _ODDLY.search(line):
        return _YELLOW
    if title == TIMELINE:
        return _RED if _BADLY.search(line) else ""
    if line.startswith("  what to do: "):
        return _BOLD
    return _RED if title == FAILURES and line and not line.startswith((" ", "…")) else ""


def sections_of(part: Part, test: str, *, whole: bool) -> Iterator[tuple[str, str]]:
    """The sections of one emulator."""
    engine = part._access.present
    timeline = Timeline(engine.clock.started)
    records = list(engine.journal.invocations.values())
    failed = [one for one in records if one.state in BAD or _is_stuck(engine, one)]
    waiting = [one for one in records if not one.finished]
    matter = [one.id for one in (*reversed(failed[-_MATTER:]), *waiting[:_MATTER])]
    count = len(engine.journal)
    lines = timeline.lines(engine.journal) if whole else capped(timeline, engine.journal, count, matter, MORE)
    if failed:
        yield FAILURES, _failures(engine, failed, timeline, whole=whole)
    text = "\n".join(lines) or "nothing happened"
    explained = part.explain() if whole else for_people(part.explain())
    yield TIMELINE, "\n\n".join([text, *_notes(part), explained, *_repeat(part, test)])


def _is_stuck(engine: Emulator, record: Recorded) -> bool:
    """Whether only the clock held it up: it is Stopped then, as it is when a test stops it."""
    return record.state is State.STOPPED and error_of(engine.journal.whole(record)) is not None


def _failures(engine: Emulator, failed: list[Recorded], timeline: Timeline, *, whole: bool) -> str:
    shown = failed if whole else failed[-_FAILURES_SHOWN:]
    texts = []
    for record in reversed(shown):
        text = told(engine, engine.journal.whole(record), timeline.names.get(record.id, str(record.function)))
        texts.append("\n".join([text, *_warnings(engine, record)]))
    if len(shown) < len(failed):
        texts.append(f"… {len(failed) - len(shown):,} more failed invocations, {MORE}")
    return "\n\n".join(texts)


def _warnings(engine: Emulator, record: Recorded) -> list[str]:
    """What the emulator has warned of while the invocation ran: what the watchdog did, for example."""
    facts = engine.journal.histories([record])[record.id]
    texts = list(dict.fromkeys(fact.text for fact in facts if isinstance(fact, Warned)))
    whole = engine.journal.whole(record)
    return [f"  warning: {engine.traces.real_text(whole, text)}" for text in texts[-_WARNINGS_SHOWN:]]


def _notes(part: Part) -> list[str]:
    """What the timeline does not say although it matters: that instances of inline handlers share their modules."""
    if not part.shares_modules:
        return []
    engine = part._access.present
    started: dict[str, int] = {}
    for fact in engine.journal:
        if isinstance(fact, InstanceStarted) and (function := engine.journal.function_of(fact)) is not None:
            started[str(function)] = started.get(str(function), 0) + 1
    several = [name for name, count in started.items() if count > 1]
    if not several:
        return []
    return [
        f"the new instances of {', '.join(several)} share the modules of their inline handlers, so that globals of a "
        "module keep their values from one instance to the next; with isolate=True each instance imports its own"
    ]


def _repeat(part: Part, test: str) -> list[str]:
    """How to run it again; a search tells that itself."""
    going_on = story()
    if going_on is not None and going_on.governs:
        return []
    token = part._seeded_token(test) if not test or is_alone(part) else None
    if not test:
        by_token = [] if token is None else [f"or, whatever the odds are then, with the option repeat={token!r}"]
        return [f"repeat it with the option seed={part.seed}", *by_token]
    lines = [f'repeat it with: pytest "{test}" --fcemu-seed={part.seed}']
    if token is not None:
        lines.append(f'or, whatever the odds are then, with: pytest "{test}" --fcemu-repeat={token}')
    return ["\n".join(lines)]


def report_of(part: Part) -> str:
    """The sections of one emulator as one text, for an exception that leaves its ``with`` block."""
    return "\n\n".join(f"{title}:\n{text}" for title, text in sections_of(part, "", whole=False))
