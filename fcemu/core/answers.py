"""What the caller of an invocation gets, of FC's API or of an HTTP trigger: the same over HTTP and through handles."""

from typing import Final

from fcemu.core.asking import is_refusal, never_ran
from fcemu.core.errors import FCError
from fcemu.core.http_events import checked, response_of
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import FunctionError, Halted, Returned, Stuck, TimedOut
from fcemu.core.values import value

Headers = tuple[tuple[str, str], ...]
_BYTES: Final[Headers] = (("Content-Type", "application/octet-stream"),)
_JSON: Final[Headers] = (("Content-Type", "application/json"),)


@value
class Answer:
    """``error`` is FC's error type, or the code of ``refusal``; ``None`` where the function has returned.

    ``refusal``: the error that FC answers with instead, because no handler ran or its answer cannot be passed on.
    ``by_function``: the function itself has written status and headers, so that none of FC's are added.
    """

    status: int
    headers: Headers
    body: bytes
    error: str | None = None
    refusal: FCError | None = None
    by_function: bool = False


def answer_of(invocation: Invocation) -> Answer:
    """What InvokeFunction answers, by the last attempt of an invocation that has ended."""
    last = invocation.outcome
    match last:
        case Returned():
            return Answer(200, _BYTES, last.payload)
        case FunctionError(error_type, body) | TimedOut(body, error_type):
            if invocation.accepted.synchronous and is_refusal(invocation.accepted.function, last):
                return _refused(invocation, body)
            return Answer(200, _JSON, body, error_type)
        case _:
            return _refused(invocation)


def recorded_answer_of(invocation: Invocation) -> Answer | None:
    """The same as a record shows it; ``None`` before the end, and where the emulator itself has ended the attempt."""
    last = invocation.outcome
    if not invocation.finished or last is None or isinstance(last, Halted | Stuck):
        return None
    return answer_of(invocation)


def http_answer_of(invocation: Invocation) -> Answer:
    """What an HTTP trigger answers, by the last attempt of an invocation that has ended."""
    last = invocation.outcome
    match last:
        case Returned(body, http) | FunctionError(_, body, _, http) if isinstance(last, Returned) or http is not None:
            try:
                answer, body = response_of(body) if http is None else (http, body)
                answer = checked(answer)
            except FCError as refusal:
                return Answer(refusal.status, (), b"", refusal.code, refusal)
            error = None if isinstance(last, Returned) else last.error_type
            return Answer(answer.status, answer.headers, body, error, by_function=True)
        case FunctionError(error_type, body) | TimedOut(body, error_type):
            return Answer(502, _JSON, body, error_type)
        case _:
            return _refused(invocation)


def _refused(invocation: Invocation, body: bytes = b"") -> Answer:
    refusal = never_ran(invocation.accepted.function, invocation.outcome)
    refusal.request_id = invocation.id
    return Answer(refusal.status, (), body, refusal.code, refusal)
