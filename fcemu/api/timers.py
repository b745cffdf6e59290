"""Handlers under /_fcemu/timers: fire one now."""

from collections.abc import Mapping

from fcemu.api import problems
from fcemu.api.mounts import Handler
from fcemu.api.problems import json_answer, not_found, read_members
from fcemu.api.wire import Answer, WireRequest
from fcemu.core.errors import FCError


async def _fire(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    """Recorded; the invocation runs when the clock moves."""
    read_members(query, {}, "parameter")
    emulator, name = request.emulator, f"{path['function']}/{path['trigger']}"
    try:
        invocation = emulator.fire(problems.function_name(path["function"]), path["trigger"])
    except (FCError, ValueError):
        known = [f"{each.function}/{each.name}" for each in emulator.control.timers()]
        raise not_found("timer", name, known) from None
    return json_answer({"request_id": invocation.id})


ROUTES: Mapping[tuple[str, str], Handler] = {("POST", "/timers/{function}/{trigger}/fire"): _fire}
