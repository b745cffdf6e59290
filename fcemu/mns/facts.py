"""What can happen to messages, queues and topics after a report or a client has put a message there.

Each is a ``MailFact``: ``destination`` is ``queue:NAME`` or ``topic:NAME``.
"""

from datetime import datetime
from sys import intern
from typing import Final

from fcemu.core.compact import short
from fcemu.core.facts import Delivered, MailFact, register
from fcemu.core.times import offset
from fcemu.core.values import value

Properties = tuple[tuple[str, str, str, str], ...]
"""What a client attaches to a message, kept and handed back as it is: kind, name, type, value of each."""
NO_PROPERTIES: Final[Properties] = ()


@value
class _OfMail:
    """What each of them tells: when it happened, which invocation the message reports, and its address."""

    at: datetime
    request_id: str
    destination: str


@value
class QueueSet(_OfMail):
    """An MNS queue was made by a client, or got other attributes."""

    visibility_timeout: int
    delay_seconds: int
    retention_seconds: int
    maximum_bytes: int
    polling_wait_seconds: int
    logging: bool

    def line(self, started: datetime) -> str:
        return f"set: visibility time-out {self.visibility_timeout} s, delay {self.delay_seconds} s"


@value
class TopicSet(_OfMail):
    """An MNS topic was made by a client, or got other attributes."""

    maximum_bytes: int
    logging: bool

    def line(self, started: datetime) -> str:
        return "set"


@value
class Dropped(_OfMail):
    """A client deleted a queue with what was in it, or a topic with its subscriptions."""

    def line(self, started: datetime) -> str:
        return "deleted"


@value
class Subscribed(_OfMail):
    """A queue gets what is published to a topic from now on, or in another way than before."""

    subscription: str
    queue: str
    filter_tag: str
    strategy: str
    content_format: str

    def line(self, started: datetime) -> str:
        return f"subscription {self.subscription} pushes to queue:{self.queue}"


@value
class Unsubscribed(_OfMail):
    """A subscription has ended."""

    subscription: str

    def line(self, started: datetime) -> str:
        return f"subscription {self.subscription} ends"


@value
class MessageSent(_OfMail):
    """A client, or a topic that pushes, put a message into a queue; or a client published one to a topic.

    ``visible``: from when on a consumer can receive it.
    """

    message_id: str
    body: bytes
    visible: datetime
    priority: int
    tag: str = ""
    group: str = ""
    properties: Properties = NO_PROPERTIES

    def line(self, started: datetime) -> str:
        later = "" if self.visible <= self.at else f", to be received from {offset(self.visible, started)}"
        return f"message arrives{_where(self, 'in')}{later}: {short(self.body)}"


@value
class MessageReceived(_OfMail):
    """A consumer got a message, which nobody else gets before ``until``."""

    message_id: str
    until: datetime

    def line(self, started: datetime) -> str:
        return f"message received{_where(self, 'from')}, hidden until {offset(self.until, started)}"


@value
class VisibilityChanged(_OfMail):
    """A consumer keeps a message that it received, until another instant."""

    message_id: str
    until: datetime

    def line(self, started: datetime) -> str:
        return f"message{_where(self, 'of')} hidden until {offset(self.until, started)}"


@value
class MessageDeleted(_OfMail):
    """A consumer is done with a message."""

    message_id: str

    def line(self, started: datetime) -> str:
        return f"message deleted{_where(self, 'from')}"


@value
class Cleared(_OfMail):
    """A test threw away all that had been delivered to a destination."""

    def line(self, started: datetime) -> str:
        return "cleared"


register(
    (
        QueueSet,
        TopicSet,
        Dropped,
        Subscribed,
        Unsubscribed,
        MessageSent,
        MessageReceived,
        VisibilityChanged,
        MessageDeleted,
        Cleared,
    ),
    {Properties: lambda given: tuple(tuple(one) for one in given)},
)


def _where(fact: MailFact, word: str) -> str:
    """The address, in lines of the timeline that are about the invocation that a message reports."""
    return f" {word} {fact.destination}" if fact.request_id else ""


Arrival = Delivered | MessageSent
"""The fact by which a message came to a queue, a topic or a bus."""


@value
class ReportSummary(_OfMail):
    """Stands for a report that was delivered and is in the store alone: all of it but its body. ``place``: of the fact
    in the journal, which reads it back."""

    message_id: str
    place: int

    @classmethod
    def of(cls, fact: Delivered, place: int) -> "ReportSummary":
        return cls(fact.at, fact.request_id, intern(fact.destination), fact.message_id, place)


Arrived = Arrival | ReportSummary
"""A message that came, as it is in memory."""


def tag_of(arrival: Arrived) -> str:
    """The tag by which subscriptions and triggers of a topic choose. ASSUMED: reports have no tag."""
    return arrival.tag if isinstance(arrival, MessageSent) else ""
