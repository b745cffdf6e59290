"""Recipes: scripts as JSON, for the processes that run a search together; and what was asked in a run, likewise."""

from typing import Any

from fcemu.core.script import Asked, Script


def recipe_of(script: Script) -> list[Any]:
    """A script that was not run yet."""
    choices = [[question, place, answer] for (question, place), answer in script.choices.items()]
    return [choices, list(script.points.items()), script.exhaust_retries]


def script_of(recipe: list[Any]) -> Script:
    """The script of a recipe."""
    choices, points, exhausts = recipe
    return Script(
        choices={(question, place): answer for question, place, answer in choices},
        points={int(point): answer for point, answer in points},
        exhaust_retries=exhausts,
    )


def told_of(script: Script) -> list[list[Any]]:
    """What was asked in a run by a script, and how it was answered."""
    return [[one.question, one.place, one.answers, one.given] for one in script.asked]


def hear(script: Script, told: list[list[Any]]) -> None:
    """Keep in a script what another process was asked when it ran it."""
    script.asked[:] = [Asked(*one) for one in told]
