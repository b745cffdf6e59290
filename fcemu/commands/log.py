"""fcemu's own log on stderr: as text for people, or as one JSON object a line."""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

_OTHERS: Final = ("aiohttp", "asyncio", "py.warnings")
"""Loggers of others that may say something while a server runs."""


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
    """Let fcemu's own log go to stderr. In the form ``json``, whatever else is said there becomes JSON, too: by other
    libraries, by Python's warnings, by exceptions that nothing has caught."""
    handler = logging.StreamHandler(sys.stderr)
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
