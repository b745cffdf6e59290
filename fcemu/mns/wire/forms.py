"""Pure functions turn MNS's documents into the emulator's queues, topics and messages, and back."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from fcemu.core.names import Account, is_name
from fcemu.core.times import milliseconds
from fcemu.mns.errors import MNSError, check_between, invalid
from fcemu.mns.facts import MessageSent, Properties
from fcemu.mns.mail import Sending
from fcemu.mns.queue import DEFAULT_PRIORITY, Message, Queue, Received
from fcemu.mns.resource import Resource
from fcemu.mns.topic import TOPIC_RETENTION, Subscription, Topic
from fcemu.mns.xml import Element, Fields, body_md5

_QUEUE_ENDPOINT: Final = re.compile(r"acs:mns:[^:]*:[^:]*:/?queues/([^/]+)")
_PROPERTY_KINDS: Final = {"UserProperties": "PropertyValue", "SystemProperties": "SystemPropertyValue"}
_PAGE: Final = 1000


def whole(name: str, text: str) -> int:
    """A whole number; raises ``MNSError``."""
    found = text.strip()
    if not (found.lstrip("-").isascii() and found.lstrip("-").isdigit() and len(found) < 19):
        raise invalid(f"{name}: expected a whole number, got {text!r}")
    return int(found)


def _flag(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise invalid(f"{name}: expected True or False, got {text!r}")
    return word == "true"


# Lists.


def page(names: list[str], headers: Mapping[str, str]) -> tuple[list[str], str]:
    """The names that a request for a list is about, and the marker of the next page, ``""`` for none.

    ``names`` are sorted. Raises ``MNSError``.
    """
    number = headers.get("x-mns-ret-number")
    at_most = _PAGE if number is None else whole("x-mns-ret-number", number)
    check_between("x-mns-ret-number", at_most, 1, _PAGE)
    prefix, marker = headers.get("x-mns-prefix", ""), headers.get("x-mns-marker", "")
    chosen = [name for name in names if name.startswith(prefix) and name >= marker]
    return chosen[:at_most], chosen[at_most] if len(chosen) > at_most else ""


# Queues and topics.


def attributes(document: Element, bounds: Mapping[str, tuple[str, int, int]]) -> dict[str, Any]:
    """Which attributes of a queue or topic a document sets. ``bounds``: the numbers that there are among them. Raises
    ``MNSError``."""
    given: dict[str, Any] = {
        field: whole(name, text) for field, (name, _, _) in bounds.items() if (text := document.get(name)) is not None
    }
    if (logging := document.get("LoggingEnabled")) is not None:
        given["logging"] = _flag("LoggingEnabled", logging)
    return given


def of_queue(queue: Queue, now: datetime) -> Fields:
    """A queue's attributes; instants in seconds since 1970."""
    counts = queue.counts(now)
    return [
        *_of_resource(queue),
        ("ActiveMessages", counts.active),
        ("InactiveMessages", counts.inactive),
        ("DelayMessages", counts.delayed),
        ("LoggingEnabled", str(queue.attributes.logging)),
    ]


def of_topic(topic: Topic, now: datetime) -> Fields:
    """A topic's attributes; instants in seconds since 1970."""
    return [
        *_of_resource(topic),
        ("MessageRetentionPeriod", int(TOPIC_RETENTION.total_seconds())),
        ("MessageCount", topic.kept(now)),
        ("LoggingEnabled", str(topic.attributes.logging)),
    ]


def _of_resource(one: Resource[Any]) -> Fields:
    numbers: Fields = [(name, getattr(one.attributes, field)) for field, (name, _, _) in one.BOUNDS.items()]
    return [(f"{one.WORD.capitalize()}Name", one.name), *_times(one.created, one.modified), *numbers]


def _times(created: datetime, modified: datetime) -> Fields:
    return [("CreateTime", int(created.timestamp())), ("LastModifyTime", int(modified.timestamp()))]


# Messages.


def sending(document: Element) -> Sending:
    """A message that a client sends or publishes; the body stays as it came, also where it is base64.

    Raises ``MNSError``.
    """
    delay, priority = document.get("DelaySeconds"), document.get("Priority")
    return Sending(
        body=(document.get("MessageBody") or "").encode(),
        delay_seconds=None if delay is None else whole("DelaySeconds", delay),
        priority=DEFAULT_PRIORITY if priority is None else whole("Priority", priority),
        tag=document.get("MessageTag") or "",
        group=document.get("MessageGroupId") or "",
        properties=_properties(document),
    )


def _properties(document: Element) -> Properties:
    return tuple(
        (kind, one.get("Name") or "", one.get("Type") or "", one.get("Value") or "")
        for kind, item in _PROPERTY_KINDS.items()
        for there in document.all(kind)
        for one in there.all(item)
    )


def _of_properties(properties: Properties) -> Fields:
    found: Fields = []
    for kind, item in _PROPERTY_KINDS.items():
        inside: Fields = [
            (item, [("Name", name), ("Value", value), ("Type", type_)])
            for which, name, type_, value in properties
            if which == kind
        ]
        if inside:
            found.append((kind, inside))
    return found


def of_sent(sent: Received | MessageSent) -> Fields:
    """What the sender or publisher of a message gets; one that waits in a queue for its time can be deleted or hastened
    by its receipt handle."""
    handle: Fields = [("ReceiptHandle", sent.handle)] if isinstance(sent, Received) and sent.visible > sent.at else []
    return [
        ("MessageId", sent.message_id),
        ("MessageBodyMD5", body_md5(sent.body)),
        *handle,
        ("MessageGroupId", sent.group),
    ]


def of_message(message: Received, *, peeked: bool) -> Fields:
    """A message as a consumer gets it; who only looks gets no receipt handle. Instants in milliseconds since 1970.

    ASSUMED: fcemu gives the time of sending as ``FirstDequeueTime`` of a message that no consumer has received yet.
    """
    held: Fields = [("ReceiptHandle", message.handle), ("NextVisibleTime", milliseconds(message.visible))]
    return [
        ("MessageId", message.message_id),
        *([] if peeked else held),
        ("MessageBody", message.body.decode("utf-8", "replace")),
        ("MessageBodyMD5", body_md5(message.body)),
        ("EnqueueTime", milliseconds(message.at)),
        ("FirstDequeueTime", milliseconds(message.first_dequeued or message.at)),
        ("DequeueCount", message.dequeue_count),
        ("Priority", message.priority),
        ("MessageGroupId", message.group),
        *_of_properties(message.properties),
    ]


def of_visibility(changed: Message) -> Fields:
    """What a consumer gets that changed a message's visibility: the old receipt handle is not valid any more."""
    return [("ReceiptHandle", changed.handle), ("NextVisibleTime", milliseconds(changed.visible))]


def of_error(refused: MNSError) -> Fields:
    """What was wrong with one of several messages."""
    return [("ErrorCode", refused.code), ("ErrorMessage", refused.message)]


# Subscriptions.


def subscription(name: str, document: Element) -> Subscription:
    """A subscription that a client asks for; raises ``MNSError`` for what is no queue."""
    endpoint = document.get("Endpoint") or ""
    found = _QUEUE_ENDPOINT.fullmatch(endpoint)
    if found is None or not is_name(found[1]):
        raise MNSError(
            "EndpointInvalid",
            f"{endpoint!r} is not an endpoint to which the emulator pushes; write acs:mns:REGION:ACCOUNT:queues/NAME",
        )
    plain = Subscription(name, found[1], document.get("FilterTag") or "")
    strategy, content_format = document.get("NotifyStrategy"), document.get("NotifyContentFormat")
    return replace(plain, strategy=strategy or plain.strategy, content_format=content_format or plain.content_format)


def of_subscription(topic: str, found: Subscription, account: Account) -> Fields:
    """A subscription; instants in seconds since 1970."""
    return [
        ("TopicOwner", account.id),
        ("TopicName", topic),
        ("SubscriptionName", found.name),
        ("Endpoint", f"acs:mns:{account.region}:{account.id}:queues/{found.queue}"),
        ("FilterTag", found.filter_tag),
        ("NotifyStrategy", found.strategy),
        ("NotifyContentFormat", found.content_format),
        *_times(found.created, found.modified),
    ]
