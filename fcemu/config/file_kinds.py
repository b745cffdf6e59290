"""These kinds of values stand in files only, in the settings of the emulator and in stubs."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from fcemu.core.destinations import MAIL_DESTINATION
from fcemu.core.fields.kinds import LINE, OTHER, Kind, Number, Schema, Wrong, together
from fcemu.core.limits import Limits
from fcemu.core.odds import NAMES, check_odds
from fcemu.core.places import check_place
from fcemu.core.values import dataclass

_INSTANT: Final = (
    r"^[0-9]{4}-?([0-9]{2}-?[0-9]{2}|W[0-9]{2}(-?[0-9])?)."  # the date, and one character before the time
    r"[0-9]{2}(:?[0-9]{2}){0,2}([.,][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2}(\.[0-9]+)?)$"
)
_URL: Final = "a URL like http://127.0.0.1:8080/hook"


@dataclass(frozen=True, slots=True)
class Numbers(Kind):
    """A list of at least one number, read as a tuple. ``none``: or of none."""

    of: ClassVar[str] = "list"
    parts: ClassVar[str] = "fraction"
    each: Number
    none: bool = False

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, list) or not (given or self.none):
            return OTHER
        wrong = [
            Wrong(at=(index,), expected=self.each.expected(limits))
            for index, number in enumerate(given)
            if isinstance(self.each.read(number, limits), Wrong)
        ]
        return together(wrong) if wrong else tuple(given)

    def write(self, value: Any) -> Any:
        return list(value)

    def expected(self, limits: Limits) -> str:
        at_least = "" if self.none else "one or more "
        return f"a list of {at_least}values, each {self.each.expected(limits)}"

    def schemas(self) -> list[Schema]:
        return [{"type": "array", "items": self.each.schemas()[0], "minItems": 0 if self.none else 1}]


@dataclass(frozen=True, slots=True)
class Instant(Kind):
    """A date and time with a zone, read as an aware ``datetime`` in UTC."""

    of: ClassVar[str] = "moment"
    examples: ClassVar[tuple[Any, ...]] = ("2026-01-01T00:00:00Z",)

    def read(self, given: Any, limits: Limits) -> Any:
        try:
            moment = datetime.fromisoformat(given) if isinstance(given, str) else None
            if moment is not None and moment.utcoffset() is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        return OTHER

    def write(self, value: Any) -> Any:
        return value.isoformat().replace("+00:00", "Z")

    def expected(self, limits: Limits) -> str:
        return "a date and time with a zone, such as 2026-01-01T00:00:00Z"

    def schemas(self) -> list[Schema]:
        return [{"type": "string", "pattern": _INSTANT}]


@dataclass(frozen=True, slots=True)
class Secrets(Kind):
    """A map from the ids of access keys to their secrets."""

    of: ClassVar[str] = "map"
    parts: ClassVar[str] = "text"
    examples: ClassVar[tuple[Any, ...]] = ({"LTAIexample": "secret"},)

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, dict):
            return OTHER
        wrong = [
            Wrong(at=(name,), expected="a string")
            for name, text in given.items()
            if isinstance(LINE.read(text, limits), Wrong)
        ]
        return together(wrong) if wrong else given

    def write(self, value: Any) -> Any:
        return dict(value)

    def expected(self, limits: Limits) -> str:
        return "a map from access keys to their secrets"

    def schemas(self) -> list[Schema]:
        return [{"type": "object", "additionalProperties": LINE.schemas()[0]}]


@dataclass(frozen=True, slots=True)
class Probabilities(Kind):
    """A map from draws of chance to their odds."""

    of: ClassVar[str] = "map"
    parts: ClassVar[str] = "fraction"
    examples: ClassVar[tuple[Any, ...]] = ({"repeat": 0.2, "crash": 0},)

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, dict):
            return OTHER
        try:
            check_odds(given)
        except ValueError as refused:
            return together([Wrong(says=str(refused))])
        return given

    def write(self, value: Any) -> Any:
        return dict(value)

    def expected(self, limits: Limits) -> str:
        return "a map of draws and numbers from 0 to 1"

    def schemas(self) -> list[Schema]:
        odds = {"type": "number", "minimum": 0, "maximum": 1}
        return [{"type": "object", "properties": dict.fromkeys(NAMES, odds), "additionalProperties": False}]


@dataclass(frozen=True, slots=True)
class Places(Kind):
    """A map from destinations to URLs."""

    of: ClassVar[str] = "map"
    parts: ClassVar[str] = "text"
    examples: ClassVar[tuple[Any, ...]] = ({"queue:failed": "http://127.0.0.1:8080/hook"},)

    def read(self, given: Any, limits: Limits) -> Any:
        if not isinstance(given, dict):
            return OTHER
        wrong: list[Wrong] = []
        places: dict[str, str] = {}
        for destination, url in given.items():
            if isinstance(LINE.read(url, limits), Wrong):
                wrong.append(Wrong(at=(destination,), expected=_URL))
                continue
            try:
                places[check_place(destination, url)] = url
            except ValueError as refused:
                wrong.append(Wrong(says=str(refused)))
        return together(wrong) if wrong else places

    def write(self, value: Any) -> Any:
        return dict(value)

    def expected(self, limits: Limits) -> str:
        return "a map from destinations to URLs"

    def schemas(self) -> list[Schema]:
        url = {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"}
        names = {f"^({MAIL_DESTINATION})$": url}
        return [{"type": "object", "patternProperties": names, "additionalProperties": False}]
