"""In Python programs below ``fcemu exec --intercept`` and ``fcemu_env``: connections to FC's hosts go to the emulator.
In handlers of ``serve`` and ``exec`` without ``--intercept``: such connections are told of.

Python imports this at its start because its directory is in ``PYTHONPATH``. It needs no fcemu, ends by importing the
``sitecustomize`` that would have been imported without it, and never keeps a program from running.
"""

import functools
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_BESIDE = os.path.dirname(os.path.dirname(_HERE))


def _load(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _redirect() -> None:
    host, _, port = os.environ.get("FCEMU_REDIRECT_TO", "").rpartition(":")
    warns = "FCEMU_REDIRECT_WARN" in os.environ
    if not port.isdigit() and not warns:
        return
    hosts = _load("_fcemu_hosts", os.path.join(_BESIDE, "hosts.py"))
    if not port.isdigit():
        warning = _load("_fcemu_warning", os.path.join(_BESIDE, "warning.py"))
        warning.begin(hosts.is_fc_host, lambda text: print(warning.BEGINS + text, file=sys.stderr, flush=True))
        return
    redirect = _load("_fcemu_redirect", os.path.join(_BESIDE, "redirect.py"))
    target, only = (host, int(port)), "FCEMU_REDIRECT_ONLY" in os.environ

    @functools.cache
    def authority() -> str:
        """What to trust, from the emulator itself; asked when the program first speaks TLS to FC."""
        from http.client import HTTPConnection

        connection = HTTPConnection(*target, timeout=30)
        try:
            connection.request("GET", "/_fcemu/ca.pem")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    redirect.Redirection(target, authority, hosts.is_fc_host, only=only).begin()


def _pass_on() -> None:
    """Import the next module of this name."""
    elsewhere = [path for path in sys.path if os.path.abspath(path or os.curdir) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


try:
    _redirect()
except Exception as _failed:
    sys.stderr.write(f"fcemu: connections to FC are not intercepted: {_failed!r}\n")
_pass_on()
