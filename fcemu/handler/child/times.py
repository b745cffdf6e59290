"""Replaces the time functions of a child, once in the template, before any of the handler's code is loaded.

So default arguments, subclasses and names that modules have bound are virtual in a child, whatever library they are in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, cast

from fcemu.handler.child.parking import strand_here
from fcemu.handler.clock import HandlerClock
from fcemu.handler.system import ALARMS, EPOLL
from fcemu.handler.time import locks, simple_queues, uvloops
from fcemu.handler.time.builtin_classes import write_into_classes
from fcemu.handler.time.datetimes import class_functions
from fcemu.handler.time.originals import NAMES, Originals
from fcemu.handler.time.replacements import beside_names
from fcemu.handler.time.switch import CLOCK, Outside, wrappers

# Here, not in ``install``: then the emulator's modules are imported already, and taken out of ``sys.modules``.
_MORE: Final[list[Callable[[], None]]] = []
if EPOLL:
    from fcemu.handler.time.trio_loops import install as install_trio_loops

    _MORE.append(install_trio_loops)
if ALARMS:
    from fcemu.handler.child.alarms import install as install_alarms

    _MORE.append(install_alarms)


def install() -> None:
    """Replace them; where no clock is in force, they go on as before."""
    # All code in a child is the handler's, so its threads tell as well as contexts do whose time it is.
    CLOCK.fall_back_on(cast("Callable[[], HandlerClock | None]", strand_here))
    kept = Originals()
    made = wrappers(Outside(kept))
    for name in NAMES:
        setattr(time, name, made[name])
    for patch in beside_names(kept, made):
        patch.apply()
    for each in (locks, simple_queues, uvloops):
        each.install()
    for install_more in _MORE:
        install_more()
    write_into_classes(class_functions())
