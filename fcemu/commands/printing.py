"""How values are printed: JSON for programs, instants for people."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """A document on stdout."""
    click.echo(json.dumps(value, default=plain, ensure_ascii=False, indent=2))


def plain(value: object) -> str:
    """Times as fcemu's API writes them."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}"
    raise TypeError(f"{value!r} has no JSON form")


def at(instant: datetime, started: datetime) -> str:
    """An instant with its distance from the start."""
    from fcemu.core.timeline import offset

    return f"{instant:%Y-%m-%dT%H:%M:%S.%fZ} ({offset(instant, started)})"


def count(number: int, noun: str) -> str:
    """``1 problem``, ``2 problems``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
