"""Calls of FC's own hosts that nothing intercepts are told of, once a host: they reach FC itself.

Standard library only: child processes load this file by its path, and may run an older Python.
"""

import functools
import socket
from collections.abc import Callable
from typing import Any

BEGINS = "fcemu: warning: "
"""With this begins the line that a child process writes."""


def text_of(host: str) -> str:
    """What is said of a call."""
    return (
        f"a handler calls {host}, which fcemu does not intercept, so the call goes to FC itself. --intercept leads "
        "such calls to the emulator"
    )


def begin(is_ours: Callable[[object], bool], tell: Callable[[str], None]) -> None:
    """Let ``tell`` get a text when this process first asks for the address of a host that is FC's."""
    told = set()

    def resolving(original: Any) -> Any:
        @functools.wraps(original)
        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host not in told and is_ours(host):
                told.add(host)
                tell(text_of(host if isinstance(host, str) else bytes(host).decode("ascii", "replace")))
            return original(host, *args, **kwargs)

        return resolve

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, resolving(getattr(socket, name)))
