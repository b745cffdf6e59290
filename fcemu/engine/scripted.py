"""Scripted chance: it answers by a script, and keeps which questions were asked."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.outcome import FunctionError, Refusal, exited
from fcemu.core.questions import QUESTIONS, Report
from fcemu.core.retry import RetryAt, Tally, decide
from fcemu.core.script import Script
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance, Moment
from fcemu.engine.faults import When

_DIED: Final = exited(timedelta(0), 0)


class Scripted(Chance):
    """Answers as a script says. Ids are those of a calm run, as long as nothing else differs.

    Unless the script says so, no question is asked where an answer alone would use up the retries or the age of an
    invocation: a message that FC gives up on fails every program. A synchronous invocation has no retries.
    """

    permutes = True

    def __init__(self, settings: Settings, script: Script, emulator: int = 1) -> None:
        """``emulator``: the number of the emulator among those of the story."""
        super().__init__(settings.seed)
        self._script: Final = script
        self._prefix: Final = "" if emulator == 1 else f"{emulator}@"
        self._ages_late: Final = settings.age_excludes_delay
        self._invocations: Mapping[str, Recorded] = {}
        self._numbers: Final[dict[str, str]] = {}
        self._counts: Final[dict[str, int]] = {}

    def watch(self, invocations: Mapping[str, Recorded]) -> None:
        self._invocations = invocations

    def _named(self, invocation: Recorded) -> str:
        """``function#n``, the n-th in the order of acceptance."""
        if invocation.id not in self._numbers:
            for one in islice(self._invocations.values(), len(self._numbers), None):
                function = str(one.function)
                number = self._counts[function] = self._counts.get(function, 0) + 1
                self._numbers[one.id] = f"{function}#{number}"
        return self._numbers[invocation.id]

    def _ask(self, question: str, invocation: Invocation, answers: int = 0, attempt: int = 0) -> int:
        number = attempt or invocation.last_attempt + 1
        place = f"{self._prefix}{self._named(invocation)}.{number}"
        return self._script.answer(question, place, answers or len(QUESTIONS[question].answers))

    def _meant(self, question: str, given: int) -> Any:
        """What an answer means; ``None`` for the calm one."""
        return QUESTIONS[question].answers[given - 1].means if given else None

    # What an answer may not use up.

    def _in_time(self, moment: Moment, later: timedelta) -> bool:
        """Whether an attempt may still start after ``later``."""
        if self._script.exhaust_retries:
            return True
        if moment.invocation.accepted.synchronous:
            return False
        return moment.now + later - self._tally(moment).aged_from <= moment.policy.max_age

    def _goes_on(self, moment: Moment, outcome: Refusal | FunctionError, tally: Tally) -> bool:
        """Whether FC would try once more after that outcome."""
        if self._script.exhaust_retries:
            return True
        if moment.invocation.accepted.synchronous:
            return False
        decided = decide(outcome, tally, moment.policy, moment.now)
        return isinstance(decided, RetryAt) and self._in_time(moment, decided.due - moment.now)

    def _tally(self, moment: Moment) -> Tally:
        return moment.invocation.tally(age_excludes_delay=self._ages_late)

    # The questions.

    def first_of(self, messages: int, first: Invocation | None = None) -> int:
        return 0 if first is None else self._ask("overtake", first, messages - 1)

    def first_strand(self, strands: int, invocation: Invocation) -> int:
        return self._ask("strands", invocation, strands - 1, invocation.last_attempt)

    def hold_up(self, moment: Moment) -> timedelta | None:
        asked = super().hold_up(moment)
        if asked is not None or not self._in_time(moment, QUESTIONS["late"].answers[0].means):
            return asked
        late: timedelta | None = self._meant("late", self._ask("late", moment.invocation))
        return late

    def refusal(self, moment: Moment) -> Refusal | None:
        asked = super().refusal(moment)
        if asked is not None:
            return asked
        known = self._tally(moment)
        first = known.first_refused or moment.now
        tally = Tally(known.aged_from, known.executions, known.refusals + 1, first)
        answers = QUESTIONS["refuse"].answers
        legal = [one.means for one in answers if self._goes_on(moment, one.means, tally)]
        given = self._ask("refuse", moment.invocation, len(legal)) if legal else 0
        return legal[given - 1] if given else None

    def dies(self, moment: Moment, when: When) -> bool:
        if super().dies(moment, when):
            return True
        if not self._goes_on(moment, _DIED, self._tally(moment)):
            return False
        invocation = moment.invocation
        return bool(self._ask(f"crash-{when}", invocation, attempt=invocation.last_attempt))

    def again(self, moment: Moment) -> timedelta | None:
        asked = super().again(moment)
        if asked is not None:
            return asked
        waits = [one.means for one in QUESTIONS["again"].answers]
        legal = [wait for wait in waits if self._in_time(moment, wait)]
        invocation = moment.invocation
        given = self._ask("again", invocation, len(legal), invocation.last_attempt) if legal else 0
        return legal[given - 1] if given else None

    def instance(self, moment: Moment) -> str | None:
        meant: str | None = self._meant("instance", self._ask("instance", moment.invocation))
        return meant

    def slow_start(self, moment: Moment) -> timedelta | None:
        if not self._in_time(moment, QUESTIONS["cold-start"].answers[0].means):
            return None
        meant: timedelta | None = self._meant("cold-start", self._ask("cold-start", moment.invocation))
        return meant

    def fate_of(self, report_of: Invocation) -> Report | None:
        given = self._ask("report", report_of, attempt=max(1, report_of.last_attempt))
        meant: Report | None = self._meant("report", given)
        return meant

    def timer_late(self, trigger: str) -> timedelta | None:
        given = self._script.answer("timer", f"{self._prefix}{trigger}", 1)
        meant: timedelta | None = self._meant("timer", given)
        return meant

    def version(self, shares: dict[str, float], invocation: Invocation | None = None) -> str:
        drawn = super().version(shares, invocation)
        if invocation is None or len(shares) < 2:
            return drawn
        others = [version for version in shares if version != drawn]
        given = self._ask("version", invocation, len(others))
        if not given:
            return drawn
        self.rerouted = f"version {others[given - 1]}"
        return others[given - 1]
