"""Puts a server, its runtimes and an emulator together; the one place that does so.

What speaks HTTP is imported by ``api_server``: an emulator in a test answers by calls, and many tests have no client.
"""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from contextvars import Context
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fcemu import __version__
from fcemu.api.state import CONNECTIONS_WAITING, ServerState, Tls
from fcemu.collecting import no_collector
from fcemu.config import FILE_NAMES, Definition
from fcemu.config import Choices as Choices
from fcemu.core.catalog import Catalog
from fcemu.core.errors import FCError
from fcemu.core.errors import StoreError as StoreError
from fcemu.core.names import FunctionRef
from fcemu.core.odds import Odds
from fcemu.core.options import checked, value_of
from fcemu.core.resource_types import FUNCTIONS, TRIGGERS
from fcemu.core.settings import Settings
from fcemu.core.settings import settings_of as settings_of
from fcemu.core.values import dataclass
from fcemu.defining import Defined, catalog_after, catalog_of, recognised_by
from fcemu.defining import Parts as Parts
from fcemu.defining import define as define
from fcemu.endpoints.environment import pointing, redirecting
from fcemu.endpoints.environment import warning as warning_variables
from fcemu.endpoints.environment import without_proxies as without_proxies
from fcemu.endpoints.hosts import is_fc_host
from fcemu.endpoints.redirect import Redirection as Redirection
from fcemu.engine.chance import CHANCES, Chance
from fcemu.engine.clock import Clock
from fcemu.engine.crew import Crew
from fcemu.engine.emulator import Emulator as Emulator
from fcemu.engine.forks import ForkedError
from fcemu.engine.ports import Overflow, Packages, StandIn
from fcemu.engine.ports import Runtime as Runtime
from fcemu.engine.ports import Store as Store
from fcemu.engine.saving import caught_up, read_kept
from fcemu.engine.shown import relative_to as relative_to
from fcemu.late import late
from fcemu.mns.mailboxes import Mailboxes
from fcemu.runtime_set import Runtimes as Runtimes
from fcemu.server_loop import ServerLoop as ServerLoop

if TYPE_CHECKING:
    from fcemu.api.guard import Guard
    from fcemu.api.server import ApiServer as ApiServer
    from fcemu.own_api.records import Function as FunctionRecord

T = TypeVar("T")

CREW: Final = Crew()
"""The threads of this process: emulators come and go, a suite of tests must not start new ones each time."""

_POST: Final = late("fcemu.senders", "post")


@dataclass(frozen=True, slots=True)
class Data:
    """Where an emulator keeps everything, and how: the options ``data``, ``data_sync``, ``data_keep`` and
    ``while_down``."""

    path: Path
    sync: str
    keep: timedelta | None
    while_down: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Data | None":
        """What checked options say; ``None`` where nothing is to be kept."""
        path, sync, keep, down = (value_of(options, name) for name in ("data", "data_sync", "data_keep", "while_down"))
        return cls(Path(path), sync, keep, down) if path else None

    def open(self) -> Store:
        """Raises ``StoreError``."""
        from fcemu.stores.sqlite import SqliteStore

        return SqliteStore(self.path, sync=self.sync, keep=self.keep)


def overflow_file() -> Overflow:
    """What takes what has left memory, without a data file. Raises ``StoreError``."""
    from fcemu.stores.overflow import OverflowFile

    return OverflowFile()


def memory_store() -> Store:
    """What keeps everything as long as this process lives."""
    from fcemu.stores.memory import MemoryStore

    return MemoryStore()


def chance_of(settings: Settings) -> Chance:
    """Chance as the options ``chance`` and ``odds`` say."""
    return CHANCES[settings.chance](settings.seed, Odds(**settings.odds))


def emulator_of(
    definition: Definition,
    settings: Settings,
    runtimes: Callable[[str], Runtime],
    kind: Callable[..., Emulator] = Emulator,
    packages: Callable[[], Packages] | None = None,
    store: Store | None = None,
    *,
    chance: Callable[[Settings], Chance] = chance_of,
    stub: Callable[[Sequence[object]], StandIn] | None = None,
    catch_up: bool = False,
    catalog: Catalog | None = None,
) -> Emulator:
    """A new emulator: with nothing in its journal, or with what ``store`` has kept, where it also keeps what happens
    from now on. ``stub`` makes what runs steps; without it, code runs. ``catch_up``: its clock moves on by the time for
    which nobody had the store. ``catalog``: what the definition defines, if that is at hand. Raises ``StoreError``.
    """
    parts: dict[str, Any] = {"catalog": catalog_of(definition) if catalog is None else catalog}
    if store is not None:
        kept, given = read_kept(store, None if packages is None else packages()), recognised_by(definition)
        parts = {"catalog": parts["catalog"], "store": store, "given": given}
        if kept is not None:
            settings = replace(settings, start=kept.started)
            clock = Clock(kept.started, settings.rate)
            clock.set(kept.now)
            if store.keep is not None:
                from fcemu.engine.forgetting import forget_old

                forget_old(store, clock.now(), store.keep, Mailboxes())
            parts |= {"catalog": catalog_after(kept, definition, given), "kept": kept, "clock": clock}
            if catch_up:
                parts["catch_up"] = caught_up(kept, store, settings.rate)
    return kind(
        settings=settings,
        runtimes=runtimes,
        chance=chance(settings),
        crew=CREW,
        packages=packages,
        post=_POST,
        overflow=overflow_file,
        stubs={} if stub is None else {ref: stub(steps) for ref, steps in definition.stubs.items()},
        **parts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """By what an emulator is made, and made again.

    ``options`` gives what was said; it is asked at each beginning, because the clock may start at the time of day.
    ``defined``: what the definition defines. ``isolate``, ``process`` and ``python`` are those of ``Runtimes``.
    ``kind``: what makes the emulator, by the rate of
    its clock. ``chance``: what answers the questions that FC leaves open.
    """

    definition: Definition
    defined: Defined
    options: Callable[[], Mapping[str, object]]
    data: Data | None
    isolate: bool
    process: bool
    python: str
    kind: Callable[[float], Callable[..., Emulator]]
    chance: Callable[[Settings], Chance]

    @classmethod
    def of(
        cls,
        definition: Definition,
        options: Callable[[], Mapping[str, object]],
        kind: Callable[[float], Callable[..., Emulator]] = lambda rate: Emulator,
        chance: Callable[[Settings], Chance] = chance_of,
    ) -> "Recipe":
        """With all that options decide of a host. Raises ``ValueError`` for those that do not exist or do not fit."""
        said = checked(options())
        python = value_of(said, "python")
        return cls(
            definition=definition,
            defined=Defined(definition),
            options=options,
            data=Data.of(said),
            isolate=value_of(said, "isolate"),
            process=value_of(said, "runtime") == "process",
            python=program_named(python) if python else "",
            kind=kind,
            chance=chance,
        )


def _hear_nothing(emulator: Emulator) -> None:
    """The caller needs not know which emulator it is."""


class Host:
    """A server, the runtimes behind it, and the emulator that answers.

    One emulator after the other may live here, under the same URL.
    """

    def __init__(self, state: ServerState, runtimes: Runtimes, url: str) -> None:
        """``state``: that of the server. ``url``: where a program on this machine reaches it."""
        self.state: Final = state
        self.runtimes: Final = runtimes
        self.url: Final = url
        self._store: Store | None = None
        self._making: Final = threading.Lock()
        """The lock of whoever makes the emulator that is expected."""
        self._pid: Final = os.getpid()
        state.parts = self._parts = Parts(runtimes)

    @property
    def emulator(self) -> Emulator | None:
        """The emulator that answers; one that is expected is made now."""
        return self.state.emulator

    @property
    def endpoint(self) -> str:
        """``host:port``."""
        return self.url.removeprefix("http://")

    def told_functions(self) -> "list[FunctionRecord]":
        """The functions and what invokes them, as fcemu's own API tells of them."""
        from fcemu.api.defined import functions_of

        return [] if self.emulator is None else functions_of(self.emulator, self.url)

    @property
    def is_elsewhere(self) -> bool:
        """Whether this process is a fork of the one that the server lives in."""
        return os.getpid() != self._pid

    def begin(self, recipe: Recipe, began: Callable[[Emulator], None] = _hear_nothing) -> Emulator:
        """Make an emulator, which answers from now on. ``began`` is called with it, and with each that takes its place
        after a reset or a restart, before it answers. Raises ``ValueError``, ``StoreError``, ``ForkedError``."""
        self._is_made_by(recipe)
        self._began = began
        return self._go_on(settings_of(recipe.options()), self._opened())

    def expect(self, recipe: Recipe, began: Callable[[Emulator], None]) -> None:
        """As ``begin``, but the emulator is made when something first asks for it, a thread of this process or a
        request: a suite makes an emulator for each test, and not each test uses it. For an emulator in which nothing
        happens by itself, and which keeps nothing in a file.
        """
        self._is_made_by(recipe)
        self._began = began
        self.state.expect(self.make)

    def _is_made_by(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._parts.made_by(recipe.options, recipe.definition)

    def make(self) -> None:
        """Make the emulator that is expected, unless another thread has done so. Raises ``ForkedError``."""
        if self.is_elsewhere:  # the thread that has the lock may be in the other process
            raise ForkedError
        with self._making:
            if self.state.is_expected:
                self._answers(self._made_at_rest(self._recipe), None)

    def redefine(self, definition: Definition) -> list[str]:
        """Use ``definition`` in place of the one that there is, now and after each reset; what it defines no more is
        deleted. Returns why some of that stays. Raises ``ValueError`` where it wants other options than there are."""
        emulator, before = self.emulator, self._recipe.definition
        assert emulator is not None
        define(emulator, definition, stub=self.runtimes.stub, options=self._recipe.options())
        self._is_made_by(replace(self._recipe, definition=definition, defined=Defined(definition)))
        for ref in before.stubs.keys() - definition.stubs.keys():
            emulator.setup.unstub(ref)
        gone = {function.ref for function in before.functions} - {function.ref for function in definition.functions}
        return [why for ref in sorted(gone, key=str) if (why := _delete(emulator, ref))]

    def reset(self, asked: Mapping[str, object]) -> None:
        """Make it again, from the beginning, whatever was kept; ``asked`` are other options. Raises ``ValueError``
        before anything changes, ``StoreError``."""
        settings = settings_of({**self._recipe.options(), **asked})
        if self.emulator is not None:
            self.emulator.close()
        store = self._opened()
        if store is not None:
            store.clear()
        self._go_on(settings, store)

    def restart(self, kept: Store | None = None) -> None:
        """End the emulator as by ``kill -9``, and go on from what was kept: in its file, else in memory. ``kept``: what
        an emulator has left that was killed already. Raises ``StoreError``."""
        emulator = self.emulator
        assert emulator is not None
        added, in_memory = emulator.setup.all_added(), self._store is None
        if self._store is not None:
            emulator.kill()
            self._store.close()
            store = self._opened()
        elif kept is not None:
            store = kept
            emulator.kill()
        else:
            store = memory_store()
            emulator.kill(store, self.runtimes.packages)
        again = self._go_on(emulator.settings, store)
        if in_memory:
            again.persistence.stop_for_good()
            self._store = None
        again.setup.put_back(added)

    def leave(self, began: Callable[[Emulator], None]) -> None:
        """Answer no longer for the emulator that was begun with ``began``; nothing happens when another is here
        already. An emulator that is just being made for a request is there when this returns."""
        with self._making:
            if self._began == began:
                self.state.put(None, None)
                self._began = _hear_nothing

    def _opened(self) -> Store | None:
        return None if self._recipe.data is None else self._recipe.data.open()

    def _made_at_rest(self, recipe: Recipe) -> Emulator:
        settings = settings_of(recipe.options())
        return self._made(recipe, settings, None, recipe.defined.catalog(settings.seed, settings.start))

    def _made(
        self, recipe: Recipe, settings: Settings, store: Store | None, catalog: Catalog | None = None
    ) -> Emulator:
        runtimes = self.runtimes
        return emulator_of(
            recipe.definition,
            settings,
            partial(runtimes, isolate=recipe.isolate, process=recipe.process, python=recipe.python),
            recipe.kind(settings.rate),
            runtimes.packages,
            store,
            chance=recipe.chance,
            stub=runtimes.stub,
            catch_up=recipe.data is not None and recipe.data.while_down == "catch-up",
            catalog=catalog,
        )

    def _go_on(self, settings: Settings, store: Store | None) -> Emulator:
        try:
            if self.is_elsewhere:
                raise ForkedError
            emulator = self._made(self._recipe, settings, store)
        except BaseException:
            if store is not None:
                store.close()
            raise
        return self._answers(emulator, store)

    def _answers(self, emulator: Emulator, store: Store | None) -> Emulator:
        self._store = store
        self._began(emulator)
        self.state.put(emulator, self.reset)
        return emulator

    def made_closed(self, recipe: Recipe) -> Emulator:
        """An emulator that was expected and has ended before anything asked for it: nothing has happened in it."""
        emulator = self._made_at_rest(recipe)
        emulator.close()
        return emulator


def _delete(emulator: Emulator, ref: FunctionRef) -> str:
    """Delete a function and its triggers; returns why it stays, if it does."""
    try:
        for trigger in emulator.triggers.all():
            if trigger.function == ref:
                emulator.control.delete(TRIGGERS, (ref, trigger.name))
        emulator.control.delete(FUNCTIONS, ref)
    except FCError as refused:
        return f"{ref} is no longer defined, but stays until a reset: {refused.message}"
    return ""


class LocalHost(Host):
    """A host whose server has a thread of its own in this process, so that any thread may block on it."""

    def __init__(self) -> None:
        from fcemu.runtimes import timeshift

        timeshift.install()
        self._thread: Final = ServerThread()
        self.host: Final = self._thread.host
        self.port: Final = self._thread.port
        url = f"http://{self.host}:{self.port}"
        super().__init__(self._thread.state, Runtimes({"FCEMU_URL": url}), url)
        self.allow: Final = self._thread.allow
        """Answer under these host names, too, from now on, and no longer under those that were allowed before."""

    def close(self) -> None:
        """Stop the server and close the runtimes; those of another process go on."""
        if not self.is_elsewhere:
            self._thread.close()
            self.runtimes.close()


class ServerThread:
    """A server on loopback with an event loop of its own in a thread of its own, so that any thread may block on it.

    It listens at once. The server itself is imported and made when the first client connects.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.state: Final = ServerState(version=__version__, tls=_authority)
        self._listener: Final = socket.create_server((host, port), backlog=CONNECTIONS_WAITING)
        self._listener.setblocking(False)
        self.host: Final = host
        self.port: Final[int] = self._listener.getsockname()[1]
        self._server: ApiServer | None = None
        self._allowed: tuple[str, ...] = ()
        self._allowing: Final = threading.Lock()
        self._starting: asyncio.Task[None] | None = None
        self._loop: Final = ServerLoop()
        self._thread = threading.Thread(target=self._serve, name="fcemu-server", daemon=True)
        context = Context()  # the caller's may be on a lent clock, and a loop keeps the context of each callback
        context.run(self._loop.add_reader, self._listener, self._begin)
        context.run(self._thread.start)

    def allow(self, hosts: Collection[str]) -> None:
        """Answer under these host names, too, from now on, and no longer under those that were allowed before."""
        with self._allowing:
            if tuple(hosts) != self._allowed:  # else the guard goes on, which knows the names that it has seen
                self._allowed = tuple(hosts)
                if self._server is not None:
                    self._server.guard = guard_of(allowed=hosts)

    def _serve(self) -> None:
        """Run the loop to its end. An exception that leaves it belongs to the emulator that answers, which it closes;
        the loop goes on, so that clients hear of that."""
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                return self._loop.run_forever()
            except BaseException as error:
                emulator = self.state.emulator
                if emulator is None:
                    raise
                emulator.fail(error)

    def _begin(self) -> None:
        """On the loop: the first client is there."""
        self._loop.remove_reader(self._listener)
        self._starting = self._loop.create_task(self._start(), name="fcemu-server-start")

    async def _start(self) -> None:
        try:
            with self._allowing, no_collector():
                self._server = api_server(allowed=self._allowed, state=self.state)
            await self._server.start_on(self._listener)
        except Exception as error:  # a library that is missing, or broken: the emulator closes, and clients are cut off
            self._listener.close()
            if self.state.emulator is not None:
                self.state.emulator.fail(error)

    async def _stop(self) -> None:
        if self._starting is not None:
            await self._starting
        if self._server is None:
            self._loop.remove_reader(self._listener)
        else:
            await self._server.stop()
        self._listener.close()

    def close(self) -> None:
        """Refuse connections, drop open ones, end the thread."""
        if self._loop.is_closed():
            return
        Context().run(asyncio.run_coroutine_threadsafe, self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _authority() -> Tls:
    """The certificate authority of this process."""
    from fcemu.endpoints.authority import authority

    return authority()


def api_server(
    token: str = "",
    hosts: Collection[str] = (),
    allowed: Collection[str] = (),
    state: ServerState | None = None,
) -> "ApiServer":
    """A server, at first without an emulator; its port speaks HTTP and TLS. ``token``: what every request must carry.
    ``hosts``: where it will listen; ``allowed``: under which names it answers besides, see ``guard_of``. ``state``:
    what it answers for, where that is there before it."""
    from fcemu.api.server import ApiServer
    from fcemu.mns.wire.mount import MNS

    server = ApiServer(ServerState(version=__version__, tls=_authority) if state is None else state, [MNS])
    server.guard = guard_of(token, hosts, allowed)
    return server


def guard_of(token: str = "", hosts: Collection[str] = (), allowed: Collection[str] = ()) -> "Guard":
    """What refuses requests of web pages: FC's and MNS's host names are good, and those that are given."""
    from fcemu.api.guard import Guard

    return Guard(token, hosts, allowed, is_fc_host)


def choices_of(options: Mapping[str, Any]) -> Choices:
    """What checked options choose among what a file says."""
    environment = value_of(options, "env") or None
    return Choices(
        region=options.get("region"),
        account_id=options.get("account_id"),
        environment=environment,
        variables=os.environ,
    )


def redirection(host: str, port: int) -> Redirection:
    """What brings the connections of this process to FC's hosts to an emulator; ``begin`` puts it in force."""
    return Redirection((host, port), lambda: _authority().pem, is_fc_host)


def environment(endpoint: str, settings: Settings, *, intercept: bool, token: str = "") -> dict[str, str]:
    """The variables that point a program at the emulator at ``endpoint``, with the first of its access keys;
    ``intercept``: also Python programs with hard-coded FC endpoints. ``token``: what that emulator wants."""
    account, key = settings.account, next(iter(settings.access_keys.items()), ("test", "test"))
    known = variables_of(endpoint, account.id, account.region, key, token)
    return known | redirecting(os.environ, endpoint) if intercept else known


def variables_of(endpoint: str, account_id: str, region: str, key: tuple[str, str], token: str) -> dict[str, str]:
    """The variables that point a program at ``endpoint``; where that wants a token, it is the access key, too."""
    if token:
        return pointing(endpoint, account_id, region, (token, token)) | {"FCEMU_TOKEN": token}
    return pointing(endpoint, account_id, region, key)


@asynccontextmanager
async def intercepted(environment: Mapping[str, str], endpoint: str, *, only: bool) -> AsyncIterator[dict[str, str]]:
    """More variables, by which programs in any language with hard-coded FC endpoints reach ``endpoint``; for as
    long as the ``async with`` lasts. ``environment``: what they are added to. ``only``: other hosts are refused."""
    from fcemu.endpoints.environment import intercepting
    from fcemu.endpoints.proxy import Proxy
    from fcemu.scratch import Scratch

    host, _, port = endpoint.rpartition(":")
    proxy = Proxy((host, int(port)), only=only)
    with closing(Scratch("fcemu-exec-")) as folder:
        proxy_port = await proxy.start()
        try:
            yield intercepting(environment, endpoint, proxy_port, Path(folder.path), only=only)
        finally:
            await proxy.close()


def warn_of_fc(tell: Callable[[str], None]) -> dict[str, str]:
    """Let calls of FC's own hosts be told of where nothing intercepts them: ``tell`` gets what is said of those of this
    process; with the variables that are returned, handlers in processes write it."""
    from fcemu.endpoints import warning

    warning.begin(is_fc_host, tell)
    return warning_variables(os.environ)


def program_named(text: str) -> str:
    """Where a program is: a path from the working directory, or a name that is looked for as a shell does.

    Raises ``ValueError``.
    """
    import shutil

    found = shutil.which(text)
    if found is None:
        raise ValueError(f"option python: there is no program {text!r}")
    return os.path.abspath(found)


def definition_in(directory: Path) -> Path | None:
    """The definition that a directory holds under one of the usual names, if any."""
    return next((path for name in FILE_NAMES if (path := directory / name).is_file()), None)
