"""The template process: a warm Python without threads that forks an instance whenever the emulator asks.

Over its control socket, packets: ``{"fork": n}`` with three descriptors (channel, output, dial) makes instance ``n``;
``{"kill": n}`` ends it with all that it has started, wherever that has gone. When the control socket ends, so does
everything.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import Final

from fcemu.handler.child.channel import Channel
from fcemu.handler.child.dial import Dial
from fcemu.handler.child.instance import prepare
from fcemu.handler.child.instance import run as be_instance
from fcemu.handler.child.times import install

_PACKET: Final = 1024
_SET_CHILD_SUBREAPER: Final = 36


def run(control_fd: int) -> None:
    """Be the template of the emulator at the other end of a socket; in forked processes, be an instance."""
    control = socket.socket(fileno=control_fd)
    _inherit_orphans()
    prepare()
    install()
    gc.collect()
    gc.freeze()
    channel, output, dial = _Template(control).serve()
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    be_instance(Channel(socket.socket(fileno=channel)), Dial(dial))


class _Template:
    def __init__(self, control: socket.socket) -> None:
        self._control: Final = control
        self._instances: Final[dict[int, int]] = {}
        """Process ids by number."""
        self._ended, self._signals = socket.socketpair()
        for end in (self._ended, self._signals):
            end.setblocking(False)
        signal.set_wakeup_fd(self._signals.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> list[int]:
        """Returns in forked processes only, with their descriptors."""
        poll = select.poll()
        for each in (self._control, self._ended):
            poll.register(each, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._ended.fileno() in ready:
                self._ended.recv(_PACKET)
                self._reap()
            if self._control.fileno() in ready:
                packet, fds, _, _ = socket.recv_fds(self._control, _PACKET, 3)
                if not packet:
                    self._end_all()
                asked = json.loads(packet)
                if "kill" in asked:
                    self._kill(asked["kill"])
                elif self._fork(asked["fork"], fds):
                    return fds

    def _fork(self, number: int, fds: list[int]) -> bool:
        """Whether this is the forked process."""
        pid = os.fork()
        if pid == 0:
            os.setsid()
            _inherit_orphans()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (self._control, self._ended, self._signals):
                each.close()
            return True
        self._instances[number] = pid
        for fd in fds:
            os.close(fd)
        return False

    def _kill(self, number: int) -> None:
        pid = self._instances.get(number)
        if pid is not None:
            _kill_group(pid)

    def _reap(self) -> None:
        """What ended instances have started ends too; before they are reaped, so that the group is surely theirs."""
        for number, pid in list(self._instances.items()):
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                _kill_group(pid)
                os.waitpid(pid, 0)
                del self._instances[number]
        self._end_orphans(os.WNOHANG)

    def _end_orphans(self, how: int) -> bool:
        """Kill what ended instances have left, which is the template's now; whether there was any. When one has ended,
        what that has started comes here, too."""
        orphans = _children() - set(self._instances.values())
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, how)
        return bool(orphans)

    def _end_all(self) -> None:
        for pid in self._instances.values():
            _kill_group(pid)
        for pid in self._instances.values():
            os.waitpid(pid, 0)
        self._instances.clear()
        while self._end_orphans(0):
            pass
        os._exit(0)


def _inherit_orphans() -> None:
    """Become, where the system can, the parent of all descendants whose own parent ends, as the first process of a
    container is: then none of them is lost sight of, whatever group or session it has gone to."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> set[int]:
    """The processes whose parent this one is, where the system tells."""
    found: set[int] = set()
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                found.update(map(int, file.read().split()))
    return found


def _kill_group(pid: int) -> None:
    """Also a process that has not yet made its own group."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
