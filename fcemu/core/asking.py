"""What a caller asks for and is refused, the same over HTTP and through handles: the delay, and why nothing ran."""

import json
from datetime import timedelta
from typing import Final

from fcemu.core.errors import FCError, InvalidArgument, ResourceThrottled, refused
from fcemu.core.limits import Limits
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import HUNG_UP, FunctionError, Halted, Stuck, SystemFailed, Throttled


def read_delay(text: str, limits: Limits) -> timedelta:
    """The value of ``x-fc-async-delay``: whole seconds from 0 to 3600; ``""`` is none (async-invocation §3).

    Raises ``InvalidArgument`` with the text as it was given.
    """
    longest = int(limits.delay_max.total_seconds())
    if not text:
        return timedelta(0)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= longest:
        return timedelta(seconds=int(text))
    raise InvalidArgument.choice("AsyncDelay", f"[0, {longest}]", text)


PROGRAM_ENDED: Final = ("CAExited", "CAFileNotFound")
"""How the program of a custom runtime cannot be started, or has ended. Source: errors-and-limits §2.1."""


def is_refusal(function: FunctionRef, outcome: object) -> bool:
    """Whether the caller of a synchronous invocation hears of an error that FC refuses requests with, although an
    attempt ran: in 3.0 a program that cannot be started or has ended is one. For retries it is a function error."""
    return function.service is None and isinstance(outcome, FunctionError) and outcome.error_type in PROGRAM_ENDED


def never_ran(function: FunctionRef, outcome: object) -> FCError:
    """Why no handler ran, as the caller of a synchronous invocation hears it. ASSUMED: fcemu makes up the texts that
    tell the caller of a synchronous invocation why no handler ran (errors-and-limits §2.1)."""
    match outcome:
        case FunctionError(error_type, document) if error_type in PROGRAM_ENDED:
            return FCError(error_type, json.loads(document)["errorMessage"])
        case Throttled():
            return FCError("ResourceExhausted", f"the concurrency limit of function '{function.name}' has been reached")
        case SystemFailed(message=text) if text:
            return FCError("FunctionNotStarted", text)
        case SystemFailed(status=503):
            return ResourceThrottled(f"there are no resources left to run function '{function.name}'")
        case SystemFailed():
            return refused("InternalServerError")
        case Halted(why) if why == HUNG_UP:
            return refused("ClientClosedRequest")
        case Stuck(why):
            # ASSUMED: fcemu tells the caller of an attempt that was stuck, an outcome that FC does not have, of an
            # error of the platform (errors-and-limits §1).
            return FCError("InternalServerError", why)
        case _:
            return ResourceThrottled("the emulator was closed before the function returned")
