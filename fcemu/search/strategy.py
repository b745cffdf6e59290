"""Strategy: which runs are tried, and in which order. Values in, values out; nothing here runs anything."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from fcemu.core.questions import QUESTIONS, Choice
from fcemu.core.script import Asked, Script, chosen
from fcemu.core.values import dataclass

DEEPEST: Final = 5
"""How many deviations a random run has at most."""
_RANDOM_SHARE: Final = 4
"""One run in so many of all that a search may make is kept for random runs, however many pairs there are."""
_IN_VAIN: Final = 200
"""How many random runs in a row that were known already end the search."""

Choices = tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was made: what was asked and answered, and whether it failed."""

    asked: tuple[Asked, ...]
    failed: bool

    @property
    def choices(self) -> Choices:
        """What was answered otherwise than calmly, in order."""
        return chosen(self.asked)


class Search:
    """Hands out scripts and hears what came of them, in the same order.

    The first is calm. Then comes every single deviation from the calm run; then pairs, those first of whose kinds none
    was tried; then random runs. ``runs``: how many the search may make, 0 for any number. Two runs with the same
    choices are the same run: whatever is chosen is a fact. With ``exhaustive``, all runs with at most so many
    deviations come instead, level by level.
    """

    def __init__(self, *, seed: int, runs: int = 0, exhaustive: int = 0, exhaust_retries: bool = False) -> None:
        self._random: Final = random.Random(f"search {seed}")
        self._exhaustive: Final = exhaustive
        self._ordered: Final = runs - runs // _RANDOM_SHARE if runs and not exhaustive else 0
        """After how many runs those with two deviations give way to random ones; 0: never."""
        self._exhausts: Final = exhaust_retries
        self._known: Final[set[frozenset[Choice]]] = set()
        """The choices of all runs that were made."""
        self._levels: Final[dict[int, list[Choices]]] = {}
        """What is still to be tried, by the number of deviations, those of one level mixed when their turn comes."""
        self._deeper = False
        """Whether there are runs with more deviations than those that are tried one after the other."""
        self._longest = 0
        """The largest number of questions of a run with one deviation at most."""
        self._in_vain = 0
        self._is_random = False
        """Whether random runs have begun, which depend on nothing that is heard."""
        self.distinct = 0
        """How many different runs there were."""
        self.complete = False
        """Whether all runs were tried that there are, or that have at most ``exhaustive`` deviations."""
        self._level = 0
        self._turn: deque[Choices] = deque()
        self._taken = 0
        """How many scripts were taken."""
        self._heard = 0
        """Of how many it is known what came of them."""

    def _script(self, choices: Choices) -> Script:
        return Script.of(choices, exhaust_retries=self._exhausts)

    def take(self) -> Script | None:
        """The next script to run; ``None`` where there is no other, or where the next one depends on what came of
        those that were taken: then ``hear`` must be called for these first, in their order."""
        script = self._next()
        self._taken += script is not None
        return script

    def _next(self) -> Script | None:
        waits = self._taken > self._heard
        if not self._taken:
            return self._script(())
        if not self._turn and not self._is_random:
            if waits:
                return None
            self._next_level()
        if self._turn and not (self._level > 1 and self._ordered and self._taken >= self._ordered):
            return self._script(self._turn.popleft())
        if not self._turn and (self._exhaustive or not self._deeper):
            self.complete = True
            return None
        self._is_random = True
        return None if self.runs_in_vain else self._random_script()

    @property
    def runs_in_vain(self) -> bool:
        """Whether so many random runs were known already that no more of them are tried."""
        return self._in_vain > _IN_VAIN

    def hear(self, run: Run) -> None:
        """What came of the first script of which that is not known yet."""
        self._heard += 1
        choices = run.choices
        known = frozenset(choices)
        if known in self._known:
            self._in_vain += 1
            return
        self._known.add(known)
        self._in_vain = 0
        self.distinct += 1
        if len(choices) <= 1:
            self._longest = max(self._longest, len(run.asked))
        if len(choices) < (self._exhaustive or 2):
            self._levels.setdefault(len(choices) + 1, []).extend(
                one for one in children(run) if frozenset(one) not in self._known
            )
        elif not self._deeper:
            self._deeper = any(True for _ in children(run))

    def _next_level(self) -> None:
        """Begin with what has one deviation more, if there is any."""
        if self._level < (self._exhaustive or 2):
            self._level += 1
            self._turn.extend(mixed(self._levels.pop(self._level, [])))

    def _random_script(self) -> Script:
        """Deviations at points of a run that are drawn beforehand, wherever they fall: few at a time, because a defect
        needs few (as in probabilistic concurrency testing)."""
        depth = self._random.randint(2, DEEPEST)
        points = {self._random.randrange(self._longest): self._random.randint(1, 60) for _ in range(depth)}
        return Script(points=points, exhaust_retries=self._exhausts)


def children(run: Run) -> Iterator[Choices]:
    """All runs that deviate once more, behind the last deviation of ``run``; so that each run has one parent."""
    last = max((n for n, one in enumerate(run.asked) if one.given), default=-1)
    for one in run.asked[last + 1 :]:
        for answer in range(1, one.answers + 1):
            yield (*run.choices, Choice(one.question, one.place, answer))


def mixed(runs: Sequence[Choices]) -> list[Choices]:
    """The runs in another order: one of each kind, then a second of each, and so on.

    A kind is the questions and the functions that they are about: each is seen early, at some place of the story.
    """
    order = {name: n for n, name in enumerate(QUESTIONS)}
    kinds: dict[tuple[tuple[str, str], ...], list[Choices]] = {}
    for choices in runs:
        kind = tuple((one.question, function_at(one.place)) for one in choices)
        kinds.setdefault(kind, []).append(choices)
    rows = sorted(kinds.items(), key=lambda row: [order[question] for question, _ in row[0]])
    longest = max((len(row) for _, row in rows), default=0)
    return list(chain.from_iterable([row[n] for _, row in rows if n < len(row)] for n in range(longest)))


def function_at(place: str) -> str:
    """The function of which an invocation was asked about."""
    return place.rpartition("@")[2].rpartition("#")[0]
