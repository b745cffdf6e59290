"""The environment variables of instances: FC's, the function's, those of this process, and what code writes."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

from fcemu.core.functions import Function
from fcemu.core.generation import FC2
from fcemu.core.languages import is_modern_node
from fcemu.core.names import Account
from fcemu.engine.ports import Call
from fcemu.handler.context import is_newer
from fcemu.handler.locks import RealLock
from fcemu.runtimes.namespace import Namespace

KEPT: Final = frozenset({"FC_RUNTIME_VERSION"})
"""What FC's runtime keeps of the names it reserves and does not set itself (runtimes §1.7)."""
_LEGACY: Final = {"accessKeyID": 0, "accessKeySecret": 1, "securityToken": 2}
_KEYS: Final = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": 0,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": 1,
    "ALIBABA_CLOUD_SECURITY_TOKEN": 2,
}
_KEYS_OF_2: Final = _KEYS | _LEGACY

NEEDED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TERM", "TMPDIR", "TMP", "TEMP",
    "XDG_*_HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_*", "VIRTUAL_ENV", "CONDA_PREFIX", "NODE_OPTIONS", "NODE_PATH",
    "NVM_BIN", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "GOROOT", "GOPATH", "DOTNET_ROOT", "http_proxy", "https_proxy",
    "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "COVERAGE_*", "DEBUGPY_*", "PYDEVD_*",
    "FC_RUNTIME_VERSION",
)  # fmt: skip
"""What programs need of the variables of the process that starts them, as ``fnmatch`` has it: to be found and to speak
the user's language, to reach the network, to be measured and debugged. Secrets are not among them."""
_OF_WINDOWS: Final = (
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERNAME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH",
    "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES*", "COMMONPROGRAMFILES*", "OS", "PROCESSOR_*",
)  # fmt: skip
"""What programs need beside these on Windows: without the first one, they get no random numbers and no sockets."""
_OF_THE_EMULATOR: Final = ("FCEMU_", "PYTHON", "PYTEST_", "COV_CORE_")
_REDIRECTED: Final = "FCEMU_REDIRECT"
"""What brings calls of FC's own host names to the emulator, handlers' too: with a bootstrap first in ``PYTHONPATH``."""
"""Beginnings of names that tell something to the emulator's process, not to handlers."""


def _is_reserved(name: str) -> bool:
    return name.startswith(("FC_", "_FC_"))


class Told(Protocol):
    """What FC's variables tell of an attempt: a ``Call``, or the first one of an ``Environment``."""

    @property
    def function(self) -> Function: ...
    @property
    def qualifier(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def account(self) -> Account: ...
    @property
    def instance_id(self) -> str: ...


class Environment:
    """The variables of one instance: what its code wrote, the function's, FC's, then those of the test.

    Variables that the test sets later are seen too; what the handler writes or deletes stays here. ``namespace``: that
    of the code of the attempt that asks, ``real``: what answers for the test's variables.
    """

    __slots__ = (
        "_extra",
        "_fixed",
        "_given_zone",
        "_written",
        "account",
        "function",
        "instance_id",
        "numbers",
        "qualifier",
        "streams",
        "version",
        "writing",
    )

    def __init__(self, call: Call, extra: Mapping[str, str]) -> None:
        """``call``: the first attempt of the instance."""
        self.function: Final = call.function
        self.qualifier: Final = call.qualifier
        self.version: Final = call.version
        self.account: Final = call.account
        self.instance_id: Final = call.instance_id
        self._extra: Final = extra
        self._given_zone: Final = call.function.environment.get("TZ", extra.get("TZ"))
        self._fixed: dict[str, str] | None = None
        """FC's variables and the function's; ``None`` before code asks for a variable, which most handlers never do."""
        self._written: Final[dict[str, str | None]] = {}
        self.streams: Final[dict[str, Any]] = {}
        """What its code has assigned to ``sys.stdout`` and ``sys.stderr``."""
        self.numbers: Final[dict[object, Iterator[int]]] = {}
        """The numbers of its threads and pools: ``thread_numbers.py``."""
        self.writing: Final = RealLock()
        """Held by the thread that adds to the output of an attempt."""

    @property
    def fixed(self) -> Mapping[str, str]:
        """FC's variables and the function's."""
        if self._fixed is None:
            self._fixed = _fixed(self, self._extra)
        return self._fixed

    def get(self, name: str, call: Call, namespace: Namespace, real: Callable[[str], str | None]) -> str | None:
        """The value of a variable."""
        for written in (self._written, namespace.state.variables):
            if name in written:
                return written[name]
        if name in self.fixed:
            return self.fixed[name]
        place = _all_places(self.function).get(name)
        if place is not None:
            return call.credentials[place]
        return None if _is_reserved(name) and name not in KEPT else real(name)

    def write(self, name: str, value: str | None, namespace: Namespace) -> None:
        """Set a variable for this instance, or delete it with ``None``; a module's body does so for its instances."""
        if namespace.is_loading:
            namespace.state.variables[name] = value
        else:
            self._written[name] = value

    def assign(self, name: str, stream: Any, namespace: Namespace) -> None:
        """Let ``sys.<name>`` be ``stream`` for this instance; a module's body does so for its instances."""
        (namespace.state.streams if namespace.is_loading else self.streams)[name] = stream

    def names(self, namespace: Namespace, real: Iterable[str]) -> list[str]:
        """All names, in a steady order."""
        written = {**namespace.state.variables, **self._written}
        outside = (name for name in real if not _is_reserved(name) or name in KEPT)
        names = dict.fromkeys([*self.fixed, *places_of(self.function), *outside, *written])
        return [name for name in names if written.get(name, "") is not None]

    def time_zone(self, namespace: Namespace) -> str | None:
        """``TZ``, unless only the test has set it: a handler's local time does not depend on where the test runs."""
        return self._written.get("TZ") or namespace.state.variables.get("TZ") or self._given_zone


def _fixed(told: Told, extra: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in told.function.environment.items() if not _is_reserved(name)}
    return {**extra, **_of_platform(told), **own}


def _all_places(function: Function) -> Mapping[str, int]:
    return _KEYS_OF_2 if function.generation is FC2 else _KEYS


def places_of(function: Function) -> dict[str, int]:
    """Which variable holds which of ``Call.credentials``, but for those that the function sets itself."""
    return {name: place for name, place in _all_places(function).items() if name not in function.environment}


def keys_of(call: Call) -> dict[str, str]:
    """The variables that differ from attempt to attempt: the temporary keys."""
    credentials = call.credentials
    return {name: credentials[place] for name, place in places_of(call.function).items()}


def variables_of(call: Call, extra: Mapping[str, str], pass_env: Sequence[str] | None = None) -> dict[str, str]:
    """All variables of an instance that is a process of its own, at its first attempt: those of this process, over
    them FC's, over them the function's. Its local time is UTC unless the function sets ``TZ``, as in FC."""
    return {**outside_variables(pass_env), "TZ": "UTC", **_fixed(call, extra), **keys_of(call)}


def outside_variables(pass_env: Sequence[str] | None = None) -> dict[str, str]:
    """What a process of its own gets of this process's variables. ``pass_env``: patterns as of ``fnmatch``; only what
    one of them or of ``NEEDED`` names, where it is not ``None``."""
    variables = os.environ.items()
    if pass_env is not None:
        patterns = (*NEEDED, *(_OF_WINDOWS if sys.platform == "win32" else ()), *pass_env)
        variables = {name: value for name, value in variables if _is_named(name, patterns)}.items()
    outside = {name: value for name, value in variables if not name.startswith(_OF_THE_EMULATOR)}
    redirected = {name: value for name, value in variables if name.startswith(_REDIRECTED)}
    if redirected:
        outside |= redirected | {"PYTHONPATH": os.environ.get("PYTHONPATH", "").partition(os.pathsep)[0]}
    return {name: value for name, value in outside.items() if not _is_reserved(name) or name in KEPT}


def _is_named(name: str, patterns: Sequence[str]) -> bool:
    return name.startswith(_REDIRECTED) or any(fnmatchcase(name, pattern) for pattern in patterns)


def _of_platform(told: Told) -> dict[str, str]:
    """FC's variables (runtimes §1.7).

    ``FC_FUNC_CODE_PATH`` is the directory on this machine, not ``/code``: code opens files with it.
    """
    function = told.function
    variables = {
        "FC_FUNC_CODE_PATH": os.path.abspath(function.code),
        "FC_FUNCTION_NAME": function.ref.name,
        "FC_FUNCTION_HANDLER": function.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "FC_REGION": told.account.region,
        "FC_ACCOUNT_ID": told.account.id,
        "FC_INSTANCE_ID": told.instance_id,
    }
    if function.ref.service is not None:
        variables["FC_SERVICE_NAME"] = function.ref.service
        variables["FC_QUALIFIER"] = told.qualifier
    variables["FC_FUNCTION_VERSION" if _is_on_new_debian(function.runtime) else "FC_VER_ID"] = told.version
    return variables


def _is_on_new_debian(runtime: str) -> bool:
    """Whether a runtime is on Debian 11 or newer. ASSUMED: fcemu takes python3.10 and nodejs18 for the first runtimes
    on Debian 11 or newer (runtimes §1.7)."""
    return is_newer(runtime, (3, 10)) or is_modern_node(runtime) or runtime in ("custom.debian11", "custom.debian12")
