"""This module makes the tables of the ``emulator:`` block from the rows of the options.

The attributes of their fields have the names of the options.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fcemu.config.file_kinds import Instant, Numbers, Places, Probabilities, Secrets
from fcemu.core import option_kinds as of_options
from fcemu.core.fields import kinds
from fcemu.core.fields.rows import ABSENT, Field, Nested, Table, said
from fcemu.core.options import BLOCK, OPTIONS, Option, options_in
from fcemu.core.settings import default_of


def _kind_of(kind: of_options.Kind) -> kinds.Kind:
    """What a value of that kind is in a file."""
    match kind:
        case of_options.Whole(least=least, most=most):
            return kinds.Whole("", kinds.always(int(least), int(most)))
        case of_options.Number(what=what, least=least, most=most, above=above):
            return kinds.Number(what, least, most, above)
        case of_options.Waits(each=each, none=none):
            return Numbers(kinds.Number(each.what, each.least, each.most, each.above), none)
        case of_options.Words(words=words):
            return kinds.Choice(words)
        case of_options.Flag():
            return kinds.FLAG
        case of_options.Instant():
            return Instant()
        case of_options.Secrets():
            return Secrets()
        case of_options.Places():
            return Places()
        case of_options.Probabilities():
            return Probabilities()
        case of_options.Texts(expected=expected):
            return kinds.Texts(expected.removeprefix("a list of "), each=kinds.LINE)
        case of_options.Text(expected=expected, pattern=pattern):
            bound = "" if pattern in {".*", ".+"} else pattern  # no key has an empty text
            return kinds.Text(expected, pattern=bound, printable=True, empty=False)
    raise TypeError(f"no file has values like {type(kind).__name__}")


def field_of(option: Option) -> Field:
    """The row of a definition that sets an option. A clock there is the server's, and so is its default."""
    usual = default_of(option) if option.of_serve is None else option.of_serve if option.path else None
    default = ABSENT if option.otherwise or usual in (None, "", ()) else usual
    default = dict(default) if isinstance(default, Mapping) else default
    return said(option.key.rpartition(".")[2], _kind_of(option.kind), option.help, option.name, default=default)


def _fields(place: str) -> Iterator[Field]:
    """The rows of one map of the definition."""
    rows = options_in(BLOCK).values()
    return (field_of(option) for option in rows if option.key.rpartition(".")[0] == place)


_CLOCK_HELP: Final = "Decides how virtual time passes."
_AUTH_HELP: Final = "Decides who may use the emulator."
CLOCK: Final = Table("Clock", _CLOCK_HELP, *_fields("emulator.clock"))
AUTH: Final = Table("Auth", _AUTH_HELP, *_fields("emulator.auth"))
EMULATOR: Final = Table(
    "Emulator",
    "This block configures the emulator itself.",
    said("clock", Nested(CLOCK), _CLOCK_HELP, "clock"),
    said("auth", Nested(AUTH), _AUTH_HELP, "auth"),
    *_fields("emulator"),
)
OF_OPTIONS: Final = (EMULATOR, CLOCK, AUTH)
"""The tables whose rows are options."""
_MAPS: Final = (CLOCK.name.lower(), AUTH.name.lower())


def options_of(block: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are written in the block, and in the maps inside, with their values."""
    said = {name: value for name, value in block.items() if name not in _MAPS}
    return said | {name: value for each in _MAPS for name, value in block.get(each, {}).items()}


def wrong_option(block: Mapping[str, Any]) -> str:
    """What the kinds of values in a file do not say, such as a start beyond all that a clock can show."""
    for name, value in block.items():
        if name not in _MAPS:
            try:
                OPTIONS[name].kind.check(value)
            except ValueError as wrong:
                return f"{OPTIONS[name].key.rpartition('.')[2]}: {wrong}"
    return ""
