"""The handles of queues, topics and event buses, and the messages that were delivered there."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Final

from fcemu.core.times import parse_duration
from fcemu.core.values import dataclass
from fcemu.mns.facts import Arrival
from fcemu.mns.mail import Sending
from fcemu.mns.queue import Received
from fcemu.testing.access import Access
from fcemu.testing.handles import Invocation
from fcemu.testing.records import Duration, Payload, Readable, Several, encode


@dataclass(frozen=True, slots=True)
class Message(Readable):
    """A message as it was delivered. ``invocation`` is the one it reports; ``None`` for one that a client sent."""

    id: str
    """Its message id, as MNS gives it."""
    body: bytes
    """The body as it was sent."""
    at: datetime
    """The virtual instant at which it arrived, in UTC."""
    invocation: Invocation | None
    """The invocation that the message reports, else ``None``."""


class Mailbox:
    """What was delivered to one queue, topic or bus."""

    def __init__(self, access: Access, address: str) -> None:
        self._access: Final = access
        self._address: Final = address

    @property
    def name(self) -> str:
        """Its name, without the kind before it."""
        return self._address.partition(":")[2]

    @property
    def messages(self) -> list[Message]:
        """All messages ever delivered, consumed or not, in order, but those before the last ``clear()``; a new list
        each time. An index that it does not have raises an ``IndexError`` that says who must move the clock."""
        return self._shown(self._access.engine.mail.arrived(self._address))

    def _shown(self, found: Iterable[Arrival | Received]) -> list[Message]:
        messages = [self._message(one) for one in found]
        return Several(messages, partial(self._no_such_message, len(messages)))

    def _no_such_message(self, count: int) -> str:
        kind, _, name = self._address.partition(":")
        has = f"has {count} {'message' if count == 1 else 'messages'}" if count else "has no message"
        return f"{kind} {name} {has}; {self._access.who_moves()}"

    def _message(self, found: Arrival | Received) -> Message:
        record = self._access.engine.journal.invocations.get(found.request_id)
        if record is not None:
            self._access.seen(record)
        return Message(
            found.message_id,
            found.body,
            found.at,
            None if record is None else Invocation(self._access, record),
        )

    def clear(self) -> None:
        """Throw the messages away, also those that wait for a consumer; the journal keeps them."""
        self._access.engine.mail.clear(self._address)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Queue(Mailbox):
    """An MNS queue. What real MNS clients do with it is on the same clock."""

    @property
    def waiting(self) -> list[Message]:
        """The messages that no consumer has deleted yet, in order of arrival: visible, delayed, or received and
        hidden; a new list each time."""
        return self._shown(self._access.engine.queues.waiting(self.name))

    def send(self, body: Payload, *, delay: Duration | None = None) -> Message:
        """Put a message into the queue, to be received ``delay`` (whole seconds) from now, ``None``: the queue's own.

        Raises ``MNSError`` for what MNS does not take: an empty body, one over the queue's limit, a delay of more
        than seven days.
        """
        seconds = 0 if delay is None else parse_duration(delay).total_seconds()
        if seconds != int(seconds):
            raise ValueError(f"delay: MNS counts in whole seconds, got {seconds:g}")
        sending = Sending(body=encode(body), delay_seconds=None if delay is None else int(seconds))
        return self._message(self._access.engine.queues.send(self.name, sending))


class Topic(Mailbox):
    """An MNS topic, or, by the name ``INSTANCE/TOPIC``, one of RocketMQ."""

    def publish(self, body: Payload, *, tag: str = "") -> Message:
        """Publish to an MNS topic: subscribed queues get it, and functions with a trigger on it.

        Raises ``MNSError`` for what MNS does not take: an empty body, one over the topic's limit, a topic of RocketMQ.
        """
        return self._message(self._access.engine.topics.publish(self.name, Sending(body=encode(body), tag=tag)))


class EventBus(Mailbox):
    """An EventBridge bus: its messages are CloudEvents, with the report under ``data``."""
