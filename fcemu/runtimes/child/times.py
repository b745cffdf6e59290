"""The time functions of a child, replaced once in the template, before any of the handler's code is loaded.

So default arguments, subclasses and names that modules have bound are virtual in a child, whatever library they are in.
"""

import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, cast

from fcemu.engine.ports import HandlerClock
from fcemu.runtimes.child.alarms import install as install_alarms
from fcemu.runtimes.child.strands import strand_here
from fcemu.runtimes.timeshift.builtin_classes import named, write_into_classes
from fcemu.runtimes.timeshift.locks import install as install_locks
from fcemu.runtimes.timeshift.originals import NAMES, Originals
from fcemu.runtimes.timeshift.replacements import beside_names
from fcemu.runtimes.timeshift.simple_queues import install as install_simple_queues
from fcemu.runtimes.timeshift.switch import CLOCK, Outside, wrappers
from fcemu.runtimes.timeshift.trio_loops import install as install_trio_loops
from fcemu.runtimes.timeshift.uvloops import install as install_uvloops


def install() -> None:
    """Replace them; where no clock is in force, they go on as before."""
    # All code in a child is the handler's, so its threads tell as well as contexts do whose time it is.
    CLOCK.fall_back_on(cast("Callable[[], HandlerClock | None]", strand_here))
    kept = Originals()
    made = wrappers(Outside(kept, (), {}, (), (), {}))
    for name in NAMES:
        setattr(time, name, made[name])
    for patch in beside_names(kept, made):
        patch.apply()
    install_locks()
    install_simple_queues()
    install_trio_loops()
    install_uvloops()
    install_alarms()
    write_into_classes(named(datetime, {"now": _now(), "utcnow": _utcnow()}))


# ``date.today``, ``datetime.today`` ask ``time.time``; local time is that of the process, whose zone is the handler's.


def _now() -> Any:
    original, current = vars(datetime)["now"].__get__, CLOCK.get

    def now(cls: Any, tz: tzinfo | None = None) -> Any:
        clock = current()
        if clock is None:
            return original(None, cls)(tz)
        moment = clock.now().astimezone(tz)
        return _as(cls, moment if tz is not None else moment.replace(tzinfo=None))

    return now


def _utcnow() -> Any:
    original, current = vars(datetime)["utcnow"].__get__, CLOCK.get

    def utcnow(cls: Any) -> Any:
        clock = current()
        return original(None, cls)() if clock is None else _as(cls, clock.now().replace(tzinfo=None))

    return utcnow


def _as(cls: Any, moment: datetime) -> Any:
    return moment if cls is datetime else cls.combine(moment.date(), moment.timetz())
