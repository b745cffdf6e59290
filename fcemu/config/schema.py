"""Its shape, defaults and help texts, as dataclasses.

One table drives everything: what may be written where, what it means, what is "not supported yet" and what people write
instead. Each shape is a map of the file; each of its fields is a key. What is read becomes an instance of the shape.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, ClassVar, Final, NamedTuple, get_type_hints

from fcemu.config.load import Scalar
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
from fcemu.core.names import LATEST
from fcemu.core.programs import DEFAULT_COMMAND, DEFAULT_PORT
from fcemu.core.settings import Settings

RUNTIMES: Final = (*PYTHON_RUNTIMES, *NODE_RUNTIMES, *CUSTOM_RUNTIMES)
LATER_RUNTIMES: Final = ("dotnet", "go", "java", "micro-sandbox", "php")
"""How the names of FC's other runtimes begin."""


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
    INSTANT = "a date and time with a zone, read as an aware datetime in UTC"
    TARGET = "a destination: a short form or an ARN"
    PLACES = "a map from destinations to URLs"
    VARIABLES = "a map of environment variables; other scalars than texts become text"


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
    """A map of its own shape."""

    shape: "type[Shape]"


class Several(NamedTuple):
    """A map of its own shape, or a list of such maps that differ in the key ``by``; read as a tuple."""

    shape: "type[Shape]"
    by: str


class Named(NamedTuple):
    """A map from names that the user chooses to maps of one shape; ``noun`` is what it names."""

    shape: "type[Shape]"
    noun: str


Value = Plain | Text | Written | Choice | Whole | Duration | Number | Numbers | Texts | Nested | Several | Named


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
        case Texts(what):
            return f"a list of {what}"
        case Plain.INSTANT:
            return "a date and time with a zone, such as 2026-01-01T00:00:00Z"
        case Plain.TARGET:
            return "a destination: function:NAME, queue:NAME, topic:NAME, eventbus:NAME or an ARN"
        case Plain.RUNTIME:
            return "a runtime of FC"
        case Plain.VARIABLES:
            return "text"
        case Plain.PLACES:
            return "a map of destinations and URLs"
        case Nested() | Named():
            return "a map"
        case Several():
            return "a map, or a list of maps"


class Key(NamedTuple):
    """One key of the file. ``default`` is what holds without it, for documents; ``field`` its place in the shape.
    ``not_for``: how runtimes begin for which a required key is not required."""

    name: str
    value: Value
    about: str
    default: object = None
    required: bool = False
    not_for: tuple[str, ...] = ()
    field: str = ""


class Shape:
    """A map of the file. Each field is a key, with its ``Key`` as annotation; it is ``None`` when the key is not there,
    so that "not said" and 0 stay apart. ``later``: keys that a later version takes, with their help."""

    __slots__ = ()
    later: ClassVar[Mapping[str, str]] = {}


_KEYS: Final[dict[type[Shape], Mapping[str, Key]]] = {}


def keys_of(shape: type[Shape]) -> Mapping[str, Key]:
    """The keys of a shape by their names in the file."""
    if shape not in _KEYS:
        hints = get_type_hints(shape, include_extras=True).items()
        keys = [key._replace(field=name) for name, hint in hints for key in getattr(hint, "__metadata__", ())]
        _KEYS[shape] = {key.name: key for key in keys}
    return _KEYS[shape]


def names_of(shape: type[Shape]) -> frozenset[str]:
    """Every key that means something there, now or later."""
    return frozenset(keys_of(shape)) | frozenset(shape.later)


def below(shape: type[Shape]) -> Iterator[tuple[str, int, type[Shape]]]:
    """The shapes inside a shape, nearest first: the way there, how many levels down, the shape."""
    reached: list[tuple[str, int, type[Shape]]] = [("", 0, shape)]
    while reached:
        way, depth, current = reached.pop(0)
        if way:
            yield way, depth, current
        for key in keys_of(current).values():
            if isinstance(key.value, Nested | Several):
                reached.append((f"{way}.{key.name}".lstrip("."), depth + 1, key.value.shape))
            elif isinstance(key.value, Named):
                reached.append((f"{way}.{key.name}.NAME".lstrip("."), depth + 2, key.value.shape))
        reached.sort(key=lambda found: found[1])


_USUAL: Final = Settings()
_DAY: Final = 86_400

_HANDLER: Final = Written("module.function")
_DIRECTORY: Final = Written("the path of a directory")
_PROGRAM: Final = Written("the path of a program")
_RETRIES: Final = Whole("", lambda limits: (0, limits.retry_attempts_max))
_EVENT_AGE: Final = Duration(lambda limits: (1, limits.event_age_max_seconds))
_TIMEOUT: Final = Duration(lambda limits: (1, limits.timeout_max_seconds))
_MEMORY: Final = Whole("MB", lambda limits: (limits.memory_min_mb, limits.memory_max_mb), strict_step=64)
_PORT: Final = Whole("", lambda _: (1, 65_535))
_SEED: Final = Whole("", lambda _: (0, 2**63 - 1))
_DEPTH: Final = Whole("", lambda _: (0, 1000))
_WAITS: Final = Numbers(Number("seconds", 0, 30 * _DAY))
_ABOVE_0: Final = Number("seconds", 0, _DAY, above=True)
_GRACE: Final = Number("seconds", 0, _DAY)

_CODE_HELP: Final = "Directory of the handler's files, absolute or relative to this file."
_OWNERS_LATER: Final = {"versions": "Published versions.", "aliases": "Names for versions."}


def _seconds(duration: timedelta) -> float:
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


_USUAL_WAITS: Final = tuple(_seconds(wait) for wait in _USUAL.retry_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncShape(Shape):
    """``asyncInvokeConfig``: what happens to asynchronous invocations by one qualifier."""

    qualifier: Annotated[
        str | None,
        Key("qualifier", Text("a version or an alias", "[A-Za-z0-9_-]{1,128}"), "Invoked by what name.", LATEST),
    ] = None
    task_mode: Annotated[
        bool | None,
        Key("asyncTask", Plain.FLAG, "Task mode: each invocation has a record that can be listed and stopped.", False),
    ] = None
    max_retries: Annotated[
        int | None, Key("maxAsyncRetryAttempts", _RETRIES, "How often a failed attempt is repeated.", DEFAULT_RETRIES)
    ] = None
    max_age: Annotated[
        timedelta | None,
        Key("maxAsyncEventAgeInSeconds", _EVENT_AGE, "How old an event may become.", _seconds(DEFAULT_EVENT_AGE)),
    ] = None
    on_success: Annotated[Destination | None, Key("onSuccess", Plain.TARGET, "Where a success is reported.")] = None
    on_failure: Annotated[Destination | None, Key("onFailure", Plain.TARGET, "Where a failure is reported.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShape(Shape):
    """One function."""

    later: ClassVar[Mapping[str, str]] = {
        "initializer": "Handler that runs once for each new instance.",
        "instanceConcurrency": "How many requests one instance takes at a time.",
        "layers": "Shared directories under /opt.",
        "preFreeze": "Handler that runs before an instance is frozen (2.0).",
        "preStop": "Handler that runs before an instance is ended.",
        "reservedConcurrency": "How many requests may run at a time.",
        "triggers": "What else invokes the function: timers, HTTP, events.",
        **_OWNERS_LATER,
    }
    handler: Annotated[
        Scalar | None,
        Key(
            "handler",
            _HANDLER,
            "What is called: DIRECTORY/MODULE.FUNCTION below the code directory; a custom runtime has none.",
            required=True,
            not_for=("custom",),
        ),
    ] = None
    code: Annotated[Scalar | None, Key("code", _DIRECTORY, _CODE_HELP)] = None
    runtime: Annotated[
        str | None, Key("runtime", Plain.RUNTIME, "Which of FC's runtimes it is written for.", DEFAULT_RUNTIME)
    ] = None
    timeout: Annotated[
        timedelta | None, Key("timeout", _TIMEOUT, "How long one attempt may run.", _seconds(DEFAULT_TIMEOUT))
    ] = None
    memory_mb: Annotated[int | None, Key("memorySize", _MEMORY, "Memory of an instance.", DEFAULT_MEMORY_MB)] = None
    command: Annotated[
        tuple[str, ...] | None,
        Key("command", Texts("texts"), "How a custom runtime is started, in the code directory.", DEFAULT_COMMAND),
    ] = None
    python: Annotated[
        Scalar | None,
        Key("python", _PROGRAM, "Which Python runs it in a process, such as .venv/bin/python.", "that of the emulator"),
    ] = None
    port: Annotated[int | None, Key("port", _PORT, "Where a custom runtime listens.", DEFAULT_PORT)] = None
    environment: Annotated[
        Mapping[str, str] | None, Key("environmentVariables", Plain.VARIABLES, "What os.environ has besides.", {})
    ] = None
    asynchronous: Annotated[
        tuple[AsyncShape, ...] | None,
        Key("asyncInvokeConfig", Several(AsyncShape, "qualifier"), "Retries and destinations, also a list of such."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceShape(Shape):
    """One service of FC 2.0."""

    later: ClassVar[Mapping[str, str]] = _OWNERS_LATER
    code: Annotated[Scalar | None, Key("code", _DIRECTORY, _CODE_HELP)] = None
    functions: Annotated[
        Mapping[str, FunctionShape] | None, Key("functions", Named(FunctionShape, "function"), "Its functions.", {})
    ] = None


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
class EmulatorShape(Shape):
    """``emulator``: settings of the emulator itself. Its fields have the names of the fixture's options."""

    later: ClassVar[Mapping[str, str]] = {
        "auth": "Whether signatures are verified, and the access keys.",
        "coldStartSeconds": "How long a new instance takes to start.",
        "idleSeconds": "How long an idle instance is kept.",
        "throttleMode": "What a throttled invocation does: wait or backoff.",
    }
    clock: Annotated[ClockShape | None, Key("clock", Nested(ClockShape), "How virtual time passes.")] = None
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
    task_retention_seconds: Annotated[
        float | None,
        Key(
            "taskRetentionSeconds",
            Number("seconds", 0, 30 * _DAY),
            "How long FC's API shows a task that has ended.",
            _seconds(_USUAL.task_retention),
        ),
    ] = None
    deliver_to: Annotated[
        Mapping[str, str] | None,
        Key("deliverTo", Plain.PLACES, "URLs to which reports are posted besides, by destination."),
    ] = None
    delivery_retry_seconds: Annotated[
        tuple[float, ...] | None,
        Key("deliveryRetrySeconds", _WAITS, "Wait before retry 1, 2, … of a report that could not be posted."),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShape(Shape):
    """The whole file."""

    later: ClassVar[Mapping[str, str]] = {
        "customDomains": "Domain names that lead to functions.",
        "stubs": "Canned replies instead of code.",
        "vars": "Values for ${vars.NAME}.",
    }
    region: Annotated[str | None, Key("region", Text(), "In ARNs and contexts.", _USUAL.account.region)] = None
    account_id: Annotated[
        str | None, Key("accountId", Text("digits", r"[0-9]{1,32}"), "Owner of everything.", _USUAL.account.id)
    ] = None
    code: Annotated[Scalar | None, Key("code", _DIRECTORY, _CODE_HELP, ".")] = None
    functions: Annotated[
        Mapping[str, FunctionShape] | None, Key("functions", Named(FunctionShape, "function"), "Functions, 3.0.", {})
    ] = None
    services: Annotated[
        Mapping[str, ServiceShape] | None, Key("services", Named(ServiceShape, "service"), "Services, 2.0.", {})
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
