"""The fleet has all instances of an emulator: it starts them within the limits and gives idle ones up."""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import itemgetter
from typing import Final

from fcemu.core.facts import HookRan, InstanceProvisioned, InstanceStopped
from fcemu.core.invocation import Invocation
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.outcome import Refusal, Throttled
from fcemu.core.releases import Owner
from fcemu.engine.agenda import Rank
from fcemu.engine.backlog import Backlog, Begin, Waiter
from fcemu.engine.clock import later
from fcemu.engine.errands import Errand
from fcemu.engine.hooks import HookRun, why_failed
from fcemu.engine.instances import Key, Place, Pool, Shown
from fcemu.engine.plans import Plans
from fcemu.engine.ports import Call, Finish
from fcemu.engine.quotas import Quotas
from fcemu.engine.world import World

Hear = Callable[[str, int, str], None]
"""Gets a request id, the number of an attempt, and what its handler has written; on any thread."""
CHANGED: Final = "its function was changed"


class Fleet:
    """All pools, their limits, and what waits for them. Every method is called with the baton held.

    Limits count instances (timers-and-instances §2): of a qualifier those on demand (2.0), of a function all of them
    (reserved concurrency of 3.0), of the account all of all functions. An idle instance is given up where another one
    needs its place under a limit that both come under. ASSUMED: fcemu gives up the idle instance that was used longest
    ago where another one needs its place (timers-and-instances §3.3).
    """

    def __init__(self, world: World, plans: Plans) -> None:
        self.plans: Final = plans
        self.pools: Final = plans.pools
        self.clock: Final = world.clock
        self.hear: Hear | None = None
        """Gets what handlers write as they write it, in attempts that begin from now on."""
        self._settings: Final = world.settings
        self._numbers: Final = world.catalog.instance_numbers
        self._chance: Final = world.chance
        self._keys: Final = world.keys
        self._journal: Final = world.journal
        self._agenda: Final = world.agenda
        self._quotas: Final = Quotas(world.settings, world.catalog.instance_numbers)
        self._crowded: Final[dict[Backlog, None]] = {}
        """Backlogs in which something waits, or did a moment ago."""
        self._held = 0
        """How many invocations were ever held."""
        self.closed = False
        self._stopping: Final[set[Place]] = set()
        """Instances that stop as soon as their hook has run."""
        self._in_hook: Final[set[Place]] = set()
        """Instances whose hook runs now."""

    # Definitions.

    def definitions_changed(self, refs: Iterable[FunctionRef] | None = None) -> None:
        """Look up again what belongs to ``refs`` (``None``: to any function); instances of the old definitions are
        given up: free ones now, those in use when their attempt is over. Published versions keep theirs."""
        changed = None if refs is None else set(refs)
        self.plans.forget(lambda ref: changed is None or ref in changed)
        self._close(lambda pool: pool.version == LATEST and (changed is None or pool.function.ref in changed))

    def releases_changed(self, owner: Owner, gone: str = "") -> None:
        """Look up again what qualifiers of ``owner`` mean; the instances of the version that is ``gone`` are given
        up."""
        self.plans.forget(lambda ref: Owner.of(ref) == owner)
        self._close(lambda pool: pool.version == gone and Owner.of(pool.function.ref) == owner)

    def stand_in_changed(self, ref: FunctionRef) -> None:
        """Something else runs in place of a function's code now, in new instances."""
        self.plans.forget(lambda one: one == ref)
        self._close(lambda pool: pool.function.ref == ref)

    def _close(self, chosen: Callable[[Pool], bool]) -> None:
        """Give up pools: their free instances now, those in use when their attempts are over."""
        now = self.clock.now() if self.closed else self.clock.shown()
        for name, pool in list(self.pools.items()):
            if chosen(pool):
                del self.pools[name]
                pool.closed = True
                for place in list(pool.places.values()):
                    if not place.used:
                        self._give_up(place, now, CHANGED)
        self.provide(now)
        self._call_all(now)

    # Instances.

    def is_full(self, pool: Pool) -> bool:
        """Whether none can be had for one more attempt, not even in place of one that is idle."""
        return not pool.free and (scope := self._quotas.full(pool)) is not None and self._spare(scope) is None

    def has_idle(self, pool: Pool) -> bool:
        """Whether an attempt finds an idle instance, and another one may be had."""
        free = pool.free[-1] if pool.free else None
        return free is not None and not (free.used or free.provisioned) and self._quotas.full(pool) is None

    def recycle_idle(self, pool: Pool, now: datetime) -> None:
        """Give up the idle instance in which the next attempt would run."""
        self._give_up(pool.free[-1], now, "recycled early")

    def ask(self, pool: Pool, now: datetime, *, another: bool = False) -> Place | Refusal:
        """An instance for one more attempt, or why there is none. ``another``: a new one, whatever is free."""
        if another or not pool.free:
            if not self._make_room(pool, now) or not self._quotas.may_grow(now):
                return Throttled()
            started = self._start(pool, now)
            if not isinstance(started, Place):
                return started
        place = pool.free[-1]
        place.used += 1
        if place.used == pool.at_once:
            pool.free.pop()
        return place

    def give_back(self, place: Place, now: datetime) -> None:
        """An attempt in this instance is over, and it is fit for another."""
        pool = place.pool
        full = place.used == pool.at_once
        place.used -= 1
        if place.gone:
            return
        if pool.closed:
            if not place.used:
                self._stop(place, now, CHANGED)
            return
        if full:
            pool.make_free(place)
        if not place.used:
            place.idle_since = now
            if not place.watched and not place.provisioned:
                self._watch(place)
        if self._crowded:
            self._freed(pool, now)

    def _make_room(self, pool: Pool, now: datetime, *, provisioned: bool = False) -> bool:
        """Give up what is idle until one more instance may start; whether it may."""
        while (scope := self._quotas.full(pool, provisioned=provisioned)) is not None:
            spare = self._spare(scope)
            if spare is None:
                return False
            self._give_up(spare, now, f"to make room for {pool.function.ref}")
        return True

    def _start(self, pool: Pool, now: datetime, *, provisioned: bool = False) -> Place | Refusal:
        instance_id = self._chance.instance_id(pool.function.generation, now)
        instance = pool.runtime.start(pool.function, instance_id)
        if isinstance(instance, Refusal):
            return instance
        place = Place(pool, instance_id, instance, now)
        place.provisioned = provisioned
        self._quotas.count(place, 1)
        pool.add(place)
        return place

    def _stop(self, place: Place, now: datetime, reason: str) -> None:
        """Give an instance up in which nothing runs; whoever waits may have another one."""
        if not place.gone:
            self._give_up(place, now, reason)
            self._call_all(now)

    def lose(self, place: Place, now: datetime, reason: str, *, hook: bool = False) -> None:
        """An instance is not to be used again: an attempt in it has ended, or still goes on. With ``hook`` it has not
        been stopped yet, and its pre-stop hook runs first, where there is one."""
        if place.gone:
            if hook:
                place.instance.stop()
        else:
            if hook:
                self._give_up(place, now, reason)
            else:
                self._forget(place, now, reason)
            if place.provisioned:
                self.provide(now)
            self._call_all(now)

    def _give_up(self, place: Place, now: datetime, reason: str) -> None:
        self._forget(place, now, reason)
        if not place.pool.function.pre_stop or place.announced or self.closed:
            place.instance.stop()
            return
        self._stopping.add(place)
        self._run_hook(place, now, "pre-stop", place.instance.pre_stop, self._stopped)

    def announce_end(self, place: Place, now: datetime, then: Callable[[datetime], None]) -> None:
        """Run the pre-stop hook of an instance in which an attempt runs that is about to be ended, once; then call
        ``then``."""
        if place.announced:
            then(now)
            return
        place.announced = True
        self._run_hook(place, now, "pre-stop", place.instance.pre_stop, lambda _place, _error, at: then(at))

    def _stopped(self, place: Place, error: str, now: datetime) -> None:
        if place in self._stopping:
            self._stopping.discard(place)
            place.instance.stop()

    def _run_hook(
        self,
        place: Place,
        now: datetime,
        name: str,
        hook: Callable[[Call], Finish],
        then: Callable[[Place, str, datetime], None],
    ) -> None:
        """Run a hook as soon as the clock moves, which waits for it; ``then`` hears why it failed, ``""`` if not."""
        function = place.pool.function
        request_id = self._chance.request_id(function.generation, now)
        run = HookRun(place, name, request_id, self._settings.account, self._keys, now)
        finish: list[Finish] = []

        def go() -> str | None:
            self._in_hook.add(place)
            finish.append(run.run_here(hook))
            self._in_hook.discard(place)
            return why_failed(finish[0].outcome) or None

        def done(failed: str | None, now: datetime) -> None:
            fact = HookRan(now, request_id, function.ref, place.id, name, failed or "", finish[0].output)
            self._journal.note(fact)
            then(place, failed or "", now)

        self._agenda.push(now, Errand(run.name, go, done, run))

    def end(self) -> None:
        """The emulator is closed: stop everything, and run no more hooks."""
        self.closed = True
        for place in self._stopping:
            if place in self._in_hook:
                place.instance.interrupt()
            else:
                place.instance.stop()
        self._stopping.clear()
        self._agenda.clear(Rank.IDLE)

    def shown(self, ref: FunctionRef) -> list[Shown]:
        """The instances of a function, oldest first."""
        places = [place for pool in self.pools.values() if pool.key[0] == ref for place in pool.places.values()]
        return [
            Shown(place.id, place.pool.key[1], place.pool.version, place.born, place.ready_at is None)
            for place in sorted(places, key=lambda place: place.born)
        ]

    def pool_of(self, ref: FunctionRef, qualifier: str, instance_id: str) -> Pool | None:
        """The instances among which an attempt has run; where that one is gone, those that the qualifier means now.
        ``None``: it means nothing."""
        plan = self.plans.find(ref, qualifier)
        if plan is None or not plan.resolved.shares:
            return None if plan is None else plan.pool
        return next((pool for pool in self.pools.values() if instance_id in pool.places), plan.pool)

    # Provisioned instances.

    def provide(self, now: datetime) -> None:
        """Start the provisioned instances that are missing, and let those go that are too many."""
        if self.closed:
            return
        wanted = {key: self._numbers.provisioned(*key) for key in self._numbers.all_provisioned()}
        kept = {pool for key, count in wanted.items() if (pool := self._provide(key, count, now)) is not None}
        for pool in [pool for pool in self.pools.values() if pool not in kept]:
            self._let_go([place for place in pool.places.values() if place.provisioned], now)

    def _provide(self, key: Key, count: int, now: datetime) -> Pool | None:
        plan = self.plans.find(*key)
        if plan is None:
            return None
        pool = plan.pool
        there = sorted((place for place in pool.places.values() if place.provisioned), key=lambda place: place.used > 0)
        self._let_go(there[: max(0, len(there) - count)], now)
        for _ in range(count - len(there)):
            if not self._make_room(pool, now, provisioned=True) or self._start_provisioned(pool, now) is None:
                break
        return pool

    def _start_provisioned(self, pool: Pool, now: datetime) -> Place | None:
        place = self._start(pool, now, provisioned=True)
        if isinstance(place, Refusal):
            return None
        place.cold = False
        self._journal.note(InstanceProvisioned(now, "", pool.function.ref, pool.key[1], place.id))
        if pool.function.initializer:
            pool.occupy(place)
            self._run_hook(place, now, "initializer", place.instance.initialize, self._initialized)
        else:
            self._freed(pool, now)
        return place

    def _initialized(self, place: Place, error: str, now: datetime) -> None:
        """ASSUMED: fcemu does not start a provisioned instance again by itself when its initializer has failed
        (runtimes §1.5)."""
        if error:
            self._forget(place, now, f"its initializer failed: {error}")
            place.instance.stop()
        else:
            for _ in range(place.used):
                self.give_back(place, now)

    def _let_go(self, places: list[Place], now: datetime) -> None:
        """Of those in use, each goes like any other once it is idle."""
        for place in places:
            if place.used:
                self._quotas.count(place, -1)
                place.provisioned = False
                self._quotas.count(place, 1)
            else:
                self._give_up(place, now, "fewer instances are provisioned now")

    def _forget(self, place: Place, now: datetime, reason: str) -> None:
        place.pool.remove(place)
        self._quotas.count(place, -1)
        if not self.closed:
            function = place.pool.function.ref
            self._journal.note(InstanceStopped(now, "", function, place.id, reason))

    # Limits.

    def _spare(self, scope: Callable[[Pool], bool]) -> Place | None:
        spares = (pool.spare() for pool in self.pools.values() if pool.free and scope(pool))
        return min((one for one in spares if one is not None), key=lambda one: one.idle_since, default=None)

    def limits_changed(self) -> None:
        """What is idle and above a limit now is given up; whoever waits may have an instance now.

        ASSUMED: fcemu lets running attempts continue when a limit on instances is lowered (timers-and-instances §2)."""
        now = self.clock.shown()
        for pool in list(self.pools.values()):
            while (above := self._quotas.full(pool, 0)) is not None and (spare := self._spare(above)) is not None:
                self._give_up(spare, now, "its function may have fewer instances now")
        self.provide(now)
        self._call_all(now)

    # Who waits.

    def hold(self, backlog: Backlog, invocation: Invocation, end: datetime, begin: Begin) -> None:
        """Let an invocation wait for an instance, until ``end`` at the longest."""
        waiter = Waiter(invocation, self._held, begin)
        self._held += 1
        self._crowded[backlog] = None
        backlog.waiting.append(waiter)
        self._agenda.push(end, waiter)

    @property
    def held(self) -> int:
        """How many invocations wait for an instance, with those that have ended meanwhile."""
        return sum(len(backlog.waiting) for backlog in self._crowded)

    def waiting(self) -> list[Backlog]:
        """The backlogs in which something waits, in the order of who waits longest."""
        firsts = []
        for backlog in list(self._crowded):
            first = backlog.first
            if first is None:
                del self._crowded[backlog]
            else:
                firsts.append((first.number, backlog))
        return [backlog for _, backlog in sorted(firsts, key=itemgetter(0))]

    def _freed(self, pool: Pool, now: datetime) -> None:
        """An instance of this pool can take one more attempt: one of its own function and qualifier, if one waits."""
        if pool.backlog.waiting:
            pool.backlog.call(now)
        else:
            self._call_all(now)

    def _call_all(self, now: datetime) -> None:
        """Look again at all that waits."""
        for backlog in self.waiting() if self._crowded else ():
            backlog.call(now)

    # Idle instances.

    def _watch(self, place: Place) -> None:
        """Look whether it is idle when it may have been so for long enough."""
        place.watched = True
        self._agenda.push(later(place.idle_since, place.pool.idle), Watch(self, place), Rank.IDLE)

    def recycle(self, place: Place, now: datetime) -> None:
        """Give up an instance that has been idle for long enough."""
        place.watched = False
        self._stop(place, now, f"idle for {place.pool.idle.total_seconds():g} s")


class Watch:
    """On the agenda: the instant at which an instance may have been idle for long enough."""

    over = False

    def __init__(self, fleet: Fleet, place: Place) -> None:
        self._fleet: Final = fleet
        self._place: Final = place

    def next_look(self) -> datetime | None:
        """When that is, by what is known now; ``None``: it is in use, or is not given up for being idle."""
        place = self._place
        if place.gone or place.used or place.provisioned:
            place.watched = False
            return None
        return later(place.idle_since, place.pool.idle)

    def fall_due(self, now: datetime) -> None:
        """It has been idle for that long."""
        self._fleet.recycle(self._place, now)
