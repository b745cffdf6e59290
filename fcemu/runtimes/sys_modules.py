"""Shows the modules of the running attempt's code directory in ``sys.modules``, and hides them again.

Only for look-ups by name that are no import statements. They are left standing after the attempt, which costs nothing
for the next one of the same function, unless they hide modules of the test; whoever else imports one of the names
withdraws them first (``imports.py``).
"""

import sys
from types import ModuleType
from typing import Final, Protocol

from fcemu.handler.locks import RealLock


class Modules(Protocol):
    """What this module needs of a ``Namespace``."""

    @property
    def modules(self) -> dict[str, ModuleType]: ...

    @property
    def test_names(self) -> dict[str, str]: ...


_lock: Final = RealLock()
_exposed: Final[dict[str, ModuleType]] = {}
_hidden: Final[dict[str, ModuleType]] = {}
_roots: Final[set[str]] = set()
_owner: Modules | None = None


def enter(namespace: Modules) -> None:
    """Expose the modules of ``namespace``: an attempt of its code starts or goes on."""
    global _owner
    if _owner is namespace:
        return
    with _lock:
        withdraw()
        _owner = namespace
        for key in list(namespace.modules):
            expose_also(namespace, key)


def leave(namespace: Modules, rest: Modules | None) -> None:
    """An attempt ends or parks. ``rest``: whose modules another attempt, still running, needs in ``sys.modules``."""
    if rest is not None:
        enter(rest)
    elif _hidden and _owner is namespace:
        withdraw()


def expose_also(namespace: Modules, key: str) -> None:
    """A module was loaded; nothing happens unless its namespace is the exposed one."""
    name = key.rpartition("/")[2]
    root = name.partition(".")[0]
    if _owner is not namespace or (name != key and name in namespace.modules) or root in sys.stdlib_module_names:
        return
    with _lock:
        module, present = namespace.modules[key], sys.modules.get(name)
        if present is module and name in namespace.test_names.values():  # the test's as well: it stays
            return
        if present is not None and present is not module and _exposed.get(name) is not present:
            _hidden[name] = present
        sys.modules[name] = _exposed[name] = module
        _roots.add(root)


def shown(namespace: Modules, key: str) -> ModuleType | None:
    """What stands in ``sys.modules`` where the module ``key`` of ``namespace`` was exposed."""
    return sys.modules.get(key) if _owner is namespace and key in _exposed else None


def withdraw(namespace: Modules | None = None) -> None:
    """Put ``sys.modules`` back as it was, if anything (of ``namespace``) is exposed."""
    global _owner
    if _owner is None or (namespace is not None and _owner is not namespace):
        return
    with _lock:
        _owner = None
        for name, module in _exposed.items():
            if sys.modules.get(name) is not module:
                continue
            if name in _hidden:
                sys.modules[name] = _hidden[name]
            else:
                del sys.modules[name]
        _exposed.clear()
        _hidden.clear()
        _roots.clear()


def withdraw_for(root: str) -> Modules | None:
    """Withdraw if a module of the top-level name ``root`` is exposed; returns whose it was."""
    owner = _owner
    if root not in _roots:
        return None
    withdraw()
    return owner
