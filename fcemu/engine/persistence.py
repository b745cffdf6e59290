"""Persistence: how an emulator goes on from what a store has kept, and keeps there what happens."""

from collections.abc import Callable
from typing import Final

from fcemu.engine.deliveries import Deliveries
from fcemu.engine.intake import Intake
from fcemu.engine.movers import Movers
from fcemu.engine.ports import Packages, Store
from fcemu.engine.resuming import Resuming
from fcemu.engine.saving import Kept, Saving, no_collector
from fcemu.engine.timers import Timers
from fcemu.engine.world import World


class Persistence:
    """Begins and ends the saving, which the movers call for. Every method is called with the baton held."""

    def __init__(
        self,
        world: World,
        movers: Movers,
        intake: Intake,
        deliveries: Deliveries,
        timers: Timers,
        packages: Callable[[], Packages] | None,
        saving_to: Callable[..., Saving],
    ) -> None:
        """``saving_to`` makes what keeps the rest of what happens in a store."""
        self._world: Final = world
        self._movers: Final = movers
        self._intake: Final = intake
        self._deliveries: Final = deliveries
        self._timers: Final = timers
        self._packages: Final = packages
        self._make: Final = saving_to

    def begin(self, store: Store, kept: Kept | None) -> None:
        """Go on from what is in ``store``, and keep there what happens from now on. Raises ``StoreError``."""
        journal = self._world.journal
        with no_collector():
            resuming = Resuming(self._world, self._intake, self._deliveries)
            if store.outlasts:
                journal.keep_elsewhere(store.read)
            if kept is not None:
                journal.fold(resuming.watch(store.facts()), store.begin)
                self._world.chance.go_on(f"{kept.starts + 1}/{len(journal)}")
                self._timers.resume(kept.timers)
            self._movers.saving = saving = self._saving_to(store, self._packages)
            if kept is not None:
                resuming.resume(self._world.clock.now())
            saving.save()

    def stop(self) -> Saving | None:
        """What happens from now on is not kept. Returns what has kept it until now, which is still to be closed."""
        saving, self._movers.saving = self._movers.saving, None
        return saving

    def take_all(self, store: Store, packages: Callable[[], Packages] | None) -> None:
        """Let a store that was not kept up have all there is."""
        self._saving_to(store, packages).take_all()

    def _saving_to(self, store: Store, packages: Callable[[], Packages] | None) -> Saving:
        there = None if packages is None else packages()
        return self._make(store, self._world, timers=self._timers, packages=there, forgot=self._forget)

    def _forget(self) -> None:
        """A server runs for months: what is noted of an invocation goes with it."""
        known, caused = self._world.journal.invocations, self._intake.caused
        self._movers.callers.read_outside.intersection_update(known)
        self._movers.callers.withdrawn.intersection_update(known)
        for root in [root for root in caused if root not in known]:
            del caused[root]
