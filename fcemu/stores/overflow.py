"""What has left memory, in a temporary database that nobody else can open and that goes with the process."""

import pickle
import sqlite3
import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from io import BytesIO
from itertools import chain, islice
from operator import attrgetter, methodcaller
from typing import Any, Final
from weakref import finalize

from fcemu.core.errors import StoreError
from fcemu.core.facts import Accepted, Fact
from fcemu.core.invocation import places_in

_SETTINGS: Final = ("journal_mode=MEMORY", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-2000")
"""Nothing of it has to survive the process, but what fails is undone. The cache has 2 MB; SQLite writes to the file
whenever a quarter of it has changed."""
_MARKS: Final = 900
"""How many values a statement has at most: SQLite may be built to take no more than 999."""
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


class _Table:
    """A table of blobs by a key.

    The newest rows stay in memory until one statement writes ``together`` of them. Each statement of SQLite lets
    another thread have the interpreter. While this thread holds the baton, that costs a server more than to write.
    """

    def __init__(self, db: sqlite3.Connection, name: str, kind: str, together: int) -> None:
        self._db: Final = db
        self._new: Final[dict[Any, bytes]] = {}
        self._together: Final = together
        self._write: Final = f"INSERT OR REPLACE INTO {name} VALUES {', '.join(['(?, ?)'] * together)}"
        self._read: Final = f"SELECT key, what FROM {name} WHERE key IN "
        db.execute(f"CREATE TABLE {name} {kind}")

    def write_some(self) -> None:
        """Write what there is enough of for a statement."""
        while len(self._new) >= self._together:
            rows = [*islice(self._new.items(), self._together)]
            self._db.execute(self._write, [*chain.from_iterable(rows)])
            for key, _ in rows:
                del self._new[key]

    def put(self, rows: Iterable[tuple[Any, bytes]]) -> None:
        """Take rows, each in place of the one of the same key; nothing is written yet."""
        self._new.update(rows)

    def get(self, keys: Sequence[Any]) -> dict[Any, bytes]:
        """What there is of these keys."""
        found: dict[Any, bytes] = {}
        for start in range(0, len(keys), _MARKS):
            some = keys[start : start + _MARKS]
            found.update(self._db.execute(f"{self._read}({', '.join('?' * len(some))})", some))
        return found | {key: self._new[key] for key in keys if key in self._new}


class _OneAtATime:
    """Lets one thread use the connection; an error of SQLite becomes one of ours."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise StoreError(
                f"fcemu cannot use the temporary file for old invocations: {error}. Make room where temporary files "
                "are (TMPDIR), or keep more in memory (the option in_memory)"
            ) from None


class OverflowFile:
    """Implements ``Overflow``: facts in the portions in which they came, and where those of each invocation are.

    The database has no name, so that its file is gone as soon as the process is, however it ends. Raises
    ``StoreError``.
    """

    def __init__(self) -> None:
        self._alone: Final = _OneAtATime()
        self._firsts: Final = array("Q")
        """Where the portions begin."""
        self._at_hand: Final[dict[int, list[Fact]]] = {}
        """Some portions that were read, each by where it begins."""
        with self._alone:
            db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._db: Final = db
            finalize(self, db.close)
            for setting in _SETTINGS:
                db.execute(f"PRAGMA {setting}")
            self._portions: Final = _Table(db, "portions", "(key INTEGER PRIMARY KEY, what BLOB)", 16)
            self._places: Final = _Table(db, "places", "(key TEXT PRIMARY KEY, what BLOB) WITHOUT ROWID", 400)

    def take(self, after: int, facts: Sequence[Fact], ended: Sequence[tuple[str, bytes]]) -> None:
        with self._alone:
            self._portions.write_some()
            self._places.write_some()
            self._portions.put([(after, _written(facts))])
            self._places.put(ended)
            self._firsts.append(after)

    def read(self, places: Iterable[int]) -> list[Fact]:
        with self._alone:
            return self._facts(places)

    def _facts(self, places: Iterable[int]) -> list[Fact]:
        found: list[Fact] = []
        first, facts = 0, list[Fact]()
        for place in places:
            if not first <= place < first + len(facts):
                first = self._firsts[bisect_right(self._firsts, place) - 1]
                facts = self._portion(first)
            found.append(facts[place - first])
        return found

    def _portion(self, first: int) -> list[Fact]:
        facts = self._at_hand.get(first)
        if facts is None:
            facts = self._at_hand[first] = _read(self._portions.get([first])[first])
            if len(self._at_hand) > _AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
        return facts

    def find(self, request_id: str) -> tuple[list[Fact], bytes] | None:
        with self._alone:
            places = self._places.get([request_id]).get(request_id)
            return None if places is None else (self._facts(places_in(places)), places)

    def accepted(self, after: int = -1) -> Iterator[tuple[list[Fact], bytes]]:
        number = max(bisect_right(self._firsts, after) - 1, 0)
        while number < len(self._firsts):
            first = self._firsts[number]
            with self._alone:
                facts = enumerate(self._portion(first), first)
                ids = [fact.request_id for place, fact in facts if type(fact) is Accepted and place > after]
                places = self._places.get(ids)
                found = [(self._facts(places_in(places[each])), places[each]) for each in ids if each in places]
            yield from found
            number += 1
