"""Starts a program of the user's, keeps its output, and ends it gently or at once."""

import codecs
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from fcemu.core.output import Output
from fcemu.guarding import GUARDIAN, new_mark
from fcemu.handler.polls import POLLIN, new_bell, new_poll
from fcemu.handler.system import NEW_GROUP, PROC
from fcemu.runtimes import outputs, side_threads
from fcemu.runtimes.child.guardian import VARIABLE, end, kill, shared_by

_CHUNK: Final = 1 << 16
GRACE_SECONDS: Final = 2.0
"""Real seconds between SIGTERM and SIGKILL. ASSUMED: fcemu gives a program 2 real seconds after SIGTERM, as FC probably
gives it some time, too (runtimes §5.1)."""


class Program:
    """A process that leads a group of its own, with an empty stdin. Its environment and directory are as given.

    Output goes to the list that was named last; what was written with none named comes first in the next one.
    Raises ``OSError`` when it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: str,
        failed: Callable[[BaseException], None],
    ) -> None:
        """``failed`` gets what is raised where output is read: ``Call.failed``."""
        self._mark: Final = new_mark()
        self._shared: Final[set[str]] = set()
        """Names of shared memory that it had when it was killed."""
        self._output, writing = outputs.ends()
        try:
            self._process: Final = subprocess.Popen(
                command,
                env={**environment, VARIABLE: self._mark},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                creationflags=NEW_GROUP,
            )
        except BaseException:
            os.close(self._output)
            raise
        finally:
            os.close(writing)
        GUARDIAN.tell(f"+{self.group} {self._mark}")
        self._sink = Output()
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._closed = False
        self._reading: Final = threading.Lock()
        self._ended: Final = threading.Lock()
        self._over: Final = new_bell()
        self._reader: Final = side_threads.start("fcemu-output", self._read_on, failed)

    @property
    def group(self) -> int:
        """Its process id, which is that of its group."""
        return self._process.pid

    def status(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while it runs."""
        return self._process.poll()

    def status_soon(self, seconds: float) -> int | None:
        """The same, after waiting a little for a program that is about to end."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll()

    def write_to(self, sink: Output) -> None:
        """Put output there from now on."""
        with self._reading:
            for text in self._sink:
                sink.append(text)
            self._sink = sink

    def drain(self, sink: Output) -> None:
        """See to it that all that was written so far is in ``sink``; from now on output waits for the next one."""
        with self._reading:
            if not self._closed:
                self._read()
            rest = self._decoder.decode(b"", final=True)
            if rest:
                self._sink.append(rest)
            if self._sink is sink:
                self._sink = Output()

    def _read_on(self) -> None:
        poll = new_poll()
        poll.register(self._output, POLLIN)
        poll.register(self._over, POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            with self._reading:
                if self._output in ready and not self._read(outputs.PIPE_BYTES):
                    poll.unregister(self._output)
            if self._over.fileno() in ready:
                break
        with self._reading:
            self._read()
            self._closed = True
        os.close(self._output)
        self._over.close()

    def _read(self, most: int | None = None) -> bool:
        """Take in what is there now, and no more, or so many bytes of it; whether more may come."""
        room = outputs.held(self._output) if most is None else most
        try:
            while room > 0 and (data := outputs.read(self._output, min(room, _CHUNK))):
                room -= len(data)
                self._sink.append(self._decoder.decode(data))
        except BlockingIOError:
            return True
        if room > 0:
            self._sink.append(self._decoder.decode(b"", final=True))
            return False
        return True

    def kill(self) -> None:
        """End it and what it has started in its group, at once; on any thread, repeatable."""
        self._shared.update(shared_by(self.group))
        kill(self.group, self._mark)

    def end(self, *, gently: bool) -> None:
        """End it with all that it has started, wait for it, and give back what it needed here; with ``gently`` SIGTERM
        comes first. Repeatable."""
        if not self._ended.acquire(blocking=False):
            return
        if gently and self.status() is None:
            self._shared.update(shared_by(self.group))
            if PROC:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.group, signal.SIGTERM)
            else:
                self._process.terminate()  # on Windows at once
            self.status_soon(GRACE_SECONDS)
        end(self.group, self._mark, self._shared)
        self._process.wait()
        GUARDIAN.tell(f"-{self.group}")
        self._over.ring()
        self._reader.join()
