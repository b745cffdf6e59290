"""Virtual time in the emulator's process: installs the replacements once, and undoes them.

Nothing here imports freezegun before ``install``.
"""

import os
from types import ModuleType
from typing import TYPE_CHECKING, Final

from fcemu.handler.locks import RealLock
from fcemu.handler.time.switch import AFTER_PARK, BEFORE_PARK, CLOCK
from fcemu.handler.time.zones import ZONE, zone_named
from fcemu.runtimes.timeshift.known import RealOnPurpose, real_on_purpose

if TYPE_CHECKING:
    from fcemu.runtimes.timeshift.patches import Patches

__all__ = [
    "AFTER_PARK",
    "BEFORE_PARK",
    "CLOCK",
    "EXCHANGING",
    "ZONE",
    "RealOnPurpose",
    "adopt",
    "backend_in_force",
    "ensure_installed",
    "enter",
    "install",
    "installed",
    "leave",
    "real_on_purpose",
    "uninstall",
    "zone_named",
]

EXCHANGING: Final = RealLock()
"""Held while what belongs to the whole process is exchanged for a handler, or put back."""
_patches: "Patches | None" = None
if hasattr(os, "register_at_fork"):  # the clock of a handler, or of a test, is not in its child
    os.register_at_fork(after_in_child=lambda: CLOCK.set(None))


def installed() -> bool:
    """Whether the time functions of this process are replaced."""
    return _patches is not None


def install(backend: str = "") -> None:
    """Replace the time functions, for the whole process. Outside of handlers they go on as before.

    ``backend``: ``"auto"``, ``"freezegun"`` or ``"time-machine"``; without it what ``backend_for`` says. The first call
    decides. Raises ``ValueError`` for one that is not there.
    """
    global _patches
    if _patches is None:
        from fcemu.backends import backend_for
        from fcemu.runtimes.timeshift.patches import Patches

        _patches = Patches(backend_for(backend), EXCHANGING)


def backend_in_force() -> str | None:
    """The backend that replaced the time functions of this process, if they are replaced."""
    return None if _patches is None else _patches.backend_name


def ensure_installed() -> None:
    """Install, or repair what a test's freezer has undone."""
    if _patches is None:
        install()
    else:
        _patches.ensure()


def enter() -> None:
    """An attempt starts: install, or repair, and exchange what costs everything else too much while none runs.
    Called with ``EXCHANGING`` held."""
    if _patches is None:
        install()
        assert _patches is not None
    _patches.enter()


def leave() -> None:
    """An attempt that called ``enter`` has ended. Called with ``EXCHANGING`` held."""
    if _patches is not None:
        _patches.leave()


def adopt(module: ModuleType) -> None:
    """Let a module that was loaded before ``install`` see virtual time through the names it has bound."""
    if _patches is not None:
        _patches.adopt(module)


def uninstall() -> None:
    """Put everything back, also in adopted modules. For tests, and when the last runtime closes."""
    global _patches
    if _patches is not None:
        _patches.undo()
        _patches = None
