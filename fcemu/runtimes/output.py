"""``sys.stdout`` and ``sys.stderr`` as views by context: a handler's writes also go to its attempt's output."""

import sys
from collections.abc import Iterable
from typing import Any, Final

from fcemu.runtimes.running import RUNNING, Running


class Tee:
    """In place of a standard stream; everything that is not a write by a handler is the stream's own business.

    A handler's writes go on to the stream that is wrapped now: its logger may hold the view of an earlier test, whose
    stream is closed.
    """

    def __init__(self, name: str, stream: Any) -> None:
        self.fcemu_name: Final = name
        self.fcemu_stream: Final = stream

    def write(self, text: str) -> int:
        running = RUNNING.get()
        if running is None:
            return int(self.fcemu_stream.write(text))
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        running.write(text)
        stream = _current[self.fcemu_name].fcemu_stream
        try:
            stream.write(text)
        except UnicodeEncodeError:  # FC's stdout takes surrogates
            stream.write(text.encode("utf-8", "backslashreplace").decode())
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        running = RUNNING.get()
        if running is None:
            return self.fcemu_stream.buffer
        return _BytesTee(_current[self.fcemu_name].fcemu_stream, running)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fcemu_stream, name)

    def __iter__(self) -> Any:
        return iter(self.fcemu_stream)

    def __enter__(self) -> "Tee":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.fcemu_stream.flush()


class _BytesTee:
    """``sys.stdout.buffer`` inside a handler. The test's capture gets what is not UTF-8 escaped; it would break it."""

    def __init__(self, stream: Any, running: Running) -> None:
        self._stream = stream
        self._running = running

    def write(self, data: Any) -> int:
        written = bytes(data)
        self._running.write(written.decode("utf-8", "surrogateescape"))
        self._stream.write(written.decode("utf-8", "backslashreplace"))
        return len(written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream.buffer, name)


_current: Final[dict[str, Tee]] = {}


def refresh() -> None:
    """Wrap what stands in ``sys`` now; pytest puts new streams there. Cheap when nothing has changed."""
    if sys.stdout is not _current.get("stdout"):
        _wrap("stdout")
    if sys.stderr is not _current.get("stderr"):
        _wrap("stderr")


def _wrap(name: str) -> None:
    stream = getattr(sys, name)
    if stream is not None:
        _current[name] = stream if isinstance(stream, Tee) else Tee(name, stream)
        setattr(sys, name, _current[name])


def uninstall() -> None:
    """Take the views out of ``sys``."""
    for name, tee in _current.items():
        if getattr(sys, name) is tee:
            setattr(sys, name, tee.fcemu_stream)
    _current.clear()
