"""What a stub does in place of a function's code: steps; and what it was called with."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Refusal, Throttled
from fcemu.core.values import dataclass, value
from fcemu.core.wording import either

REFUSALS: Final[dict[int, Refusal]] = {429: Throttled(), 500: INTERNAL_ERROR, 503: NO_CAPACITY}
"""What a step's ``status`` makes of an attempt: it does not run."""

Handler = Callable[[Any, Any], Any]
"""A callable that takes FC's ``(event, context)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one attempt comes to. Raises ``ValueError`` for what contradicts itself."""

    returns: Any = None
    """What the handler returns, as a Python handler would."""
    raises: BaseException | type[BaseException] | None = None
    """The exception, or the class of exceptions, that the handler raises."""
    seconds: float = 0
    """How long the attempt takes, in virtual time."""
    logs: str = ""
    """Text for the attempt's log."""
    status: int = 200
    """429, 500 or 503 refuse the attempt, which then neither runs nor returns, takes no time and has no log."""

    def __post_init__(self) -> None:
        if self.status != 200 and self.status not in REFUSALS:
            raise ValueError(f"status: expected {either((200, *REFUSALS))}, got {self.status!r}")
        if isinstance(self.seconds, bool) or not isinstance(self.seconds, int | float) or not self.seconds >= 0:
            raise ValueError(f"seconds: expected a number of 0 or more, got {self.seconds!r}")
        if not isinstance(self.logs, str):
            raise ValueError(f"logs: expected a string, got {self.logs!r}")
        if self.raises is not None and not _is_raisable(self.raises):
            raise ValueError(f"raises: expected an exception, got {self.raises!r}")
        said = [name for name in ("returns", "raises") if getattr(self, name) is not None]
        if len(said) == 2:
            raise ValueError("a step either returns or raises; it cannot do both")
        if self.status != 200 and (said := [*said, *(name for name in ("seconds", "logs") if getattr(self, name))]):
            raise ValueError(f"an attempt that is refused with {self.status} does not run; leave out {', '.join(said)}")

    @property
    def refusal(self) -> Refusal | None:
        """Why the attempt does not run, if it does not."""
        return REFUSALS.get(self.status)


def error_named(name: str, message: str) -> Exception:
    """An exception whose class has that name, as a handler's own would."""
    kind: type[Exception] = type(name, (Exception,), {"__module__": "stub"})
    return kind(message)


def plain_step(step: "Step | Handler") -> dict[str, Any] | None:
    """A step as a definition and the emulator's API write it; ``None`` where it cannot be written."""
    if not isinstance(step, Step):
        return None
    try:
        json.dumps(step.returns)
    except (TypeError, ValueError):
        return None
    said: dict[str, Any] = {"seconds": step.seconds, "logs": step.logs} | (
        {"status": step.status} if step.status != 200 else {}
    )
    if isinstance(step.raises, type):
        said["raises"] = {"errorType": step.raises.__name__}
    elif step.raises is not None:
        said["raises"] = {"errorType": type(step.raises).__name__, "errorMessage": str(step.raises)}
    elif step.returns is not None:
        said["returns"] = step.returns
    return {name: value for name, value in said.items() if value or name == "returns"}


def step_of(given: object) -> "Step | Handler":
    """A step as a test may write it: an exception is raised, a callable is the handler, anything else is returned."""
    if isinstance(given, Step):
        return given
    if _is_raisable(given):
        return Step(raises=given)  # type: ignore[arg-type]
    return given if callable(given) else Step(returns=given)


def _is_raisable(given: object) -> bool:
    return isinstance(given, BaseException) or (isinstance(given, type) and issubclass(given, BaseException))


@value
class StubCall:
    """One attempt that reached a stub."""

    payload: bytes
    """The event of the attempt, as its caller sent it."""
    at: datetime
    """The virtual instant at which the attempt started, in UTC."""
    request_id: str
    """The invocation to which the attempt belongs."""
    attempt: int
    """The number of the attempt, from 1."""

    def json(self) -> Any:
        """The payload read as JSON; raises ``ValueError``."""
        return json.loads(self.payload)
