"""Handler of /_fcemu/invocations/{id}/test: what happened to an invocation, as a test."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from fcemu.api.history import invocation_named
from fcemu.api.setup import parts_of
from fcemu.api.state import ServerState
from fcemu.api.wire import WireRequest
from fcemu.core.facts import Accepted, Changed, Fact
from fcemu.core.invocation import Invocation
from fcemu.core.options import FIXTURE, OPTIONS
from fcemu.core.settings import default_of, setting_of
from fcemu.engine.emulator import Asked, Emulator
from fcemu.own_api.problems import Problem
from fcemu.retelling.story import Member, NotRetold, Setting, retold

_NOT_TOLD: Final = frozenset(
    {"rate", "autojump", "start", "seed", "chance", "auth", "access_keys", "deliver_to", "watchdog", "grace_seconds"}
    | {"in_memory", "odds"}
)
"""Options of which a test says something else, or that only matter to a client over HTTP or to a long run."""
_OF_HOST: Final = ("runtime", "python", "isolate", "env")
"""Options that are none of ``Settings`` and decide how handlers run."""
_MOST_BEFORE: Final = 20
"""How many requests a test repeats at most before the one that it is about."""


class Retold:
    """Writes tests."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state

    async def retell_invocation(self, request: WireRequest, request_id: str) -> str:
        """Written on another thread, because all facts are looked at."""
        emulator, parts = request.emulator, parts_of(self._state, "tests")
        recorded = invocation_named(emulator, request_id)
        said, path = parts.said(), parts.path()

        def write() -> str:
            wanted = emulator.journal.whole(recorded)
            family, order, changed = _family(emulator, wanted.accepted.root)
            definition: str | Mapping[str, Any]
            if path is None or changed or emulator.setup.extended:
                definition = {key: each for key, each in parts.defined(emulator).items() if key != "stubs"}
            else:
                definition = path
            return retold(wanted, family, order, _setting(emulator, definition, said), _before(emulator, family))

        try:
            return await asyncio.to_thread(write)
        except NotRetold as why:
            raise Problem("not-retold", f"no test can make this happen again: {why}") from None


def _family(emulator: Emulator, root: str) -> tuple[list[Member], dict[int, int], bool]:
    """All that a request from outside led to, the places of the facts, and whether an API has changed a definition."""
    journal, facts, order, changed = emulator.journal, dict[str, list[Fact]](), dict[int, int](), False
    for n, fact in journal.numbered(0):
        if isinstance(fact, Accepted) and fact.root == root:
            facts[fact.request_id] = []
        changed = changed or isinstance(fact, Changed)
        if fact.request_id in facts:
            facts[fact.request_id].append(fact)
            order[id(fact)] = n
    if root not in facts:
        raise NotRetold("the request that led to it is no longer kept")
    members = [Member(journal.whole(journal.invocations[each]), mine) for each, mine in facts.items()]
    return members, order, changed


def _before(emulator: Emulator, family: list[Member]) -> list[Invocation]:
    """The HTTP requests that the instances of another one answered before it; none where there are too many."""
    first = family[0].invocation
    if first.accepted.source != "http":
        return []
    instances = {attempt.instance_id for attempt in first.attempts if attempt.executed}
    found: list[Invocation] = []
    for recorded in emulator.journal.invocations.values():
        if recorded.id == first.id or len(found) > _MOST_BEFORE:
            break
        if recorded.function != first.function or not recorded.synchronous or not recorded.finished:
            continue
        one = emulator.journal.whole(recorded)
        ran = one.accepted.source == "http" and one.ended is not None and one.ended <= first.at
        if ran and instances & {attempt.instance_id for attempt in one.attempts if attempt.executed}:
            found.append(one)
    alone = all(one.ended is not None and one.ended <= following.at for one, following in pairwise(found))
    return found if alone and len(found) <= _MOST_BEFORE else []


def _setting(emulator: Emulator, definition: str | Mapping[str, Any], said: Mapping[str, Any]) -> Setting:
    options = {name: said[name] for name in _OF_HOST if said.get(name) not in (None, default_of(OPTIONS[name]))}
    for name, option in OPTIONS.items():
        if option.field and option.may(FIXTURE) and name not in _NOT_TOLD:
            value = setting_of(option, emulator.settings)
            if value != default_of(option):
                options[name] = value
    triggers: dict[str, dict[str, str]] = {}
    for trigger in emulator.triggers.all():
        triggers.setdefault(str(trigger.function), {})[trigger.name] = trigger.kind
    return Setting(
        definition=definition,
        options=options,
        stubbed=emulator.setup.stubbed(),
        triggers=triggers,
        task_modes=frozenset(str(each.ref) for each in emulator.functions() if emulator.is_task(Asked(each.ref, b""))),
        now=emulator.clock.shown(),
    )
