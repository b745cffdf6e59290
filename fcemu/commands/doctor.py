"""doctor: what is installed, what is virtual, and what is wrong with this machine."""

import os
import sys
from textwrap import fill
from typing import Final, NamedTuple

import click

from fcemu.commands.options import Said, as_json, examples
from fcemu.commands.printing import Table, count, print_json
from fcemu.core.options import OPTIONS
from fcemu.handler.system import FACILITIES, HIDDEN, IS_HIDDEN, VARIABLE, Facility

_COLUMNS: Final = 80
_NAMES: Final = 14
"""How many columns the names of findings take."""
_HOST: Final = "127.0.0.1"
_OLDEST_FREEZEGUN: Final = (1, 5)
_INDISPENSABLE: Final = ("time.time", "time.sleep", "time.monotonic", "datetime.now", "asyncio.sleep")
"""Without these, hours of virtual time would take hours, or be seen by nobody."""
_START: Final = "2040-01-01T00:00:00Z"
"""Far from real time, so that the two cannot be mistaken for each other."""


class Finding(NamedTuple):
    """One line of the report; ``wrong`` says what to do, where something is wrong."""

    name: str
    found: str
    wrong: str = ""


@click.command(epilog=examples("fcemu doctor", "fcemu doctor --port 8000"))
@click.option(
    "--port",
    type=Said(OPTIONS["port"].kind),
    default=OPTIONS["port"].default,
    show_default=True,
    envvar=OPTIONS["port"].variable,
    show_envvar=True,
    help="Check this port, on which 'fcemu serve' would listen.",
)
@as_json
def doctor(port: int, as_json: bool) -> None:
    """Show what is installed, what is virtual and what is wrong.

    fcemu runs a handler that reads the time and waits in every usual way. The verdict comes first, on stderr. The
    status is 1 if something is wrong.
    """

    backend = _backend()
    virtual, failed = ({}, "") if backend.wrong else _look("inline")
    in_process, failed_there = ({}, "") if backend.wrong else _look("process")
    findings = [
        _python(),
        _system(),
        Finding("fcemu", _version("fcemu") or "not installed"),
        *_libraries(),
        backend,
        *([] if backend.wrong else [_virtual("virtual time", virtual, failed)]),
        *([] if backend.wrong else [_virtual("in processes", in_process, failed_there)]),
        _plugin(),
        _port(port),
        *_tools(),
    ]
    real = [] if backend.wrong else _real_on_purpose(backend.found)
    others = _other_languages()
    problems = [f"{each.name}: {each.wrong}" for each in findings if each.wrong]
    if as_json:
        print_json(
            {
                "found": {each.name: each.found for each in findings},
                "virtual": virtual,
                "virtual_in_processes": in_process,
                "system": [each._asdict() for each in FACILITIES],
                "real_on_purpose": [{"what": what, "why": why} for what, why in real],
                "other_languages": [
                    {"of": of, "virtual": kept, "real": [{"what": what, "why": why} for what, why in left]}
                    for of, kept, left in others
                ],
                "problems": problems,
            }
        )
    else:
        for problem in problems:
            click.echo(f"wrong: {problem}", err=True)
        click.echo(count(len(problems), "problem") if problems else "all is well", err=True)
        for line in Table().lines([(each.name, _brief(each)) for each in findings]):
            click.echo(line)
        _list("this system does not offer", [_missing(each) for each in FACILITIES if not each.offered])
        _list("virtual in handlers", [name for name, is_virtual in virtual.items() if is_virtual])
        _list("real in handlers", [name for name, is_virtual in virtual.items() if not is_virtual])
        _list("real in processes", [name for name, is_virtual in in_process.items() if not is_virtual])
        _list("real on purpose", [f"{what}: {why}" for what, why in real])
        for of, kept, left in others:
            _list(f"virtual in {of}", kept)
            _list(f"real in {of}", [f"{what}: {why}" for what, why in left])
    sys.exit(bool(problems))


def _list(title: str, texts: list[str]) -> None:
    if texts:
        click.echo(f"\n{title}:")
        for text in texts:
            click.echo(fill(text, _COLUMNS, initial_indent="  ", subsequent_indent="      ", break_long_words=False))


def _brief(finding: Finding) -> str:
    """What was found, without what is said of it behind a semicolon where the line is full."""
    return finding.found if len(finding.found) <= _COLUMNS - _NAMES else finding.found.partition(";")[0]


def _backend() -> Finding:
    from fcemu.runtimes import timeshift

    try:
        timeshift.install()
        return Finding("backend", timeshift.backend_in_force() or "none")
    except ValueError as wrong:
        return Finding("backend", "none", str(wrong))


def _look(runtime: str) -> tuple[dict[str, bool], str]:
    """Which reads and waits of a handler are virtual, found out by a handler; and how that failed, if it did."""
    from pathlib import Path

    from fcemu.testing import LocalEmulator

    code = Path(__file__).parent.parent / "templates" / "doctor"
    with LocalEmulator(code, start=_START, strict=False, runtime=runtime) as emulator:
        reply = emulator.function("look").invoke(emulator.now.timestamp())
    return (reply.json(), "") if reply.error is None else ({}, reply.text)


def _virtual(name: str, found: dict[str, bool], failed: str) -> Finding:
    missing = [name for name in _INDISPENSABLE if not found.get(name)]
    wrong = f"handlers get real time from {', '.join(missing)}; something else has replaced them" if missing else ""
    if failed:
        wrong = f"a handler that reads the time failed: {failed}"
    return Finding(name, f"{sum(found.values())} of {len(found)} reads and waits in a handler", wrong)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    too_old = sys.version_info < (3, 11)
    return Finding("python", f"{version}, {sys.executable}", "fcemu needs 3.11 or later" if too_old else "")


def _system() -> Finding:
    wanted = os.environ.get(VARIABLE, "")
    wrong = f"{VARIABLE}: expected {HIDDEN!r} or nothing, got {wanted!r}" if wanted not in ("", HIDDEN) else ""
    of_all = f"{sum(each.offered for each in FACILITIES)} of {len(FACILITIES)}"
    hidden = f"; {VARIABLE}={HIDDEN} hides the others" if IS_HIDDEN else ""
    return Finding("system", f"{sys.platform} offers {of_all} facilities that fcemu uses{hidden}", wrong)


def _missing(facility: Facility) -> str:
    return f"{facility.what}. {facility.instead[0].upper()}{facility.instead[1:]}".replace("`", "")


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _libraries() -> list[Finding]:
    freezegun, time_machine = _version("freezegun"), _version("time-machine")
    needed = f"fcemu needs {'.'.join(map(str, _OLDEST_FREEZEGUN))} or later: pip install 'freezegun>=1.5'"
    old = freezegun is None or _numbers(freezegun) < _OLDEST_FREEZEGUN
    return [
        Finding("freezegun", freezegun or "not installed", needed if old else ""),
        Finding("time-machine", time_machine or "not installed, and not needed"),
    ]


def _numbers(version: str) -> tuple[int, ...]:
    import re

    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _plugin() -> Finding:
    pytest = _version("pytest")
    if pytest is None:
        return Finding("pytest", "not installed", "fcemu's fixtures need it: pip install pytest")
    return Finding("pytest", f"{pytest}, {'with' if _version('fcemu') else 'without'} the fixture 'fcemu'")


def _port(port: int) -> Finding:
    import errno
    import socket

    from fcemu.client import Client, ClientError

    if port == 0:
        return Finding("port", "any free port")
    name = f"port {port}"
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((_HOST, port))
        except OSError as refused:
            if refused.errno != errno.EADDRINUSE:
                return Finding(name, f"not available: {refused.strerror}", "choose another --port for fcemu serve")
        else:
            return Finding(name, "free")
    try:
        health = Client(f"http://{_HOST}:{port}").health()
    except ClientError:
        wrong = "choose another --port for fcemu serve (0 chooses any), or stop the program that listens there"
        return Finding(name, "in use by something that is not an emulator", wrong)
    return Finding(name, f"in use by an emulator, fcemu {health.version}")


def _tools() -> list[Finding]:
    from fcemu.runtimes.known_programs import tools

    return [Finding(*found) for found in tools()]


def _real_on_purpose(backend: str) -> list[tuple[str, str]]:
    """What stays real in handlers, each with the reason."""
    from fcemu.runtimes.timeshift import real_on_purpose

    return [(f"{real.what}, {real.where}".replace("`", ""), real.why) for real in real_on_purpose(backend)]


def _other_languages() -> list[tuple[str, list[str], list[tuple[str, str]]]]:
    """Of handlers in other languages: of whom, what is virtual, and what is real with the reason."""
    from fcemu.runtimes.known_programs import rows

    found = [(of, [(row.what.replace("`", ""), row.why) for row in known]) for of, known in rows()]
    return [
        (of, [what for what, why in known if not why], [(what, why) for what, why in known if why])
        for of, known in found
    ]
