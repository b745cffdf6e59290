"""Talks to a child process that runs handlers: sends attempts, collects output, parks while it sleeps, kills it.

What every language shares. A runtime starts a child with one end of a socket pair (its *channel*), with a pipe as its
stdout and stderr, and with the dial of the clock, and runs attempts with ``Child.attempt``. Where a child cannot
inherit these, it connects to a port, and opens the dial by its name (``Doorway``). What a program in the child has to
do:

* A frame is two big-endian ``uint32``, the lengths of a JSON object and of a body of bytes, and then these two.
* It gets ``{"kind": "invoke", …}`` with the event as its body, and ends the attempt with any object whose ``kind`` is
  not one of those below; what that means is between the program and its runtime. Output is written before.
* When all of the handler waits for virtual time: ``{"kind": "park", "number": n, "seconds": s}``; ``s`` is ``null``
  where it waits for ever. Then it waits for ``{"kind": "woken", "number": n}``: so much time has passed. With
  ``"real": true`` it waits for something real as well; then the clock moves past it only because of ``seconds``.
* ``{"kind": "abandon"}``, while it is parked: the attempt is over, and it is to end it soon, with any such object.
* If something else ended that wait: ``{"kind": "roused", "number": n}``, after which it runs again; a ``woken`` of the
  same number may still come and means nothing.
* ``{"kind": "warn", "text": …}`` puts a warning into the journal; with ``"once": true`` not again in the same attempt.
* ``{"kind": "held up", "held_up": b}``: all of the handler that runs waits for something real, while other threads of
  it wait for virtual time to pass; or that is no longer so.
* ``{"kind": "begins"}``: the instance is ready, and its handler starts.
* ``{"kind": "debugged"}``: the client of a debugger for which it has waited is there.
* It reads virtual time from the dial (``FORM`` in ``engine/dial.py``) whenever it wants; it ends when the channel does.
"""

import codecs
import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn

from fcemu.core.functions import Function
from fcemu.core.output import Output
from fcemu.engine.ports import Call, ShownTime
from fcemu.guarding import GUARDIAN, new_mark
from fcemu.handler.clock import Abandoned, HandlerClock
from fcemu.handler.polls import POLLIN, READABLE, AnyBell, Poll, new_bell, new_poll
from fcemu.handler.system import INHERITS, NEW_GROUP
from fcemu.handler.time.originals import Originals
from fcemu.runtimes import outputs, side_threads
from fcemu.runtimes.child.guardian import VARIABLE, end, kill, shared_by
from fcemu.runtimes.debugging import Debugging
from fcemu.runtimes.doorway import Doorway
from fcemu.runtimes.whereabouts import Lookout, line_in

_LENGTHS: Final = struct.Struct("!II")
_CHUNK: Final = 1 << 16
_FIRST_CHUNK: Final = 1 << 13
_WATCH_MILLISECONDS: Final = 20
_UNWIND_SECONDS: Final = 1.0
"""Real seconds that a handler has whose attempt is over, before its process is killed without its hook."""
_REAL: Final = Originals()
_ON_THE_WAY: Final = frozenset({"park", "roused", "warn", "begins", "debugged", "held up"})
"""Kinds of messages that do not end an attempt."""
_BESIDE: Final = frozenset({"warn", "held up"})
"""Those that do not mean that a parked child runs again."""
_FOR_EVER: Final = 1e9
"""Virtual seconds, longer than any timeout: nothing of a child that waits for ever holds up the clock."""


class Gone(Exception):
    """The child has ended, or was killed."""


class Message(NamedTuple):
    """One frame from a child: what it is about, its JSON object, its body."""

    kind: str
    header: Mapping[str, Any]
    body: bytes


to_json: Final = json.JSONEncoder(check_circular=False).encode
"""What a frame to a child begins with, from a mapping."""


@lru_cache(64)
def _read(head: bytes) -> tuple[str, Mapping[str, Any]]:
    """What a frame from a child begins with; most often the same as ever."""
    header: Mapping[str, Any] = json.loads(head)
    return str(header.get("kind")), header


class Child:
    """One child process, used by one thread at a time; only ``kill`` may be called from others.

    ``channel``: our end of its socket pair. ``output``: the reading end of its stdout and stderr (``outputs.py``).
    ``end``: kills the process and what it has started, at once and from any thread; called once. The child owns
    channel and output from now on.
    """

    def __init__(self, channel: socket.socket, output: int, end: Callable[[], None]) -> None:
        self._channel: Final = channel
        self._output: Final = output
        self._end: Final = end
        self._lock: Final = threading.Lock()
        self._killed = False
        self._closed = False
        self.awaits_debugger = False
        self.held_up = False
        """Whether its handler waits for something real while other threads of it wait for virtual time to pass."""
        self.fd: Final = channel.fileno()
        """The descriptor of the channel."""
        self.polled_by: object = None
        """Who hears of what it says, beside the thread that runs its attempt."""
        self._is_decoding = False
        self._buffer = bytearray()
        self._next: Message | None = None
        """A frame that was looked at already."""
        self._bell: AnyBell | None = None
        self._process: int | None = None
        self._pid = 0
        self.lookout: Lookout | None = None
        self.library: tuple[str, ...] = ()
        """Where its Python has the standard library and packages, where it is Python."""
        """How to ask it where its handler is, if it tells."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._poll: Final = new_poll()
        # In this order: output is written before a frame, so it is there when the frame is.
        self._poll.register(channel, POLLIN)
        self._poll.register(output, POLLIN)

    def line(self) -> str:
        """Where its handler is, as ``file:line in function``; ``""`` where it does not tell. On any thread."""
        if self._process is None or self.lookout is None:
            return ""
        return line_in(self._process, self._pid, self.lookout)

    def watch_process(self, pid: int) -> None:
        """Notice the end of the process itself, where the system tells: what it has started may hold its channel open
        for longer."""
        self._pid = pid
        if INHERITS:
            with suppress(OSError, AttributeError):
                self._process = os.pidfd_open(pid)
                self._poll.register(self._process, POLLIN)

    def attempt(
        self,
        call: Call,
        head: str,
        watch: Callable[[], object] | None = None,
    ) -> Message:
        """Run one attempt, with ``call.payload`` as its event; returns the message that ends it. ``head``: JSON.

        The child's output is appended to ``call.output``. ``watch`` is called every 20 real milliseconds while the
        child runs. Raises ``Gone``; and ``Abandoned`` when the attempt ends first: then kill the child.
        """
        self.held_up = False
        self.send(head, call.payload)
        return self.answer(call, watch)

    def answer(self, call: Call, watch: Callable[[], object] | None = None) -> Message:
        """The same for an attempt whose frame was sent already."""
        every = None if watch is None else _WATCH_MILLISECONDS
        while True:
            message = self._take()
            if message is None:
                if not self._receive(call.output, every) and watch is not None:
                    watch()
            elif message.kind in _ON_THE_WAY:
                self._hear(call, message)
            else:
                self._read_output(call.output)  # this frame may have come with one that was sent before the output
                self._flush(call.output)
                return message

    def _hear(self, call: Call, message: Message) -> None:
        """What a child says during an attempt."""
        match message.kind:
            case "park":
                self._park(call, message.header)
            case "warn":
                call.clock.warn(str(message.header["text"]), once=bool(message.header.get("once")))
            case "begins":
                call.clock.begin_handler()
            case "held up":
                self.held_up = bool(message.header["held_up"])
            case "debugged":
                self.awaits_debugger = False
            # "roused": its wait had ended already

    def send(self, head: str, body: bytes = b"") -> None:
        """Send a frame that begins with ``head``, a JSON object. Raises ``Gone``."""
        begin = head.encode()
        try:
            self._channel.sendall(b"".join((_LENGTHS.pack(len(begin), len(body)), begin, body)))
        except OSError:
            raise Gone from None

    def has_answered(self, call: Call) -> bool:
        """Take in what the child has said by now; whether ``answer`` returns without waiting. For who polls it, when it
        has said something. Raises ``Gone``."""
        self._read_channel(call.output, _FIRST_CHUNK)
        message = self._next = self._take()
        return message is not None and message.kind not in _ON_THE_WAY

    def receive(self, output: Output) -> Message:
        """Wait for the next frame; what the child writes meanwhile is appended to ``output``. Raises ``Gone``."""
        while (message := self._take()) is None:
            self._receive(output, None)
        return message

    def _take(self) -> Message | None:
        """The next whole frame of what was received."""
        message, self._next = self._next, None
        if message is not None:
            return message
        buffer = self._buffer
        if len(buffer) < _LENGTHS.size:
            return None
        head, body = _LENGTHS.unpack_from(buffer)
        start, end = _LENGTHS.size + head, _LENGTHS.size + head + body
        if len(buffer) < end:
            return None
        kind, header = _read(bytes(buffer[_LENGTHS.size : start]))
        message = Message(kind, header, bytes(buffer[start:end]))
        del buffer[:end]
        return message

    def _receive(self, output: Output, milliseconds: int | None) -> bool:
        """Wait until the child says or writes something and take that in; whether it did in time. Raises ``Gone``."""
        ready = self._ready(self._poll, milliseconds)
        if self._output in ready:
            self._read_output(output, outputs.PIPE_BYTES)
        if self.fd in ready:
            self._read_channel(output)
        elif self._process in ready:
            self._end_here(output)
        return bool(ready)

    def _ready(self, poll: Poll, milliseconds: int | None) -> set[int]:
        return {fd for fd, event in poll.poll(milliseconds) if event & READABLE}

    def _read_channel(self, output: Output, most: int = _CHUNK) -> None:
        try:
            received = self._channel.recv(most)
        except OSError:
            received = b""
        if not received:
            self._end_here(output)
        self._buffer += received

    def _end_here(self, output: Output) -> NoReturn:
        self._read_output(output)
        self._flush(output)
        raise Gone

    def _read_output(self, output: Output, most: int | None = None) -> None:
        """All that is there now, and no more: what is written meanwhile may have no end. The other end of a pipe may
        stay open for longer than the child lives. ``most``: no more bytes than that, where the child may say something
        meanwhile; a file may grow faster than it is read."""
        room = outputs.held(self._output) if most is None else most
        try:
            while room > 0 and (data := outputs.read(self._output, min(room, _CHUNK))):
                room -= len(data)
                self._is_decoding = True
                text = self._decoder.decode(data)
                if text:
                    output.append(text)
        except BlockingIOError:
            return
        if room > 0:
            self._poll_without_output()

    def _read_file(self, output: Output) -> None:
        """The same where output goes to a file, which no wait hears of."""
        if not INHERITS:
            self._read_output(output)

    def _poll_without_output(self) -> None:
        """The child has closed its stdout and stderr."""
        with suppress(KeyError):
            self._poll.unregister(self._output)

    def _flush(self, output: Output) -> None:
        if not self._is_decoding:
            return
        self._is_decoding = False
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        if rest:
            output.append(rest)

    # Parking.

    def _park(self, call: Call, header: Mapping[str, Any]) -> None:
        """Wait in virtual time until the child is to go on, or has gone on by itself. Raises ``Abandoned``."""
        self.held_up = False
        self._read_file(call.output)
        clock, seconds = call.clock, header["seconds"]
        if seconds is None and not header.get("real"):
            seconds = _FOR_EVER
        until = None if seconds is None else clock.elapsed_ns() + round(seconds * 1e9)
        while True:
            while self._is_silent():
                if not self._wait(clock, call.output, seconds):
                    self.send(to_json({"kind": "woken", "number": header["number"]}))
                    return
                if until is not None:
                    seconds = max(0.0, (until - clock.elapsed_ns()) / 1e9)
            while (message := self._take()) is None:
                self._receive(call.output, None)
            if message.kind not in _BESIDE:
                self._next = message
                return
            self._hear(call, message)  # a thread without which it parked has said something

    def _wait(self, clock: HandlerClock, output: Output, seconds: float | None) -> bool:
        """Whether something else than time has ended the wait: most often, the child has said something."""
        waiting = clock.waiting()
        assert waiting is not None, "an attempt's own thread is a strand"
        bell = self._bell = self._bell or new_bell()
        # A file is not waited for, but read when the wait ends: looking at it would keep the machine busy.
        files = (self._channel, bell, self._output if INHERITS else None, self._process)

        def block() -> None:
            poll = new_poll()
            for file in files:
                if file is not None:
                    poll.register(file, POLLIN)
            while True:
                ready = self._ready(poll, None)
                if self._output in ready:
                    self._read_output(output)
                if bell.fileno() in ready:
                    bell.hush()
                    self._read_file(output)
                    return
                if self.fd in ready or self._process in ready:
                    return

        return waiting.wait(seconds, block, bell.ring)

    def _is_silent(self) -> bool:
        """Whether the child has said nothing since it parked, and lives."""
        ready = self._ready(self._poll, 0)
        return len(self._buffer) < _LENGTHS.size and not {self.fd, self._process} & ready

    # The end.

    def has_ended(self) -> bool:
        """Whether the process is gone; asked between attempts."""
        if self._closed:
            return True
        ready = self._ready(self._poll, 0)
        if self._process in ready:
            return True
        try:
            return self.fd in ready and not self._channel.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def kill(self) -> None:
        """End the process; on any thread, repeatable."""
        with self._lock:
            if self._killed:
                return
            self._killed = True
        self._end()

    def close(self) -> None:
        """End the process and give back what it needed here; repeatable. Not while an attempt runs."""
        self.kill()
        if self._closed:
            return
        self._closed = True
        self._channel.close()
        os.close(self._output)
        if self._bell is not None:
            self._bell.close()
        if self._process is not None:
            os.close(self._process)


class InChild:
    """An instance that is a child: started with its first attempt, killed from any thread.

    ``debugging``: how the instances of a function are debugged, if they are.
    """

    def __init__(self, function: Function, debugging: Debugging | None) -> None:
        self._function: Final = function
        self._debugging: Final = debugging
        self._lock: Final = threading.Lock()
        self._child: Child | None = None
        self._interrupted = False
        self._has_debugger = False

    def is_wanted(self) -> bool:
        """Whether nobody has interrupted it."""
        return not self._interrupted

    def debugged(self) -> bool:
        """Whether its process waits for the client of a debugger, or has one."""
        if self._debugging is None or not self._has_debugger:
            return False
        return self._child is None or self._child.awaits_debugger or self._debugging.is_attached()

    def line(self) -> str:
        """Where the handler is, as ``file:line in function``, by the path that its function gives for its code."""
        with self._lock:
            child = self._child
        line, code = "" if child is None else child.line(), os.path.realpath(self._function.code)
        return self._function.code + line[len(code) :] if line.startswith(code + os.sep) else line

    def held_up(self) -> bool:
        """Whether its handler waits for something real while other threads of it wait for virtual time to pass."""
        child = self._child
        return child is not None and child.held_up

    def interrupt(self) -> bool:
        """Kill the process: nothing gentler ends a busy loop."""
        with self._lock:
            self._interrupted = True
            if self._child is not None:
                self._child.kill()
        self._let_debug_others()
        return True

    def answers_beside(self) -> bool:
        """A child does one thing at a time."""
        return False

    def stop(self) -> None:
        """Kill the process, if there is one, and let go of it."""
        if self._child is not None:
            self._child.close()
        self._let_debug_others()

    def _unwound(self, call: Call) -> bool:
        """Whether the handler, which waits in virtual time, has come back from there: its ``finally`` blocks ran, and
        the process can do something else."""
        child, until = self._child, _REAL.monotonic() + _UNWIND_SECONDS

        def watch() -> None:
            if _REAL.monotonic() > until:
                raise Gone

        try:
            assert child is not None, "something waited in it"
            child.send(to_json({"kind": "abandon"}))
            child.answer(call, watch)
        except (Gone, Abandoned):
            return False
        return True

    def _let_debug_others(self) -> None:
        if self._debugging is not None and self._has_debugger:
            self._has_debugger = False
            self._debugging.give_back(self)

    def _debug_port(self, call: Call) -> int | None:
        """Where the process that is about to start is to wait for the client of a debugger, if it is."""
        debugging = self._debugging
        if debugging is None or debugging.function != self._function.ref:
            return None
        self._has_debugger = debugging.take(self._function, self)
        if not self._has_debugger:
            call.clock.warn(f"the debugger is attached to another instance of {self._function.ref}, not to this one")
            return None
        return debugging.port

    def _adopt(self, child: Child) -> None:
        """The process is there; it is killed at once if that was asked for meanwhile."""
        child.awaits_debugger = self._has_debugger
        with self._lock:
            self._child = child
            if self._interrupted:
                child.kill()

    def _drop_ended(self, call: Call) -> None:
        """A process that has ended since the last attempt is replaced."""
        if self._child is not None and self._child.has_ended():
            self._child.close()
            self._child = None
            call.clock.warn("the process of this instance had ended since its last attempt; a new process replaced it")


# Starting a program.


def pipes() -> tuple[socket.socket, socket.socket, int, int]:
    """Channel here, channel there, output here, output there; none of them inherited."""
    here, there = socket.socketpair()
    return here, there, *outputs.ends()


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    dial: ShownTime,
    failed: Callable[[BaseException], None],
    is_wanted: Callable[[], bool],
) -> Child:
    """Start a program as a child in a process group of its own. Raises ``OSError``.

    Its last two arguments say how it reaches its channel and the dial: by the numbers of two descriptors, or by a port
    and a name (``Doorway``). stdin is empty. When it is killed, so is all that it has started, and it is reaped;
    ``failed`` gets what is raised there. ``is_wanted`` is asked while a child has not connected yet.
    """
    mark = new_mark()
    doorway = None if INHERITS else Doorway()
    here, there, reading, writing = pipes()
    places = [str(there.fileno()), str(dial.fd)] if doorway is None else [str(doorway.port), dial.path]
    try:
        process = subprocess.Popen(
            [*command, *places],
            env={**environment, VARIABLE: mark, **({} if doorway is None else doorway.environment())},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            pass_fds=(there.fileno(), dial.fd) if INHERITS else (),
            start_new_session=True,
            creationflags=NEW_GROUP,
        )
    except BaseException:
        here.close()
        os.close(reading)
        if doorway is not None:
            doorway.close()
        raise
    finally:
        there.close()
        os.close(writing)
    GUARDIAN.tell(f"+{process.pid} {mark}")
    if doorway is not None:
        entered = doorway.enter(lambda: is_wanted() and process.poll() is None)
        if entered is not None:  # else our end is that of a child that has gone
            here.close()
            here = entered
    return Child(here, reading, lambda: end_group(process, mark, failed))


def end_group(process: "subprocess.Popen[bytes]", mark: str, failed: Callable[[BaseException], None]) -> None:
    """Kill a process that leads its group, and the group; on any thread. On a thread of its own, what has left the
    group is killed, and the process is reaped; ``failed`` gets what is raised there."""
    shared = set(shared_by(process.pid))
    kill(process.pid, mark)

    def reap() -> None:
        end(process.pid, mark, shared)
        process.wait()
        GUARDIAN.tell(f"-{process.pid}")

    side_threads.start("fcemu-reaper", reap, failed)
