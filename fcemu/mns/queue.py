"""A queue, as its facts made it, says which message is visible when, and which consumer has it meanwhile.

Pure: every question comes with ``now``. Rules: MNS's documents on ReceiveMessage, DeleteMessage,
ChangeMessageVisibility and CreateQueue, read 2026-11. ASSUMED: fcemu gives, among visible messages, first the one of
the smallest priority number, then the one that was sent first; MNS promises no order.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush, nsmallest
from typing import ClassVar, Final, NamedTuple

from fcemu.core.times import later
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import NO_PROPERTIES, Arrived, MessageSent, Properties, QueueSet, ReportSummary
from fcemu.mns.resource import Resource

DEFAULT_PRIORITY: Final = 8
MOST_IN_BATCH: Final = 16
LONGEST_VISIBILITY: Final = 43_200
LONGEST_DELAY: Final = 604_800
LONGEST_POLL: Final = 30


class Message:
    """One message of a queue.

    Hidden until ``visible``: delayed as long as no consumer received it, else some consumer's. ``handles`` counts the
    receipt handles that were given out for it; only the newest is good, and only while it is hidden.
    """

    __slots__ = ("arrival", "dequeue_count", "first_dequeued", "handles", "number", "visible")

    def __init__(self, arrival: Arrived, number: int, visible: datetime) -> None:
        self.arrival = arrival
        self.number: Final = number
        self.visible = visible
        self.dequeue_count = 0
        self.first_dequeued: datetime | None = None
        self.handles = 0

    @property
    def message_id(self) -> str:
        return self.arrival.message_id

    @property
    def request_id(self) -> str:
        """The invocation that it reports, ``""`` for one that a client sent."""
        return self.arrival.request_id

    @property
    def at(self) -> datetime:
        return self.arrival.at

    @property
    def priority(self) -> int:
        return self.arrival.priority if isinstance(self.arrival, MessageSent) else DEFAULT_PRIORITY

    @property
    def group(self) -> str:
        return self.arrival.group if isinstance(self.arrival, MessageSent) else ""

    @property
    def properties(self) -> Properties:
        return self.arrival.properties if isinstance(self.arrival, MessageSent) else NO_PROPERTIES

    @property
    def handle(self) -> str:
        """The newest receipt handle; letters, digits and hyphens, because clients put it into URLs as it is."""
        return f"{self.priority}-{self.message_id}-{self.handles}"


class Received(Message):
    """A message with its body as it was at one moment, for who keeps it when the baton is given back."""

    __slots__ = ("body",)

    def __init__(self, message: Message, body: bytes) -> None:
        super().__init__(message.arrival, message.number, message.visible)
        self.dequeue_count = message.dequeue_count
        self.first_dequeued = message.first_dequeued
        self.handles = message.handles
        self.body: Final = body


class Counts(NamedTuple):
    """How many messages are visible, are some consumer's, and were never visible yet."""

    active: int
    inactive: int
    delayed: int


class Queue(Resource[QueueSet]):
    """One queue. What has arrived is looked at when a consumer comes: a queue that only a test reads costs nothing."""

    WORD = "queue"
    BOUNDS: ClassVar = {
        "visibility_timeout": ("VisibilityTimeout", 1, LONGEST_VISIBILITY),
        "delay_seconds": ("DelaySeconds", 0, LONGEST_DELAY),
        "retention_seconds": ("MessageRetentionPeriod", 60, 1_296_000),
        "maximum_bytes": ("MaximumMessageSize", 1024, 65_536),
        "polling_wait_seconds": ("PollingWaitSeconds", 0, LONGEST_POLL),
    }
    FACT = QueueSet
    NAME_INVALID, MISSING, EXISTS = "InvalidQueueName", "QueueNotExist", "QueueAlreadyExist"

    def __init__(self, name: str, created: datetime, arrived: list[Arrived]) -> None:
        super().__init__(name, created, arrived)
        self._taken = 0
        self._messages: Final[dict[str, Message]] = {}
        self._hidden: Final[list[tuple[datetime, int, Message]]] = []
        self._ready: Final[list[tuple[int, int, Message]]] = []
        self._numbered = 0

    # What facts do.

    def set(self, attributes: QueueSet) -> None:
        """Have these attributes for what comes from now on; the time of retention also for what is there."""
        self._take()
        super().set(attributes)

    def skip(self) -> None:
        """What has arrived so far was put into a queue that had the name before."""
        self._taken = len(self.arrived)

    def clear(self) -> None:
        """The queue is empty, and nothing has arrived any more: ``arrived`` was emptied by its owner."""
        self._messages.clear()
        self._hidden.clear()
        self._ready.clear()
        self._taken = 0

    def shorten(self, report: ReportSummary) -> None:
        """The body of a report that is in the queue leaves memory."""
        message = self._messages.get(report.message_id)
        if message is not None:
            message.arrival = report

    def receive(self, message_id: str, until: datetime, now: datetime) -> None:
        """A consumer has the message until then. Nothing happens to one that is not there, nor by ``hide``: a store
        may have forgotten it."""
        message = self._at(message_id)
        if message is None:
            return
        message.dequeue_count += 1
        message.first_dequeued = message.first_dequeued or now
        self.hide(message_id, until)

    def hide(self, message_id: str, until: datetime) -> None:
        """The message is visible from ``until`` on, and has a new receipt handle."""
        message = self._at(message_id)
        if message is None:
            return
        message.handles += 1
        message.visible = until
        heappush(self._hidden, (until, message.number, message))

    def delete(self, message_id: str) -> None:
        """The message is gone."""
        self._take()
        self._messages.pop(message_id, None)

    # What consumers ask.

    def first(self, now: datetime) -> Message | None:
        """The message that the next consumer gets."""
        self._surface(now)
        ready = self._ready
        while ready:
            message = ready[0][2]
            there = self._messages.get(message.message_id) is message and message.visible <= now
            if there and not self._expired(message, now):
                return message
            heappop(ready)
        return None

    def visible(self, now: datetime, at_most: int) -> list[Message]:
        """The messages that the next consumers get, in their order."""
        found = (message for message in self._waiting(now) if message.visible <= now)
        return nsmallest(at_most, found, key=lambda message: (message.priority, message.number))

    def next_visible(self, now: datetime) -> datetime | None:
        """When the next hidden message becomes visible; ``None``: none does."""
        self._surface(now)
        hidden = self._hidden
        while hidden:
            until, _, message = hidden[0]
            there = self._messages.get(message.message_id) is message and message.visible == until
            if there and not self._expired(message, until):
                return until
            heappop(hidden)
        return None

    def held(self, handle: str, now: datetime) -> Message:
        """The message that a consumer still has by that receipt handle.

        Raises ``ReceiptHandleError`` for what no consumer of this queue ever got. ASSUMED: fcemu refuses with
        ``MessageNotExist`` a receipt handle whose time is over, that a newer one replaced, or whose message is deleted;
        MNS's pages name two errors and no rule.
        """
        self._take()
        priority, _, rest = handle.partition("-")
        message_id, _, number = rest.rpartition("-")
        if not (priority.isdecimal() and number.isdecimal() and self._ever_had(message_id)):
            raise MNSError("ReceiptHandleError", f"{handle!r} is not a receipt handle of the queue {self.name!r}")
        message = self._messages.get(message_id)
        if message is None or message.handle != handle or message.visible <= now or self._expired(message, now):
            raise MNSError(
                "MessageNotExist",
                f"the receipt handle {handle!r} is no longer valid: the message was deleted, received again, or its "
                "visibility timeout is over",
            )
        return message

    def waiting(self, now: datetime) -> list[Message]:
        """What is still in the queue, hidden or not, in the order of arrival."""
        return list(self._waiting(now))

    def counts(self, now: datetime) -> Counts:
        """How many messages are in which state."""
        active = inactive = delayed = 0
        for message in self._waiting(now):
            if message.visible <= now:
                active += 1
            elif message.dequeue_count:
                inactive += 1
            else:
                delayed += 1
        return Counts(active, inactive, delayed)

    # How it is kept.

    def _at(self, message_id: str) -> Message | None:
        self._take()
        return self._messages.get(message_id)

    def _take(self) -> None:
        """Look at what has arrived since the last time."""
        for arrival in self.arrived[self._taken :]:
            delay = timedelta(seconds=self.attributes.delay_seconds)
            visible = arrival.visible if isinstance(arrival, MessageSent) else later(arrival.at, delay)
            message = self._messages[arrival.message_id] = Message(arrival, self._numbered, visible)
            self._numbered += 1
            heappush(self._hidden, (visible, message.number, message))
        self._taken = len(self.arrived)

    def _surface(self, now: datetime) -> None:
        """Move what is not hidden any more to where the next consumer looks; some of it may be there twice."""
        self._take()
        hidden = self._hidden
        while hidden and hidden[0][0] <= now:
            until, number, message = heappop(hidden)
            if message.visible == until:
                heappush(self._ready, (message.priority, number, message))

    def _waiting(self, now: datetime) -> Iterator[Message]:
        self._take()
        return (message for message in self._messages.values() if not self._expired(message, now))

    def _expired(self, message: Message, at: datetime) -> bool:
        return at >= later(message.at, timedelta(seconds=self.attributes.retention_seconds))

    def _ever_had(self, message_id: str) -> bool:
        return any(arrival.message_id == message_id for arrival in self.arrived)
