"""serve: an emulator behind its server in this process, until a signal ends it."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from fcemu import __version__, config, host
from fcemu.commands.log import Writer
from fcemu.commands.printing import Table
from fcemu.commands.signals import handle_signal
from fcemu.commands.terminal import Terminal
from fcemu.commands.waiting import telling_who_waits
from fcemu.config import Definition
from fcemu.core.functions import Function
from fcemu.core.options import OPTIONS, checked, value_of
from fcemu.core.settings import Settings
from fcemu.core.values import dataclass
from fcemu.handler.system import LIMITS
from fcemu.host import Host
from fcemu.own_api.codec import encode, fields_of
from fcemu.own_api.routes import PREFIX
from fcemu.runtimes.showing import hide

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.host import ApiServer
    from fcemu.own_api.records import Function as FunctionRecord
    from fcemu.runtimes.debugging import Debugging

LOG: Final = logging.getLogger("fcemu.serve")

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN: Final = "FCEMU_TOKEN"
"""The variable of ``--token``, which clients read, too."""
DEFAULT_URL: Final = "http://127.0.0.1:9527"
"""Where clients look without being told."""
_FUNCTIONS_SHOWN: Final = 30
_EXPORTED: Final = (
    "FC_ENDPOINT",
    "MNS_ENDPOINT",
    "FC_ACCOUNT_ID",
    "FC_REGION",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
)
"""What most programs read, of all the variables."""
_MOST_FILES: Final = 65_536
_PATIENT_COLLECTOR: Final = (50_000, 20, 100)
"""A fifth more requests a second than with Python's thresholds, which walk over all facts again and again."""
_EVERYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that one listens on but does not connect to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to serve and where. ``plan["port"]`` is what an option of ``serve`` or ``exec`` comes to."""

    definition: Definition
    sources: tuple[Path, ...]
    options: Callable[[], Mapping[str, object]]
    """All that was said, with the defaults of the command: a clock starts at the time at which this is asked."""
    said: Mapping[str, object]
    """What was said on the command line or by variables."""
    chosen: Mapping[str, Any]

    @classmethod
    def of(cls, command: str, definition: Definition, sources: tuple[Path, ...], said: Mapping[str, object]) -> "Plan":
        """``said``: on the command line of ``serve`` or ``exec``, or by variables. Raises ``ValueError``."""
        usual = {name: row.default_in(command) for name, row in OPTIONS.items()}

        def options() -> dict[str, object]:
            now = {name: datetime.now(UTC) if value == "now" else value for name, value in usual.items()}
            return {name: value for name, value in now.items() if value is not None} | {**definition.options, **said}

        return cls(definition=definition, sources=sources, options=options, said=said, chosen=checked(options()))

    def __getitem__(self, name: str) -> Any:
        """What an option of that name comes to. Raises ``KeyError`` for a name that no option has."""
        return value_of(self.chosen, name)

    @property
    def intercepts(self) -> bool:
        """Whether FC's host names lead to the emulator, for programs in its environment."""
        return bool(self["intercept"] or self["intercept_only"])


def definition_of(sources: Sequence[Path], choices: host.Choices) -> Definition:
    """One application of several definitions. Raises ``DefinitionError`` with the problems of all of them. Without a
    definition nothing is read, so what reads is not imported before."""
    read: list[Definition] = []
    problems: list[config.Problem] = []
    for source in sources:
        try:
            read.append(config.read_definition(source, choices))
        except config.DefinitionError as wrong:
            problems += wrong.problems
    if problems:
        raise config.DefinitionError(problems)
    return config.composed(read)


class CannotListen(Exception):
    """The port cannot be had; the text says why, and what now."""


def run(plan: Plan, stderr: Writer) -> None:
    """Serve until SIGINT or SIGTERM, and tell all that happens on ``stderr``. Raises ``CannotListen``, and
    ``ValueError`` for options that do not fit."""
    prepare(plan)
    _allow_files()
    with asyncio.Runner(loop_factory=host.ServerLoop) as runner:
        runner.run(_serve(plan, stderr))


def prepare(plan: Plan) -> None:
    """Check the options, patch the time functions, and let paths be shown from here. Raises ``ValueError``."""
    host.relative_to(Path.cwd())
    if plan.intercepts and ":" in plan["host"]:
        raise ValueError(f"--intercept needs an IPv4 address to lead connections to, but --host is {plan['host']}")
    if (plan.definition.functions and plan["runtime"] == "inline") or "FCEMU_BACKEND" in os.environ:
        from fcemu.runtimes import timeshift  # what it installs costs time at the start

        timeshift.install()


def _allow_files() -> None:
    """As many connections as the system allows; shells start programs with 1,024 files, for ``select``'s sake."""
    if LIMITS:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@dataclass(frozen=True, slots=True)
class Served:
    """A host that runs: by which plan, with the settings that its emulator began with, and the token that its server
    wants."""

    plan: Plan
    host: Host
    settings: Settings
    token: str
    server: "ApiServer"

    @property
    def url(self) -> str:
        """Where a program on this machine reaches it."""
        return self.host.url

    @property
    def client(self) -> "Client":
        """A client of it."""
        from fcemu.client import Client

        return Client(self.url, token=self.token)

    def functions(self) -> Collection[Function]:
        """All functions that there are now."""
        return () if self.host.emulator is None else self.host.emulator.functions()

    def code_changed(self, directories: Collection[str]) -> Collection[str]:
        """New instances for the next attempts of the functions whose code is there; returns their names."""
        self.host.runtimes.forget(directories)
        emulator = self.host.emulator
        return [] if emulator is None else [str(ref) for ref in emulator.setup.code_changed(directories)]

    def redefine(self) -> list[str]:
        """Read the definitions again, and use what they say now; returns what is odd about that. Raises ``ValueError``
        for definitions that cannot be used, so that all stays as it is."""
        read = definition_of(self.plan.sources, host.choices_of(self.plan.said))
        return [*map(str, read.warnings), *self.host.redefine(read)]

    def environment(self) -> dict[str, str]:
        """The variables that point a program here."""
        return host.environment(self.host.endpoint, self.settings, intercept=False, token=self.token)


async def _serve(plan: Plan, stderr: Writer) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        handle_signal(loop, number, stop.set)
    async with (
        served(plan, narrate_on=stderr) as running,
        telling_who_waits(running.server, LOG.warning),
        environment(plan, running) as variables,
    ):
        # The first requests come meanwhile: where no function is defined, nothing has to be known before the greeting.
        defined = await asyncio.to_thread(running.host.told_functions) if running.functions() else []
        _greet(plan, running, defined)
        tell_intercepted(plan, variables)
        async with watched(plan, running):
            await stop.wait()
        LOG.info("stopping", extra={"fields": {"event": "stopping"}})


def watched(plan: Plan, running: Served) -> AbstractAsyncContextManager[None]:
    """What ``--watch`` asks for, for the length of an ``async with``."""
    if not plan["watch"]:
        return nullcontext()
    from fcemu.commands.watching import watching

    return watching(running, [config.find_definition(source) for source in plan.sources])


def _new_token() -> str:
    from secrets import token_urlsafe

    return token_urlsafe(16)


@asynccontextmanager
async def environment(plan: Plan, running: Served) -> AsyncIterator[Mapping[str, str]]:
    """The variables of a program beside the emulator: those of this process, without its proxies, and more."""
    ours = host.without_proxies(os.environ) | running.environment()
    if not plan.intercepts:
        os.environ.update(host.warn_of_fc(partial(LOG.warning, "%s")))  # for handlers, not for the program beside
        yield ours
        return
    async with host.intercepted(ours, running.host.endpoint, only=plan["intercept_only"]) as more:
        os.environ.update(more)  # for handlers in processes of their own
        yield ours | more


def _debugging(plan: Plan, recipe: host.Recipe) -> "Debugging | None":
    if not plan["debug"]:
        return None
    from fcemu.commands.debugging import debugging_of

    debugging = debugging_of(
        plan.definition, plan["debug"], plan["debug_port"], process=recipe.process, python=recipe.python
    )
    LOG.info(
        "%s waits for a debugger at 127.0.0.1:%d before its first attempt: invoke it, then attach",
        debugging.function,
        debugging.port,
        extra={"fields": {"event": "debugging", "function": str(debugging.function), "port": debugging.port}},
    )
    return debugging


@asynccontextmanager
async def served(plan: Plan, *, narrate_on: Writer | None) -> AsyncIterator[Served]:
    """An emulator behind its server for the length of an ``async with``; all that happens is told on ``narrate_on``,
    where there is one. Raises ``CannotListen``, ``ValueError``."""
    token = plan["token"] or ("" if _is_loopback(plan["host"]) else _new_token())
    recipe = host.Recipe.of(plan.definition, plan.options)
    debugging = _debugging(plan, recipe)
    server = host.api_server(token, [plan["host"]], plan["allow_host"])
    try:
        port = await server.start(plan["host"], plan["port"])
    except OSError as refused:
        raise CannotListen(_why(plan, refused)) from None
    url = base_url(plan["host"], port)
    variables = {"FCEMU_URL": url} | ({TOKEN: token} if token else {})
    runtimes = host.Runtimes(variables, debugging, asyncio.get_running_loop(), plan["pass_env"])
    here = Host(server.state, runtimes, url)
    terminal = None if narrate_on is None else _terminal(plan, narrate_on)
    try:
        emulator = here.begin(recipe, *([] if terminal is None else [terminal.hear]))
    except BaseException:
        await server.stop()
        raise
    ready_file = None if plan["ready_file"] is None else Path(plan["ready_file"])
    if ready_file is not None:
        write_atomically(ready_file, url)
    gc.freeze()  # what was imported lives as long as the process, and so do nearly all facts
    gc.set_threshold(*_PATIENT_COLLECTOR)
    gc.enable()
    try:
        yield Served(plan, here, emulator.settings, token, server)
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        if here.emulator is not None:
            await asyncio.to_thread(here.emulator.close)
        await server.stop()
        if terminal is not None:
            await asyncio.to_thread(terminal.close)
        runtimes.close()


def _terminal(plan: Plan, writer: Writer) -> Terminal:
    """What tells of all that happens; then what handlers write is told there, and not shown a second time."""
    hide()
    as_json = plan["log_format"] == "json"
    return Terminal(writer, quiet=plan["quiet"], verbose=plan["verbose"], as_json=as_json)


def base_url(host: str, port: int) -> str:
    """Where a program on this machine connects to."""
    reachable = _EVERYWHERE.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def write_atomically(path: Path, text: str) -> None:
    """Whoever sees the file sees all of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _why(plan: Plan, refused: OSError) -> str:
    import errno

    where = f"{plan['host']}:{plan['port']}"
    match refused.errno:
        case errno.EADDRINUSE:
            return (
                f"cannot listen on {where}: it is in use. Stop the program that listens there, or choose another "
                "--port (0 chooses any)"
            )
        case errno.EACCES:
            return f"cannot listen on {where}: not allowed. Choose a --port above 1023"
        case _:
            number = refused.errno or 0  # below 0 it is one of getaddrinfo's, which strerror does not know
            reason = os.strerror(number) if number > 0 else refused.strerror or refused
            return f"cannot listen on {where}: {reason}. Choose a --host that this machine has, such as 127.0.0.1"


# What it says.


def _greet(plan: Plan, running: Served, defined: "list[FunctionRecord]") -> None:
    settings, url = running.settings, running.url
    variables = running.environment()
    functions = len(plan.definition.functions)
    sources = plan.sources if len(plan.sources) > 1 else filter(None, [plan.definition.path])
    source = f" from {named}" if (named := ", ".join(map(_shown, sources))) else ""
    count = "1 function" if functions == 1 else f"{functions or 'no'} functions"
    fields = {
        "event": "serving",
        "url": url,
        "functions": functions,
        "rate": settings.rate,
        "autojump": settings.autojump,
        "start": settings.start.isoformat(),
        "intercepts": plan.intercepts,
        "page": f"{url}{PREFIX}/",
        "triggers": [{"function": each.name, **fields_of(one)} for each in defined for one in each.triggers],
        "variables": variables,
    }
    LOG.info("fcemu %s serves %s%s at %s", __version__, count, source, url, extra={"fields": encode(fields)})
    if plan["quiet"]:
        logging.getLogger("fcemu").setLevel(logging.WARNING)
    _tell_what_was_kept(plan, running)
    LOG.info("%s", _clock_state(running.host.emulator, settings, "" if url == DEFAULT_URL else f" --url {url}"))
    warn_of_others(plan, running)
    if plan["log_format"] == "text":
        LOG.info("%s", "\n".join(_summary(defined, settings, url, variables)))
        if not plan.intercepts:
            LOG.info("FC's and MNS's own host names are not intercepted; --intercept leads them here")


def _summary(
    defined: "list[FunctionRecord]", settings: Settings, url: str, variables: Mapping[str, str]
) -> Iterator[str]:
    """The functions and what invokes them, the page, and what points a program here."""
    rows = list(_rows(defined[:_FUNCTIONS_SHOWN], settings)) if defined else []
    if rows:
        yield "functions, and what invokes them apart from the API:"
        yield from Table().lines(rows)
    if len(defined) > _FUNCTIONS_SHOWN:
        yield f"  … {len(defined) - _FUNCTIONS_SHOWN} more, which 'fcemu functions' lists"
    yield f"page: {url}{PREFIX}/"
    yield "programs call it with these variables; 'fcemu env' prints all of them:"
    yield from (f"  export {name}={quote(variables[name])}" for name in _EXPORTED)


def _rows(shown: "list[FunctionRecord]", settings: Settings) -> Iterator[list[str]]:
    """A row for each trigger of the functions, and for each function without one."""
    from fcemu.commands.functions import told_trigger

    for function in shown:
        told = [told_trigger(each, settings.start) for each in function.triggers] or [""]
        yield [f"  {function.name}", told[0]]
        yield from (["", each] for each in told[1:])


def tell_intercepted(plan: Plan, variables: Mapping[str, str]) -> None:
    """What leads to the emulator, of what programs may have written down, and how."""
    if not plan.intercepts:
        return
    others = ", and other hosts are refused" if plan["intercept_only"] else ""
    LOG.info(
        "intercepted%s: *.fc.aliyuncs.com, *.fcapp.run, *.mns.*.aliyuncs.com. Programs with hard-coded FC endpoints "
        "reach it after '. %s'",
        others,
        variables["FCEMU_VARIABLES"],
    )


def warn_of_others(plan: Plan, running: Served) -> None:
    """Beyond loopback: who may ask, and how."""
    if _is_loopback(plan["host"]):
        return
    how = "the token of --token" if plan["token"] else f"the token that was made for this run ({running.token})"
    LOG.warning(
        "--host %s: anyone who reaches this machine and knows %s can run your handlers. Requests carry it as "
        "'Authorization: Bearer TOKEN', SDKs as access key id, fcemu's commands as the variable %s",
        plan["host"],
        how,
        TOKEN,
        extra={"fields": {"event": "open", "host": plan["host"]}},
    )


def _tell_what_was_kept(plan: Plan, running: Served) -> None:
    emulator = running.host.emulator
    if not plan["data"] or emulator is None:
        return
    invocations = list(emulator.journal.invocations.values())  # a flowing clock runs what is due already
    waiting = sum(not one.finished for one in invocations)
    fields = {"event": "kept", "data": plan["data"], "invocations": len(invocations), "unfinished": waiting}
    LOG.info(
        "fcemu keeps everything in %s: %d invocations, %d of them unfinished",
        _shown(Path(plan["data"]).absolute()),
        len(invocations),
        waiting,
        extra={"fields": fields},
    )


def _clock_state(emulator: host.Emulator | None, settings: Settings, url: str) -> str:
    start = f"the clock starts at {settings.start.isoformat()}"
    if emulator is not None and emulator.starts:
        start = f"the clock continues at {emulator.clock.now().isoformat()}"
    if settings.rate:
        return f"{start} and runs at " + ("real speed" if settings.rate == 1 else f"{settings.rate:g} times real speed")
    if settings.autojump:
        return f"{start}, paused, and jumps to what is due"
    return (
        f"{start}, paused. Move it with 'fcemu clock advance 1h{url}', 'fcemu clock run-until-idle{url}' or "
        "POST /_fcemu/clock/advance"
    )


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _is_loopback(host: str) -> bool:
    if host in _LOOPBACK:
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
