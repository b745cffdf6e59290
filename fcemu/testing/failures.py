"""What people are told of failures: the error of an invocation, where it was raised, its log, and what to do now."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from fcemu.core.compact import short
from fcemu.core.invocation import Attempt, Invocation, State
from fcemu.core.outcome import FunctionError, Outcome, Stuck, SystemFailed, Throttled, TimedOut, error_message
from fcemu.engine.emulator import Emulator, FCError
from fcemu.engine.shown import shown

BAD: Final = (State.FAILED, State.EXPIRED, State.INVALID)
_LOG_LINES: Final = 10
"""Lines of an attempt's log that are shown: the last ones."""
_LINE_SHOWN: Final = 400


def error_of(invocation: Invocation) -> str | None:
    """Why an invocation ended badly, on one line; ``None`` where it did not, or has not ended."""
    outcome = invocation.outcome
    if invocation.state is State.EXPIRED:
        return "older than its maximum age before it ever ran"
    if invocation.state is State.INVALID:
        return invocation.reason
    if invocation.state is not State.FAILED and not isinstance(outcome, Stuck):
        return None
    match outcome:
        case FunctionError(error_type, document, name):
            said = error_message(document)
            text = f"{name or error_type}: {short(document) if said is None else _on_one_line(said)}"
            missing = _module_missing(document.decode(errors="replace")) if name == "ImportModuleError" else None
            return text if missing is None else f"{text} (there is no module {missing!r})"
        case TimedOut(document):
            return f"timed out: {_on_one_line(error_message(document) or '')}"
        case Throttled() | SystemFailed():
            return outcome.text
        case Stuck(why):
            return f"stuck: {why}"
        case _:
            return invocation.reason


def _on_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LINE_SHOWN else f"{line[:_LINE_SHOWN]}…"


def location_of(engine: Emulator, invocation: Invocation) -> str | None:
    """The line of the handler's code at which the last attempt failed, ``handlers.py:12``."""
    last = invocation.last
    trace = None if last is None else engine.traces.trace(invocation, last)
    return None if trace is None else trace.location


def in_short(engine: Emulator, invocation: Invocation) -> str:
    """``Failed: KeyError: 'email' at handlers.py:12, 4 attempts``."""
    location, count = location_of(engine, invocation), len(invocation.attempts)
    where = "" if location is None else f" at {location}"
    tries = "" if not count else ", 1 attempt" if count == 1 else f", {count} attempts"
    return f"{invocation.state}: {error_of(invocation)}{where}{tries}"


def told(engine: Emulator, invocation: Invocation, name: str) -> str:
    """A failed invocation for a report: its error and place, the traceback, the end of its log, and what to do now.

    ``name``: what the timeline calls it.
    """
    lines = [f"{name} {in_short(engine, invocation)} [{invocation.id}]"]
    if (last := invocation.last) is not None:
        lines += _of_attempt(engine, invocation, last)
    remedy = remedy_of(engine, invocation)
    return "\n".join([*lines, f"  what to do: {remedy}"] if remedy is not None else lines)


def _of_attempt(engine: Emulator, invocation: Invocation, attempt: Attempt) -> Iterator[str]:
    trace = engine.traces.trace(invocation, attempt)
    if trace is not None:
        yield from (f"  {line}" for line in trace.text.splitlines())
    log = _written(attempt, invocation)
    if log:
        left_out = len(log) - _LOG_LINES
        yield f"  its log{f', without the first {left_out} lines' if left_out > 0 else ''}:"
        yield from (f"    {line[:_LINE_SHOWN]}" for line in log[-_LOG_LINES:])


_ERROR_LINE: Final = re.compile(r"^\S+ \S+ \[ERROR\] \{$")
_NOISE: Final = re.compile(r'^FC Initialize | \[verbose\] load code for handler:| \[ERROR\] \{"errorMessage"')


def _written(attempt: Attempt, invocation: Invocation) -> list[str]:
    """What the handler itself wrote: without FC's marker lines and the document of its error, which is shown as a
    traceback."""
    kept: list[str] = []
    inside = False
    for line in attempt.output.splitlines():
        inside = inside or _ERROR_LINE.match(line) is not None
        if not inside and not _NOISE.search(line):
            kept.append(line)
        inside = inside and line != "}"
    return kept


# What to do now.


class _Case(NamedTuple):
    """What the remedies look at. ``name`` and ``document`` are those of a function error, ``""`` without one."""

    state: State
    outcome: Outcome | None
    name: str
    document: str
    handler: str
    code: str
    seconds: float


def remedy_of(engine: Emulator, invocation: Invocation) -> str | None:
    """What a user can do about a failed invocation; the first remedy of the table that fits."""
    outcome = invocation.outcome
    name, document = "", ""
    if isinstance(outcome, FunctionError):
        name, document = outcome.name or outcome.error_type, outcome.document.decode(errors="replace")
    try:
        function = engine.function(invocation.function)
        case = _Case(
            invocation.state,
            outcome,
            name,
            document,
            function.handler,
            shown(function.code),
            function.timeout.total_seconds(),
        )
    except FCError:  # it was deleted meanwhile
        case = _Case(invocation.state, outcome, name, document, "", "", 0.0)
    return next((text for remedy in _REMEDIES if (text := remedy(case)) is not None), None)


def _never_ran(case: _Case) -> str | None:
    if case.state is State.EXPIRED:
        return "raise maxAsyncEventAgeInSeconds, or let the event run earlier: its age exceeded the maximum"
    if case.state is State.INVALID:
        return "define the function again, or do not delete it before its invocations have run"
    return None


_NO_MODULE: Final = (
    re.compile(r"No module named \\?'([^'\\]+)"),
    re.compile(r"Cannot find (?:module|package) '([^']+)'"),
)


def _module_missing(document: str) -> str | None:
    found = next((found for one in _NO_MODULE if (found := one.search(document)) is not None), None)
    return None if found is None else found[1]


def _missing_module(case: _Case) -> str | None:
    missing = _module_missing(case.document)
    if missing is None:
        return None
    where = f"into the code directory {case.code}" if case.code else "next to the handler"
    return f"install the module {missing!r} where this test runs, or put it {where}"


_LOADING: Final = {
    "UserCodeSyntaxError": "correct the syntax of that file",
    "ImportModuleError": "correct what the module of the handler {handler!r} imports, or that name",
    "HandlerNotFound": "define the function that the handler {handler!r} names, or correct that name",
    "InvalidHandleName": "write the handler as module.function, got {handler!r}",
    "UserCodeError": "correct what the body of the module does when it is imported",
}


def _loading(case: _Case) -> str | None:
    text = _LOADING.get(case.name)
    return None if text is None else text.format(handler=case.handler)


def _not_json(case: _Case) -> str | None:
    if case.name != "TypeError" or "is not JSON serializable" not in case.document:
        return None
    if "<coroutine object" in case.document:
        return "FC's Python does not await an async def: make the handler a plain function that calls asyncio.run(…)"
    if "<generator object" in case.document or "<async_generator object" in case.document:
        return "FC's Python does not run a generator: let the handler return a value instead of using yield"
    return "return a string, bytes, or values of JSON: numbers, strings, lists, dictionaries"


def _parameters(case: _Case) -> str | None:
    handler = case.handler.rpartition(".")[2]
    takes = rf"{re.escape(handler)}\(\) (?:takes|missing) .*positional argument"
    if case.name != "TypeError" or not handler or not re.search(takes, case.document):
        return None
    return f"FC calls a handler with two arguments: def {handler}(event, context)"


def _exited(case: _Case) -> str | None:
    if case.name != "ProcessExited":
        return None
    return "the handler ended its process (sys.exit, os._exit, a crash): let it return a value or raise an exception"


def _timed_out(case: _Case) -> str | None:
    if not isinstance(case.outcome, TimedOut):
        return None
    seconds = f" of {case.seconds:g} s" if case.seconds else ""
    return f"raise the timeout{seconds} in the definition, or let the handler take less time"


def _refused(case: _Case) -> str | None:
    if isinstance(case.outcome, Throttled):
        return "retry in the caller, or raise the function's instance limit; a fault or a stub may also have refused it"
    if isinstance(case.outcome, SystemFailed):
        return "retry in the caller: FC itself failed here, because of a fault or a stub"
    return None


def _stuck(case: _Case) -> str | None:
    if not isinstance(case.outcome, Stuck):
        return None
    return "do not let one thread of the handler wait for something real while another one sleeps in virtual time"


def _raised(case: _Case) -> str | None:
    if not case.name:
        return None
    return "correct that line, or expect the error: assert on invocation.status, or pytest.raises(InvocationFailed)"


_REMEDIES: Final[tuple[Callable[[_Case], str | None], ...]] = (
    _never_ran,
    _missing_module,
    _loading,
    _not_json,
    _parameters,
    _exited,
    _timed_out,
    _refused,
    _stuck,
    _raised,
)
"""Each says what to do about the failures that it knows."""
