"""Persistence: what is kept of an emulator beyond the end of its process, when it is kept, and how it goes on."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fcemu.core.errors import StoreError
from fcemu.core.facts import Failed, Invalid
from fcemu.core.invocation import State, Summary
from fcemu.engine.callers import Callers
from fcemu.engine.deliveries import Deliveries
from fcemu.engine.intake import Intake
from fcemu.engine.movers import Movers
from fcemu.engine.ports import Packages, Store
from fcemu.engine.resuming import Resuming
from fcemu.engine.saving import Kept, Saving, no_collector
from fcemu.engine.setup import Setup
from fcemu.engine.timers import Timers
from fcemu.engine.world import World


class Persistence:
    """Every method is called with the baton held, but for ``unsaved``."""

    def __init__(
        self,
        world: World,
        *,
        movers: Movers,
        callers: Callers,
        intake: Intake,
        deliveries: Deliveries,
        timers: Timers,
        setup: Setup,
        packages: Callable[[], Packages] | None,
        starts: int,
        given: Mapping[str, Any],
    ) -> None:
        """``starts``: how often an emulator has begun before with what this one goes on from. ``given``: by what the
        definition is recognised after a restart."""
        self._world: Final = world
        self._movers: Final = movers
        self._callers: Final = callers
        self._intake: Final = intake
        self._deliveries: Final = deliveries
        self._timers: Final = timers
        self._setup: Final = setup
        self._packages: Final = packages
        self._starts: Final = starts
        self._given: Final = given
        self.saving: Saving | None = None
        """``None`` where nothing is kept."""
        self.read_outside: Final[set[str]] = set()
        """Request ids of invocations whose record or report was read over HTTP; ``check()`` asks."""

    def begin(self, store: Store, kept: Kept | None) -> None:
        """Go on from what is in ``store``, and keep there what happens from now on. Raises ``StoreError``."""
        journal = self._world.journal
        with no_collector():
            resuming = Resuming(self._world, self._intake, self._deliveries)
            if store.outlasts:
                journal.keep_elsewhere(store.read)
            if kept is not None:
                journal.fold(resuming.watch(store.facts()), store.begin)
                self._world.chance.go_on(f"{self._starts}/{len(journal)}")
                self._timers.resume(kept.timers)
            self.saving = self._saving_to(store, self._packages)
            self._movers.save = self._save
            if kept is not None:
                resuming.resume(self._world.clock.now())
            self.saving.save()

    def _saving_to(self, store: Store, packages: Callable[[], Packages] | None) -> Saving:
        return Saving(
            store,
            self._world,
            timers=self._timers,
            setup=self._setup,
            packages=None if packages is None else packages(),
            starts=self._starts,
            given=self._given,
        )

    @property
    def unsaved(self) -> bool:
        """Whether something has happened that is to be kept and is not yet. On any thread."""
        saving = self.saving
        return saving is not None and saving.unsaved

    def _save(self) -> None:
        """Raises ``StoreError``."""
        if self.saving is not None and self.saving.save():
            self._forget()

    def _forget(self) -> None:
        """A server runs for months: what is noted of an invocation goes with it."""
        known, caused = self._world.journal.invocations, self._intake.caused
        self.read_outside.intersection_update(known)
        for root in [root for root in caused if root not in known]:
            del caused[root]

    def withdraw(self, failed: StoreError) -> None:
        """End what was accepted and cannot be kept: it does not run, its caller gets the error, no report is sent, and
        a task's id is free for another try."""
        if self.saving is None:
            return
        journal, now = self._world.journal, self._world.clock.now()
        for accepted in self.saving.not_kept():
            invocation = journal.invocations[accepted.request_id]
            if isinstance(invocation, Summary) or invocation.finished or invocation.state is State.STOPPING:
                continue  # it has ended, or its end is on its way
            ran = invocation.state is State.RUNNING
            if ran:
                self._movers.drop(invocation, now, failed.message)
            self._callers.fail(invocation, failed)
            self._deliveries.withhold(invocation)
            end = Failed if ran or accepted.synchronous else Invalid
            journal.record(end(now, invocation.id, failed.message), invocation)
            journal.forget_task(invocation)
            self.read_outside.add(invocation.id)

    def stop(self) -> Saving | None:
        """What happens from now on is not kept. Returns what has kept it until now, which is still to be closed."""
        saving, self.saving, self._movers.save = self.saving, None, None
        return saving

    def take_all(self, store: Store, packages: Callable[[], Packages] | None) -> None:
        """Let a store that was not kept up have all there is."""
        self._saving_to(store, packages).take_all()
