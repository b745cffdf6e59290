"""Access: how all handles of an emulator reach its engine, which ``reset`` and ``restart`` replace by another one."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any, Concatenate, Final, ParamSpec, overload

from fcemu.core import facts as core
from fcemu.core.errors import FCError, StoreError
from fcemu.core.facts import to_json
from fcemu.core.generation import FC2, FC3
from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.names import FunctionRef
from fcemu.core.times import for_people, later, offset
from fcemu.engine.closing import Killed
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.journal import Journal
from fcemu.engine.ports import StandIn
from fcemu.testing import waiting
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
    """What the handles of one ``LocalEmulator`` share.

    ``stub`` makes what runs steps in place of code; ``module_of`` gives the module of a function's handler. ``make``
    makes the first engine and calls ``begin``, when something asks for an engine before there is one.
    """

    def __init__(
        self,
        stub: Callable[[Sequence[object]], StandIn],
        module_of: Callable[[Emulator, FunctionRef], ModuleType],
        make: Callable[[], object],
    ) -> None:
        self._make: Final = make
        self._present: Emulator | None = None
        self.stub: Final = stub
        self.module_of: Final = module_of
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
        self.properties: Final = Properties(lambda: self.engine)
        """What must hold after each fact; ``move`` and ``check()`` raise where it did not."""

    def begin(self, engine: Emulator, *, goes_on: bool = False) -> None:
        """Use ``engine`` from now on. ``goes_on``: it has what the one before had."""
        self._present = engine
        if not goes_on:
            self.life += 1
            self._environments.clear()
            self.read_by_test.clear()
        self.properties.begin(engine)

    @property
    def is_made(self) -> bool:
        """Whether there is an engine: something has asked for it, or it runs by itself."""
        return self._present is not None

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
