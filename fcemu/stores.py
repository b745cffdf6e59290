"""Where the journal goes: memory, or an SQLite file with group commit."""

import hashlib
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from fcemu.core.errors import StoreError
from fcemu.core.facts import Accepted, Fact, from_json, time_text, to_json

VERSION: Final = 1
"""Of the tables; a file of an older version is migrated, one of a newer version is refused."""
MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {}
"""By the version from which each leads to the next; all run in one transaction, when the file is opened."""
APPLICATION: Final = 0x6663656D
"""``fcem``: marks the file as ours, in the header of every SQLite file."""
DIE: Final = "FCEMU_DIE_AT_COMMIT"
"""For tests: ``7:before`` kills this process at its 7th commit, when all is written and not committed; ``7:after``,
when it is; ``7:torn``, in the middle of its last frame in the log."""
SYNCS: Final = ("normal", "full")
_TABLES: Final = (
    "CREATE TABLE facts (n INTEGER PRIMARY KEY, fact TEXT NOT NULL)",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE code (sha256 TEXT PRIMARY KEY, zip BLOB NOT NULL) WITHOUT ROWID",
)
_WRITTEN: Final = "written"
_WRITTEN_EVERY: Final = 0.1
"""Real seconds between two notes of the time of writing."""
_FRAME_BYTES: Final = 4096 + 24
"""A page in the log, with its header."""
_READ_AT_ONCE: Final = 500
_LOG_PAGES: Final = 16_000
"""How long the log may become before it moves into the file: 64 MB. Unless ``full``, only that waits for the disk."""
_write: Final = json.JSONEncoder(separators=(",", ":")).encode
"""In ASCII: what handlers write may hold halves of characters, which no file takes as they are."""


class MemoryStore:
    """Implements ``Store`` for as long as the process lives."""

    outlasts: Final = False

    def __init__(self) -> None:
        self.down = 0.0
        self._facts: list[Fact] = []
        self._notes: dict[str, str] = {}
        self._code: dict[str, bytes] = {}

    def facts(self) -> Iterator[Fact]:
        return iter(list(self._facts))

    def newest(self, most: int) -> list[Fact]:
        return self._facts[-most:]

    def read(self, places: Iterable[int]) -> list[Fact]:
        return [self._facts[place] for place in places]

    def notes(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self._notes.items()}

    def code(self, sha256: str) -> bytes:
        return self._code[sha256]

    def write(self, after: int, facts: Sequence[Fact], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        self._facts[after:] = facts
        self._notes |= {name: _write(value) for name, value in notes.items()}
        self._code |= code

    def clear(self) -> None:
        self._facts.clear()
        self._notes.clear()
        self._code.clear()

    def close(self) -> None:
        """Nothing is to be given up."""


class SqliteStore:
    """Implements ``Store`` in a file: SQLite with a write-ahead log, a row for each fact, one connection.

    ``sync``: ``normal`` survives the end of the process at any moment, ``full`` that of the machine, too. Nobody else
    can open the file meanwhile. Beside the file, ``FILE-count`` says how many facts have been committed, so that a log
    that somebody cut off is noticed. Raises ``StoreError``.
    """

    outlasts: Final = True

    def __init__(self, path: str | Path, *, sync: str = "normal") -> None:
        self.path: Final = Path(os.path.abspath(path))
        self._full: Final = sync == "full"
        self._written = 0.0
        self._death: Final = _Death(f"{self.path}-wal", os.environ[DIE]) if os.environ.get(DIE) else None
        self._lock: Final = threading.Lock()
        """Held while the connection writes, and while somebody without the baton reads."""
        self._count = -1
        """The file descriptor of ``FILE-count``."""
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
        try:
            return sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as refused:
            raise self._error(refused, "opened") from None

    def _opened(self) -> float:
        """Take the file for this process, make or migrate the tables; returns for how long nobody had it."""
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL").fetchone()
            self._db.execute(f"PRAGMA synchronous={'FULL' if self._full else 'NORMAL'}")
            self._db.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._prepare()
                written = self._note(_WRITTEN)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as refused:
            raise self._error(refused, "opened") from None
        self._check_count()
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
            for step in range(version, VERSION):
                MIGRATIONS[step](self._db)
        self._db.execute(f"PRAGMA user_version={VERSION}")

    def _check_count(self) -> None:
        """Raises ``StoreError`` where facts are missing that had been committed."""
        name = f"{self.path}-count"
        try:
            self._count = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            committed = int.from_bytes(os.pread(self._count, 8, 0))
        except OSError as refused:
            raise StoreError(f"data file {self.path}: {name}: {refused.strerror}") from None
        there = self._there()
        if committed > there:
            raise StoreError(
                f"data file {self.path}: {committed} facts were committed, and {there} are there: the file or its "
                f"{self.path.name}-wal was cut off, as after a power cut. Put a copy of the files back; or, to go on "
                f"without the last {committed - there}, delete {name}"
            )
        self._tell_count(there)

    def _there(self) -> int:
        try:
            count: int = self._db.execute("SELECT coalesce(max(n), 0) FROM facts").fetchone()[0]
        except sqlite3.Error as refused:
            raise self._error(refused, "read") from None
        return count

    def _tell_count(self, facts: int) -> None:
        os.pwrite(self._count, facts.to_bytes(8), 0)

    # Reading.

    def facts(self) -> Iterator[Fact]:
        after = 0
        try:
            for n, text in self._db.execute("SELECT n, fact FROM facts ORDER BY n"):
                if n != after + 1:
                    raise self._damaged(f"fact {after + 1} is missing")
                after = n
                yield from_json(json.loads(text))
        except sqlite3.Error as refused:
            raise self._error(refused, "read") from None
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise self._damaged(f"fact {after} cannot be read: {wrong!r}") from None
        if after != self._there():
            raise self._damaged(f"the facts after {after} are missing")

    def read(self, places: Iterable[int]) -> list[Fact]:
        wanted = [place + 1 for place in places]
        found: list[Fact] = []
        try:
            for start in range(0, len(wanted), _READ_AT_ONCE):
                texts = self._texts(wanted[start : start + _READ_AT_ONCE])
                found += [from_json(json.loads(text)) for text in texts]
        except sqlite3.Error as refused:
            raise self._error(refused, "read") from None
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise self._damaged(f"facts cannot be read: {wrong!r}") from None
        if len(found) != len(wanted):
            raise self._damaged(f"{len(wanted) - len(found)} facts are missing")
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
        try:
            rows = self._db.execute("SELECT name, value FROM notes").fetchall()
            return {name: json.loads(value) for name, value in rows}
        except sqlite3.Error as refused:
            raise self._error(refused, "read") from None
        except (TypeError, ValueError) as wrong:
            raise self._damaged(f"its notes cannot be read: {wrong}") from None

    def _note(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def code(self, sha256: str) -> bytes:
        try:
            row = self._db.execute("SELECT zip FROM code WHERE sha256 = ?", (sha256,)).fetchone()
        except sqlite3.Error as refused:
            raise self._error(refused, "read") from None
        if row is None or hashlib.sha256(row[0]).hexdigest() != sha256:
            raise self._damaged(f"the uploaded code {sha256} is {'missing' if row is None else 'not what it was'}")
        zipped: bytes = row[0]
        return zipped

    # Writing.

    def write(self, after: int, facts: Sequence[Fact], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        rows = list(enumerate(map(_text, facts), after + 1))
        with self._lock:
            self._write(rows, notes, code)
            self._tell_count(after + len(rows))
        if self._death is not None:
            self._death.strike("after")

    def _write(self, rows: list[tuple[int, str]], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        execute, many = self._db.execute, self._db.executemany
        try:
            execute("BEGIN IMMEDIATE")
            if rows:
                many("INSERT INTO facts VALUES (?, ?)", rows)
            named = [(name, _write(value)) for name, value in notes.items()]
            now = time.time()
            if not 0 <= now - self._written < _WRITTEN_EVERY:
                named.append((_WRITTEN, repr(now)))
                self._written = now
            if named:
                many("INSERT OR REPLACE INTO notes VALUES (?, ?)", named)
            if code:
                many("INSERT OR IGNORE INTO code VALUES (?, ?)", code.items())
            if self._death is not None:
                self._death.before_commit()
            execute("COMMIT")
            if self._death is not None:
                self._death.within_commit()
        except sqlite3.Error as refused:
            self._roll_back()
            raise self._error(refused, "written") from None
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def clear(self) -> None:
        self._tell_count(0)  # first: a count that is too small says nothing wrong
        try:
            self._db.executescript("BEGIN IMMEDIATE; DELETE FROM facts; DELETE FROM notes; DELETE FROM code; COMMIT")
        except sqlite3.Error as refused:
            self._roll_back()
            raise self._error(refused, "written") from None

    def close(self) -> None:
        with self._lock:
            if self._count >= 0:
                os.close(self._count)
                self._count = -1
            self._db.close()

    # Trouble.

    def _damaged(self, how: str) -> StoreError:
        return StoreError(
            f"data file {self.path} is damaged: {how}. Put a copy of it back, or move it away and begin with a new "
            "file; 'sqlite3 FILE .recover' shows what can still be read"
        )

    def _error(self, refused: sqlite3.Error, what: str) -> StoreError:
        name, where = getattr(refused, "sqlite_errorname", ""), f"data file {self.path}"
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreError(f"{where} is in use by another emulator; stop that one, or choose another file")
        if name.startswith("SQLITE_NOTADB"):
            return StoreError(f"{where} is no database; choose another file")
        if name.startswith("SQLITE_CORRUPT"):
            return self._damaged(str(refused))
        if name.startswith("SQLITE_FULL"):
            return StoreError(f"{where} cannot be {what}: the disk is full. Make room; what was answered is kept")
        if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_CANTOPEN")):
            return StoreError(f"{where} cannot be {what}: {refused}. Its file and its directory must be writable")
        return StoreError(f"{where} cannot be {what}: {refused} ({name or type(refused).__name__})")


class _Death:
    """Kills this process at one of its commits, as ``FCEMU_DIE_AT_COMMIT`` says."""

    def __init__(self, log: str, text: str) -> None:
        self._log: Final = log
        number, _, self._when = text.partition(":")
        self._left = int(number)
        """Commits until it strikes."""
        self._length = 0

    def before_commit(self) -> None:
        """All is written and not committed."""
        self._left -= 1
        self.strike("before")
        self._length = self._size()

    def within_commit(self) -> None:
        """All is committed and nobody knows. A kill while the log was written leaves a part of its last frame."""
        if self._left == 0 and self._when == "torn":
            length = self._size()
            if length > self._length:  # else the log has begun anew, over what was in it
                os.truncate(self._log, max(self._length, length - _FRAME_BYTES // 2))
            self.strike("torn")

    def strike(self, when: str) -> None:
        """Maybe."""
        if self._left == 0 and self._when == when:
            os.kill(os.getpid(), signal.SIGKILL)

    def _size(self) -> int:
        return os.stat(self._log).st_size if os.path.exists(self._log) else 0


_quoted: Final = json.encoder.encode_basestring_ascii


def _text(fact: Fact) -> str:
    """The fact as JSON, as ``to_json`` has it; the kind of which most come from outside is written without detours."""
    if type(fact) is not Accepted or fact.http is not None:
        return _write(to_json(fact))
    try:
        payload = _quoted(fact.payload.decode())
    except UnicodeDecodeError:
        return _write(to_json(fact))
    at = time_text(fact.at)
    return (
        f'{{"at":"{at}","kind":"Accepted","request_id":{_quoted(fact.request_id)},"attempt":null,"data":{{'
        f'"function":{_quoted(str(fact.function))},"qualifier":{_quoted(fact.qualifier)},'
        f'"synchronous":{"true" if fact.synchronous else "false"},"source":{_quoted(fact.source)},'
        f'"payload":{payload},"due":"{at if fact.due is fact.at else time_text(fact.due)}",'
        f'"root":{_quoted(fact.root)},"depth":{fact.depth},"task_id":{_quoted(fact.task_id)}}}}}'
    )
