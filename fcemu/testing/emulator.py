"""LocalEmulator: an emulator in this process, with its address, its clock, its functions, and what happened."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fcemu import host
from fcemu.config import Definition
from fcemu.core.names import FunctionRef
from fcemu.core.options import value_of
from fcemu.core.settings import Settings
from fcemu.core.stubs import Handler
from fcemu.core.timeline import render
from fcemu.core.times import later, parse_duration, parse_instant
from fcemu.engine.emulator import Emulator
from fcemu.engine.ports import StandIn
from fcemu.host import LocalHost
from fcemu.testing.access import Access, Facts
from fcemu.testing.checking import demand_noticed
from fcemu.testing.clients import client_of
from fcemu.testing.clocks import OWN
from fcemu.testing.configured import Configured, Source, read_source, without_clock
from fcemu.testing.coroutines import Aio, blocking, coroutine_of
from fcemu.testing.exploring import kill_at, start_of, story, token_of_seeded
from fcemu.testing.faults import Faults
from fcemu.testing.handles import Function, Invocation, function_named, invocations_of
from fcemu.testing.lent import lent_time
from fcemu.testing.mailboxes import EventBus, Queue, Topic
from fcemu.testing.modes import Mode, autojumping, flowing
from fcemu.testing.mutating import used_as
from fcemu.testing.properties import Properties
from fcemu.testing.records import Duration, Fact, UnknownName
from fcemu.testing.taking_part import join
from fcemu.testing.triggers import Timer, Trigger, find_timer, find_trigger
from fcemu.testing.waiting import done, source_of


class NeverTrue(TimeoutError):
    """The predicate of ``run_until`` was not true before everything was idle, or before ``at_most``."""


class LocalEmulator:
    """An emulator of Function Compute in this process, with an HTTP server on loopback.

    ``definition``: a path (file or directory), a mapping in native form, or ``None`` for an empty emulator. ``options``
    are those of the fixture (``fcemu.core.options``). Raises ``DefinitionError``, ``ValueError`` or ``StoreError``. As
    a context manager, a clean exit runs ``check()``.
    """

    def __init__(
        self, definition: Source | Configured = None, *, server: LocalHost | None = None, **options: object
    ) -> None:
        configured = definition if isinstance(definition, Configured) else Configured.of(definition, options)
        self._configured: Final = configured.governed()
        self._sources = [configured.source]
        """What the definitions are called by which ``fcemu mutate`` finds the tests that use them."""
        self._places: Callable[[], Sequence[Path]] = tuple
        """Gives the directories in which ``define`` looks for a path, before the working directory."""
        self._own_host = server is None
        self._host: Final = server or LocalHost()
        said, recipe = self._configured.options, self._configured.recipe
        self._access: Final = Access(self._host, recipe, self._configured.settings, start_of(), kill_at())
        self._host.allow(value_of(said, "allow_host"))
        try:
            self._access.begin(at_rest=self._configured.is_at_rest)
            if (going_on := story()) is not None:
                going_on.began(lambda: list(self._access.engine.journal.lines()))
            self._redirection: Final = self._intercept(said.get("intercept", None if server is not None else False))
        except BaseException:
            if self._own_host:
                self._host.close()
            raise
        join(self)

    def _seeded_token(self, test: str) -> str | None:
        """What repeats the answers of a seeded chance in a run of the test; ``None`` where there is nothing to repeat
        beyond the seed, or where the journal did not see all answers."""
        engine, recipe = self._access.present, self._configured.recipe
        if self._settings.chance != "seeded" or engine.starts or self._access.life > 1:
            return None
        return token_of_seeded(recipe.definition, recipe.options(), engine.journal, test)

    def _intercept(self, asked: bool | None) -> host.Redirection | None:
        """``None``, the fixture's default: unless another emulator of this process does."""
        if asked is False:
            return None
        redirection = host.redirection(self.host, self.port)
        if redirection.begin():
            return redirection
        if asked is None:
            return None
        self._access.close()
        raise ValueError("option intercept: another emulator of this process already intercepts; close it first")

    @property
    def _engine(self) -> Emulator:
        return self._access.engine

    @property
    def _settings(self) -> Settings:
        return self._access.settings

    # Where it is.

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://{self.endpoint}"

    @property
    def endpoint(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"{self.host}:{self.port}"

    @property
    def host(self) -> str:
        """The address on which the server listens, ``127.0.0.1``."""
        return self._host.host

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return self._host.port

    @property
    def account_id(self) -> str:
        """The account id in ARNs and contexts."""
        return self._settings.account.id

    @property
    def region(self) -> str:
        """The region in ARNs and contexts."""
        return self._settings.account.region

    @property
    def seed(self) -> int:
        """The seed that decides ids and every draw."""
        return self._settings.seed

    @property
    def shares_modules(self) -> bool:
        """Whether the instances of inline handlers share the modules that they import."""
        return not (self._configured.recipe.isolate or self._configured.recipe.process)

    @property
    def env(self) -> dict[str, str]:
        """The variables that point a program at this emulator."""
        return environment_of(self._host, self._settings, intercept=self._redirection is not None)

    # The clock.

    @property
    def now(self) -> datetime:
        """Virtual time, aware, UTC."""
        return self._engine.clock.shown()

    @property
    def started(self) -> datetime:
        """Where the clock started."""
        self._engine.clock.shown()  # one that follows starts when it is looked at
        return self._engine.clock.started

    def at(self, instant: str | datetime) -> datetime:
        """An instant: an aware ``datetime``, ISO text with an offset, or ``"+200s"`` from ``started``."""
        return parse_instant(instant, self.started)

    def times(self, *instants: str | datetime) -> list[datetime]:
        """Several instants, as ``at`` reads them."""
        return [self.at(instant) for instant in instants]

    def seconds(self, instant: datetime) -> float:
        """From ``started`` to ``instant``."""
        return (instant - self.started).total_seconds()

    @blocking
    async def advance(self, by: Duration) -> Sequence[Fact]:
        """Run all that falls due within ``by`` from now, its end included; returns the new facts.

        Raises ``ValueError`` for a negative duration (nothing moves), ``ClockStuck`` when real time passes without
        progress.
        """
        __tracebackhide__ = True
        return await self._access.move(Emulator.advance, parse_duration(by))

    @blocking
    async def advance_to(self, instant: str | datetime) -> Sequence[Fact]:
        """Run all that falls due up to and including ``instant``. Raises what ``advance`` raises."""
        return await self._access.move(Emulator.advance_to, self.at(instant))

    @blocking
    async def run_next(self) -> Sequence[Fact]:
        """Move to the next due instant and run what is due there."""
        return await self._access.move(Emulator.run_next)

    @blocking
    async def run_until_idle(self, at_most: Duration = "30d") -> Sequence[Fact]:
        """Run until no work is left. Raises ``NotIdle`` when there is some after ``at_most`` of virtual time."""
        __tracebackhide__ = True
        return await self._access.move(Emulator.run_until_idle, parse_duration(at_most))

    @blocking
    async def run_until(self, predicate: Callable[[], object], at_most: Duration = "30d") -> Sequence[Fact]:
        """Run until ``predicate()``, a plain function, is true: it is asked first, and after each due instant.

        Raises ``NeverTrue`` when everything is idle, or ``at_most`` has passed, before.
        """
        __tracebackhide__ = True
        before, end = len(self._engine.journal), later(self.now, parse_duration(at_most))
        while not predicate():
            due = self._engine.next_due()
            if due is None or due > end:
                why = "nothing is due any more" if due is None else f"nothing more is due by {end.isoformat()}"
                raise NeverTrue(f"{source_of(predicate)} is still not true, and {why}\n{self.explain()}")
            await self._access.move(Emulator.run_next)
        return Facts(self._engine.journal, before)

    def autojump(self) -> Mode["LocalEmulator"]:
        """``with`` or ``async with``: the clock jumps to what is due while nothing runs and no request is served."""
        return Mode(self._access, self, autojumping)

    def flowing(self, rate: float = 1) -> Mode["LocalEmulator"]:
        """``with`` or ``async with``: the clock flows, ``rate`` times as fast as real time. Raises ``ValueError``."""
        return Mode(self._access, self, flowing(rate))

    @contextmanager
    def virtual_time(self) -> Iterator["LocalEmulator"]:
        """``with``: this context and threads that it starts read virtual time.

        ``time.sleep(s)`` is ``advance(s)``, ``asyncio.sleep(s)`` its coroutine. An event loop that ran before goes on
        in real time, with its time-outs; one that starts inside the block jumps over its waits.
        """
        with lent_time(self._access):
            yield self

    @property
    def aio(self) -> "EmulatorAio":
        """The moves, ``reset``, ``restart`` and ``close`` as coroutines."""
        return EmulatorAio(self)

    # Functions and what they did.

    def function(self, name: str, qualifier: str | None = None) -> Function:
        """The handle of ``service/name`` (2.0) or ``name`` (3.0). Raises ``UnknownName``."""
        __tracebackhide__ = True
        return function_named(self._access, name, qualifier)

    def invocation(self, request_id: str) -> Invocation:
        """Raises ``UnknownName``."""
        record = self._engine.journal.invocations.get(request_id)
        if record is None:
            raise UnknownName.of("invocation", request_id, list(self._engine.journal.invocations))
        return Invocation(self._access, record)

    @property
    def invocations(self) -> list[Invocation]:
        """All invocations of every source in order of acceptance; a new list each time."""
        return invocations_of(self._access)

    def queue(self, name: str) -> Queue:
        """Raises ``UnknownName`` for a queue that no definition names, no client made and that got nothing."""
        __tracebackhide__ = True
        return Queue(self._access, self._address("queue", name))

    def topic(self, name: str) -> Topic:
        """An MNS topic, or ``"INSTANCE/TOPIC"`` of RocketMQ; raises what ``queue`` raises."""
        return Topic(self._access, self._address("topic", name))

    def eventbus(self, name: str) -> EventBus:
        """A bus of EventBridge; raises what ``queue`` raises."""
        return EventBus(self._access, self._address("eventbus", name))

    def timer(self, name: str) -> Timer:
        """The time trigger ``[service/]function/trigger``. Raises ``UnknownName``."""
        return find_timer(self._access, name)

    def trigger(self, name: str) -> Trigger:
        """The trigger ``[service/]function/trigger`` of any kind, to fire it. Raises ``UnknownName``."""
        return find_trigger(self._access, name, self.url)

    # What a test arranges.

    def add(self, name: str, handler: Handler, **settings: object) -> Function:
        """Define a function that is a Python callable of FC's ``(event, context)``; settings by FC's key names, as in
        ``fcemu.yaml``. It replaces one of the same name. Raises ``DefinitionError``, ``ValueError``."""
        definition, code = self._host.runtimes.added(name, handler, settings)
        self._define(definition, {definition.functions[0].ref: code})
        return self.function(name)

    def define(self, definition: Source) -> None:
        """Add definitions; same names are replaced. Raises ``DefinitionError``, and ``ValueError`` where its
        ``emulator:`` block wants other options than this emulator has. A path is looked for where the emulator's own
        definition was."""
        if isinstance(definition, str | Path) and definition != "":
            definition = next((found for place in self._places() if (found := place / definition).exists()), definition)
        more = read_source(definition, self._configured.options)
        self._sources.append(used_as(definition, more))
        self._define(replace(more, options=without_clock(more.options)))

    def _define(self, more: Definition, code: Mapping[FunctionRef, StandIn] | None = None) -> None:
        options = self._configured.options
        host.define(self._engine, more, code, stub=self._host.runtimes.stub, options=options)

    @property
    def faults(self) -> Faults:
        """Asks for trouble: ``throttle``, ``fail``, ``crash``, ``delay``, ``deliver_twice``."""
        return Faults(self._access)

    @property
    def properties(self) -> Properties:
        """What must hold after each fact: ``add(always(…))``, ``add(eventually(…))``, ``add(exactly_once(…))``."""
        return self._access.properties

    def client(self, version: str) -> Any:
        """The installed SDK's client for ``"2016-08-15"``, ``"2021-04-06"`` or ``"2023-03-30"``, pointed here.

        Raises ``ModuleNotFoundError`` that names the package, ``ValueError``."""
        return client_of(version, self.env)

    def _address(self, kind: str, name: str) -> str:
        __tracebackhide__ = True
        known = [one.partition(":")[2] for one in self._engine.mail.addresses() if one.startswith(f"{kind}:")]
        if name not in known:
            raise UnknownName.of(kind, name, known)
        return f"{kind}:{name}"

    # What happened.

    @property
    def journal(self) -> Sequence[Fact]:
        """All facts so far, those of this moment."""
        return Facts(self._engine.journal, 0)

    def timeline(self) -> str:
        """The journal as text: one line per fact, with virtual times."""
        return render(self._engine.journal, self.started)

    def explain(self) -> str:
        """Why time is not moving: what is in flight and on which line, who moves the clock, what is due next."""
        return str(self._engine.explain())

    def check(self) -> None:
        """Raise ``AssertionError`` for failures that nobody looked at, as the option ``strict`` demands.

        ``True``: an asynchronous invocation ended Failed, Expired or Invalid, and neither its record nor its report
        was read; or a fault never struck. ``"idle"``: also when anything is unfinished. ``False``: never.
        """
        __tracebackhide__ = True
        if not self._access.is_made:
            return  # nothing has happened
        self._access.properties.demand(at_end=True)
        if (strict := self._configured.strict) is not False:
            demand_noticed(self._access, idle=strict == "idle")

    # Begin anew, end.

    @blocking
    async def reset(self) -> None:
        """Make it again as its options made it: nothing in the journal, the clock at its start."""
        await done(lambda: self._host.reset({}))

    @blocking
    async def restart(self) -> None:
        """End as by ``kill -9``, and begin again with what was kept: in the file of option ``data``, else in memory.

        Handlers that ran or were parked are abandoned, and their attempts are delivered again; warm instances, stubs
        and faults are gone. Raises ``StoreError``, and ``ValueError`` where the clock follows the test's.
        """
        await done(self._restart)

    def _restart(self) -> None:
        if self._configured.clock != OWN:
            raise ValueError("restart() needs a clock of the emulator's own, but this one follows the test's clock")
        self._host.restart()

    @blocking
    async def close(self) -> None:
        """Refuse requests, end parked handlers (their ``finally`` runs), run no pending work."""
        await done(self._end)

    def _end(self) -> None:
        if self._access.closed:
            return
        self._access.closed = True
        if self._host.is_elsewhere:
            return  # a fork of the process that it lives in ends, and closes what is not its own
        try:
            self._access.close()
        finally:
            if self._redirection is not None:
                self._redirection.end()
        if self._own_host:
            self._host.close()

    def __enter__(self) -> "LocalEmulator":
        return self

    def __exit__(self, kind: object, raised: object, *trace: object) -> None:
        __tracebackhide__ = True
        try:
            self._leave(raised)
        finally:
            self._end()

    def _leave(self, raised: object) -> None:
        """The end of ``with``. Where no test runner shows reports, an exception carries what happened as a note."""
        __tracebackhide__ = True
        if raised is None:
            self.check()
        elif isinstance(raised, Exception) and "PYTEST_CURRENT_TEST" not in os.environ:
            from fcemu.testing.reports import report_of

            raised.add_note(report_of(self))

    async def __aenter__(self) -> "LocalEmulator":
        return self

    async def __aexit__(self, kind: object, raised: object, *trace: object) -> None:
        __tracebackhide__ = True
        try:
            self._leave(raised)
        finally:
            await self.aio.close()

    def __repr__(self) -> str:
        return f"<LocalEmulator {self.url} at {self.now.isoformat()}>"


class EmulatorAio(Aio[LocalEmulator]):
    """``LocalEmulator.aio``."""

    advance = coroutine_of(LocalEmulator.advance)
    advance_to = coroutine_of(LocalEmulator.advance_to)
    run_next = coroutine_of(LocalEmulator.run_next)
    run_until = coroutine_of(LocalEmulator.run_until)
    run_until_idle = coroutine_of(LocalEmulator.run_until_idle)
    reset = coroutine_of(LocalEmulator.reset)
    restart = coroutine_of(LocalEmulator.restart)
    close = coroutine_of(LocalEmulator.close)


def environment_of(server: LocalHost, settings: Settings, *, intercept: bool) -> dict[str, str]:
    """The variables that point a program at the emulator behind ``server``; ``intercept``: also Python programs with
    hard-coded FC endpoints."""
    return host.environment(f"{server.host}:{server.port}", settings, intercept=intercept)
