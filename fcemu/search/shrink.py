"""Shrinking: from choices that make a story fail to the few that matter."""

from collections.abc import Callable

from fcemu.core.questions import Choice
from fcemu.search.strategy import Choices

Fails = Callable[[Choices], bool]
"""Whether the story fails with these choices, and all else calm."""


def shrink(choices: Choices, fails: Fails) -> Choices:
    """Choices that fail, of which none can be left out: without any one of them the story passes.

    ``choices`` are known to fail. Where a smaller answer fails as well, it takes the place of a larger one, because the
    answers of a question begin with the simplest. Each question is put to ``fails`` once.
    """
    asked: dict[frozenset[Choice], bool] = {frozenset(choices): True}

    def known(some: Choices) -> bool:
        key = frozenset(some)
        if key not in asked:
            asked[key] = fails(some)
        return asked[key]

    while True:
        found = _without_one(choices, known) or _simpler(choices, known)
        if found is None:
            return choices
        choices = found


def _without_one(choices: Choices, fails: Fails) -> Choices | None:
    """The choices without one of them, where that still fails."""
    for n in reversed(range(len(choices))):
        fewer = choices[:n] + choices[n + 1 :]
        if fails(fewer):
            return fewer
    return None


def _simpler(choices: Choices, fails: Fails) -> Choices | None:
    """The choices with a smaller answer to one of the questions, where that still fails."""
    for n, one in enumerate(choices):
        for answer in range(1, one.answer):
            simpler = (*choices[:n], Choice(one.question, one.place, answer), *choices[n + 1 :])
            if fails(simpler):
                return simpler
    return None
