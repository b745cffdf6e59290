"""MNS publishes messages and keeps subscriptions here, in the words of its API."""

from dataclasses import replace

from fcemu.core.names import is_name
from fcemu.mns.collection import Collection
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import MessageSent, Subscribed, Unsubscribed
from fcemu.mns.mail import Mail, Sending
from fcemu.mns.topic import Subscription, Topic


class Topics(Collection[Topic]):
    """The MNS topics. Methods may be called from any thread and raise ``MNSError``."""

    def __init__(self, mail: Mail) -> None:
        super().__init__(Topic, mail)

    def publish(self, name: str, sending: Sending) -> MessageSent:
        """Publish a message: the topic's subscribed queues get it."""
        with self._baton:
            self._find(name).check_size(sending.body)
            return self._mail.put(Topic.address_of(name), sending, 0, self._mail.now())

    # Subscriptions.

    def subscription(self, topic: str, name: str) -> Subscription:
        """One of them."""
        with self._baton:
            return self._subscription(topic, name)

    def subscribe(self, topic: str, wanted: Subscription) -> bool:
        """Let a queue have what is published from now on; whether the subscription is new. One that exists has to be
        the same, else an error says so."""
        if not is_name(wanted.name):
            raise MNSError("SubscriptionNameInvalid", f"{wanted.name!r} is not a valid subscription name")
        wanted.check()
        with self._baton:
            there = self._find(topic).subscriptions.get(wanted.name)
            if there is None:
                self._note_subscription(topic, wanted)
            elif there != wanted:
                text = f"the topic {topic!r} has a subscription {wanted.name!r} with other attributes"
                raise MNSError("SubscriptionAlreadyExist", text)
            return there is None

    def change_subscription(self, topic: str, name: str, strategy: str) -> None:
        """Give a subscription another strategy of retries: MNS lets nothing else be changed."""
        with self._baton:
            wanted = replace(self._subscription(topic, name), strategy=strategy)
            wanted.check()
            self._note_subscription(topic, wanted)

    def unsubscribe(self, topic: str, name: str) -> None:
        """End a subscription. One that there is not has ended already."""
        with self._baton:
            if name in self._find(topic).subscriptions:
                self._note(Unsubscribed(self._mail.now(), "", Topic.address_of(topic), name))

    def _subscription(self, topic: str, name: str) -> Subscription:
        found = self._find(topic).subscriptions.get(name)
        if found is None:
            raise MNSError("SubscriptionNotExist", f"the topic {topic!r} has no subscription {name!r}")
        return found

    def _note_subscription(self, topic: str, wanted: Subscription) -> None:
        asked = (wanted.name, wanted.queue, wanted.filter_tag, wanted.strategy, wanted.content_format)
        self._note(Subscribed(self._mail.now(), "", Topic.address_of(topic), *asked))
