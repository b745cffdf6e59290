"""MNS's documents <-> the emulator's queues, topics and messages. Pure functions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fcemu.core.mail_facts import MessageSent, Properties
from fcemu.core.names import Account, is_name
from fcemu.mns.errors import EndpointInvalid, InvalidMNSArgument, MNSError
from fcemu.mns.mail import Sending
from fcemu.mns.mailboxes import Subscription, TopicAttributes, body_md5, milliseconds
from fcemu.mns.queue import BOUNDS, DEFAULT_PRIORITY, QueueAttributes, Received, check_between
from fcemu.mns.queues import QueueSeen
from fcemu.mns.topics import TopicSeen, Wanted
from fcemu.mns.wire.xml import Element, Fields

if TYPE_CHECKING:
    from fcemu.mns.wire.routes import Call

_QUEUE_ENDPOINT: Final = re.compile(r"acs:mns:[^:]*:[^:]*:/?queues/([^/]+)")
_PROPERTY_KINDS: Final = {"UserProperties": "PropertyValue", "SystemProperties": "SystemPropertyValue"}
_PAGE: Final = 1000


def whole(name: str, text: str) -> int:
    """A whole number; raises ``InvalidMNSArgument``."""
    found = text.strip()
    if not (found.lstrip("-").isascii() and found.lstrip("-").isdigit() and len(found) < 19):
        raise InvalidMNSArgument(f"{name}: expected a whole number, found {text!r}")
    return int(found)


def _flag(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise InvalidMNSArgument(f"{name}: expected True or False, found {text!r}")
    return word == "true"


# Lists.


def page(names: list[str], headers: Mapping[str, str]) -> tuple[list[str], str]:
    """The names that a request for a list is about, and the marker of the next page, ``""`` for none.

    ``names`` are sorted. Raises ``InvalidMNSArgument``.
    """
    number = headers.get("x-mns-ret-number")
    at_most = _PAGE if number is None else whole("x-mns-ret-number", number)
    check_between("x-mns-ret-number", at_most, 1, _PAGE)
    prefix, marker = headers.get("x-mns-prefix", ""), headers.get("x-mns-marker", "")
    chosen = [name for name in names if name.startswith(prefix) and name >= marker]
    return chosen[:at_most], chosen[at_most] if len(chosen) > at_most else ""


def with_meta(call: "Call") -> bool:
    """Whether a list should have the attributes as well."""
    return call.request.headers.get("x-mns-with-meta", "").lower() == "true"


# Queues.


def queue_change(document: Element) -> Callable[[QueueAttributes], QueueAttributes]:
    """What a document sets of a queue; the rest stays. Raises ``InvalidMNSArgument``."""
    given: dict[str, Any] = {
        field: whole(name, text) for field, (name, _, _) in BOUNDS.items() if (text := document.get(name)) is not None
    }
    logging = document.get("LoggingEnabled")
    logs = None if logging is None else _flag("LoggingEnabled", logging)

    def change(attributes: QueueAttributes) -> QueueAttributes:
        changed = replace(attributes, **given)
        return changed if logs is None else replace(changed, logging=logs)

    return change


def of_queue(queue: QueueSeen) -> Fields:
    """A queue's attributes; instants in seconds since 1970."""
    numbers: Fields = [(name, getattr(queue.attributes, field)) for field, (name, _, _) in BOUNDS.items()]
    return [
        ("QueueName", queue.name),
        ("CreateTime", int(queue.created.timestamp())),
        ("LastModifyTime", int(queue.modified.timestamp())),
        *numbers,
        ("ActiveMessages", queue.counts.active),
        ("InactiveMessages", queue.counts.inactive),
        ("DelayMessages", queue.counts.delayed),
        ("LoggingEnabled", str(queue.attributes.logging)),
    ]


# Messages.


def sending(document: Element) -> Sending:
    """A message that a client sends or publishes; the body stays as it came, also where it is base64.

    Raises ``InvalidMNSArgument``.
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


def of_sent(sent: Received) -> Fields:
    """What the sender of a message gets; a delayed one can be deleted or hastened by its receipt handle."""
    handle: Fields = [("ReceiptHandle", sent.handle)] if sent.visible > sent.at else []
    return [("MessageId", sent.id), ("MessageBodyMD5", body_md5(sent.body)), *handle, ("MessageGroupId", sent.group)]


def of_published(sent: MessageSent) -> Fields:
    """What the publisher of a message gets."""
    return [
        ("MessageId", sent.message_id),
        ("MessageBodyMD5", body_md5(sent.body)),
        ("MessageGroupId", sent.group),
    ]


def of_message(message: Received, *, peeked: bool) -> Fields:
    """A message as a consumer gets it; who only looks gets no receipt handle. Instants in milliseconds since 1970.

    ASSUMED: ``FirstDequeueTime`` of a message that nobody received yet is when it was sent.
    """
    held: Fields = [("ReceiptHandle", message.handle), ("NextVisibleTime", milliseconds(message.visible))]
    return [
        ("MessageId", message.id),
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


def of_visibility(changed: Received) -> Fields:
    """What a consumer gets that changed a message's visibility: the old receipt handle is not valid any more."""
    return [("ReceiptHandle", changed.handle), ("NextVisibleTime", milliseconds(changed.visible))]


def of_error(refused: MNSError) -> Fields:
    """What was wrong with one of several messages."""
    return [("ErrorCode", refused.code), ("ErrorMessage", refused.message)]


# Topics.


def topic_change(document: Element) -> Callable[[TopicAttributes], TopicAttributes]:
    """What a document sets of a topic; the rest stays. Raises ``InvalidMNSArgument``."""
    size, logging = document.get("MaximumMessageSize"), document.get("LoggingEnabled")

    def change(attributes: TopicAttributes) -> TopicAttributes:
        if size is not None:
            attributes = replace(attributes, maximum_bytes=whole("MaximumMessageSize", size))
        if logging is not None:
            attributes = replace(attributes, logging=_flag("LoggingEnabled", logging))
        return attributes

    return change


def of_topic(topic: TopicSeen) -> Fields:
    """A topic's attributes; instants in seconds since 1970."""
    return [
        ("TopicName", topic.name),
        ("CreateTime", int(topic.created.timestamp())),
        ("LastModifyTime", int(topic.modified.timestamp())),
        ("MaximumMessageSize", topic.attributes.maximum_bytes),
        ("MessageRetentionPeriod", 86_400),
        ("MessageCount", topic.kept),
        ("LoggingEnabled", str(topic.attributes.logging)),
    ]


def wanted(name: str, document: Element) -> Wanted:
    """A subscription that a client asks for; raises ``EndpointInvalid`` for what is no queue."""
    endpoint = document.get("Endpoint") or ""
    found = _QUEUE_ENDPOINT.fullmatch(endpoint)
    if found is None or not is_name(found[1]):
        raise EndpointInvalid(
            f"{endpoint!r} is not an endpoint to which the emulator pushes; write acs:mns:REGION:ACCOUNT:queues/NAME"
        )
    plain = Wanted(name, found[1], document.get("FilterTag") or "")
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
        ("CreateTime", int(found.created.timestamp())),
        ("LastModifyTime", int(found.modified.timestamp())),
    ]
