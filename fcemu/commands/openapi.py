"""openapi: the document that describes fcemu's own API."""

import click

from fcemu import __version__
from fcemu.commands.options import as_json, examples
from fcemu.commands.printing import print_json


@click.command(epilog=examples("fcemu openapi > fcemu.json"))
@as_json
def openapi(as_json: bool) -> None:
    """Print the OpenAPI document of fcemu's own API.

    You can generate clients from it. The output is always JSON. A running emulator serves the same document at GET
    /_fcemu/openapi.json.
    """
    from fcemu.own_api.openapi import document

    print_json(document(__version__))
