"""The events by which other services invoke a function: what can be said of one, and the form FC gives it.

The shapes are those of FC's documents, "Formats of event for different triggers", and the triggers' own pages. ASSUMED:
fcemu writes all members that the samples of FC's documents show, because no page says which of them are always there.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from fcemu.core import event_filters as filters
from fcemu.core.cbor import encoded
from fcemu.core.compact import compact
from fcemu.core.event_filters import Said
from fcemu.core.names import Account
from fcemu.core.times import milliseconds, text_of
from fcemu.core.values import dataclass
from fcemu.core.wording import did_you_mean, either

TEXT: Final = "text"
WHOLE: Final = "a whole number of 0 or more"
DATA: Final = "JSON"
MAP: Final = "a JSON object"
LIST: Final = "a JSON list of objects"


def _json(document: Any) -> bytes:
    return compact(document).encode()


def _let_through(said: Said, occasion: "Occasion") -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When and where an event happens. ``id``: 32 hexadecimal digits that name it; ``source_arn`` and ``config`` are
    those of the trigger, if one is known."""

    at: datetime
    id: str
    account: Account
    source_arn: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    trigger: str = "trigger"


def source_name(arn: str) -> str:
    """The last part of what a ``sourceArn`` names: a bucket, a topic, a project, a table."""
    return arn.rpartition(":")[2].rpartition("/")[2]


def _nothing(_: Occasion) -> str:
    return ""


def _source(occasion: Occasion) -> str:
    return source_name(occasion.source_arn)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be said of an event. ``known``: what the trigger says of it, ``""`` for nothing. ``default``
    ``None``: it must be said, unless the trigger says it."""

    kind: str
    about: str
    default: Any = None
    known: Callable[[Occasion], str] = _nothing


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: its fields, its document, how that is written, and why a trigger does not let it through."""

    fields: Mapping[str, Field]
    document: Callable[[Said, Occasion], Any]
    write: Callable[[Any], bytes] = _json
    filter: Callable[[Said, Occasion], str | None] = _let_through


def complete(kind: str, given: Said, occasion: Occasion) -> dict[str, Any]:
    """All fields of an event: those given, then what the trigger says, then defaults.

    Raises ``ValueError`` that names the field: unknown, of another kind, or missing.
    """
    form = KINDS[kind]
    for name, value in given.items():
        if name not in form.fields:
            question = did_you_mean(name, form.fields)
            hint = f"; {question}" if question else "."
            raise ValueError(f"an event of {kind} has no field {name!r}{hint} Fields: {', '.join(form.fields)}")
        _check(name, value, form.fields[name].kind)
    known = {name: value for name, each in form.fields.items() if (value := each.known(occasion))}
    said = {name: each.default for name, each in form.fields.items()} | known | dict(given)
    missing = [name for name, value in said.items() if value is None]
    if missing:
        about = "; ".join(f"{name} ({form.fields[name].about})" for name in missing)
        raise ValueError(f"an event of {kind} needs {about}")
    return said


def _check(name: str, value: Any, kind: str) -> None:
    good = {
        TEXT: isinstance(value, str),
        WHOLE: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        DATA: True,
        MAP: isinstance(value, dict),
        LIST: isinstance(value, list) and all(isinstance(each, dict) for each in value),
    }
    if not good[kind]:
        raise ValueError(f"{name}: expected {kind}, got {value!r}")


def refused(kind: str, said: Said, occasion: Occasion) -> str | None:
    """Why an event does not invoke the function of the trigger that ``occasion`` tells of; ``None``: it does.

    ``said``: the event's fields. Raises ``ValueError`` for a configuration that cannot be read.
    """
    form = KINDS[kind]
    for name, each in form.fields.items():
        if each.known is _source and (own := each.known(occasion)) and said[name] != own:
            return f"the {name} is {said[name]!r}, but its sourceArn names {own!r}"
    return form.filter(said, occasion)


def event_bytes(kind: str, said: Said, occasion: Occasion) -> bytes:
    """The event as the function gets it; ``said`` is what ``complete`` made. Raises ``ValueError``."""
    form = KINDS[kind]
    document = form.document(said, occasion)
    return form.write([document] if _streams(occasion.config) else document)


def _streams(config: Mapping[str, Any]) -> bool:
    """Whether EventBridge hands over lists of events. Source: FC's documents, "Formats of event", on message queues.

    ASSUMED: fcemu takes the value ``event-streaming`` of ``runOptions.mode`` as the setting by which EventBridge hands
    over lists of events, and puts one event into each list.
    """
    options = config.get("runOptions")
    return isinstance(options, Mapping) and options.get("mode") == "event-streaming"


def _uuid(digits: str) -> str:
    text = digits.lower()
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:32]])


# OSS.

_OSS: Final = {
    "object": Field(TEXT, "the key of the object"),
    "bucket": Field(TEXT, "the bucket; else that of the trigger's sourceArn", known=_source),
    "event": Field(TEXT, "the event, such as ObjectCreated:PutObject", "ObjectCreated:PutObject"),
    "size": Field(WHOLE, "the size of the object in bytes", 0),
    "etag": Field(TEXT, "the checksum as OSS gives it; if it is empty, fcemu makes one", ""),
}


def _oss(said: Said, occasion: Occasion) -> dict[str, Any]:
    """Source: FC's documents, "OSS trigger". ASSUMED: fcemu writes any hexadecimal digits as ``ruleId`` and
    ``requestId`` of an event of OSS."""
    account, event = occasion.account, str(said["event"]).removeprefix("oss:")
    bucket = said["bucket"]
    stored = not event.startswith("ObjectRemoved")
    return {
        "events": [
            {
                "eventName": event,
                "eventSource": "acs:oss",
                "eventTime": text_of(occasion.at),
                "eventVersion": "1.0",
                "oss": {
                    "bucket": {
                        "arn": f"acs:oss:{account.region}:{account.id}:{bucket}",
                        "name": bucket,
                        "ownerIdentity": account.id,
                        "virtualBucket": "",
                    },
                    "object": {
                        "deltaSize": said["size"] if stored else -said["size"],
                        "eTag": said["etag"] or occasion.id.upper(),
                        "key": said["object"],
                        "size": said["size"],
                    },
                    "ossSchemaVersion": "1.0",
                    "ruleId": _sha1(occasion.trigger),
                },
                "region": account.region,
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {"requestId": occasion.id.upper()[-24:]},
                "userIdentity": {"principalId": account.id},
            }
        ]
    }


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


# MNS topics.

_MNS: Final = {
    "body": Field(TEXT, "the message"),
    "topic": Field(TEXT, "the topic; else that of the trigger's sourceArn", known=_source),
    "tag": Field(TEXT, "the tag of the message", ""),
}
STREAM: Final = "STREAM"
CONTENT_FORMATS: Final = (STREAM, "JSON")
"""``notifyContentFormat``; the first holds where none is said (yaml-formats §1.4)."""


def _mns(said: Said, occasion: Occasion) -> bytes:
    body = str(said["body"]).encode()
    made = Published(str(said["topic"]), body, str(said["tag"]), occasion.id.upper(), occasion.at)
    return message_event(made, occasion)


@dataclass(frozen=True, slots=True)
class Published:
    """A message that was published to an MNS topic."""

    topic: str
    body: bytes
    tag: str
    message_id: str
    at: datetime


def message_event(message: Published, occasion: Occasion) -> bytes:
    """What an MNS topic trigger hands on: in the format STREAM the message itself, in JSON what MNS tells of it.

    Source: FC's documents, "MNS topic trigger". Raises ``ValueError`` for another format. ASSUMED: fcemu hands on the
    tag of a message as the member ``MessageTag``, gives the subscription the trigger's name, and leaves properties of a
    message out.
    """
    form = occasion.config.get("notifyContentFormat") or STREAM
    if form not in CONTENT_FORMATS:
        raise ValueError(f"notifyContentFormat: expected {either(CONTENT_FORMATS)}, got {form!r}")
    if form == STREAM:
        return message.body
    told = {
        "TopicOwner": occasion.account.id,
        "Message": message.body.decode("utf-8", "replace"),
        "Subscriber": occasion.account.id,
        "PublishTime": milliseconds(message.at),
        "SubscriptionName": occasion.trigger,
        "MessageMD5": hashlib.md5(message.body, usedforsecurity=False).hexdigest().upper(),
        "TopicName": message.topic,
        "MessageId": message.message_id,
    }
    return _json(told | ({"MessageTag": message.tag} if message.tag else {}))


# Log Service.


def _logstore(occasion: Occasion) -> str:
    source = occasion.config.get("sourceConfig")
    logstore = source.get("logstore") if isinstance(source, Mapping) else ""
    return logstore if isinstance(logstore, str) else ""


_LOG: Final = {
    "project": Field(TEXT, "the project; else that of the trigger's sourceArn", known=_source),
    "logstore": Field(TEXT, "the log store; else that of the trigger's sourceConfig", known=_logstore),
    "shard": Field(WHOLE, "the shard with the new lines", 0),
    "begin": Field(TEXT, "the cursor before the lines; if it is empty, fcemu makes one", ""),
    "end": Field(TEXT, "the cursor after the lines; if it is empty, fcemu makes one", ""),
    "parameter": Field(MAP, "the parameter; else the trigger's functionParameter", {}),
}


def _log(said: Said, occasion: Occasion) -> dict[str, Any]:
    """Source: FC's documents, "Log Service trigger"; cursors are base64 of nanoseconds, as in the sample."""
    seconds = int(occasion.at.timestamp())
    nanoseconds = seconds * 10**9
    return {
        "parameter": said["parameter"] or occasion.config.get("functionParameter") or {},
        "source": {
            "endpoint": f"http://{occasion.account.region}-intranet.log.aliyuncs.com",
            "projectName": said["project"],
            "logstoreName": said["logstore"],
            "shardId": said["shard"],
            "beginCursor": said["begin"] or _cursor(nanoseconds),
            "endCursor": said["end"] or _cursor(nanoseconds + 1),
        },
        "jobName": _sha1(occasion.trigger),
        "taskId": _uuid(occasion.id),
        "cursorTime": seconds,
    }


def _cursor(nanoseconds: int) -> str:
    return base64.b64encode(str(nanoseconds).encode()).decode()


# EventBridge.

_EVENTBRIDGE: Final = {
    "source": Field(TEXT, "the source, such as acs.oss", "fcemu"),
    "type": Field(TEXT, "the type, such as oss:ObjectCreated:PutObject", "fcemu:Event"),
    "subject": Field(TEXT, "the subject", ""),
    "data": Field(DATA, "its data", {}),
    "bus": Field(TEXT, "the event bus", "default"),
}


def _cloud_event(said: Said, occasion: Occasion) -> dict[str, Any]:
    """A CloudEvent of 1.0 with EventBridge's own members. Source: FC's documents, "EventBridge trigger"."""
    return {
        "datacontenttype": "application/json;charset=utf-8",
        "aliyunaccountid": occasion.account.id,
        "data": said["data"],
        "subject": said["subject"],
        "source": said["source"],
        "type": said["type"],
        "aliyunoriginalaccountid": occasion.account.id,
        "aliyunpublishtime": text_of(occasion.at),
        "aliyunpublishaddr": "127.0.0.1",
        "specversion": "1.0",
        "aliyuneventbusname": said["bus"],
        "id": _uuid(occasion.id),
        "time": text_of(occasion.at),
        "aliyunregionid": occasion.account.region,
    }


# CDN.

_CHINA: Final = timezone(timedelta(hours=8))


def _configured(name: str) -> Callable[[Occasion], str]:
    return lambda occasion: str(occasion.config.get(name) or "")


_CDN: Final = {
    "domain": Field(TEXT, "the accelerated domain"),
    "event": Field(TEXT, "the event; else the trigger's eventName", "CachedObjectsRefreshed", _configured("eventName")),
    "version": Field(
        TEXT, "the version of the event; else the trigger's eventVersion", "1.0.0", _configured("eventVersion")
    ),
    "parameter": Field(MAP, "the contents of the event, such as {objectPath: […]}", {}),
}


def _cdn(said: Said, occasion: Occasion) -> dict[str, Any]:
    """Source: FC's documents, "Formats of event", whose samples have the time of China."""
    return {
        "events": [
            {
                "eventName": said["event"],
                "eventVersion": said["version"],
                "eventSource": "cdn",
                "region": occasion.account.region,
                "eventTime": occasion.at.astimezone(_CHINA).isoformat(timespec="seconds"),
                "traceId": _uuid(occasion.id),
                "resource": {"domain": said["domain"]},
                "eventParameter": {"domain": said["domain"], **said["parameter"]},
                "userIdentity": {"aliUid": occasion.account.id},
            }
        ]
    }


# Table Store.

_TABLESTORE: Final = {
    "key": Field(MAP, "the primary key of the row, by names and values", {}),
    "columns": Field(MAP, "the columns of the row, by names and values", {}),
    "type": Field(TEXT, "PutRow, UpdateRow or DeleteRow", "PutRow"),
    "records": Field(LIST, "several rows in FC's own form, in place of key, columns and type", []),
}
ROW_CHANGES: Final = ("PutRow", "UpdateRow", "DeleteRow")


def _rows(said: Said, occasion: Occasion) -> dict[str, Any]:
    """Source: FC's documents, "Tablestore trigger"; the event is CBOR."""
    if said["type"] not in ROW_CHANGES:
        raise ValueError(f"type: expected {either(ROW_CHANGES)}, got {said['type']!r}")
    if not said["key"] and not said["records"]:
        raise ValueError(f"an event of tablestore needs key ({_TABLESTORE['key'].about}), or records")
    microseconds = int(occasion.at.timestamp() * 1_000_000)
    row = {
        "Type": said["type"],
        "Info": {"Timestamp": microseconds},
        "PrimaryKey": [{"ColumnName": name, "Value": value} for name, value in said["key"].items()],
        "Columns": [
            {"Type": "Put", "ColumnName": name, "Value": value, "Timestamp": microseconds // 1000}
            for name, value in said["columns"].items()
        ],
    }
    return {"Version": "Sync-v1", "Records": said["records"] or [row]}


KINDS: Final[Mapping[str, Kind]] = {
    "oss": Kind(_OSS, _oss, filter=lambda said, occasion: filters.oss(occasion.config, said)),
    "mns_topic": Kind(_MNS, _mns, bytes, lambda said, occasion: filters.tag(occasion.config, said["tag"])),
    "log": Kind(_LOG, _log, filter=lambda said, occasion: filters.log(occasion.config)),
    "eventbridge": Kind(
        _EVENTBRIDGE,
        _cloud_event,
        filter=lambda said, occasion: filters.eventbridge(occasion.config, _cloud_event(said, occasion)),
    ),
    "cdn_events": Kind(_CDN, _cdn, filter=lambda said, occasion: filters.cdn(occasion.config, said)),
    "tablestore": Kind(_TABLESTORE, _rows, encoded),
}
"""Kinds of triggers whose events have a form that is known here; the others are fired with a payload."""
