"""The one source of everything FC leaves open: calm or seeded, and what a test asked for; the only place that draws
random numbers."""

import hashlib
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, TypeVar

from fcemu.core.generation import Generation, IdStyle
from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.odds import ODDS, Odds
from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Refusal, Throttled
from fcemu.core.questions import MILLISECOND, NEW, RECYCLED, Deviation, Report, answer_of
from fcemu.core.retry import RetryPolicy
from fcemu.core.times import milliseconds
from fcemu.core.values import value
from fcemu.engine.faults import Crash, Delay, DeliverTwice, Faults, Refuse, When

T = TypeVar("T")
_UUIDS: Final = IdStyle.UUID


def new_secret() -> bytes:
    """A secret of this process, which follows from no seed."""
    return os.urandom(32)


def resource_id(seed: int, what: str) -> str:
    """The id of something that is defined. It follows from the seed and from what it is for, so that a definition
    changes no draw."""
    return _uuid(int.from_bytes(hashlib.md5(f"{seed} {what}".encode(), usedforsecurity=False).digest()))


@value
class Moment:
    """Of which attempt something is asked, by which rules it is retried, and when."""

    invocation: Invocation
    policy: RetryPolicy
    now: datetime


class Chance:
    """Answers calmly, but for the faults that a test asked for. Ids are drawn from the seed, so the same seed and
    requests give the same ids.

    ``core/questions.py`` has a row for each question. Whatever an answer other than the calm one does is a fact.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.faults: Final = Faults()
        self.troubles: Final[Sequence[object]] = self.faults.there if type(self) is Chance else (self,)
        """Empty while nothing can trouble an attempt: then nothing that takes a ``Moment`` need be asked."""
        self._start(seed, f"{seed}/talk")

    def watch(self, invocations: Mapping[str, Recorded]) -> None:
        """These are all invocations of the emulator by id, in the order of acceptance; there will be more."""

    def _start(self, row: int | str, talk: str) -> None:
        self._row = random.Random(row)
        self._bits = self._row.getrandbits
        self._beside: Callable[[int], int] | None = None
        self._beside_from = talk

    def _talk(self, bits: int) -> int:
        """A draw beside all else. The generator is made at the first one: a suite makes an emulator for each test, and
        few of these emulators ever need it."""
        if self._beside is None:
            self._beside = random.Random(self._beside_from).getrandbits
        return self._beside(bits)

    def go_on(self, whence: str) -> None:
        """Draw anew from here on: the process before has drawn an unknown number of times. ``whence`` is another
        text each time."""
        self._start(f"{self.seed}/{whence}", f"{self.seed}/{whence}/talk")

    @contextmanager
    def unless_refused(self) -> Iterator[None]:
        """Inside the block ids are drawn for something that may still be refused: if it raises, they were not drawn."""
        before = self._row.getstate()
        try:
            yield
        except BaseException:
            self._row.setstate(before)
            raise

    def request_id(self, generation: Generation, now: datetime) -> str:
        """The id of an invocation in the generation's form (async-invocation §1.4); 3.0 ids carry the virtual
        second."""
        return _request_id(self._bits, generation, now)

    def passing_id(self, generation: Generation, now: datetime) -> str:
        """The id, in the same form, of a request to FC that is no invocation. Drawn beside all else, so that clients
        may read, poll and be refused as often as they like."""
        return _request_id(self._talk, generation, now)

    def instance_id(self, generation: Generation, now: datetime) -> str:
        """An instance id in the generation's form (async-invocation §6.1)."""
        if generation.ids is IdStyle.UUID:
            return _uuid(self._bits(128))
        return f"c-{milliseconds(now) // 1000:08x}-{self._bits(80):020x}"

    def message_id(self) -> str:
        """The id of a message in a queue or topic."""
        return f"{self._bits(128):032X}"

    permutes = False
    """Whether ``first_of`` and ``first_strand`` may answer anything but 0."""

    def first_of(self, messages: int, first: Invocation | None = None) -> int:
        """Which of so many messages that are due at the same instant is handed over first, counted from 0. ``first``:
        the one that has waited longest."""
        return 0

    def first_strand(self, strands: int, invocation: Invocation) -> int:
        """Which of so many threads or tasks of the running attempt that wake at the same instant goes on first, counted
        from 0, the order in which they would go on."""
        return 0

    def version(self, shares: dict[str, float], invocation: Invocation | None = None) -> str:
        """Which version an alias with weights leads to this time; ``shares`` add up to about 1, in order.
        ``invocation``: the one whose attempt is about to start."""
        drawn = self._bits(53) / (1 << 53) * sum(shares.values())
        reached = 0.0
        for version, share in shares.items():
            reached += share
            if drawn < reached:
                return version
        return next(reversed(shares))

    rerouted = ""
    """What the last answer of ``version`` was, where it was not the drawn one."""

    def told(self) -> Deviation | None:
        """What a fact tells of the answer that was just given, which is not the calm one; ``None`` where a test asked
        for the fault."""
        return None

    def talk_id(self) -> str:
        """The id of a request to MNS. Drawn beside all else: how often a consumer polls is a matter of real time."""
        return f"{self._talk(96):024X}"

    def hold_up(self, moment: Moment) -> timedelta | None:
        """By how much the attempt that is due starts late; asked once for each attempt."""
        fault = self.faults.there and self.faults.strike(moment.invocation.function, Delay)
        return fault.by if fault else None

    def refusal(self, moment: Moment) -> Refusal | None:
        """Whether the platform refuses the attempt that is about to start."""
        fault = self.faults.there and self.faults.strike(moment.invocation.function, Refuse)
        return fault.outcome if fault else None

    def dies(self, moment: Moment, when: When) -> bool:
        """Whether the instance of the running attempt dies at this moment."""
        return bool(self.faults.there and self.faults.strike(moment.invocation.function, Crash, when))

    def again(self, moment: Moment) -> timedelta | None:
        """After what time the queue, which did not hear that the attempt ended, delivers once more."""
        fault = self.faults.there and self.faults.strike(moment.invocation.function, DeliverTwice)
        return fault.again if fault else None

    def instance(self, moment: Moment) -> str | None:
        """Where an instance is idle that the attempt could run in: ``NEW`` for another one beside it, ``RECYCLED``
        for another one in its place; ``None``: it runs there."""
        return None

    def slow_start(self, moment: Moment) -> timedelta | None:
        """By how much longer a new instance takes to start."""
        return None

    def fate_of(self, report_of: Invocation) -> Report | None:
        """What becomes of the report of an invocation that has ended; ``None``: it arrives, once."""
        return None

    def timer_late(self, trigger: str) -> timedelta | None:
        """By how much a timer fires late; ``trigger`` is ``[service/]function/trigger``."""
        return None


LATE_AT_MOST: Final = timedelta(seconds=1)
"""ASSUMED: fcemu draws a delay up to 1 s too long and never too short; FC says that a delay is not exact, but not by
how much (async-invocation §3)."""
AGAIN_AT_MOST: Final = timedelta(seconds=60)
"""ASSUMED: fcemu delivers an event once more up to 60 s after the end of its attempt; FC says that an event may be
delivered more than once, but not when (async-invocation §5)."""
SLOWER_AT_MOST: Final = timedelta(seconds=3)
"""ASSUMED: fcemu draws a start of an instance that takes up to 3 s longer; FC does not promise how long it takes
(timers-and-instances §3.4)."""
_KEPT: Final = 1000
"""Of how many invocations it is kept at least how often they were asked about."""


class Answering(Chance):
    """A chance whose answers are not always calm, and which tells facts what it has answered."""

    permutes = True
    _answered: Deviation | None = None

    def told(self) -> Deviation | None:
        answered, self._answered = self._answered, None
        return answered


class Seeded(Answering):
    """Draws by the seed whatever FC leaves open: order, delay, refusals, crashes, repeats.

    Ids come from a row of their own, so that they are those of a calm run as long as nothing else differs. The same
    seed and requests give the same journal.
    """

    def __init__(self, seed: int = 0, odds: Odds = ODDS) -> None:
        super().__init__(seed)
        self._odds = odds
        self._random = random.Random(f"chance {seed}")
        self._asked: Final[dict[str, tuple[Invocation | None, dict[tuple[str, int], int]]]] = {}
        """How often a question was asked of an attempt, by what it was about, with the invocation if that is one."""
        self._most_asked = _KEPT

    def go_on(self, whence: str) -> None:
        super().go_on(whence)
        self._random = random.Random(f"chance {self.seed}/{whence}")

    def _asks(self, question: str, about: Invocation | str, attempt: int = 0) -> None:
        """Note that a question is asked, whatever the answer will be: its time is part of its place."""
        invocation, name = (None, about) if isinstance(about, str) else (about, about.id)
        if name not in self._asked and len(self._asked) >= self._most_asked:
            over = [key for key, (one, _) in self._asked.items() if one is not None and one.finished]
            for key in over:
                del self._asked[key]
            self._most_asked = max(_KEPT, 2 * len(self._asked))
        _, times = self._asked.setdefault(name, (invocation, {}))
        times[question, attempt] = times.get((question, attempt), 0) + 1

    def _tells(self, question: str, means: T, about: Invocation | str, attempt: int = 0, answer: int = 0) -> T:
        """The fact of what is answered will tell of it. ``answer``: its number where ``means`` does not say it."""
        name = about if isinstance(about, str) else about.id
        time = self._asked[name][1][question, attempt]
        number, milliseconds = (answer, 0) if answer else answer_of(question, means)
        self._answered = Deviation(question, name, attempt, number, time, milliseconds)
        return means

    def first_of(self, messages: int, first: Invocation | None = None) -> int:
        if first is not None:
            self._asks("overtake", first, first.last_attempt + 1)
        overtaken = self._random.randrange(1, messages) if messages > 1 and self._happens(self._odds.overtake) else 0
        if overtaken and first is not None:
            self._tells("overtake", overtaken, first, first.last_attempt + 1, overtaken)
        return overtaken

    def hold_up(self, moment: Moment) -> timedelta | None:
        """Only the first attempt of a message that was delayed: its delay is what FC does not promise exactly."""
        asked = super().hold_up(moment)
        if asked is not None:
            return asked
        invocation = moment.invocation
        self._asks("late", invocation, invocation.last_attempt + 1)
        accepted = invocation.accepted
        if invocation.tried or accepted.due == accepted.at or not self._happens(self._odds.late):
            return None
        return self._tells("late", self._some(LATE_AT_MOST), invocation, invocation.last_attempt + 1)

    def refusal(self, moment: Moment) -> Refusal | None:
        asked = super().refusal(moment)
        if asked is not None:
            return asked
        invocation, attempt = moment.invocation, moment.invocation.last_attempt + 1
        self._asks("refuse", invocation, attempt)
        drawn, odds = self._random.random(), self._odds
        if drawn >= odds.throttle + 2 * odds.fail:
            return None
        refusal: Refusal = NO_CAPACITY
        if drawn < odds.throttle:
            refusal = Throttled()
        elif drawn < odds.throttle + odds.fail:
            refusal = INTERNAL_ERROR
        return self._tells("refuse", refusal, invocation, attempt)

    def dies(self, moment: Moment, when: When) -> bool:
        if super().dies(moment, when):
            return True
        invocation, attempt = moment.invocation, moment.invocation.last_attempt
        self._asks(f"crash-{when}", invocation, attempt)
        return self._happens(self._odds.crash) and self._tells(f"crash-{when}", True, invocation, attempt)

    def again(self, moment: Moment) -> timedelta | None:
        asked = super().again(moment)
        if asked is not None:
            return asked
        invocation, attempt = moment.invocation, moment.invocation.last_attempt
        self._asks("again", invocation, attempt)
        if not self._happens(self._odds.repeat):
            return None
        wait = MILLISECOND * self._random.randint(0, AGAIN_AT_MOST // MILLISECOND)
        return self._tells("again", wait, invocation, attempt)

    # What is never drawn unless a test sets its odds: then nothing is drawn for it, and the other draws are the same.

    def first_strand(self, strands: int, invocation: Invocation) -> int:
        if not self._may(self._odds.strands, "strands", invocation, invocation.last_attempt):
            return 0
        first = self._random.randrange(1, strands)
        return self._tells("strands", first, invocation, invocation.last_attempt, first)

    def instance(self, moment: Moment) -> str | None:
        invocation, attempt = moment.invocation, moment.invocation.last_attempt + 1
        if not self._may(self._odds.instance, "instance", invocation, attempt):
            return None
        return self._tells("instance", self._random.choice((NEW, RECYCLED)), invocation, attempt)

    def slow_start(self, moment: Moment) -> timedelta | None:
        invocation, attempt = moment.invocation, moment.invocation.last_attempt + 1
        if not self._may(self._odds.start, "cold-start", invocation, attempt):
            return None
        return self._tells("cold-start", self._some(SLOWER_AT_MOST), invocation, attempt)

    def fate_of(self, report_of: Invocation) -> Report | None:
        attempt = max(1, report_of.last_attempt)
        if not self._may(self._odds.report, "report", report_of, attempt):
            return None
        late = self._some(LATE_AT_MOST)
        fate = self._random.choice((Report(late=late), Report(times=2), Report(late=late, lost=True)))
        return self._tells("report", fate, report_of, attempt)

    def timer_late(self, trigger: str) -> timedelta | None:
        if not self._may(self._odds.timer, "timer", trigger):
            return None
        return self._tells("timer", self._some(LATE_AT_MOST), trigger)

    def _happens(self, odds: float) -> bool:
        return self._random.random() < odds

    def _may(self, odds: float, question: str, about: Invocation | str, attempt: int = 0) -> bool:
        if odds <= 0:
            return False
        self._asks(question, about, attempt)
        return self._happens(odds)

    def _some(self, most: timedelta) -> timedelta:
        return MILLISECOND * self._random.randint(1, most // MILLISECOND)


CHANCES: Final[Mapping[str, Callable[[int, Odds], Chance]]] = {"calm": lambda seed, _: Chance(seed), "seeded": Seeded}
"""By the word of the option ``chance``."""


def _request_id(bits_of: Callable[[int], int], generation: Generation, now: datetime) -> str:
    if generation.ids is _UUIDS:
        return _uuid(bits_of(128))
    drawn = bits_of(80).to_bytes(10).hex()
    return f"1-{milliseconds(now) // 1000:08x}-{drawn[:8]}-{drawn[8:]}"


def _uuid(bits: int) -> str:
    text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
