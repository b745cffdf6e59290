"""Emulator: one method per thing a caller can ask for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from fcemu.core.catalog import Catalog
from fcemu.core.errors import FCError, InvalidArgument, StoreError
from fcemu.core.facts import Failed, Invalid, Warned
from fcemu.core.functions import DEFAULT_MEMORY_MB, AsyncSettings, Function
from fcemu.core.generation import Generation
from fcemu.core.invocation import Attempt, Invocation, State
from fcemu.core.keys import PREDICTABLE, Keys
from fcemu.core.metrics import Numbers
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.settings import Settings
from fcemu.core.triggers import TIMER, Trigger, read_timer, timer_event
from fcemu.engine import real
from fcemu.engine.backlog import Turn
from fcemu.engine.baton import Baton
from fcemu.engine.chance import Chance, Scripted, new_secret
from fcemu.engine.clock import LAST, Clock, later
from fcemu.engine.crew import Crew
from fcemu.engine.deliveries import Deliveries
from fcemu.engine.dispatcher import Dispatcher
from fcemu.engine.due import Due
from fcemu.engine.errands import Errand
from fcemu.engine.explain import Explanation, explain
from fcemu.engine.faults import Faults
from fcemu.engine.furnishings import Furnishings
from fcemu.engine.goals import Advance, Autojump, CatchUp, Ended, Goal, Idle, Next, Still
from fcemu.engine.inflight import WATCHDOG, Patience, debugged, pause_between_looks
from fcemu.engine.intake import Asked, Intake, Then
from fcemu.engine.journal import Journal
from fcemu.engine.keyring import Keyring
from fcemu.engine.lines import place
from fcemu.engine.mail import Mail
from fcemu.engine.movers import Movers
from fcemu.engine.ports import Packages, Post, Runtime, StandIn, Store
from fcemu.engine.queues import Queues
from fcemu.engine.releasing import Releasing
from fcemu.engine.resources import Resources
from fcemu.engine.resuming import Resuming
from fcemu.engine.runs import Run
from fcemu.engine.saving import Kept, Saving, no_collector
from fcemu.engine.setup import Setup
from fcemu.engine.strands import STRANDS
from fcemu.engine.tasks import Tasks
from fcemu.engine.timers import Timers
from fcemu.engine.topics import Topics
from fcemu.engine.triggers import Triggers

_LOOK_SECONDS: Final = 0.5


class ClosedError(RuntimeError):
    """The emulator was closed while somebody waited for it."""


class NotIdle(TimeoutError):
    """There was still work after ``at_most`` of virtual time; the text says which."""


class ClockStuck(TimeoutError):
    """Real time passed without progress, and the watchdog could not free the clock; the text explains."""


def _cannot_post(url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    return f"{url}: nobody posts for this emulator"


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
        kept: Kept | None = None,
        given: Mapping[str, object] | None = None,
        stubs: Mapping[FunctionRef, StandIn] | None = None,
        catch_up: datetime | None = None,
    ) -> None:
        """``store``: where what happens is kept. ``kept``: what it has kept already, beside the facts; ``catalog`` and
        ``clock`` follow from that. ``given``: by what the definition is recognised after a restart.
        ``stubs``: what runs functions in place of their code. ``catch_up``: where a flowing clock would be, had an
        emulator had the store all the time."""
        self.settings: Final = settings
        self.journal: Final = Journal()
        self.clock: Final = Clock(settings.start, settings.rate) if clock is None else clock
        self.at_batch_end: Final = crew.at_batch_end
        """Calls something once a batch of short jobs is done; for what wakes another thread."""
        faults = Faults()
        self._catalog: Final = catalog
        self._chance: Final = Scripted(chance, faults)
        keys = Keys(new_secret()) if settings.auth else PREDICTABLE
        self._baton: Final = Baton()
        self._due: Final[Due[Invocation | Errand | Turn]] = Due()
        self._dispatcher: Final = Dispatcher(
            settings=settings,
            catalog=catalog,
            runtime_of=runtimes if callable(runtimes) else runtimes.__getitem__,
            chance=self._chance,
            keys=keys,
            journal=self.journal,
            due=self._due,
            on_end=self._on_end,
        )
        self.timers: Final = Timers(catalog)
        self._movers: Final = Movers(
            baton=self._baton,
            clock=self.clock,
            due=self._due,
            crew=crew,
            dispatcher=self._dispatcher,
            journal=self.journal,
            io_grace=settings.io_grace,
            timers=self.timers,
        )
        self.fleet: Final = self._dispatcher.fleet
        self.setup: Final = Setup(self._baton, catalog, self._dispatcher.plans, faults)
        """Definitions, stand-ins for code, faults."""
        self.tasks: Final = Tasks(
            baton=self._baton,
            clock=self.clock,
            catalog=catalog,
            journal=self.journal,
            movers=self._movers,
            settings=settings,
            on_end=self._on_end,
        )
        """Task mode: find, list, stop."""
        self._intake: Final = Intake(
            settings=settings,
            catalog=catalog,
            chance=self._chance,
            keys=keys,
            clock=self.clock,
            journal=self.journal,
            plans=self._dispatcher.plans,
            movers=self._movers,
            claim=self.tasks.claim,
        )
        self.keyring: Final = Keyring(settings, keys, self.clock, self._baton, self._intake.caller)
        """The access keys that are good now."""
        self.timers.fire = self._intake.fire
        self._movers.withdraw = self._withdraw
        self._movers.tell_callers = self._tell_callers
        keeping = (self._baton, catalog, self._dispatcher.plans, self._chance, self.clock, self.journal, settings)
        self.resources: Final = Resources(*keeping, packages)
        """The control plane: what runs, and what makes it run."""
        self.releasing: Final = Releasing(*keeping, packages)
        """The control plane: versions and aliases."""
        self.furnishings: Final = Furnishings(*keeping, packages)
        """The control plane: domains, layers, capacity, tags, bindings."""
        self.furnishings.fleet = self.fleet
        self.resources.on_triggers = self._retimed
        self.furnishings.on_capacity = self._movers.pursue
        self.setup.on_defined = self._redefined
        self._defined()
        self.mail: Final = Mail(
            baton=self._baton,
            clock=self.clock,
            catalog=catalog,
            journal=self.journal,
            chance=self._chance,
            movers=self._movers,
            account=settings.account,
        )
        """What was delivered to queues, topics and buses."""
        self.queues: Final = Queues(self.mail)
        self.topics: Final = Topics(self.mail)
        self.triggers: Final = Triggers(
            baton=self._baton,
            catalog=catalog,
            chance=self._chance,
            journal=self.journal,
            account=settings.account,
            now=self.clock.shown,
            accept=self._intake.take_event,
        )
        """Fires triggers of other services."""
        self.mail.on_published = self.triggers.published
        self.mail.named_topics = self.triggers.topics
        self._deliveries: Final = Deliveries(
            settings,
            self._chance,
            self.journal,
            self._asked_of,
            self._intake.take_report,
            self.mail,
            post,
            self._movers.put,
        )
        self.read_outside: set[str] = set()
        """Request ids of invocations whose record or report was read over HTTP; ``check()`` asks."""
        self._errors: Final[dict[str, Exception]] = {}
        """What callers of functions get in place of answers, by request id, until they have it."""
        self.serving = 0
        """Requests that are being served; an autojumping clock waits for them."""
        self._waits: Final[dict[Callable[[], None], Patience]] = {}
        """Who waits without a thread of its own, and how much longer that makes sense."""
        self.check_every: Final = pause_between_looks(settings.watchdog, min(settings.grace, settings.io_grace))
        self.saving: Saving | None = None
        """What is kept of this emulator; ``None`` where nothing is."""
        self.starts: Final = 0 if kept is None else kept.starts + 1
        """How often one has begun before with what this one goes on from."""
        self._given: Final = given or {}
        if store is not None:
            self._begin_with(store, kept, packages)
        # A stub is a reason to start provisioned instances, and that is a fact: after those that were kept.
        for ref, stub in (stubs or {}).items():
            if ref in catalog.names:  # it may have been deleted before a restart
                self.setup.stub(ref, stub)
        if settings.autojump:
            self._set_autojump(True)
        if self.clock.rate and (kept is not None or self.timers.next_due is not None):
            with self._baton:
                if catch_up is not None:
                    self._catch_up(catch_up)
                self._movers.pursue()
        WATCHDOG.watch(self)

    # Beyond the end of the process.

    def _begin_with(self, store: Store, kept: Kept | None, packages: Callable[[], Packages] | None) -> None:
        """Go on from what is in ``store``, and keep there what happens from now on. Raises ``StoreError``."""
        with self._baton, no_collector():
            resuming = Resuming(self.journal, self._due.push, self._deliveries.resume, self._intake.caused)
            if store.outlasts:
                self.journal.keep_elsewhere(store.read)
            if kept is not None:
                self.journal.fold(resuming.watch(store.facts()), store.begin)
                self._chance.go_on(f"{self.starts}/{len(self.journal)}")
                self.timers.resume(kept.timers)
            self.saving = self._saving_to(store, packages)
            self._movers.save = self.saving.save
            if kept is not None:
                resuming.resume(self.clock.now())
            self.saving.save()

    def _saving_to(self, store: Store, packages: Callable[[], Packages] | None) -> Saving:
        return Saving(
            store,
            journal=self.journal,
            clock=self.clock,
            catalog=self._catalog,
            timers=self.timers,
            packages=None if packages is None else packages(),
            starts=self.starts,
            given=self._given,
            forgot=self._forget_what_the_journal_forgot,
        )

    def _forget_what_the_journal_forgot(self) -> None:
        """A server runs for months: what is noted of an invocation goes with it. Called with the baton held."""
        known, caused = self.journal.invocations, self._intake.caused
        for request_id in list(self.read_outside):
            if request_id not in known:
                self.read_outside.discard(request_id)
        for root in [root for root in caused if root not in known]:
            del caused[root]

    def _catch_up(self, until: datetime) -> None:
        """Move on to where the clock would be by now, instant by instant where something fell due on the way."""
        first = self._next_due()
        if first is None or first > until:
            self.clock.set(until)
        else:
            self._movers.post(CatchUp(until))

    @property
    def unsaved(self) -> bool:
        """Whether something has happened that is to be kept and is not yet."""
        saving = self.saving
        return saving is not None and saving.unsaved

    def save(self) -> None:
        """Keep what has happened, where it is to be kept; nobody may hear of it before. Called without the baton.

        Raises ``StoreError``."""
        if self.saving is not None:
            with self._baton:
                failed = self._movers.keep()
            if failed is not None:
                raise failed

    def begin_accepted(self) -> None:
        """Begin what was accepted on a flowing clock and waits to be kept; the server calls it once for a turn of its
        loop. Called without the baton."""
        self._movers.keep_and_begin()

    def kill(self, store: Store | None = None, packages: Callable[[], Packages] | None = None) -> None:
        """End as a process that is killed does: what is not kept is lost. ``store``: gets all there is, where nothing
        was kept."""
        with self._baton:
            self._stop_saving()
            if store is not None:
                self._saving_to(store, packages).take_all()
        self.close()

    def stop_saving(self) -> None:
        """What happens from now on is not kept."""
        with self._baton:
            self._stop_saving()
            self._movers.begin_what_waits()

    def _stop_saving(self) -> Saving | None:
        saving, self.saving, self._movers.save = self.saving, None, None
        return saving

    # For emulators whose clock has to do with another one; each may refuse by an exception.

    def before_accept(self, *, runs: bool) -> None:
        """Called, without the baton, before an invocation is accepted; ``runs``: it will run at once, or by itself."""

    def before_move(self, until: datetime | None) -> None:
        """Called, without the baton, before what is due by ``until`` may run; ``None``: whatever is due."""

    # Invoking.

    def accept(self, asked: Asked) -> Invocation:
        """Accept an asynchronous invocation. It is kept when this returns, and runs when the clock gets there.

        Raises ``FCError`` for what FC refuses before its 202: delay out of range, unknown function, version or alias,
        payload over the limit, an id that another task has; then nothing is kept. Checks in the order of
        errors-and-limits §2.1.
        """
        self.before_accept(runs=bool(self.clock.rate) or self.autojump)
        with self._baton:
            return self._intake.accept(asked)

    def is_task(self, asked: Asked) -> bool:
        """Whether ``accept`` would make a task of it."""
        with self._baton:
            return self._intake.is_task(asked)

    def invoke(self, asked: Asked, then: Then) -> Invocation:
        """Accept a synchronous invocation and call ``then`` when it has ended, with the baton held, on any thread.

        On a paused clock it moves the clock itself, just as far as its handler sleeps. Raises what ``accept`` raises.
        """
        self.before_accept(runs=True)
        with self._baton:
            return self._intake.invoke(asked, then)

    # Timers.

    def _defined(self) -> None:
        """Called with the baton held, or before anybody else has it."""
        self.resources.stamp_all()
        for ref in dict.fromkeys([*self.timers.functions, *(each.function for each in self._catalog.all_triggers())]):
            self.timers.set(ref, self.clock.shown())

    def _redefined(self) -> None:
        """Called with the baton held."""
        self._defined()
        self._pursue_timers()
        if self.saving is not None:
            self.saving.defined = True

    def _retimed(self, ref: FunctionRef) -> None:
        """Called with the baton held."""
        self.timers.set(ref, self.clock.shown())
        self._pursue_timers()

    def _pursue_timers(self) -> None:
        if self.clock.rate or self._movers.goals:
            self._movers.pursue()

    def fire(self, ref: FunctionRef, name: str) -> Invocation:
        """Fire a time trigger now, whether it is enabled or not; the rest happens as after any firing.

        Raises ``ServiceNotFound``, ``FunctionNotFound``, ``TriggerNotFound``, ``InvalidArgument`` for one of another
        type.
        """
        with self._baton:
            trigger = self._timer(ref, name)
            timer = read_timer(trigger.config)
            return self._intake.fire(trigger, timer_event(trigger, timer.payload, self.clock.shown()))

    def upcoming(self, ref: FunctionRef, name: str, count: int) -> list[datetime]:
        """The next ``count`` firings of a time trigger, as it is set now. Raises what ``fire`` raises."""
        with self._baton:
            return list(islice(self.timers.upcoming(self._timer(ref, name), self.clock.shown()), count))

    def _timer(self, ref: FunctionRef, name: str) -> Trigger:
        trigger = self._catalog.trigger(ref, name)
        if trigger.kind != TIMER:
            raise InvalidArgument(f"trigger '{name}' of function '{ref}' is of type '{trigger.kind}', not a timer")
        return trigger

    # What is refused.

    def check(self, ref: FunctionRef, qualifier: str) -> None:
        """Raise what ``accept`` and ``invoke`` raise before they look at the payload, which need not be there yet."""
        with self._baton:
            self._dispatcher.plans.plan(ref, qualifier)

    def new_request_id(self, generation: Generation) -> str:
        """The id of a request that is no invocation: it reads or changes definitions, or it is refused."""
        with self._baton:
            return self._chance.passing_id(generation, self.clock.shown())

    def new_talk_id(self) -> str:
        """The id of a request that is no invocation and leaves no other trace, such as a poll for messages."""
        with self._baton:
            return self._chance.talk_id()

    # Ends and reports.

    def _on_end(self, invocation: Invocation, now: datetime) -> None:
        then = self._intake.awaited.pop(invocation.id, None)
        if then is not None:
            self._intake.strangers.pop(invocation.id, None)
        self._movers.invocation_ended(invocation)
        if then is not None:
            then(invocation)
        if not invocation.accepted.synchronous:
            self._deliveries.report(invocation, now)

    def _withdraw(self, failed: StoreError) -> None:
        """End what was accepted and cannot be kept: it does not run, its caller gets the error, and a task's id is free
        for whoever tries again. Called with the baton held."""
        if self.saving is None:
            return
        now = self.clock.now()
        for accepted in self.saving.not_kept():
            invocation = self.journal.invocations[accepted.request_id]
            if invocation.finished:
                continue
            if invocation.state is State.STOPPING:
                continue  # its end is on its way
            ran = invocation.state is State.RUNNING
            if ran:
                self._movers.drop(invocation, now, failed.message)
            end = Failed if ran or accepted.synchronous else Invalid
            self.journal.record(end(now, invocation.id, failed.message), invocation)
            self.journal.forget_task(invocation)
            self.read_outside.add(invocation.id)
            self._movers.invocation_ended(invocation)
            self._tell(invocation, failed)

    def _tell_callers(self, error: Exception, only: Invocation | None) -> None:
        """Answer whoever waits for a function with ``error``. Called with the baton held."""
        for request_id in list(self._intake.awaited) if only is None else [only.id]:
            invocation = self.journal.invocations[request_id]
            self._movers.cancel_answer(invocation)
            self._tell(invocation, error)

    def _tell(self, invocation: Invocation, error: Exception) -> None:
        then = self._intake.awaited.pop(invocation.id, None)
        self._intake.strangers.pop(invocation.id, None)
        if then is not None:
            self._errors[invocation.id] = error
            then(invocation)

    def raise_for(self, invocation: Invocation) -> None:
        """Raise the error of the emulator's own that its caller got instead of an answer, if there is one; once."""
        error = self._errors.pop(invocation.id, None)
        if error is not None:
            raise error

    def fail(self, error: Exception) -> None:
        """Called by the watchdog when its look raised ``error``: whoever waits hears of it."""
        with self._baton:
            self._movers.fail(error)

    def _asked_of(self, invocation: Invocation) -> AsyncSettings:
        accepted = invocation.accepted
        return self._catalog.async_settings(accepted.function, accepted.qualifier)

    # Moving the clock.

    def advance_to(self, end: datetime) -> Goal:
        """Run all that is due up to and including ``end``. Raises ``ValueError`` when ``end`` is past already."""
        self.before_move(end)
        with self._baton:
            self._check_open()
            if end < self.clock.shown() and not self.clock.rate:
                now = self.clock.shown().isoformat()
                raise ValueError(f"time does not go back: it is {now}, not {end.isoformat()}")
            return self._post(Advance(end))

    def advance(self, by: timedelta) -> Goal:
        """Run all that is due within ``by`` from now, its end included. Raises ``ValueError`` when negative."""
        if by < timedelta(0):
            raise ValueError(f"time does not go back: {by.total_seconds():g} s")
        self.before_move(later(self.clock.now(), by))
        with self._baton:
            self._check_open()
            if by > LAST - self.clock.now():
                raise ValueError("the clock cannot go beyond the year 9999")
            return self._post(Advance(by))

    def sleep_until(self, end: datetime) -> Goal:
        """Like ``advance_to``, for somebody who sleeps: an ``end`` that another move has passed already is no error."""
        self.before_move(end)
        with self._baton:
            self._check_open()
            return self._post(Advance(end))

    def stand_still(self) -> Goal:
        """Wait until nothing is in flight; nothing more is started for it."""
        with self._baton:
            self._check_open()
            return self._post(Still())

    def run_next(self) -> Goal:
        """Move to the next due instant and run what is due there; nothing happens when nothing is due."""
        self.before_move(None)
        with self._baton:
            self._check_open()
            return self._post(Next())

    def run_until_idle(self, at_most: timedelta | None) -> Goal:
        """Run until nothing is due any more; ``NotIdle`` is the goal's error when work is left after ``at_most``."""

        def not_idle() -> NotIdle:
            return NotIdle(f"there is still work after {at_most} of virtual time\n{self._explain()}")

        self.before_move(None)
        with self._baton:
            self._check_open()
            end = None if at_most is None else later(self.clock.shown(), at_most)
            return self._post(Idle(end, not_idle))

    def run_until_ended(self, invocation: Invocation) -> Goal:
        """Run until ``invocation`` has ended."""
        self.before_move(None)
        with self._baton:
            self._check_open()
            return self._post(Ended(invocation))

    def wait(self, goal: Goal) -> None:
        """Wait in real time until ``goal`` is reached; raises its error, or ``ClockStuck``.

        Interrupted by an exception (Ctrl-C), the clock stops at the next due instant.
        """
        try:
            self.wait_for(goal.wait)
        except BaseException:
            with self._baton:
                if not goal.reached:
                    self._movers.cancel(goal)
            raise
        if goal.error is not None:
            raise goal.error

    def forget(self, goal: Goal) -> None:
        """Nobody waits for ``goal`` any more: the clock stops at the next due instant."""
        with self._baton:
            if not goal.reached:
                self._movers.cancel(goal)

    def forget_call(self, invocation: Invocation) -> None:
        """Nobody waits for a synchronous invocation any more: the clock does not move for it."""
        with self._baton:
            self._intake.awaited.pop(invocation.id, None)
            self._movers.cancel_answer(invocation)

    def wait_for(self, wait: Callable[[float], bool]) -> None:
        """Wait in real time until ``wait(seconds)`` says that what it waits for is there; raises ``ClockStuck``."""
        patience = self.new_patience()
        while not wait(min(self.patience, _LOOK_SECONDS)):
            if patience.is_over():
                raise self.stuck()

    @contextmanager
    def when_stuck(self, call: Callable[[], None]) -> Iterator[None]:
        """Inside the block ``call`` is called, on the watchdog's thread, when real time passes without progress."""
        self._waits[call] = self.new_patience()
        try:
            yield
        finally:
            self._waits.pop(call, None)

    def stuck(self) -> ClockStuck:
        """The error for who has waited long enough."""
        return ClockStuck(f"no progress for {self.patience:g} real seconds\n{self.explain()}")

    def new_patience(self) -> Patience:
        """Of a caller who waits for the clock from now on."""
        return Patience(lambda: self.steps, self.patience, self.debugged)

    def debugged(self) -> bool:
        """Whether a debugger is attached to this process, or to what an attempt of this emulator runs in."""
        return debugged() or self._movers.ending.any_debugged()

    @property
    def patience(self) -> float:
        """Real seconds without progress after which waiting for the clock is hopeless: the watchdog struck, and it
        did not help."""
        return 2 * self.settings.watchdog.total_seconds() + 2

    def _post(self, goal: Goal) -> Goal:
        self._movers.post(goal)
        return goal

    def _check_open(self) -> None:
        if self._movers.closed:
            raise ClosedError("the emulator is closed")

    @property
    def rate(self) -> float:
        """0: paused; 1: real speed; n: n times as fast."""
        return self.clock.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if rate:
            self.before_move(None)
        with self._baton:
            self._movers.set_rate(rate)

    @property
    def autojump(self) -> bool:
        """Whether a paused clock jumps to the next due thing when nothing runs and no request is being served."""
        return self._movers.autojump is not None

    @autojump.setter
    def autojump(self, on: bool) -> None:
        if on:
            self.before_move(None)
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
        """When the next thing is due."""
        with self._baton:
            return self._next_due()

    def _next_due(self) -> datetime | None:
        due, fires = self._movers.next_due(), self.timers.next_due
        return fires if due is None or (fires is not None and fires < due) else due

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

    def explain(self) -> Explanation:
        """Why time is not moving, at this moment."""
        with self._baton:
            return self._explain()

    def _explain(self) -> Explanation:
        return explain(self.clock, self._due, self._movers, self.timers)

    def is_handler(self, thread: int) -> bool:
        """Whether a handler, or a thread or work item that it started, runs on that thread now."""
        strand = STRANDS.get(thread)
        return strand is not None and not strand.left and strand.run.parking is self._movers.parking

    def memory_mb(self, ref: FunctionRef) -> int:
        """The memory size of a function; the default one's when it is gone."""
        with self._baton:
            try:
                return self._catalog.function(ref).memory_mb
            except FCError:
                return DEFAULT_MEMORY_MB

    def checksum_of(self, invocation: Invocation, attempt: Attempt) -> str:
        """The checksum of the code that an attempt has run in, as it is defined now. ``""`` where the function is gone,
        and for a directory of this machine whose package would take a while to make."""
        accepted = invocation.accepted
        with self._baton:
            plan = self._dispatcher.plans.find(accepted.function, accepted.qualifier)
            if plan is None:
                return ""
            pool = plan.pool
            if plan.resolved.shares:
                pools = self.fleet.pools.values()
                pool = next((each for each in pools if attempt.instance_id in each.places), pool)
        if pool.checksum is None:
            pool.checksum = self.resources.checksum_of(pool.function)
        return pool.checksum

    def exception(self, request_id: str, attempt: int) -> BaseException | None:
        """What the handler raised in that attempt, where the runtime has it."""
        return self._dispatcher.exception(request_id, attempt)

    def function(self, ref: FunctionRef) -> Function:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            return self._catalog.function(ref)

    def functions(self) -> list[Function]:
        """All functions, in the order of definition."""
        with self._baton:
            return list(self._catalog)

    def async_settings(self, ref: FunctionRef, qualifier: str = LATEST) -> AsyncSettings:
        """The asynchronous settings of one qualifier."""
        with self._baton:
            return self._catalog.async_settings(ref, qualifier)

    # Real time: the watchdog, strangers, the end.

    def check_progress(self, now: float) -> None:
        """Called by the watchdog from time to time, on its own thread and with its own time."""
        if self.unsaved:
            with self._baton:
                self._movers.keep()
        for call, patience in list(self._waits.items()):
            if patience.is_over():
                call()
        movers = self._movers
        if movers.closed or not (movers.parking.runs or movers.parking.left_behind or movers.outside.errands):
            return
        with self._baton:
            soon = min(self.settings.grace, self.settings.watchdog / 2).total_seconds()
            is_debugged = movers.ending.has_been_long(now - soon) and self.debugged()
            if not is_debugged:
                movers.ending.interrupt_again(now - self.settings.grace.total_seconds())
                movers.ending.strike_left_behind(now, self.settings.watchdog.total_seconds())
            if self.clock.rate:
                return
            run = self._movers.ending.running()
            if run is None:
                movers.outside.look_at_threads(now)
                return
            if is_debugged:
                run.since = now  # patience begins anew when the debugger lets go
                return
            movers.parking.look_at_threads(now)
            longest = self.settings.watchdog.total_seconds()
            if run.counted and now - run.since > longest:
                why = movers.ending.held_up(run, now, longest)
                if why is None:
                    movers.ending.strike(run, self._stuck_text(run))
                else:
                    self._end_stuck(run, why)
                return
            for request_id, since in list(self._intake.strangers.items()):
                stranger = self.journal.invocations[request_id]
                if now - since > self.settings.grace.total_seconds() and not stranger.attempts:
                    del self._intake.strangers[request_id]
                    self._let_in(run, stranger)
                    return

    def _end_stuck(self, run: Run, why: str) -> None:
        """Whoever moves the clock hears of it: the attempt says nothing of what FC would have done."""
        seconds = self.settings.watchdog.total_seconds()
        text = f"{run.function.ref} made no progress for {seconds:g} real seconds: {why}"
        explained = self._explain()
        self._movers.ending.end_stuck(run, text)
        for goal in self._movers.goals:
            if not goal.reached:
                goal.finish(ClockStuck(f"{text}\n{explained}"))

    def _stuck_text(self, run: Run) -> str:
        function = run.function
        seconds = self.settings.watchdog.total_seconds()
        where = place(run.running().line(), function.code)
        return (
            f"{function.ref} made no progress for {seconds:g} real seconds{where}, so it ends as timed out after "
            f"{function.timeout.total_seconds():g} virtual seconds; a handler must not wait for something that only "
            "happens outside it (a lock, a socket, a busy loop); raise the watchdog if it really works that long"
        )

    def _let_in(self, run: Run, stranger: Invocation) -> None:
        text = (
            f"{stranger.accepted.function} was called by somebody without this attempt's credentials while "
            f"{run.function.ref} ran, and waited {self.settings.grace.total_seconds():g} real seconds for it; if the "
            "handler made that call, sign it with context.credentials (or the ALIBABA_CLOUD_ACCESS_KEY_* variables)"
        )
        self.journal.record(Warned(self.clock.now(), run.invocation.id, run.number, text), run.invocation)
        self._movers.ending.nest(run, stranger)

    def close(self) -> None:
        """Refuse requests, end parked handlers (their ``finally`` runs), run no pending work. Waiting callers get
        ``ClosedError``."""
        with self._baton:
            if self._movers.closed:
                return
            alive = self._movers.close()
            saving = self._stop_saving()
            self._movers.polls.end_all()
            for goal in self._movers.goals:
                if not goal.reached:
                    goal.finish(ClosedError("the emulator was closed"))
            for request_id, then in list(self._intake.awaited.items()):
                then(self.journal.invocations[request_id])
            self._intake.awaited.clear()
            self.fleet.end()
        WATCHDOG.forget(self)
        grace = self.settings.grace.total_seconds()
        for _ in ("told to end", "told again"):
            until = real.monotonic() + grace / 2
            while any(not run.left for run in alive) and real.monotonic() < until:
                real.sleep(0.0005)
            with self._baton:
                self._movers.ending.interrupt_again()
        with self._baton:
            self._dispatcher.plans.definitions_changed()
            if saving is not None:
                saving.close()
            self.clock.close()


__all__ = ["Asked", "ClockStuck", "ClosedError", "Emulator", "FCError", "NotIdle"]
