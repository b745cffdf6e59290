"""Import hooks of the inline runtime: code gets the modules of its own directory. ``namespace.py`` says why."""

import builtins
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import resolve_name
from types import ModuleType
from typing import Any, Final

from fcemu.runtimes import sys_modules
from fcemu.runtimes.finding import file_of, same_file
from fcemu.runtimes.namespace import PLACES, TAILS, Namespace
from fcemu.runtimes.running import RUNNING, claim_paths

_import: Callable[..., ModuleType] = builtins.__import__
_import_module: Callable[..., ModuleType] = importlib.import_module


def _statement(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002 (the built-in's names)
    locals: Mapping[str, Any] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """``builtins.__import__``: code of a namespace gets its own modules, everybody else the process's."""
    __tracebackhide__ = True
    place = PLACES.get(id(globals))
    if place is not None:
        namespace, prefix = place
        absolute = resolve_name("." * level + name, _package_of(globals)) if level else name
        root = absolute.partition(".")[0]
        if prefix + root in namespace.modules:
            return namespace.import_(absolute, fromlist, prefix)
        if not level and _provides(namespace, root):
            return namespace.import_(absolute, fromlist)
    if level:
        return _import(name, globals, locals, fromlist, level)
    owner = sys_modules.withdraw_for(name.partition(".")[0])
    if owner is None:
        return _import(name, globals, locals, fromlist, level)
    try:
        return _import(name, globals, locals, fromlist, level)
    finally:
        running = RUNNING.get()
        if running is not None and running.namespace is owner:
            sys_modules.enter(owner)


def _package_of(importer: Mapping[str, Any] | None) -> str:
    assert importer is not None
    package = importer.get("__package__")
    if package is None:
        name: str = importer["__name__"]
        package = name if "__path__" in importer else name.rpartition(".")[0]
    if not package:
        raise ImportError("attempted relative import with no known parent package")
    return str(package)


def _provides(namespace: Namespace, root: str) -> bool:
    running = RUNNING.get()
    if running is not None and running.namespace is namespace and root not in namespace.modules:
        claim_paths(running)
    return namespace.provides(root)


def _function(name: str, package: str | None = None) -> ModuleType:
    """``importlib.import_module``: a handler's call finds its own modules first, whichever library it goes through."""
    __tracebackhide__ = True
    running = RUNNING.get()
    absolute = resolve_name(name, package) if name.startswith(".") and package else name
    root = absolute.partition(".")[0]
    if running is not None and _provides(running.namespace, root):
        return running.namespace.load(absolute)
    sys_modules.withdraw_for(root)
    return _import_module(name, package)


class _Existing:
    """Loader of a module of a namespace; ``test_name``: the name under which the test imports it."""

    def __init__(self, namespace: Namespace, key: str, test_name: str | None = None) -> None:
        self._namespace = namespace
        self._key = key
        self._test_name = test_name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        loaded = self._namespace.modules
        module = loaded[self._key] if self._key in loaded else self._namespace.load(self._key)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # importlib has just set its own
        if self._test_name is not None:
            self._namespace.test_names[self._key] = self._test_name


class _ForTheTest:
    """First finder: a test that imports a file which a function has loaded already gets the function's module."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        tail = name.rpartition(".")[2]
        if tail not in TAILS:
            return None
        candidates = [
            (namespace, key, module)
            for namespace in NAMESPACES.values()
            for key, module in namespace.modules.items()
            if key.rpartition("/")[2].rpartition(".")[2] == tail and key not in namespace.test_names
        ]
        spec = PathFinder.find_spec(name, path) if candidates else None
        if spec is None or spec.origin is None:
            return None
        for namespace, key, module in candidates:
            file = file_of(module)
            if file is not None and same_file(file, spec.origin):
                spec.loader = _Existing(namespace, key, name)  # type: ignore[assignment]
                return spec
        return None


class _ForTheHandler:
    """Last finder: what looks for modules past statement and function (``find_spec``, C code) finds the handler's."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        running = RUNNING.get()
        if running is None or not _provides(running.namespace, name.partition(".")[0]):
            return None
        namespace = running.namespace
        if not namespace.finds(name):
            return None
        return ModuleSpec(name, _Existing(namespace, name))  # type: ignore[arg-type]


class _BelowItsPackages:
    """Early finder: submodules of a handler's packages, which all other finders would load a second time."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        running = RUNNING.get()
        if path is None or running is None:
            return None
        package = running.namespace.modules.get(name.rpartition(".")[0])
        return _ForTheHandler.find_spec(name) if getattr(package, "__path__", None) is path else None


NAMESPACES: Final[dict[str, Namespace]] = {}
"""By real code directory."""


def install() -> None:
    """Put the hooks in place; for the whole process."""
    global _import, _import_module
    _import, _import_module = builtins.__import__, importlib.import_module
    builtins.__import__ = _statement
    importlib.import_module = _function
    sys.meta_path[:] = [_BelowItsPackages, _ForTheTest, *sys.meta_path, _ForTheHandler]


def uninstall() -> None:
    """Take the hooks out and forget all modules."""
    for directory in {namespace.directory for namespace in NAMESPACES.values()}:
        forget(directory)
    sys_modules.withdraw()
    TAILS.clear()
    if builtins.__import__ is _statement:
        builtins.__import__ = _import
    if importlib.import_module is _function:
        importlib.import_module = _import_module
    ours = (_BelowItsPackages, _ForTheTest, _ForTheHandler)
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in ours]


def namespace_of(directory: str, layers: tuple[str, ...] = ()) -> Namespace:
    """The namespace of a code directory with layers; functions with the same share it."""
    key = directory if not layers else "\0".join((directory, *layers))
    namespace = NAMESPACES.get(key)
    if namespace is None:
        real = key.replace(directory, os.path.realpath(directory), 1)
        namespace = NAMESPACES.get(real) or Namespace(directory, layers=layers)
        NAMESPACES[real] = NAMESPACES[key] = namespace
    return namespace


def forget(directory: str) -> None:
    """Drop what was loaded from a code directory, with whatever layers; its next attempt loads it anew."""
    real = os.path.realpath(directory)
    gone = {id(each): each for each in NAMESPACES.values() if each.directory == real}
    for key in [key for key, value in NAMESPACES.items() if id(value) in gone]:
        del NAMESPACES[key]
    for namespace in gone.values():
        namespace.forget()
