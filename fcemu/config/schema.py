"""Its shape, defaults and help texts, as dataclasses.

One table drives everything: what may be written where, what it means, what is "not supported yet" and what people write
instead. Each shape is a map of the file; each of its fields is a key. What is read becomes an instance of the shape.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, ClassVar, Final, NamedTuple, get_type_hints

from fcemu.config.problems import Place
from fcemu.config.tree import Scalar
from fcemu.core.destinations import Destination
from fcemu.core.functions import (
    DEFAULT_EVENT_AGE,
    DEFAULT_MEMORY_MB,
    DEFAULT_RETRIES,
    DEFAULT_RUNTIME,
    DEFAULT_TIMEOUT,
    PYTHON_RUNTIMES,
)
from fcemu.core.languages import CUSTOM_RUNTIMES, NODE_RUNTIMES
from fcemu.core.limits import STRICT, Limits
from fcemu.core.names import FUNCTION, FUNCTION_3_0, NAME
from fcemu.core.programs import DEFAULT_COMMAND, DEFAULT_PORT
from fcemu.core.settings import THROTTLE_MODES, UNBOUNDED, Settings
from fcemu.core.stubs import Step, error_named

RUN_HERE: Final = (*PYTHON_RUNTIMES, *NODE_RUNTIMES, *CUSTOM_RUNTIMES)
"""Those that the emulator has; functions of the others are defined, and an invocation of them is refused."""


# What a value can be. ``limits`` decides where FC's own quotas bound it.


class Text(NamedTuple):
    """A printable text that fits ``pattern``, which ``what`` describes."""

    what: str = "text"
    pattern: str = ".+"


class Written(NamedTuple):
    """A text whose place is kept, because files are looked for later: the value is the ``Scalar`` itself."""

    what: str


class Plain(Enum):
    """Values without bounds of their own."""

    RUNTIME = "one of RUNTIMES"
    FLAG = "true or false"
    PAYLOAD = "any text, empty too"
    FUNCTION = "the name of a function, its place kept"
    QUALIFIER = "a version or an alias, its place kept; a version may be written as a number"
    INSTANT = "a date and time with a zone, read as an aware datetime in UTC"
    TARGET = "a destination: a short form or an ARN"
    PLACES = "a map from destinations to URLs"
    SECRETS = "a map from the ids of access keys to their secrets"
    CRON = "an expression of FC's timers"
    METHODS = "a list of HTTP methods, or any; read as a tuple, which is empty for any"
    FREE = "whatever plain data it is, read as Python values"
    VARIABLES = "a map of environment variables; other scalars than texts become text"
    WEIGHTS = "a map from versions to shares of 1"


class Target(NamedTuple):
    """A destination as it is written, with its place: whether there is such a function is looked up later."""

    place: Place
    destination: Destination


class Choice(NamedTuple):
    """One of a few words."""

    words: tuple[str, ...]


class Whole(NamedTuple):
    """A whole number; with strict limits also a multiple of ``strict_step``."""

    unit: str
    bounds: Callable[[Limits], tuple[int, int]]
    strict_step: int = 1


class Duration(NamedTuple):
    """Whole seconds, read as a ``timedelta``."""

    bounds: Callable[[Limits], tuple[int, int]]


class Number(NamedTuple):
    """A number with or without a fraction. ``above``: ``least`` itself is not allowed."""

    what: str
    least: float
    most: float
    above: bool = False


class Numbers(NamedTuple):
    """A list of at least one number, read as a tuple."""

    each: Number


class Texts(NamedTuple):
    """A list of texts, read as a tuple."""

    what: str


class Nested(NamedTuple):
    """A map of its own shape. ``short``: the key that a single text in its place stands for. ``by``: there may also be
    a list of such maps, which this key tells apart; read as a tuple, also where there is one. ``many``: the same, and
    nothing needs to tell them apart."""

    shape: "type[Shape]"
    short: str = ""
    by: str = ""
    many: bool = False


class Names(NamedTuple):
    """What names can be: a pattern, and the words for it."""

    pattern: str
    rule: str


class Named(NamedTuple):
    """A map from names that the user chooses to maps of one shape; ``noun`` is what it names. ``short`` as in
    ``Nested``."""

    shape: "type[Shape]"
    noun: str
    names: Names = Names(
        NAME,
        "allowed: letters, digits, '_' and '-', not first a digit or '-', at most 128 characters",
    )
    short: str = ""


Value = Plain | Text | Written | Choice | Whole | Duration | Number | Numbers | Texts | Nested | Named


def expected(kind: Value, limits: Limits) -> str:
    """What a value of this kind looks like, in the words of messages and documents."""
    match kind:
        case Text(what) | Written(what):
            return what
        case Choice(words):
            return " or ".join(words)
        case Plain.FLAG:
            return "true or false"
        case Duration(bounds):
            return "whole seconds {}-{}".format(*bounds(limits))
        case Whole(unit, bounds, step):
            steps = f" in steps of {step}" if step > 1 and limits is STRICT else ""
            return (f"whole {unit}" if unit else "a whole number") + " {}-{}".format(*bounds(limits)) + steps
        case Number(what, least, most, above):
            return f"{what} above {least:.0f}, at most {most:.0f}" if above else f"{what} {least:.0f}-{most:.0f}"
        case Numbers(each):
            return f"a list of one or more numbers, {expected(each, limits)}"
        case Plain.INSTANT:
            return "a date and time with a zone, such as 2026-01-01T00:00:00Z"
        case Plain.TARGET:
            return "a destination: function:NAME, queue:NAME, topic:NAME, eventbus:NAME or an ARN"
        case Plain.RUNTIME:
            return "a runtime of FC"
        case Plain.PAYLOAD:
            return "text"
        case Plain.QUALIFIER:
            return "a version or an alias"
        case Plain.FUNCTION:
            return "the name of a function: NAME, or SERVICE/NAME for 2.0"
        case Plain.CRON:
            return "a timer: '@every 5m', or six fields: seconds, minutes, hours, day of month, month, day of week"
        case Plain.METHODS:
            return f"any, or a list of {', '.join(METHODS)}"
        case Plain.FREE:
            return "plain data"
        case Plain.PLACES:
            return "a map of destinations and URLs"
        case Plain.SECRETS:
            return "a map of access keys and their secrets"
        case Plain.WEIGHTS:
            return "a map from versions to shares of 1"
        case Plain.VARIABLES:
            return "text"
        case Texts(what):
            return f"a list of {what}"
        case Nested() | Named():
            return "a map"


METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")


class Key(NamedTuple):
    """One key of the file. ``default`` is what holds without it, for documents; ``field`` its place in the shape.

    ``inert``: it is kept and shown by FC's API, and has no effect yet.
    ``not_for``: how runtimes begin for which a required key is not required.
    """

    name: str
    value: Value
    about: str
    default: object = None
    required: bool = False
    inert: bool = False
    not_for: tuple[str, ...] = ()
    field: str = ""


class Shape:
    """A map of the file. Each field is a key, with its ``Key`` as annotation; it is ``None`` when the key is not there,
    so that "not said" and 0 stay apart. ``one_of``: keys of which exactly one must be there. ``only_with``: keys that
    need one of these."""

    __slots__ = ()
    one_of: ClassVar[tuple[str, ...]] = ()
    only_with: ClassVar[Mapping[str, str]] = {}

    def contradiction(self) -> str:
        """What its values contradict each other in; empty when they do not."""
        return ""


_KEYS: Final[dict[type[Shape], Mapping[str, Key]]] = {}


def keys_of(shape: type[Shape]) -> Mapping[str, Key]:
    """The keys of a shape by their names in the file."""
    if shape not in _KEYS:
        hints = get_type_hints(shape, include_extras=True).items()
        keys = [key._replace(field=name) for name, hint in hints for key in getattr(hint, "__metadata__", ())]
        _KEYS[shape] = {key.name: key for key in keys}
    return _KEYS[shape]


def below(shape: type[Shape]) -> Iterator[tuple[str, int, type[Shape]]]:
    """The shapes inside a shape, nearest first: the way there, how many levels down, the shape."""
    if shape not in _BELOW:
        _BELOW[shape] = list(_walk(shape))
    yield from _BELOW[shape]


_BELOW: Final[dict[type[Shape], list[tuple[str, int, type[Shape]]]]] = {}


def _walk(shape: type[Shape]) -> Iterator[tuple[str, int, type[Shape]]]:
    reached: list[tuple[str, int, type[Shape]]] = [("", 0, shape)]
    while reached:
        way, depth, current = reached.pop(0)
        if way:
            yield way, depth, current
        for key in keys_of(current).values():
            if isinstance(key.value, Nested):
                reached.append((f"{way}.{key.name}".lstrip("."), depth + 1, key.value.shape))
            elif isinstance(key.value, Named):
                reached.append((f"{way}.{key.name}.NAME".lstrip("."), depth + 2, key.value.shape))
        reached.sort(key=lambda found: found[1])


_USUAL: Final = Settings()
_DAY: Final = 86_400

_HANDLER: Final = Written("module.function")
_DIRECTORY: Final = Written("the path of a directory")
_PROGRAM: Final = Written("the path of a program")
_TEXT: Final = Text()
_RETRIES: Final = Whole("", lambda limits: (0, limits.retry_attempts_max))
_EVENT_AGE: Final = Duration(lambda limits: (1, limits.event_age_max_seconds))
_TIMEOUT: Final = Duration(lambda limits: (1, limits.timeout_max_seconds))
_MEMORY: Final = Whole("MB", lambda limits: (limits.memory_min_mb, limits.memory_max_mb), strict_step=64)
_SEED: Final = Whole("", lambda _: (0, 2**63 - 1))
_DEPTH: Final = Whole("", lambda _: (0, 1000))
_WAITS: Final = Numbers(Number("seconds", 0, 30 * _DAY))
_ABOVE_0: Final = Number("seconds", 0, _DAY, above=True)
_GRACE: Final = Number("seconds", 0, _DAY)
_HOOK_TIMEOUT: Final = Duration(lambda _: (1, 300))
_CONCURRENCY: Final = Whole("", lambda _: (1, 200))
_RESERVED: Final = Whole("", lambda _: (0, 100_000))
_PORT: Final = Whole("", lambda _: (1, 65_535))
_LATEST: Final = "LATEST"
_QUALIFIER: Final = Plain.QUALIFIER
_VERSIONS: Final = Names(r"[1-9][0-9]{0,9}", "versions are numbered from '1'")
_DOMAINS: Final = Names(r"[A-Za-z0-9*][A-Za-z0-9.*_-]{0,254}", "allowed: a host name")
_PATHS: Final = Names(r"/[!-~]{0,255}", "allowed: a path that begins with '/', such as /* or /api/*")
_QUALIFIER_HELP: Final = "Which version or alias it is for."
_KEPT_HELP: Final = "Settings of FC that have no effect here, by FC's names; FC's API shows them."

_CODE_HELP: Final = "Directory of the handler's files, absolute or relative to this file."


def _seconds(duration: timedelta) -> float:
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


_USUAL_WAITS: Final = tuple(_seconds(wait) for wait in _USUAL.retry_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncShape(Shape):
    """``asyncInvokeConfig``: what happens to asynchronous invocations. A list of such maps has settings by
    ``qualifier``."""

    qualifier: Annotated[Scalar | None, Key("qualifier", _QUALIFIER, _QUALIFIER_HELP, _LATEST)] = None
    task_mode: Annotated[
        bool | None,
        Key(
            "asyncTask",
            Plain.FLAG,
            "Task mode: each invocation has a record that can be listed and stopped.",
            False,
        ),
    ] = None
    max_retries: Annotated[
        int | None, Key("maxAsyncRetryAttempts", _RETRIES, "How often a failed attempt is repeated.", DEFAULT_RETRIES)
    ] = None
    max_age: Annotated[
        timedelta | None,
        Key("maxAsyncEventAgeInSeconds", _EVENT_AGE, "How old an event may become.", _seconds(DEFAULT_EVENT_AGE)),
    ] = None
    on_success: Annotated[Target | None, Key("onSuccess", Plain.TARGET, "Where a success is reported.")] = None
    on_failure: Annotated[Target | None, Key("onFailure", Plain.TARGET, "Where a failure is reported.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookShape(Shape):
    """A lifecycle hook; a text alone is its handler."""

    handler: Annotated[Scalar, Key("handler", _HANDLER, "What is called, as a function's handler.", required=True)]
    timeout: Annotated[timedelta | None, Key("timeout", _HOOK_TIMEOUT, "How long it may run.", 3)] = None


_SOURCE_HELP: Final = "What happens there invokes the function; the settings are FC's."


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerShape(Shape):
    """A trigger: exactly one of the keys that say what invokes the function, and its settings."""

    one_of: ClassVar[tuple[str, ...]] = (
        *("timer", "http", "oss", "mns_topic", "eventbridge", "log", "cdn_events", "tablestore", "rds", "kafka"),
        "mqtt",
    )
    only_with: ClassVar[Mapping[str, str]] = {"payload": "timer", "enable": "timer", "authType": "http"}
    timer: Annotated[
        str | None, Key("timer", Plain.CRON, "When: @every 5m, or six fields of cron; CRON_TZ=ZONE may come first.")
    ] = None
    http: Annotated[
        tuple[str, ...] | None, Key("http", Plain.METHODS, "Which HTTP methods: a list, or any for all.")
    ] = None
    oss: Annotated[object | None, Key("oss", Plain.FREE, _SOURCE_HELP)] = None
    mns_topic: Annotated[object | None, Key("mns_topic", Plain.FREE, _SOURCE_HELP)] = None
    eventbridge: Annotated[object | None, Key("eventbridge", Plain.FREE, _SOURCE_HELP)] = None
    log: Annotated[object | None, Key("log", Plain.FREE, _SOURCE_HELP)] = None
    cdn_events: Annotated[object | None, Key("cdn_events", Plain.FREE, _SOURCE_HELP)] = None
    tablestore: Annotated[object | None, Key("tablestore", Plain.FREE, _SOURCE_HELP)] = None
    rds: Annotated[object | None, Key("rds", Plain.FREE, _SOURCE_HELP, inert=True)] = None
    kafka: Annotated[object | None, Key("kafka", Plain.FREE, _SOURCE_HELP, inert=True)] = None
    mqtt: Annotated[object | None, Key("mqtt", Plain.FREE, _SOURCE_HELP, inert=True)] = None
    payload: Annotated[str | None, Key("payload", Plain.PAYLOAD, "What a timer hands to the function.", "")] = None
    enable: Annotated[bool | None, Key("enable", Plain.FLAG, "Whether a timer fires.", True)] = None
    qualifier: Annotated[Scalar | None, Key("qualifier", _QUALIFIER, _QUALIFIER_HELP, _LATEST)] = None
    auth_type: Annotated[
        str | None,
        Key("authType", Choice(("anonymous", "function", "jwt")), "Who may call an HTTP trigger.", "anonymous"),
    ] = None
    description: Annotated[str | None, Key("description", Plain.PAYLOAD, "For people.", "")] = None
    source_arn: Annotated[str | None, Key("sourceArn", _TEXT, "Where its events come from.", "")] = None
    role: Annotated[str | None, Key("invocationRole", _TEXT, "Who may invoke; not checked.", "")] = None
    kept: Annotated[Mapping[str, object] | None, Key("kept", Plain.FREE, "More of FC's settings for its kind.", {})] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsShape(Shape):
    """What a version freezes of a function."""

    code: Annotated[Scalar | None, Key("code", _DIRECTORY, _CODE_HELP)] = None
    runtime: Annotated[
        str | None, Key("runtime", Plain.RUNTIME, "Which of FC's runtimes it is written for.", DEFAULT_RUNTIME)
    ] = None
    timeout: Annotated[
        timedelta | None, Key("timeout", _TIMEOUT, "How long one attempt may run.", _seconds(DEFAULT_TIMEOUT))
    ] = None
    memory_mb: Annotated[int | None, Key("memorySize", _MEMORY, "Memory of an instance.", DEFAULT_MEMORY_MB)] = None
    environment: Annotated[
        Mapping[str, str] | None, Key("environmentVariables", Plain.VARIABLES, "What os.environ has besides.", {})
    ] = None
    initializer: Annotated[
        HookShape | None,
        Key("initializer", Nested(HookShape, "handler"), "Runs once for each new instance."),
    ] = None
    pre_freeze: Annotated[
        HookShape | None,
        Key("preFreeze", Nested(HookShape, "handler"), "Runs before an instance is frozen (2.0)."),
    ] = None
    pre_stop: Annotated[
        HookShape | None,
        Key("preStop", Nested(HookShape, "handler"), "Runs before an instance is stopped."),
    ] = None
    instance_concurrency: Annotated[
        int | None,
        Key("instanceConcurrency", _CONCURRENCY, "How many requests one instance takes at a time.", 1),
    ] = None
    command: Annotated[
        tuple[str, ...] | None,
        Key("command", Texts("texts"), "How a custom runtime is started, in the code directory.", DEFAULT_COMMAND),
    ] = None
    python: Annotated[
        Scalar | None,
        Key("python", _PROGRAM, "Which Python runs it in a process, such as .venv/bin/python.", "that of the emulator"),
    ] = None
    port: Annotated[int | None, Key("port", _PORT, "Where a custom runtime listens.", DEFAULT_PORT)] = None
    layers: Annotated[
        tuple[str, ...] | None,
        Key(
            "layers",
            Texts("directories or ARNs"),
            "Shared directories under /opt: directories of this machine, or ARNs.",
            (),
        ),
    ] = None
    description: Annotated[str | None, Key("description", Plain.PAYLOAD, "For people.", "")] = None
    kept: Annotated[Mapping[str, object] | None, Key("kept", Plain.FREE, _KEPT_HELP, {})] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenShape(SettingsShape):
    """A published version of a 3.0 function: what differs from what the function is now."""

    handler: Annotated[Scalar | None, Key("handler", _HANDLER, "What is called.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasShape(Shape):
    """A name for a version; a text alone is the version."""

    version: Annotated[Scalar, Key("version", _QUALIFIER, "Which version: its number, or LATEST.", required=True)]
    weights: Annotated[
        Mapping[str, float] | None,
        Key("additionalVersionWeight", Plain.WEIGHTS, "Which share of the invocations other versions get.", {}),
    ] = None
    description: Annotated[str | None, Key("description", Plain.PAYLOAD, "For people.", "")] = None


_ALIASES_KEY: Final = Key("aliases", Named(AliasShape, "alias", short="version"), "Names for versions.", {})


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShape(SettingsShape):
    """One function."""

    handler: Annotated[
        Scalar | None,
        Key(
            "handler",
            _HANDLER,
            "What is called: DIRECTORY/MODULE.FUNCTION below the code directory; a custom runtime has none.",
            required=True,
            not_for=("custom", "micro-sandbox"),
        ),
    ] = None
    reserved_concurrency: Annotated[
        int | None, Key("reservedConcurrency", _RESERVED, "How many instances it may have, which are for it alone.")
    ] = None
    asynchronous: Annotated[
        tuple[AsyncShape, ...] | None,
        Key("asyncInvokeConfig", Nested(AsyncShape, by="qualifier"), "Retries and destinations."),
    ] = None
    triggers: Annotated[
        Mapping[str, TriggerShape] | None,
        Key("triggers", Named(TriggerShape, "trigger"), "What else invokes the function.", {}),
    ] = None
    versions: Annotated[
        Mapping[str, FrozenShape] | None,
        Key("versions", Named(FrozenShape, "version", _VERSIONS), "Published versions (3.0).", {}),
    ] = None
    aliases: Annotated[Mapping[str, AliasShape] | None, _ALIASES_KEY] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVersionShape(Shape):
    """A published version of a 2.0 service; without ``functions`` it has all that the service has now."""

    functions: Annotated[
        Mapping[str, FrozenShape] | None,
        Key("functions", Named(FrozenShape, "function"), "Its functions: what differs from what they are now."),
    ] = None
    description: Annotated[str | None, Key("description", Plain.PAYLOAD, "For people.", "")] = None
    kept: Annotated[Mapping[str, object] | None, Key("kept", Plain.FREE, _KEPT_HELP, {})] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceShape(Shape):
    """One service of FC 2.0."""

    code: Annotated[Scalar | None, Key("code", _DIRECTORY, _CODE_HELP)] = None
    functions: Annotated[
        Mapping[str, FunctionShape] | None, Key("functions", Named(FunctionShape, "function"), "Its functions.", {})
    ] = None
    versions: Annotated[
        Mapping[str, ServiceVersionShape] | None,
        Key("versions", Named(ServiceVersionShape, "version", _VERSIONS), "Published versions.", {}),
    ] = None
    aliases: Annotated[Mapping[str, AliasShape] | None, _ALIASES_KEY] = None
    description: Annotated[str | None, Key("description", Plain.PAYLOAD, "For people.", "")] = None
    kept: Annotated[Mapping[str, object] | None, Key("kept", Plain.FREE, _KEPT_HELP, {})] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShape(Shape):
    """Where a path of a domain leads; a text alone is the function."""

    function: Annotated[
        Scalar, Key("function", Plain.FUNCTION, "Name of the function, SERVICE/NAME in 2.0.", required=True)
    ]
    qualifier: Annotated[Scalar | None, Key("qualifier", _QUALIFIER, _QUALIFIER_HELP, _LATEST)] = None
    methods: Annotated[tuple[str, ...] | None, Key("methods", Plain.METHODS, "Which HTTP methods.", "any")] = None
    rewrite: Annotated[
        Mapping[str, object] | None, Key("rewriteConfig", Plain.FREE, "FC's rules that change the path.", {})
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainShape(Shape):
    """A custom domain."""

    protocol: Annotated[
        str | None, Key("protocol", Choice(("HTTP", "HTTPS", "HTTP,HTTPS")), "How it is reached.", "HTTP")
    ] = None
    routes: Annotated[
        Mapping[str, RouteShape] | None,
        Key("routes", Named(RouteShape, "path", _PATHS, "function"), "Where its paths lead.", {}),
    ] = None
    kept: Annotated[Mapping[str, object] | None, Key("kept", Plain.FREE, _KEPT_HELP, {})] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockShape(Shape):
    """``clock``: how virtual time passes."""

    rate: Annotated[
        float | None, Key("rate", Number("a number", 0, 1_000_000), "Virtual seconds per second; 0 is paused.", 1)
    ] = None
    start: Annotated[datetime | None, Key("start", Plain.INSTANT, "Virtual time at the start.", "now")] = None
    autojump: Annotated[
        bool | None, Key("autojump", Plain.FLAG, "Jump to what is due next instead of waiting for it.", False)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthShape(Shape):
    """``auth``: who may use the emulator."""

    auth: Annotated[bool | None, Key("verify", Plain.FLAG, "Whether signatures are verified.", _USUAL.auth)] = None
    access_keys: Annotated[
        Mapping[str, str] | None,
        Key("accessKeys", Plain.SECRETS, "The keys that are good, with their secrets.", dict(_USUAL.access_keys)),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorShape(Shape):
    """``emulator``: settings of the emulator itself. Its fields, and those of ``clock`` and ``auth``, have the names of
    the fixture's options."""

    clock: Annotated[ClockShape | None, Key("clock", Nested(ClockShape), "How virtual time passes.")] = None
    authentication: Annotated[AuthShape | None, Key("auth", Nested(AuthShape), "Who may use the emulator.")] = None
    seed: Annotated[int | None, Key("seed", _SEED, "Decides ids and every draw.", _USUAL.seed)] = None
    limits: Annotated[
        str | None,
        Key("limits", Choice(("strict", "relaxed")), "FC's quotas as documented, or wider for quick tests.", "strict"),
    ] = None
    retry_seconds: Annotated[
        tuple[float, ...] | None,
        Key("retrySeconds", _WAITS, "Wait before retry 1, 2, …; the last one repeats.", _USUAL_WAITS),
    ] = None
    retry_server_errors: Annotated[
        bool | None,
        Key("retryServerErrors", Plain.FLAG, "Whether FC's own 500 and 503 are retried.", _USUAL.retry_server_errors),
    ] = None
    age_excludes_delay: Annotated[
        bool | None,
        Key(
            "ageExcludesDelay", Plain.FLAG, "Count an event's age from the end of its delay.", _USUAL.age_excludes_delay
        ),
    ] = None
    destination_depth: Annotated[
        int | None,
        Key("destinationDepth", _DEPTH, "How many destinations may follow each other.", _USUAL.destination_depth),
    ] = None
    deliver_to: Annotated[
        Mapping[str, str] | None,
        Key("deliverTo", Plain.PLACES, "URLs to which reports are posted besides, by destination."),
    ] = None
    delivery_retry_seconds: Annotated[
        tuple[float, ...] | None,
        Key("deliveryRetrySeconds", _WAITS, "Wait before retry 1, 2, … of a report that could not be posted."),
    ] = None
    task_retention_seconds: Annotated[
        float | None,
        Key(
            "taskRetentionSeconds",
            Number("seconds", 0, 30 * _DAY),
            "How long FC's API shows a task that has ended.",
            _seconds(_USUAL.task_retention),
        ),
    ] = None
    watchdog: Annotated[
        float | None,
        Key("watchdogSeconds", _ABOVE_0, "Real time without progress that ends an attempt.", _seconds(_USUAL.watchdog)),
    ] = None
    grace_seconds: Annotated[
        float | None,
        Key("graceSeconds", _GRACE, "Real time an outside call waits for the running attempt.", _seconds(_USUAL.grace)),
    ] = None
    io_grace_seconds: Annotated[
        float | None,
        Key("ioGraceSeconds", _GRACE, "Real time an event loop waits for its sockets.", _seconds(_USUAL.io_grace)),
    ] = None
    throttle_mode: Annotated[
        str | None,
        Key(
            "throttleMode",
            Choice(THROTTLE_MODES),
            "What an asynchronous invocation does while no instance can be had.",
            _USUAL.throttle_mode,
        ),
    ] = None
    idle_seconds: Annotated[
        float | None,
        Key(
            "idleSeconds",
            Number("seconds", 0, 365 * _DAY),
            "How long an instance without work is kept.",
            _seconds(_USUAL.idle),
        ),
    ] = None
    cold_start_seconds: Annotated[
        float | None,
        Key("coldStartSeconds", Number("seconds", 0, _DAY), "How long a new instance takes to start.", 0),
    ] = None
    instance_limit: Annotated[
        int | None,
        Key(
            "instanceLimit",
            Whole("", lambda _: (0, UNBOUNDED)),
            "How many instances the account may have.",
            STRICT.instances,
        ),
    ] = None
    instances_per_minute: Annotated[
        int | None,
        Key(
            "instancesPerMinute",
            Whole("", lambda _: (0, UNBOUNDED)),
            "How many instances may start within a minute.",
            _USUAL.instances_per_minute,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisesShape(Shape):
    """``raises``: the error with which an attempt ends."""

    error_type: Annotated[str, Key("errorType", _TEXT, "The name of its class.", required=True)]
    error_message: Annotated[str | None, Key("errorMessage", Plain.PAYLOAD, "Its text.", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShape(Shape):
    """What one attempt comes to, in place of the handler's code."""

    returns: Annotated[object | None, Key("returns", Plain.FREE, "What the handler returns.")] = None
    raises: Annotated[RaisesShape | None, Key("raises", Nested(RaisesShape), "The error that it raises instead.")] = (
        None
    )
    seconds: Annotated[
        float | None, Key("seconds", Number("seconds", 0, UNBOUNDED), "How long it takes, in virtual time.", 0)
    ] = None
    logs: Annotated[str | None, Key("logs", Plain.PAYLOAD, "Text for the log of the attempt.", "")] = None
    status: Annotated[
        int | None,
        Key("status", Whole("", lambda _: (200, 503)), "Refuses the attempt with 429, 500 or 503.", 200),
    ] = None

    def step(self) -> Step:
        """The step itself. Raises ``ValueError`` for what contradicts itself."""
        said = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        if self.raises is not None:
            said["raises"] = error_named(self.raises.error_type, self.raises.error_message or "")
        return Step(**said)

    def contradiction(self) -> str:
        """What a step refuses."""
        try:
            self.step()
        except ValueError as wrong:
            return str(wrong)
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StubShape(Shape):
    """One of ``stubs``: what happens in place of a function's code."""

    steps: Annotated[
        tuple[StepShape, ...],
        Key("steps", Nested(StepShape, many=True), "One an attempt; the last one repeats.", required=True),
    ]


_FUNCTIONS_3_0: Final = Names(
    FUNCTION_3_0, "allowed: letters, digits, '_', '-' and '$', not first a digit, '-' or '$', at most 128 characters"
)
_ANY_FUNCTIONS: Final = Names(FUNCTION, "write NAME, or SERVICE/NAME for a function of 2.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShape(Shape):
    """The whole file."""

    region: Annotated[str | None, Key("region", _TEXT, "In ARNs and contexts.", _USUAL.account.region)] = None
    account_id: Annotated[
        str | None, Key("accountId", Text("digits", r"[0-9]{1,32}"), "Owner of everything.", _USUAL.account.id)
    ] = None
    variables: Annotated[Mapping[str, object] | None, Key("vars", Plain.FREE, "Values for ${vars.NAME}.", {})] = None
    code: Annotated[Scalar | None, Key("code", _DIRECTORY, _CODE_HELP, ".")] = None
    functions: Annotated[
        Mapping[str, FunctionShape] | None,
        Key("functions", Named(FunctionShape, "function", _FUNCTIONS_3_0), "Functions, 3.0.", {}),
    ] = None
    services: Annotated[
        Mapping[str, ServiceShape] | None, Key("services", Named(ServiceShape, "service"), "Services, 2.0.", {})
    ] = None
    domains: Annotated[
        Mapping[str, DomainShape] | None,
        Key("customDomains", Named(DomainShape, "domain", _DOMAINS), "Host names that lead to functions."),
    ] = None
    stubs: Annotated[
        Mapping[str, StubShape] | None,
        Key("stubs", Named(StubShape, "stub", _ANY_FUNCTIONS), "What happens in place of functions' code.", {}),
    ] = None
    emulator: Annotated[
        EmulatorShape | None, Key("emulator", Nested(EmulatorShape), "Settings of the emulator itself.")
    ] = None


ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "asyncConfiguration": ("asyncInvokeConfig",),
    "codeUri": ("code",),
    "destination": ("onSuccess", "onFailure"),
    "destinationConfig": ("onSuccess", "onFailure"),
    "env": ("environmentVariables",),
    "environment": ("environmentVariables",),
    "functionName": (),
    "maxRetry": ("maxAsyncRetryAttempts",),
    "memory": ("memorySize",),
    "name": (),
    "retries": ("maxAsyncRetryAttempts",),
    "serviceName": (),
    "statefulInvocation": ("asyncTask",),
}
"""A foreign word and the native ones for it, in any case; with none, the name that is the key above."""
