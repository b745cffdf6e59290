"""explore: one test, searched by pytest in a process of its own."""

import subprocess
import sys

import click

from fcemu.commands.options import examples


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog=examples("fcemu explore tests/test_orders.py::test_an_order_is_charged_once --runs 500"),
)
@click.argument("nodeid", metavar="NODEID")
@click.option("--runs", required=True, type=click.IntRange(1), metavar="N", help="Make at most this many runs.")
@click.argument("arguments", metavar="[PYTEST ARGUMENTS]…", nargs=-1, type=click.UNPROCESSED)
def explore(nodeid: str, runs: int, arguments: tuple[str, ...]) -> None:
    """Search for what breaks the test NODEID.

    The test needs the marker fcemu. This is the same as pytest NODEID --fcemu-explore=N, with the same report and
    status.
    """
    command = [sys.executable, "-m", "pytest", nodeid, f"--fcemu-explore={runs}", *arguments]
    sys.exit(subprocess.run(command, check=False).returncode)
