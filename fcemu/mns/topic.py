"""A topic, as its facts made it, has subscriptions, and says what a subscribed queue gets of a message."""

import json
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from fcemu.core.names import Account
from fcemu.core.times import later, milliseconds
from fcemu.core.values import dataclass
from fcemu.core.wording import either
from fcemu.mns.errors import invalid
from fcemu.mns.facts import Arrival, Arrived, TopicSet, tag_of
from fcemu.mns.resource import Resource
from fcemu.mns.xml import DECLARATION, Fields, body_md5, element

CONTENT_FORMATS: Final = ("XML", "JSON", "SIMPLIFIED")
STRATEGIES: Final = ("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")
LONGEST_TAG: Final = 16
TOPIC_RETENTION: Final = timedelta(days=1)
"""How long a topic keeps what it could not push yet. Source: MNS's documents, "GetTopicAttributes"."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue that gets what is published to a topic. Two are equal when a client asked for the same."""

    name: str
    queue: str
    filter_tag: str = ""
    strategy: str = STRATEGIES[0]
    content_format: str = CONTENT_FORMATS[0]
    created: datetime = field(default=_NEVER, compare=False)
    modified: datetime = field(default=_NEVER, compare=False)

    def wants(self, arrival: Arrival) -> bool:
        """Whether a message passes its filter. ASSUMED: fcemu lets a message without a tag pass no subscription's
        filter."""
        return not self.filter_tag or self.filter_tag == tag_of(arrival)

    def check(self) -> None:
        """Raises ``MNSError`` for what MNS does not take."""
        if len(self.filter_tag) > LONGEST_TAG:
            raise invalid(f"FilterTag: expected at most {LONGEST_TAG} characters, got {self.filter_tag!r}")
        if self.strategy not in STRATEGIES:
            raise invalid(f"NotifyStrategy: expected {either(STRATEGIES)}, got {self.strategy!r}")
        if self.content_format not in CONTENT_FORMATS:
            formats = either(CONTENT_FORMATS)
            raise invalid(f"NotifyContentFormat: expected {formats}, got {self.content_format!r}")


class Topic(Resource[TopicSet]):
    """One MNS topic."""

    WORD = "topic"
    BOUNDS: ClassVar = {"maximum_bytes": ("MaximumMessageSize", 1024, 65_536)}
    FACT = TopicSet
    NAME_INVALID, MISSING, EXISTS = "TopicNameInvalid", "TopicNotExist", "TopicAlreadyExist"

    def __init__(self, name: str, created: datetime, arrived: list[Arrived]) -> None:
        super().__init__(name, created, arrived)
        self.subscriptions: Final[dict[str, Subscription]] = {}

    def kept(self, now: datetime) -> int:
        """How many messages it still has."""
        return sum(now < later(arrival.at, TOPIC_RETENTION) for arrival in self.arrived)


def pushed(topic: Topic, subscription: Subscription, arrival: Arrival, account: Account) -> bytes:
    """What a subscribed queue gets of a message, in the subscription's format.

    Source: MNS's documents, "Notification formats", for HTTP endpoints. ASSUMED: fcemu pushes messages to subscribed
    queues in the formats that MNS documents for HTTP endpoints.
    """
    if subscription.content_format == "SIMPLIFIED":
        return arrival.body
    fields: Fields = [
        ("TopicOwner", account.id),
        ("TopicName", topic.name),
        ("Subscriber", account.id),
        ("SubscriptionName", subscription.name),
        ("MessageId", arrival.message_id),
        ("MessageMD5", body_md5(arrival.body)),
        ("Message", arrival.body.decode("utf-8", "replace")),
        *([("MessageTag", tag)] if (tag := tag_of(arrival)) else []),
        ("PublishTime", milliseconds(arrival.at)),
    ]
    if subscription.content_format == "JSON":
        return json.dumps(dict(fields), ensure_ascii=False, separators=(",", ":")).encode()
    return f"{DECLARATION}{element('Notification', fields)}".encode()
