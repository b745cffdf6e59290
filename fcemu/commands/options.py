"""What commands are made of: groups that know every name, kinds of values, options with their variables."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
from click.core import ParameterSource

from fcemu.core.settings import BOUNDS

if TYPE_CHECKING:
    from fcemu.client import Client

    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """Generic also where click's own is not, which is so in older versions."""

        __class_getitem__ = classmethod(lambda cls, _: cls)


F = TypeVar("F", bound=Callable[..., Any])

LATER_COMMANDS: Final = (
    "analyse",
    "explore",
    "mutate",
    "openapi",
)
"""What later versions bring: refused by name, never "no such command"."""


class Commands(click.Group):
    """A group that refuses by name what comes later, and offers the closest name."""

    later: tuple[str, ...] = ()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            if name in self.later:
                ctx.fail(f"{name} is not supported yet")
            from difflib import get_close_matches

            known = self.list_commands(ctx)
            close = get_close_matches(name, [*known, *self.later], 1)
            hint = f"did you mean {close[0]!r}?" if close else f"commands: {', '.join(known)}"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Main(Commands):
    """The program: commands in the order in which a newcomer meets them.

    Those in ``elsewhere`` are in modules of their own, which are imported when they are asked for.
    """

    later = LATER_COMMANDS
    order: tuple[str, ...] = (
        "demo",
        "init",
        "serve",
        "exec",
        "check",
        "invoke",
        "event",
        "clock",
        "invocations",
        "timeline",
        "journal",
        "explain",
        "openapi",
        "doctor",
    )
    elsewhere = frozenset({"init", "check", "clock", "event", "invocations", "journal", "openapi", "doctor"})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.elsewhere:
            from importlib import import_module

            command: click.Command = getattr(import_module(f"fcemu.commands.{cmd_name}"), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.order)


# Kinds of values. What reads them is imported when there is one to read.


class Duration(ParamType[timedelta]):
    """``BY``: seconds, or text like ``1h30m``; never negative."""

    name = "BY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from fcemu.core.times import parse_duration

        try:
            duration = parse_duration(value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)
        if duration < timedelta(0):
            self.fail(f"{value!r} is negative, and time does not go back", param, ctx)
        return duration


class Instant(ParamType[str]):
    """``TIME``: ISO 8601 with an offset, or ``+200s`` from the start; checked, and kept as it is written."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        self._read(value, param, ctx)
        return str(value)

    def _read(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from fcemu.core.settings import SPEC_START
        from fcemu.core.times import parse_instant

        try:
            return parse_instant(value, SPEC_START)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


class Start(Instant):
    """Where a clock starts: an instant that counts from nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if str(value).strip().startswith("+"):
            self.fail(f"{value!r} counts from the start; write the start like '2026-01-01T00:00:00Z'", param, ctx)
        return self._read(value, param, ctx).isoformat()


class Number(ParamType[float]):
    """A finite number from 0 to ``most``; ``above``: 0 itself is not allowed."""

    name = "N"

    def __init__(self, most: float, *, above: bool = False) -> None:
        self._most = most
        self._above = above

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1
        if not isfinite(number) or not 0 <= number <= self._most or (self._above and not number):
            lower = "above 0" if self._above else "from 0"
            self.fail(f"{value!r} is not a number {lower} to {self._most:,.0f}", param, ctx)
        return number


RATE: Final = Number(BOUNDS["rate"].most)


class Whole(ParamType[int]):
    """A whole number from 0 to ``most``."""

    name = "N"

    def __init__(self, most: int) -> None:
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            number = -1
        if not 0 <= number <= self._most:
            self.fail(f"{value!r} is not a whole number from 0 to {self._most}", param, ctx)
        return number


class Digits(ParamType[str]):
    """An account id."""

    name = "ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not (str(value).isascii() and str(value).isdigit() and len(str(value)) <= 32):
            self.fail(f"{value!r} is not an account id: 1 to 32 digits", param, ctx)
        return str(value)


class HostName(ParamType[str]):
    """A host name as it stands in URLs, without scheme and port."""

    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from fcemu.core.domains import is_host_name

        if not is_host_name(str(value)):
            self.fail(f"{value!r} is not a host name; write it without scheme and port", param, ctx)
        return str(value)


class Emulator(ParamType["Client"]):
    """The URL of a running emulator, as a client of it."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Client":
        from fcemu.client import Client, ClientError

        if isinstance(value, Client):
            return value
        try:
            return Client(str(value))
        except ClientError as wrong:
            self.fail(str(wrong), param, ctx)


# Options.


def setting(*names: str, **how: Any) -> Callable[[F], F]:
    """An option of ``serve``; its variable is ``FCEMU_<NAME>``."""
    variable = names[-1].partition("/")[0] if names[-1].startswith("--") else names[-2].partition("/")[0]
    how.setdefault("envvar", variable_of(variable))
    return click.option(*names, show_envvar=True, **how)


def variable_of(option: str) -> str:
    """``FCEMU_READY_FILE`` for ``--ready-file``."""
    return "FCEMU_" + option.lstrip("-").replace("-", "_").upper()


def _default_url() -> str:
    from fcemu.client import DEFAULT_URL

    return DEFAULT_URL


def where(command: F) -> F:
    """An option for commands that talk to a running emulator; what goes wrong there is one message and status 1.

    Said before a subcommand (``fcemu clock --url … next``), it holds for the subcommand, as ``--json`` does.
    """

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from fcemu.client import ClientError

        ctx = click.get_current_context()
        if ctx.parent is not None and "emulator" in ctx.parent.params:
            if ctx.get_parameter_source("emulator") is not ParameterSource.COMMANDLINE:
                kwargs["emulator"] = ctx.parent.params["emulator"]
            kwargs["as_json"] |= ctx.parent.params["as_json"]
        try:
            return command(*args, **kwargs)
        except ClientError as error:
            raise click.ClickException("\n".join(filter(None, [str(error), error.explain]))) from None

    option = click.option(
        "--url",
        "emulator",
        type=Emulator(),
        envvar="FCEMU_URL",
        default=_default_url,
        show_default="http://127.0.0.1:9527",
        show_envvar=True,
        help="Where the emulator is.",
    )
    return cast(F, option(run))


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
