"""Where the inline runtime looks for modules of a code directory, past all caches of Python."""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def file_of(module: Any) -> str | None:
    """Where a module was loaded from, without running code of modules that load lazily."""
    file = getattr(module, "__dict__", {}).get("__file__")
    return file if isinstance(file, str) else None


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def standard(name: str) -> ModuleType:
    """The module of this process, imported if it was not."""
    __import__(name)
    return sys.modules[name]


def find(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """Look for a module in directories (or archives), past all caches: tests write files and import them at once."""
    portions: list[str] = []
    for entry in path:
        finder = _finder(entry)
        spec = None if finder is None else finder.find_spec(name)
        if spec is not None and spec.loader is not None:
            return spec  # type: ignore[no-any-return]
        if spec is not None:
            portions += spec.submodule_search_locations or []
    if not portions:
        return None
    package = ModuleSpec(name, None, is_package=True)
    package.submodule_search_locations = portions
    return package


def is_installed(root: str) -> bool:
    """Whether there is a real package of that name, which a directory without ``__init__.py`` does not replace."""
    spec = PathFinder.find_spec(root)
    return spec is not None and spec.loader is not None


def _finder(entry: str) -> Any:
    for hook in sys.path_hooks:
        try:
            return hook(entry)
        except ImportError:
            continue
    return None


def ask_all_finders(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """Code may have added a finder for the submodules of its own packages."""
    for finder in sys.meta_path:
        ours = getattr(finder, "__module__", "").startswith("fcemu.")
        spec = None if ours else finder.find_spec(name, path)
        if spec is not None:
            return spec
    return None
