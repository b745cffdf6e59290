"""The log of one attempt as FC keeps it: marker lines around what the handler wrote, and a summary; its tail."""

import base64
from datetime import timedelta
from typing import Final

from fcemu.core.invocation import Attempt
from fcemu.core.outcome import HANDLED, FunctionError, Halted, Returned

_MILLISECOND: Final = timedelta(milliseconds=1)


def log_of(attempt: Attempt, request_id: str, memory_mb: int, memory_used_mb: float) -> str:
    """The full log of an attempt; ``""`` for a refused one, and without end and summary for one that still runs.

    Source: runtimes §1.8. ASSUMED: fcemu leaves the line of a cold start, which belongs to the instance, out of the log
    of an attempt, and ends the log of an attempt that did not come back with an end marker (runtimes §5.1).
    """
    if not attempt.executed:
        return ""
    lines = f"FC Invoke Start RequestId: {request_id}\n{attempt.output}"
    if not lines.endswith("\n"):
        lines += "\n"
    if attempt.ended is None:
        return lines
    milliseconds = (attempt.ended - attempt.started) / _MILLISECOND
    return (
        f"{lines}FC Invoke End RequestId: {request_id}{_failure(attempt, milliseconds, memory_used_mb)}\n\n"
        f"Duration: {milliseconds:.2f} ms, Billed Duration: {-(-milliseconds // 1):.0f} ms, "
        f"Memory Size: {memory_mb} MB, Max Memory Used: {memory_used_mb:.2f} MB"
    )


def _failure(attempt: Attempt, milliseconds: float, memory_used_mb: float) -> str:
    """What the end marker says. Source: task-mode §4.4. ASSUMED: fcemu writes that an attempt was stopped as it writes
    a caller's cancel (task-mode §4.4)."""
    match attempt.outcome:
        case Returned():
            return ""
        case FunctionError(error_type=error_type) if error_type == HANDLED:
            return ", Error: Handled function error"
        case Halted():
            about = f"(duration: {milliseconds:.0f}ms, maxMemoryUsage: {memory_used_mb:.2f}MB)"
            return f", Error: Invocation canceled by client {about}"
        case _:
            return ", Error: Unhandled function error"


def tail(log: str, at_most_bytes: int) -> str:
    """The last bytes of a log in base64, as ``X-Fc-Log-Result`` carries them; a character may be cut in two."""
    return base64.b64encode(log.encode("utf-8", "replace")[-at_most_bytes:]).decode()
