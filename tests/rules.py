"""Marks tests whose names are rules of FC; ``docs/generate.py`` makes a table of them."""

from collections.abc import Callable
from typing import Literal, TypeVar

Test = TypeVar("Test", bound=Callable[..., object])
Mark = Literal["documented", "from SDK", "inferred", "assumed"]
"""How well a rule is known: an official page says so; an official SDK or tool does; it follows from several sources;
nobody says, so that it is a guess of ours."""


def rule(source: str, mark: Mark) -> Callable[[Test], Test]:
    """This test's name is a rule of FC. ``source``: the section of a page in ``docs/fc``."""

    def leave(test: Test) -> Test:
        return test

    return leave
