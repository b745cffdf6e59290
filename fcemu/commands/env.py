"""env: the variables that point a program at a running emulator."""

import re
import shlex
from typing import TYPE_CHECKING

import click

from fcemu.commands.options import as_json, examples, where
from fcemu.commands.printing import print_json

if TYPE_CHECKING:
    from fcemu.client import Client


@click.command(
    epilog=examples(
        'eval "$(fcemu env)"',
        "fcemu env --format dotenv > .env",
        "fcemu env --format json",
    )
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["shell", "dotenv", "json"], case_sensitive=False),
    default="shell",
    show_default=True,
    help="Print them for a shell, for a .env file, or as JSON.",
)
@where
@as_json
def env(emulator: "Client", form: str, as_json: bool) -> None:
    """Print the variables that point a program at the emulator.

    'fcemu exec' sets the same variables for its command.
    """
    from fcemu import host

    account = emulator.account()
    variables = host.variables_of(
        emulator.url.removeprefix("http://"),
        account.account_id,
        account.region,
        (account.access_key_id, account.access_key_secret),
        emulator.token,
    )
    if as_json or form == "json":
        print_json(variables)
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}" if form == "shell" else f"{name}={_dotenv(value)}")


def _dotenv(value: str) -> str:
    """A value as files ``.env`` have it: in single quotes, in which nothing has a meaning, where it needs any."""
    if "'" not in value:
        return value if shlex.quote(value) == value else f"'{value}'"
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'
