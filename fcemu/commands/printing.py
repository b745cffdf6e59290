"""How values are printed: JSON for programs, tables and instants for people."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from shutil import get_terminal_size, which
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fcemu.own_api.records import Fired


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
    """Rows of texts in columns that widen as they need to; the last column is as wide as it is, or, where a line may
    have ``columns`` characters, as wide as there is room."""

    def __init__(self, columns: int | None = None) -> None:
        self._columns = columns
        self._widths: list[int] = []

    @classmethod
    def fitting(cls) -> "Table":
        """A table as wide as the terminal that it is written to; a file gets all of it."""
        return cls(terminal_width())

    def lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        """The lines of rows that belong below those written before."""
        all_rows = [list(row) for row in rows]
        columns = max([len(self._widths), *map(len, all_rows)])
        self._widths += [0] * (columns - len(self._widths))
        for row in all_rows:
            self._widths = [max(width, len(text)) for width, text in zip(self._widths, row, strict=True)]
        return [_cut("  ".join(map(str.ljust, row, self._widths)).rstrip(), self._columns) for row in all_rows]


def terminal_width() -> int | None:
    """How many characters a line of stdout has room for; ``None`` where it is no terminal."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def error_line(error: str, document: bytes) -> str:
    """The document of an error on one line: its type, and what it says."""
    try:
        said = json.loads(document)
        kind, message = said.get("errorType") or error, said.get("errorMessage")
    except (ValueError, AttributeError):
        return f"{error}: {one_line(document)}"
    return f"{kind}: {' '.join(str(message).split())}" if message else str(kind)


def _cut(line: str, columns: int | None) -> str:
    return line if columns is None or len(line) <= columns else f"{line[: max(columns, 1) - 1]}…"


def one_line(body: bytes) -> str:
    """A text of a client or a handler on one line."""
    return " ".join(body.decode(errors="replace").split())


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
    if "UV" in os.environ:  # uvx and "uv run" have put it there for this process alone
        is_on_path = False
    return quote(Path(started).name if is_on_path else started)


def count(number: int, noun: str) -> str:
    """``1 problem``, ``2 problems``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def tell_fired(fired: "Fired", as_json: bool) -> None:
    """What came of a trigger that was fired. Raises ``ClickException`` where its filter let the event pass by."""
    if as_json:
        print_json(fired)
    elif fired.request_id is not None:
        click.echo(fired.request_id)
    if fired.request_id is None:
        raise click.ClickException(f"nothing is invoked: {fired.reason}")
