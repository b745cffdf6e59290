"""What one attempt can come to: returned, function error, timed out, throttled, system error, stopped, stuck.

Each has a ``word`` for people and for ``Attempt.outcome``, and a ``text`` for the timeline.
"""

import json
from datetime import timedelta
from typing import ClassVar, Final

from fcemu.core.compact import short
from fcemu.core.http import HttpAnswer
from fcemu.core.output import RESULT_BYTES
from fcemu.core.values import value

UNHANDLED: Final = "UnhandledInvocationError"
HANDLED: Final = "HandledInvocationError"
INITIALIZATION: Final = "InitializationError"


@value
class Returned:
    """The handler returned; ``payload`` is what the caller gets. ``http``: status and headers, where the function
    answered the request of an HTTP trigger itself."""

    payload: bytes
    http: HttpAnswer | None = None
    word = "returned"

    @property
    def text(self) -> str:
        return f"returned {short(self.payload)}"


@value
class FunctionError:
    """The code ran and failed.

    ``error_type`` is FC's header value (``UnhandledInvocationError``, …), ``document`` the JSON body the caller gets,
    ``name`` the finer name: the exception's class, or a word of FC's request log (runtimes §5.4). ``http``: what the
    client of an HTTP trigger gets, where a custom runtime has answered it with a failure.
    """

    error_type: str
    document: bytes
    name: str = ""
    http: HttpAnswer | None = None
    word = "function error"

    @property
    def text(self) -> str:
        return f"failed: {self.name or self.error_type}: {_said(self.document)}"


@value
class TimedOut:
    """The function's timeout struck; a function error too (retry-and-destinations §1.1)."""

    document: bytes
    error_type: str = UNHANDLED
    name: str = "FunctionTimeoutError"
    word = "timed out"

    @property
    def text(self) -> str:
        return f"timed out: {_said(self.document)}"


@value
class Throttled:
    """429: no instance was free; the handler did not run."""

    code: str = "ResourceExhausted"
    status: int = 429
    word = "throttled"

    @property
    def text(self) -> str:
        return f"{self.status} {self.code}"


@value
class SystemFailed:
    """500 or 503: the platform failed; the handler did not run. ``message``: what the caller hears, if it is not FC's
    usual text."""

    status: int
    code: str
    message: str = ""
    word = "system error"

    @property
    def text(self) -> str:
        return f"{self.status} {self.code}"


@value
class _BrokenOff:
    """An attempt that was ended from outside of it."""

    word: ClassVar[str]

    why: str

    @property
    def text(self) -> str:
        return f"{self.word}: {self.why}"


@value
class Halted(_BrokenOff):
    """The attempt was ended because somebody stopped the invocation or closed the emulator."""

    word = "stopped"


@value
class Stuck(_BrokenOff):
    """The attempt could not go on because the emulator's clock stood still for it, which in FC goes on: no outcome of
    FC's. So it is neither retried nor reported, and whoever moves the clock hears of it.
    """

    word = "stuck"


Ran = Returned | FunctionError | TimedOut | Halted | Stuck
Refusal = Throttled | SystemFailed
Outcome = Ran | Refusal

HUNG_UP: Final = "its caller hung up"
"""Why a synchronous invocation was halted whose caller does not wait any more."""
INTERNAL_ERROR: Final = SystemFailed(500, "InternalServerError")
NO_CAPACITY: Final = SystemFailed(503, "ResourceThrottled")


def timed_out(timeout: timedelta, memory_used_mb: float) -> TimedOut:
    """The outcome when the function's timeout strikes. Source: errors-and-limits §3, a real answer."""
    seconds = f"{timeout.total_seconds():g}"
    text = f"Function timed out after {seconds} seconds (maxMemoryUsage: {memory_used_mb:.2f}MB)"
    return TimedOut(error_document(text))


def exited(duration: timedelta, memory_used_mb: float) -> FunctionError:
    """The outcome when the handler ends its process. Source: runtimes §5.3, with two decimals as in a real answer."""
    milliseconds = round(duration.total_seconds() * 1000)
    text = (
        f"Process exited unexpectedly before completing request "
        f"(duration: {milliseconds}ms, maxMemoryUsage: {memory_used_mb:.2f}MB)"
    )
    return FunctionError(UNHANDLED, error_document(text), "ProcessExited")


_TOO_LARGE: Final = f"is larger than {RESULT_BYTES} bytes, the most that a caller gets"


def bounded(outcome: Ran) -> Ran:
    """What an attempt came to; in place of a result or an error that is too large for a caller, a function error."""
    if isinstance(outcome, Returned) and len(outcome.payload) > RESULT_BYTES:
        return FunctionError(UNHANDLED, error_document(f"The result {_TOO_LARGE}"), "FunctionUnhandledError")
    if isinstance(outcome, FunctionError) and len(outcome.document) > RESULT_BYTES:
        return FunctionError(outcome.error_type, error_document(f"The error {_TOO_LARGE}"), outcome.name)
    return outcome


def error_message(document: bytes) -> str | None:
    """What the body of a function error says; ``None`` where it says nothing in FC's way."""
    try:
        return str(json.loads(document)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return None


def _said(document: bytes) -> str:
    said = error_message(document)
    return short(document) if said is None else said


def error_document(message: str) -> bytes:
    """A function error body that has nothing but a message."""
    return json.dumps({"errorMessage": message}).encode()
