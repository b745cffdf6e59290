"""What has left memory, in a temporary database that nobody else can open and that goes with the process."""

import pickle
import sqlite3
import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
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
_AT_ONCE: Final = 400
"""How many ids a statement has at most: SQLite may take no more than 999 values."""
_AT_HAND: Final = 8
"""How many portions stay in memory that were read last: the facts of one invocation may be in several."""


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


def _written(facts: Sequence[Fact]) -> bytes:
    out = BytesIO()
    pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCED
    pickler.dump(list(facts))
    return out.getvalue()


class OverflowFile:
    """Implements ``Overflow``: facts in the portions in which they came, and where those of each invocation are.

    The database has no name, so that its file is gone as soon as the process is, however it ends. Raises
    ``StoreError``.
    """

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._firsts: Final = array("Q")
        """Where the portions begin."""
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
        # Few statements, because each lets another thread have the interpreter, whoever waits for this one.
        with self._said():
            self._db.execute("INSERT OR REPLACE INTO portions VALUES (?, ?)", (after, _written(facts)))
            for start in range(0, len(ended), _AT_ONCE):
                some = ended[start : start + _AT_ONCE]
                rows = ", ".join(["(?, ?)"] * len(some))
                self._db.execute(f"INSERT OR REPLACE INTO invocations VALUES {rows}", [*chain.from_iterable(some)])
            self._firsts.append(after)

    def read(self, places: Iterable[int]) -> list[Fact]:
        with self._said():
            return [self._fact(place) for place in places]

    def _fact(self, place: int) -> Fact:
        first = self._firsts[bisect_right(self._firsts, place) - 1]
        facts = self._at_hand.get(first)
        if facts is None:
            (written,) = self._db.execute("SELECT facts FROM portions WHERE first = ?", (first,)).fetchone()
            facts = self._at_hand[first] = pickle.loads(written)
            if len(self._at_hand) > _AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
        return facts[place - first]

    def find(self, request_id: str) -> bytes | None:
        with self._said():
            row = self._db.execute("SELECT places FROM invocations WHERE id = ?", (request_id,)).fetchone()
        return None if row is None else row[0]

    def accepted(self, after: int = -1) -> Iterator[bytes]:
        number = max(bisect_right(self._firsts, after) - 1, 0)
        while number < len(self._firsts):
            first = self._firsts[number]
            with self._said():
                self._fact(first)
                facts = enumerate(self._at_hand[first], first)
                ids = [fact.request_id for place, fact in facts if type(fact) is Accepted and place > after]
                places: dict[str, bytes] = {}
                for start in range(0, len(ids), _AT_ONCE):
                    some = ids[start : start + _AT_ONCE]
                    query = f"SELECT id, places FROM invocations WHERE id IN ({', '.join('?' * len(some))})"
                    places.update(self._db.execute(query, some))
            yield from (places[each] for each in ids if each in places)
            number += 1
