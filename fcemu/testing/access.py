"""Access: the one way of all handles to the engine, which ``reset`` and ``restart`` replace by another one."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from types import ModuleType
from typing import Final

from fcemu.core.facts import to_json
from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.ports import StandIn
from fcemu.testing import waiting
from fcemu.testing.records import Fact


class Access:
    """What the handles of one ``LocalEmulator`` share. ``engine`` is the one of this moment.

    ``stub`` makes what runs steps in place of code; ``module_of`` gives the module of a function's handler.
    """

    engine: Emulator

    def __init__(
        self, stub: Callable[[Sequence[object]], StandIn], module_of: Callable[[Emulator, FunctionRef], ModuleType]
    ) -> None:
        self.stub: Final = stub
        self.module_of: Final = module_of
        self.closed = False
        self.read_by_test: Final[set[str]] = set()
        """Request ids of invocations whose record or report the test has read; ``check()`` asks."""

    def begin(self, engine: Emulator) -> None:
        """Use ``engine`` from now on."""
        self.engine = engine
        self.read_by_test.clear()

    def refuse_in_handler(self) -> None:
        """Raise ``RuntimeError`` in a handler of this emulator, whether the caller blocks or awaits."""
        if self.engine.is_handler(threading.get_ident()):
            raise RuntimeError(
                "a handler cannot move the clock or wait for the emulator it runs in, nor with .aio: it would wait for "
                "itself. Call the emulator over HTTP, with the credentials of its context"
            )

    def accept(self, asked: Asked) -> Invocation:
        """Accept an asynchronous invocation, and keep it. Raises ``FCError``."""
        record = self.engine.accept(asked)
        self.engine.save()
        return record

    async def answered(self, asked: Asked) -> Invocation:
        """Invoke synchronously; the invocation has ended then. Raises ``FCError``, ``ClockStuck``."""
        return await waiting.answered(self.engine, asked)

    async def move(self, post: Callable[[Emulator], Goal]) -> list[Fact]:
        """Move the clock to the goal that ``post`` sets; returns the new facts."""
        engine, before = self.engine, len(self.engine.journal)
        await waiting.reached(engine, post(engine))
        return self.facts(before)

    def facts(self, after: int) -> list[Fact]:
        """The facts of the journal after the first ``after``."""
        journal, found = self.engine.journal, []
        for n, fact in journal.numbered(after):
            function, record = journal.function_of(fact), to_json(fact)
            found.append(
                Fact(
                    n=n,
                    at=datetime.fromisoformat(record["at"]),
                    kind=record["kind"],
                    function="" if function is None else str(function),
                    request_id=record["request_id"],
                    attempt=record["attempt"],
                    data=record["data"],
                )
            )
        return found

    def seen(self, record: Recorded) -> Recorded:
        """The same record, which the test has read now."""
        self.read_by_test.add(record.id)
        return record
