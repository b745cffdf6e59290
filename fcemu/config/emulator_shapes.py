"""The shapes of the ``emulator:`` block, made from the rows of the options that can be said in a definition.

Their fields have the names of the options.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from fcemu.config import kinds
from fcemu.config.kinds import Key, Nested, Plain, Shape, Value
from fcemu.core import option_kinds as of_options
from fcemu.core.options import BLOCK, OPTIONS, Option, options_in
from fcemu.core.settings import default_of
from fcemu.core.values import dataclass

_MAPS: Final = {"clock": "How virtual time passes.", "auth": "Who may use the emulator."}
"""The maps inside the block, and what each is about."""


def _value_of(kind: of_options.Kind) -> Value:
    """What a value of that kind is in a file."""
    match kind:
        case of_options.Whole(least=least, most=most):
            return kinds.Whole("", lambda _: (int(least), int(most)))
        case of_options.Number(what=what, least=least, most=most, above=above):
            return kinds.Number(what, least, most, above)
        case of_options.Waits(each=each, none=none):
            return kinds.Numbers(kinds.Number(each.what, each.least, each.most, each.above), none)
        case of_options.Words(words=words):
            return kinds.Choice(words)
        case of_options.Flag():
            return Plain.FLAG
        case of_options.Instant():
            return Plain.INSTANT
        case of_options.Secrets():
            return Plain.SECRETS
        case of_options.Places():
            return Plain.PLACES
        case of_options.Texts(expected=expected):
            return kinds.Texts(expected.removeprefix("a list of "))
        case of_options.Text(expected=expected, pattern=pattern):
            return kinds.Text(expected, ".+" if pattern == ".*" else pattern)  # no key has an empty text
    raise TypeError(f"no file has values like {type(kind).__name__}")


def key_of(option: Option) -> Key:
    """The key of a definition that sets an option. A clock there is the server's, and so is its default."""
    usual = default_of(option) if option.of_serve is None else option.of_serve if option.path else None
    default = None if option.otherwise or usual in ("", ()) else dict(usual) if isinstance(usual, Mapping) else usual
    return Key(option.key.rpartition(".")[2], _value_of(option.kind), option.help, default)


class OptionsShape(Shape):
    """A map of options."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, option: str) -> Any: ...

    def said(self) -> Iterator[tuple[str, Any]]:
        """The options that are written there, and in the maps inside, with their values."""
        for key in kinds.keys_of(type(self)).values():
            value = getattr(self, key.field)
            if isinstance(value, OptionsShape):
                yield from value.said()
            elif value is not None:
                yield key.field, value

    def contradiction(self) -> str:
        """What the kinds of values in a file do not say, such as a start beyond all that a clock can show."""
        for key in kinds.keys_of(type(self)).values():
            value = getattr(self, key.field)
            if value is not None and not isinstance(value, OptionsShape):
                try:
                    OPTIONS[key.field].kind.check(value)
                except ValueError as wrong:
                    return f"{key.name}: {wrong}"
        return ""


def _shape(name: str, about: str, keys: Mapping[str, Key]) -> Any:
    """A class whose fields are options."""
    value = Any | None
    fields = {"__annotations__": {field: Annotated[value, key] for field, key in keys.items()}}
    made = type(name, (OptionsShape,), {"__doc__": about, "__module__": __name__, **fields, **dict.fromkeys(keys)})
    return dataclass(frozen=True, slots=True, kw_only=True)(made)


def _emulator_shape() -> Any:
    keys: dict[str, dict[str, Key]] = {}
    for option in options_in(BLOCK).values():
        keys.setdefault(option.key.rpartition(".")[0], {})[option.name] = key_of(option)
    maps = {
        name: Key(name, Nested(_shape(f"{name.capitalize()}Shape", about, keys[f"emulator.{name}"])), about)
        for name, about in _MAPS.items()
    }
    return _shape("EmulatorShape", "Settings of the emulator itself.", maps | keys["emulator"])


if TYPE_CHECKING:

    class EmulatorShape(OptionsShape):
        """``emulator``: settings of the emulator itself. Its fields are options, and maps of options."""

else:
    EmulatorShape = _emulator_shape()
