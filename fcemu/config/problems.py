"""Errors that name file, line, column, key, allowed values and the closest right word."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, NoReturn

CLOSE: Final = 0.6
"""How alike a wrong and a right word are at least. Source: yaml-formats §5."""
LONGEST: Final = 60
"""How many characters of a user's text a message repeats."""


class Place(NamedTuple):
    """Where something is written: line and column from 1, and the keys that lead there (``functions.hello.timeout``).

    In a definition that is a mapping, ``line`` counts values in their order, so that places of either kind sort alike.
    """

    line: int
    column: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition; ``str()`` is the frame people see.

    ``key`` is set where a value is wrong, and empty where the message names the key itself. ``line`` and ``column``
    are ``None`` where there are none: in a mapping, and for a file that cannot be read.
    """

    source: str
    message: str
    key: str = ""
    hints: tuple[str, ...] = ()
    line: int | None = None
    column: int | None = None
    path: str = ""

    def __str__(self) -> str:
        if self.line is not None:
            head = f"{self.source}:{self.line}:{self.column}: " + (f"{self.key}: " if self.key else "")
        else:
            head = f"{self.source}: " + (f"{self.path}: " if self.path else "")
        return "\n".join([head + self.message, *(f"  {hint}" for hint in self.hints)])


class DefinitionError(ValueError):
    """A definition that cannot be used, with all its problems in the order of the file; never with none."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class Report:
    """Collects the problems of one definition. ``positions``: whether places are lines of a file."""

    def __init__(self, source: str, *, positions: bool = True) -> None:
        self.source = source
        self.positions = positions
        self._found: dict[tuple[int, int, str, str], Problem] = {}

    def add(self, place: Place | None, message: str, *hints: str, key: str = "") -> None:
        """Record one problem. The same message at the same place, as an alias makes it, is recorded once."""
        where = place or Place(0, 0)
        problem = Problem(self.source, message, key, hints, path=where.path)
        if place and self.positions:
            problem = replace(problem, line=place.line, column=place.column)
        self._found.setdefault((where.line, where.column, key, message), problem)

    def check(self) -> None:
        """Raises ``DefinitionError`` when anything was recorded."""
        if self._found:
            ordered = sorted(self._found.items(), key=lambda found: found[0][:2])
            raise DefinitionError(problem for _, problem in ordered)

    def stop(self, place: Place | None, message: str, *hints: str) -> NoReturn:
        """Record a problem behind which nothing can be read, and raise ``DefinitionError``."""
        self.add(place, message, *hints)
        self.check()
        raise AssertionError("a recorded problem raises")


def cut(text: str) -> str:
    """A user's text, shortened when it is long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def quoted(text: str) -> str:
    """A user's text as messages show it: in quotes, on one line, cut when long."""
    return repr(cut(text))


def closest(word: str, right: Iterable[str]) -> str | None:
    """The right word that ``word`` is most alike, if any is alike enough; equal ones go by the alphabet."""
    import difflib  # here, because only wrong definitions need it

    matcher = difflib.SequenceMatcher(None, b=word[:LONGEST].casefold())
    best, most = None, CLOSE
    for candidate in sorted(right):
        matcher.set_seq1(candidate.casefold())
        if matcher.real_quick_ratio() > most and matcher.quick_ratio() > most and matcher.ratio() > most:
            best, most = candidate, matcher.ratio()
    return best
