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
    Step("door", "api/invocations.py", "Invocations.invoke", "knows FC's words: reads the request, writes the answer"),
    Step("intake", "engine/intake.py", "Intake.accept", "checks in FC's order and gives the invocation its id"),
    Step("journal", "engine/journal.py", "Journal.open", "has the fact `Accepted`, with which an invocation begins"),
    Step("agenda", "engine/agenda.py", "Agenda.push", "holds it until its instant, with all else that lies ahead"),
    Step("mover", "engine/movers.py", "Movers._drive", "asks a goal how far, and the agenda what comes first"),
    Step("goal", "engine/goals.py", "Advance.horizon", "says up to which instant the clock may go for a caller"),
    Step("clock", "engine/movers.py", "Movers._move_to", "is set there; nothing else sets it"),
    Step("start", "engine/dispatcher.py", "Dispatcher.begin", "decides whether an attempt starts: age, limits, faults"),
    Step("instance", "engine/fleet.py", "Fleet.ask", "is found for it, or started"),
    Step("attempt", "engine/runs.py", "CodeRun.run_here", "runs on the mover's thread, without the baton"),
    Step(
        "handler",
        "runtimes/python_inline.py",
        "InlineInstance.run",
        "is the user's code, in a runtime",
    ),
    Step("end", "engine/ending.py", "Ending.ended", "takes what the attempt came to, whatever has ended it"),
    Step("outcome", "engine/dispatcher.py", "Dispatcher.end", "becomes facts"),
    Step("rule", "core/retry.py", "decide", "decides whether there is another attempt, and when"),
    Step("reaction", "engine/reactions.py", "", "is what follows from a fact, by the table below"),
    Step("retry", "engine/dispatcher.py", "Dispatcher.due_again", "puts the invocation on the agenda once more"),
    Step("goals", "engine/movers.py", "Movers.invocation_ended", "of callers that wait for its end are reached"),
    Step("caller", "engine/callers.py", "Callers.answer", "of a synchronous invocation is woken"),
    Step("report", "engine/deliveries.py", "Deliveries.report", "goes to the destination"),
    Step("mail", "mns/mail.py", "Mail.arrives", "hands it to the consumers of a queue, or to what hears of a topic"),
)
"""In the order in which an invocation takes them that fails once and then succeeds."""
