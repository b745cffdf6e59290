"""Script: how the questions of one story are answered, and which were asked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final

from fcemu.core.questions import KILL, START, Choice
from fcemu.core.values import dataclass, value


@value
class Asked:
    """A question that was asked, with how many answers there were beside the calm one, and the one that was given; 0:
    the calm one. ``milliseconds``: as of ``Choice``."""

    question: str
    place: str
    answers: int
    given: int
    milliseconds: int = 0


CALM: Final = 0, 0
"""The calm answer, which has no length of time."""


def chosen(asked: Iterable[Asked]) -> tuple[Choice, ...]:
    """The questions that were answered otherwise than calmly, in the order in which they were asked."""
    return tuple(Choice(one.question, one.place, one.given, one.milliseconds) for one in asked if one.given)


@dataclass(slots=True)
class Script:
    """How the questions of one story are answered, and which were asked.

    ``choices``: answers by question and place, each with its milliseconds. ``points``: answers by how many questions
    were asked before, for a story that is not known yet; a number that is too large begins again at 1. All others are
    answered calmly. Several emulators of one story share a script.
    """

    choices: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    points: Mapping[int, int] = field(default_factory=dict)
    kill_at: int = 0
    """At which fact of the first emulator it is killed; 0: never."""
    start: str = ""
    """At which instant the emulators start; ``""``: as their options say."""
    exhaust_retries: bool = False
    """Whether what has no retry left, or would grow too old, may be troubled as well."""
    asked: list[Asked] = field(default_factory=list)
    _times: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, choices: Iterable[Choice], *, exhaust_retries: bool = False) -> "Script":
        """The script that answers these questions otherwise than calmly."""
        answers = {(one.question, one.place): (one.answer, one.milliseconds) for one in choices}
        kills = [int(place) for question, place in answers if question == KILL and place.isdecimal()]
        starts = [place for question, place in answers if question == START]
        return cls(
            choices=answers,
            exhaust_retries=exhaust_retries,
            kill_at=kills[0] if kills else 0,
            start=starts[0] if starts else "",
        )

    def started(self) -> None:
        """The first emulator has started at the instant that the script says."""
        self.asked.append(Asked(START, self.start, 1, 1))

    def killed(self) -> None:
        """The emulator was killed at its fact."""
        self.asked.append(Asked(KILL, str(self.kill_at), 1, 1))

    @property
    def made(self) -> tuple[Choice, ...]:
        """The questions that were answered otherwise than calmly, in the order in which they were asked."""
        return chosen(self.asked)

    def answer(self, question: str, place: str, answers: int) -> Asked:
        """The answer to a question, which is asked now."""
        times = self._times[question, place] = self._times.get((question, place), 0) + 1
        if times > 1:
            place = f"{place}~{times}"
        point = self.points.get(len(self.asked), 0)
        answer = ((point - 1) % answers + 1, 0) if point else self.choices.get((question, place), CALM)
        given, milliseconds = CALM if answer[0] > answers else answer
        asked = Asked(question, place, answers, given, milliseconds)
        self.asked.append(asked)
        return asked

    def time(self, question: str, place: str) -> int:
        """How often that question was asked at that place."""
        return self._times[question, place]


def numbered(asked: Iterable[Asked]) -> Iterator[str]:
    """The functions of which more than one invocation was asked about."""
    for one in asked:
        function, _, rest = one.place.rpartition("@")[2].rpartition("#")
        if function and rest.partition(".")[0] != "1":
            yield function
