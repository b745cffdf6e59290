"""The template of Python children: waits in the user's interpreter until it is asked to fork an instance.

Started as a plain program, ``python python_main.py CONTROL``; nothing of fcemu has to be installed there. The rules
that it shares with the inline runtime are loaded from their files under names that no import statement of a handler can
see. It must not have threads, so that forking is safe.
"""

import builtins
import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OLDEST = (3, 11)


_OF_TYPES = ("fcemu.engine.ports", "fcemu.core.functions", "fcemu.core.outcome", "fcemu.runtimes.namespace")


class Abandoned(BaseException):
    """What ``engine.ports.Abandoned`` is in the emulator."""


class _Types(ModuleType):
    """In place of modules of which only types are wanted."""

    def __getattr__(self, name: str) -> Any:
        if name[0].islower() or name.startswith("__"):
            raise AttributeError(f"{self.__name__} is not loaded in children, and {name} is no type of it")
        return object


class Files:
    """Modules of fcemu, loaded by path; they see each other, and nobody else sees them."""

    def __init__(self) -> None:
        self._loaded: dict[str, ModuleType] = {name: _Types(name) for name in _OF_TYPES}
        self._loaded["fcemu.engine.ports"].Abandoned = Abandoned  # type: ignore[attr-defined]
        self._builtins = {**vars(builtins), "__import__": self._import}

    def load(self, name: str) -> ModuleType:
        """The module ``fcemu.….name``."""
        module = self._loaded.get(name)
        if module is None:
            path = os.path.join(_PACKAGE, *name.split(".")[1:]) + ".py"
            code = SourceFileLoader(name, path).get_code(name)
            assert code is not None, "a source file has code"
            module = self._loaded[name] = ModuleType(name)
            vars(module).update(__file__=path, __builtins__=self._builtins)
            exec(code, vars(module))
        return module

    def _import(self, name: str, *how: Any) -> ModuleType:
        """``__import__`` for these modules."""
        return self.load(name) if name.startswith("fcemu.") else builtins.__import__(name, *how)


def main() -> None:
    """Be the template, and in the forked processes an instance."""
    if sys.version_info < OLDEST:
        sys.exit(f"fcemu: {sys.executable} is Python {sys.version.split()[0]}; handlers need 3.11 or later")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    files = Files()
    template = files.load("fcemu.runtimes.child.template")
    template.run(int(sys.argv[1]))


if __name__ == "__main__":
    main()
