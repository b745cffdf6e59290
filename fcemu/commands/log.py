"""fcemu's own log on stderr: as text for people, or as one JSON object a line."""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from queue import SimpleQueue
from types import TracebackType
from typing import Final, TextIO

_CLOSING_SECONDS: Final = 2.0
"""Real seconds for which what is left may be written at the end."""
_WAITING_CHARACTERS: Final = 4_000_000
"""How much may wait for stderr, which may be a pipe that nobody reads."""
_OTHERS: Final = ("aiohttp", "asyncio", "py.warnings")
"""Loggers of others that may say something while a server runs."""


class Writer(threading.Thread):
    """Writes texts, each of whole lines, to a stream that may block. Only this thread waits for whoever reads the other
    end: a server that is started by a program which never reads its stderr answers requests and ends all the same."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(name="fcemu-stderr", daemon=True)
        self._stream: Final = stream
        self._texts: Final[SimpleQueue[str | None]] = SimpleQueue()
        self._lock: Final = threading.Lock()
        self._asked = self._written = 0
        """How many characters were to be written so far, and how many of them are."""
        self._closed = False
        self.start()

    def write(self, text: str) -> None:
        """Write it soon, on any thread; it is dropped where too much waits already, and after ``close``, where
        something still waits."""
        with self._lock:
            waits = self._asked - self._written
            if not self._closed and waits < _WAITING_CHARACTERS:
                self._asked += len(text)
                self._texts.put(text)
            elif self._closed and not waits:
                self._put_out(text)

    def close(self) -> None:
        """Write what waits, for a moment at most."""
        with self._lock:
            self._closed = True
            self._texts.put(None)
        self.join(_CLOSING_SECONDS)

    def run(self) -> None:
        while (text := self._texts.get()) is not None:
            self._put_out(text)
            self._written += len(text)

    def _put_out(self, text: str) -> None:
        with suppress(OSError, ValueError):  # the other end is gone, or the stream is closed
            descriptor = _descriptor_of(self._stream)
            if descriptor is None:
                self._stream.write(text)
                self._stream.flush()
                return
            # Past the buffer of the stream, whose lock Python takes when it ends: it would wait for this thread.
            data = text.encode(self._stream.encoding, "backslashreplace")
            while data:
                data = data[os.write(descriptor, data) :]


def _descriptor_of(stream: TextIO) -> int | None:
    """That of a file or pipe. ``None`` for a terminal, which has an encoding of its own, and for what is no file."""
    try:
        return None if stream.isatty() else stream.fileno()
    except OSError:
        return None


class _Handler(logging.Handler):
    """Has a line for each record written."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer: Final = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(f"{self.format(record)}\n")
        except Exception:  # as every handler of the standard library: what logs is not what is wrong
            self.handleError(record)


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


@contextmanager
def logging_to_stderr(form: str) -> Iterator[Writer]:
    """Let fcemu's own log go to stderr for the length of a ``with`` block, at whose end all of it is written. In the
    form ``json``, whatever else is said there becomes JSON, too: by other libraries, by Python's warnings, by
    exceptions that nothing has caught."""
    writer = Writer(sys.stderr)
    _log_to(writer, form)
    try:
        yield writer
    finally:
        writer.close()


def _log_to(writer: Writer, form: str) -> None:
    handler = _Handler(writer)
    handler.setFormatter(_Json() if form == "json" else _Text())
    log = logging.getLogger("fcemu")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    if form != "json":
        return
    logging.captureWarnings(True)
    for name in _OTHERS:
        logging.getLogger(name).handlers[:] = [handler]
        logging.getLogger(name).propagate = False

    def uncaught(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
        if error is not None and not issubclass(kind, SystemExit | KeyboardInterrupt):
            log.critical("%s: %s", kind.__name__, error, exc_info=(kind, error, where))

    sys.excepthook = uncaught
    threading.excepthook = lambda failed: uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)
