"""Makes ``sys.stdout`` and ``sys.stderr`` views by context: a handler's writes also go to its attempt's log.

Outside of handlers they are what the test has put there. Inside, they are streams of FC's, whatever the test's are: in
UTF-8, never closed, never full. What a handler assigns to them is its instance's, as in FC; a module's body assigns for
all instances of its code.
"""

import io
import sys
from collections.abc import Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any, Final

from fcemu.runtimes.running import RUNNING, Running
from fcemu.runtimes.showing import Shown

_FDS: Final = {"stdout": 1, "stderr": 2}
_SYS: Final = vars(sys)
_ABSENT: Final = object()
_OF_THE_TEST: Final = ("_pytest.",)
"""Modules that exchange streams for the test, on a handler's thread too: its debugger suspends the capture."""


class HandlerStream(io.TextIOBase):
    """What a handler has as ``sys.stdout`` or ``sys.stderr`` unless it assigns another.

    Its writes go on to the stream that the test has now, and nothing that is wrong with that reaches the handler.
    """

    encoding = "utf-8"
    errors = "surrogateescape"
    mode = "w"
    line_buffering = False
    write_through = True

    def __init__(self, name: str) -> None:
        self.fcemu_name: Final = name
        self.name: Final = f"<{name}>"

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        running = RUNNING.get()
        if running is not None:
            running.write(text)
        _show(self.fcemu_name, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        _flush(self.fcemu_name)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return _fileno(self.fcemu_name)

    @property
    def buffer(self) -> "HandlerBuffer":
        """For bytes; another object each time, so that a wrapper may close it."""
        return HandlerBuffer(self.fcemu_name)

    def detach(self) -> Any:
        return self.buffer

    def reconfigure(self, **_settings: object) -> None:
        """It stays as FC's is."""

    def close(self) -> None:
        """It stays open: the process's streams are not the handler's to close."""


class HandlerBuffer(io.BufferedIOBase):
    """``sys.stdout.buffer`` inside a handler. The test's stream gets what is not UTF-8 escaped; it would break it."""

    def __init__(self, name: str) -> None:
        self.fcemu_name: Final = name
        self.name: Final = f"<{name}>"

    def write(self, data: Any) -> int:
        written = bytes(data)
        running = RUNNING.get()
        if running is not None:
            running.write(written.decode("utf-8", "surrogateescape"))
        _show(self.fcemu_name, written.decode("utf-8", "backslashreplace"))
        return len(written)

    def flush(self) -> None:
        if not self.closed:
            _flush(self.fcemu_name)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return _fileno(self.fcemu_name)


_STREAMS: Final = {name: HandlerStream(name) for name in _FDS}


class Tee:
    """What stands in the dictionary of ``sys``, where ``print`` looks: leads to what ``sys.stdout`` is in this context.

    ``fcemu_stream``: the test's own.
    """

    def __init__(self, name: str, stream: Any) -> None:
        self.fcemu_name: Final = name
        self.fcemu_stream: Final = stream

    def _here(self) -> Any:
        running = RUNNING.get()
        stream = self.fcemu_stream if running is None else _of_handler(running, self.fcemu_name)
        return _NOWHERE if stream is None else stream

    def write(self, text: str) -> Any:
        return self._here().write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)

    def __iter__(self) -> Any:
        return iter(self._here())


class _Nowhere:
    """What ``print`` meets where ``sys.stdout`` is ``None``."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing was kept."""


_NOWHERE: Final = _Nowhere()


def _of_handler(running: Running, name: str) -> Any:
    """What ``sys.<name>`` is for a handler: what it has assigned, else the stream that writes to its attempt."""
    for streams in (running.environment.streams, running.namespace.state.streams):
        stream = streams.get(name, _ABSENT)
        if stream is not _ABSENT:
            return stream
    return _STREAMS[name]


def _of_test(name: str) -> Any:
    present = vars(sys)[name]
    return present.fcemu_stream if isinstance(present, Tee) else present


def _show(name: str, text: str) -> None:
    """Let the test see what a handler has written, if its stream can take it: it may be closed, a full disk, or a pipe
    that nobody reads. Signs that its encoding does not have are escaped."""
    stream = _of_test(name)
    if stream is None or not Shown.on:
        return
    with suppress(Exception):
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _flush(name: str) -> None:
    with suppress(Exception):
        _of_test(name).flush()


def _fileno(name: str) -> int:
    """The test's, so that a child process may write there; where it has none, that of the process."""
    with suppress(Exception):
        return int(_of_test(name).fileno())
    return _FDS[name]


class _System(ModuleType):
    """The class of module ``sys`` while runtimes are open."""


def _view(name: str) -> property:
    def read(_module: object) -> Any:
        running = RUNNING.get()
        return _of_test(name) if running is None else _of_handler(running, name)

    def assign(_module: object, stream: Any) -> None:
        running = RUNNING.get()
        if running is None or sys._getframe(1).f_globals.get("__name__", "").startswith(_OF_THE_TEST):
            vars(sys)[name] = _wrapped(name, stream)
        else:
            running.environment.assign(
                name, _STREAMS[name] if _is_process_own(name, stream) else stream, running.namespace
            )

    def delete(_module: object) -> None:
        raise AttributeError(f"sys.{name} cannot be deleted while handlers may run")

    return property(read, assign, delete)


def _is_process_own(name: str, stream: Any) -> bool:
    """Whether a handler puts back what it has not made: then its output goes to its attempt again."""
    return isinstance(stream, Tee) or stream is _of_test(name) or stream is getattr(sys, f"__{name}__")


def _wrapped(name: str, stream: Any) -> Any:
    if isinstance(stream, HandlerStream):
        return vars(sys)[name]
    return stream if isinstance(stream, Tee) else Tee(name, stream)


for _name in _FDS:
    setattr(_System, _name, _view(_name))


def install() -> None:
    """Make the streams views."""
    refresh()
    sys.__class__ = _System


def refresh() -> None:
    """Wrap what stands in ``sys`` now, where something has put it there by other ways than an assignment."""
    if type(_SYS["stdout"]) is Tee and type(_SYS["stderr"]) is Tee:
        return  # as nearly always, and each attempt asks
    for name in _FDS:
        if not isinstance(_SYS[name], Tee):
            _SYS[name] = _wrapped(name, _SYS[name])


def uninstall() -> None:
    """Take the views out of ``sys``."""
    sys.__class__ = ModuleType
    for name in _FDS:
        vars(sys)[name] = _of_test(name)
