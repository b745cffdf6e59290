"""The protocols of a call, its function and its request: as much as the code around a handler reads of them.

The emulator has such objects (``engine/ports.py``, ``core/``), a child makes its own of what the emulator tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from fcemu.handler.clock import HandlerClock


class Ref(Protocol):
    """The name of a function."""

    @property
    def name(self) -> str: ...
    @property
    def service(self) -> str | None: ...


class Layer(Protocol):
    """A layer of a function."""

    @property
    def directory(self) -> str: ...


class Function(Protocol):
    """A function; its code is a directory of this machine."""

    @property
    def ref(self) -> Ref: ...
    @property
    def handler(self) -> str: ...
    @property
    def runtime(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def layers(self) -> Sequence[Layer]: ...
    @property
    def memory_mb(self) -> int: ...
    @property
    def timeout(self) -> timedelta: ...
    @property
    def initializer(self) -> str: ...
    @property
    def initialization_timeout(self) -> timedelta: ...
    @property
    def pre_freeze(self) -> str: ...
    @property
    def pre_freeze_timeout(self) -> timedelta: ...
    @property
    def pre_stop(self) -> str: ...
    @property
    def pre_stop_timeout(self) -> timedelta: ...


class Account(Protocol):
    """The account that owns a function."""

    @property
    def id(self) -> str: ...
    @property
    def region(self) -> str: ...


class Request(Protocol):
    """What came to the HTTP trigger of a function; its body is the payload of the call."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def client_ip(self) -> str: ...
    @property
    def uri(self) -> str: ...

    def passed_on(self) -> Sequence[tuple[str, str]]:
        """The headers that a function gets."""


class Call(Protocol):
    """One attempt."""

    @property
    def function(self) -> Function: ...
    @property
    def account(self) -> Account: ...
    @property
    def qualifier(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def retry_count(self) -> int: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def clock(self) -> HandlerClock: ...
    @property
    def http(self) -> Request | None: ...
    @property
    def credentials(self) -> Sequence[str]:
        """The temporary keys of the attempt: id, secret and token."""
