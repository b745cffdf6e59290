"""How values are printed: JSON for programs, tables and instants for people."""

import base64
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Any

import click


def print_json(value: object) -> None:
    """A document on stdout."""
    click.echo(json.dumps(document(value), ensure_ascii=False, indent=2))


def print_line(value: object) -> None:
    """A document on one line, for streams of them."""
    click.echo(json.dumps(document(value), ensure_ascii=False))


def document(value: object) -> Any:
    """What the client hands out, as fcemu's API writes it: times with six digits, bytes as text or as base64."""
    match value:
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}"
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode()}
        case tuple() if hasattr(value, "_asdict"):
            return document(value._asdict())
        case Mapping():
            return {str(name): document(each) for name, each in value.items()}
        case list() | tuple():
            return [document(each) for each in value]
        case None | str() | int() | float():
            return value
    raise TypeError(f"{value!r} has no JSON form")


class Table:
    """Rows of texts in columns that widen as they need to; the last column is as wide as it is."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        """The lines of rows that belong below those written before."""
        all_rows = [list(row) for row in rows]
        columns = max([len(self._widths), *map(len, all_rows)])
        self._widths += [0] * (columns - len(self._widths))
        for row in all_rows:
            self._widths = [max(width, len(text)) for width, text in zip(self._widths, row, strict=True)]
        return ["  ".join(map(str.ljust, row, self._widths)).rstrip() for row in all_rows]


def at(instant: datetime, started: datetime) -> str:
    """An instant with its distance from the start."""
    from fcemu.core.times import offset

    return f"{instant:%Y-%m-%dT%H:%M:%S.%fZ} ({offset(instant, started)})"


def program() -> str:
    """This program as a shell finds it: its name where that leads to it, else as it was started."""
    started = sys.argv[0]
    if Path(started).stem == "__main__" or not Path(started).is_file():
        return f"{quote(sys.executable)} -m fcemu"
    found = which(Path(started).name)
    is_on_path = found is not None and Path(found).resolve() == Path(started).resolve()
    return quote(Path(started).name if is_on_path else started)


def count(number: int, noun: str) -> str:
    """``1 problem``, ``2 problems``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
