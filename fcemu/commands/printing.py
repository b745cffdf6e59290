"""How values are printed: JSON for programs, tables and instants for people."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from shutil import which

import click


def print_json(value: object) -> None:
    """A document on stdout."""
    click.echo(_json(value, indent=2))


def print_line(value: object) -> None:
    """A document on one line, for streams of them."""
    click.echo(_json(value))


def _json(value: object, indent: int | None = None) -> str:
    """What the client hands out, as fcemu's API writes it."""
    from fcemu.own_api.codec import encode

    return json.dumps(encode(value), ensure_ascii=False, indent=indent)


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
