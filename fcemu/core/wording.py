"""How messages list words, and ask whether another one was meant."""

from collections.abc import Iterable


def either(words: Iterable[object]) -> str:
    """The words as a choice in a sentence: ``a, b or c``."""
    *most, last = map(str, words)
    return f"{', '.join(most)} or {last}" if most else last


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question whether the known word that is most like ``word`` was meant; ``""`` where none is like it."""
    from difflib import get_close_matches  # only what is wrong needs it

    close = get_close_matches(word, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""
