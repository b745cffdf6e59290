"""The life of one asynchronous invocation, written down a second time from the spec, without a look at the engine.

Times are seconds from the start. A stop or a change at an instant happens after all that falls due at that instant.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW = 5 * 3600
WAITS = [0.5, 1, 2, 4, 8, 16, 32, 64]
REFUSED = {"429": "throttled", "500": "system error", "503": "system error"}
NEVER = float("inf")


class Config(NamedTuple):
    """What is set; where reports go by the end."""

    retries: int = 3
    age: float = 86_400
    on_success: str = ""
    on_failure: str = ""


class Step(NamedTuple):
    """What an attempt meets: ``returns`` or ``raises`` after so many seconds, or a refusal."""

    kind: str
    seconds: float = 0


@dataclass
class Story:
    """What is asked of one invocation; the last step repeats."""

    delay: float
    steps: list[Step]
    timeout: float
    configs: list[tuple[float, Config]]
    stopped: float = NEVER
    deleted: float = NEVER


@dataclass
class Life:
    """What comes of it: attempts as (word, start, end), the states it went through, its end, where it was reported."""

    attempts: list[tuple[str, float, float]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["Enqueued"])
    ended: float = 0
    reports: list[str] = field(default_factory=list)


def live(story: Story) -> Life:
    life, now = Life(), story.delay
    executions = refusals = 0
    first_refused: float | None = None

    def config(at: float) -> Config:
        return [one for since, one in story.configs if since < at or since < 0][-1]

    def end(state: str, at: float) -> Life:
        if state == "Stopped":
            life.states.append("Stopping")
        life.states.append(state)
        life.ended = at
        set_then = config(at) if at <= story.deleted else Config()
        address = {"Succeeded": set_then.on_success, "Failed": set_then.on_failure, "Expired": set_then.on_failure}
        life.reports += [report for report in [address.get(state, "")] if report]
        return life

    while True:
        if story.stopped < now:
            return end("Stopped", story.stopped)
        if not life.attempts:
            life.states.append("Dequeued")
        if story.deleted < now:
            return end("Invalid", now)
        if now > config(now).age:
            return end("Failed" if executions else "Expired", now)
        step = story.steps[min(len(life.attempts), len(story.steps) - 1)]
        if step.kind in REFUSED:
            life.attempts.append((REFUSED[step.kind], now, now))
            first_refused = now if first_refused is None else first_refused
            refusals += 1
            if now + 0.5 * 2 ** (refusals - 1) > first_refused + WINDOW:
                return end("Failed", now)
            now += 0.5 * 2 ** (refusals - 1)
            continue
        executions, refusals, start = executions + 1, 0, now
        life.states.append("Running")
        now += min(step.seconds, story.timeout)
        if start <= story.stopped < now:
            life.attempts.append(("stopped", start, story.stopped))
            return end("Stopped", story.stopped)
        late = step.seconds >= story.timeout
        life.attempts.append(("timed out" if late else step.kind, start, now))
        if step.kind == "returned" and not late:
            return end("Succeeded", now)
        if executions > config(now if now <= story.deleted else start).retries:
            return end("Failed", now)
        life.states.append("Retrying")
        now += WAITS[executions - 1]
