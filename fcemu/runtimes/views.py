"""Puts the views by context in force while a runtime is open, and switches them when attempts start, park and end."""

import sys
from _thread import get_ident
from typing import Final

from fcemu.handler.time.locks import forget_holders
from fcemu.handler.time.switch import ON_THREADS
from fcemu.handler.time.uuids import SOURCE, Source
from fcemu.runtimes import imports, last_words, os_environ, root_logger, streams, sys_modules, thread_numbers, timeshift
from fcemu.runtimes.namespace import Namespace
from fcemu.runtimes.running import RUNNING, Running, claim_paths
from fcemu.runtimes.timeshift import AFTER_PARK, BEFORE_PARK, CLOCK, EXCHANGING, ZONE, zone_named

_SYS: Final = vars(sys)
"""Its attributes; while views are open, reading them from the module takes longer."""
_open = 0
_active: Final[list[Running]] = []
"""Attempts of which a thread runs. More than one, when a handler waits for another, or with a flowing clock.
A handler's threads park and go on side by side, so this list changes only with ``EXCHANGING`` held."""


def open_views() -> None:
    """One more runtime needs the views."""
    global _open
    _open += 1
    if _open == 1:
        os_environ.install()
        streams.install()
        root_logger.install()
        thread_numbers.install()
        imports.install()
        last_words.install()
        SOURCE.ask(_source)
        BEFORE_PARK.append(_step_back)
        AFTER_PARK.append(_come_back)


def close_views() -> None:
    """One runtime less; with the last one the process is as it was before, whatever handlers it leaves behind."""
    global _open
    _open -= 1
    if _open == 0:
        with EXCHANGING:
            for left_behind in reversed(_active.copy()):
                _end(left_behind)
        BEFORE_PARK.remove(_step_back)
        AFTER_PARK.remove(_come_back)
        SOURCE.ask_no_longer()
        last_words.uninstall()
        imports.uninstall()
        thread_numbers.uninstall()
        root_logger.uninstall()
        streams.uninstall()
        os_environ.uninstall()


def _source() -> Source | None:
    running = RUNNING.get()
    return None if running is None else running.source()


def begin(running: Running) -> None:
    """From here on, this context runs an attempt."""
    call, me = running.call, get_ident()
    RUNNING.set(running)
    CLOCK.set(call.clock)
    zone = running.environment.time_zone(running.namespace)
    if zone is not None:
        ZONE.set(zone_named(zone))
    with EXCHANGING:
        timeshift.enter()
        _go_on(running)
    running.clock_before = ON_THREADS.get(me)
    ON_THREADS[me] = call.clock


def end(running: Running) -> None:
    """The attempt that ``begin`` was called for, on this thread, is over."""
    me, before = get_ident(), running.clock_before
    if before is None:
        ON_THREADS.pop(me, None)
    else:
        ON_THREADS[me] = before
    forget_holders(ON_THREADS)
    with EXCHANGING:
        _end(running)
        timeshift.leave()


def _end(running: Running) -> None:
    """Threads that the attempt left behind change nothing any more."""
    running.is_over = True
    _leave(running)


def take_back(namespace: Namespace) -> None:
    """Take the modules of ``namespace`` out of ``sys.modules``, unless an attempt needs them there."""
    if all(running.namespace is not namespace for running in _active):
        sys_modules.withdraw(namespace)


def _step_back() -> None:
    """A thread of the attempt parks or ends: after the last one, what is the process's is left as the test has it."""
    running = RUNNING.get()
    if running is None:
        return
    with EXCHANGING:
        running.threads -= 1
        if not running.threads:
            _leave(running)


def _leave(running: Running) -> None:
    if running in _active:
        if _SYS["path"] != running.paths:
            claim_paths(running)
        _active.remove(running)
        sys_modules.leave(running.namespace, _active[-1].namespace if _active else None)


def _come_back() -> None:
    """A thread of the attempt starts or goes on."""
    running = RUNNING.get()
    if running is not None:
        with EXCHANGING:
            _go_on(running)


def _go_on(running: Running) -> None:
    running.threads += 1
    if running.is_over or running in _active:
        return
    for other in _active:
        if _SYS["path"] != other.paths:
            claim_paths(other)
    running.paths = _SYS["path"].copy()
    _active.append(running)
    streams.refresh()
    sys_modules.enter(running.namespace)
