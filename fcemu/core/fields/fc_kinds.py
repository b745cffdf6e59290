"""These kinds of values have rules of FC: variables, weights, methods, layers, destinations, qualifiers, timers."""

import re
from dataclasses import replace
from typing import Any, ClassVar, Final

from fcemu.core.cron import LONGEST_EXPRESSION, SCHEDULE, read_schedule
from fcemu.core.destinations import DESTINATION, named, parse_destination
from fcemu.core.fields.kinds import NUMBER, OTHER, Kind, Number, Schema, Wrong, together
from fcemu.core.functions import RESERVED_IN_2_0, LayerRef, wrong_variable
from fcemu.core.limits import RELAXED, STRICT, Limits
from fcemu.core.names import FUNCTION, FunctionRef
from fcemu.core.triggers import METHODS
from fcemu.core.values import dataclass

_NOT_IN_ENVIRONMENTS: Final = re.compile("[\0\ud800-\udfff]")
_QUALIFIER: Final = "[A-Za-z0-9_-]{1,128}"
_SUM: Final = 1 + 1e-9
_SHARE: Final = Number("a share", 0, 1)


@dataclass(frozen=True, slots=True)
class Variables(Kind):
    """Environment variables by their names; together they have a bound."""

    of: ClassVar[str] = "map"
    parts: ClassVar[str] = "variable"
    examples: ClassVar[tuple[Any, ...]] = ({"LEVEL": "INFO"},)
    is_in_service: bool = False

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, dict):
            return OTHER
        wrong: list[Wrong] = []
        for name, text in given.items():
            if why := wrong_variable(name, in_service=self.is_in_service):
                is_hint, says = why.startswith("a name"), "is not a valid variable name"
                said = Wrong(at=(name,), says=says if is_hint else f"{says}: {why}", is_key=True)
                wrong.append(replace(said, hints=(why,)) if is_hint else said)
            elif not isinstance(text, str):
                wrong.append(Wrong(at=(name,), expected="a string"))
            elif _NOT_IN_ENVIRONMENTS.search(text):
                wrong.append(Wrong(at=(name,), expected="a string without NUL and lone surrogate characters"))
        if not wrong:
            size = sum(len(name.encode()) + len(text.encode()) for name, text in given.items())
            if size <= limits.environment_bytes:
                return given
            wrong.append(
                Wrong(says=f"the names and values have {size} bytes; at most {limits.environment_bytes} are allowed")
            )
        return together(wrong)

    def write(self, value: Any) -> Any:
        return dict(value)

    def expected(self, limits: Limits) -> str:
        return "a map from names to strings"

    def allowed(self, limits: Limits) -> str:
        return (
            f"an object whose values are strings, of at most {limits.environment_bytes} bytes in all; a name is a "
            "letter followed by letters, digits and '_', and not reserved for FC"
        )

    def schemas(self) -> list[Schema]:
        """Scalars of other kinds become texts in a file."""
        reserved = "".join(f"|{name}$" for name in sorted(RESERVED_IN_2_0)) if self.is_in_service else ""
        names = f"^(?!FC_{reserved})[A-Za-z][A-Za-z0-9_]*$"
        text = {"type": ["string", "number", "boolean"], "pattern": r"^[^\u0000]*$"}
        return [{"type": "object", "patternProperties": {names: text}, "additionalProperties": False}]

    def in_service(self) -> Kind:
        return Variables(True)


@dataclass(frozen=True, slots=True)
class Weights(Kind):
    """Which share of the invocations the versions get. ``checked``: each is a share of 1, and so are all together; FC's
    API says that in words of its own when it points the alias."""

    of: ClassVar[str] = "map"
    parts: ClassVar[str] = "fraction"
    examples: ClassVar[tuple[Any, ...]] = ({"2": 0.1},)
    checked: bool = False

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, dict):
            return OTHER
        share = _SHARE if self.checked else NUMBER
        wrong = [
            Wrong(at=(version,), expected=share.expected(limits))
            for version, each in given.items()
            if share.read(each, limits) is OTHER
        ]
        if not wrong and self.checked and sum(given.values()) > _SUM:
            wrong.append(Wrong(says="expected shares whose sum is at most 1"))
        return together(wrong) if wrong else {version: float(each) for version, each in given.items()}

    def write(self, value: Any) -> Any:
        return dict(value)

    def expected(self, limits: Limits) -> str:
        return "a map from versions to shares of 1"

    def allowed(self, limits: Limits) -> str:
        return "an object of numbers"

    def schemas(self) -> list[Schema]:
        return [{"type": "object", "additionalProperties": _SHARE.schemas()[0]}]


@dataclass(frozen=True, slots=True)
class Methods(Kind):
    """HTTP methods, read as a tuple, which is empty for all of them. ``short``: a single one needs no list, and ``any``
    stands for all, as files have it."""

    of: ClassVar[str] = "list"
    parts: ClassVar[str] = "text"
    examples: ClassVar[tuple[Any, ...]] = ("any", ["GET", "POST"])
    short: bool = False

    def read(self, given: Any, limits: Limits) -> Any:
        if self.short and isinstance(given, str):
            given = [] if given.lower() == "any" else [given]
        elif not isinstance(given, list | tuple) or (self.short and not given):
            return OTHER
        for index, each in enumerate(given):
            if not isinstance(each, str) or each.upper() not in METHODS:
                return Wrong(at=(index,))
        return tuple(dict.fromkeys(each.upper() for each in given))

    def write(self, value: Any) -> Any:
        return list(value)

    def expected(self, limits: Limits) -> str:
        return f"any, or a list of {', '.join(METHODS)}"

    def allowed(self, limits: Limits) -> str:
        return f"a list of {' | '.join(METHODS)}"

    def schemas(self) -> list[Schema]:
        return [_words((*METHODS, "any")), {"type": "array", "items": _words(METHODS), "minItems": 1}]


def _words(words: tuple[str, ...]) -> Schema:
    """One of these, in any case."""
    either = ("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)
    return {"type": "string", "pattern": f"^({'|'.join(either)})$"}


@dataclass(frozen=True, slots=True)
class Layers(Kind):
    """The layers that a function uses, by the ARNs of their versions. ASSUMED: fcemu refuses a layer of a function that
    is not named by an ARN."""

    of: ClassVar[str] = "list"
    parts: ClassVar[str] = "text"

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, list):
            return OTHER
        wrong = [
            Wrong(at=(index,), expected="the ARN of a layer")
            for index, arn in enumerate(given)
            if not (isinstance(arn, str) and arn.startswith("acs:") and arn.isprintable())
        ]
        return together(wrong) if wrong else tuple(map(LayerRef, given))

    def write(self, value: Any) -> Any:
        return [layer.arn for layer in value]

    def allowed(self, limits: Limits) -> str:
        return "a list of layer ARNs"

    def schemas(self) -> list[Schema]:
        return [{"type": "array", "items": {"type": "string", "pattern": "^acs:"}}]


@dataclass(frozen=True, slots=True)
class Target(Kind):
    """Where reports go: a short form or an ARN, read as a ``Destination``."""

    examples: ClassVar[tuple[Any, ...]] = ("queue:failed", "function:shop/receipt", "topic:news", "eventbus:orders")

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, str) or not given or not given.isprintable():
            return OTHER
        if len(given) > limits.destination_arn_characters:
            return Wrong(says=f"expected at most {limits.destination_arn_characters} characters, got {len(given)}")
        try:
            return parse_destination(given)
        except ValueError as wrong:
            return Wrong(says=str(wrong))

    def write(self, value: Any) -> Any:
        return named(value)

    def expected(self, limits: Limits) -> str:
        return "a destination: function:NAME, queue:NAME, topic:NAME, eventbus:NAME or an ARN"

    def schemas(self) -> list[Schema]:
        most = max(STRICT.destination_arn_characters, RELAXED.destination_arn_characters)
        return [{"type": "string", "pattern": f"^({DESTINATION})$", "maxLength": most}]


@dataclass(frozen=True, slots=True)
class Qualifier(Kind):
    """A version or an alias as files write it: a version may be a number. It is read as a text."""

    of: ClassVar[str] = "qualifier"
    examples: ClassVar[tuple[Any, ...]] = ("LATEST", "1", "prod")

    def read(self, given: Any, limits: Limits) -> Any:
        if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
            given = str(given)
        return given if isinstance(given, str) and re.fullmatch(_QUALIFIER, given) else OTHER

    def expected(self, limits: Limits) -> str:
        return "a version or an alias"

    def schemas(self) -> list[Schema]:
        text = {"type": "string", "pattern": f"^{_QUALIFIER}$"}
        return [{"anyOf": [{"type": "integer", "minimum": 0, "maximum": 999_999_999}, text]}]


@dataclass(frozen=True, slots=True)
class Function(Kind):
    """The name of a function, read as a ``FunctionRef``."""

    examples: ClassVar[tuple[Any, ...]] = ("hello", "shop/charge")

    def read(self, given: Any, limits: Limits) -> Any:
        try:
            return FunctionRef.parse(given) if isinstance(given, str) else OTHER
        except ValueError:
            return OTHER

    def write(self, value: Any) -> Any:
        return str(value)

    def expected(self, limits: Limits) -> str:
        return "the name of a function: NAME, or SERVICE/NAME for 2.0"

    def schemas(self) -> list[Schema]:
        return [{"type": "string", "pattern": f"^({FUNCTION})$"}]


@dataclass(frozen=True, slots=True)
class Cron(Kind):
    """An expression of FC's timers."""

    examples: ClassVar[tuple[Any, ...]] = ("@every 5m", "0 30 2 * * *", "CRON_TZ=Asia/Shanghai 0 0 4 1 * *")

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, str) or not given:
            return OTHER
        if len(given) > LONGEST_EXPRESSION:
            return Wrong(says=f"expected at most {LONGEST_EXPRESSION} characters, got {len(given)}")
        try:
            read_schedule(given)
        except ValueError as wrong:
            return Wrong(says=str(wrong).partition("; ")[0])
        return given

    def expected(self, limits: Limits) -> str:
        return "a timer: '@every 5m', or six fields: seconds, minutes, hours, day of month, month, day of week"

    def schemas(self) -> list[Schema]:
        return [{"type": "string", "pattern": SCHEDULE, "maxLength": LONGEST_EXPRESSION}]
