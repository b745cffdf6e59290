"""A fold of facts has all that was delivered, by destination, and the queues and topics that took it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

from fcemu.core.facts import Delivered, MailFact
from fcemu.mns.facts import (
    Arrival,
    Arrived,
    Cleared,
    Dropped,
    MessageDeleted,
    MessageReceived,
    MessageSent,
    QueueSet,
    ReportSummary,
    Subscribed,
    TopicSet,
    Unsubscribed,
    VisibilityChanged,
)
from fcemu.mns.queue import Queue
from fcemu.mns.resource import Resource
from fcemu.mns.topic import Subscription, Topic

R = TypeVar("R", bound=Resource[Any])
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Mailboxes:
    """What arrived at each destination (``queue:declined``), and what consumers made of it since.

    Queues and topics are there once they are asked for: whether a client may use them is decided in ``mail.py``.
    """

    def __init__(self, since: datetime = _LONG_AGO) -> None:
        """``since``: when those were made that no client made."""
        self.arrived: Final[dict[str, list[Arrived]]] = {}
        """All messages that arrived at an address since a test threw them away."""
        self._shortened: Final[dict[str, int]] = {}
        """How many of those at each address, from the first on, have left memory or stay there whole."""
        self.resources: Final[dict[str, Resource[Any]]] = {}
        """The queues and topics by their addresses."""
        self.dropped: Final[set[str]] = set()
        """The addresses of those that a client deleted, and that were not made again."""
        self._since: Final = since

    def folds(self) -> Mapping[type[Any], Callable[[Any], None]]:
        """What takes over a fact, by its kind."""
        return {
            Delivered: self._arrive,
            MessageSent: self._arrive,
            MessageReceived: self._receive,
            VisibilityChanged: self._hide,
            MessageDeleted: self._delete,
            QueueSet: self._set,
            TopicSet: self._set,
            Subscribed: self._subscribe,
            Unsubscribed: self._unsubscribe,
            Dropped: self._drop,
            Cleared: self._clear,
        }

    def resource(self, kind: type[R], name: str, made: datetime | None = None) -> R:
        """The queue or topic of that name."""
        address = kind.address_of(name)
        there = self.resources.get(address)
        if there is None:
            there = self.resources[address] = kind(name, made or self._since, self.arrived.setdefault(address, []))
        return cast(R, there)

    def shorten(self, fact: Delivered, place: int) -> None:
        """The body of a report leaves memory, because the fact at this place in the journal is kept elsewhere. To be
        called for one report after the other, in the order in which they were delivered."""
        address = fact.destination
        arrived = self.arrived.get(address, [])
        number = self._shortened.get(address, 0)
        while number < len(arrived) and not isinstance(arrived[number], Delivered):  # what a client sent stays
            number += 1
        self._shortened[address] = number
        if number == len(arrived) or arrived[number] is not fact:
            return  # a test has thrown it away
        report = arrived[number] = ReportSummary.of(fact, place)
        there = self.resources.get(address)
        if isinstance(there, Queue):
            there.shorten(report)

    def waiting(self, now: datetime) -> set[str]:
        """The ids of all messages that a consumer may still get."""
        queues = [address.partition(":") for address in self.arrived if address not in self.dropped]
        names = [name for kind, _, name in queues if kind == Queue.WORD]
        return {message.message_id for name in names for message in self.resource(Queue, name).waiting(now)}

    # What facts do.

    def _arrive(self, fact: Arrival) -> None:
        if not fact.destination.startswith("function:"):
            self.arrived.setdefault(fact.destination, []).append(fact)

    def _clear(self, fact: Cleared) -> None:
        self.arrived.setdefault(fact.destination, []).clear()
        self._shortened.pop(fact.destination, None)
        there = self.resources.get(fact.destination)
        if isinstance(there, Queue):
            there.clear()

    def _set(self, fact: QueueSet | TopicSet) -> None:
        kind: type[Resource[Any]] = Queue if isinstance(fact, QueueSet) else Topic
        there = self.resource(kind, _name(fact), fact.at)
        if fact.destination in self.dropped:
            self.dropped.discard(fact.destination)
            if isinstance(there, Queue):
                there.skip()
        there.set(fact)

    def _drop(self, fact: Dropped) -> None:
        """What arrived there stays on record."""
        self.resources.pop(fact.destination, None)
        self.dropped.add(fact.destination)

    def _receive(self, fact: MessageReceived) -> None:
        self.resource(Queue, _name(fact)).receive(fact.message_id, fact.until, fact.at)

    def _hide(self, fact: VisibilityChanged) -> None:
        self.resource(Queue, _name(fact)).hide(fact.message_id, fact.until)

    def _delete(self, fact: MessageDeleted) -> None:
        self.resource(Queue, _name(fact)).delete(fact.message_id)

    def _subscribe(self, fact: Subscribed) -> None:
        there = self.resource(Topic, _name(fact)).subscriptions
        before = there.get(fact.subscription)
        created = fact.at if before is None else before.created
        wanted = (fact.queue, fact.filter_tag, fact.strategy, fact.content_format)
        there[fact.subscription] = Subscription(fact.subscription, *wanted, created, fact.at)

    def _unsubscribe(self, fact: Unsubscribed) -> None:
        self.resource(Topic, _name(fact)).subscriptions.pop(fact.subscription, None)


def _name(fact: MailFact) -> str:
    return fact.destination.partition(":")[2]
