"""A kind says what the value of a field can be, for FC's API, files, JSON Schema and pages alike.

A kind reads plain data (what JSON or YAML holds) and gives the value that the core works with, or ``Wrong``: it raises
nothing, because FC's API refuses a request at its first wrong value, and a file is told all its problems at once. The
two also speak differently: ``allowed`` has the words of FC's error texts, ``expected`` those of a message about a file.

Maps whose keys have rows of their own are no kinds but ``Nested`` and ``Named`` (``rows``): a reader walks their rows.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Final

from fcemu.core.limits import RELAXED, STRICT, Limits
from fcemu.core.values import dataclass
from fcemu.core.wording import either

Bounds = Callable[[Limits], tuple[int, int]]
Schema = dict[str, Any]
_PRINTABLE: Final = r"^[^\u0000-\u001f]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Why a value cannot be read.

    ``at``: the way to the part that is wrong, by keys and indexes. ``expected``: what should be there, ``""`` where
    that is the kind's own ``expected``. ``says``: a whole message in place of "expected …, got …". ``hints``: what to
    write instead. ``is_key``: the key there is wrong, not its value, and ``says`` goes on after its name. ``more``:
    what else is wrong with the same value.
    """

    at: tuple[str | int, ...] = ()
    expected: str = ""
    says: str = ""
    hints: tuple[str, ...] = ()
    is_key: bool = False
    more: "tuple[Wrong, ...]" = ()


OTHER: Final = Wrong()
"""A value of another kind."""


def together(wrong: list[Wrong]) -> Wrong:
    """All that is wrong with one value, as one."""
    first, *more = wrong
    return replace(first, more=tuple(more))


class Kind:
    """What a single value may be."""

    __slots__ = ()
    of: ClassVar[str] = "text"
    """What plain data it is made of: text, number, fraction, flag, moment, qualifier, list, map or any."""
    parts: ClassVar[str] = "any"
    """The same of each part of a list or a map."""
    examples: ClassVar[tuple[Any, ...]] = ()
    """Values for documents and editors."""

    def read(self, given: Any, limits: Limits) -> Any:
        """The value, within the limits; ``Wrong`` where it is none."""
        return given

    def write(self, value: Any) -> Any:
        """A value as plain data, which ``read`` reads as the same."""
        return value

    def expected(self, limits: Limits) -> str:
        """What a value looks like, in the words of messages about files."""
        return self.allowed(limits)

    def allowed(self, limits: Limits) -> str:
        """The same in the words of FC's error texts."""
        return self.expected(limits)

    def schemas(self) -> list[Schema]:
        """The forms that a value can have, each as JSON Schema. Bounds are the wider ones of relaxed limits."""
        return [{}]

    def in_service(self) -> "Kind":
        """The kind as it is for functions of 2.0, which belong to a service."""
        return self


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text. ``what``: what it is, for files; ``fc``: the same for FC. ``pattern``: the whole of it fits this, if any.
    ``printable``: without control characters. ``empty``: whether it may be empty."""

    what: str = "a string"
    fc: str = "a string"
    pattern: str = ""
    printable: bool = False
    empty: bool = True

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, str) or (not given and not self.empty):
            return OTHER
        if self.printable and not given.isprintable():
            return OTHER
        return given if not self.pattern or re.fullmatch(self.pattern, given) else OTHER

    def expected(self, limits: Limits) -> str:
        return self.what

    def allowed(self, limits: Limits) -> str:
        return self.fc

    def schemas(self) -> list[Schema]:
        if self.pattern:
            return [{"type": "string", "pattern": f"^({self.pattern})$"}]
        return [{"type": "string", "pattern": _PRINTABLE} if self.printable else {"type": "string"}]


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few words, exactly. ``what``: what they are, where there are too many for a message."""

    words: tuple[str, ...]
    what: str = ""

    def read(self, given: Any, limits: Limits) -> Any:
        return given if isinstance(given, str) and given in self.words else OTHER

    def expected(self, limits: Limits) -> str:
        return self.what or either(self.words)

    def allowed(self, limits: Limits) -> str:
        return " | ".join(self.words)

    def schemas(self) -> list[Schema]:
        return [{"enum": list(self.words)}]


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or false."""

    of: ClassVar[str] = "flag"

    def read(self, given: Any, limits: Limits) -> Any:
        return given if isinstance(given, bool) else OTHER

    def expected(self, limits: Limits) -> str:
        return "true or false"

    def schemas(self) -> list[Schema]:
        return [{"type": "boolean"}]


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number, within bounds if there are any. ``step``: with strict limits, a multiple of it."""

    of: ClassVar[str] = "number"
    unit: str = ""
    bounds: Bounds | None = None
    step: int = 1

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, int) or isinstance(given, bool):
            return OTHER
        if self.bounds is None:
            return given
        least, most = self.bounds(limits)
        return given if least <= given <= most and given % (self.step if limits.strict else 1) == 0 else OTHER

    def expected(self, limits: Limits) -> str:
        if self.bounds is None:
            return "a whole number"
        steps = f" in steps of {self.step}" if self.step > 1 and limits.strict else ""
        unit = f" of {self.unit}" if self.unit else ""
        return f"a whole number{unit} from " + "{} to {}".format(*self.bounds(limits)) + steps

    def allowed(self, limits: Limits) -> str:
        if self.bounds is None:
            return "a whole number"
        return "[{}, {}]".format(*self.bounds(limits)) + (f" in steps of {self.step}" if self.step > 1 else "")

    def schemas(self) -> list[Schema]:
        if self.bounds is None:
            return [{"type": "integer"}]
        least, most = self.bounds(RELAXED)
        return [_bounded(least, most, self.expected(STRICT))]


@dataclass(frozen=True, slots=True)
class Duration(Kind):
    """Whole seconds within bounds, read as a ``timedelta``."""

    of: ClassVar[str] = "number"
    bounds: Bounds

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, int) or isinstance(given, bool):
            return OTHER
        least, most = self.bounds(limits)
        return timedelta(seconds=given) if least <= given <= most else OTHER

    def write(self, value: timedelta) -> int:
        return round(value.total_seconds())

    def expected(self, limits: Limits) -> str:
        return "a whole number of seconds from {} to {}".format(*self.bounds(limits))

    def allowed(self, limits: Limits) -> str:
        return "[{}, {}]".format(*self.bounds(limits))

    def schemas(self) -> list[Schema]:
        least, most = self.bounds(RELAXED)
        return [_bounded(least, most, self.expected(STRICT))]


def _bounded(least: int, most: int, strictly: str) -> Schema:
    return {
        "type": "integer",
        "minimum": least,
        "maximum": most,
        "$comment": f"With strict limits, the value is {strictly}.",
    }


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number with or without a fraction, within bounds if there are any. ``above``: ``least`` itself is not
    allowed."""

    of: ClassVar[str] = "fraction"
    what: str = "a number"
    least: float | None = None
    most: float | None = None
    above: bool = False

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, int | float) or isinstance(given, bool):
            return OTHER
        if self.least is not None and (given < self.least or (self.above and given == self.least)):
            return OTHER
        return OTHER if self.most is not None and given > self.most else given

    def expected(self, limits: Limits) -> str:
        if self.least is None or self.most is None:
            return self.what
        if self.above:
            return f"{self.what} above {self.least:.0f} and at most {self.most:.0f}"
        return f"{self.what} from {self.least:.0f} to {self.most:.0f}"

    def schemas(self) -> list[Schema]:
        if self.least is None or self.most is None:
            return [{"type": "number"}]
        least = "exclusiveMinimum" if self.above else "minimum"
        return [{"type": "number", least: self.least, "maximum": self.most}]


@dataclass(frozen=True, slots=True)
class Texts(Kind):
    """A list of texts, read as a tuple. ``known``: those that mean something, some of them for several by ``*``; others
    are odd, not wrong. ``each``: what each of them may be."""

    of: ClassVar[str] = "list"
    parts: ClassVar[str] = "text"
    what: str = "strings"
    known: tuple[str, ...] = ()
    each: Text = Text()

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, list | tuple):
            return OTHER
        wrong = [
            Wrong(at=(index,), expected=self.each.what)
            for index, each in enumerate(given)
            if self.each.read(each, limits) is OTHER
        ]
        return together(wrong) if wrong else tuple(given)

    def write(self, value: Any) -> Any:
        return list(value)

    def expected(self, limits: Limits) -> str:
        return f"a list of {self.what}"

    def allowed(self, limits: Limits) -> str:
        return "a list of strings"

    def schemas(self) -> list[Schema]:
        return [{"type": "array", "items": self.each.schemas()[0]}]


@dataclass(frozen=True, slots=True)
class AnyList(Kind):
    """A list of whatever plain data."""

    of: ClassVar[str] = "list"

    def read(self, given: Any, limits: Limits) -> Any:
        return given if isinstance(given, list) else OTHER

    def allowed(self, limits: Limits) -> str:
        return "a list"

    def schemas(self) -> list[Schema]:
        return [{"type": "array"}]


@dataclass(frozen=True, slots=True)
class AnyMap(Kind):
    """A map of whatever plain data, by FC's words."""

    of: ClassVar[str] = "map"

    def read(self, given: Any, limits: Limits) -> Any:
        return given if isinstance(given, dict) else OTHER

    def expected(self, limits: Limits) -> str:
        return "a map"

    def allowed(self, limits: Limits) -> str:
        return "an object"

    def schemas(self) -> list[Schema]:
        return [{"type": "object"}]


@dataclass(frozen=True, slots=True)
class Anything(Kind):
    """Whatever plain data it is."""

    of: ClassVar[str] = "any"

    def expected(self, limits: Limits) -> str:
        return "any plain data"


@dataclass(frozen=True, slots=True)
class TextMap(Kind):
    """A map from keys that the user chooses to texts. ``what``: what it maps."""

    of: ClassVar[str] = "map"
    parts: ClassVar[str] = "text"
    examples: ClassVar[tuple[Any, ...]] = ({"team": "media"},)
    what: str = "keys to strings"

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, dict):
            return OTHER
        wrong = [Wrong(at=(name,), expected="a string") for name, text in given.items() if not isinstance(text, str)]
        return together(wrong) if wrong else given

    def write(self, value: Any) -> Any:
        return dict(value)

    def expected(self, limits: Limits) -> str:
        return f"a map from {self.what}"

    def allowed(self, limits: Limits) -> str:
        return "an object whose values are strings"

    def schemas(self) -> list[Schema]:
        return [{"type": "object", "additionalProperties": {"type": "string"}}]


TEXT: Final = Text()
LINE: Final = Text(printable=True, empty=False)
"""A text that can be printed and is not empty."""
FLAG: Final = Flag()
WHOLE: Final = Whole()
NUMBER: Final = Number()
OBJECT: Final = AnyMap()
LIST: Final = AnyList()
ANYTHING: Final = Anything()
TEXTS: Final = Texts()
TAGS: Final = TextMap()


def always(least: int, most: int) -> Bounds:
    """Bounds that no limit changes."""
    return lambda _: (least, most)
