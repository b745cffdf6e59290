"""Persistence: how an emulator goes on from what a store has kept, and keeps there what happens."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from fcemu.collecting import no_collector
from fcemu.core.invocation import Invocation, State
from fcemu.engine.deliveries import Deliveries
from fcemu.engine.goals import CatchUp
from fcemu.engine.intake import Intake
from fcemu.engine.movers import Movers
from fcemu.engine.ports import Packages, Store
from fcemu.engine.resuming import Resuming
from fcemu.engine.saving import Kept, Saving
from fcemu.engine.timers import Timers
from fcemu.engine.world import World


class Persistence:
    """Begins and ends the saving, which the movers call for. Every method is called with the baton held, but for
    ``kept`` and ``keep_soon``, which are for the server's loop."""

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
        self._commits = False
        """Whether what has happened is kept in the next turn of the server's loop."""
        self._uncommitted: list[asyncio.Future[Exception | None]] = []
        """Of those who wait for that."""

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

    async def kept(self) -> None:
        """Return once what has happened by now is kept, by one commit for all that ask in one turn of the loop. Raises
        ``StoreError``."""
        if self._movers.saving is None or not self._movers.saving.unsaved:
            return
        committed: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._uncommitted.append(committed)
        self.keep_soon()
        failed = await committed
        if failed is not None:
            raise failed

    def keep_soon(self) -> None:
        """The same for attempts that begin once they are kept: nobody waits for the commit itself."""
        if not self._commits:
            self._commits = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._commits = False
        uncommitted, self._uncommitted = self._uncommitted, []
        failed: Exception | None = None
        try:
            with self._world.baton:
                failed = self._movers.keep()
        except Exception as error:  # a defect: the clients hear of it, and none waits for ever
            failed = error
        for committed in uncommitted:
            if not committed.done():  # its client may be gone
                committed.set_result(failed)

    def stop(self) -> Saving | None:
        """What happens from now on is not kept. Returns what has kept it until now, which is still to be closed."""
        saving, self._movers.saving = self._movers.saving, None
        return saving

    def stop_for_good(self) -> None:
        """What happens from now on is not kept, and what waited for that begins. Takes the baton itself."""
        with self._world.baton:
            self.stop()
            self._movers.begin_what_waits()

    def catch_up(self, until: datetime) -> None:
        """Move on to where the clock would be by now, instant by instant where something fell due on the way."""
        first = self._world.agenda.next_stop
        if first is None or first > until:
            self._world.clock.set(until)
        else:
            self._movers.post(CatchUp(until))

    def die_at(
        self, number: int, store: Store, packages: Callable[[], Packages] | None, died: Callable[[], None]
    ) -> None:
        """Be killed when the journal has so many facts, whatever would follow from the last of them. What is not kept
        elsewhere is put into ``store``. ``died`` is called then, with the baton held. A fact of a synchronous
        invocation is no place for that: its caller would have to ask again. Takes the baton itself."""
        journal, closing = self._world.journal, self._movers.closing

        def look() -> None:
            about = journal.invocations.get(journal[-1].request_id)
            if len(journal) != number or closing.closed or (about is not None and about.synchronous):
                return
            if self._movers.saving is None:
                self.take_all(store, packages)
            self.stop()
            died()
            closing.kill()

        with self._world.baton:
            journal.follow(look)

    def take_all(self, store: Store, packages: Callable[[], Packages] | None) -> None:
        """Let a store that was not kept up have all there is."""
        self._saving_to(store, packages).take_all()

    def _saving_to(self, store: Store, packages: Callable[[], Packages] | None) -> Saving:
        there = None if packages is None else packages()
        return self._make(store, self._world, timers=self._timers, packages=there, forgot=self._forget)

    def left_memory(self, left: Iterable[Invocation]) -> None:
        """These invocations have left memory. Who has read of them is asked for those only that did not end well."""
        ended_well = (one.id for one in left if one.state in (State.SUCCEEDED, State.STOPPED))
        self._movers.callers.read_outside.difference_update(ended_well)

    def _forget(self) -> None:
        """A server runs for months: what is noted of an invocation goes with it."""
        known, caused = self._world.journal.invocations, self._intake.caused
        self._movers.callers.read_outside.intersection_update(known)
        self._movers.callers.withdrawn.intersection_update(known)
        for root in [root for root in caused if root not in known]:
            del caused[root]
