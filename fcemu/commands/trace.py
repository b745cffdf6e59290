"""trace: what happened, for trace viewers."""

from typing import TYPE_CHECKING

import click

from fcemu.commands.options import as_json, examples, where

if TYPE_CHECKING:
    from fcemu.client import Client


@click.command(
    epilog=examples(
        "fcemu trace > trace.json                 (open it at ui.perfetto.dev)",
        "fcemu trace --format otlp > traces.json  (for a collector of OpenTelemetry)",
    )
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["chrome", "otlp"], case_sensitive=False),
    default="chrome",
    show_default=True,
    help="Write for Chrome and Perfetto, or in the JSON of OpenTelemetry's protocol.",
)
@where
@as_json
def trace(emulator: "Client", form: str, as_json: bool) -> None:
    """Print what happened as JSON for a trace viewer.

    Each invocation is a trace whose waits, attempts, virtual sleeps and reports are spans in virtual time. For otlp,
    the emulator needs OpenTelemetry's own encoder: pip install 'fcemu[otlp]'.
    """
    click.echo(emulator.timeline(form))
