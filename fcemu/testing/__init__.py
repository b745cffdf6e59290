"""An emulator in the hand: in its own thread, with blocking methods. The fixtures hand it out; no pytest here."""

from fcemu.core.errors import FCError
from fcemu.engine.emulator import ClockStuck, ClosedError, NotIdle
from fcemu.testing.emulator import LocalEmulator, NeverTrue
from fcemu.testing.handles import (
    Attempt,
    Fact,
    Function,
    Invocation,
    InvocationFailed,
    Message,
    Queue,
    Reply,
    Topic,
    UnknownName,
)

__all__ = [
    "Attempt",
    "ClockStuck",
    "ClosedError",
    "FCError",
    "Fact",
    "Function",
    "Invocation",
    "InvocationFailed",
    "LocalEmulator",
    "Message",
    "NeverTrue",
    "NotIdle",
    "Queue",
    "Reply",
    "Topic",
    "UnknownName",
]
