"""A program that runs below this one: signals are passed on to it, and nothing of it is left when it ends."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, Protocol

from fcemu.commands.signals import handle_signal
from fcemu.guarding import new_mark
from fcemu.handler.system import SIGNALS
from fcemu.runtimes.child.guardian import VARIABLE, end


def _signals(*names: str) -> tuple[signal.Signals, ...]:
    """Those that this system has."""
    return tuple(signal.Signals[name] for name in names if name in signal.Signals.__members__)


NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
"""Statuses that shells give, for programs that cannot be started."""
SIGNALLED: Final = 128
"""Shells add the signal's number to this, for programs that a signal ended."""
INTERRUPTS_PASSED_ON: Final = 2
TERM_SECONDS: Final = 8.0
TERM_SECONDS_AFTER_INTERRUPT: Final = 2.0
"""Real seconds that a program has after SIGTERM; those who run us wait little longer before they kill us, and shorter
when they have sent SIGINT before."""
_LEFTOVER_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.02

_TO_ALL: Final = _signals("SIGINT", "SIGQUIT", "SIGWINCH")
"""What a terminal sends to each process of a job."""
_TO_THE_PROGRAM: Final = _signals("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_ENDING: Final = frozenset(_signals("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"))


class CannotStart(Exception):
    """The program cannot be started; the text says why. ``status`` is a shell's."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Command(Protocol):
    """A program that runs for the length of an ``async with``; what would end it before it runs keeps it from
    starting."""

    async def __aenter__(self) -> "Command": ...

    async def __aexit__(self, *_: object) -> None: ...

    async def run(self, environment: Mapping[str, str]) -> int:
        """Start it and wait for its end; returns its status as a shell would show it. Raises ``CannotStart``."""


def new_command(words: Sequence[str]) -> Command:
    """A program as this system can run it."""
    return _Session(words) if SIGNALS else _Plain(words)


class _Session:
    """A program in a session of its own, so that each signal reaches it once, from here, wherever it came from.

    The session has no controlling terminal: input and output work, job control does not. SIGINT is passed on twice,
    the third kills; so does a SIGTERM that the program outlives for some seconds.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words: Final = words
        self._handled: list[signal.Signals] = []
        self._early: list[signal.Signals] = []
        """Signals that came before it was started."""
        self._pid: int | None = None
        self._interrupts = 0
        self._killing: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "_Session":
        self._loop = asyncio.get_running_loop()
        for number in (*_TO_ALL, *_TO_THE_PROGRAM, *_signals("SIGTSTP", "SIGCONT")):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does
                self._loop.add_signal_handler(number, self._arrived, number)
                self._handled.append(number)
        return self

    async def __aexit__(self, *_: object) -> None:
        for number in self._handled:
            self._loop.remove_signal_handler(number)

    async def run(self, environment: Mapping[str, str]) -> int:
        ending = next((number for number in self._early if number in _ENDING), None)
        if ending is not None:
            return SIGNALLED + ending
        process = await self._start(environment)
        self._pid = process.pid
        for number in self._early:
            self._pass_on(process.pid, number)
        try:
            status = await process.wait()
        finally:
            if self._killing is not None:
                self._killing.cancel()
            await self._end_leftovers(process.pid)
        return status if status >= 0 else SIGNALLED - status

    async def _start(self, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        with _said(self._words[0]):
            return await asyncio.create_subprocess_exec(*self._words, env=dict(environment), start_new_session=True)

    def _arrived(self, number: signal.Signals) -> None:
        if self._pid is None:
            self._early.append(number)
        else:
            self._pass_on(self._pid, number)

    def _pass_on(self, pid: int, number: signal.Signals) -> None:
        if not SIGNALS:
            return
        if number is signal.SIGTSTP:
            _signal_all(pid, signal.SIGTSTP)
            os.kill(os.getpid(), signal.SIGSTOP)  # until SIGCONT
        elif number is signal.SIGCONT or number in _TO_ALL:
            if number is signal.SIGINT:
                self._interrupts += 1
            killing = number is signal.SIGINT and self._interrupts > INTERRUPTS_PASSED_ON
            _signal_all(pid, signal.SIGKILL if killing else number)
        else:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if number in (signal.SIGTERM, signal.SIGHUP) and self._killing is None:
                seconds = TERM_SECONDS_AFTER_INTERRUPT if self._interrupts else TERM_SECONDS
                self._killing = self._loop.call_later(seconds, _signal_all, pid, signal.SIGKILL)

    async def _end_leftovers(self, pid: int) -> None:
        """End what the program has left running in its session."""
        until = self._loop.time() + _LEFTOVER_SECONDS
        number = signal.SIGTERM
        while _signal_all(pid, number):
            await asyncio.sleep(_LOOK_SECONDS)
            if SIGNALS:
                number = signal.SIGKILL if self._loop.time() > until else signal.Signals(signal.SIGCONT)


def _signal_all(pid: int, number: int) -> bool:
    """Whether there was somebody to send it to."""
    if SIGNALS:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
            return True
    return False


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Why a program of this name cannot be started becomes a ``CannotStart``."""
    try:
        yield
    except FileNotFoundError:
        raise CannotStart(f"there is no program {name!r}", NOT_FOUND) from None
    except OSError as refused:
        raise CannotStart(f"{name!r} cannot be started: {refused.strerror}", NOT_EXECUTABLE) from None
    except ValueError as wrong:
        raise CannotStart(f"{name!r} cannot be started: {wrong}", NOT_EXECUTABLE) from None


class _Plain:
    """A program that gets what a terminal sends from the terminal. The third interrupt kills it, and SIGTERM ends it,
    with what it has started."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words: Final = words
        self._process: subprocess.Popen[bytes] | None = None
        self._mark: Final = new_mark()
        self._ends: Final[list[Callable[[], object]]] = []
        self._interrupts = 0
        self._ended_early: int | None = None

    async def __aenter__(self) -> "_Plain":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does
                self._ends.append(handle_signal(loop, number, partial(self._arrived, number)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for end_handling in self._ends:
            end_handling()

    async def run(self, environment: Mapping[str, str]) -> int:
        if self._ended_early is not None:
            return SIGNALLED + self._ended_early
        process = self._process = await asyncio.to_thread(self._start, environment)
        try:
            status = await asyncio.to_thread(process.wait)
        finally:
            await asyncio.to_thread(end, process.pid, self._mark)
        return status if status >= 0 else SIGNALLED - status

    def _start(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with _said(self._words[0]):
            return subprocess.Popen(self._words, env={**environment, VARIABLE: self._mark})

    def _arrived(self, number: signal.Signals) -> None:
        if self._process is None:
            self._ended_early = number
        elif number is signal.SIGTERM:
            self._process.terminate()
        else:
            self._interrupts += 1
            if self._interrupts > INTERRUPTS_PASSED_ON:
                self._process.kill()
