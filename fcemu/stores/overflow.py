"""What has left memory, in a temporary database that nobody else can open and that goes with the process."""

import pickle
import sqlite3
import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from io import BytesIO
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any, Final
from weakref import finalize

from fcemu.core.errors import StoreError
from fcemu.core.facts import Accepted, Fact

_SETTINGS: Final = ("journal_mode=MEMORY", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-8000")
"""Nothing of it has to survive the process, but what fails is undone; the cache has 8 MB."""
_TABLES: Final = (
    "CREATE TABLE portions (first INTEGER PRIMARY KEY, facts BLOB NOT NULL)",
    "CREATE TABLE invocations (id TEXT PRIMARY KEY, places BLOB NOT NULL) WITHOUT ROWID",
)
_UNWRITTEN: Final = 16
"""So many portions are written together: each statement of SQLite lets another thread have the interpreter, which costs
a server more than the statement itself while the thread that waits for it holds the baton."""
_ROWS: Final = 400
"""How many rows a statement has at most: SQLite may take no more than 999 values."""
_AT_HAND: Final = 8
"""How many portions stay in memory that were read last: the facts of one invocation may be in several."""


class _Values(dict[type[Any], Callable[[Any], tuple[Any, ...]]]):
    """What gives the values of the fields of an object, by its class; a fact has two fields at least."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
        self[kind] = values = attrgetter(*(one.name for one in fields(kind)))
        return values


class _Reduced(dict[type[Any], Callable[[Any], Any]]):
    """How an object in a field is pickled: one of named fields as its class and their values, which takes half the time
    and room of what ``pickle`` does with slots."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], Any]:
        if is_dataclass(kind) and len(fields(kind)) > 1:  # ``attrgetter`` makes a tuple of two values and more
            values = _VALUES[kind]
            reduced: Callable[[Any], Any] = lambda value: (kind, values(value))  # noqa: E731 (it has no name of its own)
        else:
            reduced = methodcaller("__reduce_ex__", pickle.HIGHEST_PROTOCOL)
        self[kind] = reduced
        return reduced


_VALUES: Final = _Values()
_REDUCED: Final = _Reduced()


def _written(facts: Sequence[Fact]) -> bytes:
    kinds = [type(fact) for fact in facts]
    out = BytesIO()
    pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCED
    pickler.dump((kinds, [_VALUES[kind](fact) for kind, fact in zip(kinds, facts, strict=True)]))
    return out.getvalue()


def _read(written: bytes) -> list[Fact]:
    kinds, values = pickle.loads(written)
    return [kind(*each) for kind, each in zip(kinds, values, strict=True)]


class OverflowFile:
    """Implements ``Overflow``: facts in the portions in which they came, and where those of each invocation are.

    The database has no name, so that its file is gone as soon as the process is, however it ends. Raises
    ``StoreError``.
    """

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._firsts: Final = array("Q")
        """Where the portions begin."""
        self._unwritten: dict[int, bytes] = {}
        """The newest portions, by where they begin, which are not in the database yet."""
        self._ended: dict[str, bytes] = {}
        """Where the facts are of invocations that ended with those portions."""
        self._at_hand: Final[dict[int, list[Fact]]] = {}
        """Some portions that were read, each by where it begins."""
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

    def take(self, after: int, facts: Sequence[Fact], ended: Sequence[tuple[str, bytes]]) -> None:
        with self._said():
            if len(self._unwritten) >= _UNWRITTEN:
                self._write("portions", self._unwritten)
                self._write("invocations", self._ended)
                self._unwritten, self._ended = {}, {}
            self._unwritten[after] = _written(facts)
            self._ended.update(ended)
            self._firsts.append(after)

    def _write(self, table: str, rows: Mapping[Any, bytes]) -> None:
        values = [*chain.from_iterable(rows.items())]
        for start in range(0, len(values), 2 * _ROWS):
            some = values[start : start + 2 * _ROWS]
            marks = ", ".join(["(?, ?)"] * (len(some) // 2))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES {marks}", some)

    def read(self, places: Iterable[int]) -> list[Fact]:
        with self._said():
            return [self._fact(place) for place in places]

    def _fact(self, place: int) -> Fact:
        first = self._firsts[bisect_right(self._firsts, place) - 1]
        return self._portion(first)[place - first]

    def _portion(self, first: int) -> list[Fact]:
        facts = self._at_hand.get(first)
        if facts is None:
            written = self._unwritten.get(first)
            if written is None:
                (written,) = self._db.execute("SELECT facts FROM portions WHERE first = ?", (first,)).fetchone()
            facts = self._at_hand[first] = _read(written)
            if len(self._at_hand) > _AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
        return facts

    def find(self, request_id: str) -> bytes | None:
        with self._said():
            return self._places_of([request_id]).get(request_id)

    def _places_of(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Where the facts are of those invocations among these that are here."""
        found = {each: self._ended[each] for each in ids if each in self._ended}
        others = [each for each in ids if each not in found]
        for start in range(0, len(others), _ROWS):
            some = others[start : start + _ROWS]
            marks = ", ".join("?" * len(some))
            found.update(self._db.execute(f"SELECT id, places FROM invocations WHERE id IN ({marks})", some))
        return found

    def accepted(self, after: int = -1) -> Iterator[bytes]:
        number = max(bisect_right(self._firsts, after) - 1, 0)
        while number < len(self._firsts):
            first = self._firsts[number]
            with self._said():
                facts = enumerate(self._portion(first), first)
                ids = [fact.request_id for place, fact in facts if type(fact) is Accepted and place > after]
                places = self._places_of(ids)
            yield from (places[each] for each in ids if each in places)
            number += 1
