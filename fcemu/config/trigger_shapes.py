"""The shapes of triggers: what invokes a function, and the settings that FC has for each kind.

Source: yaml-formats §1.4 and wire-api §10; the bounds are documented there.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from fcemu.config.kinds import Choice, Key, Nested, Plain, Shape, Texts, Whole, keys_of
from fcemu.config.tree import Scalar
from fcemu.core.event_filters import OSS_EVENTS
from fcemu.core.events import CONTENT_FORMATS
from fcemu.core.names import LATEST
from fcemu.core.values import dataclass

QUALIFIER: Final = Key("qualifier", Plain.QUALIFIER, "Which version or alias it is for.", LATEST)
DESCRIPTION: Final = Key("description", Plain.PAYLOAD, "For people.", "")
_SOURCE_HELP: Final = "What happens there invokes the function; the settings are FC's."
_SHOWN: Final = "FC's API shows it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKeyShape(Shape):
    """Which names objects have."""

    prefix: Annotated[str | None, Key("prefix", Plain.PAYLOAD, "How they begin.", "")] = None
    suffix: Annotated[str | None, Key("suffix", Plain.PAYLOAD, "How they end.", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFilterShape(Shape):
    """Which objects are meant."""

    key: Annotated[ObjectKeyShape | None, Key("key", Nested(ObjectKeyShape), "By their names.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OssShape(Shape):
    """Objects of a bucket."""

    events: Annotated[
        tuple[str, ...] | None,
        Key("events", Texts("names such as oss:ObjectCreated:*", OSS_EVENTS, free=True), "What happens to them.", ()),
    ] = None
    filter: Annotated[ObjectFilterShape | None, Key("filter", Nested(ObjectFilterShape), "To which of them.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MnsTopicShape(Shape):
    """Messages that are published to a topic."""

    content_format: Annotated[
        str | None,
        Key("notifyContentFormat", Choice(CONTENT_FORMATS), "The message alone, or a JSON document.", "STREAM"),
    ] = None
    strategy: Annotated[
        str | None,
        Key("notifyStrategy", Choice(("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")), f"How MNS retries. {_SHOWN}"),
    ] = None
    tag: Annotated[str | None, Key("filterTag", Plain.PAYLOAD, "The tag of the messages that are meant.", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSourceShape(Shape):
    """Where EventBridge takes events from."""

    kind: Annotated[str | None, Key("eventSourceType", Plain.PAYLOAD, f"Of which kind it is. {_SHOWN}")] = None
    parameters: Annotated[object | None, Key("eventSourceParameters", Plain.FREE, f"Its settings. {_SHOWN}")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSinkShape(Shape):
    """How EventBridge hands events over."""

    delivery: Annotated[object | None, Key("deliveryOption", Plain.FREE, f"How it delivers. {_SHOWN}")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptionsShape(Shape):
    """How EventBridge runs a stream of events."""

    mode: Annotated[
        str | None, Key("mode", Plain.PAYLOAD, "How events come: event-streaming makes lists of them.", "event-driven")
    ] = None
    tasks: Annotated[object | None, Key("maximumTasks", Plain.FREE, f"How many at a time. {_SHOWN}")] = None
    tolerance: Annotated[str | None, Key("errorsTolerance", Plain.PAYLOAD, f"ALL or NONE. {_SHOWN}")] = None
    retry: Annotated[object | None, Key("retryStrategy", Plain.FREE, f"How it retries. {_SHOWN}")] = None
    dead_letters: Annotated[object | None, Key("deadLetterQueue", Plain.FREE, f"What is given up. {_SHOWN}")] = None
    window: Annotated[object | None, Key("batchWindow", Plain.FREE, f"How many at once. {_SHOWN}")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventbridgeShape(Shape):
    """Events of EventBridge."""

    enable: Annotated[bool | None, Key("triggerEnable", Plain.FLAG, "Whether it fires.", True)] = None
    is_async: Annotated[
        bool | None, Key("asyncInvocationType", Plain.FLAG, "Whether it invokes asynchronously.", False)
    ] = None
    pattern: Annotated[
        object | None, Key("eventRuleFilterPattern", Plain.FREE, "Which events: a pattern as JSON text.", "{}")
    ] = None
    source: Annotated[
        EventSourceShape | None, Key("eventSourceConfig", Nested(EventSourceShape), "Where events come from.")
    ] = None
    sink: Annotated[EventSinkShape | None, Key("eventSinkConfig", Nested(EventSinkShape), "How they leave.")] = None
    options: Annotated[RunOptionsShape | None, Key("runOptions", Nested(RunOptionsShape), "How they are run.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSourceShape(Shape):
    """The log store whose lines are meant."""

    logstore: Annotated[str | None, Key("logstore", Plain.PAYLOAD, "Its name.", "")] = None
    start: Annotated[object | None, Key("startTime", Plain.FREE, f"From when on. {_SHOWN}")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogJobShape(Shape):
    """How Log Service calls the function."""

    retries: Annotated[
        int | None, Key("maxRetryTime", Whole("", lambda _: (0, 100)), f"How often it is retried. {_SHOWN}")
    ] = None
    interval: Annotated[
        int | None, Key("triggerInterval", Whole("seconds", lambda _: (3, 600)), f"How often it calls. {_SHOWN}")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTargetShape(Shape):
    """Where Log Service writes its own log of the job."""

    project: Annotated[str | None, Key("project", Plain.PAYLOAD, f"The project. {_SHOWN}", "")] = None
    logstore: Annotated[str | None, Key("logstore", Plain.PAYLOAD, f"The log store. {_SHOWN}", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogShape(Shape):
    """Lines of Log Service."""

    source: Annotated[LogSourceShape | None, Key("sourceConfig", Nested(LogSourceShape), "Which lines.")] = None
    job: Annotated[LogJobShape | None, Key("jobConfig", Nested(LogJobShape), "How the function is called.")] = None
    target: Annotated[LogTargetShape | None, Key("logConfig", Nested(LogTargetShape), "Where the job logs.")] = None
    parameter: Annotated[object | None, Key("functionParameter", Plain.FREE, "What each event has besides.", {})] = None
    enable: Annotated[bool | None, Key("enable", Plain.FLAG, "Whether it fires.", True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnFilterShape(Shape):
    """Which events of CDN are meant."""

    domain: Annotated[tuple[str, ...] | None, Key("domain", Texts("domains", free=True), "Which domains.", ())] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnShape(Shape):
    """Events of CDN."""

    event: Annotated[str | None, Key("eventName", Plain.PAYLOAD, "Which event.", "")] = None
    version: Annotated[str | None, Key("eventVersion", Plain.PAYLOAD, "In which version.", "")] = None
    notes: Annotated[str | None, Key("notes", Plain.PAYLOAD, "For people.", "")] = None
    filter: Annotated[CdnFilterShape | None, Key("filter", Nested(CdnFilterShape), "Of what.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TablestoreShape(Shape):
    """Changes of a table's rows; there are no settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RdsShape(Shape):
    """Changes of a database."""

    objects: Annotated[
        tuple[str, ...] | None, Key("subscriptionObjects", Texts("tables", free=True), f"Which tables. {_SHOWN}", ())
    ] = None
    retry: Annotated[object | None, Key("retry", Plain.FREE, f"How often it is retried. {_SHOWN}")] = None
    concurrency: Annotated[object | None, Key("concurrency", Plain.FREE, f"How many at a time. {_SHOWN}")] = None
    format: Annotated[str | None, Key("eventFormat", Plain.PAYLOAD, f"The form of events. {_SHOWN}", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerShape(Shape):
    """A trigger: exactly one of the keys that say what invokes the function, and its settings."""

    one_of: ClassVar[tuple[str, ...]] = (
        *("timer", "http", "oss", "mns_topic", "eventbridge", "log", "cdn_events", "tablestore", "rds", "kafka"),
        "mqtt",
    )
    none_says: ClassVar[str] = "nothing invokes the function"
    only_with: ClassVar[Mapping[str, str]] = {"payload": "timer", "enable": "timer", "authType": "http"}
    timer: Annotated[
        str | None, Key("timer", Plain.CRON, "When: @every 5m, or six fields of cron; CRON_TZ=ZONE may come first.")
    ] = None
    http: Annotated[
        tuple[str, ...] | None, Key("http", Plain.METHODS, "Which HTTP methods: a list, or any for all.")
    ] = None
    oss: Annotated[OssShape | None, Key("oss", Nested(OssShape), _SOURCE_HELP)] = None
    mns_topic: Annotated[MnsTopicShape | None, Key("mns_topic", Nested(MnsTopicShape), _SOURCE_HELP)] = None
    eventbridge: Annotated[EventbridgeShape | None, Key("eventbridge", Nested(EventbridgeShape), _SOURCE_HELP)] = None
    log: Annotated[LogShape | None, Key("log", Nested(LogShape), _SOURCE_HELP)] = None
    cdn_events: Annotated[CdnShape | None, Key("cdn_events", Nested(CdnShape), _SOURCE_HELP)] = None
    tablestore: Annotated[TablestoreShape | None, Key("tablestore", Nested(TablestoreShape), _SOURCE_HELP)] = None
    rds: Annotated[RdsShape | None, Key("rds", Nested(RdsShape), _SOURCE_HELP, inert=True)] = None
    kafka: Annotated[object | None, Key("kafka", Plain.FREE, _SOURCE_HELP, inert=True)] = None
    mqtt: Annotated[object | None, Key("mqtt", Plain.FREE, _SOURCE_HELP, inert=True)] = None
    payload: Annotated[str | None, Key("payload", Plain.PAYLOAD, "What a timer hands to the function.", "")] = None
    enable: Annotated[bool | None, Key("enable", Plain.FLAG, "Whether a timer fires.", True)] = None
    qualifier: Annotated[Scalar | None, QUALIFIER] = None
    auth_type: Annotated[
        str | None,
        Key("authType", Choice(("anonymous", "function", "jwt")), "Who may call an HTTP trigger.", "anonymous"),
    ] = None
    description: Annotated[str | None, DESCRIPTION] = None
    source_arn: Annotated[str | None, Key("sourceArn", Plain.PAYLOAD, "Where its events come from.", "")] = None
    role: Annotated[str | None, Key("invocationRole", Plain.PAYLOAD, "Who may invoke; not checked.", "")] = None
    kept: Annotated[Mapping[str, object] | None, Key("kept", Plain.FREE, "More of FC's settings for its kind.", {})] = (
        None
    )


def config_of(shape: Shape) -> dict[str, Any]:
    """The settings of a kind as FC's API has them: what a shape says, by the keys of the file."""
    said = {key.name: getattr(shape, key.field) for key in keys_of(type(shape)).values()}
    return {name: _plain(value) for name, value in said.items() if value is not None}


def _plain(value: object) -> object:
    match value:
        case Shape():
            return config_of(value)
        case tuple():
            return list(value)
        case _:
            return value
