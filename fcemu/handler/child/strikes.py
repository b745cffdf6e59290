"""Sends the signal of an alarm to the main thread, which runs the handler of the signal."""

from __future__ import annotations

import signal
import threading

from fcemu.handler.system import ALARMS


def strike_here() -> None:
    """Run the handler of the signal now. On the main thread."""
    if ALARMS:
        signal.raise_signal(signal.SIGALRM)


def strike_main_thread() -> None:
    """Let the main thread run it, whatever it does. On any thread."""
    if ALARMS:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
