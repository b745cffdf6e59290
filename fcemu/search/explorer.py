"""The explorer: makes the runs of a search, until one fails, and shrinks that."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import field

from fcemu.core.questions import KILL, START, Choice
from fcemu.core.script import Asked, Script
from fcemu.core.values import dataclass
from fcemu.search.shrink import shrink
from fcemu.search.strategy import Choices, Run, Search

RunOnce = Callable[[Script], bool]
"""Runs the story by a script, which keeps what was asked; whether the story failed."""
Take = Callable[[], Script | None]
"""Gives the next script; ``None`` where there is none, or none yet (``Search.take``)."""
Made = Generator[tuple[Script, bool], None, None]
Runner = Callable[[Take, RunOnce], Made]
"""Takes scripts and runs the story by them. It yields each script, which has kept what was asked, with whether the
story failed, in the order in which they were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a search goes. ``runs``: how many runs it makes at most, 0 for as many as ``exhaustive`` needs.
    ``exhaustive``: all runs with at most so many deviations. ``over``: asked before each run, whether time is up."""

    runs: int = 0
    exhaustive: int = 0
    exhaust_retries: bool = False
    over: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a search.

    ``runs``: how many were made, the last one failed where ``choices`` are not ``None``. ``choices``: those of the
    failure, shrunk; ``found``: as it was found; ``asked``: how many questions were asked in the run that failed.
    ``complete``: whether there are no other runs, or none with at most ``exhaustive`` deviations. ``doubt``: why the
    failure may not repeat, ``""`` if nothing speaks against it.
    """

    runs: int
    distinct: int
    complete: bool
    exhaustive: int
    choices: Choices | None = None
    found: Choices = ()
    asked: tuple[Asked, ...] = ()
    doubt: str = ""
    broken: tuple[Choices, ...] = ()
    """Of a sweep: all that breaks the story."""
    whys: Mapping[str, str] = field(default_factory=dict)
    """Of a sweep of the calendar: what is special about the instants."""


def one_by_one(take: Take, run_once: RunOnce) -> Made:
    """The runner of one process."""
    while (script := take()) is not None:
        yield script, run_once(script)


def explore(
    run_once: RunOnce,
    bounds: Bounds,
    seed: int,
    progress: Callable[[int], object] = lambda runs: None,
    runner: Runner = one_by_one,
) -> Result:
    """Search for a run in which the story fails. ``progress`` hears after each run how many were made.

    What is found is the same whatever the runner is: results are heard in the order of the scripts, and a script never
    depends on results that one process would not have had.
    """
    search = Search(seed=seed, runs=bounds.runs, exhaustive=bounds.exhaustive, exhaust_retries=bounds.exhaust_retries)
    taken = runs = 0

    def take() -> Script | None:
        nonlocal taken
        if taken and ((bounds.runs and taken >= bounds.runs) or bounds.over()):
            return None
        script = search.take()
        taken += script is not None
        return script

    with closing(runner(take, run_once)) as made:
        for script, failed in made:
            if script.points and search.runs_in_vain:
                break  # one process would not have made this run
            runs += 1
            progress(runs)
            run = Run(tuple(script.asked), failed)
            search.hear(run)
            if failed:
                made.close()
                return _shrunk(run, run_once, bounds, runs, search.distinct)
    search.take()  # it finds out whether there was another run
    return Result(runs=runs, distinct=search.distinct, complete=search.complete, exhaustive=bounds.exhaustive)


def crashes(calm: Script, facts: int) -> list[Choice]:
    """The emulator killed at each fact, and each instance at each moment. ``calm``: the script of a calm run, which
    came to so many ``facts``."""
    kills = [Choice(KILL, str(number), 1) for number in range(1, facts + 1)]
    return kills + [Choice(one.question, one.place, 1) for one in calm.asked if one.question.startswith("crash-")]


def dates(instants: Iterable[str]) -> list[Choice]:
    """The story started at each of these instants."""
    return [Choice(START, instant, 1) for instant in instants]


def sweep(run_once: RunOnce, calm: Script, tries: Sequence[Choice], over: Callable[[], bool] = lambda: False) -> Result:
    """Run the story once for each of ``tries``. ``calm``: the script of a calm run, which was made before.

    ``broken`` has all that fail; ``choices`` is the first of them.
    """
    runs, broken = 1, []
    for choices in ((one,) for one in tries):
        if over():
            break
        runs += 1
        if run_once(Script.of(choices, exhaust_retries=calm.exhaust_retries)):
            broken.append(choices)
    complete = runs == 1 + len(tries)
    first = broken[0] if broken else None
    return Result(
        runs=runs,
        distinct=runs,
        complete=complete,
        exhaustive=1,
        choices=first,
        found=first or (),
        asked=tuple(calm.asked),
        broken=tuple(broken),
    )


def _shrunk(run: Run, run_once: RunOnce, bounds: Bounds, runs: int, distinct: int) -> Result:
    def fails(choices: Choices) -> bool:
        return run_once(Script.of(choices, exhaust_retries=bounds.exhaust_retries))

    found = run.choices
    doubt = ""
    choices = found
    if not fails(found):
        doubt = "the same choices did not fail a second time"
    else:
        choices = shrink(found, fails)
    return Result(
        runs=runs,
        distinct=distinct,
        complete=False,
        exhaustive=bounds.exhaustive,
        choices=choices,
        found=found,
        asked=run.asked,
        doubt=doubt,
    )
