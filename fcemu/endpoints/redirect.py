"""Connections of this process to FC's hosts go to the emulator instead, TLS included.

Standard library only: child processes load this file by its path, and may run an older Python.
"""

import errno
import functools
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from typing import Any

STAND_IN = "127.70.67.1"
"""What FC's hosts resolve to: an address of loopback that nothing else uses, so that a library that connects without
asking us fails, and never reaches FC."""

_MISSING = object()
_HOSTNAME_OF_WRAP_SOCKET = 4
_HOSTNAME_OF_WRAP_BIO = 3


class Redirection:
    """While it is in force, names of FC's hosts resolve to ``STAND_IN``, connections to that go to ``target``, and
    TLS connections to them trust ``authority()``, a PEM that is asked for when it is first needed. ``only``:
    connections to anything else but this machine are refused.

    Nothing of a client is changed, so those that were made earlier are redirected too. ``is_ours`` says which hosts.
    It works on what all of Python's HTTP libraries end in: ``socket`` and ``ssl`` of the standard library.
    """

    current: "Redirection | None" = None
    """The one in force."""
    _lock = threading.Lock()

    def __init__(
        self,
        target: "tuple[str, int]",
        authority: Callable[[], str],
        is_ours: Callable[[object], bool],
        *,
        only: bool = False,
    ) -> None:
        self.target = target
        self._only = only
        self._authority = authority
        self._is_ours = is_ours
        self._trusting: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def begin(self) -> bool:
        """Put it in force, unless another is; says whether."""
        with Redirection._lock:
            if Redirection.current is not None:
                return False
            Redirection.current = self
        self._replace(socket, "getaddrinfo", self._resolving)
        self._replace(socket, "gethostbyname", self._resolving)
        self._replace(socket, "gethostbyname_ex", self._resolving)
        self._replace(socket.socket, "connect", self._connecting)
        self._replace(socket.socket, "connect_ex", self._connecting)
        self._replace(ssl.SSLContext, "wrap_socket", self._wrapping(_HOSTNAME_OF_WRAP_SOCKET))
        self._replace(ssl.SSLContext, "wrap_bio", self._wrapping(_HOSTNAME_OF_WRAP_BIO))
        return True

    def end(self) -> None:
        """Take it out of force. What somebody else has replaced since stays his; ours under it passes all through."""
        if Redirection.current is not self:
            return
        for owner, name, before, ours in reversed(self._replaced):
            if vars(owner).get(name) is not ours:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._replaced.clear()
        Redirection.current = None

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        ours = functools.wraps(original)(make(original))
        self._replaced.append((owner, name, vars(owner).get(name, _MISSING), ours))
        setattr(owner, name, ours)

    def _resolving(self, original: Any) -> Any:
        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            ours = Redirection.current is self and self._is_ours(host)
            return original(STAND_IN if ours else host, *args, **kwargs)

        return resolve

    def _connecting(self, original: Any) -> Any:
        def connect(this: socket.socket, address: Any) -> Any:
            return original(this, self._instead(address))

        return connect

    def _instead(self, address: Any) -> Any:
        if Redirection.current is self and isinstance(address, tuple) and address:
            host = address[0]
            if host == STAND_IN or self._is_ours(host):
                return self.target
            if self._only and isinstance(host, str) and not _is_loopback(host):
                raise ConnectionRefusedError(errno.ECONNREFUSED, f"--intercept-only refuses connections to {host}")
        return address

    def _wrapping(self, position: int) -> Callable[[Any], Any]:
        def make(original: Any) -> Any:
            def wrap(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> Any:
                name = kwargs.get("server_hostname")
                if name is None and len(args) > position:
                    name = args[position]
                if name is not None and Redirection.current is self and self._is_ours(name):
                    self._trust(context)
                return original(context, *args, **kwargs)

            return wrap

        return make

    def _trust(self, context: ssl.SSLContext) -> None:
        if context not in self._trusting:
            context.load_verify_locations(cadata=self._authority())
            self._trusting.add(context)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1", "0.0.0.0", "::", "") or host.startswith(("127.", "::ffff:127."))
