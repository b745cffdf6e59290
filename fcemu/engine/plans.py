"""A plan is what an attempt of a function needs, looked up once per definition; stand-ins replace a function's code."""

from collections.abc import Callable
from typing import Final

from fcemu.core.catalog import Resolved
from fcemu.core.errors import FCError, NotImplementedYet
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.invocation import Invocation
from fcemu.core.languages import RUNS_AS, runs_as
from fcemu.core.names import FunctionRef
from fcemu.core.retry import RetryPolicy
from fcemu.engine.backlog import Backlog
from fcemu.engine.instances import Key, Pool
from fcemu.engine.ports import Runtime, StandIn
from fcemu.engine.world import World


class Plan:
    """All that an attempt of one function and qualifier needs, looked up once per definition."""

    __slots__ = ("asked", "policy", "pool", "resolved", "runs_as", "stand_in")

    def __init__(
        self, resolved: Resolved, asked: AsyncSettings, policy: RetryPolicy, pool: Pool, stand_in: StandIn | None
    ) -> None:
        self.resolved = resolved
        self.asked = asked
        self.policy = policy
        self.pool = pool
        self.stand_in = stand_in
        runtime = resolved.function.runtime
        self.runs_as = runs_as(runtime) if runtime in RUNS_AS and stand_in is None else None
        """Says that the code runs in another runtime than it was written for, if it does."""


class Plans:
    """Plans of all functions and qualifiers. Every method but ``known_pool`` is called with the baton held."""

    def __init__(self, world: World, runtime_of: Callable[[str], Runtime]) -> None:
        self._settings: Final = world.settings
        self._catalog: Final = world.catalog
        self._chance: Final = world.chance
        self._agenda: Final = world.agenda
        self._runtime_of: Final = runtime_of
        self._plans: dict[Key, Plan] = {}
        self._chosen: dict[tuple[FunctionRef, str, str], Plan] = {}
        """Plans of aliases that lead to several versions, by the version that was chosen."""
        self._stand_ins: dict[FunctionRef, list[StandIn]] = {}
        """What runs instead of a function's own code: the last one of each."""
        self._backlogs: Final[dict[Key, Backlog]] = {}
        self.pools: Final[dict[tuple[FunctionRef, str, str], Pool]] = {}
        """By function, qualifier and version."""

    def plan(self, ref: FunctionRef, qualifier: str, *, choose_for: Invocation | None = None) -> Plan:
        """What an invocation by this qualifier needs. ``choose_for``: its attempt starts, so that chance says which
        version it runs where an alias leads to several. Raises what ``Catalog.find`` raises, ``NotImplementedYet`` for
        a function whose runtime the emulator does not have."""
        plan = self._plans.get((ref, qualifier))
        if plan is None:
            plan = self._plans[ref, qualifier] = self._made(self._catalog.find(ref, qualifier))
        if choose_for is not None and plan.resolved.shares:
            version = self._chance.version(plan.resolved.shares, choose_for)
            chosen = self._chosen.get((ref, qualifier, version))
            if chosen is None:
                chosen = self._made(self._catalog.find(ref, qualifier, lambda _: version))
                self._chosen[ref, qualifier, version] = chosen
            return chosen
        return plan

    def _made(self, resolved: Resolved) -> Plan:
        function = resolved.function
        stand_in = self.stand_in(function.ref)
        asked = self._catalog.async_settings(function.ref, resolved.qualifier)
        policy = RetryPolicy.of(asked, function.generation, self._settings)
        return Plan(resolved, asked, policy, self._pool(resolved, stand_in), stand_in)

    def _pool(self, resolved: Resolved, stand_in: StandIn | None) -> Pool:
        """The instances of a function as a qualifier means it now."""
        function, key = resolved.function, (resolved.function.ref, resolved.qualifier)
        pool = self.pools.get((*key, resolved.version))
        if pool is None:
            runtime = stand_in or self._runtime_for(function)
            idle = self._settings.idle if function.idle is None else function.idle
            backlog = self._backlogs.get(key)
            if backlog is None:
                backlog = self._backlogs[key] = Backlog(self._agenda)
            pool = self.pools[*key, resolved.version] = Pool(key, resolved.version, function, runtime, idle, backlog)
        return pool

    def known_pool(self, ref: FunctionRef, qualifier: str) -> Pool | None:
        """The instances of a qualifier that leads to one version, if its plan is made already; else ``None``. It may be
        called without the baton: it looks at a table once, and a change puts another table in its place."""
        plan = self._plans.get((ref, qualifier))
        return None if plan is None or plan.resolved.shares else plan.pool

    def find(self, ref: FunctionRef, qualifier: str) -> Plan | None:
        """The plan of a qualifier; ``None`` where it means nothing now."""
        try:
            return self.plan(ref, qualifier)
        except FCError:
            return None

    def _runtime_for(self, function: Function) -> Runtime:
        if self._settings.strict_runtimes and function.runtime in RUNS_AS:
            why = (
                f"runtime '{function.runtime}' is not installed, and strict_runtimes does not allow another one in its "
                "place"
            )
            raise NotImplementedYet(f"function {function.ref} cannot run: {why}")
        try:
            return self._runtime_of(function.runtime)
        except ValueError as unknown:
            raise NotImplementedYet(f"function {function.ref} cannot run: {unknown}") from None

    def forget(self, of: Callable[[FunctionRef], bool]) -> None:
        """Look up again what qualifiers of these functions mean, and how their invocations are retried and reported."""
        self._plans = {key: plan for key, plan in self._plans.items() if not of(key[0])}
        self._chosen = {key: plan for key, plan in self._chosen.items() if not of(key[0])}

    # Stand-ins: stubs, and callables of a test.

    def stand_in(self, ref: FunctionRef) -> StandIn | None:
        """What runs instead of the function's own code, if anything does."""
        there = self._stand_ins.get(ref)
        return there[-1] if there else None

    def put(self, ref: FunctionRef, stand_in: StandIn, *, below: bool = False) -> None:
        """Let ``stand_in`` run what starts in new instances; it covers those that are there, or is covered by them."""
        there = self._stand_ins.setdefault(ref, [])
        there.insert(0 if below else len(there), stand_in)

    def take_away(self, ref: FunctionRef, stand_in: StandIn | None = None) -> None:
        """Take one away, wherever it is in the row; ``None``: all of them."""
        there = self._stand_ins.get(ref, [])
        there[:] = [] if stand_in is None else [one for one in there if one is not stand_in]
