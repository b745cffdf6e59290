"""Keeps the real time functions where no patch of a module's names finds them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

_NAMES: Final = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
    "localtime", "gmtime", "mktime", "strftime", "ctime", "asctime",
    "clock_gettime", "clock_gettime_ns", "sleep", "tzset",
)  # fmt: skip
NAMES: Final = tuple(name for name in _NAMES if hasattr(time, name))  # Windows does not have all
"""What is switched in module ``time``. ``process_time`` and ``thread_time`` measure this process and stay real."""


class Originals:
    """Attributes of an object, not of a module: freezegun looks for time functions in modules only."""

    def __init__(self) -> None:
        freezegun = sys.modules.get("freezegun.api")
        self._functions: dict[str, Callable[..., Any]] = {
            name: getattr(freezegun, f"real_{name}", None) or getattr(time, name) for name in NAMES
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._functions[name]
