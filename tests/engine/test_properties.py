"""Random policies, delays, failures, stops and changes: engine and model agree, and what must always hold does."""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial

from engine.model import Config, Life, Step, Story, live
from fakes import ask, make, s
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fcemu.core.destinations import QueueDestination
from fcemu.core.facts import Accepted, Delayed, Delivered, Redelivered, RetryPlanned, Started
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import TERMINAL, TRANSITIONS
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.odds import NAMES, Odds
from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Throttled
from fcemu.core.resource_types import ASYNC, FUNCTIONS
from fcemu.core.settings import Settings
from fcemu.core.tasks import events
from fcemu.engine.chance import Chance, Seeded

ENDS = {kind for row in TRANSITIONS.values() for kind, state in row.items() if state in TERMINAL}

FULL = os.environ.get("FCEMU_EFFORT") == "full"
BOUNDED = settings(max_examples=5000 if FULL else 250, deadline=None, database=None, derandomize=not FULL)

F = FunctionRef("f")
TIMEOUT = 5
REFUSALS = {"429": Throttled(), "500": INTERNAL_ERROR, "503": NO_CAPACITY}

moments = st.sampled_from([0, 0.25, 0.5, 1, 1.5, 2, 4, 5, 7.5, 10, 60, 200])
configs = st.builds(
    Config,
    retries=st.integers(0, 8),
    age=st.sampled_from([1, 3, 10, 200, 86_400]),
    on_success=st.sampled_from(["", "queue:done"]),
    on_failure=st.sampled_from(["", "queue:broken"]),
)
steps = st.builds(
    Step,
    kind=st.sampled_from(["returned", "function error", "function error", "429", "500", "503"]),
    seconds=st.sampled_from([0, 0.25, 1, 4.75, 5, 7]),
)


@st.composite
def plans(draw):
    """A few invocations of one function, and what happens to it meanwhile."""
    changes = draw(st.lists(st.tuples(moments, configs), max_size=3))
    all_configs = [(-1.0, draw(configs)), *sorted(changes, key=lambda change: change[0])]
    deleted = draw(st.one_of(st.just(float("inf")), st.just(float("inf")), moments))
    return [
        Story(
            delay=draw(st.sampled_from([0, 0, 1, 3, 4, 10, 100])),
            steps=draw(st.lists(steps, min_size=1, max_size=4)),
            timeout=TIMEOUT,
            configs=all_configs,
            stopped=draw(st.one_of(st.just(float("inf")), moments)),
            deleted=deleted,
        )
        for _ in range(draw(st.integers(1, 4)))
    ]


class Written(Chance):
    """Refuses the attempts that the stories say are refused."""

    def __init__(self, stories):
        super().__init__()
        self._stories = stories

    def refusal(self, moment):
        invocation = moment.invocation
        return REFUSALS.get(step_of(self._stories, invocation.accepted.payload, len(invocation.attempts)).kind)


def step_of(stories, payload, attempt):
    steps = stories[int(payload)].steps
    return steps[min(attempt, len(steps) - 1)]


def settings_of(config):
    def queue(address):
        return QueueDestination(address.removeprefix("queue:")) if address else None

    return {
        "max_retries": config.retries,
        "max_age": s(config.age),
        "on_success": queue(config.on_success),
        "on_failure": queue(config.on_failure),
        "task_mode": True,
    }


def lived(stories):
    """The lives that the engine gives those invocations, and its emulator."""

    def handler(call):
        step = step_of(stories, call.payload, call.attempt - 1)
        call.clock.sleep(step.seconds)
        if step.kind == "function error":
            raise ValueError("as written")
        return b"done"

    first = stories[0]
    emulator, _ = make(
        {"f": AsyncSettings(**settings_of(first.configs[0][1]))}, chance=Written(stories), timeout=TIMEOUT, f=handler
    )
    invocations = [emulator.accept(ask("f", str(n).encode(), delay=story.delay)) for n, story in enumerate(stories)]
    happens: list[tuple[float, Callable[[], object]]] = [
        (at, partial(emulator.control.put, ASYNC, (F, LATEST), settings_of(config)))
        for at, config in first.configs[1:]
        if at <= first.deleted
    ]
    if first.deleted != float("inf"):
        happens.append((first.deleted, partial(emulator.control.delete, FUNCTIONS, F)))

    def stop(invocation):
        if not invocation.finished:
            emulator.tasks.stop_invocation(invocation)

    happens += [
        (story.stopped, partial(stop, invocation))
        for story, invocation in zip(stories, invocations, strict=True)
        if story.stopped != float("inf")
    ]
    for at, act in sorted(happens, key=lambda one: one[0]):
        emulator.wait(emulator.advance_to(emulator.clock.started + s(at)))
        act()
    emulator.wait(emulator.run_until_idle(None))
    emulator.close()
    return emulator, [_life(emulator, invocation) for invocation in invocations]


def _life(emulator, invocation):
    def seconds(at):
        return (at - emulator.clock.started).total_seconds()

    return Life(
        attempts=[(one.word, seconds(one.started), seconds(one.ended)) for one in invocation.attempts],
        states=[str(event.status) for event in events(invocation.history)],
        ended=seconds(invocation.ended),
        reports=[delivery.destination for delivery in invocation.deliveries],
    )


@BOUNDED
@given(plans())
def test_the_engine_and_the_model_tell_the_same_lives(stories):
    emulator, lives = lived(stories)
    expected = [live(story) for story in stories]
    assert lives == expected
    for life in lives:
        event(life.states[-1])
    holds(emulator)


@BOUNDED
@given(
    seed=st.integers(0, 2**32),
    odds=st.builds(Odds, *[st.sampled_from([0, 0.1, 0.5] if name != "report" else [0]) for name in NAMES]),
    retries=st.integers(0, 3),
    delays=st.lists(st.integers(0, 5), min_size=1, max_size=8),
)
def test_what_must_always_hold_does_so_for_every_draw_of_chance(seed, odds, retries, delays):
    def handler(call):
        call.clock.sleep(int(call.payload) % 3)
        if int(call.payload) % 2:
            raise ValueError("always")
        return b"done"

    told = AsyncSettings(
        max_retries=retries, task_mode=True, on_success=QueueDestination("done"), on_failure=QueueDestination("broken")
    )
    emulator, _ = make({"f": told}, Settings(seed=seed), chance=Seeded(seed, odds), f=handler)
    for n, delay in enumerate(delays):
        emulator.accept(ask("f", str(n).encode(), delay=delay))
    emulator.wait(emulator.run_until_idle(None))
    emulator.close()
    holds(emulator)
    for invocation in emulator.journal.invocations.values():
        assert invocation.executions - invocation.repeats <= 1 + retries
        assert len(invocation.deliveries) == 1


def holds(emulator):
    """No attempt before its time, exactly one end, at most one report, times that never go back."""
    due: dict[str, object] = {}
    ends: Counter[str] = Counter()
    reports: Counter[tuple[str, str]] = Counter()
    before = emulator.clock.started
    for fact in emulator.journal:
        assert fact.at >= before
        before = fact.at
        if isinstance(fact, Accepted | RetryPlanned | Delayed | Redelivered):
            due[fact.request_id] = fact.due
        elif isinstance(fact, Started):
            assert fact.at >= due[fact.request_id]
        elif type(fact) in ENDS:
            ends[fact.request_id] += 1
        elif isinstance(fact, Delivered):
            assert ends[fact.request_id] == 1
            reports[fact.request_id, fact.destination] += 1
    assert ends == Counter(dict.fromkeys(emulator.journal.invocations, 1))
    assert not reports or max(reports.values()) == 1
