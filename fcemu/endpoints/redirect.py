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
from contextlib import suppress
from typing import Any

STAND_IN = "127.70.67.1"
"""What FC's hosts resolve to: an address of loopback that nothing else uses, so that a library that connects without
asking us fails, and never reaches FC."""

_MISSING = object()
_HOSTNAME_OF_WRAP_SOCKET = 4
_HOSTNAME_OF_WRAP_BIO = 3

_trusting: "weakref.WeakKeyDictionary[ssl.SSLContext, str]" = weakref.WeakKeyDictionary()
"""What each context was taught to trust."""
_connected: "weakref.WeakKeyDictionary[socket.socket, tuple[str, int]]" = weakref.WeakKeyDictionary()
"""Connections that were redirected, and where to: clients keep them in pools."""


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
        self.authority = authority
        self.is_ours = is_ours
        self._only = only

    def begin(self) -> bool:
        """Put it in force, unless another is; says whether."""
        with Redirection._lock:
            if Redirection.current is not None:
                return False
            Redirection.current = self
        if _connected:
            self._hang_up_others()
        for each in _REPLACED:
            each.replace()
        return True

    def end(self) -> None:
        """Take it out of force. What somebody else has replaced since stays his; ours under it passes all through."""
        if Redirection.current is not self:
            return
        for each in _REPLACED:
            each.put_back()
        Redirection.current = None

    def instead(self, address: Any) -> Any:
        """Where a connection to ``address`` goes. Raises ``ConnectionRefusedError``."""
        if isinstance(address, tuple) and address:
            host = address[0]
            if host == STAND_IN or self.is_ours(host):
                return self.target
            if self._only and isinstance(host, str) and not _is_loopback(host):
                raise ConnectionRefusedError(errno.ECONNREFUSED, f"--intercept-only refuses connections to {host}")
        return address

    def _hang_up_others(self) -> None:
        """Clients that kept a connection to another emulator make a new one."""
        for connection, target in list(_connected.items()):
            if target != self.target:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                _connected.pop(connection, None)

    def trust(self, context: ssl.SSLContext) -> None:
        """Let a context trust the authority, from now on."""
        pem = self.authority()
        if _trusting.get(context) != pem:
            context.load_verify_locations(cadata=pem)
            _trusting[context] = pem


class _Replaced:
    """A function of the standard library that is replaced while a redirection is in force. What takes its place is kept
    for the next time: emulators of a suite begin and end hundreds of times a second."""

    __slots__ = ("_before", "_make", "_name", "_original", "_ours", "_owner")

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """``make`` makes what takes the place of the function that it gets."""
        self._owner, self._name, self._make = owner, name, make
        self._before: Any = _MISSING
        self._original: Any = None
        self._ours: Any = None

    def replace(self) -> None:
        owner, name = self._owner, self._name
        original = getattr(owner, name)
        if original is not self._original:
            self._original, self._ours = original, functools.wraps(original)(self._make(original))
        self._before = vars(owner).get(name, _MISSING)
        setattr(owner, name, self._ours)

    def put_back(self) -> None:
        owner, name = self._owner, self._name
        if vars(owner).get(name) is not self._ours:
            return
        if self._before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, self._before)


def _resolving(original: Any) -> Any:
    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        current = Redirection.current
        ours = current is not None and current.is_ours(host)
        return original(STAND_IN if ours else host, *args, **kwargs)

    return resolve


def _connecting(original: Any) -> Any:
    def connect(this: socket.socket, address: Any) -> Any:
        current = Redirection.current
        there = address if current is None else current.instead(address)
        if there is not address:
            _connected[this] = there
        return original(this, there)

    return connect


def _wrapping(position: int) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def wrap(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> Any:
            current, name = Redirection.current, kwargs.get("server_hostname")
            if name is None and len(args) > position:
                name = args[position]
            if name is None or current is None or not current.is_ours(name):
                return original(context, *args, **kwargs)
            current.trust(context)
            wrapped = original(context, *args, **kwargs)
            if isinstance(wrapped, socket.socket):  # it took the connection over from the one that was redirected
                _connected[wrapped] = current.target
            return wrapped

        return wrap

    return make


_REPLACED = (
    _Replaced(socket, "getaddrinfo", _resolving),
    _Replaced(socket, "gethostbyname", _resolving),
    _Replaced(socket, "gethostbyname_ex", _resolving),
    _Replaced(socket.socket, "connect", _connecting),
    _Replaced(socket.socket, "connect_ex", _connecting),
    _Replaced(ssl.SSLContext, "wrap_socket", _wrapping(_HOSTNAME_OF_WRAP_SOCKET)),
    _Replaced(ssl.SSLContext, "wrap_bio", _wrapping(_HOSTNAME_OF_WRAP_BIO)),
)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1", "0.0.0.0", "::", "") or host.startswith(("127.", "::ffff:127."))
