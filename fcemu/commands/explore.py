"""explore: one test, searched by pytest in a process of its own."""

import importlib.util
import os
import subprocess
import sys

import click

from fcemu.commands.options import OF_PYTEST_TOO, examples


@click.command(
    context_settings=OF_PYTEST_TOO,
    epilog=examples(
        "fcemu explore tests/test_orders.py::test_an_order_is_charged_once --runs 500",
        "fcemu explore tests/test_orders.py::test_an_order_is_charged_once --runs 100000 --workers 8",
    ),
)
@click.argument("nodeid", metavar="NODEID")
@click.option("--runs", required=True, type=click.IntRange(1), metavar="N", help="Make at most this many runs.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Distribute the runs over this many processes of this machine.",
)
@click.option(
    "--scheduler",
    metavar="URL",
    help="Distribute the runs over the workers of this Dask scheduler, such as tcp://10.0.0.5:8786.",
)
@click.argument("arguments", metavar="[PYTEST ARGUMENTS]…", nargs=-1, type=click.UNPROCESSED)
def explore(nodeid: str, runs: int, workers: int | None, scheduler: str | None, arguments: tuple[str, ...]) -> None:
    """Search for what breaks the test NODEID.

    The test needs the marker fcemu. This is the same as pytest NODEID --fcemu-explore=N, with the same report and
    status. --workers and --scheduler need Dask, which fcemu[distributed] installs; they do not change what the search
    finds.
    """
    command = [sys.executable, "-m", "pytest", nodeid, f"--fcemu-explore={runs}", *arguments]
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers starts processes here, --scheduler has its own; leave one of them out")
    if workers is not None or scheduler is not None:
        if not hasattr(os, "fork"):
            raise click.UsageError(
                "--workers and --scheduler need a system like Linux, on which pipes can be inherited"
            )
        if importlib.util.find_spec("distributed") is None:
            raise click.UsageError("--workers and --scheduler need Dask; install fcemu[distributed]")
        command.append(f"--fcemu-workers={workers}" if scheduler is None else f"--fcemu-scheduler={scheduler}")
    sys.exit(subprocess.run(command, check=False).returncode)
