"""The way of an invocation through the code, step by step. ``docs/generate.py`` makes the page of it, and
``tests/test_way.py`` follows a real invocation along it."""

from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """``file`` below ``fcemu/``, and the name of the function there. ``does`` goes on from the step's name."""

    name: str
    file: str
    function: str
    does: str

    @property
    def place(self) -> str:
        return f"fcemu/{self.file}"


STEPS = (
    Step("door", "api/invocations.py", "Invocations.invoke", "reads the request and writes the answer, in FC's words"),
    Step("intake", "engine/intake.py", "Intake.accept", "checks in FC's order and gives the invocation its id"),
    Step("journal", "engine/journal.py", "Journal.open", "has the fact `Accepted`, with which an invocation begins"),
    Step(
        "agenda",
        "engine/agenda.py",
        "Agenda.push",
        "holds it until its due time, with everything else that is due later",
    ),
    Step("mover", "engine/movers.py", "Movers._drive", "asks a goal how far, and the agenda what comes first"),
    Step("goal", "engine/goals.py", "Advance.horizon", "says how far the clock may go for a caller"),
    Step("clock", "engine/movers.py", "Movers._move_to", "is set to the due time here; nothing else sets it"),
    Step("start", "engine/dispatcher.py", "Dispatcher.begin", "decides whether an attempt starts: age, limits, faults"),
    Step("instance", "engine/fleet.py", "Fleet.ask", "is found for it, or started"),
    Step("attempt", "engine/runs.py", "CodeRun.run_here", "runs on the mover's thread, without the baton"),
    Step(
        "handler",
        "runtimes/python_inline.py",
        "InlineInstance.run",
        "is the user's code, in a runtime",
    ),
    Step("end", "engine/ending.py", "Ending.ended", "takes the result of the attempt, whatever has ended the attempt"),
    Step("outcome", "engine/dispatcher.py", "Dispatcher.end", "becomes facts"),
    Step("rule", "core/retry.py", "decide", "decides whether there is another attempt, and when"),
    Step(
        "reaction", "engine/reactions.py", "", "is a step that follows from a fact; the table below lists all of them"
    ),
    Step("retry", "engine/dispatcher.py", "Dispatcher.due_again", "puts the invocation on the agenda once more"),
    Step("goals", "engine/movers.py", "Movers.invocation_ended", "of callers that wait for its end are reached"),
    Step("caller", "engine/callers.py", "Callers.answer", "of a synchronous invocation is woken"),
    Step("report", "engine/deliveries.py", "Deliveries.report", "goes to the destination"),
    Step(
        "mail",
        "mns/mail.py",
        "Mail.arrives",
        "hands it to the consumers of a queue, or to the subscribers and triggers of a topic",
    ),
)
"""In the order in which an invocation takes them that fails once and then succeeds."""


WHERE_TIME_GOES = """\
## Where the time goes

Shares of the processor's time or of its instructions (CPython 3.11, November 2026).
They show where work can be removed. `bench/attempts.py` and `bench/invoke.py` measure the cost of an attempt and a
request.

| an attempt on the virtual clock, of an inline handler that fails once and then returns; the collector is off | % |
| --- | --- |
| the document of the error and the line in the log (`handler/documents.py`) | 16 |
| the handler's view of time, environment, output and modules (`runtimes/views.py`, `runtimes/timeshift/`) | 17 |
| the way to the handler and back, its two context objects, and the handler itself | 18 |
| the facts `Finished`, `RetryPlanned` and `Succeeded`, the decision, the instance that is given back | 18 |
| the newest thousand exceptions, kept for tests: each new one lets an old one go, with its frames | 4 |
| the plan, the instance, the facts `Dequeued` and `Started`, the run and its call | 15 |
| the goal, the agenda, the clock, and the way between these parts | 12 |

In a large move, the collector looks at young objects only, and at none when the move ends. Attempts leave it nothing to
do: no object of a finished attempt refers back to itself (`tests/runtimes/test_garbage.py`).

| a synchronous echo over HTTP, 64 connections, a flowing clock (390 thousand instructions) | % |
| --- | --- |
| the loop reads, parses and writes HTTP (aiohttp and asyncio) | 29 |
| the loop finds the route and checks who asks | 4 |
| the loop reads the headers, waits for the end of the invocation, and makes the answer | 14 |
| the loop makes the invocation and its run, records their first facts, and hands the run to a thread of the crew | 22 |
| other threads run the handler, record how it ended, hand the answer to the loop, wait for real time | 31 |

The crew hands answers over once the queue of short jobs is empty, with one wake-up for all of them. Its thread then
waits for more, and releases the interpreter by itself. A shorter switch interval of the interpreter (0.3 ms and 1 ms)
was tried in the process of `serve`. It gave fewer echoes at 1 and 8 connections, and no better p99 there."""
"""What profiles have shown; made by hand."""
