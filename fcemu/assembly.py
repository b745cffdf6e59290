"""The one place that knows every part: configuration -> clock + runtimes + emulator + server."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing
from contextvars import Context
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from fcemu import __version__
from fcemu.api.guard import Guard
from fcemu.api.server import ApiServer as ApiServer
from fcemu.api.setup import BadDefinition
from fcemu.api.state import ServerState
from fcemu.config import FILE_NAMES, Definition
from fcemu.core.catalog import Catalog
from fcemu.core.catalog_json import catalog_to_json
from fcemu.core.errors import StoreError as StoreError
from fcemu.core.functions import DEFAULT_RUNTIME
from fcemu.core.limits import RELAXED
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.core.stubs import Handler, step_of
from fcemu.core.times import parse_duration
from fcemu.core.values import dataclass
from fcemu.endpoints.authority import authority
from fcemu.endpoints.environment import pointing, redirecting
from fcemu.endpoints.environment import without_proxies as without_proxies
from fcemu.endpoints.hosts import is_fc_host
from fcemu.endpoints.redirect import Redirection as Redirection
from fcemu.engine.at_rest import AtRest
from fcemu.engine.chance import CHANCES
from fcemu.engine.clock import Clock
from fcemu.engine.crew import Crew
from fcemu.engine.emulator import Emulator as Emulator
from fcemu.engine.forgetting import forget_old
from fcemu.engine.ports import Packages, StandIn
from fcemu.engine.ports import Runtime as Runtime
from fcemu.engine.ports import Store as Store
from fcemu.engine.saving import Kept, caught_up, read_kept
from fcemu.mns.mailboxes import Mailboxes
from fcemu.mns.wire.routes import MNS
from fcemu.options import read_option as read_option
from fcemu.options import settings_of as settings_of
from fcemu.senders import post
from fcemu.server_loop import ServerLoop as ServerLoop

if TYPE_CHECKING:
    from fcemu.packages import UnpackedPackages
    from fcemu.runtimes.debugging import Debugging as Debugging
    from fcemu.runtimes.python_inline import PythonInline
    from fcemu.runtimes.timeshift.lending import Lent

T = TypeVar("T")

CREW: Final = Crew()
"""The threads of this process: emulators come and go, a suite of tests must not start new ones each time."""


def catalog_of(definition: Definition) -> Catalog:
    """All that a definition defines, as the engine wants it."""
    catalog = Catalog(definition.services, definition.functions)
    for (ref, qualifier), asked in definition.async_settings.items():
        catalog.set_async(ref, asked, qualifier)
    definition.extras.put_into(catalog)
    return catalog


DATA_SYNCS: Final = ("normal", "full")
WHILE_DOWN: Final = ("stand-still", "catch-up")
"""What the clock of kept data does while no emulator has it."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where an emulator keeps everything, and how: the options ``data``, ``data_sync``, ``data_keep`` and
    ``while_down``."""

    path: Path
    sync: str = "normal"
    while_down: str = "stand-still"
    keep: timedelta | None = None

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> "Data | None":
        """Take the four out of ``options``; ``None`` where nothing is to be kept. Raises ``ValueError``."""
        path = options.pop("data", None)
        sync, down = options.pop("data_sync", None), options.pop("while_down", None)
        for name, value, allowed in (("data_sync", sync, DATA_SYNCS), ("while_down", down, WHILE_DOWN)):
            if value is not None and value not in allowed:
                raise ValueError(f"option {name}: expected {' or '.join(map(repr, allowed))}, found {value!r}")
        keep = options.pop("data_keep", None)
        try:
            for_long = None if keep is None else parse_duration(keep)
        except ValueError as wrong:
            raise ValueError(f"option data_keep: {wrong}") from None
        if for_long is not None and for_long < timedelta(0):
            raise ValueError(f"option data_keep: expected how long what has ended is kept, found {keep!r}")
        if path is None or path == "":
            return None
        if not isinstance(path, str | Path):
            raise ValueError(f"option data: expected the path of a file, found {path!r}")
        return cls(Path(path), sync or "normal", down or "stand-still", for_long)

    def open(self) -> Store:
        """Raises ``StoreError``."""
        from fcemu.stores.sqlite import SqliteStore

        return SqliteStore(self.path, sync=self.sync, keep=self.keep)


def memory_store() -> Store:
    """What keeps everything as long as this process lives."""
    from fcemu.stores.memory import MemoryStore

    return MemoryStore()


def _given(definition: Definition) -> dict[str, Any]:
    """By what a definition is recognised after a restart."""
    import hashlib
    import json

    catalog = catalog_of(definition)
    text = json.dumps(catalog_to_json(catalog), sort_keys=True)
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "functions": [str(function.ref) for function in definition.functions],
        "domains": [domain.name for domain in definition.extras.domains],
    }


def _catalog_after(kept: Kept, definition: Definition, given: Mapping[str, Any]) -> Catalog:
    """What was defined when the emulator ended; where another definition is given than at its start, that wins for
    what it defines, and what the earlier one defined beyond that is gone."""
    catalog = kept.catalog
    if not kept.given or kept.given["sha256"] == given["sha256"]:
        return catalog
    defined = {function.ref for function in definition.functions}
    for name in kept.given["functions"]:
        ref = FunctionRef.parse(name)
        if ref in catalog.names and ref not in defined:
            catalog.remove(ref)
    for name in {*kept.given["domains"]} - {*given["domains"]}:
        if name in catalog.domains:
            catalog.remove_domain(name)
    for service in definition.services:
        if service not in catalog.services:
            catalog.add_service(service)
    for function in definition.functions:
        if catalog.names.get(function.ref) != function:
            catalog.add(function)
        catalog.forget_async(function.ref)
        catalog.forget_triggers(function.ref)
        catalog.belongings.forget(function.ref)
    for (ref, qualifier), asked in definition.async_settings.items():
        catalog.set_async(ref, asked, qualifier)
    definition.extras.put_into(catalog)
    return catalog


class Runtimes:
    """The runtimes behind one server, made when the first function needs them.

    ``extra_environment``: what handlers see besides FC's variables. ``debugging``: which function waits for a debugger.
    ``loop``: the one that serves requests, where the runtimes are to use it, too. ``pass_env``: patterns of variables
    of this process that handlers in other processes get beside what programs need; ``None``: they get all.
    """

    def __init__(
        self,
        extra_environment: Mapping[str, str],
        debugging: "Debugging | None" = None,
        loop: asyncio.AbstractEventLoop | None = None,
        pass_env: Sequence[str] | None = None,
    ) -> None:
        self._loop = loop
        self._pass_env = pass_env
        self._extra = dict(extra_environment)
        self._debugging = debugging
        self._made: dict[tuple[str, bool, str], Runtime] = {}
        self._packages: UnpackedPackages | None = None

    def __call__(self, name: str, *, isolate: bool = False, process: bool = False, python: str = "") -> Runtime:
        """The runtime that runs functions whose ``runtime`` is ``name``; raises ``ValueError``. ``isolate``: each of
        its instances imports its modules anew. ``process``: Python handlers run in processes of their own, by
        ``python``, if not by the Python of this process."""
        from fcemu.runtimes import runtime_named

        make = runtime_named(
            name,
            process=process,
            python=python,
            debugging=self._debugging,
            loop=self._loop,
            pass_env=self._pass_env,
        )
        which = (getattr(make, "func", make).__name__, isolate, python)
        runtime = self._made.get(which)
        if runtime is None:
            runtime = self._made[which] = make(self._extra, isolate=isolate)
        return runtime

    def stub(self, steps: Sequence[object]) -> StandIn:
        """What runs a function by steps instead of its code. Raises ``ValueError``."""
        from fcemu.runtimes.stub import Stub

        return Stub([step_of(step) for step in steps], cast("PythonInline", self(DEFAULT_RUNTIME)))

    def added(self, name: str, handler: Handler, settings: Mapping[str, object]) -> tuple[Definition, StandIn]:
        """The definition of a function that is a callable, and what runs it. Raises ``DefinitionError``,
        ``ValueError``."""
        from fcemu.config import read_function
        from fcemu.runtimes.stub import code_of

        if not callable(handler):
            raise ValueError(f"handler: expected a callable that takes (event, context), found {handler!r}")
        code, handler_name = code_of(handler)
        return read_function(FunctionRef.parse(name), settings, handler_name, code), self.stub([handler])

    def module_of(self, emulator: Emulator, ref: FunctionRef, *, isolate: bool, process: bool) -> ModuleType:
        """The module of a function's handler, to change it in a test; loads it when needed, and raises what that
        raises. Raises ``LookupError`` where there is no such module."""
        from fcemu.runtimes.stub import Stub

        added = emulator.setup.added(ref)
        if isinstance(added, Stub):
            if added.module is None:
                raise LookupError(f"{ref} was added as a callable that is of no module of yours")
            return added.module
        function = emulator.function(ref)
        runtime = self(function.runtime, isolate=isolate, process=process)
        if not hasattr(runtime, "module_of"):
            raise LookupError(f"{ref} runs in a process of its own ({function.runtime}), so its module is not here")
        return cast("PythonInline", runtime).module_of(function, AtRest(emulator.clock), emulator.settings.account)

    def packages(self) -> "UnpackedPackages":
        """Where uploaded code is."""
        if self._packages is None:
            from fcemu.packages import UnpackedPackages

            self._packages = UnpackedPackages()
        return self._packages

    def forget(self, directories: Collection[str]) -> None:
        """Code in these directories was changed: handlers of this process import it anew."""
        for runtime in self._made.values():
            if hasattr(runtime, "forget"):
                for directory in directories:
                    cast("PythonInline", runtime).forget(directory)

    def close(self) -> None:
        """Close what was made."""
        if self._packages is not None:
            self._packages.close()
        for runtime in self._made.values():
            runtime.close()
        self._made.clear()


def emulator_of(
    definition: Definition,
    settings: Settings,
    runtimes: Callable[[str], Runtime],
    kind: Callable[..., Emulator] = Emulator,
    packages: Callable[[], Packages] | None = None,
    store: Store | None = None,
    *,
    stub: Callable[[Sequence[object]], StandIn] | None = None,
    catch_up: bool = False,
) -> Emulator:
    """A new emulator: with nothing in its journal, or with what ``store`` has kept, where it also keeps what happens
    from now on. ``stub`` makes what runs steps; without it, code runs. ``catch_up``: its clock moves on by the time for
    which nobody had the store. Raises ``StoreError``.
    """
    parts: dict[str, Any] = {"catalog": catalog_of(definition)}
    if store is not None:
        kept, given = read_kept(store, None if packages is None else packages()), _given(definition)
        parts = {"catalog": parts["catalog"], "store": store, "given": given}
        if kept is not None:
            settings = replace(settings, start=kept.started)
            clock = Clock(kept.started, settings.rate)
            clock.set(kept.now)
            if store.keep is not None:
                forget_old(store, clock.now(), store.keep, Mailboxes())
            parts |= {"catalog": _catalog_after(kept, definition, given), "kept": kept, "clock": clock}
            if catch_up:
                parts["catch_up"] = caught_up(kept, store, settings.rate)
    return kind(
        settings=settings,
        runtimes=runtimes,
        chance=CHANCES[settings.chance](settings.seed),
        crew=CREW,
        packages=packages,
        post=post,
        stubs={} if stub is None else {ref: stub(steps) for ref, steps in definition.stubs.items()},
        **parts,
    )


def define(
    emulator: Emulator,
    definition: Definition,
    code: Mapping[FunctionRef, StandIn] | None = None,
    *,
    stub: Callable[[Sequence[object]], StandIn],
) -> None:
    """Add a definition to a running emulator. Raises ``ValueError`` where it wants other options than there are."""
    has, wanted = emulator.settings, settings_of(definition.options, emulator.settings)
    other = [each.name for each in fields(has) if getattr(has, each.name) != getattr(wanted, each.name)]
    if other:
        raise ValueError(f"a definition that is added cannot change the options of the emulator: {', '.join(other)}")
    emulator.setup.define(definition.services, definition.functions, definition.async_settings, code, definition.extras)
    for ref, steps in definition.stubs.items():
        emulator.setup.stub(ref, stub(steps), alone=True)


class Parts:
    """Implements ``Parts`` of the API. Paths in a definition count from the working directory."""

    def __init__(self, runtimes: Runtimes) -> None:
        self.stub: Final = runtimes.stub
        self._packages: Final = runtimes.packages

    def define(self, emulator: Emulator, document: Mapping[str, Any]) -> None:
        """Add a definition in native form. Raises ``BadDefinition``."""
        from fcemu.config import DefinitionError, read_mapping

        try:
            define(emulator, read_mapping(document, Path.cwd()), stub=self.stub)
        except DefinitionError as wrong:
            found = [{"path": one.path, "message": one.message, "hints": list(one.hints)} for one in wrong.problems]
            raise BadDefinition(str(wrong), found) from None
        except ValueError as wrong:
            raise BadDefinition(str(wrong), [{"path": "emulator", "message": str(wrong), "hints": []}]) from None

    def defined(self, emulator: Emulator) -> dict[str, Any]:
        """All that is defined, in native form; what was uploaded is in it, so that it can be made again elsewhere."""
        from fcemu.config import code_of, native_form
        from fcemu.runtimes.stub import Stub

        defined = emulator.setup.defined()
        there = {function.ref: emulator.setup.stub_of(function.ref) for function in defined[1]}
        stubs = {ref: stub.steps for ref, stub in there.items() if isinstance(stub, Stub)}
        own, usual = emulator.settings.account, Settings().account
        whose = [("region", own.region, usual.region), ("accountId", own.id, usual.id)]
        document = native_form(*defined, emulator.setup.extras(), stubs, code_of(self._packages()))
        limits = {"emulator": {"limits": "relaxed"}} if emulator.settings.limits == RELAXED else {}
        return {key: mine for key, mine, otherwise in whose if mine != otherwise} | document | limits


def program_named(text: str) -> str:
    """Where a program is: a path from the working directory, or a name that is looked for as a shell does.

    Raises ``ValueError``.
    """
    import shutil

    found = shutil.which(text)
    if found is None:
        raise ValueError(f"option python: there is no program {text!r}")
    return os.path.abspath(found)


def debugging(function: FunctionRef, port: int) -> "Debugging":
    """Instances of ``function`` wait for the client of a debugger, on ``port`` of 127.0.0.1."""
    from fcemu.runtimes.debugging import Debugging

    return Debugging(function, port)


def patch_time() -> None:
    """Let handlers of this process see virtual time, once for all; everything else keeps real time."""
    from fcemu.runtimes import timeshift

    timeshift.install()


def freezer() -> str | None:
    """Who has frozen the time of this process by himself, freezegun or time-machine."""
    from fcemu.runtimes.timeshift import freezers

    return freezers.active()


def test_time() -> datetime | None:
    """What that freezer shows."""
    from fcemu.runtimes.timeshift import freezers

    return freezers.test_time()


def move_test_time(by: timedelta) -> None:
    """Move that freezer."""
    from fcemu.runtimes.timeshift import freezers

    freezers.move_test_time(by)


def lend_clock(clock: "Lent") -> AbstractContextManager[None]:
    """Let code that is no handler read ``clock`` and sleep on it inside a ``with`` block."""
    from fcemu.runtimes.timeshift.lending import lend

    return lend(clock)


def definition_in(directory: Path) -> Path | None:
    """The definition that a directory holds under one of the usual names, if any."""
    return next((path for name in FILE_NAMES if (path := directory / name).is_file()), None)


def time_backend() -> str:
    """The library behind the time of handlers. Raises ``ValueError`` for one that was asked for and is not there."""
    from fcemu.runtimes import timeshift

    timeshift.install()
    return timeshift.backend_in_force() or ""


def tools() -> list[tuple[str, str, str]]:
    """What this machine has for functions in other languages: name, what was found, what to do if it cannot be used."""
    from fcemu.runtimes import known_programs

    return [(found.name, found.found, found.wrong) for found in known_programs.tools()]


def in_other_languages() -> list[tuple[str, list[str], list[tuple[str, str]]]]:
    """What is virtual and what is real for handlers in other languages that this machine can run: of whom, what is
    virtual, and what is real with the reason."""
    from fcemu.runtimes import known_programs

    return [
        (
            of,
            [row.what.replace("`", "") for row in rows if not row.why],
            [(row.what.replace("`", ""), row.why) for row in rows if row.why],
        )
        for of, rows in known_programs.rows()
    ]


def syntax_error_of(path: str) -> SyntaxError | None:
    """What is wrong with a file of JavaScript, where it is one and Node.js is there to say so."""
    from fcemu.runtimes.node import SCRIPTS, syntax_error_of

    return syntax_error_of(path) if path.endswith(SCRIPTS) else None


def real_on_purpose() -> list[tuple[str, str]]:
    """What stays real although a handler runs on virtual time, each with the reason."""
    from fcemu.runtimes import timeshift

    return [
        (f"{real.what}, {real.where}".replace("`", ""), real.why) for real in timeshift.real_on_purpose(time_backend())
    ]


def api_server(token: str = "", hosts: Collection[str] = (), allowed: Collection[str] = ()) -> ApiServer:
    """A server without an emulator; its port speaks HTTP and TLS. ``token``: what every request must carry. ``hosts``:
    where it will listen; ``allowed``: under which names it answers besides, see ``guard_of``."""
    server = ApiServer(ServerState(version=__version__, tls=authority, mounts=[MNS]))
    server.guard = guard_of(token, hosts, allowed)
    return server


def guard_of(token: str = "", hosts: Collection[str] = (), allowed: Collection[str] = ()) -> Guard:
    """What refuses requests of web pages: FC's and MNS's host names are good, and those that are given."""
    return Guard(token, hosts, allowed, is_fc_host)


def redirection(host: str, port: int) -> Redirection:
    """What brings the connections of this process to FC's hosts to an emulator; ``begin`` puts it in force."""
    return Redirection((host, port), lambda: authority().pem, is_fc_host)


def environment(endpoint: str, settings: Settings, *, intercept: bool, token: str = "") -> dict[str, str]:
    """The variables that point a program at the emulator at ``endpoint``, with the first of its access keys;
    ``intercept``: also Python programs with hosts of FC written down in them. ``token``: what that emulator wants."""
    account = settings.account
    known = pointing(endpoint, account.id, account.region, next(iter(settings.access_keys.items()), ("test", "test")))
    if token:
        known |= pointing(endpoint, account.id, account.region, (token, token)) | {"FCEMU_TOKEN": token}
    return known | redirecting(os.environ, endpoint) if intercept else known


@asynccontextmanager
async def intercepted(environment: Mapping[str, str], endpoint: str, *, only: bool) -> AsyncIterator[dict[str, str]]:
    """More variables, by which programs in any language that have hosts of FC written down reach ``endpoint``; for as
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


class ServerThread:
    """An API server with an event loop of its own in a thread of its own, so that any thread may block on it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.server: Final = api_server()
        self._loop: Final = ServerLoop()
        self._thread = threading.Thread(target=self._serve, name="fcemu-server", daemon=True)
        Context().run(self._thread.start)
        self.host: Final = host
        try:
            self.port: Final = self._call(self.server.start(host, port))
        except BaseException:
            self._end()
            raise

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return Context().run(asyncio.run_coroutine_threadsafe, coroutine, self._loop).result()

    def close(self) -> None:
        """Refuse connections, drop open ones, end the thread."""
        if self._loop.is_closed():
            return
        self._call(self.server.stop())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
