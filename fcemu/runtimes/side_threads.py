"""Starts threads that work for attempts; what they raise closes the emulator."""

import threading
from collections.abc import Callable
from contextvars import Context


def start(name: str, job: Callable[[], None], failed: Callable[[BaseException], None]) -> threading.Thread:
    """Do ``job`` on a daemon thread with an empty context. ``failed`` gets what it raises: ``Call.failed``."""

    def run() -> None:
        try:
            job()
        except BaseException as error:  # whatever it is, callers may wait for what this thread has not done
            failed(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    Context().run(thread.start)
    return thread
