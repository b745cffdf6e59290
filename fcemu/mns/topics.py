"""What MNS does with topics, in the words of its API."""

from collections.abc import Callable
from dataclasses import astuple, replace
from datetime import datetime
from typing import Final

from fcemu.core.mail_facts import Dropped, MessageSent, Subscribed, TopicSet, Unsubscribed
from fcemu.core.names import is_name
from fcemu.core.times import later
from fcemu.core.values import dataclass
from fcemu.mns.errors import (
    InvalidMNSArgument,
    SubscriptionAlreadyExist,
    SubscriptionNameInvalid,
    SubscriptionNotExist,
    TopicAlreadyExist,
    TopicNameInvalid,
)
from fcemu.mns.mail import Mail, Sending
from fcemu.mns.mailboxes import CONTENT_FORMATS, LONGEST_TAG, STRATEGIES, TOPIC_RETENTION, Subscription, TopicAttributes
from fcemu.mns.queue import check_between


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """A topic and its state at one moment. ``kept``: how many messages it still has."""

    name: str
    created: datetime
    modified: datetime
    attributes: TopicAttributes
    kept: int
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription as a client asks for it."""

    name: str
    queue: str
    filter_tag: str = ""
    strategy: str = STRATEGIES[0]
    content_format: str = CONTENT_FORMATS[0]

    @classmethod
    def of(cls, there: Subscription) -> "Wanted":
        """As it was asked for."""
        return cls(there.name, there.queue, there.filter_tag, there.strategy, there.content_format)


Change = Callable[[TopicAttributes], TopicAttributes]


class Topics:
    """The MNS topics. Methods may be called from any thread and raise ``MNSError``."""

    def __init__(self, mail: Mail) -> None:
        self._mail: Final = mail
        self._baton: Final = mail.baton
        self._note: Final = mail.journal.note

    def names(self) -> list[str]:
        """All topics, sorted."""
        with self._baton:
            return self._mail.names("topic")

    def show(self, name: str) -> TopicSeen:
        """A topic with its attributes and subscriptions."""
        with self._baton:
            topic, now = self._mail.topic(name), self._mail.now()
            published = self._mail.state.arrived.get(f"topic:{name}", ())
            kept = sum(now < later(arrival.at, TOPIC_RETENTION) for arrival in published)
            subscriptions = tuple(topic.subscriptions.values())
            return TopicSeen(name, topic.created, topic.modified, topic.attributes, kept, subscriptions)

    def create(self, name: str, change: Change) -> bool:
        """Make a topic with what ``change`` makes of the default attributes; whether it is new.

        One that exists has to have the same attributes, else ``TopicAlreadyExist``.
        """
        if not is_name(name):
            raise TopicNameInvalid(f"{name!r} cannot name a topic; write letters, digits and hyphens, a letter first")
        wanted = _checked(change(TopicAttributes()))
        with self._baton:
            if not self._mail.has_topic(name):
                self._set(name, wanted)
                return True
            if self._mail.topic(name).attributes != wanted:
                raise TopicAlreadyExist(f"the topic {name!r} exists with other attributes")
            return False

    def change(self, name: str, change: Change) -> None:
        """Give a topic what ``change`` makes of its attributes."""
        with self._baton:
            self._set(name, _checked(change(self._mail.topic(name).attributes)))

    def drop(self, name: str) -> None:
        """Delete a topic and its subscriptions. One that there is not is deleted already."""
        with self._baton:
            if self._mail.has_topic(name):
                self._note(Dropped(self._mail.now(), "", f"topic:{name}"))

    def _set(self, name: str, wanted: TopicAttributes) -> None:
        self._note(TopicSet(self._mail.now(), "", f"topic:{name}", wanted.maximum_bytes, wanted.logging))

    def publish(self, name: str, sending: Sending) -> MessageSent:
        """Publish a message: the topic's subscribed queues get it."""
        with self._baton:
            most = self._mail.topic(name).attributes.maximum_bytes
            if len(sending.body) > most:
                raise InvalidMNSArgument(f"the message has {len(sending.body)} bytes, the topic {name!r} takes {most}")
            return self._mail.put(f"topic:{name}", sending, 0, self._mail.now())

    # Subscriptions.

    def subscription(self, topic: str, name: str) -> Subscription:
        """One of them; raises ``SubscriptionNotExist``."""
        with self._baton:
            return self._subscription(topic, name)

    def subscribe(self, topic: str, wanted: Wanted) -> bool:
        """Let a queue have what is published from now on; whether the subscription is new. One that exists has to be
        the same, else ``SubscriptionAlreadyExist``."""
        if not is_name(wanted.name):
            raise SubscriptionNameInvalid(f"{wanted.name!r} cannot name a subscription")
        _check(wanted)
        with self._baton:
            there = self._mail.topic(topic).subscriptions.get(wanted.name)
            if there is None:
                self._note_subscription(topic, wanted)
                return True
            if Wanted.of(there) != wanted:
                raise SubscriptionAlreadyExist(
                    f"the topic {topic!r} has a subscription {wanted.name!r} with other attributes"
                )
            return False

    def change_subscription(self, topic: str, name: str, strategy: str) -> None:
        """Give a subscription another strategy of retries: MNS lets nothing else be changed."""
        with self._baton:
            wanted = replace(Wanted.of(self._subscription(topic, name)), strategy=strategy)
            _check(wanted)
            self._note_subscription(topic, wanted)

    def unsubscribe(self, topic: str, name: str) -> None:
        """End a subscription. One that there is not has ended already."""
        with self._baton:
            if name in self._mail.topic(topic).subscriptions:
                self._note(Unsubscribed(self._mail.now(), "", f"topic:{topic}", name))

    def _subscription(self, topic: str, name: str) -> Subscription:
        found = self._mail.topic(topic).subscriptions.get(name)
        if found is None:
            raise SubscriptionNotExist(topic, name)
        return found

    def _note_subscription(self, topic: str, wanted: Wanted) -> None:
        self._note(Subscribed(self._mail.now(), "", f"topic:{topic}", *astuple(wanted)))


def _checked(attributes: TopicAttributes) -> TopicAttributes:
    check_between("MaximumMessageSize", attributes.maximum_bytes, 1024, 65_536)
    return attributes


def _check(wanted: Wanted) -> None:
    if len(wanted.filter_tag) > LONGEST_TAG:
        raise InvalidMNSArgument(f"FilterTag: expected at most {LONGEST_TAG} characters, found {wanted.filter_tag!r}")
    if wanted.strategy not in STRATEGIES:
        raise InvalidMNSArgument(f"NotifyStrategy: expected {' or '.join(STRATEGIES)}, found {wanted.strategy!r}")
    if wanted.content_format not in CONTENT_FORMATS:
        raise InvalidMNSArgument(
            f"NotifyContentFormat: expected {' or '.join(CONTENT_FORMATS)}, found {wanted.content_format!r}"
        )
