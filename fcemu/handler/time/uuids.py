"""Makes ``uuid1`` in a handler from virtual time, because Python asks the C library, where nothing can be exchanged."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from fcemu.handler.time.switch import CLOCK, now_ns

_TO_1582: Final = 0x01B21DD213814000
"""From 1582-10-15, where UUIDs count from, to 1970, in 100 ns."""
_NODE_BITS: Final = 48
_MULTICAST: Final = 1 << 40
"""Set in a node that is no network card (RFC 9562, section 6.10)."""
_SEQUENCE: Final = 0x3FFF


class Source:
    """Where the ids of one attempt come from: neither from the machine nor from the process, so that they repeat.

    Ids of one instant count up, because a paused clock stands still.
    """

    __slots__ = ("_attempt", "_last", "_request_id")

    def __init__(self, request_id: str, attempt: int) -> None:
        self._request_id: Final = request_id
        self._attempt: Final = attempt
        self._last = -1

    def at(self, stamp: int) -> bytes:
        """An id of that instant, in units of 100 ns since 1582."""
        digest = int.from_bytes(hashlib.sha256(f"{self._request_id}.{self._attempt}".encode()).digest()[:8], "big")
        node, sequence = digest >> 16 & (1 << _NODE_BITS) - 1 | _MULTICAST, digest & _SEQUENCE
        self._last = last = max(self._last + 1, stamp)
        parts = last & 0xFFFFFFFF, last >> 32 & 0xFFFF, last >> 48 & 0x0FFF, sequence >> 8, sequence & 0xFF
        return uuid.UUID(fields=(*parts, node), version=1).bytes


class SourceVariable:
    """A variable of the context: the source of the attempt that runs in it; ``None`` for a test that reads virtual
    time."""

    def __init__(self) -> None:
        self._variable: Final[ContextVar[Source | None]] = ContextVar("fcemu_uuids", default=None)
        self.get: Callable[[], Source | None] = self._variable.get
        self.set: Final = self._variable.set

    def ask(self, source: Callable[[], Source | None]) -> None:
        """Let ``source`` answer, which knows the attempt that runs in a context by other means."""
        self.get = source

    def ask_no_longer(self) -> None:
        """Undo ``ask``."""
        self.get = self._variable.get


SOURCE: Final = SourceVariable()
_OF_THE_TEST: Final = Source("test", 0)


def time_safe() -> tuple[Any, Any]:
    """``uuid._generate_time_safe``, and what to put there; where the C library has none, ``uuid`` asks ``time``."""
    original: Callable[[], tuple[bytes, int | None]] | None = uuid._generate_time_safe  # type: ignore[attr-defined]
    if original is None:
        return None, None

    def _generate_time_safe() -> tuple[bytes, int | None]:
        clock = CLOCK.get()
        if clock is None:
            return original()
        return (SOURCE.get() or _OF_THE_TEST).at(now_ns(clock) // 100 + _TO_1582), None

    return original, _generate_time_safe
