"""Which destinations hear of a finished invocation, and the report they get."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeGuard, assert_never

from fcemu.core.compact import compact
from fcemu.core.names import FUNCTION, LATEST, NAME, Account, FunctionRef, function_arn, is_name
from fcemu.core.times import milliseconds, text_of
from fcemu.core.values import dataclass, value

MNS_MESSAGE_BYTES: Final = 64 * 1024
EVENT_BYTES: Final = 64 * 1024
ROCKETMQ_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""ASSUMED: the general limits of MNS, EventBridge and RocketMQ; FC's per-service numbers are not public
(retry-and-destinations §3.2)."""


@value
class FunctionDestination:
    """A function that is invoked asynchronously with the report as its event."""

    ref: FunctionRef
    qualifier: str = LATEST

    def __str__(self) -> str:
        return f"function:{self.ref}" + ("" if self.qualifier == LATEST else f":{self.qualifier}")


@value
class QueueDestination:
    """An MNS queue that receives the report as one message."""

    name: str

    def __str__(self) -> str:
        return f"queue:{self.name}"


@value
class TopicDestination:
    """An MNS topic to which the report is published."""

    name: str

    def __str__(self) -> str:
        return f"topic:{self.name}"


@value
class RocketMQDestination:
    """A topic of a RocketMQ 4.x instance. MNS topics have no slash in their names, so one word serves for both."""

    instance: str
    topic: str

    def __str__(self) -> str:
        return f"topic:{self.instance}/{self.topic}"


@value
class EventBusDestination:
    """An EventBridge bus that receives the report inside a CloudEvents envelope."""

    name: str

    def __str__(self) -> str:
        return f"eventbus:{self.name}"


MailDestination = QueueDestination | TopicDestination | RocketMQDestination | EventBusDestination
"""Where reports arrive as messages."""
Destination = FunctionDestination | MailDestination
_KINDS: Final[Mapping[str, Callable[[str], MailDestination]]] = {
    "queue": QueueDestination,
    "topic": TopicDestination,
    "eventbus": EventBusDestination,
}
MAIL_KINDS: Final = tuple(_KINDS)
"""How the addresses of such destinations begin."""


def takes_mail(destination: Destination | None) -> TypeGuard[MailDestination]:
    """Whether reports to ``destination`` are messages that can be read there."""
    return destination is not None and not isinstance(destination, FunctionDestination)


def most_bytes(destination: MailDestination) -> tuple[int, str]:
    """The largest message that a destination takes, and the name of its service."""
    match destination:
        case QueueDestination() | TopicDestination():
            return MNS_MESSAGE_BYTES, "MNS"
        case EventBusDestination():
            return EVENT_BYTES, "EventBridge"
        case RocketMQDestination():
            return ROCKETMQ_MESSAGE_BYTES, "RocketMQ"


_MNS: Final = re.compile(r"acs:mns:([^:]*):([^:]*):/(queues|topics)/([^/]+)/messages")
_FC2: Final = re.compile(r"acs:fc:([^:]*):([^:]*):services/([^/.]+)(?:\.([^/]+))?/functions/([^/]+)")
_FC3: Final = re.compile(r"acs:fc:([^:]*):([^:]*):functions/([^/]+)(?:/([^/]+))?")
_EVENTBRIDGE: Final = re.compile(r"acs:eventbridge:([^:]*):([^:]*):eventbus/([^/]+)")
_ROCKETMQ: Final = re.compile(r"acs:mq:([^:]*):([^:]*):/instances/([^/]+)/topics/([^/]+)/messages")
"""ASSUMED: the documents name RocketMQ, but print no ARN (retry-and-destinations §2)."""

MAIL_DESTINATION: Final = "|".join(
    (
        f"(?:{'|'.join(MAIL_KINDS)}):{NAME}",
        "topic:[^/]+/.+",
        *(each.pattern for each in (_MNS, _EVENTBRIDGE, _ROCKETMQ)),
    )
)
"""How a destination is written to which reports come as messages, as a pattern."""
DESTINATION: Final = "|".join(
    (MAIL_DESTINATION, f"function:(?:{FUNCTION})(?::.*)?", *(each.pattern for each in (_FC2, _FC3)))
)
"""What ``parse_destination`` reads, as a pattern."""


def parse_destination(text: str) -> Destination:
    """Read a short form (``queue:name``, ``function:service/name:qualifier``, ``topic:instance/name`` for RocketMQ, …)
    or an ARN.

    Raises ``ValueError`` that says what is allowed. Region and account of an ARN may be empty
    (retry-and-destinations §2); they are not compared, because one emulator stands for all of them.
    """
    kind, colon, rest = text.partition(":")
    if kind == "acs" and colon:
        return _parse_arn(text)
    if kind == "function" and rest:
        name, _, qualifier = rest.partition(":")
        return FunctionDestination(FunctionRef.parse(name), qualifier or LATEST)
    instance, slash, topic = rest.partition("/")
    if kind == "topic" and slash and instance and topic:
        return RocketMQDestination(instance, topic)
    if kind in _KINDS and is_name(rest):
        return _KINDS[kind](rest)
    raise ValueError(
        f"{text!r} is not a destination; write function:NAME, queue:NAME, topic:NAME, eventbus:NAME or an ARN"
    )


def _parse_arn(text: str) -> Destination:
    if found := _MNS.fullmatch(text):
        name = found[4]
        return QueueDestination(name) if found[3] == "queues" else TopicDestination(name)
    if found := _FC2.fullmatch(text):
        return FunctionDestination(FunctionRef(found[5], found[3]), found[4] or LATEST)
    if found := _FC3.fullmatch(text):
        return FunctionDestination(FunctionRef(found[3]), found[4] or LATEST)
    if found := _EVENTBRIDGE.fullmatch(text):
        return EventBusDestination(found[3])
    if found := _ROCKETMQ.fullmatch(text):
        return RocketMQDestination(found[3], found[4])
    raise ValueError(
        f"{text!r} is not an ARN of a function, an MNS queue or topic, an EventBridge bus or a RocketMQ topic"
    )


def named(destination: Destination) -> str:
    """What ``parse_destination`` reads as this destination: the short form, or, for a name that only an ARN may have,
    an ARN without account and region."""
    short = str(destination)
    try:
        is_short = parse_destination(short) == destination
    except ValueError:
        is_short = False
    return short if is_short else destination_arn(destination, Account(id="", region=""))


def destination_arn(destination: Destination, account: Account) -> str:
    """The ARN of a destination in this account and region (retry-and-destinations §2)."""
    match destination:
        case FunctionDestination(ref, qualifier):
            return function_arn(ref, qualifier, account)
        case QueueDestination(name):
            return f"acs:mns:{account.region}:{account.id}:/queues/{name}/messages"
        case TopicDestination(name):
            return f"acs:mns:{account.region}:{account.id}:/topics/{name}/messages"
        case EventBusDestination(name):
            return f"acs:eventbridge:{account.region}:{account.id}:eventbus/{name}"
        case RocketMQDestination(instance, topic):
            return f"acs:mq:{account.region}:{account.id}:/instances/{instance}/topics/{topic}/messages"
        case unreachable:
            assert_never(unreachable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an invocation ended, in the words of the report (retry-and-destinations §3.1)."""

    condition: str = ""
    status_code: int = 200
    function_error: str = ""
    payload: bytes = b""


def report(
    *,
    ref: FunctionRef,
    qualifier: str,
    account: Account,
    request_id: str,
    executions: int,
    request_payload: bytes,
    ending: Ending,
    now: datetime,
) -> bytes:
    """The JSON that a destination receives. ``executions`` counts only attempts that ran the handler.

    Source: FC docs, "Result callback". ASSUMED: ``timestamp`` is the time of the report.
    """
    document = {
        "timestamp": milliseconds(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn(ref, qualifier, account),
            "condition": ending.condition,
            "approximateInvokeCount": executions,
        },
        "requestPayload": as_text(request_payload),
        "responseContext": {"statusCode": ending.status_code, "functionError": ending.function_error},
        "responsePayload": as_text(ending.payload),
    }
    return compact(document).encode()


def envelope(
    *,
    ref: FunctionRef,
    qualifier: str,
    account: Account,
    request_id: str,
    succeeded: bool,
    body: bytes,
    now: datetime,
) -> bytes:
    """The CloudEvents 1.0 event in which an EventBridge bus receives ``body``, the report.

    ASSUMED: every field but ``specversion``; FC's pages name the service and show no event
    (retry-and-destinations §3.1).
    """
    event = {
        "specversion": "1.0",
        "id": request_id,
        "source": "acs.fc",
        "type": f"fc:AsyncInvoke:{'Succeeded' if succeeded else 'Failed'}",
        "subject": function_arn(ref, qualifier, account),
        "time": text_of(now),
        "datacontenttype": "application/json",
        "aliyunaccountid": account.id,
        "aliyunregionid": account.region,
    }
    head = compact(event)
    return head[:-1].encode() + b',"data":' + body + b"}"


def as_text(payload: bytes) -> str:
    """A payload as the report's string. ASSUMED: what is not UTF-8 is written as base64."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode()
