"""What tests use: ``LocalEmulator``, its handles and its errors. Nothing here needs pytest."""

from fcemu.config import DefinitionError
from fcemu.core.errors import FCError, StoreError
from fcemu.core.event_filters import NotFired
from fcemu.core.stubs import Step, StubCall
from fcemu.engine.emulator import ClockStuck, ClosedError, NotIdle
from fcemu.engine.forks import ForkedError
from fcemu.mns.errors import MNSError
from fcemu.testing.clocks import ClockConflict
from fcemu.testing.emulator import LocalEmulator, NeverTrue
from fcemu.testing.faults import Fault, Faults
from fcemu.testing.handles import Function, Invocation, InvocationFailed
from fcemu.testing.laws import calendar, commutative, idempotent
from fcemu.testing.mailboxes import EventBus, Message, Queue, Topic
from fcemu.testing.properties import Property, always, eventually, exactly_once
from fcemu.testing.records import Attempt, Event, Fact, NotEnded, Reply, UnknownName
from fcemu.testing.stubs import Stub
from fcemu.testing.triggers import Timer, Trigger

__all__ = [
    "Attempt",
    "ClockConflict",
    "ClockStuck",
    "ClosedError",
    "DefinitionError",
    "Event",
    "EventBus",
    "FCError",
    "Fact",
    "Fault",
    "Faults",
    "ForkedError",
    "Function",
    "Invocation",
    "InvocationFailed",
    "LocalEmulator",
    "MNSError",
    "Message",
    "NeverTrue",
    "NotEnded",
    "NotFired",
    "NotIdle",
    "Property",
    "Queue",
    "Reply",
    "Step",
    "StoreError",
    "Stub",
    "StubCall",
    "Timer",
    "Topic",
    "Trigger",
    "UnknownName",
    "always",
    "calendar",
    "commutative",
    "eventually",
    "exactly_once",
    "idempotent",
]
