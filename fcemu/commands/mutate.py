"""mutate: the settings whose change no test notices."""

import sys

import click

from fcemu.commands.options import OF_PYTEST_TOO, as_json, examples


@click.command(
    context_settings=OF_PYTEST_TOO,
    epilog=examples("fcemu mutate tests", "fcemu mutate tests/test_orders.py -k charge --seconds 600"),
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    help="Start no more changes after this much real time.",
)
@click.option(
    "--each",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    help="Let the tests of one change take this many seconds; a change counts as noticed if they take longer.  "
    "[default: ten times as long as without the change, and at least 60]",
)
@as_json
@click.argument("tests", metavar="TESTS...", nargs=-1, required=True, type=click.UNPROCESSED)
def mutate(seconds: float | None, each: float | None, as_json: bool, tests: tuple[str, ...]) -> None:
    """List changes of settings that no test notices.

    TESTS are arguments of pytest: files, node ids, options. fcemu runs the tests once as they are. Then it changes
    retries, ages, timeouts and destinations in the definitions that they use, one at a time, and runs the tests that
    use the function again, until one fails. The status is 1 if no test noticed some change, or if tests fail without a
    change.
    """
    from fcemu.commands.mutants import try_changes

    sys.exit(not try_changes(tests, seconds, each, as_json=as_json))
