"""An emulator in the hand: in its own thread, with blocking methods. The fixtures hand it out; no pytest here."""

from fcemu.core.errors import FCError
from fcemu.core.stubs import Step, StubCall
from fcemu.engine.emulator import ClockStuck, ClosedError, NotIdle
from fcemu.testing.emulator import LocalEmulator, NeverTrue
from fcemu.testing.faults import Fault, Faults
from fcemu.testing.following import ClockConflict
from fcemu.testing.handles import (
    Attempt,
    Event,
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
from fcemu.testing.stubs import Stub

__all__ = [
    "Attempt",
    "ClockConflict",
    "ClockStuck",
    "ClosedError",
    "Event",
    "FCError",
    "Fact",
    "Fault",
    "Faults",
    "Function",
    "Invocation",
    "InvocationFailed",
    "LocalEmulator",
    "Message",
    "NeverTrue",
    "NotIdle",
    "Queue",
    "Reply",
    "Step",
    "Stub",
    "StubCall",
    "Topic",
    "UnknownName",
]
