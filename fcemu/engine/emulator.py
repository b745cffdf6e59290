"""``Emulator`` has one method for each thing that a caller can ask for."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from fcemu.core.catalog import Catalog
from fcemu.core.errors import FCError
from fcemu.core.functions import DEFAULT_MEMORY_MB, Function
from fcemu.core.generation import Generation
from fcemu.core.invocation import Invocation
from fcemu.core.keys import PREDICTABLE, Keys
from fcemu.core.metrics import Numbers
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.agenda import Agenda
from fcemu.engine.baton import Baton
from fcemu.engine.callers import Callers, Then
from fcemu.engine.chance import Chance, new_secret
from fcemu.engine.clock import LAST, Clock, later
from fcemu.engine.closing import ClosedError, do_each
from fcemu.engine.control import Control
from fcemu.engine.crew import Crew
from fcemu.engine.deliveries import Deliveries
from fcemu.engine.dispatcher import Dispatcher
from fcemu.engine.explain import Explanation, explain
from fcemu.engine.goals import Advance, Answered, Autojump, Ended, Goal, Idle, Next, Still
from fcemu.engine.inflight import WATCHDOG, Patience
from fcemu.engine.intake import Asked, Intake
from fcemu.engine.journal import Journal
from fcemu.engine.keyring import Keyring
from fcemu.engine.movers import Movers
from fcemu.engine.parts import part
from fcemu.engine.persistence import Persistence
from fcemu.engine.ports import Overflow, Packages, Post, Runtime, StandIn, Store
from fcemu.engine.progress import ClockStuck, Progress
from fcemu.engine.reactions import reactions
from fcemu.engine.refusals import Refusals
from fcemu.engine.runs import STRANDS
from fcemu.engine.saving import Kept, Saving
from fcemu.engine.setup import Setup
from fcemu.engine.tasks import Tasks
from fcemu.engine.timers import Timers
from fcemu.engine.triggers import Triggers
from fcemu.engine.world import World
from fcemu.mns.facts import Arrival
from fcemu.mns.mail import Mail
from fcemu.mns.mailboxes import Mailboxes
from fcemu.mns.queues import Queues
from fcemu.mns.topics import Topics

_LOOK_SECONDS: Final = 0.5


class NotIdle(TimeoutError):
    """There was still work after ``at_most`` of virtual time; the text says which."""


def _cannot_post(url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    return f"{url}: this emulator posts no reports"


class Emulator:
    """All of Function Compute that is emulated, on one clock. Methods may be called from any thread.

    Time functions are never asked here: the clock says what time it is, and handlers run on the crew's threads.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: Catalog,
        runtimes: Mapping[str, Runtime] | Callable[[str], Runtime],
        chance: Chance,
        crew: Crew,
        clock: Clock | None = None,
        packages: Callable[[], Packages] | None = None,
        post: Post = _cannot_post,
        store: Store | None = None,
        overflow: Callable[[], Overflow] | None = None,
        kept: Kept | None = None,
        given: Mapping[str, object] | None = None,
        stubs: Mapping[FunctionRef, StandIn] | None = None,
        catch_up: datetime | None = None,
        before_run: Callable[[bool | Callable[[], bool]], None] = lambda runs: None,
    ) -> None:
        """``store``: where what happens is kept. ``overflow`` makes what takes what ended long ago, where no store
        that outlasts the process does. ``kept``: what it has kept already, beside the facts; ``catalog`` and
        ``clock`` follow from that. ``given``: by what the definition is recognised after a restart.
        ``stubs``: what runs functions in place of their code. ``catch_up``: where a flowing clock would be, had an
        emulator had the store all the time. ``before_run``: called, without the baton, before an invocation is accepted
        and before the clock moves, with whether anything will run then, or with that question; it may refuse by an
        exception."""
        self._before_run: Final = before_run
        self.settings: Final = settings
        self.clock: Final = Clock(settings.start, settings.rate) if clock is None else clock
        mailboxes = Mailboxes(self.clock.started)
        self.journal: Final = Journal(mailboxes)
        self.at_batch_end: Final = crew.at_batch_end
        """Calls something once a batch of short jobs is done; for what wakes another thread."""
        self._catalog: Final = catalog
        self._chance: Final = chance
        self.faults: Final = chance.faults
        """The faults that a test asked for."""
        chance.watch(self.journal.invocations)
        self._baton: Final = Baton()
        self._world: Final = World(
            settings=settings,
            clock=self.clock,
            baton=self._baton,
            catalog=catalog,
            chance=self._chance,
            keys=Keys(new_secret()) if settings.auth else PREDICTABLE,
            journal=self.journal,
            agenda=Agenda(self._baton),
        )
        self._dispatcher: Final = Dispatcher(self._world, runtimes if callable(runtimes) else runtimes.__getitem__)
        self.fleet: Final = self._dispatcher.fleet
        self.traces: Final = self._dispatcher.traces
        """Where attempts failed, and what their handlers raised."""
        self._callers: Final = Callers()
        self._movers: Final = Movers(self._world, crew, self._dispatcher, self._callers)
        self._closing: Final = self._movers.closing
        self._closed = False
        self.tasks: Final = Tasks(self._world, self._movers)
        """Task mode: find, list, stop."""
        self._intake: Final = Intake(self._world, self.fleet.plans, self._movers, self._callers, self.tasks)
        self.refusals: Final = Refusals(self._world, self._intake)
        """Facts of refused requests."""
        self.timers: Final = Timers(self._world, self._intake.fire)
        self._packages: Final = packages
        if catalog.triggers or not catalog.is_stamped:
            self.control.complete()
        self.triggers: Final = Triggers(self._world, self._intake)
        """Fires triggers of other services."""
        self.mail: Final = Mail(
            mailboxes,
            baton=self._baton,
            now=self.clock.shown,
            note=self.journal.note,
            read_back=self.journal.read_back,
            message_id=self._chance.message_id,
            consumers=self._movers.polls,
            published=self.triggers.published,
            catalog=catalog,
            account=settings.account,
        )
        """What was delivered to queues, topics and buses."""
        self.queues: Final = Queues(self.mail)
        self.topics: Final = Topics(self.mail)
        self._deliveries: Final = Deliveries(self._world, self._movers, self._callers, self._intake, self.mail, post)
        self.journal.reactions = reactions(
            dispatcher=self._dispatcher,
            movers=self._movers,
            callers=self._callers,
            deliveries=self._deliveries,
            mail=self.mail,
            journal=self.journal,
            arrivals=Arrival.__args__,
        )
        self.starts: Final = 0 if kept is None else kept.starts + 1
        """How often one has begun before with what this one goes on from."""
        self._saving: Final = partial(Saving, starts=self.starts, given=given or {})
        self.read_outside: Final = self._callers.read_outside
        """Request ids of invocations whose record or report was read over HTTP; ``check()`` asks."""
        self.raise_for: Final = self._callers.raise_for
        """Raises the error of the emulator's own that a caller got instead of an answer, if there is one; once."""
        self.patience: Final = 2 * settings.watchdog.total_seconds() + 2
        """Real seconds without progress after which waiting is hopeless: the watchdog has acted, and did not help."""
        self.serving = 0
        """Requests that are being served; an autojumping clock waits for them."""
        self._progress: Final = Progress(self._world, self._movers, self._callers)
        if overflow is not None and settings.in_memory is not None and not (store is not None and store.outlasts):
            self.journal.overflow_to(overflow, settings.in_memory, self.persistence.left_memory)
        if store is not None:
            with self._baton:
                self.persistence.begin(store, kept)
        # A stub is a reason to start provisioned instances, and that is a fact: after those that were kept.
        for ref, stub in (stubs or {}).items():
            if ref in catalog.functions:  # it may have been deleted before a restart
                self.setup.stub(ref, stub)
        if settings.autojump:
            self._set_autojump(True)
        if self.clock.rate and (kept is not None or self.timers.next_due is not None):
            with self._baton:
                if catch_up is not None:
                    self.persistence.catch_up(catch_up)
                self._movers.pursue()
        WATCHDOG.watch(self._progress)

    # Parts that not every test needs.

    @part
    def control(self) -> Control:
        """The control plane: all that is defined."""
        return Control(self._world, self.fleet, self._packages, self.timers)

    @part
    def setup(self) -> Setup:
        """Definitions, stand-ins for code, faults."""
        return Setup(self._world, self.fleet, self.faults, self.control, self._movers)

    @part
    def keyring(self) -> Keyring:
        """The access keys that are good now."""
        return Keyring(self._world, self._intake)

    @part
    def persistence(self) -> Persistence:
        """Goes on from what a store has kept, and keeps there what happens."""
        return Persistence(
            self._world,
            self._movers,
            self._intake,
            self._deliveries,
            self.timers,
            self._packages,
            partial(self._saving, defined=self.control),
        )

    # Beyond the end of the process.

    @property
    def kept(self) -> Callable[[], Awaitable[None]]:
        """For the server's loop: return once what is ``unsaved`` is kept; one commit for all of a turn. Raises
        ``StoreError``."""
        return self.persistence.kept

    @property
    def keep_soon(self) -> Callable[[], None]:
        """For the server's loop, when attempts have been accepted that begin once they are kept."""
        return self.persistence.keep_soon

    @property
    def unsaved(self) -> bool:
        """Whether something has happened that is to be kept and is not yet."""
        saving = self._movers.saving
        return saving is not None and saving.unsaved

    def save(self) -> None:
        """Keep what has happened, where it is to be kept; nobody may hear of it before. Called without the baton.

        Raises ``StoreError``."""
        if self._movers.saving is not None:
            with self._baton:
                failed = self._movers.keep()
            if failed is not None:
                raise failed

    def kill(self, store: Store | None = None, packages: Callable[[], Packages] | None = None) -> None:
        """End as a process that is killed does: what is not kept is lost. ``store``: gets all there is, where nothing
        was kept."""
        with self._baton:
            self.persistence.stop()
            if store is not None:
                self.persistence.take_all(store, packages)
        self.close()

    def before_move(self, until: datetime | None) -> None:
        """Called, without the baton, before what is due by ``until`` may run; ``None``: whatever is due."""
        self._before_run(lambda: (due := self.next_due()) is not None and (until is None or due <= until))

    # Invoking.

    def accept(self, asked: Asked) -> Invocation:
        """Accept an asynchronous invocation. It is kept when this returns, and runs when the clock gets there.

        Raises ``FCError`` for what FC refuses before its 202: delay out of range, unknown function, version or alias,
        payload over the limit, an id that another task has; then nothing is kept. Checks in the order of
        errors-and-limits §2.1.
        """
        self._before_run(self.clock.rate > 0 or self._movers.autojump is not None)
        with self._baton:
            self._check_sound()
            return self._intake.accept(asked)

    def is_task(self, asked: Asked) -> bool:
        """Whether ``accept`` would make a task of it."""
        with self._baton:
            return self._intake.is_task(asked)

    def invoke(self, asked: Asked, then: Then) -> Invocation:
        """Accept a synchronous invocation and call ``then`` when it has ended, with the baton held, on any thread.

        On a paused clock it moves the clock itself, just as far as its handler sleeps. Raises what ``accept`` raises.
        """
        self._before_run(True)
        with self._baton:
            self._check_sound()
            return self._intake.invoke(asked, then)

    # Timers.

    def fire(self, ref: FunctionRef, name: str) -> Invocation:
        """Fire a time trigger now, whether it is enabled or not; the rest happens as after any firing.

        Raises what ``Timers.upcoming`` raises.
        """
        with self._baton:
            self._check_sound()
            return self.timers.fire_now(ref, name, self.clock.shown())

    def upcoming(self, ref: FunctionRef, name: str, count: int) -> list[datetime]:
        """The next ``count`` firings of a time trigger, as it is set now. Raises what ``fire`` raises."""
        with self._baton:
            return list(islice(self.timers.upcoming(ref, name, self.clock.shown()), count))

    # What is refused.

    def check(self, ref: FunctionRef, qualifier: str) -> None:
        """Raise what ``accept`` and ``invoke`` raise before they look at the payload, which need not be there yet."""
        with self._baton:
            self.fleet.plans.plan(ref, qualifier)

    def new_request_id(self, generation: Generation) -> str:
        """The id of a request that is no invocation: it reads or changes definitions, or it is refused."""
        with self._baton:
            return self._chance.passing_id(generation, self.clock.shown())

    def new_talk_id(self) -> str:
        """The id of a request that is no invocation and leaves no other trace, such as a poll for messages."""
        with self._baton:
            return self._chance.talk_id()

    # Moving the clock.

    def advance_to(self, end: datetime) -> Goal:
        """Run all that is due up to and including ``end``. Raises ``ValueError`` when ``end`` is past already."""
        self.before_move(end)
        with self._baton:
            self._check_open()
            if end < self.clock.shown() and not self.clock.rate:
                now = self.clock.shown().isoformat()
                raise ValueError(f"time does not go back: it is {now}, not {end.isoformat()}")
            return self._movers.post(Advance(end))

    def advance(self, by: timedelta) -> Goal:
        """Run all that is due within ``by`` from now, its end included. Raises ``ValueError`` when negative."""
        if by < timedelta(0):
            raise ValueError(f"time does not go back: {by.total_seconds():g} s")
        self.before_move(later(self.clock.now(), by))
        with self._baton:
            self._check_open()
            if by > LAST - self.clock.now():
                raise ValueError("the clock cannot go beyond the year 9999")
            return self._movers.post(Advance(self.clock.end_of(by)))

    def sleep_until(self, end: datetime) -> Goal:
        """Like ``advance_to``, for a caller that sleeps: an ``end`` that another move has passed is no error."""
        self.before_move(end)
        with self._baton:
            self._check_open()
            return self._movers.post(Advance(end))

    def stand_still(self) -> Goal:
        """Wait until nothing is in flight; nothing more is started for it."""
        with self._baton:
            self._check_open()
            return self._movers.post(Still())

    def run_next(self) -> Goal:
        """Move to the next due instant and run what is due there; nothing happens when nothing is due."""
        self.before_move(None)
        with self._baton:
            self._check_open()
            return self._movers.post(Next())

    def run_until_idle(self, at_most: timedelta | None) -> Goal:
        """Run until nothing is due any more; ``NotIdle`` is the goal's error when work is left after ``at_most``."""

        def not_idle() -> NotIdle:
            return NotIdle(f"work is left after {at_most} of virtual time\n{explain(self._world, self._movers)}")

        self.before_move(None)
        with self._baton:
            self._check_open()
            end = None if at_most is None else later(self.clock.shown(), at_most)
            return self._movers.post(Idle(end, not_idle))

    def run_until_ended(self, invocation: Invocation) -> Goal:
        """Run until ``invocation`` has ended."""
        self.before_move(None)
        with self._baton:
            self._check_open()
            return self._movers.post(Ended(invocation))

    def wait(self, goal: Goal) -> None:
        """Wait in real time until ``goal`` is reached; raises its error, or ``ClockStuck``.

        Interrupted by an exception (Ctrl-C), the clock stops at the next due instant.
        """
        __tracebackhide__ = True
        try:
            self.wait_for(goal.wait)
        except BaseException as error:
            self.forget(goal)
            self.break_off(error)
            raise
        if goal.error is not None:
            raise goal.error

    def forget(self, goal: Goal) -> None:
        """Nobody waits for ``goal`` any more: the clock stops at the next due instant."""
        with self._baton:
            if not goal.reached:
                goal.finish()

    def break_off(self, error: BaseException) -> None:
        """``error`` has interrupted somebody who waits: after Ctrl-C what computes is ended at once, and the error
        names the handler and its line."""
        if isinstance(error, KeyboardInterrupt):
            with self._baton:
                for told in self._movers.ending.break_off():
                    error.add_note(told)

    def forget_call(self, invocation: Invocation) -> None:
        """Nobody waits for a synchronous invocation any more: the clock does not move for it."""
        with self._baton:
            self._callers.forget(invocation)
            self._movers.reach_end_of(invocation, Answered)

    def wait_for(self, wait: Callable[[float], bool]) -> None:
        """Wait in real time until ``wait(seconds)`` says that what it waits for is there; raises ``ClockStuck``."""
        patience: Patience | None = None
        while not wait(min(self.patience, _LOOK_SECONDS)):
            if patience is None:
                patience = self.new_patience()
            elif patience.is_over():
                raise self.stuck()

    @contextmanager
    def when_stuck(self, call: Callable[[], None]) -> Iterator[None]:
        """Inside the block ``call`` is called, on the watchdog's thread, when real time passes without progress."""
        waits = self._progress.waits
        waits[call] = self.new_patience()
        try:
            yield
        finally:
            waits.pop(call, None)

    def stuck(self) -> ClockStuck:
        """The error for who has waited long enough."""
        return ClockStuck(f"no progress for {self.patience:g} real seconds\n{self.explain()}")

    def new_patience(self) -> Patience:
        """Of a caller who waits for the clock from now on."""
        return Patience(self._movers.parking, self.patience, self._progress.is_debugged)

    def _check_open(self) -> None:
        if self._closing.closed:
            raise self._closing.refusal("the emulator is closed")

    def _check_sound(self) -> None:
        """Raise ``ClosedError`` where an error has closed the emulator."""
        if self._closing.error is not None:
            self._check_open()

    def fail(self, error: BaseException) -> None:
        """A thread that works for this emulator has raised ``error``, which closes it: whoever waits gets the error
        now, and later calls get a ``ClosedError`` with it as ``__cause__``. Called without the baton."""
        with self._baton:
            self._closing.fail(error)

    @property
    def rate(self) -> float:
        """0: paused; 1: real speed; n: n times as fast."""
        return self.clock.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if rate:
            self.before_move(None)
        with self._baton:
            self._check_sound()
            self._movers.set_rate(rate)

    @property
    def autojump(self) -> bool:
        """Whether a paused clock jumps to the next due thing when nothing runs and no request is being served."""
        return self._movers.autojump is not None

    @autojump.setter
    def autojump(self, on: bool) -> None:
        if on:
            self.before_move(None)
        with self._baton:
            self._check_sound()
        self._set_autojump(on)

    def _set_autojump(self, on: bool) -> None:
        with self._baton:
            self._movers.autojump = Autojump(lambda: self.serving) if on else None
            self._movers.pursue()

    def request_served(self) -> None:
        """A request that was counted in ``serving`` has been answered."""
        self.serving -= 1
        if not self.serving and self._movers.autojump is not None:
            with self._baton:
                self._movers.pursue()

    # Looking.

    @property
    def in_flight(self) -> int:
        """How many attempts the clock waits for."""
        return self._movers.parking.in_flight

    @property
    def steps(self) -> int:
        """Grows with everything that happens; without growth there is no progress."""
        return self._movers.parking.steps

    def next_due(self) -> datetime | None:
        """When work falls due next, or a timer fires."""
        with self._baton:
            return self._world.agenda.next_stop

    @property
    def behind(self) -> timedelta:
        """How much less the flowing clock shows than it should: more fell due than could be run by now."""
        with self._baton:
            return self._movers.behind

    def numbers(self) -> dict[FunctionRef, Numbers]:
        """What the journal comes to in numbers."""
        with self._baton:
            measured = self.journal.measured()
        return measured()

    def after_each_fact(self, look: Callable[[], None]) -> None:
        """Call ``look`` after each fact, on the thread that records it. It may look at the emulator as any caller does,
        and must not change it."""
        with self._baton:
            self.journal.follow(self._baton.lending(look))

    def explain(self) -> Explanation:
        """Why time is not moving, at this moment."""
        with self._baton:
            return explain(self._world, self._movers)

    def is_handler(self, thread: int) -> bool:
        """Whether a handler, or a thread or work item that it started, runs on that thread now."""
        strand = STRANDS.get(thread)
        return strand is not None and not strand.left and strand.run.parking is self._movers.parking

    def memory_mb(self, ref: FunctionRef) -> int:
        """The memory size of a function; the default one's when it is gone."""
        with self._baton:
            function = self._catalog.functions.get(ref)
        return DEFAULT_MEMORY_MB if function is None else function.memory_mb

    def checksum_of(self, invocation: Invocation, instance_id: str) -> str:
        """The checksum of the code that an attempt has run in that instance, as it is defined now. ``""`` where the
        function is gone, and for a directory of this machine whose package would take a while to make."""
        accepted = invocation.accepted
        pool = self.fleet.plans.known_pool(accepted.function, accepted.qualifier)
        if pool is None:  # seldom, so that few answers wait for the baton
            with self._baton:
                pool = self.fleet.pool_of(accepted.function, accepted.qualifier, instance_id)
        if pool is None:
            return ""
        if pool.checksum is None:
            pool.checksum = self.control.checksum_of(pool.function)
        return pool.checksum

    def function(self, ref: FunctionRef) -> Function:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            return self._catalog.function(ref)

    def functions(self) -> list[Function]:
        """All functions, in the order of definition."""
        with self._baton:
            return list(self._catalog)

    # The end.

    def close(self) -> None:
        """Refuse requests, end parked handlers (their ``finally`` runs), run no pending work. Waiting callers get
        ``ClosedError``. Raises the first error of what could not be ended, after all else has been."""
        with self._baton:
            if self._closed:
                return
            self._closed = True
            saving = None if self._movers.saving is None else self.persistence.stop()
            WATCHDOG.forget(self._progress)

        def end() -> None:
            with self._baton:
                self._closing.close()

        do_each([end, partial(self._closing.let_go, saving)])


__all__ = ["Asked", "ClockStuck", "ClosedError", "Emulator", "FCError", "NotIdle"]
