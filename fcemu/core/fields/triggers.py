"""This module has the tables of triggers: what invokes a function, and the settings that FC has for each kind.

The API keeps such settings as they were sent, and looks at those of time and HTTP triggers; a file is checked. The
bounds are documented in the sources.
"""

from typing import Any, Final

from fcemu.core.event_filters import OSS_EVENTS
from fcemu.core.events import CONTENT_FORMATS
from fcemu.core.fields.fc_kinds import Cron, Methods
from fcemu.core.fields.kinds import ANYTHING, FLAG, OBJECT, TEXT, Choice, Kind, Texts, Whole, always
from fcemu.core.fields.rows import ABSENT, IN_3_0, V2021, Effect, Field, Nested, Table, Value, acts, said, shows
from fcemu.core.fields.shared import ANY_QUALIFIER, DESCRIPTION, NAME, QUALIFIER, TIMES
from fcemu.core.names import LATEST
from fcemu.core.triggers import AUTH_TYPES, HTTP, KINDS

_SOURCE: Final = "yaml-formats §1.4, wire-api §10"
_SOURCE_HELP: Final = "What happens there invokes the function; the settings are FC's."
_SHOWN: Final = "FC's API shows it."


def _acts(name: str, kind: Value, about: str, default: Any = ABSENT) -> Field:
    """A setting of a kind of triggers that decides which events invoke the function, or what they look like."""
    return said(name, kind, about, "", default=default)


def _keeps(name: str, kind: Kind, about: str, default: Any = ABSENT) -> Field:
    """A setting of a kind of triggers that does nothing here."""
    return said(name, kind, f"{about} {_SHOWN}", "", default=default, effect=Effect.KEEPS)


OSS: Final = Table(
    "Oss",
    "Objects of a bucket.",
    _acts("events", Texts("names such as oss:ObjectCreated:*", OSS_EVENTS), "What happens to them.", ()),
    _acts(
        "filter",
        Nested(
            Table(
                "ObjectFilter",
                "Which objects are meant.",
                _acts(
                    "key",
                    Nested(
                        Table(
                            "ObjectKey",
                            "Which names objects have.",
                            _acts("prefix", TEXT, "How they begin.", ""),
                            _acts("suffix", TEXT, "How they end.", ""),
                        )
                    ),
                    "By their names.",
                ),
            )
        ),
        "To which of them.",
    ),
    source=_SOURCE,
)
MNS_TOPIC: Final = Table(
    "MnsTopic",
    "Messages that are published to a topic.",
    _acts("notifyContentFormat", Choice(CONTENT_FORMATS), "The message alone, or a JSON document.", "STREAM"),
    _keeps("notifyStrategy", Choice(("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")), "How MNS retries."),
    _acts("filterTag", TEXT, "The tag of the messages that are meant.", ""),
    source=_SOURCE,
)
EVENTBRIDGE: Final = Table(
    "Eventbridge",
    "Events of EventBridge.",
    _acts("triggerEnable", FLAG, "Whether it fires.", True),
    _acts("asyncInvocationType", FLAG, "Whether it invokes asynchronously.", False),
    _acts("eventRuleFilterPattern", ANYTHING, "Which events: a pattern as JSON text.", "{}"),
    _acts(
        "eventSourceConfig",
        Nested(
            Table(
                "EventSource",
                "Where EventBridge takes events from.",
                _keeps("eventSourceType", TEXT, "Of which kind it is."),
                _keeps("eventSourceParameters", ANYTHING, "Its settings."),
            )
        ),
        "Where events come from.",
    ),
    _acts(
        "eventSinkConfig",
        Nested(
            Table(
                "EventSink",
                "How EventBridge hands events over.",
                _keeps("deliveryOption", ANYTHING, "How it delivers."),
            )
        ),
        "How they leave.",
    ),
    _acts(
        "runOptions",
        Nested(
            Table(
                "RunOptions",
                "How EventBridge runs a stream of events.",
                _acts("mode", TEXT, "How events come: event-streaming makes lists of them.", "event-driven"),
                _keeps("maximumTasks", ANYTHING, "How many at a time."),
                _keeps("errorsTolerance", TEXT, "ALL or NONE."),
                _keeps("retryStrategy", ANYTHING, "How it retries."),
                _keeps("deadLetterQueue", ANYTHING, "What is given up."),
                _keeps("batchWindow", ANYTHING, "How many at once."),
            )
        ),
        "How they are run.",
    ),
    source=_SOURCE,
)
LOG: Final = Table(
    "Log",
    "Lines of Log Service.",
    _acts(
        "sourceConfig",
        Nested(
            Table(
                "LogSource",
                "The log store whose lines are meant.",
                _acts("logstore", TEXT, "Its name.", ""),
                _keeps("startTime", ANYTHING, "From when on."),
            )
        ),
        "Which lines.",
    ),
    _acts(
        "jobConfig",
        Nested(
            Table(
                "LogJob",
                "How Log Service calls the function.",
                _keeps("maxRetryTime", Whole("", always(0, 100)), "How often it is retried."),
                _keeps("triggerInterval", Whole("seconds", always(3, 600)), "How often it calls."),
            )
        ),
        "How the function is called.",
    ),
    _acts(
        "logConfig",
        Nested(
            Table(
                "LogTarget",
                "Where Log Service writes its own log of the job.",
                _keeps("project", TEXT, "The project.", ""),
                _keeps("logstore", TEXT, "The log store.", ""),
            )
        ),
        "Where the job logs.",
    ),
    _acts("functionParameter", ANYTHING, "What each event has besides.", {}),
    _acts("enable", FLAG, "Whether it fires.", True),
    source=_SOURCE,
)
CDN: Final = Table(
    "Cdn",
    "Events of CDN.",
    _acts("eventName", TEXT, "Which event.", ""),
    _acts("eventVersion", TEXT, "In which version.", ""),
    _acts("notes", TEXT, "For people.", ""),
    _acts(
        "filter",
        Nested(
            Table(
                "CdnFilter",
                "Which events of CDN are meant.",
                _acts("domain", Texts("domains"), "Which domains.", ()),
            )
        ),
        "Of what.",
    ),
    source=_SOURCE,
)
TABLESTORE: Final = Table("Tablestore", "Changes of a table's rows; there are no settings.", source=_SOURCE)
RDS: Final = Table(
    "Rds",
    "Changes of a database.",
    _keeps("subscriptionObjects", Texts("tables"), "Which tables.", ()),
    _keeps("retry", ANYTHING, "How often it is retried."),
    _keeps("concurrency", ANYTHING, "How many at a time."),
    _keeps("eventFormat", TEXT, "The form of events.", ""),
    source=_SOURCE,
)


def _kind(name: str, kind: Value, inert: bool = False) -> Field:
    """The key of a file that says of which kind a trigger is, and has its settings."""
    return said(name, kind, _SOURCE_HELP, name, inside="triggerConfig", inert=inert)


TRIGGER: Final = Table(
    "Trigger",
    "A trigger: exactly one of the keys that say what invokes the function, and its settings.",
    shows("triggerName", NAME, "Its name."),
    shows("triggerId", TEXT, "Its id, which is in the URL of an HTTP trigger."),
    shows("triggerType", Choice(KINDS), "Of which kind it is."),
    acts("triggerConfig", OBJECT, "The settings of its kind, in FC's words.", "config", key=""),
    said(
        "cronExpression",
        Cron(),
        "When: @every 5m, or six fields of cron; CRON_TZ=ZONE may come first.",
        "timer",
        inside="triggerConfig",
        key="timer",
    ),
    said(
        "methods",
        Methods(short=True),
        "Which HTTP methods: a list, or any for all.",
        "http",
        inside="triggerConfig",
        key="http",
    ),
    _kind("oss", Nested(OSS)),
    _kind("mns_topic", Nested(MNS_TOPIC)),
    _kind("eventbridge", Nested(EVENTBRIDGE)),
    _kind("log", Nested(LOG)),
    _kind("cdn_events", Nested(CDN)),
    _kind("tablestore", Nested(TABLESTORE)),
    _kind("rds", Nested(RDS), inert=True),
    _kind("kafka", OBJECT, inert=True),
    _kind("mqtt", OBJECT, inert=True),
    said("payload", TEXT, "What a timer hands to the function.", "payload", inside="triggerConfig", default=""),
    said("enable", FLAG, "Whether a timer fires.", "enable", inside="triggerConfig", default=True),
    said(
        "authType",
        Choice(AUTH_TYPES),
        "Who may call an HTTP trigger.",
        "auth_type",
        inside="triggerConfig",
        default="anonymous",
    ),
    acts("sourceArn", TEXT, "Where its events come from.", "source_arn", default=""),
    acts("invocationRole", TEXT, "Who may invoke; not checked.", "role", default=""),
    acts(
        "qualifier",
        ANY_QUALIFIER,
        "Which version or alias it is for.",
        "qualifier",
        default=LATEST,
        written=QUALIFIER,
    ),
    DESCRIPTION,
    *TIMES,
    shows("urlInternet", TEXT, "Where an HTTP trigger is reached.", versions=(V2021,)),
    shows("status", TEXT, "Always empty.", versions=IN_3_0),
    shows("targetArn", TEXT, "The ARN of the function and its qualifier.", versions=IN_3_0),
    shows("httpTrigger", OBJECT, "Where an HTTP trigger is reached.", versions=IN_3_0),
    said("kept", OBJECT, "More of FC's settings for its kind.", "kept", default={}),
    one_of=(
        "timer",
        "http",
        "oss",
        "mns_topic",
        "eventbridge",
        "log",
        "cdn_events",
        "tablestore",
        "rds",
        "kafka",
        "mqtt",
    ),
    none_says="nothing invokes the function",
    only_with={"payload": "timer", "enable": "timer", "authType": HTTP},
    source=_SOURCE,
)
EVENT_SOURCE: Final = Table(
    "Source",
    "One of ``eventSources``: where events come from that a trigger of another product brings.",
    acts("sourceArn", TEXT, "Its ARN.", "source_arn", versions=(V2021,), required=True),
    said("qualifier", QUALIFIER, "Which version or alias it is for.", "qualifier", default=LATEST),
    shows("createdTime", TEXT, "When it was registered.", versions=(V2021,)),
    source="wire-api §4",
)
