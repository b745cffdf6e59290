"""Handles signals on an event loop, also where loops cannot do that themselves."""

import asyncio
import signal
from collections.abc import Callable
from typing import Final

from fcemu.handler.system import SIGNALS

_AWAKE_SECONDS: Final = 0.5
"""Real seconds after which a loop looks whether there was a signal: on Windows none ends its wait."""


def handle_signal(loop: asyncio.AbstractEventLoop, number: int, job: Callable[[], object]) -> Callable[[], object]:
    """Call ``job`` on the loop at each signal. Returns what ends that."""
    if SIGNALS:
        loop.add_signal_handler(number, job)
        return lambda: loop.remove_signal_handler(number)
    before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(job))
    looking = [loop.call_later(_AWAKE_SECONDS, lambda: look())]

    def look() -> None:
        looking[0] = loop.call_later(_AWAKE_SECONDS, look)

    def end() -> None:
        looking[0].cancel()
        signal.signal(number, before)

    return end
