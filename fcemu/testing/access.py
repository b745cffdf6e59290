"""Access: how all handles of an emulator reach its engine, which ``reset`` and ``restart`` replace by another one."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any, Concatenate, Final, ParamSpec, overload

from fcemu.core import facts as core
from fcemu.core.errors import FCError, StoreError
from fcemu.core.facts import to_json
from fcemu.core.generation import FC2, FC3
from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.names import FunctionRef
from fcemu.core.questions import KILL, Deviation
from fcemu.core.settings import Settings
from fcemu.core.times import for_people, later, offset
from fcemu.engine.closing import Killed
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.journal import Journal
from fcemu.engine.ports import StandIn
from fcemu.host import LocalHost, Recipe, Store, memory_store
from fcemu.testing import waiting
from fcemu.testing.exploring import story
from fcemu.testing.properties import Properties
from fcemu.testing.records import Fact

P = ParamSpec("P")
_ORDER: Final = itertools.count()


class Facts(Sequence[Fact]):
    """The facts of a journal behind the first ``after``, as a test sees them. Each is made when the test asks for it: a
    move may bring a million."""

    def __init__(self, journal: Journal, after: int) -> None:
        self._journal: Final = journal
        self._given: Final = [
            (n, fact) for n, fact in enumerate(journal[after:], after + 1) if fact is not core.FORGOTTEN
        ]

    def __len__(self) -> int:
        return len(self._given)

    @overload
    def __getitem__(self, which: int) -> Fact: ...
    @overload
    def __getitem__(self, which: slice) -> list[Fact]: ...
    def __getitem__(self, which: int | slice) -> Fact | list[Fact]:
        given = self._given[which]
        return [self._made(n, fact) for n, fact in given] if isinstance(given, list) else self._made(*given)

    def _made(self, n: int, fact: core.Fact) -> Fact:
        function, record = self._journal.function_of(fact), to_json(fact)
        return Fact(
            n=n,
            at=fact.at,
            kind=record["kind"],
            function="" if function is None else str(function),
            request_id=record["request_id"],
            attempt=record["attempt"],
            data=record["data"],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as a list, to which it is equal

    def __repr__(self) -> str:
        return repr(list(self))


class Access:
    """What the handles of one ``LocalEmulator`` share, and what the engines behind its host begin and end with.

    It does not know the ``LocalEmulator``, so that both are gone when a test has ended, and the garbage collector has
    nothing to do.
    """

    def __init__(
        self, host: LocalHost, recipe: Recipe, settings: Settings, start: Deviation | None = None, kill_at: int = 0
    ) -> None:
        """``settings``: those by which the first engine begins. ``start``: what its journal tells of the instant at
        which it starts. ``kill_at``: at which fact it is to be killed."""
        self._host: Final = host
        self._recipe: Final = recipe
        self.settings = settings
        """The settings of the engine of this moment."""
        self._kill_at = kill_at
        self._start: Final = start
        self._killed: Deviation | None = None
        """What the journal of the engine that goes on after one that was killed tells of that."""
        self._present: Emulator | None = None
        self.closed = False
        self.order: Final = next(_ORDER)
        """Grows from emulator to emulator."""
        self.used = True
        """Whether a test has used a handle since this was last set to ``False``."""
        self._environments: Final[dict[FunctionRef, Mapping[str, str]]] = {}
        """The variables of functions as they were before a test changed them."""
        self.revive: Callable[[], None] | None = None
        """What makes the emulator that goes on after one that was killed; ``None`` while that one lives."""
        self.life = 0
        """Grows when an emulator begins that does not go on from the one before."""
        self.read_by_test: Final[set[str]] = set()
        """Request ids of invocations whose record or report the test has read; ``check()`` asks."""
        self._properties: Final = Properties()

    # The engine.

    def begin(self, *, at_rest: bool) -> None:
        """Let an engine answer behind the host. ``at_rest``: nothing happens in it before something asks for it, so it
        is made then. Raises what ``Host.begin`` raises."""
        if at_rest:
            self._host.expect(self._recipe, self._began)
        else:
            self._host.begin(self._recipe, self._began)

    def _began(self, engine: Emulator) -> None:
        """A new engine answers: at the start, after a reset, after a restart."""
        self._present, self.settings = engine, engine.settings
        if not engine.starts:
            self.life += 1
            self._environments.clear()
            self.read_by_test.clear()
        self._properties.begin(engine)
        chosen, self._killed = self._killed if engine.starts else self._start, None
        if chosen is not None:
            engine.setup.deviated(chosen)
        if self._kill_at and not engine.starts:
            number, self._kill_at = self._kill_at, 0
            store = memory_store()
            engine.persistence.die_at(number, store, self._host.runtimes.packages, partial(self._died, store, number))

    def _died(self, kept: Store, number: int) -> None:
        """The engine was killed at that fact; the next call finds another one, which goes on."""
        self._killed = Deviation(KILL, str(number), 0, 1)
        self.revive = partial(self._host.restart, kept)
        going_on = story()
        if going_on is not None:
            going_on.script.killed()

    def close(self) -> None:
        """Close the engine, if there is one; the host answers no longer, and makes none."""
        try:
            if self._present is not None:
                self.engine.close()
        finally:
            self._host.leave(self._began)
            if self._present is not None:  # a request may have asked for it at the last moment
                self._present.close()

    @property
    def is_made(self) -> bool:
        """Whether there is an engine: something has asked for it, or it runs by itself."""
        return self._present is not None

    def _make(self) -> None:
        """Have the first engine made."""
        if self.closed:
            self._present = self._host.made_closed(self._recipe)
        else:
            self._host.make()

    @property
    def present(self) -> Emulator:
        """The engine of this moment, for what no test asks for."""
        if self._present is None:
            self._make()
            assert self._present is not None
        return self._present

    @property
    def facts(self) -> int:
        """How many facts there are."""
        return 0 if self._present is None else len(self._present.journal)

    @property
    def engine(self) -> Emulator:
        """The engine of this moment, which a handle uses."""
        self.used = True
        if self.revive is not None:
            revive, self.revive = self.revive, None
            revive()
        return self.present

    @property
    def properties(self) -> Properties:
        """What must hold after each fact; ``move`` and ``check()`` raise where it did not. A property is looked at when
        it is added, so there is an engine."""
        if self._present is None:
            self._make()
        return self._properties

    @property
    def stub(self) -> Callable[[Sequence[object]], StandIn]:
        """Makes what runs steps in place of code."""
        return self._host.runtimes.stub

    def module_of(self, engine: Emulator, function: FunctionRef) -> ModuleType:
        """The module of a function's handler. Raises what ``Runtimes.module_of`` raises."""
        isolate, process = self._recipe.isolate, self._recipe.process
        return self._host.runtimes.module_of(engine, function, isolate=isolate, process=process)

    def set_environment(self, function: FunctionRef, before: Mapping[str, str], variables: Mapping[str, str]) -> None:
        """Change the variables of a function until ``restore``. Raises ``FCError`` where it is gone."""
        self._environments.setdefault(function, before)
        self.engine.setup.set_environment(function, variables)

    def restore(self) -> None:
        """A test has ended: put back the variables that it changed."""
        for function, variables in self._environments.items():
            with suppress(FCError):  # the function is gone
                self.present.setup.set_environment(function, variables)
        self._environments.clear()

    def who_moves(self) -> str:
        """Who must move the clock so that something happens, as a clause for messages."""
        engine = self.present
        started = engine.clock.started
        now = for_people(offset(engine.clock.now(), started))
        if engine.rate:
            return f"the clock, which is at {now}, flows: wait for it, or call result()"
        if engine.autojump:
            return f"the clock, which is at {now}, jumps by itself once nothing runs: wait for it, or call result()"
        due = engine.next_due()
        if due is None:
            return f"the clock is paused at {now}, and nothing is due: invoke, send or fire something first"
        return (
            f"the clock is paused at {now}, and what is due next is due at {for_people(offset(due, started))}: call "
            "run_until_idle(), advance() or result(), since nothing else moves it"
        )

    def refuse_in_handler(self) -> None:
        """Raise ``RuntimeError`` in a handler of this emulator, whether the caller blocks or awaits."""
        if self.engine.is_handler(threading.get_ident()):
            raise RuntimeError(
                "a handler cannot move the clock or wait for the emulator in which it runs, not even with .aio: it "
                "would wait for itself. Call the emulator over HTTP, with the credentials of its context"
            )

    def accept(self, asked: Asked) -> Invocation:
        """Accept an asynchronous invocation, and keep it. Raises ``FCError``."""
        __tracebackhide__ = True
        try:
            record = self.engine.accept(asked)
            if self.revive is not None and record.id not in self.engine.journal.invocations:
                record = self.engine.accept(asked)  # killed before it had kept and answered that: clients ask again
        except FCError as refused:
            self.tell_refused("invoke_async", asked.ref, refused)
            raise
        self.engine.save()
        return record

    async def answered(self, asked: Asked) -> Invocation:
        """Invoke synchronously; the invocation has ended then. Raises ``FCError``, ``ClockStuck``."""
        __tracebackhide__ = True
        try:
            return await waiting.answered(self.engine, asked)
        except FCError as refused:
            self.tell_refused("invoke", asked.ref, refused)
            raise

    def tell_refused(self, call: str, ref: FunctionRef, refused: FCError) -> None:
        """What FC refuses is a fact, as it is over HTTP. What the emulator itself refuses is none."""
        if not isinstance(refused, RuntimeError | ValueError | StoreError):
            engine = self.present
            request_id = engine.new_request_id(FC3 if ref.service is None else FC2)
            engine.refusals.note(request_id, "", f"{call} {ref}", refused.code, refused.message)

    async def move(self, post: Callable[Concatenate[Emulator, P], Goal], *args: P.args, **kwargs: P.kwargs) -> Facts:
        """Move the clock to the goal that ``post`` sets; returns the new facts."""
        __tracebackhide__ = True
        engine, before = self.engine, len(self.engine.journal)
        given: tuple[Any, ...] = args
        end = later(engine.clock.shown(), given[0]) if post is Emulator.advance else None
        goal = post(engine, *args, **kwargs)
        while True:
            try:
                await waiting.reached(engine, goal)
                break
            except Killed:
                engine = self.engine  # the one that goes on
                if end is not None:
                    goal = engine.sleep_until(end)
                elif post is Emulator.run_until_ended:
                    goal = engine.run_until_ended(engine.journal.whole(engine.journal.invocations[given[0].id]))
                else:
                    goal = post(engine, *args, **kwargs)
        self.properties.demand()
        return Facts(self.engine.journal, before)

    def latest(self, record: Recorded, life: int) -> Recorded:
        """The record as the emulator of this moment has it, if it goes on from that of ``life``."""
        return self.engine.journal.invocations.get(record.id, record) if life == self.life else record

    def seen(self, record: Recorded) -> Recorded:
        """The same record, which the test has read now."""
        self.read_by_test.add(record.id)
        return record
