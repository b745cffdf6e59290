"""The lines of FC's logs: their times, and the format of what a handler logs with ``logging``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final


def stamp(created: float) -> str:
    """A time in FC's log lines: UTC with milliseconds."""
    microseconds = round(created * 1_000_000)
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:03d}Z"


class Format(logging.Formatter):
    """``2017-07-05T05:13:35.920Z <request id> [INFO] message``. ``request_id`` tells whose attempt logs."""

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__()
        self._request_id: Final = request_id

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's)
        return super().formatTime(record, datefmt) if datefmt else stamp(record.created)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's)
        return f"{self.formatTime(record)} {self._request_id()} [{record.levelname}] {record.message}"
