"""serve: an emulator behind its server in this process, until a signal ends it."""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fcemu import __version__, assembly
from fcemu.config import EMPTY, Definition
from fcemu.core.settings import Settings

if TYPE_CHECKING:
    from fcemu.client import Fact

LOG: Final = logging.getLogger("fcemu.serve")

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
DEFAULT_URL: Final = "http://127.0.0.1:9527"
"""Where clients look without being told."""
_PATIENT_COLLECTOR: Final = (50_000, 20, 100)
"""A fifth more requests a second than with Python's thresholds, which walk over all facts again and again."""
_EVERYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that one listens on but does not connect to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to serve and where. ``options`` are those of ``assembly.settings_of``, without what nobody said."""

    definition: Definition = EMPTY
    options: Mapping[str, object]
    host: str
    port: int
    ready_file: Path | None = None
    verbose: bool = False
    process: bool = True
    """Whether Python handlers run in processes of their own."""

    def all_options(self) -> dict[str, object]:
        """With what the definition says, and with the defaults of ``serve``: real time, from now on."""
        return {"rate": 1.0, "autojump": False, "start": datetime.now(UTC), **self.definition.options, **self.options}


class CannotListen(Exception):
    """The port cannot be had; the text says why, and what now."""


def run(plan: Plan) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``CannotListen``, and ``ValueError`` for options that do not fit."""
    assembly.settings_of(plan.all_options())
    if plan.definition.functions and not plan.process:
        assembly.patch_time()
    elif "FCEMU_BACKEND" in os.environ:
        assembly.time_backend()  # functions may come later
    asyncio.run(_serve(plan))


async def _serve(plan: Plan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = assembly.ApiServer(version=__version__)
    try:
        port = await server.start(plan.host, plan.port)
    except OSError as refused:
        raise CannotListen(_why(plan, refused)) from None
    url = base_url(plan.host, port)
    runtimes = assembly.Runtimes({"FCEMU_URL": url})
    server.parts = assembly.Parts(runtimes)

    def begin(asked: Mapping[str, object]) -> Settings:
        """Put a new emulator behind the server; the old one ends. Raises ``ValueError`` before anything changes."""
        settings = assembly.settings_of({**plan.all_options(), **asked})
        if server.emulator is not None:
            server.emulator.close()
        chosen = partial(runtimes, process=plan.process)
        server.emulator = assembly.emulator_of(plan.definition, settings, chosen, packages=runtimes.packages)
        return settings

    def reset(asked: Mapping[str, object]) -> None:
        begin(asked)

    settings = begin({})
    server.reset = reset
    if plan.ready_file is not None:
        write_atomically(plan.ready_file, url)
    _greet(plan, settings, url)
    narrator = _Narrator(url) if plan.verbose else None
    gc.freeze()  # what was imported lives as long as the process, and so do nearly all facts
    gc.set_threshold(*_PATIENT_COLLECTOR)
    gc.enable()
    try:
        await stop.wait()
        LOG.info("stopping", extra={"fields": {"event": "stopping"}})
    finally:
        if plan.ready_file is not None:
            plan.ready_file.unlink(missing_ok=True)
        if narrator is not None:
            narrator.stopping = True
        if server.emulator is not None:
            await asyncio.to_thread(server.emulator.close)
        await server.stop()
        if narrator is not None:
            await asyncio.to_thread(narrator.join)
        runtimes.close()


def base_url(host: str, port: int) -> str:
    """Where a program on this machine connects to."""
    reachable = _EVERYWHERE.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def write_atomically(path: Path, text: str) -> None:
    """Whoever sees the file sees all of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.replace(path)


def _why(plan: Plan, refused: OSError) -> str:
    import errno

    where = f"{plan.host}:{plan.port}"
    match refused.errno:
        case errno.EADDRINUSE:
            return f"cannot listen on {where}: it is in use. Stop what listens there, or choose another --port (0: any)"
        case errno.EACCES:
            return f"cannot listen on {where}: not allowed. Choose a --port above 1023"
        case _:
            number = refused.errno or 0  # below 0 it is one of getaddrinfo's, which strerror does not know
            reason = os.strerror(number) if number > 0 else refused.strerror or refused
            return f"cannot listen on {where}: {reason}. Choose a --host that this machine has, such as 127.0.0.1"


# What it says.


def _greet(plan: Plan, settings: Settings, url: str) -> None:
    functions = len(plan.definition.functions)
    source = f" from {_shown(plan.definition.path)}" if plan.definition.path else ""
    count = "1 function" if functions == 1 else f"{functions or 'no'} functions"
    fields = {
        "event": "serving",
        "url": url,
        "functions": functions,
        "rate": settings.rate,
        "autojump": settings.autojump,
        "start": settings.start.isoformat(),
    }
    LOG.info("fcemu %s serves %s%s at %s", __version__, count, source, url, extra={"fields": fields})
    LOG.info("%s", _clock_state(settings, "" if url == DEFAULT_URL else f" --url {url}"))
    if not _is_loopback(plan.host):
        LOG.warning(
            "--host %s: whoever reaches this machine can run your handlers, and signatures are not checked", plan.host
        )


def _clock_state(settings: Settings, url: str) -> str:
    start = f"the clock starts at {settings.start.isoformat()}"
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


class _Narrator(threading.Thread):
    """Logs each fact: listens to the emulator as any client does, also to the one that follows after a reset."""

    def __init__(self, url: str) -> None:
        from fcemu.client import Client

        super().__init__(name="fcemu-narrator", daemon=True)
        self._client: Final = Client(url)
        self.stopping = False
        self.start()

    def run(self) -> None:
        from fcemu.client import ClientError

        while not self.stopping:
            with suppress(ClientError):
                started = self._client.clock().started
                for fact in self._client.journal(follow=True):
                    self._tell(fact, started)

    def _tell(self, fact: "Fact", started: datetime) -> None:
        attempt = "" if fact.attempt is None else f" (attempt {fact.attempt})"
        at = f"+{(fact.at - started).total_seconds():.15g} s"
        known = fact._asdict() | {"at": fact.at.isoformat()}
        LOG.info(
            "%s  %s  %s  %s%s",
            at,
            fact.function,
            fact.request_id,
            fact.kind,
            attempt,
            extra={"fields": {"fact": known}},
        )


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        written = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": super().format(record),
        }
        return json.dumps(written | getattr(record, "fields", {}), ensure_ascii=False)


def log_to_stderr(form: str) -> None:
    """Let fcemu's own log go to stderr, as text for people or as one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    log = logging.getLogger("fcemu")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
