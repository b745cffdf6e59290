"""A ``Report`` collects the problems of a definition, each with its place, what is expected and the closest word."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, NoReturn

from fcemu.core.values import dataclass

CLOSE: Final = 0.6
"""How alike a wrong and a right word are at least."""
LONGEST: Final = 60
"""How many characters of a user's text a message repeats."""
MOST_PROBLEMS: Final = 500
MOST_COMPARED: Final = 20_000
"""How many words are compared for hints before no more hints are given."""
LISTED: Final = 5
"""How many of many things a message lists."""


class Place(NamedTuple):
    """Where something is written: line and column from 1, and the keys that lead there (``functions.hello.timeout``).

    In a definition that is a mapping, ``line`` counts values in their order, so that places of either kind sort alike.
    ``file`` is set where it is another file than the one that is read, such as one that it extends.
    """

    line: int
    column: int
    path: str = ""
    file: str = ""


Mark = Any
"""What a value has in place of its ``Place``, which ``Report.place`` looks up when a problem is told: the node of YAML
that it was; or a ``Place``, where there is no such node."""


class Origin(NamedTuple):
    """A YAML document that was read: its root, and its file as places name it."""

    root: Mark
    file: str


def below(path: str, key: object) -> str:
    """The path of what is under ``key``."""
    text = str(key)
    text = text if text.isprintable() else quoted(text)
    return f"{path}.{text}" if path else text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition, or odd (``warning``); ``str()`` is the frame people see.

    ``key`` is set where a value is wrong, and empty where the message names the key itself. ``line`` and ``column``
    are ``None`` where there are none: in a mapping, and for a file that cannot be read. ``lacks``: the function that
    is not there, where that is what is odd.
    """

    source: str
    message: str
    key: str = ""
    hints: tuple[str, ...] = ()
    line: int | None = None
    column: int | None = None
    path: str = ""
    warning: bool = False
    lacks: str = ""

    @property
    def where(self) -> str:
        """The place as messages begin with it."""
        return self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"

    @property
    def said(self) -> str:
        """The message with the key, or the path where there are no lines."""
        name = self.key if self.line is not None else self.path
        return f"{name}: {self.message}" if name else self.message

    def __str__(self) -> str:
        head = f"{self.where}: " + ("warning: " if self.warning else "")
        return "\n".join([head + self.said, *(f"  {hint}" for hint in self.hints)])


class DefinitionError(ValueError):
    """A definition that cannot be used, with all its problems in the order of the file; never with none.

    ``problems`` and ``warnings`` are tuples; ``str()`` of one is what people see.
    """

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class Report:
    """Collects the problems and warnings of one definition. ``positions``: whether places are lines of a file."""

    def __init__(self, source: str, *, positions: bool = True) -> None:
        self.source = source
        self.positions = positions
        self._found: dict[tuple[str, int, int, str, str], Problem] = {}
        self._kept: dict[str, list[Mark]] = {}
        self._compared = 0
        self.origins: list[Origin] = []
        self._places: dict[int, Place] = {}
        self._placed = 0

    def place(self, mark: Mark) -> Place:
        """Where a value is written."""
        if isinstance(mark, Place):
            return mark
        if self._placed < len(self.origins):
            for origin in self.origins[self._placed :]:
                self._places |= _places(origin)
            self._placed = len(self.origins)
        return self._places.get(id(mark)) or Place(mark.start_mark.line + 1, mark.start_mark.column + 1)

    def written(self, mark: Mark, otherwise: str) -> str:
        """A key as its file has it: in other formats that is another word than the native one."""
        return self.place(mark).path.rpartition(".")[2] or otherwise

    def add(self, place: Mark | None, message: str, *hints: str, key: str = "") -> None:
        """Record one problem. The same message at the same place, as an alias makes it, is recorded once."""
        self._record(place, Problem(self.source, message, key, hints))

    def warn(self, place: Mark | None, message: str, *hints: str, key: str = "", lacks: str = "") -> None:
        """Record what is odd and can be used all the same."""
        self._record(place, Problem(self.source, message, key, hints, warning=True, lacks=lacks))

    def keep(self, place: Mark, name: str) -> None:
        """Record a setting that is known and does nothing here; all of them become one warning."""
        self._kept.setdefault(name, []).append(place)

    def closest(self, word: str, right: Iterable[str]) -> str | None:
        """The module's ``closest``, as long as it did not compare too often: a file may be wrong in thousands of
        places."""
        if self._compared > MOST_COMPARED:
            return None
        words = list(right)
        self._compared += len(words)
        return closest(word, words) if self._compared <= MOST_COMPARED else None

    def _record(self, place: Mark | None, problem: Problem) -> None:
        if len(self._found) == MOST_PROBLEMS:
            more = Problem(
                self.source,
                f"there are more than {MOST_PROBLEMS} problems and warnings; fcemu did not check the rest",
            )
            raise DefinitionError([*self.problems, more], self.warnings)
        where = Place(0, 0) if place is None else self.place(place)
        problem = replace(problem, path=where.path, source=where.file or self.source)
        if place is not None and self.positions:
            problem = replace(problem, line=where.line, column=where.column)
        self._found.setdefault((where.file, where.line, where.column, problem.key, problem.message), problem)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, in the order of the file."""
        return tuple(one for one in self._ordered() if not one.warning)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is odd, in the order of the file; what is kept comes last."""
        odd = [one for one in self._ordered() if one.warning] if self._found else []
        if self._kept:
            places = {name: [self.place(mark) for mark in marks] for name, marks in self._kept.items()}
            kept = Report(self.source, positions=self.positions)
            first = min(place for there in places.values() for place in there)
            kept.warn(
                first,
                "fcemu keeps these settings, but they have no effect here: " + ", ".join(self._kept_names(places)),
            )
            odd += kept.warnings
        return tuple(odd)

    def _kept_names(self, kept: Mapping[str, list[Place]]) -> list[str]:
        if not self.positions:
            return sorted(kept)
        lines = ((name, sorted({place.line for place in places})) for name, places in sorted(kept.items()))
        return [f"{name} (line {_some(numbers)})" for name, numbers in lines]

    def _ordered(self) -> list[Problem]:
        return [problem for _, problem in sorted(self._found.items(), key=lambda found: found[0][:3])]

    def check(self) -> None:
        """Raises ``DefinitionError`` when anything wrong was recorded."""
        if self._found and (problems := self.problems):
            raise DefinitionError(problems, self.warnings)

    def stop(self, place: Mark | None, message: str, *hints: str) -> NoReturn:
        """Record a problem behind which nothing can be read, and raise ``DefinitionError``."""
        self.add(place, message, *hints)
        self.check()
        raise AssertionError("a recorded problem raises")


def _places(origin: Origin) -> dict[int, Place]:
    """The places of all nodes of a document, by the identity of the node."""
    found: dict[int, Place] = {}
    waiting: list[tuple[Mark, str, Mark]] = [(origin.root, "", origin.root)]
    while waiting:
        node, path, shown = waiting.pop()
        if id(node) in found:  # repeated by an alias: where it is written
            continue
        mark = shown.start_mark
        found[id(node)] = Place(mark.line + 1, mark.column + 1, path, origin.file)
        if isinstance(node.value, str):
            continue
        inner: list[tuple[Mark, str, Mark]] = []
        for number, each in enumerate(node.value):
            if not isinstance(each, tuple):
                inner.append((each, f"{path}[{number}]", each))
                continue
            key, value = each
            is_text = isinstance(key.value, str)
            way = path if not is_text or key.tag.endswith(":merge") else below(path, key.value)
            is_missing = value.value == "" and not value.style  # a value without a text of its own is at its key
            inner += [(key, way, key), (value, way, key if is_missing else value)]
        waiting += reversed(inner)
    return found


def _some(numbers: list[int]) -> str:
    """A few of the lines."""
    return ", ".join(map(str, numbers[:LISTED])) + (", …" if len(numbers) > LISTED else "")


def cut(text: str) -> str:
    """A user's text, shortened when it is long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def quoted(text: str) -> str:
    """A user's text as messages show it: in quotes, on one line, cut when long."""
    return repr(cut(text))


def closest(word: str, right: Iterable[str], least: float = CLOSE) -> str | None:
    """The right word that ``word`` is most alike, if any is more alike than ``least``; equal ones go by the
    alphabet."""
    import difflib  # here, because only wrong definitions need it

    matcher = difflib.SequenceMatcher(None, b=word[:LONGEST].casefold())
    best, most = None, least
    for candidate in sorted(right):
        matcher.set_seq1(candidate.casefold())
        if matcher.real_quick_ratio() > most and matcher.quick_ratio() > most and matcher.ratio() > most:
            best, most = candidate, matcher.ratio()
    return best
