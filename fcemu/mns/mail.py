"""Where messages arrive: reports and what clients send, at queues, topics and buses, on the clock."""

from datetime import datetime, timedelta
from typing import Final

from fcemu.core.catalog import Catalog
from fcemu.core.destinations import takes_mail
from fcemu.core.mail_facts import NO_PROPERTIES, Cleared, MessageSent, Properties
from fcemu.core.names import Account, is_name
from fcemu.core.times import later
from fcemu.core.triggers import topic_of
from fcemu.core.values import dataclass
from fcemu.engine.baton import Baton
from fcemu.engine.chance import Chance
from fcemu.engine.clock import Clock
from fcemu.engine.journal import Journal
from fcemu.engine.movers import Movers
from fcemu.mns.errors import InvalidMNSArgument, QueueNotExist, TopicNotExist
from fcemu.mns.mailboxes import Subscription, Topic, pushed
from fcemu.mns.queue import DEFAULT_PRIORITY, Arrival, Queue


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
    """

    def __init__(
        self,
        *,
        baton: Baton,
        clock: Clock,
        catalog: Catalog,
        journal: Journal,
        chance: Chance,
        movers: Movers,
        account: Account,
    ) -> None:
        self.baton: Final = baton
        self.journal: Final = journal
        self.movers: Final = movers
        self.state: Final = journal.mail
        self._clock: Final = clock
        self._catalog: Final = catalog
        self._chance: Final = chance
        self._account: Final = account

    # From any thread.

    def addresses(self) -> list[str]:
        """Queues, topics and buses (``queue:declined``) that a definition names, a client made or that got something,
        in this order."""
        with self.baton:
            return self._addresses()

    def arrived(self, address: str) -> list[Arrival]:
        """All messages ever delivered there, in order, since the last ``clear``; read from the store where they have
        left memory."""
        with self.baton:
            return self.journal.whole_messages(self.state.arrived.get(address, ()))

    def clear(self, address: str) -> None:
        """Throw away what is there, for consumers and for tests; the facts stay."""
        with self.baton:
            if self.state.arrived.get(address):
                self.journal.note(Cleared(self.now(), "", address))

    # With the baton held.

    def now(self) -> datetime:
        """The instant of a request from outside."""
        return self._clock.shown()

    def names(self, kind: str) -> list[str]:
        """All MNS queues (``"queue"``) or topics (``"topic"``), sorted."""
        there = (address.partition(":") for address in self._addresses() if self._dropped(address) is None)
        return sorted(name for which, _, name in there if which == kind and is_name(name))

    def queue(self, name: str) -> Queue:
        """The queue of that name; raises ``QueueNotExist``."""
        if not self.has_queue(name):
            raise QueueNotExist(name)
        self.state.since = self._clock.started
        return self.state.queue(name)

    def topic(self, name: str) -> Topic:
        """The topic of that name; raises ``TopicNotExist``."""
        if not self.has_topic(name):
            raise TopicNotExist(name)
        self.state.since = self._clock.started
        return self.state.topic(name)

    def has_queue(self, name: str) -> bool:
        """Whether there is such a queue."""
        queue = self.state.queues.get(name)
        return not queue.dropped if queue is not None else name in self.names("queue")

    def has_topic(self, name: str) -> bool:
        """Whether there is such a topic."""
        topic = self.state.topics.get(name)
        return not topic.dropped if topic is not None else name in self.names("topic")

    def refuses(self, destination: str, body: bytes) -> str | None:
        """Why a report cannot be delivered there, if there is a reason."""
        dropped = self._dropped(destination)
        if dropped is not None:
            return f"{dropped} was deleted"
        there = self._there(destination)
        if there is not None and len(body) > there.attributes.maximum_bytes:
            return f"the report has {len(body)} bytes, {destination} takes {there.attributes.maximum_bytes}"
        return None

    def put(
        self, address: str, sending: Sending, delay_seconds: int, now: datetime, request_id: str = ""
    ) -> MessageSent:
        """A message of a client arrives, or one that a topic pushes. Raises ``InvalidMNSArgument``."""
        if not sending.body:
            raise InvalidMNSArgument("MessageBody: expected at least one byte")
        fact = MessageSent(
            now,
            request_id,
            address,
            self._chance.message_id(),
            sending.body,
            later(now, timedelta(seconds=delay_seconds)),
            sending.priority,
            sending.tag,
            sending.group,
            sending.properties,
        )
        self.journal.note(fact)
        return fact

    def serve(self, now: datetime) -> None:
        """There may be something new for those who wait for messages."""
        polls = self.movers.polls
        if polls:
            polls.serve(now)
        if polls:
            self.movers.pursue()  # when the next one becomes visible may have changed

    def arrives(self, arrival: Arrival, _invocation: object) -> None:
        """A message has arrived somewhere: a topic passes it on, and consumers of a queue may wait for it."""
        kind, _, name = arrival.destination.partition(":")
        if kind == "topic" and (topic := self.state.topics.get(name)) is not None:
            for subscription in list(topic.subscriptions.values()):
                if subscription.wants(arrival):
                    self._push(topic, subscription, arrival)
        if kind == "queue":
            self.serve(arrival.at)

    def _push(self, topic: Topic, subscription: Subscription, arrival: Arrival) -> None:
        """ASSUMED: what is pushed to a queue that there is not, or that takes no message of that size, is lost, as
        when the retries of a push are used up."""
        if not self.has_queue(subscription.queue):
            return
        attributes = self.queue(subscription.queue).attributes
        body = pushed(topic, subscription, arrival, self._account)
        if len(body) <= attributes.maximum_bytes:
            address = f"queue:{subscription.queue}"
            self.put(address, Sending(body=body), attributes.delay_seconds, arrival.at, arrival.request_id)

    def _addresses(self) -> list[str]:
        named: dict[str, None] = {}
        for function in self._catalog:
            for asked in self._catalog.async_of(function.ref).values():
                for destination in (asked.on_success, asked.on_failure):
                    if takes_mail(destination):
                        named[str(destination)] = None
        named |= {f"topic:{topic}": None for each in self._catalog.all_triggers() if (topic := topic_of(each))}
        named |= {f"queue:{name}": None for name in self.state.queues}
        named |= {f"topic:{name}": None for name in self.state.topics}
        named |= {address: None for address in self.state.arrived if not address.startswith("function:")}
        return [one for one in named if self._dropped(one) is None or self.state.arrived.get(one)]

    def _dropped(self, address: str) -> str | None:
        """What was deleted, if that is so."""
        there = self._there(address)
        return "the {} {!r}".format(*address.split(":", 1)) if there is not None and there.dropped else None

    def _there(self, address: str) -> Queue | Topic | None:
        """The queue or topic of that address, if somebody has touched it."""
        kind, _, name = address.partition(":")
        if kind == "queue":
            return self.state.queues.get(name)
        return self.state.topics.get(name) if kind == "topic" else None
