"""The questions that FC leaves open: a row each, with the answers that are legal beside the calm one."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Throttled
from fcemu.core.times import seconds
from fcemu.core.values import value


@value
class Answer:
    """A legal answer that is not the calm one. ``means``: what the engine acts on. ``fault``: the word of the fact
    that tells of it. ``words``: a sentence for people; ``{attempt}`` is the attempt that it is about, ``{by}`` the
    length of time that it means."""

    fault: str
    means: Any
    words: str


@value
class Question:
    """What FC leaves open at one moment.

    ``about``: what is open; ``source``: what FC says of it. ``answers``: in the order in which a search tries them, the
    simplest first. Where the answers depend on the moment, there is one, and its words take ``{answer}``: the number of
    the answer, from 1.
    """

    name: str
    about: str
    source: str
    answers: tuple[Answer, ...]


@value
class Report:
    """What becomes of a report: it arrives ``late`` by that much, or ``times`` times, and is ``lost`` before it is sent
    once more."""

    late: timedelta = timedelta(0)
    times: int = 1
    lost: bool = False


SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(seconds=60)
NEW: Final = "new"
RECYCLED: Final = "recycled"
"""Which instance an attempt gets where one is idle: another one beside it, or one in its place."""

_QUESTIONS: Final = (
    Question(
        "crash-after",
        "whether the instance dies after the handler has run and before its reply arrives",
        "An event is delivered at least once (async-invocation §5).",
        (Answer("crash after", True, "{attempt} ended, then its instance died before the reply was heard"),),
    ),
    Question(
        "again",
        "whether the queue delivers a message once more",
        "An event may be delivered more than once (async-invocation §5).",
        (
            Answer("deliver_twice", timedelta(0), "{attempt} ended, and its message was delivered again at once"),
            Answer("deliver_twice", MINUTE, "{attempt} ended, and its message was delivered again after {by}"),
        ),
    ),
    Question(
        "overtake",
        "which of the messages that are due at the same instant comes first",
        "The order of events is not promised (async-invocation §5).",
        (Answer("overtake", None, "before {attempt}, message {answer} behind it was handed over"),),
    ),
    Question(
        "crash-before",
        "whether the instance dies before the handler runs",
        "An event is delivered at least once (async-invocation §5).",
        (Answer("crash before", True, "the instance of {attempt} died before its handler ran"),),
    ),
    Question(
        "crash-sleeping",
        "whether the instance dies while the handler sleeps",
        "An event is delivered at least once (async-invocation §5).",
        (Answer("crash sleeping", True, "the instance of {attempt} died while its handler slept"),),
    ),
    Question(
        "report",
        "whether the report to a destination is late, comes twice, or is lost and sent once more",
        "How often a report is delivered is not promised (retry-and-destinations §3.4).",
        (
            Answer("report twice", Report(times=2), "the report after {attempt} was delivered twice"),
            Answer("report late", Report(late=SECOND), "the report after {attempt} was {by} late"),
            Answer(
                "report lost",
                Report(late=SECOND, lost=True),
                "the report after {attempt} was lost, and sent once more after {by}",
            ),
        ),
    ),
    Question(
        "instance",
        "whether an attempt runs in the idle instance, in another one, or finds it recycled",
        "When instances are started and recycled is not promised (timers-and-instances §3.3).",
        (
            Answer("another instance", NEW, "{attempt} got a new instance in addition to the idle one"),
            Answer("recycled early", RECYCLED, "the idle instance was recycled before {attempt}, which got a new one"),
        ),
    ),
    Question(
        "refuse",
        "whether the platform refuses an attempt",
        "Refused attempts are retried with back-off (retry-and-destinations §1.3).",
        (
            Answer("throttle", Throttled(), "{attempt} was refused with 429"),
            Answer("fail", INTERNAL_ERROR, "{attempt} was refused with 500"),
            Answer("fail", NO_CAPACITY, "{attempt} was refused with 503"),
        ),
    ),
    Question(
        "late",
        "by how much an attempt starts later than it is due",
        "A delay is not exact (async-invocation §3).",
        (Answer("delay", SECOND, "{attempt} started {by} late"),),
    ),
    Question(
        "cold-start",
        "how long a new instance takes to start",
        "The length of a cold start is not promised (timers-and-instances §3.4).",
        (Answer("slow start", timedelta(seconds=3), "the instance of {attempt} took {by} longer to start"),),
    ),
    Question(
        "version",
        "which version an alias with weights leads to",
        "An alias routes by weight, at random (wire-api §5).",
        (Answer("version", None, "{attempt} ran in another version of its alias than the one that was drawn"),),
    ),
    Question(
        "kill",
        "whether the emulator is killed, and continues from the data it has kept",
        "Nothing that was accepted is lost (async-invocation §5).",
        (Answer("", True, "the emulator was killed at fact {attempt}, and continued from the data it had kept"),),
    ),
    Question(
        "start",
        "on which day the run starts",
        "A timer fires by the calendar of its zone (timers-and-instances §1.2).",
        (Answer("", True, "the clock started at {attempt}"),),
    ),
    Question(
        "timer",
        "by how much a timer fires late",
        "A timer is not exact to the second (timers-and-instances §1).",
        (Answer("timer late", SECOND, "the timer {attempt} fired {by} late"),),
    ),
    Question(
        "strands",
        "which of the threads and tasks of a handler that wake at the same instant continues first",
        "A handler's threads are threads of its instance's system, which promises no order (timers-and-instances §3).",
        (
            Answer(
                "strand",
                None,
                (
                    "in {attempt} thread or task {answer} behind the first that woke at the same instant continued "
                    "before it"
                ),
            ),
        ),
    ),
)
START: Final = "start"
"""The question that only a search of the calendar answers: when the story starts. Its place is that instant."""
KILL: Final = "kill"
"""The question that only a crash sweep answers: at which fact, if any, the emulator is killed. Its place is the number
of that fact."""
QUESTIONS: Final[Mapping[str, Question]] = {question.name: question for question in _QUESTIONS}
"""By name, in the order in which a search tries them."""


MILLISECOND: Final = timedelta(milliseconds=1)


def meaning(question: str, answer: int, milliseconds: int = 0) -> Any:
    """What the engine acts on. ``milliseconds``: another length of time than the one in the table; 0: that one."""
    means = QUESTIONS[question].answers[answer - 1].means
    if not milliseconds:
        return means
    length = milliseconds * MILLISECOND
    return Report(length, means.times, means.lost) if isinstance(means, Report) else length


def answer_of(question: str, means: Any) -> tuple[int, int]:
    """The number of the answer that means that, and the milliseconds where it is another length of time than that of
    the table; the inverse of ``meaning``."""
    answers = range(1, len(QUESTIONS[question].answers) + 1)
    milliseconds = _length(means) // MILLISECOND
    # The length of an answer that is at once cannot be another one, so that the last answer comes first.
    lengths = [(number, 0) for number in answers] + [(number, milliseconds) for number in reversed(answers)]
    return next((number, length) for number, length in lengths if meaning(question, number, length) == means)


def _length(means: Any) -> timedelta:
    """The length of time that an answer means; 0 where it means none."""
    length = means.late if isinstance(means, Report) else means
    return length if isinstance(length, timedelta) else timedelta(0)


@value
class Choice:
    """One question that was answered otherwise than calmly.

    ``place``: where in the story it was asked, such as ``orders/charge#2.1`` for attempt 1 of the second invocation of
    that function; it does not depend on ids or times. ``answer``: the number of the answer, from 1. ``milliseconds``:
    the length of time that a seeded chance has drawn, 0 where it is that of the answer.
    """

    question: str
    place: str
    answer: int
    milliseconds: int = 0

    def words(self, numbered: Iterable[str] = ()) -> str:
        """What happened, as a sentence. ``numbered``: functions of which the first invocation is called (1)."""
        number = min(self.answer, len(QUESTIONS[self.question].answers))
        return told_of(self.question, number, attempt_at(self.place, numbered), self.answer, self.milliseconds)


def told_of(question: str, number: int, attempt: str, answer: object, milliseconds: int = 0) -> str:
    """What an answer of the table means, as a sentence, with texts for the attempt and for the number of the answer."""
    by = seconds(_length(meaning(question, number, milliseconds)))
    return QUESTIONS[question].answers[number - 1].words.format(attempt=attempt, answer=answer, by=by)


@value
class Deviation:
    """What a fact of the journal tells of an answer that is not the calm one; with the other facts of its journal it is
    a ``Choice`` (``search/recipes.py``).

    ``about``: the request id of the invocation that the question was about, or the place of a question that was about
    none. ``attempt``: that attempt, 0 where it was about none. ``time``: how often it had been asked there, this time
    included. ``answer`` and ``milliseconds``: as of ``Choice``.
    """

    question: str
    about: str
    attempt: int
    answer: int
    time: int = 1
    milliseconds: int = 0


def of_emulator(number: int) -> str:
    """How a place begins that is in one emulator of several."""
    return "" if number == 1 else f"{number}@"


def attempt_at(place: str, numbered: Iterable[str] = ()) -> str:
    """A place for people: ``attempt 1 of orders/charge (2)``."""
    emulator, _, where = place.rpartition("@")
    where, _, again = where.partition("~")
    function, _, rest = where.rpartition("#")
    behind = f" of emulator {emulator}" if emulator else ""
    if not function:
        return f"{where}{behind}"
    number, _, attempt = rest.partition(".")
    invocation = f"{function} ({number})" if number != "1" or function in set(numbered) else function
    time = f", time {again}," if again else ""
    return f"attempt {attempt} of {invocation}{behind}{time}"
