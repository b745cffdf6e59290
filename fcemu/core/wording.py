"""How messages list words."""

from collections.abc import Iterable


def either(words: Iterable[object]) -> str:
    """The words as a choice in a sentence: ``a, b or c``."""
    *most, last = map(str, words)
    return f"{', '.join(most)} or {last}" if most else last
