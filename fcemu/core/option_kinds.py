"""What values an option takes: how messages describe them, how text of them is read, how they enter ``Settings``.

This module imports next to nothing before a value needs it: pytest asks for the options also where no test uses an
emulator.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Final

from fcemu.core.wording import either

_FLAGS: Final = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)
_LONGEST_SHOWN: Final = 200


class Kind:
    """Any text. ``expected`` describes the values, ``metavar`` stands for one on the command line.

    ``words``: all that there are, where they are few. ``several``: text may be given several times on the command line,
    and a value has what each of them says.
    """

    metavar = "TEXT"
    words: tuple[str, ...] = ()
    several = False
    expected = "a string"

    def read(self, text: str) -> Any:
        """The value that a text means; the text itself where it means none, which ``check`` then refuses."""
        return text

    def check(self, value: Any) -> Any:
        """The value in its plain form. Raises ``ValueError`` that says what is expected, and what was given."""
        if not self.fits(value):
            raise ValueError(f"expected {self.expected}, got {shown(value)}")
        return value

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def enter(self, value: Any) -> Any:
        """A checked value as ``Settings`` has it."""
        return value


def shown(value: object) -> str:
    """A value in a message, which nobody reads to its end where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


class Text(Kind):
    """A printable text that fits ``pattern``, which ``expected`` describes; the path of a file is text, too."""

    def __init__(self, expected: str = "a string", pattern: str = ".+", metavar: str = "TEXT") -> None:
        self.expected = expected
        self.pattern: Final = pattern
        self.metavar = metavar

    def check(self, value: Any) -> Any:
        return super().check(str(value) if isinstance(value, PurePath) else value)

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and value.isprintable() and re.fullmatch(self.pattern, value) is not None


class Anything(Kind):
    """What the caller of a test may give beside text: the definition, which is checked when it is read."""

    def fits(self, value: Any) -> bool:
        return True


class Flag(Kind):
    """``True`` or ``False``; ``word``: or this."""

    def __init__(self, word: str = "") -> None:
        self.word: Final = word
        self.expected = f"true, false or {word}" if word else "true or false"

    def read(self, text: str) -> Any:
        return _FLAGS.get(text.strip().lower(), text)

    def fits(self, value: Any) -> bool:
        return isinstance(value, bool) or (self.word != "" and value == self.word)


class Words(Kind):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.expected = either(words)
        self.metavar = f"[{'|'.join(words)}]"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.words


class LimitsWord(Words):
    """The name of the limits that hold."""

    def enter(self, value: Any) -> Any:
        from fcemu.core.limits import RELAXED, STRICT

        return {"strict": STRICT, "relaxed": RELAXED}[value]


class Number(Kind):
    """A number from ``least`` to ``most``; ``above``: not ``least`` itself."""

    metavar = "N"
    what = "a number"

    def __init__(self, least: float, most: float, *, above: bool = False) -> None:
        self.least: Final = least
        self.most: Final = most
        self.above: Final = above
        ends = f"above {least:.0f} and at most {most:.0f}" if above else f"from {least:.0f} to {most:.0f}"
        self.expected = f"{self.what} {ends}"

    def read(self, text: str) -> Any:
        return _number_in(text, float)

    def fits(self, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # A number that is none, ``nan``, is not between any others.
        return is_number and self.least <= value <= self.most and not (self.above and value == self.least)

    def enter(self, value: Any) -> Any:
        return float(value)


class Seconds(Number):
    """Seconds, which become a ``timedelta``."""

    what = "a number of seconds"

    def enter(self, value: Any) -> timedelta:
        return timedelta(seconds=value)


class Whole(Number):
    """A number without a fraction."""

    what = "a whole number"

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)
        self.expected = f"{self.what} from {least} to {most}"  # a float cannot write all of them

    def read(self, text: str) -> Any:
        return _number_in(text, int)

    def fits(self, value: Any) -> bool:
        return isinstance(value, int) and super().fits(value)

    def enter(self, value: Any) -> int:
        return int(value)


class WholeOr(Whole):
    """A number without a fraction, or one of a few words that say what else is to be done."""

    def __init__(self, least: int, most: int, *others: str) -> None:
        super().__init__(least, most)
        self.others: Final = others
        self.expected = f"{self.expected}, or {either(others)}"

    def fits(self, value: Any) -> bool:
        return value in self.others if isinstance(value, str) else super().fits(value)


class Waits(Kind):
    """A list of seconds, at least one unless ``none`` is allowed; in text they are separated by blanks or commas."""

    metavar = "SECONDS"
    several = True

    def __init__(self, each: Seconds, *, none: bool = False) -> None:
        self.each: Final = each
        self.none: Final = none
        self.expected = f"a list of {'' if none else 'one or more '}values, each {each.expected}"

    def read(self, text: str) -> Any:
        return [self.each.read(word) for word in _words(text)]

    def fits(self, value: Any) -> bool:
        return isinstance(value, list | tuple) and (self.none or bool(value)) and all(map(self.each.fits, value))

    def enter(self, value: Any) -> tuple[timedelta, ...]:
        return tuple(map(self.each.enter, value))


class Instant(Kind):
    """A time of day with a zone, which becomes one in UTC."""

    metavar = "TIME"
    first: Final = datetime(1970, 1, 1, tzinfo=UTC)
    last: Final = datetime(9998, 12, 31, tzinfo=UTC)
    expected = "a date and time with a zone, such as 2026-01-01T00:00:00Z"

    def check(self, value: Any) -> Any:
        instant = value
        if isinstance(value, str):
            with suppress(ValueError):
                instant = datetime.fromisoformat(value.strip())
        if not self.fits(instant):
            raise ValueError(f"expected {self.expected}, got {value if isinstance(value, datetime) else shown(value)}")
        if not self.first <= instant <= self.last:
            raise ValueError(f"expected an instant from {self.first:%Y} to {self.last:%Y}, got {instant}")
        return instant.astimezone(UTC)

    def fits(self, value: Any) -> bool:
        return isinstance(value, datetime) and value.tzinfo is not None


class Span(Kind):
    """A duration as people write it, which becomes a ``timedelta``; never negative."""

    metavar = "BY"
    expected = "a duration, such as 7d or 1h30m"

    def check(self, value: Any) -> Any:
        from fcemu.core.times import parse_duration

        try:
            return super().check(parse_duration(value))
        except ValueError:
            raise ValueError(f"expected {self.expected}, got {shown(value)}") from None

    def fits(self, value: Any) -> bool:
        return isinstance(value, timedelta) and value >= timedelta(0)


class Texts(Kind):
    """A list of texts without blanks and commas, which separate them in text."""

    metavar = "NAME"
    several = True
    expected = "a list of strings"

    def read(self, text: str) -> Any:
        return _words(text)

    def check(self, value: Any) -> Any:
        return [super().check(value)] if isinstance(value, str) else list(super().check(value))

    def fits(self, value: Any) -> bool:
        texts = [value] if isinstance(value, str) else value
        return isinstance(texts, list | tuple) and all(isinstance(each, str) and self.is_one(each) for each in texts)

    def is_one(self, text: str) -> bool:
        """Whether the list may have this text."""
        return text != ""


class Hosts(Texts):
    """Host names as they stand in URLs."""

    expected = "a list of host names without scheme and port"

    def read(self, text: str) -> Any:
        return _words(text) or text

    def is_one(self, text: str) -> bool:
        from fcemu.core.domains import is_host_name

        return is_host_name(text)


class Secrets(Kind):
    """Secrets by the ids of access keys; in text, and in lists, ``ID:SECRET``."""

    metavar = "ID:SECRET"
    several = True
    expected = "a map from access keys to their secrets, or strings of the form ID:SECRET"

    def read(self, text: str) -> Any:
        return _words(text) or text

    def check(self, value: Any) -> Any:
        pairs = value
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
            pairs = {key: secret for key, _, secret in (each.partition(":") for each in value)}
        if not self.fits(pairs):
            raise ValueError(f"expected {self.expected}, got {shown(value)}")
        return dict(pairs)

    def fits(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(part, str) and part for pair in value.items() for part in pair
        )


class Variables(Kind):
    """Environment variables by function: ``{"orders/charge": {"URL": "http://…"}}``. Text cannot say it."""

    metavar = "FUNCTION"
    expected = "a map from functions to maps of variables, whose values are strings"

    def fits(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and isinstance(variables, Mapping) and self._are_texts(variables)
            for name, variables in value.items()
        )

    def _are_texts(self, variables: Mapping[Any, Any]) -> bool:
        return all(isinstance(part, str) for pair in variables.items() for part in pair)


class Places(Kind):
    """URLs by destination; in text, ``queue:declined=http://127.0.0.1:8080/hook``, separated by blanks."""

    metavar = "DESTINATION=URL"
    several = True
    expected = "a map from destinations to URLs"

    def read(self, text: str) -> Any:
        pairs = [pair.partition("=") for pair in text.split()]
        return {destination: url for destination, _, url in pairs} if pairs else text

    def check(self, value: Any) -> Any:
        from fcemu.core.places import read_places

        return read_places(super().check(value))

    def fits(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(isinstance(each, str) for each in value)


class Probabilities(Kind):
    """Numbers from 0 to 1 by what they are the odds of; in text, ``repeat=0.2 crash=0``, separated by blanks."""

    metavar = "DRAW=ODDS"
    several = True
    expected = "a map of draws and numbers from 0 to 1"

    def read(self, text: str) -> Any:
        pairs = [pair.partition("=") for pair in _words(text)]
        return {draw: _number_in(odds, float) for draw, _, odds in pairs} if pairs else text

    def check(self, value: Any) -> Any:
        from fcemu.core.odds import check_odds

        check_odds(super().check(value))
        return {draw: float(odds) for draw, odds in value.items()}

    def fits(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(isinstance(draw, str) for draw in value)


def _number_in(text: str, kind: Callable[[str], float]) -> float | str:
    """A number as people write it: Python takes digits of all scripts, and underscores between them. A text that is
    too long to be one stays a text."""
    if text.isascii() and "_" not in text and len(text) <= _LONGEST_SHOWN:
        with suppress(ValueError):
            return kind(text)
    return text


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def merged(values: Sequence[Any]) -> Any:
    """One value of what an option was given several times."""
    if isinstance(values[0], Mapping):
        return {key: one for value in values for key, one in value.items()}
    return [one for value in values for one in value]
