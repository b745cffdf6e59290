"""``os.environ`` as a view by context: inside a handler, the environment of its instance."""

import functools
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fcemu.core.functions import Function
from fcemu.core.generation import FC2
from fcemu.core.languages import is_modern_node
from fcemu.engine.ports import Call
from fcemu.runtimes.context import credentials_for, is_newer
from fcemu.runtimes.running import RUNNING, Running

KEPT: Final = frozenset({"FC_RUNTIME_VERSION"})
"""What FC's runtime keeps of the names it reserves and does not set itself (runtimes §1.7)."""
_LEGACY: Final = {"accessKeyID": 0, "accessKeySecret": 1, "securityToken": 2}
_KEYS: Final = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": 0,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": 1,
    "ALIBABA_CLOUD_SECURITY_TOKEN": 2,
}


_OF_THE_EMULATOR: Final = ("FCEMU_", "PYTHON", "PYTEST_", "COV_CORE_")
_REDIRECTED: Final = "FCEMU_REDIRECT"
"""What brings calls of FC's own host names to the emulator, handlers' too: with a bootstrap first in ``PYTHONPATH``."""
"""Beginnings of names that tell something to the emulator's process, not to handlers."""


def _is_reserved(name: str) -> bool:
    return name.startswith(("FC_", "_FC_"))


class Environment:
    """The variables of one instance: what its code wrote, the function's, FC's, then those of the test.

    Variables that the test sets later are seen too; what the handler writes or deletes stays here.
    """

    def __init__(self, call: Call, extra: Mapping[str, str]) -> None:
        self._fixed: Final = _fixed(call, extra)
        self._keys: Final = places_of(call.function)
        self._written: Final[dict[str, str | None]] = {}
        self.streams: Final[dict[str, Any]] = {}
        """What its code has assigned to ``sys.stdout`` and ``sys.stderr``."""

    def get(self, name: str, running: Running, outside: "ContextEnvironment") -> str | None:
        """The value of a variable; ``outside`` answers for the test's."""
        for written in (self._written, running.namespace.state.variables):
            if name in written:
                return written[name]
        if name in self._fixed:
            return self._fixed[name]
        if name in self._keys:
            return credentials_for(running.call)[self._keys[name]]
        return None if _is_reserved(name) and name not in KEPT else outside.real_get(name)

    def write(self, name: str, value: str | None, running: Running) -> None:
        """Set a variable for this instance, or delete it with ``None``; a module's body does so for its instances."""
        if running.namespace.is_loading:
            running.namespace.state.variables[name] = value
        else:
            self._written[name] = value

    def assign(self, name: str, stream: Any, running: Running) -> None:
        """Let ``sys.<name>`` be ``stream`` for this instance; a module's body does so for its instances."""
        (running.namespace.state.streams if running.namespace.is_loading else self.streams)[name] = stream

    def names(self, running: Running, outside: "ContextEnvironment") -> list[str]:
        """All names, in a steady order."""
        written = {**running.namespace.state.variables, **self._written}
        real = (name for name in outside.real_names() if not _is_reserved(name) or name in KEPT)
        names = dict.fromkeys([*self._fixed, *self._keys, *real, *written])
        return [name for name in names if written.get(name, "") is not None]

    def time_zone(self, running: Running) -> str | None:
        """``TZ``, unless only the test has set it: a handler's local time does not depend on where the test runs."""
        written = self._written.get("TZ") or running.namespace.state.variables.get("TZ")
        return written or self._fixed.get("TZ")


def _fixed(call: Call, extra: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in call.function.environment.items() if not _is_reserved(name)}
    return {**extra, **_of_platform(call.function, call), **own}


def places_of(function: Function) -> dict[str, int]:
    """Which variable holds which of ``credentials_for``, but for those that the function sets itself."""
    keys = _KEYS | (_LEGACY if function.generation is FC2 else {})
    return {name: place for name, place in keys.items() if name not in function.environment}


def keys_of(call: Call) -> dict[str, str]:
    """The variables that differ from attempt to attempt: the temporary keys."""
    credentials = credentials_for(call)
    return {name: credentials[place] for name, place in places_of(call.function).items()}


def variables_of(call: Call, extra: Mapping[str, str]) -> dict[str, str]:
    """All variables of an instance that is a process of its own, at its first attempt: those of this process, over
    them FC's, over them the function's. Its local time is UTC unless the function sets ``TZ``, as in FC."""
    return {**outside_variables(), "TZ": "UTC", **_fixed(call, extra), **keys_of(call)}


def outside_variables() -> dict[str, str]:
    """What a process of its own gets of this process's variables."""
    variables = os.environ.items()
    outside = {name: value for name, value in variables if not name.startswith(_OF_THE_EMULATOR)}
    redirected = {name: value for name, value in variables if name.startswith(_REDIRECTED)}
    if redirected:
        outside |= redirected | {"PYTHONPATH": os.environ.get("PYTHONPATH", "").partition(os.pathsep)[0]}
    return {name: value for name, value in outside.items() if not _is_reserved(name) or name in KEPT}


def _of_platform(function: Function, call: Call) -> dict[str, str]:
    """FC's variables (runtimes §1.7).

    ``FC_FUNC_CODE_PATH`` is the directory on this machine, not ``/code``: code opens files with it.
    """
    variables = {
        "FC_FUNC_CODE_PATH": os.path.abspath(function.code),
        "FC_FUNCTION_NAME": function.ref.name,
        "FC_FUNCTION_HANDLER": function.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "FC_REGION": call.account.region,
        "FC_ACCOUNT_ID": call.account.id,
        "FC_INSTANCE_ID": call.instance_id,
    }
    if function.ref.service is not None:
        variables["FC_SERVICE_NAME"] = function.ref.service
        variables["FC_QUALIFIER"] = call.qualifier
    variables["FC_FUNCTION_VERSION" if _is_on_new_debian(function.runtime) else "FC_VER_ID"] = call.version
    return variables


def _is_on_new_debian(runtime: str) -> bool:
    """Whether a runtime is on Debian 11 or newer. ASSUMED: python3.10 and nodejs18 are the first ones."""
    return is_newer(runtime, (3, 10)) or is_modern_node(runtime) or runtime in ("custom.debian11", "custom.debian12")


class ContextEnvironment(os._Environ[str]):
    """The class of ``os.environ`` while runtimes are open; outside of handlers it does what it always did."""

    def real_get(self, name: str) -> str | None:
        """The process's variable."""
        try:
            return super().__getitem__(name)
        except KeyError:
            return None

    def real_names(self) -> Iterator[str]:
        """The names of the process's variables."""
        return super().__iter__()

    def __getitem__(self, key: str) -> str:
        running = RUNNING.get()
        if running is None:
            return super().__getitem__(key)
        self.encodekey(key)  # refuses what is not text
        value = running.environment.get(key, running, self)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: str) -> None:
        running = RUNNING.get()
        if running is None:
            super().__setitem__(key, value)
        else:
            self.encodekey(key)
            self.encodevalue(value)
            running.environment.write(key, value, running)

    def __delitem__(self, key: str) -> None:
        running = RUNNING.get()
        if running is None:
            super().__delitem__(key)
        else:
            self[key]  # raises KeyError
            running.environment.write(key, None, running)

    def __iter__(self) -> Iterator[str]:
        running = RUNNING.get()
        return super().__iter__() if running is None else iter(running.environment.names(running, self))

    def __len__(self) -> int:
        running = RUNNING.get()
        return super().__len__() if running is None else len(running.environment.names(running, self))

    def __repr__(self) -> str:
        return super().__repr__() if RUNNING.get() is None else f"environ({dict(self)!r})"


_popen: Final = subprocess.Popen.__init__


@functools.wraps(_popen)
def _popen_in_view(self: Any, *args: Any, **kwargs: Any) -> None:
    """A child process without an environment of its own gets the handler's, not the process's."""
    env_position = 10
    if RUNNING.get() is not None and len(args) <= env_position and kwargs.get("env") is None:
        kwargs["env"] = os.environ.copy()
    _popen(self, *args, **kwargs)


def install() -> None:
    """Make ``os.environ`` a view. The object stays the same, so every reference to it is one."""
    os.environ.__class__ = ContextEnvironment
    subprocess.Popen.__init__ = _popen_in_view  # type: ignore[method-assign]


def uninstall() -> None:
    """Undo ``install``."""
    os.environ.__class__ = os._Environ
    if subprocess.Popen.__init__ is _popen_in_view:
        subprocess.Popen.__init__ = _popen  # type: ignore[method-assign]
