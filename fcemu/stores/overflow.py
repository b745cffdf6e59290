"""What has left memory, in a temporary database that nobody else can open and that goes with the process."""

import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from io import BytesIO
from operator import attrgetter, methodcaller
from sys import intern
from typing import Any, Final
from weakref import finalize

from fcemu.core.errors import StoreError
from fcemu.core.facts import Fact
from fcemu.core.invocation import State, Summary
from fcemu.core.names import FunctionRef

_SETTINGS: Final = ("journal_mode=MEMORY", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-8000")
"""Nothing of it has to survive the process, but what fails is undone; the cache has 8 MB."""
_TABLES: Final = (
    "CREATE TABLE portions (first INTEGER PRIMARY KEY, facts BLOB NOT NULL)",
    "CREATE TABLE invocations (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at, name, service, qualifier, "
    "synchronous, task_id, state, ended, places)",
)
_ROW: Final = "id, at, name, service, qualifier, synchronous, task_id, state, ended, places"
_AT_ONCE: Final = 500
"""How many summaries are read at a time by who goes through all of them."""


class _Reduced(dict[type[Any], Callable[[Any], Any]]):
    """How a class of named fields is pickled: as itself and the values of its fields, which takes half the time and
    room of what ``pickle`` does with slots."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], Any]:
        names = [one.name for one in fields(kind)] if is_dataclass(kind) else []
        if len(names) < 2:  # ``attrgetter`` makes a tuple of two values and more
            reduced: Callable[[Any], Any] = methodcaller("__reduce_ex__", pickle.HIGHEST_PROTOCOL)
        else:
            values: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
            reduced = lambda value: (kind, values(value))  # noqa: E731 (it has no name of its own)
        self[kind] = reduced
        return reduced


_REDUCED: Final = _Reduced()


def _written(facts: list[Fact]) -> bytes:
    out = BytesIO()
    pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCED
    pickler.dump(facts)
    return out.getvalue()


class OverflowFile:
    """Implements ``Overflow``: facts in the portions in which they came, and a row for each invocation.

    The database has no name, so that its file is gone as soon as the process is, however it ends. Raises
    ``StoreError``.
    """

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._portion: tuple[int, list[Fact]] = 0, []
        """The portion that was read last, and where it begins: who goes through the facts asks for it again."""
        with self._said():
            db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._db: Final = db
            finalize(self, db.close)
            for statement in (*map("PRAGMA {}".format, _SETTINGS), *_TABLES):
                db.execute(statement)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """The connection for one thread; an error of SQLite becomes one of ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as refused:
                raise StoreError(
                    f"fcemu cannot use the temporary file for old invocations: {refused}. Make room where temporary "
                    "files are (TMPDIR), or keep more in memory (the option in_memory)"
                ) from None

    def write(self, after: int, facts: Sequence[Fact]) -> None:
        with self._said():
            self._db.execute("INSERT OR REPLACE INTO portions VALUES (?, ?)", (after, _written(list(facts))))

    def read(self, places: Iterable[int]) -> list[Fact]:
        found: list[Fact] = []
        with self._said():
            for place in places:
                first, facts = self._portion
                if not first <= place < first + len(facts):
                    row = self._db.execute(
                        "SELECT first, facts FROM portions WHERE first <= ? ORDER BY first DESC LIMIT 1", (place,)
                    ).fetchone()
                    first, facts = self._portion = row[0], pickle.loads(row[1])
                found.append(facts[place - first])
        return found

    def put(self, summaries: Sequence[tuple[int, Summary]]) -> None:
        rows = [(place, *_row(summary)) for place, summary in summaries]
        with self._said(), self._db:
            self._db.execute("BEGIN")
            self._db.executemany(f"INSERT OR REPLACE INTO invocations (place, {_ROW}) VALUES (?{10 * ', ?'})", rows)

    def find(self, request_id: str) -> Summary | None:
        with self._said():
            row = self._db.execute(f"SELECT {_ROW} FROM invocations WHERE id = ?", (request_id,)).fetchone()
        return None if row is None else _read(*row)

    def summaries(self, after: int = -1) -> Iterator[Summary]:
        query = f"SELECT place, {_ROW} FROM invocations WHERE place > ? ORDER BY place LIMIT ?"
        rows: list[Any] = [(after,)]
        while rows:
            with self._said():
                rows = self._db.execute(query, (rows[-1][0], _AT_ONCE)).fetchall()
            for _, *row in rows:
                yield _read(*row)


def _row(summary: Summary) -> tuple[Any, ...]:
    ref, ended = summary.function, summary.ended
    return (
        summary.id,
        summary.at.isoformat(),
        ref.name,
        ref.service,
        summary.qualifier,
        summary.synchronous,
        summary.task_id,
        summary.state.value,
        None if ended is None else ended.isoformat(),
        summary.places,
    )


def _read(
    request_id: str,
    at: str,
    name: str,
    service: str | None,
    qualifier: str,
    synchronous: int,
    task_id: str,
    state: str,
    ended: str | None,
    places: bytes,
) -> Summary:
    return Summary(
        request_id,
        datetime.fromisoformat(at),
        FunctionRef(name, service),
        intern(qualifier),
        bool(synchronous),
        task_id,
        State(state),
        None if ended is None else datetime.fromisoformat(ended),
        places,
    )
