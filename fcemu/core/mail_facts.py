"""What can happen to messages, queues and topics after a report or a client has put a message there.

Each has the members that every fact has: ``at``, and the ``request_id`` of the invocation that the message reports,
``""`` for what a client sent or arranged. ``destination`` is ``queue:NAME`` or ``topic:NAME``.
"""

from datetime import datetime
from typing import Final

from fcemu.core.values import value

Properties = tuple[tuple[str, str, str, str], ...]
"""What a client attaches to a message, kept and handed back as it is: kind, name, type, value of each."""
NO_PROPERTIES: Final[Properties] = ()


@value
class QueueSet:
    """An MNS queue was made by a client, or got other attributes."""

    at: datetime
    request_id: str
    destination: str
    visibility_timeout: int
    delay_seconds: int
    retention_seconds: int
    maximum_bytes: int
    polling_wait_seconds: int
    logging: bool


@value
class TopicSet:
    """An MNS topic was made by a client, or got other attributes."""

    at: datetime
    request_id: str
    destination: str
    maximum_bytes: int
    logging: bool


@value
class Dropped:
    """A client deleted a queue with what was in it, or a topic with its subscriptions."""

    at: datetime
    request_id: str
    destination: str


@value
class Subscribed:
    """A queue gets what is published to a topic from now on, or in another way than before."""

    at: datetime
    request_id: str
    destination: str
    subscription: str
    queue: str
    filter_tag: str
    strategy: str
    content_format: str


@value
class Unsubscribed:
    """A subscription has ended."""

    at: datetime
    request_id: str
    destination: str
    subscription: str


@value
class MessageSent:
    """A client, or a topic that pushes, put a message into a queue; or a client published one to a topic.

    ``visible``: from when on a consumer can receive it.
    """

    at: datetime
    request_id: str
    destination: str
    message_id: str
    body: bytes
    visible: datetime
    priority: int
    tag: str = ""
    group: str = ""
    properties: Properties = NO_PROPERTIES


@value
class MessageReceived:
    """A consumer got a message, which nobody else gets before ``until``."""

    at: datetime
    request_id: str
    destination: str
    message_id: str
    until: datetime


@value
class VisibilityChanged:
    """A consumer keeps a message that it received, until another instant."""

    at: datetime
    request_id: str
    destination: str
    message_id: str
    until: datetime


@value
class MessageDeleted:
    """A consumer is done with a message."""

    at: datetime
    request_id: str
    destination: str
    message_id: str


@value
class Cleared:
    """A test threw away all that had been delivered to a destination."""

    at: datetime
    request_id: str
    destination: str


MailFact = (
    QueueSet
    | TopicSet
    | Dropped
    | Subscribed
    | Unsubscribed
    | MessageSent
    | MessageReceived
    | VisibilityChanged
    | MessageDeleted
    | Cleared
)
