"""All that was delivered, by destination, and the queues and topics that took it: a fold of facts."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from fcemu.core.facts import Delivered
from fcemu.core.mail_facts import (
    Cleared,
    Dropped,
    MailFact,
    MessageDeleted,
    MessageReceived,
    MessageSent,
    QueueSet,
    Subscribed,
    TopicSet,
    Unsubscribed,
    VisibilityChanged,
)
from fcemu.core.names import Account
from fcemu.core.values import dataclass, value
from fcemu.mns.queue import Arrival, Arrived, Queue, QueueAttributes, ReportSummary

XMLNS: Final = "http://mns.aliyuncs.com/doc/v1/"
CONTENT_FORMATS: Final = ("XML", "JSON", "SIMPLIFIED")
STRATEGIES: Final = ("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")
LONGEST_TAG: Final = 16
TOPIC_RETENTION: Final = timedelta(days=1)
"""How long a topic keeps what it could not push yet. Source: MNS's documents, "GetTopicAttributes"."""


@value
class Subscription:
    """A queue that gets what is published to a topic."""

    name: str
    queue: str
    filter_tag: str
    strategy: str
    content_format: str
    created: datetime
    modified: datetime

    def wants(self, arrival: Arrival) -> bool:
        """Whether a message passes its filter. ASSUMED: one without a tag passes no filter; reports have none."""
        tag = arrival.tag if isinstance(arrival, MessageSent) else ""
        return not self.filter_tag or self.filter_tag == tag


@dataclass(frozen=True, slots=True)
class TopicAttributes:
    """What a client sets of a topic."""

    maximum_bytes: int = 65_536
    logging: bool = False


class Topic:
    """One MNS topic."""

    def __init__(self, name: str, created: datetime) -> None:
        self.name: Final = name
        self.created = self.modified = created
        self.attributes = TopicAttributes()
        self.dropped = False
        self.subscriptions: Final[dict[str, Subscription]] = {}

    def set(self, fact: TopicSet) -> None:
        """Have these attributes."""
        if self.dropped:
            self.dropped, self.created = False, fact.at
        self.attributes, self.modified = TopicAttributes(fact.maximum_bytes, fact.logging), fact.at

    def drop(self) -> None:
        """The topic and its subscriptions are gone."""
        self.dropped = True
        self.attributes = TopicAttributes()
        self.subscriptions.clear()

    def subscribe(self, fact: Subscribed) -> None:
        """A subscription begins or changes."""
        before = self.subscriptions.get(fact.subscription)
        self.subscriptions[fact.subscription] = Subscription(
            fact.subscription,
            fact.queue,
            fact.filter_tag,
            fact.strategy,
            fact.content_format,
            before.created if before else fact.at,
            fact.at,
        )


class Mail:
    """What arrived at each destination (``queue:declined``), and what consumers made of it since.

    Queues and topics are there once they are asked for: whether somebody may use them is decided elsewhere.
    """

    def __init__(self) -> None:
        self.arrived: Final[dict[str, list[Arrived]]] = {}
        self._shortened: Final[dict[str, int]] = {}
        """How many of those at each destination, from the first on, have left memory or stay there whole."""
        self.queues: Final[dict[str, Queue]] = {}
        self.topics: Final[dict[str, Topic]] = {}
        self.since = datetime.min.replace(tzinfo=UTC)
        """When those were made that no client made: the start of the clock."""

    def queue(self, name: str, made: datetime | None = None) -> Queue:
        """The queue of that name."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name, made or self.since, self.arrived.setdefault(f"queue:{name}", []))
        return queue

    def topic(self, name: str, made: datetime | None = None) -> Topic:
        """The topic of that name."""
        topic = self.topics.get(name)
        if topic is None:
            topic = self.topics[name] = Topic(name, made or self.since)
        return topic

    def deliver(self, fact: Arrival) -> None:
        """A message has arrived."""
        arrived = self.arrived.get(fact.destination)
        if arrived is None:
            arrived = self.arrived[fact.destination] = []
        arrived.append(fact)

    def shorten(self, fact: Delivered, place: int) -> None:
        """The body of a report leaves memory, because the fact at this place in the journal is kept elsewhere. To be
        called for one report after the other, in the order in which they were delivered."""
        arrived = self.arrived[fact.destination]
        number = self._shortened.get(fact.destination, 0)
        while number < len(arrived) and not isinstance(arrived[number], Delivered):  # what a client sent stays
            number += 1
        self._shortened[fact.destination] = number
        if number == len(arrived) or arrived[number] is not fact:
            return  # a test has thrown it away
        report = arrived[number] = ReportSummary.of(fact, place)
        kind, _, name = fact.destination.partition(":")
        if kind == "queue" and name in self.queues:
            self.queues[name].shorten(report)

    def apply(self, fact: MailFact) -> None:
        """Take over one fact."""
        kind, _, name = fact.destination.partition(":")
        if isinstance(fact, MessageSent):
            self.deliver(fact)
        elif isinstance(fact, Cleared):
            self.arrived.get(fact.destination, []).clear()
            self._shortened.pop(fact.destination, None)
            if name in self.queues and kind == "queue":
                self.queues[name].clear()
        elif kind == "queue":
            self._apply_to_queue(self.queue(name, fact.at if isinstance(fact, QueueSet) else None), fact)
        else:
            self._apply_to_topic(self.topic(name, fact.at if isinstance(fact, TopicSet) else None), fact)

    @staticmethod
    def _apply_to_queue(queue: Queue, fact: MailFact) -> None:
        match fact:
            case QueueSet():
                queue.set(
                    QueueAttributes(
                        fact.visibility_timeout,
                        fact.delay_seconds,
                        fact.retention_seconds,
                        fact.maximum_bytes,
                        fact.polling_wait_seconds,
                        fact.logging,
                    ),
                    fact.at,
                )
            case MessageReceived():
                queue.receive(fact.message_id, fact.until, fact.at)
            case VisibilityChanged():
                queue.hide(fact.message_id, fact.until)
            case MessageDeleted():
                queue.delete(fact.message_id)
            case Dropped():
                queue.drop()

    @staticmethod
    def _apply_to_topic(topic: Topic, fact: MailFact) -> None:
        match fact:
            case TopicSet():
                topic.set(fact)
            case Subscribed():
                topic.subscribe(fact)
            case Unsubscribed():
                topic.subscriptions.pop(fact.subscription, None)
            case Dropped():
                topic.drop()


def pushed(topic: Topic, subscription: Subscription, arrival: Arrival, account: Account) -> bytes:
    """What a subscribed queue gets of a message, in the subscription's format.

    Source: MNS's documents, "Notification formats", for HTTP endpoints. ASSUMED: queues get the same.
    """
    if subscription.content_format == "SIMPLIFIED":
        return arrival.body
    fields: dict[str, object] = {
        "TopicOwner": account.id,
        "TopicName": topic.name,
        "Subscriber": account.id,
        "SubscriptionName": subscription.name,
        "MessageId": arrival.message_id,
        "MessageMD5": body_md5(arrival.body),
        "Message": arrival.body.decode("utf-8", "replace"),
    }
    if isinstance(arrival, MessageSent) and arrival.tag:
        fields["MessageTag"] = arrival.tag
    fields["PublishTime"] = milliseconds(arrival.at)
    if subscription.content_format == "JSON":
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    inside = "".join(f"<{name}>{xml_text(str(text))}</{name}>" for name, text in fields.items())
    return f'<?xml version="1.0" encoding="utf-8"?><Notification xmlns="{XMLNS}">{inside}</Notification>'.encode()


def milliseconds(at: datetime) -> int:
    """MNS's form of an instant: milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def body_md5(body: bytes) -> str:
    """MNS's checksum of a message."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest().upper()


def xml_text(text: str) -> str:
    """``text`` as it stands in XML: what XML has no sign for is replaced, and line ends survive the reader."""
    allowed = (
        text
        if text.isascii() and text.isprintable()
        else "".join(sign if _is_in_xml(sign) else "\ufffd" for sign in text)
    )
    return allowed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _is_in_xml(sign: str) -> bool:
    return sign in "\t\n\r" or "\x20" <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign >= "\U00010000"
