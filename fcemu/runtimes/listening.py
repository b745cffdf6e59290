"""Finds on which ports a program listens and whether a client is connected; gives out free ports."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from fcemu.handler.system import PROC

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN: Final = "0A"
_ESTABLISHED: Final = "01"
_LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_LOOPBACK: Final = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


class Listener(NamedTuple):
    """A port that somebody listens on; ``loopback``: only programs of this machine reach it."""

    port: int
    loopback: bool


_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_GIVEN: Final = 32768
"""The first port that Linux gives away by itself, if nobody has changed that; macOS and Windows begin at 49152."""
_WIDTH: Final = 8192
_APART: Final = 256


def _candidates() -> Iterator[int]:
    """Ports below those that the system gives away by itself, for ever: of those, any may be the near end of somebody's
    connection just when a program wants to listen there. Processes begin at different ones. 0, the system's choice,
    where there are none."""
    given = _FIRST_GIVEN
    if PROC:
        with suppress(OSError, ValueError, IndexError):
            given = int(_RANGE.read_text("ascii").split()[0])
    first = given - _WIDTH
    begin = os.getpid() * _APART
    for number in count():
        yield first + (begin + number) % _WIDTH if first > _WIDTH else 0


_claims: Final[dict[int, socket.socket]] = {}
"""For each port that was given: a UDP socket at the same number, which no other process that asks ``free_port`` can
open meanwhile."""
_lock: Final = threading.Lock()
_next: Final = _candidates()


def free_port() -> int:
    """A TCP port that nobody uses now, and that neither this process nor another one with an emulator gets from here
    before ``give_back``: programs that start at the same time take theirs only later."""
    while True:
        with _lock, ExitStack() as unless_free, suppress(OSError):  # in use
            claim = unless_free.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            claim.bind(("0.0.0.0", next(_next)))
            port: int = claim.getsockname()[1]
            with socket.socket() as trial:
                trial.bind(("0.0.0.0", port))
            unless_free.pop_all()
            _claims[port] = claim
            return port


def give_back(port: int) -> None:
    """Whoever got this port from ``free_port`` no longer needs it; repeatable."""
    with _lock:
        if (claim := _claims.pop(port, None)) is not None:
            claim.close()


def accepts(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def listeners(group: int) -> list[Listener] | None:
    """Where the processes of a group listen; ``None`` where the system does not tell."""
    if not PROC:
        return _listeners_by_psutil(group)
    if not _TABLES[0].exists():
        return None
    sockets = _sockets_of(group)
    found = []
    for fields in _rows(_LISTEN):
        if fields[9] in sockets:
            address, _, port = fields[1].partition(":")
            found.append(Listener(int(port, 16), address in _LOOPBACK))
    return found


def is_connected(port: int) -> bool | None:
    """Whether somebody is connected to a port of this machine; ``None`` where the system does not tell."""
    if not PROC or not _TABLES[0].exists():
        return None
    return any(int(fields[1].partition(":")[2], 16) == port for fields in _rows(_ESTABLISHED))


def _listeners_by_psutil(pid: int) -> list[Listener] | None:
    """Where a process, or one that it has started, listens; ``None`` where nobody may know."""
    import psutil

    found = []
    try:
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            listening = [each.laddr for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
            found += [Listener(each.port, each.ip in _LOOPBACK_ADDRESSES) for each in listening]
    except psutil.Error:
        return None
    return found


def _rows(state: str) -> Iterator[list[str]]:
    """The sockets of this machine that are in a state, by the columns of the system's tables."""
    for table in _TABLES:
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == state:
                    yield fields


def _sockets_of(group: int) -> set[str]:
    """The inodes of the sockets that a group's processes have open."""
    found: set[str] = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):
            if PROC and os.getpgid(int(process.name)) != group:
                continue
            for fd in (process / "fd").iterdir():
                with suppress(OSError):
                    target = os.readlink(fd)
                    if target.startswith("socket:["):
                        found.add(target[8:-1])
    return found
