"""What commands are made of: groups that know every name, kinds of values, options with their variables."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
from click.core import ParameterSource

from fcemu.core.option_kinds import Flag, Kind, merged
from fcemu.core.options import VARIABLE, Option, options_in
from fcemu.core.settings import SPEC_START, default_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from fcemu.client import Client

    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """Generic also where click's own is not, which is so in older versions."""

        __class_getitem__ = classmethod(lambda cls, _: cls)


F = TypeVar("F", bound=Callable[..., Any])


class Commands(click.Group):
    """A group that finds its commands in any letter case, and offers the closest name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            args = [closest("command", name, self.list_commands(ctx)), *args[1:]]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def closest(kind: str, word: str, known: Sequence[str]) -> str:
    """The word of ``known`` that is written in any letter case. Raises ``click.UsageError`` with those that begin like
    ``word``, or with the closest one."""
    lower = word.lower()
    if lower in known:
        return lower
    from difflib import get_close_matches

    begun = [each for each in known if lower and each.startswith(lower)]
    close = begun or get_close_matches(lower, known, 1)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"{kind}s: {', '.join(known)}"
    raise click.UsageError(f"there is no {kind} {word!r}; {hint}", click.get_current_context(silent=True))


def examples(*lines: str) -> str:
    """What a command's help ends with: command lines, as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Main(Commands):
    """The program: commands in the order in which a newcomer meets them.

    Those in ``elsewhere`` are in modules of their own, which are imported when they are asked for.
    """

    order: tuple[str, ...] = (
        "demo",
        "init",
        "serve",
        "exec",
        "check",
        "functions",
        "analyse",
        "explore",
        "mutate",
        "invoke",
        "event",
        "trigger",
        "timers",
        "queue",
        "topic",
        "clock",
        "invocations",
        "stop",
        "rerun",
        "timeline",
        "journal",
        "trace",
        "explain",
        "faults",
        "stub",
        "reset",
        "env",
        "openapi",
        "doctor",
    )
    elsewhere: Mapping[str, str] = {
        "exec": "executing",
        "analyse": "analyse",
        "explore": "explore",
        "mutate": "mutate",
        "init": "init",
        "check": "check",
        "functions": "functions",
        "event": "event",
        "trigger": "triggers",
        "timers": "triggers",
        "queue": "mail",
        "topic": "mail",
        "clock": "clock",
        "invocations": "invocations",
        "stop": "again",
        "rerun": "again",
        "journal": "journal",
        "trace": "trace",
        "faults": "arranging",
        "stub": "arranging",
        "reset": "arranging",
        "env": "env",
        "openapi": "openapi",
        "doctor": "doctor",
    }
    """The modules of ``fcemu.commands`` that have commands."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.elsewhere:
            from importlib import import_module

            module = import_module(f"fcemu.commands.{self.elsewhere[cmd_name]}")
            command: click.Command = getattr(module, "exec_" if cmd_name == "exec" else cmd_name)  # Python has an exec
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
        from fcemu.core.times import parse_instant

        try:
            parse_instant(value, SPEC_START)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)
        return str(value)


class Said(ParamType[Any]):
    """Values of a kind of option, whose text is read as everywhere."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = kind.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.kind.check(self.kind.read(value) if isinstance(value, str) else value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Words as they are written."""
        return self.name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        if self.kind.words:
            return [CompletionItem(word) for word in self.kind.words if word.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file")] if self.name == "FILE" else []


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


def content(option: str, text: str) -> bytes:
    """What is given as ``TEXT``, ``@FILE`` or ``-`` for stdin. Raises ``click.UsageError``."""
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as refused:
        raise click.UsageError(f"{option}: cannot read {text[1:]}: {refused.strerror}") from None


def pair(text: str) -> tuple[str, str]:
    """The name and the text of ``FIELD=VALUE``. Raises ``click.UsageError``."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{text!r} is not of the form FIELD=VALUE")
    return name, value


# Options.


class Setting(click.Option):
    """An option of ``serve`` or ``exec``, from its row. Without a word of it, its value is ``None``."""

    def __init__(self, row: Option, command: str) -> None:
        self.row = row
        is_flag, several = isinstance(row.kind, Flag), row.kind.several
        long = f"--{row.command}/--no-{row.command}" if is_flag else f"--{row.command}"
        how: dict[str, Any] = {} if is_flag else {"type": Said(row.kind), "multiple": several}
        super().__init__(
            [*filter(None, [row.short]), long, row.name],
            default=None,
            envvar=row.variable if row.may(VARIABLE) else None,
            show_envvar=True,
            help=f"{row.help}  [{'repeatable; ' if several else ''}default: {told_default(row, command)}]",
            callback=_merged if several else None,
            **how,
        )

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Also an empty text is one, and every text is read as on the command line."""
        text = None if self.envvar is None else os.environ.get(str(self.envvar))
        if text is None:
            return None
        value = Said(self.row.kind).convert(text, self, ctx)
        return [value] if self.multiple else value


def _merged(ctx: click.Context, param: click.Parameter, given: Sequence[Any]) -> Any:
    return merged(given) if given else None


def options_of(command: str) -> list[click.Parameter]:
    """All options of ``serve`` or ``exec``."""
    return [Setting(row, command) for row in options_in(command).values()]


def told_default(row: Option, command: str = "") -> str:
    """The default of an option in words, for a command or for a test."""
    default = row.default_in(command) if command else None
    if default is None:
        default = default_of(row)
        if default in (None, "", ()) or (row.otherwise and not command):
            return row.otherwise or "none"
    match default:
        case bool():
            return "yes" if default else "no"
        case Mapping():
            return " ".join(f"{key}:{value}" for key, value in default.items()) or "none"
        case datetime():
            return default.isoformat().replace("+00:00", "Z")
        case tuple():
            return " ".join(map(str, default))
    return str(default)


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
        help="Talk to the emulator at this URL.",
    )
    return cast(F, option(run))


OF_PYTEST_TOO: Final[Mapping[str, Any]] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""The settings of a command that hands options which it does not know to pytest. It has no short ones: click would find
the ``-h`` of help in ``-pno:cacheprovider``."""
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
