"""From code path and handler string to a loaded function, one namespace of modules per code directory."""

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fcemu.core.functions import Function
from fcemu.runtimes.context import is_newer
from fcemu.runtimes.namespace import Namespace

Handler = Callable[..., Any]


class LoadFailed(Exception):
    """A handler that cannot be found, by the names and texts of runtimes §1.1; its cause is what the code raised."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def handler_of(namespace: Namespace, function: Function, hook: str = "") -> Handler:
    """The callable that the handler string, or that of a hook, names. Raises ``LoadFailed``; the next attempt then
    tries again."""
    text = hook or function.handler
    path, dot, name = text.rpartition(".")
    if not dot:
        raise LoadFailed("InvalidHandleName", f"Invalid handler '{text}'")
    module = namespace.ready(path)
    if module is None:
        module = _load(namespace, path, function)
    try:
        handler: Handler = getattr(module, name)
    except AttributeError:
        raise LoadFailed("HandlerNotFound", f"Handler '{name}' is missing on module '{path}'") from None
    return handler


def _load(namespace: Namespace, path: str, function: Function) -> ModuleType:
    try:
        if not is_newer(function.runtime, (3, 12)):
            _check_packages(namespace.directory, path)
        return namespace.handler_module(path)
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
