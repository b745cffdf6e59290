"""A store in an SQLite file, with a write-ahead log and group commit."""

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from fcemu.core.errors import StoreError
from fcemu.core.facts import FORGOTTEN, Fact
from fcemu.stores.rows import fact_text, read_fact, written

VERSION: Final = 2
"""Of the tables and of what stands in them; a file of an older version is migrated, one of a newer one is refused."""


def _upgrade_catalog(db: sqlite3.Connection) -> None:
    for (text,) in db.execute("SELECT value FROM notes WHERE name = 'catalog'").fetchall():
        from fcemu.core.catalog_form_1 import upgraded  # only old files need it

        db.execute("UPDATE notes SET value = ? WHERE name = 'catalog'", (written(upgraded(json.loads(text))),))


MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _upgrade_catalog}
"""By the version from which each leads to the next; all run in one transaction, when the file is opened."""
APPLICATION: Final = 0x6663656D
"""``fcem``: marks the file as ours, in the header of every SQLite file."""
_TABLES: Final = (
    "CREATE TABLE facts (n INTEGER PRIMARY KEY, fact TEXT NOT NULL)",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE code (sha256 TEXT PRIMARY KEY, zip BLOB NOT NULL) WITHOUT ROWID",
)
_BINARY: Final = getattr(os, "O_BINARY", 0)
"""Windows writes other bytes without it."""
_OWNERS_ONLY: Final = 0o600
_BEGIN: Final = "begin"
_WRITTEN: Final = "written"
_CLOSED: Final = "closed"
"""How many facts there were when the file was closed; gone while an emulator has it, and after one that was killed."""
_WRITTEN_EVERY: Final = 0.1
"""Real seconds between two notes of the time of writing."""
_READ_AT_ONCE: Final = 500
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)
"""What reading a fact raises that is none."""
_LOG_PAGES: Final = 16_000
"""How long the log may become before it moves into the file: 64 MB. Unless ``full``, only that waits for the disk."""


class SqliteStore:
    """Implements ``Store`` in a file: SQLite with a write-ahead log, a row for each fact, one connection.

    ``sync``: ``normal`` survives the end of the process at any moment, ``full`` that of the machine, too. A fact that
    is forgotten is an empty text; at the beginning, no row. Nobody else
    can open the file meanwhile. Beside the file, ``FILE-count`` says how many facts have been committed, so that a log
    that was cut off or deleted is noticed; it may be missing only where the file is new, or was closed. Raises
    ``StoreError``.
    """

    outlasts: Final = True

    def __init__(self, path: str | Path, *, sync: str = "normal", keep: timedelta | None = None) -> None:
        self.path: Final = Path(os.path.abspath(path))
        self._full: Final = sync == "full"
        self.keep: Final = keep
        self.begin = 0
        self._written = 0.0
        self._lock: Final = threading.Lock()
        """Held while the connection writes, and while somebody without the baton reads."""
        self._count = -1
        """The file descriptor of ``FILE-count``."""
        self._is_open = False
        if not self.path.parent.is_dir():
            raise StoreError(f"data file {self.path}: there is no directory {self.path.parent}")
        if self.path.is_dir():
            raise StoreError(f"data file {self.path} is a directory; name a file in it")
        self._db: Final = self._connected()
        try:
            self.down: Final = self._opened()
        except BaseException:
            self.close()
            raise

    # Opening.

    def _connected(self) -> sqlite3.Connection:
        """Facts and code may hold what is nobody else's business, so a new file is its owner's only; SQLite gives the
        log the same mode."""
        with suppress(OSError):  # it is there, or SQLite says what is wrong
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNERS_ONLY))
        with self._said("opened"):
            return sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)

    def _opened(self) -> float:
        """Take the file for this process, make or migrate the tables; returns for how long nobody had it."""
        is_new = not self.path.exists() or not self.path.stat().st_size
        if is_new:  # before SQLite writes to it: from then on, a missing count is one that was deleted
            self._open_count(os.O_CREAT)
        with self._said("opened"):
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL").fetchone()
            self._db.execute(f"PRAGMA synchronous={'FULL' if self._full else 'NORMAL'}")
            self._db.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            with self._changing("opened"):
                self._prepare()
                self.begin = int(self._note(_BEGIN, 0))
                written = self._note(_WRITTEN)
                closed = self._note(_CLOSED)
                self._check_count(is_closed=closed is not None and closed == self._there())
                self._db.execute("DELETE FROM notes WHERE name = ?", (_CLOSED,))
            if is_new or closed is not None:
                # The log alone says so far that an emulator has the file. Whoever deletes the log would take that away.
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._tell_count(self._there())
        self._is_open = True
        for name in (self.path, f"{self.path}-wal", f"{self.path}-shm", f"{self.path}-count"):
            with suppress(OSError):  # not there, or another user's, who has let us write to it
                os.chmod(name, _OWNERS_ONLY)
        return 0.0 if written is None else time.time() - float(written)

    def _prepare(self) -> None:
        ((application,),) = self._db.execute("PRAGMA application_id")
        ((version,),) = self._db.execute("PRAGMA user_version")
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            for table in _TABLES:
                self._db.execute(table)
            self._db.execute(f"PRAGMA application_id={APPLICATION}")
        elif application != APPLICATION:
            raise StoreError(f"data file {self.path} is a database of another program; choose another file")
        elif version > VERSION:
            raise StoreError(
                f"data file {self.path} was written by a newer fcemu (form {version}, this one knows {VERSION}); "
                "use that one, or choose another file"
            )
        else:
            try:
                for step in range(version, VERSION):
                    MIGRATIONS[step](self._db)
            except _UNREADABLE as wrong:
                raise self.damaged(f"its note 'catalog' cannot be read: {wrong}") from None
        self._db.execute(f"PRAGMA user_version={VERSION}")

    def _open_count(self, flags: int) -> None:
        name = f"{self.path}-count"
        try:
            self._count = os.open(name, os.O_RDWR | _BINARY | flags, _OWNERS_ONLY)
        except FileNotFoundError:
            raise StoreError(
                f"data file {self.path}: {name} is missing, so facts may be missing too: {self._there()} are there. "
                f"Put a copy of the files back; or, to continue with these, make {name} as an empty file"
            ) from None
        except OSError as refused:
            raise StoreError(f"data file {self.path}: {name}: {refused.strerror}") from None

    def _check_count(self, *, is_closed: bool) -> None:
        """Raises ``StoreError`` where facts are missing that had been committed."""
        if self._count < 0:
            self._open_count(os.O_CREAT if is_closed else 0)
        name, there = f"{self.path}-count", self._there()
        try:
            os.lseek(self._count, 0, os.SEEK_SET)
            committed = int.from_bytes(os.read(self._count, 8))
        except OSError as refused:
            raise StoreError(f"data file {self.path}: {name}: {refused.strerror}") from None
        if committed > there:
            raise StoreError(
                f"data file {self.path}: {committed} facts were committed, but only {there} are there: the file or its "
                f"{self.path.name}-wal was cut off, as after a power cut. Put a copy of the files back; or, to go on "
                f"without the last {committed - there}, make {name} an empty file"
            )

    def _there(self) -> int:
        with self._said("read"):
            count: int = self._db.execute("SELECT coalesce(max(n), 0) FROM facts").fetchone()[0]
            return count

    def _tell_count(self, facts: int) -> None:
        os.lseek(self._count, 0, os.SEEK_SET)
        os.write(self._count, facts.to_bytes(8))

    # Reading.

    def facts(self) -> Iterator[Fact]:
        after = self.begin
        try:
            with self._said("read"):
                for n, text in self._db.execute("SELECT n, fact FROM facts ORDER BY n"):
                    if n != after + 1:
                        raise self.damaged(f"fact {after + 1} is missing")
                    after = n
                    yield read_fact(text)
        except _UNREADABLE as wrong:
            raise self.damaged(f"fact {after} cannot be read: {wrong!r}") from None
        if after != self._there():
            raise self.damaged(f"the facts after {after} are missing")

    def read(self, places: Iterable[int]) -> list[Fact]:
        asked = [place + 1 for place in places]
        wanted = [n for n in asked if n > self.begin]
        found: list[Fact] = [FORGOTTEN] * (len(asked) - len(wanted))
        try:
            with self._said("read"):
                for start in range(0, len(wanted), _READ_AT_ONCE):
                    found += map(read_fact, self._texts(wanted[start : start + _READ_AT_ONCE]))
        except _UNREADABLE as wrong:
            raise self.damaged(f"facts cannot be read: {wrong!r}") from None
        if len(found) != len(asked):
            raise self.damaged(f"{len(asked) - len(found)} facts are missing")
        return found

    def newest(self, most: int) -> list[Fact]:
        there = self._there()
        return self.read(range(max(0, there - most), there))

    def _texts(self, numbers: list[int]) -> list[str]:
        """Rows in order; also of a file that this process has given up, unless another one has it."""
        first, last = numbers[0], numbers[-1]
        if last - first == len(numbers) - 1:
            where, given = "BETWEEN ? AND ?", [first, last]
        else:
            where, given = f"IN ({','.join('?' * len(numbers))})", numbers
        query = f"SELECT fact FROM facts WHERE n {where} ORDER BY n"
        with self._lock:
            if self._count >= 0:
                return [text for (text,) in self._db.execute(query, given)]
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=0)) as db:
            return [text for (text,) in db.execute(query, given)]

    def notes(self) -> dict[str, Any]:
        with self._said("read"):
            rows = self._db.execute("SELECT name, value FROM notes").fetchall()
        return {name: self._read_note(name, value) for name, value in rows}

    def _read_note(self, name: str, value: Any) -> Any:
        try:
            return json.loads(value)
        except (TypeError, ValueError) as wrong:
            raise self.damaged(f"its note {name!r} cannot be read: {wrong}") from None

    def _note(self, name: str, otherwise: float | None = None) -> Any:
        """A note of the store's own, which is a number."""
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        value = otherwise if row is None else self._read_note(name, row[0])
        if value is not otherwise and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.damaged(f"its note {name!r} is not a number: {value!r}")
        return value

    def code(self, sha256: str) -> bytes:
        with self._said("read"):
            row = self._db.execute("SELECT zip FROM code WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None or hashlib.sha256(row[0]).hexdigest() != sha256:
            raise self.damaged(f"the uploaded code {sha256} is {'missing' if row is None else 'not what it was'}")
        zipped: bytes = row[0]
        return zipped

    # Writing.

    def write(self, after: int, facts: Sequence[Fact], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        rows = list(enumerate(map(fact_text, facts), after + 1))
        with self._lock:
            self.written(rows, notes, code)
            with suppress(OSError):  # all is committed, and a count that is too small says nothing wrong
                self._tell_count(after + len(rows))

    def written(self, rows: list[tuple[int, str]], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        many = self._db.executemany
        with self._changing():
            if rows:
                many("INSERT INTO facts VALUES (?, ?)", rows)
            named = [(name, written(value)) for name, value in notes.items()]
            now = time.time()
            if not 0 <= now - self._written < _WRITTEN_EVERY:
                named.append((_WRITTEN, repr(now)))
                self._written = now
            if named:
                many("INSERT OR REPLACE INTO notes VALUES (?, ?)", named)
            if code:
                many("INSERT OR IGNORE INTO code VALUES (?, ?)", code.items())

    def forget(self, places: Sequence[int]) -> None:
        with self._lock, self._changing():
            self._db.executemany("UPDATE facts SET fact = '' WHERE n = ?", [(place + 1,) for place in places])

    def compact(self) -> None:
        with self._lock, self._changing():
            query = "SELECT coalesce(min(n), (SELECT max(n) FROM facts), 1) FROM facts WHERE fact != ''"
            ((first,),) = self._db.execute(query)
            self._db.execute("DELETE FROM facts WHERE n < ?", (first,))
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (_BEGIN, written(first - 1)))
        self.begin = first - 1
        ((pages,),), ((free,),) = self._db.execute("PRAGMA page_count"), self._db.execute("PRAGMA freelist_count")
        if free > pages / 2:
            with self._said("written"):
                self._db.execute("VACUUM")

    @contextmanager
    def _changing(self, what: str = "written") -> Iterator[None]:
        """A transaction; an error of SQLite becomes one as of ``_said``."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as failed:
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            if isinstance(failed, sqlite3.Error):
                raise self._error(failed, what) from None
            raise

    def clear(self) -> None:
        self._tell_count(0)  # first: a count that is too small says nothing wrong
        with self._lock, self._changing():
            for table in ("facts", "notes", "code"):
                self._db.execute(f"DELETE FROM {table}")
        self.begin = 0

    def close(self) -> None:
        with self._lock:
            if self._is_open:
                self._is_open = False
                with suppress(sqlite3.Error):  # without it, the file is as after a kill: nothing is lost
                    said = (_CLOSED, written(self._there()))
                    self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", said)
            if self._count >= 0:
                os.close(self._count)
                self._count = -1
            self._db.close()

    # Trouble.

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """An error of SQLite becomes one that says that the file cannot be ``what``, and why."""
        try:
            yield
        except sqlite3.Error as refused:
            raise self._error(refused, what) from None

    def damaged(self, how: str) -> StoreError:
        """What is said of a file that cannot be read."""
        return StoreError(
            f"data file {self.path} is damaged: {how}. Put a copy of it back, or move it away and begin with a new "
            "file; 'sqlite3 FILE .recover' shows what can still be read"
        )

    def _error(self, refused: sqlite3.Error, what: str) -> StoreError:
        name, where = getattr(refused, "sqlite_errorname", ""), f"data file {self.path}"
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreError(f"{where} is in use by another emulator; stop that one, or choose another file")
        if name.startswith("SQLITE_NOTADB"):
            return StoreError(f"{where} is not a database; choose another file")
        if name.startswith("SQLITE_CORRUPT"):
            return self.damaged(str(refused))
        if name.startswith("SQLITE_FULL"):
            return StoreError(
                f"{where} cannot be {what}: the disk is full. Make room; everything that was answered is kept"
            )
        if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_CANTOPEN")):
            return StoreError(f"{where} cannot be {what}: {refused}. Its file and its directory must be writable")
        return StoreError(f"{where} cannot be {what}: {refused} ({name or type(refused).__name__})")
