"""Which destinations hear of a finished invocation, and the report they get."""

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from fcemu.core.names import LATEST, Account, FunctionRef, function_arn, is_name
from fcemu.core.values import value

MNS_MESSAGE_BYTES: Final = 64 * 1024
"""ASSUMED: the general limit of MNS messages; FC's per-service numbers are not public (retry-and-destinations §3.2)."""


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


Destination = FunctionDestination | QueueDestination | TopicDestination

_MNS: Final = re.compile(r"acs:mns:([^:]*):([^:]*):/(queues|topics)/([^/]+)/messages")
_FC2: Final = re.compile(r"acs:fc:([^:]*):([^:]*):services/([^/.]+)(?:\.([^/]+))?/functions/([^/]+)")
_FC3: Final = re.compile(r"acs:fc:([^:]*):([^:]*):functions/([^/]+)(?:/([^/]+))?")


def parse_destination(text: str) -> Destination:
    """Read a short form (``queue:name``, ``function:service/name:qualifier``, …) or an ARN.

    Raises ``ValueError`` that says what is allowed. Region and account of an ARN may be empty
    (retry-and-destinations §2); they are not compared, because one emulator stands for all of them.
    """
    kind, colon, rest = text.partition(":")
    if kind == "acs" and colon:
        return _parse_arn(text)
    if kind in {"queue", "topic"} and is_name(rest):
        return QueueDestination(rest) if kind == "queue" else TopicDestination(rest)
    if kind == "function" and rest:
        name, _, qualifier = rest.partition(":")
        return FunctionDestination(FunctionRef.parse(name), qualifier or LATEST)
    if kind == "eventbus":
        raise ValueError(f"{text!r}: destinations on EventBridge are not supported yet")
    raise ValueError(f"{text!r} is not a destination; write function:NAME, queue:NAME, topic:NAME or an ARN")


def _parse_arn(text: str) -> Destination:
    if found := _MNS.fullmatch(text):
        name = found[4]
        return QueueDestination(name) if found[3] == "queues" else TopicDestination(name)
    if found := _FC2.fullmatch(text):
        return FunctionDestination(FunctionRef(found[5], found[3]), found[4] or LATEST)
    if found := _FC3.fullmatch(text):
        return FunctionDestination(FunctionRef(found[3]), found[4] or LATEST)
    raise ValueError(f"{text!r} is not an ARN of a function, an MNS queue or an MNS topic")


def destination_arn(destination: Destination, account: Account) -> str:
    """The ARN of a destination in this account and region (retry-and-destinations §2)."""
    match destination:
        case FunctionDestination(ref, qualifier):
            return function_arn(ref, qualifier, account)
        case QueueDestination(name):
            return f"acs:mns:{account.region}:{account.id}:/queues/{name}/messages"
        case TopicDestination(name):
            return f"acs:mns:{account.region}:{account.id}:/topics/{name}/messages"
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
        "timestamp": int(now.timestamp() * 1000),
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
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def as_text(payload: bytes) -> str:
    """A payload as the report's string. ASSUMED: what is not UTF-8 is written as base64."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode()
