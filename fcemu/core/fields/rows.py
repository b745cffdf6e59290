"""A row says all that is known about one field of a resource; a table has the rows of one resource.

To add a field, add its row to the table of its resource. What follows from that: every API version of the row reads,
checks, keeps and shows it under its name there; ``fcemu.yaml`` takes it, as a key of its own or below ``kept``, and
``s.yaml`` and ``template.yml`` do, where their words are FC's; the schema for editors and the reference page have it;
``GET /_fcemu/definition`` writes it, and the store keeps it. A row that acts names the attribute of the core's class
that holds the value, which is the one other thing to add.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from fcemu.core.fields.kinds import Kind
from fcemu.core.generation import V2016 as V2016
from fcemu.core.generation import V2021 as V2021
from fcemu.core.generation import V2023 as V2023
from fcemu.core.generation import VERSIONS
from fcemu.core.names import NAME
from fcemu.core.values import dataclass

IN_2_0: Final = (V2016, V2021)
"""The API versions that know functions of 2.0, which belong to services."""
IN_3_0: Final = (V2023,)
ALL: Final = VERSIONS
ABSENT: Final = object()
"""The default of a field that is not shown where it was never set."""


class Effect(Enum):
    """What a field does."""

    ACTS = "acts"
    """The emulator acts on it."""
    KEEPS = "keeps"
    """It is kept and shown, and does nothing."""
    SHOWS = "shows"
    """It stands in answers only; the emulator makes it."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the keys of a ``Named`` can be: a pattern, and the words for it."""

    pattern: str = NAME
    rule: str = "a name has at most 128 letters, digits, '_' and '-', and does not begin with a digit or '-'"


@dataclass(frozen=True, slots=True)
class Nested:
    """A map with rows of its own. ``short``: the key that a single text in its place stands for. ``by``: there may also
    be a list of such maps, which this key tells apart. ``many``: the same, and nothing needs to tell them apart."""

    table: "Table"
    short: str = ""
    by: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A map from names that the user chooses to maps with the same rows; ``noun`` is what it names. ``short`` as in
    ``Nested``."""

    table: "Table"
    noun: str
    names: Names = Names()
    short: str = ""


Value = Kind | Nested | Named
"""What a field may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a resource.

    ``name``: FC's name for it; ``names``: other ones, by API version. ``versions``: the API versions that have it; none
    for what only files say. ``inside``: the object on the wire in which it stands, ``""`` for the resource's own.
    ``attribute``: where the core has it, ``""``: in the resource's ``kept``, under ``name``. ``kind``: what its value
    may be; ``in_file``: the same in a file, which may say it in another way. ``default``: what holds where nothing was
    said, as plain data.

    ``key``: its key in ``fcemu.yaml``, ``""`` for what has none there (settings that only are kept are below ``kept``
    by FC's names). ``required``: the key must be there, ``not_for``: but for runtimes that begin like this. ``only``:
    the generation, 2.0 or 3.0, whose functions have the key, where it is one of them. ``runs_in``: how runtimes begin
    for which it means something. ``inert``: a key without effect yet.

    ``about``: what it is, as a sentence for people. ``source``: where FC documents its rule, where that is another page
    than the table's.
    """

    name: str
    kind: Value
    in_file: Value
    about: str
    effect: Effect = Effect.ACTS
    attribute: str = ""
    default: Any = ABSENT
    versions: tuple[str, ...] = ALL
    names: Mapping[str, str] | None = None
    inside: str = ""
    key: str = ""
    required: bool = False
    not_for: tuple[str, ...] = ()
    only: str = ""
    runs_in: str = ""
    inert: bool = False
    source: str = ""

    def name_in(self, version: str) -> str:
        """What an API version calls it."""
        return self.name if self.names is None else self.names.get(version, self.name)


def _row(kind: Value, written: Value | None = None, **more: Any) -> Field:
    """``written``: what the value may be in a file, where that is something else."""
    return Field(kind=kind, in_file=kind if written is None else written, **more)


def acts(name: str, kind: Value, about: str, attribute: str = "", **more: Any) -> Field:
    """The row of a field on which the emulator acts, which files say under FC's name."""
    return _row(name=name, kind=kind, about=about, attribute=attribute, **{"key": name, **more})


def keeps(name: str, kind: Value, about: str, default: Any = ABSENT, **more: Any) -> Field:
    """The row of a field that is kept and shown."""
    return _row(name=name, kind=kind, about=about, effect=Effect.KEEPS, default=default, **more)


def shows(name: str, kind: Value, about: str, **more: Any) -> Field:
    """The row of a field of answers."""
    return _row(name=name, kind=kind, about=about, effect=Effect.SHOWS, **more)


def said(name: str, kind: Value, about: str, attribute: str, **more: Any) -> Field:
    """The row of what only a file says: FC has it as a resource of its own, or has nothing like it."""
    return _row(name=name, kind=kind, about=about, attribute=attribute, versions=(), **{"key": name, **more})


class Table:
    """All fields of one resource, in the order in which answers show them.

    ``name`` and ``about`` say what the resource is, for documents. ``keys``: the fields that are keys of a file, by
    these. ``one_of``: keys of a file of which exactly one must be there; ``none_says``: what is wrong without any.
    ``only_with``: keys that need one of these. ``source``: where FC documents it.
    """

    __slots__ = ("about", "fields", "keys", "name", "none_says", "one_of", "only_with", "source")

    def __init__(
        self,
        name: str,
        about: str,
        *fields: Field,
        one_of: tuple[str, ...] = (),
        none_says: str = "",
        only_with: Mapping[str, str] | None = None,
        source: str = "",
    ) -> None:
        self.name: Final = name
        self.about: Final = about
        self.fields: Final = fields
        self.keys: Final = {field.key: field for field in fields if field.key}
        self.one_of: Final = one_of
        self.none_says: Final = none_says
        self.only_with: Final = only_with or {}
        self.source: Final = source

    def of(self, version: str) -> tuple[Field, ...]:
        """The fields that an API version has."""
        return tuple(field for field in self.fields if version in field.versions)

    def field(self, name: str) -> Field:
        """The first field of that name. Raises ``KeyError``."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)
