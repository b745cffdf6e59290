"""Scripted chance: it answers by a script, and keeps which questions were asked."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.outcome import FunctionError, Refusal, exited
from fcemu.core.questions import QUESTIONS, Deviation, Report, meaning, of_emulator
from fcemu.core.retry import RetryAt, Tally, decide
from fcemu.core.script import Asked, Script
from fcemu.core.settings import Settings
from fcemu.engine.chance import Answering, Moment
from fcemu.engine.faults import When

_DIED: Final = exited(timedelta(0), 0)
_REFUSALS: Final[tuple[Refusal, ...]] = tuple(one.means for one in QUESTIONS["refuse"].answers)
_WAITS: Final[tuple[timedelta, ...]] = tuple(one.means for one in QUESTIONS["again"].answers)
_LATE: Final[timedelta] = meaning("late", 1)
_SLOWER: Final[timedelta] = meaning("cold-start", 1)


class Scripted(Answering):
    """Answers as a script says. Ids are those of a calm run, as long as nothing else differs.

    Unless the script says so, no question is asked where an answer alone would use up the retries or the age of an
    invocation: a message that FC gives up on fails every program. A synchronous invocation has no retries.
    """

    def __init__(self, settings: Settings, script: Script, emulator: int = 1) -> None:
        """``emulator``: the number of the emulator among those of the story."""
        super().__init__(settings.seed)
        self._script: Final = script
        self._prefix: Final = of_emulator(emulator)
        self._ages_late: Final = settings.age_excludes_delay
        self._invocations: Mapping[str, Recorded] = {}
        self._numbers: Final[dict[str, str]] = {}
        self._counts: Final[dict[str, int]] = {}

    def watch(self, invocations: Mapping[str, Recorded]) -> None:
        self._invocations = invocations

    def _named(self, invocation: Recorded) -> str:
        """``function#n``, the n-th in the order of acceptance."""
        known = self._numbers.get(invocation.id)
        if known is not None:
            return known
        for one in islice(self._invocations.values(), len(self._numbers), None):
            function = str(one.function)
            number = self._counts[function] = self._counts.get(function, 0) + 1
            self._numbers[one.id] = f"{function}#{number}"
        return self._numbers[invocation.id]

    def _ask(self, question: str, invocation: Invocation, answers: int = 0, attempt: int = 0) -> Asked:
        number = attempt or invocation.last_attempt + 1
        place = f"{self._prefix}{self._named(invocation)}.{number}"
        return self._put(question, place, answers or len(QUESTIONS[question].answers), invocation.id, number)

    def _put(self, question: str, place: str, answers: int, about: str, attempt: int = 0) -> Asked:
        """Ask the script. The fact of what it answers will tell of it."""
        asked = self._script.answer(question, place, answers)
        if asked.given:
            time = self._script.time(question, place)
            self._answered = Deviation(question, about, attempt, asked.given, time, asked.milliseconds)
        return asked

    def _meant(self, asked: Asked) -> Any:
        """What an answer means; ``None`` for the calm one."""
        return meaning(asked.question, asked.given, asked.milliseconds) if asked.given else None

    # What an answer may not use up.

    def _left(self, moment: Moment) -> timedelta:
        """How much later an attempt may still start; less than none where it may not be troubled at all."""
        if self._script.exhaust_retries:
            return timedelta.max
        if moment.invocation.accepted.synchronous:
            return timedelta.min
        return moment.policy.max_age - (moment.now - self._tally(moment).aged_from)

    def _goes_on(self, moment: Moment, outcome: Refusal | FunctionError, tally: Tally) -> bool:
        """Whether FC would try once more after that outcome, and in time."""
        if self._script.exhaust_retries:
            return True
        if moment.invocation.accepted.synchronous:
            return False
        decided = decide(outcome, tally, moment.policy, moment.now)
        return isinstance(decided, RetryAt) and decided.due - tally.aged_from <= moment.policy.max_age

    def _tally(self, moment: Moment) -> Tally:
        return moment.invocation.tally(age_excludes_delay=self._ages_late)

    # The questions.

    def first_of(self, messages: int, first: Invocation | None = None) -> int:
        return 0 if first is None else self._ask("overtake", first, messages - 1).given

    def first_strand(self, strands: int, invocation: Invocation) -> int:
        return self._ask("strands", invocation, strands - 1, invocation.last_attempt).given

    def hold_up(self, moment: Moment) -> timedelta | None:
        asked = super().hold_up(moment)
        if asked is not None or self._left(moment) < _LATE:
            return asked
        late: timedelta | None = self._meant(self._ask("late", moment.invocation))
        return late

    def refusal(self, moment: Moment) -> Refusal | None:
        asked = super().refusal(moment)
        if asked is not None:
            return asked
        known = self._tally(moment)
        first = known.first_refused or moment.now
        tally = Tally(known.aged_from, known.executions, known.refusals + 1, first)
        legal = [one for one in _REFUSALS if self._goes_on(moment, one, tally)]
        given = self._ask("refuse", moment.invocation, len(legal)).given if legal else 0
        return legal[given - 1] if given else None

    def dies(self, moment: Moment, when: When) -> bool:
        if super().dies(moment, when):
            return True
        if not self._goes_on(moment, _DIED, self._tally(moment)):
            return False
        invocation = moment.invocation
        return bool(self._ask(f"crash-{when}", invocation, attempt=invocation.last_attempt).given)

    def again(self, moment: Moment) -> timedelta | None:
        asked = super().again(moment)
        if asked is not None:
            return asked
        left = self._left(moment)
        legal = sum(wait <= left for wait in _WAITS)  # they are in order of length
        if not legal:
            return None
        invocation = moment.invocation
        wait: timedelta | None = self._meant(self._ask("again", invocation, legal, invocation.last_attempt))
        return wait

    def instance(self, moment: Moment) -> str | None:
        meant: str | None = self._meant(self._ask("instance", moment.invocation))
        return meant

    def slow_start(self, moment: Moment) -> timedelta | None:
        if self._left(moment) < _SLOWER:
            return None
        meant: timedelta | None = self._meant(self._ask("cold-start", moment.invocation))
        return meant

    def fate_of(self, report_of: Invocation) -> Report | None:
        meant: Report | None = self._meant(self._ask("report", report_of, attempt=max(1, report_of.last_attempt)))
        return meant

    def timer_late(self, trigger: str) -> timedelta | None:
        meant: timedelta | None = self._meant(self._put("timer", f"{self._prefix}{trigger}", 1, trigger))
        return meant

    def version(self, shares: dict[str, float], invocation: Invocation | None = None) -> str:
        drawn = super().version(shares, invocation)
        if invocation is None or len(shares) < 2:
            return drawn
        others = [version for version in shares if version != drawn]
        given = self._ask("version", invocation, len(others)).given
        if not given:
            return drawn
        self.rerouted = f"version {others[given - 1]}"
        return others[given - 1]
