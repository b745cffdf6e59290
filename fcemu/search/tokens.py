"""Tokens: the choices of one run as a short text, which says what it belongs to."""

import hashlib
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from fcemu.core.questions import QUESTIONS, Choice
from fcemu.core.values import value

_FORM: Final = b"\x01"
"""The first byte of a token: in which form the rest is."""
_CHARACTERS: Final = 12
"""How many characters of a digest a token has."""


class WrongToken(ValueError):
    """A text that is no token, or a token of another definition or another test."""


@value
class Repeat:
    """What a token says: the seed, the choices, and of which definition and test they are. ``test``: ``""`` where no
    test runner was there."""

    seed: int
    choices: tuple[Choice, ...]
    definition: str
    test: str
    exhaust_retries: bool = False

    def demand_definition(self, definition: str) -> None:
        """Raise ``WrongToken`` unless ``definition`` is the text that the token was made for."""
        if self.definition != digest(definition):
            raise WrongToken(
                "the token belongs to another definition or other options: it repeats a run of what they were when the "
                "search found it; search again"
            )

    def demand_test(self, test: str) -> None:
        """Raise ``WrongToken`` unless ``test`` is the test that the token was made for."""
        if self.test and self.test != digest(test):
            raise WrongToken(f"the token belongs to another test than {test}; run the test for which it was printed")


def digest(text: str) -> str:
    """By what a definition, or a test, is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()[:_CHARACTERS]


def encode(repeat: Repeat) -> str:
    """The token. It is the same for the same choices."""
    names = list(QUESTIONS)
    choices = [
        [names.index(one.question), one.place, one.answer, *([one.milliseconds] if one.milliseconds else [])]
        for one in repeat.choices
    ]
    told = [repeat.definition, repeat.test, repeat.seed, choices, int(repeat.exhaust_retries)]
    packed = zlib.compress(json.dumps(told, separators=(",", ":")).encode())
    return urlsafe_b64encode(_FORM + packed).decode().rstrip("=")


def decode(token: str) -> Repeat:
    """What ``encode`` wrote. Raises ``WrongToken``."""
    try:
        packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if packed[:1] != _FORM:
            raise ValueError(packed[:1])
        definition, test, seed, choices, exhausts = json.loads(zlib.decompress(packed[1:]))
        names = list(QUESTIONS)
        read = tuple(Choice(names[question], str(place), *map(int, numbers)) for question, place, *numbers in choices)
        return Repeat(int(seed), read, str(definition), str(test), bool(exhausts))
    except (ValueError, TypeError, IndexError, zlib.error):
        raise WrongToken(f"expected a token that a search has printed, got {token!r}") from None
