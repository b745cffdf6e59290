"""Threads of handlers are told here that their attempt is over, or let go, so that Python can exit."""

import threading
from _thread import allocate_lock
from concurrent.futures import thread as pools
from typing import Any, NoReturn

from fcemu.handler.locks import acquire
from fcemu.handler.threads import thread_of


def raise_in(ident: int, error: type[BaseException]) -> None:
    """Have ``error`` raised in that thread as soon as it runs Python's code; nothing happens where it has ended."""
    import ctypes  # with the first thread that is told; what runs inline handlers has imported it by then

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))


def make_daemon(ident: int) -> None:
    """Let Python exit although that thread runs, also where a join of it has begun: Python waits for the threads of
    pools one by one. ``threading`` has no way for a thread that has begun."""
    thread: Any = thread_of(ident)
    if thread is None:
        return
    pools._threads_queues.pop(thread, None)  # type: ignore[attr-defined]
    thread._daemonic = True
    for name in ("_os_thread_handle", "_handle"):  # from Python 3.14 on, and of Python 3.13
        if hasattr(thread, name):
            getattr(thread, name)._set_done()
            return
    with threading._shutdown_locks_lock:  # type: ignore[attr-defined]
        threading._shutdown_locks.discard(thread._tstate_lock)  # type: ignore[attr-defined]
    if thread._tstate_lock is not None and thread._tstate_lock.locked():
        thread._tstate_lock.release()


def wait_for_ever() -> NoReturn:
    """For a thread that has learnt often enough that its attempt is over."""
    gate = allocate_lock()
    gate.acquire()
    while True:
        acquire(gate)
