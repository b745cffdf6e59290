"""The questions that FC leaves open: a row each, with the answers that are legal beside the calm one."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Throttled
from fcemu.core.values import value


@value
class Answer:
    """A legal answer that is not the calm one. ``means``: what the engine acts on. ``fault``: the word of the fact
    that tells of it. ``words``: a sentence for people; ``{attempt}`` is the attempt that it is about."""

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
            Answer("deliver_twice", MINUTE, "{attempt} ended, and its message was delivered again after 60 s"),
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
            Answer("report late", Report(late=SECOND), "the report after {attempt} was 1 s late"),
            Answer(
                "report lost",
                Report(late=SECOND, lost=True),
                "the report after {attempt} was lost, and sent once more after 1 s",
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
        (Answer("delay", SECOND, "{attempt} started 1 s late"),),
    ),
    Question(
        "cold-start",
        "how long a new instance takes to start",
        "The length of a cold start is not promised (timers-and-instances §3.4).",
        (Answer("slow start", timedelta(seconds=3), "the instance of {attempt} took 3 s longer to start"),),
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
        (Answer("timer late", SECOND, "the timer {attempt} fired 1 s late"),),
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


@value
class Choice:
    """One question that was answered otherwise than calmly.

    ``place``: where in the story it was asked, such as ``orders/charge#2.1`` for attempt 1 of the second invocation of
    that function; it does not depend on ids or times. ``answer``: the number of the answer, from 1.
    """

    question: str
    place: str
    answer: int

    def words(self, numbered: Iterable[str] = ()) -> str:
        """What happened, as a sentence. ``numbered``: functions of which the first invocation is called (1)."""
        question = QUESTIONS[self.question]
        answer = question.answers[min(self.answer, len(question.answers)) - 1]
        return answer.words.format(attempt=attempt_at(self.place, numbered), answer=self.answer)


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
