"""Messages arrive here, at queues, topics and buses, on the clock: reports, and what clients send."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final, cast

from fcemu.core.catalog import Catalog
from fcemu.core.destinations import takes_mail
from fcemu.core.events import Published
from fcemu.core.facts import Delivered, Fact, MailFact
from fcemu.core.invocation import Invocation
from fcemu.core.names import Account, is_name
from fcemu.core.times import later
from fcemu.core.triggers import topic_of
from fcemu.core.values import dataclass
from fcemu.engine.ports import Consumers
from fcemu.mns.errors import MNSError, invalid
from fcemu.mns.facts import NO_PROPERTIES, Arrival, Arrived, Cleared, MessageSent, Properties, ReportSummary, tag_of
from fcemu.mns.mailboxes import Mailboxes, R
from fcemu.mns.queue import DEFAULT_PRIORITY, Message, Queue, Received
from fcemu.mns.resource import Resource
from fcemu.mns.topic import Subscription, Topic, pushed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A message that a client sends or publishes. ``delay_seconds`` ``None``: the queue's own."""

    body: bytes
    delay_seconds: int | None = None
    priority: int = DEFAULT_PRIORITY
    tag: str = ""
    group: str = ""
    properties: Properties = NO_PROPERTIES


class Mail:
    """All destinations that take messages. A queue or topic is there when a client made it, a definition names it, or
    something was delivered to it; until a client deletes it.

    From the engine it needs: the instant of a request from outside, how to note a fact and to read facts back that
    have left memory, ids of messages, the consumers that wait on the clock, and what to call when a message has arrived
    at a topic, with the id of the invocation that it reports.
    """

    def __init__(
        self,
        state: Mailboxes,
        *,
        baton: AbstractContextManager[Any],
        now: Callable[[], datetime],
        note: Callable[[MailFact], None],
        read_back: Callable[[Iterable[int]], list[Fact]],
        message_id: Callable[[], str],
        consumers: Consumers,
        published: Callable[[Published, str], None],
        catalog: Catalog,
        account: Account,
    ) -> None:
        self.state: Final = state
        self.baton: Final = baton
        self.now: Final = now
        self.note: Final = note
        self.consumers: Final = consumers
        self._read_back: Final = read_back
        self._message_id: Final = message_id
        self._published: Final = published
        self._catalog: Final = catalog
        self._account: Final = account

    # From any thread.

    def addresses(self) -> list[str]:
        """Queues, topics and buses (``queue:declined``) that a definition names, a client made or that got something,
        in this order."""
        with self.baton:
            return self._addresses()

    def arrived(self, address: str) -> list[Arrival]:
        """All messages ever delivered there, in order, since the last ``clear``; read back where they have left memory,
        which may raise ``StoreError``."""
        with self.baton:
            return self._whole(self.state.arrived.get(address, ()))

    def clear(self, address: str) -> None:
        """Throw away what is there, for consumers and for tests; the facts stay."""
        with self.baton:
            if self.state.arrived.get(address):
                self.note(Cleared(self.now(), "", address))

    # For the engine, with the baton held.

    def refuses(self, destination: str, body: bytes) -> str | None:
        """Why a report cannot be delivered there, if there is a reason."""
        if destination in self.state.dropped:
            return "the {} {!r} was deleted".format(*destination.split(":", 1))
        there = self.state.resources.get(destination)
        if there is not None and len(body) > there.attributes.maximum_bytes:
            return f"the report has {len(body)} bytes, {destination} takes {there.attributes.maximum_bytes}"
        return None

    def arrives(self, arrival: Arrival, _invocation: Invocation | None) -> None:
        """What follows from each message: consumers of a queue may wait for it; a topic pushes it to its subscriptions,
        and then triggers fire that hear of it."""
        kind, _, name = arrival.destination.partition(":")
        if kind == Queue.WORD:
            self.consumers.look(arrival.at)
        elif kind == Topic.WORD:
            topic = self.state.resources.get(arrival.destination)
            if isinstance(topic, Topic):
                for subscription in list(topic.subscriptions.values()):
                    if subscription.wants(arrival):
                        self._push(topic, subscription, arrival)
            message = Published(name, arrival.body, tag_of(arrival), arrival.message_id, arrival.at)
            self._published(message, arrival.request_id)

    # For queues and topics, with the baton held.

    def names(self, kind: type[Resource[Any]]) -> list[str]:
        """All queues or topics, sorted."""
        there = [one.partition(":") for one in self._addresses() if one not in self.state.dropped]
        return sorted(name for word, _, name in there if word == kind.WORD and is_name(name))

    def has(self, kind: type[Resource[Any]], name: str) -> bool:
        """Whether there is such a queue or topic."""
        address = kind.address_of(name)
        return address in self.state.resources or (address not in self.state.dropped and name in self.names(kind))

    def find(self, kind: type[R], name: str) -> R:
        """The queue or topic of that name; raises ``MNSError``."""
        if not self.has(kind, name):
            word = kind.WORD
            wanted = f"create it, or name it as a destination of a function ({word}:{name})"
            raise MNSError(kind.MISSING, f"there is no {word} {name!r}: {wanted}")
        return self.state.resource(kind, name)

    def put(
        self, address: str, sending: Sending, delay_seconds: int, now: datetime, request_id: str = ""
    ) -> MessageSent:
        """A message of a client arrives, or one that a topic pushes. Raises ``MNSError``."""
        if not sending.body:
            raise invalid("MessageBody: expected at least one byte")
        fact = MessageSent(
            now,
            request_id,
            address,
            self._message_id(),
            sending.body,
            later(now, timedelta(seconds=delay_seconds)),
            sending.priority,
            sending.tag,
            sending.group,
            sending.properties,
        )
        self.note(fact)
        return fact

    def seen(self, messages: Iterable[Message]) -> list[Received]:
        """Messages of a queue as they are now, with their bodies. Raises ``StoreError``."""
        several = list(messages)
        whole = self._whole(message.arrival for message in several)
        return [Received(message, arrival.body) for message, arrival in zip(several, whole, strict=True)]

    def _whole(self, arrived: Iterable[Arrived]) -> list[Arrival]:
        """The messages with their bodies; those of reports that have left memory are read back, in one go."""
        several = list(arrived)
        places = [one.place for one in several if isinstance(one, ReportSummary)]
        reports = iter(self._read_back(places) if places else ())
        return [cast(Delivered, next(reports)) if isinstance(one, ReportSummary) else one for one in several]

    def _push(self, topic: Topic, subscription: Subscription, arrival: Arrival) -> None:
        """ASSUMED: fcemu drops a message that a topic pushes to a queue that does not exist, or that takes no message
        of that size, as if the retries of a push were used up."""
        if not self.has(Queue, subscription.queue):
            return
        queue = self.state.resource(Queue, subscription.queue)
        body = pushed(topic, subscription, arrival, self._account)
        if len(body) <= queue.attributes.maximum_bytes:
            address, delay = queue.address_of(queue.name), queue.attributes.delay_seconds
            self.put(address, Sending(body=body), delay, arrival.at, arrival.request_id)

    def _addresses(self) -> list[str]:
        named: dict[str, None] = {}
        for function in self._catalog:
            for asked in self._catalog.asynchronous.each(function.ref):
                for destination in (asked.on_success, asked.on_failure):
                    if takes_mail(destination):
                        named[str(destination)] = None
        heard = (topic_of(trigger) for trigger in self._catalog.triggers.values())
        named |= {Topic.address_of(name): None for name in heard if name is not None}
        named |= dict.fromkeys((*self.state.resources, *self.state.arrived))
        return [one for one in named if one not in self.state.dropped or self.state.arrived.get(one)]
