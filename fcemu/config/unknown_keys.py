"""This module guesses what an unknown key was meant to be."""

from typing import Final, NamedTuple

from fcemu.config.problems import closest
from fcemu.config.schema import ALIASES, below
from fcemu.core.fields.rows import Table
from fcemu.core.wording import either

ALIKE: Final = 0.85
"""How alike a key of the same level is at least to be meant, although another level has the very word: a letter or two
are missing."""


class Level(NamedTuple):
    """Where the reader is: the table of what it reads, how messages call that, whose it is (``shop/charge``), what is
    around it, and of which generation its functions are."""

    table: Table
    where: str
    owner: str = ""
    above: "Level | None" = None
    named: bool = False
    generation: str = "3.0"


class Advice(NamedTuple):
    """A hint on an unknown key, empty if nothing is like it, and which keys of its level it may mean. ``certain``: it
    means the first of them."""

    hint: str = ""
    meant: tuple[str, ...] = ()
    certain: bool = False


def advise(word: str, level: Level) -> Advice:
    folded = {alias.casefold(): natives for alias, natives in ALIASES.items()}
    natives = folded.get(word.casefold(), (word,))
    if not natives:
        return Advice("the key above is the name" if level.named else "")
    looked = [seen for seen in (_look(native, level) for native in natives) if seen]
    if (alike := closest(word, level.table.keys, ALIKE)) and all(seen.where for seen in looked):
        looked = []  # a slip here is likelier than a key of another level
    certain = len(looked) == 1
    if alike and not looked:
        looked = [_Seen(alike, "")]
    if not looked:
        here = frozenset(level.table.keys)
        near = {name: (name,) for name in here} | {
            alias: meant for alias, meant in ALIASES.items() if meant and here.issuperset(meant)
        }
        best = closest(word, near)
        looked = [seen for seen in (_look(native, level) for native in near[best]) if seen] if best else []
    if not looked:
        return Advice()
    names = either(repr(seen.name) for seen in looked)
    first = looked[0]
    if first.where:
        known = f"{names} belongs {first.where}"
        return Advice(known if first.name == word else f"did you mean {names}? it belongs {first.where}")
    case = " (keys are case-sensitive)" if first.name.casefold() == word.casefold() else ""
    return Advice(f"did you mean {names}?{case}", tuple(seen.name for seen in looked), certain)


class _Seen(NamedTuple):
    """A key by its right spelling; ``where`` it belongs, if not here."""

    name: str
    where: str


def _look(word: str, level: Level) -> _Seen | None:
    """The nearest key that is written like this in any case: here, then around, then inside."""

    def seen(table: Table, where: str) -> _Seen | None:
        names = sorted(name for name in table.keys if name.casefold() == word.casefold())
        return _Seen(names[0], where) if names else None

    if here := seen(level.table, ""):
        return here
    steps, current = 0, level
    while current.above is not None:
        steps += 2 if current.named else 1
        current = current.above
        if around := seen(current.table, f"{_levels(steps)} up, {current.where}"):
            return around
    inside = (seen(table, f"{_levels(depth)} down, in {way}") for way, depth, table in below(level.table))
    return next((key for key in inside if key), None)


def _levels(steps: int) -> str:
    return "one level" if steps == 1 else "further"
