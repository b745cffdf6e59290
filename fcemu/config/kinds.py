"""What a value can be, and what a map of the file is made of.

One table drives everything: what may be written where, what it means and what it looks like. A shape is a map of the
file; each of its fields is a key. What is read becomes an instance of the shape.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import ClassVar, Final, NamedTuple, get_type_hints

from fcemu.config.problems import Place
from fcemu.core.destinations import Destination
from fcemu.core.limits import STRICT, Limits
from fcemu.core.names import NAME
from fcemu.core.triggers import METHODS

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
    TAGS = "a map from keys to texts, empty too"
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
    """A list of at least one number, read as a tuple. ``none``: or of none."""

    each: Number
    none: bool = False


class Texts(NamedTuple):
    """A list of texts, read as a tuple. ``known``: those that mean something, some of them for several by ``*``; others
    are odd. ``free``: any text will do, also one that cannot be printed."""

    what: str
    known: tuple[str, ...] = ()
    free: bool = False


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
        case Numbers(each, none):
            return f"a list of {'' if none else 'one or more '}numbers, {expected(each, limits)}"
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
        case Plain.TAGS:
            return "a map of keys and texts"
        case Plain.WEIGHTS:
            return "a map from versions to shares of 1"
        case Plain.VARIABLES:
            return "text"
        case Texts(what):
            return f"a list of {what}"
        case Nested(shape, short) if short:
            return f"{expected(keys_of(shape)[short].value, limits)}, or a map"
        case Nested() | Named():
            return "a map"


class Key(NamedTuple):
    """One key of the file. ``default`` is what holds without it, for documents; ``field`` its place in the shape.

    ``inert``: it is kept and shown by FC's API, and has no effect yet.
    ``not_for``: how runtimes begin for which a required key is not required. ``only``: the generation whose functions
    have it, where it is one of them. ``runs_in``: how runtimes begin for which it means something.
    """

    name: str
    value: Value
    about: str
    default: object = None
    required: bool = False
    inert: bool = False
    not_for: tuple[str, ...] = ()
    only: str = ""
    runs_in: str = ""
    field: str = ""
    odd: bool = False
    """Whether there is something to say or to look at where it is written: computed."""


class Shape:
    """A map of the file. Each field is a key, with its ``Key`` as annotation; it is ``None`` when the key is not there,
    so that "not said" and 0 stay apart. ``one_of``: keys of which exactly one must be there; ``none_says``: what is
    wrong without any. ``only_with``: keys that need one of these."""

    __slots__ = ()
    one_of: ClassVar[tuple[str, ...]] = ()
    none_says: ClassVar[str] = ""
    only_with: ClassVar[Mapping[str, str]] = {}

    def contradiction(self) -> str:
        """What its values contradict each other in; empty when they do not."""
        return ""


_KEYS: Final[dict[type[Shape], Mapping[str, Key]]] = {}


def keys_of(shape: type[Shape]) -> Mapping[str, Key]:
    """The keys of a shape by their names in the file."""
    if shape not in _KEYS:
        hints = get_type_hints(shape, include_extras=True).items()
        keys = [
            key._replace(field=name, odd=key.inert or key.only != "")
            for name, hint in hints
            for key in getattr(hint, "__metadata__", ())
        ]
        _KEYS[shape] = {key.name: key for key in keys}
    return _KEYS[shape]


_REQUIRED: Final[dict[type[Shape], tuple[Key, ...]]] = {}


def required_of(shape: type[Shape]) -> tuple[Key, ...]:
    """Those that must be there."""
    if shape not in _REQUIRED:
        _REQUIRED[shape] = tuple(key for key in keys_of(shape).values() if key.required)
    return _REQUIRED[shape]


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


def seconds_of(duration: timedelta) -> float:
    """A duration as files write it."""
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds
