"""Handlers under /_fcemu/triggers: let something happen of which one hears."""

from collections.abc import Mapping
from typing import Any

from fcemu.api import problems
from fcemu.api.mounts import Handler
from fcemu.api.problems import Problem, json_answer, not_found, read_members, read_object
from fcemu.api.wire import Answer, WireRequest
from fcemu.core.errors import FCError
from fcemu.core.event_filters import NotFired

_BODY_BYTES = 1024 * 1024


async def _fire(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    """The body has the event's fields, or ``payload``: text, or JSON. Recorded; the invocation runs when the clock
    moves. An event that the trigger lets pass by invokes nothing: the request id is null, the reason says why."""
    read_members(query, {}, "parameter")
    said = read_object(await request.body(_BODY_BYTES), None)
    triggers, name = request.emulator.triggers, f"{path['function']}/{path['trigger']}"
    payload = _payload(said.pop("payload")) if "payload" in said else None
    try:
        invocation = triggers.fire(problems.function_name(path["function"]), path["trigger"], said, payload)
    except NotFired as passed:
        return json_answer({"request_id": None, "reason": str(passed)})
    except FCError as refused:
        if refused.code not in ("ServiceNotFound", "FunctionNotFound", "TriggerNotFound"):
            raise
        raise not_found("trigger", name, [f"{each.function}/{each.name}" for each in triggers.all()]) from None
    except ValueError as wrong:
        raise Problem(400, "invalid-field", str(wrong)) from None
    return json_answer({"request_id": invocation.id, "reason": None})


def _payload(given: Any) -> bytes:
    return given.encode() if isinstance(given, str) else json_answer(given).body


ROUTES: Mapping[tuple[str, str], Handler] = {("POST", "/triggers/{function}/{trigger}/fire"): _fire}
