"""``uuid1`` in a handler carries virtual time: Python takes it from the C library, where nothing can be exchanged."""

import hashlib
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from fcemu.runtimes.timeshift.switch import CLOCK, now_ns

_TO_1582: Final = 0x01B21DD213814000
"""From 1582-10-15, where UUIDs count from, to 1970, in 100 ns."""
_NODE_BITS: Final = 48
_MULTICAST: Final = 1 << 40
"""Set in a node that is no network card (RFC 9562, section 6.10)."""
_SEQUENCE: Final = 0x3FFF


class Source:
    """Where the ids of one attempt come from: neither from the machine nor from the process, so that they repeat.

    ``name``: of the attempt. Ids of one instant count up, because a paused clock stands still.
    """

    def __init__(self, name: str) -> None:
        digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        self._node: Final = digest >> 16 & (1 << _NODE_BITS) - 1 | _MULTICAST
        self._sequence: Final = digest & _SEQUENCE
        self._last = -1

    def at(self, stamp: int) -> bytes:
        """An id of that instant, in units of 100 ns since 1582."""
        self._last = last = max(self._last + 1, stamp)
        parts = last & 0xFFFFFFFF, last >> 32 & 0xFFFF, last >> 48 & 0x0FFF, self._sequence >> 8, self._sequence & 0xFF
        return uuid.UUID(fields=(*parts, self._node), version=1).bytes


SOURCE: Final[ContextVar[Source | None]] = ContextVar("fcemu_uuids", default=None)
"""Of the attempt that this context runs; ``None`` for a test that reads virtual time."""
_OF_THE_TEST: Final = Source("test")


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
