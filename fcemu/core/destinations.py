"""Where reports of finished invocations go: functions, queues, topics and buses, by short names and by ARNs."""

import re
from collections.abc import Mapping
from typing import ClassVar, Final, TypeGuard

from fcemu.core.names import FUNCTION, LATEST, NAME, Account, FunctionRef, function_arn, is_name
from fcemu.core.values import value


@value
class FunctionDestination:
    """A function that is invoked asynchronously with the report as its event."""

    ref: FunctionRef
    qualifier: str = LATEST

    def __str__(self) -> str:
        return f"function:{self.ref}" + ("" if self.qualifier == LATEST else f":{self.qualifier}")


@value
class _Mail:
    """Where reports arrive as messages. ``WORD``: how its address begins; ``ARN`` (retry-and-destinations §2);
    ``SERVICE``: whose it is; ``MOST_BYTES``: the largest message that takes.

    ASSUMED: fcemu applies the general limits of MNS, EventBridge and RocketMQ to reports, because FC's numbers for each
    service are not public (retry-and-destinations §3.2).
    """

    WORD: ClassVar[str]
    ARN: ClassVar[str]
    SERVICE: ClassVar[str]
    MOST_BYTES: ClassVar[int] = 64 * 1024

    def fields(self) -> dict[str, str]:
        """The names by which its service knows it."""
        names: tuple[str, ...] = self.__match_args__
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        names: tuple[str, ...] = self.__match_args__
        return f"{self.WORD}:{'/'.join([getattr(self, name) for name in names])}"


@value
class QueueDestination(_Mail):
    """An MNS queue that receives the report as one message."""

    WORD = "queue"
    ARN = "acs:mns:{region}:{account}:/queues/{name}/messages"
    SERVICE = "MNS"

    name: str


@value
class TopicDestination(_Mail):
    """An MNS topic to which the report is published."""

    WORD = "topic"
    ARN = "acs:mns:{region}:{account}:/topics/{name}/messages"
    SERVICE = "MNS"

    name: str


@value
class EventBusDestination(_Mail):
    """An EventBridge bus that receives the report inside a CloudEvents envelope."""

    WORD = "eventbus"
    ARN = "acs:eventbridge:{region}:{account}:eventbus/{name}"
    SERVICE = "EventBridge"

    name: str


@value
class RocketMQDestination(_Mail):
    """A topic of a RocketMQ 4.x instance. MNS topics have no slash in their names, so one word serves for both.

    ASSUMED: fcemu makes up the form of a RocketMQ topic's ARN, because FC's documents name RocketMQ, but print no ARN
    (retry-and-destinations §2).
    """

    WORD = "topic"
    ARN = "acs:mq:{region}:{account}:/instances/{instance}/topics/{topic}/messages"
    SERVICE = "RocketMQ"
    MOST_BYTES = 4 * 1024 * 1024

    instance: str
    topic: str


MailDestination = QueueDestination | TopicDestination | EventBusDestination | RocketMQDestination
Destination = FunctionDestination | MailDestination
_NAMED: Final[Mapping[str, type[QueueDestination | TopicDestination | EventBusDestination]]] = {
    kind.WORD: kind for kind in (QueueDestination, TopicDestination, EventBusDestination)
}
MAIL_KINDS: Final = tuple(_NAMED)
"""How the addresses of such destinations begin."""
_ARNS: Final[Mapping[type[MailDestination], str]] = {
    kind: re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", re.sub("{region}|{account}", "[^:]*", kind.ARN))
    for kind in MailDestination.__args__
}
_FC2: Final = r"acs:fc:([^:]*):([^:]*):services/([^/.]+)(?:\.([^/]+))?/functions/([^/]+)"
_FC3: Final = r"acs:fc:([^:]*):([^:]*):functions/([^/]+)(?:/([^/]+))?"


def takes_mail(destination: Destination | None) -> TypeGuard[MailDestination]:
    """Whether reports to ``destination`` are messages that can be read there."""
    return isinstance(destination, _Mail)


MAIL_DESTINATION: Final = "|".join(
    (
        f"(?:{'|'.join(MAIL_KINDS)}):{NAME}",
        "topic:[^/]+/.+",
        *(re.sub("{[^}]*}", "[^/]+", re.sub("{region}|{account}", "[^:]*", kind.ARN)) for kind in _ARNS),
    )
)
"""How a destination is written to which reports come as messages, as a pattern."""
DESTINATION: Final = "|".join((MAIL_DESTINATION, f"function:(?:{FUNCTION})(?::.*)?", _FC2, _FC3))
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
    if kind in _NAMED and is_name(rest):
        return _NAMED[kind](rest)
    raise ValueError(
        f"{text!r} is not a destination; write function:NAME, queue:NAME, topic:NAME, eventbus:NAME or an ARN"
    )


def _parse_arn(text: str) -> Destination:
    for kind, arn in _ARNS.items():
        if found := re.fullmatch(arn, text):
            return kind(**found.groupdict())
    if found := re.fullmatch(_FC2, text):
        return FunctionDestination(FunctionRef(found[5], found[3]), found[4] or LATEST)
    if found := re.fullmatch(_FC3, text):
        return FunctionDestination(FunctionRef(found[3]), found[4] or LATEST)
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
    if isinstance(destination, FunctionDestination):
        return function_arn(destination.ref, destination.qualifier, account)
    return destination.ARN.format(region=account.region, account=account.id, **destination.fields())
