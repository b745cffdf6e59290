"""Recipes: scripts as JSON, for the processes that run a search together; what was asked in a run, likewise; and the
recipe that a journal is."""

from collections.abc import Iterable, Mapping
from typing import Any

from fcemu.core.facts import RECORD, Accepted, Deviated, Fact, FaultStruck, from_json
from fcemu.core.questions import Choice, of_emulator
from fcemu.core.script import Asked, Script


def recipe_of(script: Script) -> list[Any]:
    """A script that was not run yet."""
    choices = [[question, place, *answer] for (question, place), answer in script.choices.items()]
    return [choices, list(script.points.items()), script.exhaust_retries]


def script_of(recipe: list[Any]) -> Script:
    """The script of a recipe."""
    choices, points, exhausts = recipe
    return Script(
        choices={(question, place): (answer, milliseconds) for question, place, answer, milliseconds in choices},
        points={int(point): answer for point, answer in points},
        exhaust_retries=exhausts,
    )


def told_of(script: Script) -> list[list[Any]]:
    """What was asked in a run by a script, and how it was answered."""
    return [[one.question, one.place, one.answers, one.given, one.milliseconds] for one in script.asked]


def hear(script: Script, told: list[list[Any]]) -> None:
    """Keep in a script what another process was asked when it ran it."""
    script.asked[:] = [Asked(*one) for one in told]


_KINDS = {kind.__name__ for kind in (Accepted, Deviated, FaultStruck)}
"""The kinds of facts, as the journal calls them, from which a recipe follows."""


def recipe_in(facts: Iterable[Fact | Mapping[str, Any]], emulator: int = 1) -> tuple[Choice, ...]:
    """The choices of a run, from the facts of the journal of one emulator alone, all of them and in their order.

    A fact may also be the record of one, as ``GET /_fcemu/journal``, ``fcemu journal`` and the ``.jsonl`` of a report
    have it. ``emulator``: its number among those of the run. Facts of earlier versions have no choices. Raises
    ``ValueError`` where the beginning of the journal is missing.
    """
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    found: list[Choice] = []
    for fact in map(_fact, facts):
        if isinstance(fact, Accepted):
            function = str(fact.function)
            counts[function] = counts.get(function, 0) + 1
            names[fact.request_id] = f"{function}#{counts[function]}"
            continue
        told = fact.choice if isinstance(fact, FaultStruck) else fact.deviation if isinstance(fact, Deviated) else None
        if told is None:
            continue
        if told.attempt and told.about not in names:
            raise ValueError(f"invocation {told.about} is not among the facts; a recipe needs the whole journal")
        place = f"{names[told.about]}.{told.attempt}" if told.attempt else told.about
        again = f"~{told.time}" if told.time > 1 else ""
        place = f"{of_emulator(emulator)}{place}{again}"
        found.append(Choice(told.question, place, told.answer, told.milliseconds))
    return tuple(found)


def _fact(told: Fact | Mapping[str, Any]) -> Fact | None:
    """The fact that a record tells of, if a recipe follows from its kind."""
    if isinstance(told, Fact):
        return told
    return from_json({name: told[name] for name in RECORD}) if told["kind"] in _KINDS else None
