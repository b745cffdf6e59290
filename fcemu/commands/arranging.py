"""faults, stub, reset: what a test arranges, by hand."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from fcemu.commands.names import FAULT_NUMBER, FUNCTION
from fcemu.commands.options import Commands, Instant, Said, as_json, closest, examples, pair, where
from fcemu.commands.printing import Table, at, count, one_line, print_json
from fcemu.core.options import OPTIONS

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Fault

_NUMBERS: Final = frozenset({"times", "status"})
"""The fields of a fault that are whole numbers."""


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog=examples(
        "fcemu faults",
        "fcemu faults put fail orders/charge status=503 times=2",
        "fcemu faults put delay orders/charge by=1m",
        "fcemu faults remove 1",
    ),
)
@where
@as_json
@click.pass_context
def faults(ctx: click.Context, emulator: "Client", as_json: bool) -> None:
    """List, add or remove faults of functions."""
    if ctx.invoked_subcommand is None:
        _list(emulator, as_json)


@faults.command("list")
@where
@as_json
def list_faults(emulator: "Client", as_json: bool) -> None:
    """List the faults and how often each has occurred."""
    _list(emulator, as_json)


def _fault_names() -> tuple[str, ...]:
    from fcemu.own_api.records import FaultName

    return get_args(FaultName)


def _complete_fault(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _fault_names() if name.startswith(incomplete)]


@faults.command(
    epilog=examples(
        "fcemu faults put throttle orders/charge times=3",
        "fcemu faults put fail orders/charge status=503",
        "fcemu faults put crash orders/charge when=before",
        "fcemu faults put delay orders/charge by=1m",
        "fcemu faults put deliver_twice orders/charge again=2s",
    )
)
@click.argument("fault", metavar="FAULT", shell_complete=_complete_fault)
@click.argument("function", type=FUNCTION)
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@where
@as_json
def put(emulator: "Client", fault: str, function: str, fields: Sequence[str], as_json: bool) -> None:
    """Let the next attempts of a function fail in a chosen way.

    FAULT is throttle, fail (status=500 or 503), crash (when=before, sleeping or after), delay (by=BY) or deliver_twice
    (again=BY). Each takes times=N.
    """
    fault = closest("fault", fault.replace("-", "_"), _fault_names())
    said: dict[str, Any] = {}
    for field, text in map(pair, fields):
        if field in _NUMBERS and not text.isdecimal():
            raise click.UsageError(f"{field}: expected a whole number, got {text!r}")
        said[field] = int(text) if field in _NUMBERS else text
    found = emulator.add_fault(fault, function, **said)
    if as_json:
        print_json(found)
    else:
        click.echo(f"fault {found.n}: {_told(found)}")


@faults.command(epilog=examples("fcemu faults remove 1", "fcemu faults remove"))
@click.argument("number", metavar="[N]", type=FAULT_NUMBER, required=False)
@where
@as_json
def remove(emulator: "Client", number: str | None, as_json: bool) -> None:
    """Remove fault N, or all faults."""
    if number is not None and not number.isdecimal():
        raise click.UsageError(f"{number!r} is not the number of a fault; 'fcemu faults' lists them")
    emulator.remove_faults(None if number is None else int(number))
    _list(emulator, as_json, quietly=True)


def _list(emulator: "Client", as_json: bool, *, quietly: bool = False) -> None:
    found = emulator.faults()
    if as_json:
        print_json(found)
    elif found and not quietly:
        for line in Table().lines([("N", "FAULT"), *([str(each.n), _told(each)] for each in found)]):
            click.echo(line)
    elif not found:
        click.echo("there are no faults", err=True)


def _told(fault: "Fault") -> str:
    more = {"status": fault.status, "when": fault.when, "by": fault.by, "again": fault.again}
    said = " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in more.items()
        if value is not None
    )
    return (
        f"{fault.fault} {fault.function} "
        f"{said}{' ' if said else ''}times={fault.times}, occurred {count(fault.struck, 'time')}"
    )


# Stubs.

_STEPS: Final = ("returns", "raises", "status")


class _Stub(click.Command):
    """The steps of a stub, whichever option says them, in the order of the command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        names = [arg.partition("=")[0].removeprefix("--") for arg in args if arg.startswith("--")]
        ctx.meta["fcemu.steps"] = [name for name in names if name in _STEPS]
        return super().parse_args(ctx, args)


@click.command(
    cls=_Stub,
    epilog=examples(
        "fcemu stub orders/charge --returns '{\"paid\": true}'",
        "fcemu stub orders/charge --raises 'Timeout:no answer' --status 503 --returns null",
        "fcemu stub orders/charge",
        "fcemu stub orders/charge --remove",
    ),
)
@click.argument("function", type=FUNCTION)
@click.option("--returns", metavar="JSON", multiple=True, help="Let an attempt return this value.")
@click.option("--raises", metavar="TYPE:MESSAGE", multiple=True, help="Let an attempt raise this error.")
@click.option(
    "--status",
    type=click.Choice(["429", "500", "503"]),
    multiple=True,
    help=("Let FC refuse an attempt with this status."),
)
@click.option("--remove", "removes", is_flag=True, help="Remove the stub, so that the function's own code runs again.")
@where
@as_json
@click.pass_context
def stub(
    ctx: click.Context,
    emulator: "Client",
    function: str,
    returns: Sequence[str],
    raises: Sequence[str],
    status: Sequence[str],
    removes: bool,
    as_json: bool,
) -> None:
    """Replace a function's code by steps.

    Each option describes one attempt, in the order of the options; the last one repeats. Without such options, fcemu
    shows the calls of the stub.
    """
    steps = list(_steps(ctx.meta["fcemu.steps"], iter(returns), iter(raises), iter(status)))
    if removes:
        if steps:
            raise click.UsageError("--remove cannot be combined with steps")
        emulator.remove_stub(function)
        return
    if steps:
        emulator.put_stub(function, steps)
        return
    calls = emulator.stub_calls(function)
    if as_json:
        print_json(calls)
        return
    from fcemu.core.times import offset

    started = emulator.clock().started
    rows = [[offset(each.at, started), each.request_id, f"#{each.attempt}", one_line(each.payload)] for each in calls]
    if not rows:
        click.echo("the stub has not been called yet", err=True)
        return
    for line in Table.fitting().lines([("AT", "REQUEST", "ATTEMPT", "PAYLOAD"), *rows]):
        click.echo(line)


def _steps(
    order: Sequence[str], returns: Iterator[str], raises: Iterator[str], status: Iterator[str]
) -> Iterator[dict[str, Any]]:
    for name in order:
        if name == "returns":
            text = next(returns)
            try:
                yield {"returns": json.loads(text)}
            except ValueError:
                raise click.UsageError(
                    f"--returns: expected JSON, got {text!r}; write a string as '\"{text}\"'"
                ) from None
        elif name == "raises":
            kind, _, message = next(raises).partition(":")
            yield {"raises": {"errorType": kind.strip(), "errorMessage": message.strip()}}
        else:
            yield {"status": int(next(status))}


# Beginning anew.


@click.command(epilog=examples("fcemu reset", "fcemu reset --seed 7 --start 2026-01-01T00:00:00Z"))
@click.option("--seed", type=Said(OPTIONS["seed"].kind), help="Use this seed from now on.")
@click.option("--start", type=Instant(), help="Start the clock at this virtual time.")
@where
@as_json
def reset(emulator: "Client", seed: int | None, start: str | None, as_json: bool) -> None:
    """Restart from the definition and the options.

    This removes what was made through APIs, and everything that was kept.
    """
    clock = emulator.reset(seed=seed, start=start)
    if as_json:
        print_json(clock)
    else:
        click.echo(f"now  {at(clock.now, clock.started)}")
