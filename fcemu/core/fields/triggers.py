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
_SOURCE_HELP: Final = "Lets what happens there invoke the function; the settings are FC's."
_SHOWN: Final = "FC's API shows it."


def _acts(name: str, kind: Value, about: str, default: Any = ABSENT) -> Field:
    """A setting of a kind of triggers that decides which events invoke the function, or what they look like."""
    return said(name, kind, about, "", default=default)


def _keeps(name: str, kind: Kind, about: str, default: Any = ABSENT) -> Field:
    """A setting of a kind of triggers that does nothing here."""
    return said(name, kind, f"{about} {_SHOWN}", "", default=default, effect=Effect.KEEPS)


OSS: Final = Table(
    "Oss",
    "An OSS trigger fires on changes of objects in a bucket.",
    _acts(
        "events",
        Texts("names such as oss:ObjectCreated:*", OSS_EVENTS),
        "Lists the events that fire the trigger.",
        (),
    ),
    _acts(
        "filter",
        Nested(
            Table(
                "ObjectFilter",
                "This filter selects objects.",
                _acts(
                    "key",
                    Nested(
                        Table(
                            "ObjectKey",
                            "This filter selects objects by their names.",
                            _acts("prefix", TEXT, "Selects names that begin like this.", ""),
                            _acts("suffix", TEXT, "Selects names that end like this.", ""),
                        )
                    ),
                    "Selects objects by their names.",
                ),
            )
        ),
        "Selects the objects that fire the trigger.",
    ),
    source=_SOURCE,
)
MNS_TOPIC: Final = Table(
    "MnsTopic",
    "An MNS trigger fires on messages that are published to a topic.",
    _acts(
        "notifyContentFormat",
        Choice(CONTENT_FORMATS),
        "Chooses whether the event is the message alone or a JSON document.",
        "STREAM",
    ),
    _keeps("notifyStrategy", Choice(("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")), "Decides how MNS retries."),
    _acts("filterTag", TEXT, "Selects messages with this tag.", ""),
    source=_SOURCE,
)
EVENTBRIDGE: Final = Table(
    "Eventbridge",
    "An EventBridge trigger fires on events of an event bus.",
    _acts("triggerEnable", FLAG, "Switches the trigger on or off.", True),
    _acts("asyncInvocationType", FLAG, "Makes the trigger invoke asynchronously.", False),
    _acts("eventRuleFilterPattern", ANYTHING, "Selects events by a pattern, as a string of JSON.", "{}"),
    _acts(
        "eventSourceConfig",
        Nested(
            Table(
                "EventSource",
                "This map names the source of the events.",
                _keeps("eventSourceType", TEXT, "Names the kind of the source."),
                _keeps("eventSourceParameters", ANYTHING, "Holds the settings of the source."),
            )
        ),
        "Names the source of the events.",
    ),
    _acts(
        "eventSinkConfig",
        Nested(
            Table(
                "EventSink",
                "This map describes how EventBridge delivers events.",
                _keeps("deliveryOption", ANYTHING, "Describes how it delivers."),
            )
        ),
        "Describes how EventBridge delivers events.",
    ),
    _acts(
        "runOptions",
        Nested(
            Table(
                "RunOptions",
                "This map describes how EventBridge runs a stream of events.",
                _acts("mode", TEXT, "Chooses how events arrive; event-streaming makes lists of them.", "event-driven"),
                _keeps("maximumTasks", ANYTHING, "Limits how many run at a time."),
                _keeps("errorsTolerance", TEXT, "Is ALL or NONE."),
                _keeps("retryStrategy", ANYTHING, "Describes how EventBridge retries."),
                _keeps("deadLetterQueue", ANYTHING, "Names where events go that EventBridge gives up."),
                _keeps("batchWindow", ANYTHING, "Describes how EventBridge groups events."),
            )
        ),
        "Describes how EventBridge runs events.",
    ),
    source=_SOURCE,
)
LOG: Final = Table(
    "Log",
    "A log trigger fires on new lines of a log store.",
    _acts(
        "sourceConfig",
        Nested(
            Table(
                "LogSource",
                "This map names the log store.",
                _acts("logstore", TEXT, "Names the log store.", ""),
                _keeps("startTime", ANYTHING, "Sets the time from which lines count."),
            )
        ),
        "Selects the lines.",
    ),
    _acts(
        "jobConfig",
        Nested(
            Table(
                "LogJob",
                "This map describes how Log Service calls the function.",
                _keeps("maxRetryTime", Whole("", always(0, 100)), "Limits how often it retries."),
                _keeps("triggerInterval", Whole("seconds", always(3, 600)), "Sets how often it calls."),
            )
        ),
        "Describes how Log Service calls the function.",
    ),
    _acts(
        "logConfig",
        Nested(
            Table(
                "LogTarget",
                "This map names the log store for the log of the job itself.",
                _keeps("project", TEXT, "Names the project.", ""),
                _keeps("logstore", TEXT, "Names the log store.", ""),
            )
        ),
        "Says where the job writes its log.",
    ),
    _acts("functionParameter", ANYTHING, "Adds a parameter to each event.", {}),
    _acts("enable", FLAG, "Switches the trigger on or off.", True),
    source=_SOURCE,
)
CDN: Final = Table(
    "Cdn",
    "A CDN trigger fires on events of CDN.",
    _acts("eventName", TEXT, "Names the event.", ""),
    _acts("eventVersion", TEXT, "Names the version of the event.", ""),
    _acts("notes", TEXT, "Describes the trigger to people.", ""),
    _acts(
        "filter",
        Nested(
            Table(
                "CdnFilter",
                "This filter selects events of CDN.",
                _acts("domain", Texts("domains"), "Selects events of these domains.", ()),
            )
        ),
        "Selects events.",
    ),
    source=_SOURCE,
)
TABLESTORE: Final = Table(
    "Tablestore", "A Table Store trigger fires on changes of a table's rows; it has no settings.", source=_SOURCE
)
RDS: Final = Table(
    "Rds",
    "An RDS trigger fires on changes of a database.",
    _keeps("subscriptionObjects", Texts("tables"), "Selects tables.", ()),
    _keeps("retry", ANYTHING, "Describes how it retries."),
    _keeps("concurrency", ANYTHING, "Limits how many run at a time."),
    _keeps("eventFormat", TEXT, "Chooses the form of the events.", ""),
    source=_SOURCE,
)


def _kind(name: str, kind: Value, inert: bool = False) -> Field:
    """The key of a file that says of which kind a trigger is, and has its settings."""
    return said(name, kind, _SOURCE_HELP, name, inside="triggerConfig", inert=inert)


TRIGGER: Final = Table(
    "Trigger",
    "A trigger has exactly one of the keys that say what invokes the function, and settings of it.",
    shows("triggerName", NAME, "Names the trigger."),
    shows("triggerId", TEXT, "Identifies the trigger; the URL of an HTTP trigger has this id."),
    shows("triggerType", Choice(KINDS), "Names its kind."),
    acts("triggerConfig", OBJECT, "Holds the settings of its kind, under FC's names.", "config", key=""),
    said(
        "cronExpression",
        Cron(),
        "Says when the timer fires: @every 5m, or six fields of cron, which CRON_TZ=ZONE may precede.",
        "timer",
        inside="triggerConfig",
        key="timer",
    ),
    said(
        "methods",
        Methods(short=True),
        "Lists the HTTP methods; any stands for all of them.",
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
    said(
        "payload",
        TEXT,
        "Sets the payload that a timer sends to the function.",
        "payload",
        inside="triggerConfig",
        default="",
    ),
    said("enable", FLAG, "Switches a timer on or off.", "enable", inside="triggerConfig", default=True),
    said(
        "authType",
        Choice(AUTH_TYPES),
        "Decides who may call an HTTP trigger.",
        "auth_type",
        inside="triggerConfig",
        default="anonymous",
    ),
    acts("sourceArn", TEXT, "Names the source of its events.", "source_arn", default=""),
    acts(
        "invocationRole",
        TEXT,
        "Names the role that invokes the function; fcemu does not check it.",
        "role",
        default="",
    ),
    acts(
        "qualifier",
        ANY_QUALIFIER,
        "Names the version or alias to invoke.",
        "qualifier",
        default=LATEST,
        written=QUALIFIER,
    ),
    DESCRIPTION,
    *TIMES,
    shows("urlInternet", TEXT, "Gives the address of an HTTP trigger.", versions=(V2021,)),
    shows("status", TEXT, "Is always empty.", versions=IN_3_0),
    shows("targetArn", TEXT, "Gives the ARN of the function with its qualifier.", versions=IN_3_0),
    shows("httpTrigger", OBJECT, "Gives the address of an HTTP trigger.", versions=IN_3_0),
    said("kept", OBJECT, "Holds more of FC's settings of its kind.", "kept", default={}),
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
    "An item of ``eventSources`` names a source whose events a trigger of another product delivers.",
    acts("sourceArn", TEXT, "Gives its ARN.", "source_arn", versions=(V2021,), required=True),
    said("qualifier", QUALIFIER, "Names the version or alias to invoke.", "qualifier", default=LATEST),
    shows("createdTime", TEXT, "Gives the time at which it was registered.", versions=(V2021,)),
    source="wire-api §4",
)
