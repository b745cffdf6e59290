"""These facts say what happens to messages, queues and topics after a report or a client has put a message there.

Each is a ``MailFact``: ``destination`` is ``queue:NAME`` or ``topic:NAME``.
"""

from datetime import datetime
from sys import intern
from typing import Final

from fcemu.core.compact import short
from fcemu.core.facts import READERS, Delivered, MailFact, fact
from fcemu.core.times import offset
from fcemu.core.values import value

Properties = tuple[tuple[str, str, str, str], ...]
"""What a client attaches to a message, kept and handed back as it is: kind, name, type, value of each."""
NO_PROPERTIES: Final[Properties] = ()
READERS[Properties] = lambda given: tuple(tuple(one) for one in given)


@fact
class QueueSet(MailFact):
    """An MNS queue was made by a client, or got other attributes: seconds and bytes as MNS has them.

    Defaults: MNS's documents, "CreateQueue".
    """

    visibility_timeout: int = 30
    delay_seconds: int = 0
    retention_seconds: int = 345_600
    maximum_bytes: int = 65_536
    polling_wait_seconds: int = 0
    logging: bool = False

    def line(self, started: datetime) -> str:
        return f"set: visibility time-out {self.visibility_timeout} s, delay {self.delay_seconds} s"


@fact
class TopicSet(MailFact):
    """An MNS topic was made by a client, or got other attributes. Defaults: MNS's documents, "CreateTopic"."""

    maximum_bytes: int = 65_536
    logging: bool = False

    def line(self, started: datetime) -> str:
        return "set"


@fact
class Dropped(MailFact):
    """A client deleted a queue with what was in it, or a topic with its subscriptions."""

    def line(self, started: datetime) -> str:
        return "deleted"


@fact
class Subscribed(MailFact):
    """A queue gets what is published to a topic from now on, or in another way than before."""

    subscription: str
    queue: str
    filter_tag: str
    strategy: str
    content_format: str

    def line(self, started: datetime) -> str:
        return f"subscription {self.subscription} pushes to queue:{self.queue}"


@fact
class Unsubscribed(MailFact):
    """A subscription has ended."""

    subscription: str

    def line(self, started: datetime) -> str:
        return f"subscription {self.subscription} ends"


@fact
class MessageSent(MailFact):
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


@fact
class MessageReceived(MailFact):
    """A consumer got a message, which nobody else gets before ``until``."""

    message_id: str
    until: datetime

    def line(self, started: datetime) -> str:
        return f"message received{_where(self, 'from')}, hidden until {offset(self.until, started)}"


@fact
class VisibilityChanged(MailFact):
    """A consumer keeps a message that it received, until another instant."""

    message_id: str
    until: datetime

    def line(self, started: datetime) -> str:
        return f"message{_where(self, 'of')} hidden until {offset(self.until, started)}"


@fact
class MessageDeleted(MailFact):
    """A consumer is done with a message."""

    message_id: str

    def line(self, started: datetime) -> str:
        return f"message deleted{_where(self, 'from')}"


@fact
class Cleared(MailFact):
    """A test threw away all that had been delivered to a destination."""

    def line(self, started: datetime) -> str:
        return "cleared"


def _where(fact: MailFact, word: str) -> str:
    """The address, in lines of the timeline that are about the invocation that a message reports."""
    return f" {word} {fact.destination}" if fact.request_id else ""


Arrival = Delivered | MessageSent
"""The fact by which a message came to a queue, a topic or a bus."""


@value
class ReportSummary(MailFact):
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
    """The tag by which subscriptions and triggers of a topic choose. ASSUMED: fcemu gives the messages that are reports
    no tag."""
    return arrival.tag if isinstance(arrival, MessageSent) else ""
