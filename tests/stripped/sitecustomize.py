"""Takes from fcemu, and from fcemu alone, what Windows has not: a forgotten use of it fails at once.

Python runs this file at its start where ``tests/stripped`` is on its path. The modules of fcemu get other builtins, by
which they import other modules ``os``, ``signal`` and so on. The standard library and other packages keep theirs, which
go their own ways on Windows.
"""

import asyncio
import builtins
import os
import re
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

MISSING = frozenset({"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"})
HIDDEN: Mapping[str, re.Pattern[str]] = {
    module: re.compile(names)
    for module, names in {
        "os": "fork.*|register_at_fork|wait|wait3|wait4|waitid|waitstatus.*|W[A-Z]+|P_PID.*|pidfd_open|eventfd.*|EFD_.*"
        "|memfd_create|MFD_.*|(get|set)(pgid|pgrp|sid|uid|euid|gid|egid|groups)|killpg|p(read|write)v?|environb"
        "|getenvb|sysconf.*|O_(CLOEXEC|NOFOLLOW|DIRECTORY|NONBLOCK|SYNC)|mkfifo|mknod|sched_.*|sendfile|uname|chown"
        "|fchown|lchown|fchmod|set_blocking|get_blocking|posix_.*|getpriority|nice|openpty|pipe2",
        "signal": "SIG(?!INT$|TERM$|ABRT$|FPE$|ILL$|SEGV$|_)[A-Z0-9]+|alarm|[gs]etitimer|ITIMER_.*|ItimerError|pause"
        "|pthread_.*|pidfd_.*|sig(wait.*|pending|interrupt|timedwait)",
        "socket": "AF_UNIX|SOCK_(CLOEXEC|NONBLOCK)|(send|recv)_fds|SCM_.*|CMSG_.*|MSG_DONTWAIT|SO_REUSEPORT"
        "|TCP_QUICKACK",
        "select": "(?!select$|error$).*",
        "selectors": "(Epoll|Poll|DevPoll|Kqueue)Selector",
        "mmap": "PROT_.*|MAP_.*",
        "faulthandler": "register|unregister",
        "asyncio": "create_subprocess_.*|Unix.*",
    }.items()
}


class _Less(ModuleType):
    """A module without some of its names; what is set here is set there."""

    def __init__(self, whole: ModuleType) -> None:
        vars(self)["whole"] = whole

    def __getattr__(self, name: str) -> Any:
        whole = vars(self)["whole"]
        if name == "SelectorEventLoop" and whole is asyncio:
            return _PlainLoop
        if HIDDEN[whole.__name__].fullmatch(name) and not name.startswith("__"):
            raise AttributeError(f"Windows has no {whole.__name__}.{name}")
        return getattr(whole, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(vars(self)["whole"], name, value)


class _PlainLoop(asyncio.SelectorEventLoop):
    """A selector loop without what it has on Unix alone."""

    def add_signal_handler(self, *_: Any) -> None:
        raise NotImplementedError

    async def subprocess_exec(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


_less: dict[str, _Less] = {}


def _import(name: str, namespace: Any = None, local: Any = None, names: Any = (), level: int = 0) -> ModuleType:
    top = name.partition(".")[0]
    if top in MISSING:
        raise ModuleNotFoundError(f"Windows has no module {name}")
    found = builtins.__import__(name, namespace, local, names, level)
    if found.__name__ not in HIDDEN:
        return found
    return _less.setdefault(found.__name__, _Less(found))


class _Finder:
    """Finds the modules of fcemu before others do."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] != "fcemu":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            original = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
                original(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if os.environ.get("FCEMU_STRIPPED") != "off":
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
