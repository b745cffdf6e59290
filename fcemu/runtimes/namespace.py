"""The modules of one code directory, kept apart from those of every other one, in the emulator's process.

Functions' modules are not kept in ``sys.modules``, where ``index`` can stand only once, but in the ``Namespace`` of
their code directory, which finds and executes them with importlib's own finders and loaders. Who asks for a module
decides whose it gets: an import statement is told by the globals of the code that contains it (``imports.py``), so the
answer is right in any thread and however attempts interleave. For everything that looks into ``sys.modules`` by itself
(pickle, dataclasses, typing, pydantic, ``importlib``), the modules of the running attempt's directory are exposed there
meanwhile (``sys_modules.py``). With a flowing clock, several attempts run at once and the last one started is exposed:
imports stay right, such look-ups need not be.

One thing is shared on purpose: what the test imported from a code directory is the module that runs.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, Final

from fcemu.handler.loading import INSTALLED, PRELOADED
from fcemu.runtimes import sys_modules
from fcemu.runtimes.finding import (
    ask_all_finders,
    file_of,
    find,
    is_installed,
    same_file,
    standard,
)
from fcemu.runtimes.timeshift import adopt

Place = tuple["Namespace", str]
"""Whose module some code belongs to, and the directory prefix under which it was loaded."""
PLACES: Final[dict[int, Place]] = {}
"""By the ``id`` of a module's globals, of all modules in all namespaces."""
TAILS: Final[set[str]] = set()
"""The last parts of their names: a quick no for other imports."""


class ProcessState:
    """What code set in state that is the process's in FC: its own in the emulator.

    ``variables``: environment variables that module bodies wrote (``None``: deleted), which all instances see, because
    bodies run once for all of them; ``streams``: what they assigned to ``sys.stdout`` and ``sys.stderr``;
    ``log_level``, ``log_handlers``: of the root logger, ``None`` before they were set.
    """

    def __init__(self) -> None:
        self.variables: dict[str, str | None] = {}
        self.streams: dict[str, Any] = {}
        self.log_level: int | None = None
        self.log_handlers: list[logging.Handler] | None = None


def _python_paths(layers: Sequence[str]) -> list[str]:
    """What FC adds to ``sys.path`` for what is under ``/opt``; a layer with a lower index wins (runtimes §2)."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    inside = os.path.join("python", "lib", version, "site-packages"), "python"
    paths = [os.path.join(layer, each) for each in inside for layer in layers]
    return [path for path in paths if os.path.isdir(path)]


class Namespace:
    """The modules below one code directory, by name.

    A module that a handler string names by directory (``jobs/nightly.run``) has the key ``jobs/nightly``: its name is
    ``nightly``, but nobody can import it by that.
    """

    def __init__(self, directory: str, *, layers: Sequence[str] = (), alone: bool = False) -> None:
        self.directory: Final = os.path.realpath(directory)
        self._is_alone: Final = alone
        """Whether nothing is shared with the test: what it imported is imported here once more."""
        self.search: Final = [self.directory, *_python_paths(layers)]
        """Where top-level modules are looked for: the code directory, the layers, and what its code adds to
        ``sys.path``."""
        self.modules: Final[dict[str, ModuleType]] = {}
        self.test_names: Final[dict[str, str]] = {}
        """Of modules shared with the test: the name under which ``sys.modules`` has them."""
        self.state: Final = ProcessState()
        self._elsewhere: Final = {"fcemu"}
        """Top-level names known not to be of this directory; never the emulator's, whose time is real."""
        self._replaced: Final[list[ModuleType]] = []
        self._lock: Final = threading.RLock()
        self._loading: Final[set[str]] = set()
        self._met_test = False
        self.is_forgotten = False
        """Whether its code is loaded anew, in another namespace, by the next attempt."""

    def ready(self, path: str) -> ModuleType | None:
        """A handler's module if it is loaded, and still the test's if it was shared with the test. Cheap."""
        module = self.modules.get(path)
        if module is None or path in self._loading:
            return None
        test_name = self.test_names.get(path) if self.test_names else None
        return module if test_name is None or sys.modules.get(test_name) is module else None

    def handler_module(self, path: str) -> ModuleType:
        """The module that the part of a handler string before the last dot names; loads it when needed."""
        ready = self.ready(path)
        if ready is not None:
            return ready
        if not self._met_test:
            self._met_test = True
            for module in list(sys.modules.values()):
                if self._owns(file_of(module)):
                    adopt(module)
        test_name = self.test_names.get(path)
        if test_name is not None and sys.modules.get(test_name) is not self.modules[path]:  # the test imported it anew
            self._disown(path)
        directory, slash, name = path.rpartition("/")
        if not slash and name.partition(".")[0] in PRELOADED:
            return standard(name)
        if not slash and not self.provides(name.partition(".")[0]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return self.load(name, directory + slash)

    @property
    def is_loading(self) -> bool:
        """Whether the body of a module runs."""
        return bool(self._loading)

    def provides(self, root: str) -> bool:
        """Whether the top-level module ``root`` is this code directory's own."""
        if root in self.modules:
            return True
        if root in PRELOADED or root in self._elsewhere:
            return False
        spec = find(root, self.search)
        if spec is not None and (spec.loader is not None or not is_installed(root)):
            return True
        if sys.modules.get(root) is not None and _globals_id(sys.modules[root]) not in PLACES:
            self._elsewhere.add(root)
        return False

    def finds(self, name: str) -> bool:
        """Whether ``name`` is a module of this directory; loads the packages above it."""
        parent = name.rpartition(".")[0]
        try:
            self._spec(name, "", self.load(parent) if parent else None)
        except ImportError:
            return False
        return True

    def import_(self, name: str, fromlist: Sequence[str] | None, prefix: str = "") -> ModuleType:
        """What ``__import__`` returns: the top-level module, or with a list of names the module itself."""
        module = self.load(name, prefix)
        if not fromlist:
            return self.modules[prefix + name.partition(".")[0]]
        if hasattr(module, "__path__"):
            for item in getattr(module, "__all__", ()) if "*" in fromlist else fromlist:
                if not hasattr(module, item):
                    self._load_if_there(f"{name}.{item}", prefix)
        return module

    def load(self, name: str, prefix: str = "") -> ModuleType:
        """The module ``name``, executed on first use. Raises what its body raises, or ``ModuleNotFoundError``."""
        key = prefix + name
        if key in self.modules and key not in self._loading:
            return self.modules[key]
        with self._alone():
            return self.modules[key] if key in self.modules else self._load(name, prefix)

    def _load(self, name: str, prefix: str) -> ModuleType:
        parent, _, child = name.rpartition(".")
        package = self.load(parent, prefix) if parent else None
        key = prefix + name
        if key in self.modules:  # the package's own body imported it
            return self.modules[key]
        spec = self._spec(name, prefix, package)
        module = self._of_the_test(key, spec)
        if module is None:
            module = self._written_by_code(key, package)
        if module is None:
            module = self._execute(key, spec)
        if package is not None:
            setattr(package, child, module)
        return module

    def _spec(self, name: str, prefix: str, package: ModuleType | None) -> ModuleSpec:
        if package is None:
            spec = find(name, [os.path.join(self.directory, prefix)] if prefix else self.search)
        elif not hasattr(package, "__path__"):
            text = f"No module named {name!r}; {package.__name__!r} is not a package"
            raise ModuleNotFoundError(text, name=name)
        else:
            spec = find(name, package.__path__) or ask_all_finders(name, package.__path__)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec

    def _of_the_test(self, key: str, spec: ModuleSpec) -> ModuleType | None:
        """The module in ``sys.modules`` that was made from the same file by somebody else: the test."""
        origin = spec.origin
        if not spec.has_location or origin is None or self._is_alone:
            return None
        for test_name, module in list(sys.modules.items()):
            file = file_of(module)
            if file and os.path.basename(file) == os.path.basename(origin) and same_file(file, origin):
                place = PLACES.get(_globals_id(module))
                if place is None or test_name in place[0].test_names.values():
                    adopt(module)
                    self._own(key, module)
                    self.test_names[key] = test_name
                    return module
        return None

    def _written_by_code(self, key: str, package: ModuleType | None) -> ModuleType | None:
        """A submodule that the package put into ``sys.modules`` by its own hands, as ``six`` does."""
        if package is None or sys.modules.get(package.__name__) is not package or key not in sys.modules:
            return None
        self._own(key, sys.modules[key])
        return sys.modules[key]

    def _execute(self, key: str, spec: ModuleSpec) -> ModuleType:
        module = module_from_spec(spec)
        self._own(key, module)
        if spec.loader is None:  # a directory without __init__.py
            return module
        self._loading.add(key)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            self._disown(key)
            raise
        finally:
            self._loading.discard(key)
        in_its_place = sys_modules.shown(self, key)
        if in_its_place is not None and in_its_place is not module:  # it has replaced itself in sys.modules
            self._replaced.append(module)  # its code lives on, and with it its place in ``PLACES``
            self._own(key, in_its_place)
            return in_its_place
        return module

    def _own(self, key: str, module: ModuleType) -> None:
        self.modules[key] = module
        PLACES[_globals_id(module)] = (self, key[: key.rfind("/") + 1])
        TAILS.add(key.rpartition("/")[2].rpartition(".")[2])
        sys_modules.expose_also(self, key)

    def _disown(self, key: str) -> None:
        sys_modules.withdraw(self)
        module = self.modules.pop(key)
        PLACES.pop(_globals_id(module), None)
        self.test_names.pop(key, None)

    def forget(self) -> None:
        """Drop all modules; attempts that still run keep theirs."""
        self.is_forgotten = True
        for key in list(self.modules):
            self._disown(key)

    def _load_if_there(self, name: str, prefix: str) -> None:
        try:
            self.load(name, prefix)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise

    def _owns(self, file: str | None) -> bool:
        """Whether ``file`` is code of this directory, not of an environment or of fcemu below it."""
        if file is None or not file.startswith(self.directory + os.sep):
            return False
        return not any(part in file for part in INSTALLED) and not file.startswith(_FCEMU)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock under which modules load.

        Another attempt may hold it and sleep virtually in a module's body; then this one is parked, too.
        """
        with self._lock:
            yield


_FCEMU: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _globals_id(module: Any) -> int:
    return id(getattr(module, "__dict__", module))
