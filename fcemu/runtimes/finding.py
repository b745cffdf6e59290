"""Where modules are looked for: code directories, past all caches; what of the process is in the way."""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

PRELOADED: Final = frozenset(sys.builtin_module_names).union([
    "abc", "base64", "binascii", "codecs", "collections", "concurrent", "contextlib", "copyreg", "datetime",
    "decimal", "email", "encodings", "enum", "functools", "http", "importlib", "inspect", "io", "ipaddress", "json",
    "keyword", "linecache", "logging", "numbers", "operator", "os", "posixpath", "re", "reprlib", "select",
    "selectors", "signal", "site", "socket", "ssl", "stat", "string", "struct", "tempfile", "textwrap", "threading",
    "traceback", "types", "typing", "urllib", "warnings", "weakref",
])  # fmt: skip
"""Standard modules that no file of a code directory replaces: FC's runtime has loaded them before it looks for code.

ASSUMED: fcemu takes the modules that an HTTP server with JSON and logging loads for those that FC's runtime has loaded,
and loaded names win (runtimes §1.1).
"""
INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


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
