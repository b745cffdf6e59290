"""clock: show it, move it, change how it runs."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.options import Commands, Duration, Instant, Said, as_json, examples, where
from fcemu.commands.printing import at, print_json
from fcemu.core.options import OPTIONS

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Move

_NEGATIVE: Final = re.compile(r"-\d")


class _Forward(click.Command):
    """A move, whose argument may look like an option where it begins with a minus sign."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for text in args:
            if _NEGATIVE.match(text):
                ctx.fail(
                    f"{text!r} is negative, and time does not go back; write how far the clock is to move, as in: "
                    f"fcemu clock {ctx.info_name} {text.lstrip('-')}"
                )
        return super().parse_args(ctx, args)


@click.group(
    cls=Commands,
    epilog=examples("fcemu clock", "fcemu clock advance 1h30m", "fcemu clock run-until-idle"),
    invoke_without_command=True,
)
@where
@as_json
@click.pass_context
def clock(ctx: click.Context, emulator: "Client", as_json: bool) -> None:
    """Show or move the clock."""
    if ctx.invoked_subcommand is None:
        _show_clock(emulator, as_json)


@clock.command()
@where
@as_json
def show(emulator: "Client", as_json: bool) -> None:
    """Show the current time and what is due next."""
    _show_clock(emulator, as_json)


@clock.command(cls=_Forward, epilog=examples("fcemu clock advance 200", "fcemu clock advance 1h30m"))
@click.argument("by", type=Duration())
@where
@as_json
def advance(emulator: "Client", by: timedelta, as_json: bool) -> None:
    """Move forward by a duration, and run all that falls due.

    BY is a number of seconds, or a duration like 1h30m, 500ms or 2d.
    """
    _show_move(emulator, emulator.advance(by), as_json)


@clock.command(cls=_Forward, epilog=examples("fcemu clock to +200s", "fcemu clock to 2026-01-01T00:03:20Z"))
@click.argument("time", type=Instant())
@where
@as_json
def to(emulator: "Client", time: str, as_json: bool) -> None:
    """Move to an instant, and run all that falls due.

    TIME is an ISO 8601 time with an offset, or +200s, counted from the start.
    """
    _show_move(emulator, emulator.to(time), as_json)


@clock.command("next")
@where
@as_json
def run_next(emulator: "Client", as_json: bool) -> None:
    """Move to the next due instant."""
    _show_move(emulator, emulator.run_next(), as_json)


@clock.command()
@click.option("--at-most", type=Duration(), help="Give up after this much virtual time.  [default: 30d]")
@where
@as_json
def run_until_idle(emulator: "Client", at_most: timedelta | None, as_json: bool) -> None:
    """Move until no work is left."""
    _show_move(emulator, emulator.run_until_idle(at_most), as_json)


@clock.command()
@where
@as_json
def pause(emulator: "Client", as_json: bool) -> None:
    """Pause the clock, so that only these commands move it."""
    emulator.set_clock(rate=0)
    _show_clock(emulator, as_json)


@clock.command()
@click.argument("rate", metavar="N", type=Said(OPTIONS["rate"].kind))
@where
@as_json
def rate(emulator: "Client", rate: float, as_json: bool) -> None:
    """Let N virtual seconds pass per real second; 0 pauses."""
    emulator.set_clock(rate=rate)
    _show_clock(emulator, as_json)


def _show_clock(emulator: "Client", as_json: bool) -> None:
    state = emulator.clock()
    if as_json:
        print_json(state)
        return
    jumps = ", autojump" if state.autojump else ""
    speed = f"flows at rate {state.rate:g}" if state.rate else f"paused{jumps}"
    click.echo(f"now        {at(state.now, state.started)}")
    click.echo(f"clock      {speed}")
    click.echo(f"next due   {at(state.next_due, state.started) if state.next_due else 'nothing'}")
    click.echo(f"in flight  {state.in_flight}")
    if state.behind:
        click.echo(f"behind     {state.behind:g} s: more work falls due than can be run")


def _show_move(emulator: "Client", move: "Move", as_json: bool) -> None:
    if as_json:
        print_json(move)
        return
    click.echo(f"now        {at(move.now, emulator.clock().started)}")
    click.echo(f"new facts  {move.facts}")
