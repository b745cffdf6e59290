"""Loading a handler: from its handler string to a function, with FC's names for what can go wrong on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, Protocol

from fcemu.handler.call import Function
from fcemu.handler.context import is_newer

Handler = Callable[..., Any]

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


class Modules(Protocol):
    """The modules of one code directory."""

    @property
    def directory(self) -> str: ...

    def ready(self, path: str) -> ModuleType | None:
        """The module that the part of a handler string before the last dot names, if it is loaded. Cheap."""

    def handler_module(self, path: str) -> ModuleType:
        """The same; loads it when needed. Raises what its body raises."""


class LoadFailed(Exception):
    """A handler that cannot be found, by the names and texts of runtimes §1.1; its cause is what the code raised."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def handler_of(modules: Modules, function: Function, hook: str = "") -> Handler:
    """The callable that the handler string, or that of a hook, names. Raises ``LoadFailed``; the next attempt then
    tries again."""
    text = hook or function.handler
    path, dot, name = text.rpartition(".")
    if not dot:
        raise LoadFailed("InvalidHandleName", f"Invalid handler '{text}'")
    module = modules.ready(path)
    if module is None:
        module = _load(modules, path, function)
    try:
        handler: Handler = getattr(module, name)
    except AttributeError:
        raise LoadFailed("HandlerNotFound", f"Handler '{name}' is missing on module '{path}'") from None
    return handler


def _load(modules: Modules, path: str, function: Function) -> ModuleType:
    try:
        if not is_newer(function.runtime, (3, 12)):
            _check_packages(modules.directory, path)
        return modules.handler_module(path)
    except ImportError as error:
        raise LoadFailed("ImportModuleError", f"Unable to import module '{path}'") from error
    except SyntaxError as error:
        raise LoadFailed("UserCodeSyntaxError", f"Syntax error in module '{path}'") from error
    except ValueError as error:
        raise LoadFailed("InvalidHandleName", f"Invalid handler '{path}'") from error
    except Exception as error:
        raise LoadFailed("UserCodeError", f"Module initialization error: '{error}'") from error


def _check_packages(directory: str, path: str) -> None:
    """Up to python3.10 FC's runtime walks the dots with a finder that takes no directory without ``__init__.py``.

    ASSUMED: fcemu lets python3.12, where that finder is gone, import from directories without ``__init__.py``
    (runtimes §1.1).
    """
    folder, _, dotted = path.rpartition("/")
    at = os.path.join(directory, folder)
    for package in dotted.split(".")[:-1]:
        at = os.path.join(at, package)
        if os.path.isdir(at) and not os.path.isfile(os.path.join(at, "__init__.py")):
            raise ModuleNotFoundError(f"No module named {package!r} (FC needs an __init__.py in it)", name=package)
