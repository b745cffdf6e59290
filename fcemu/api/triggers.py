"""These handlers, under /_fcemu/timers and /_fcemu/triggers, let something happen that invokes a function."""

from typing import Any

from fcemu.api.own_answers import json_bytes
from fcemu.api.wire import WireRequest
from fcemu.core.errors import FCError
from fcemu.core.event_filters import NotFired
from fcemu.own_api import records
from fcemu.own_api.codec import FUNCTION_NAME
from fcemu.own_api.problems import Problem, not_found


async def fire_timer(request: WireRequest, function: str, trigger: str) -> records.Accepted:
    """Recorded; the invocation runs when the clock moves."""
    emulator = request.emulator
    try:
        invocation = emulator.fire(FUNCTION_NAME.read(function), trigger)
    except (FCError, ValueError):
        known = [f"{each.function}/{each.name}" for each in emulator.control.timers()]
        raise not_found("timer", f"{function}/{trigger}", known) from None
    return records.Accepted(request_id=invocation.id)


async def fire_trigger(request: WireRequest, function: str, trigger: str, said: dict[str, Any]) -> records.Fired:
    """The body has the event's fields, or ``payload``: text, or JSON. Recorded; the invocation runs when the clock
    moves. An event that the trigger lets pass by invokes nothing: the request id is null, the reason says why."""
    triggers = request.emulator.triggers
    payload = _payload(said.pop("payload")) if "payload" in said else None
    try:
        invocation = triggers.fire(FUNCTION_NAME.read(function), trigger, said, payload)
    except NotFired as passed:
        return records.Fired(request_id=None, reason=str(passed))
    except FCError as refused:
        if refused.code not in ("ServiceNotFound", "FunctionNotFound", "TriggerNotFound"):
            raise
        known = [f"{each.function}/{each.name}" for each in triggers.all()]
        raise not_found("trigger", f"{function}/{trigger}", known) from None
    except ValueError as wrong:
        raise Problem("invalid-field", str(wrong)) from None
    return records.Fired(request_id=invocation.id, reason=None)


def _payload(given: Any) -> bytes:
    return given.encode() if isinstance(given, str) else json_bytes(given)
