"""A data file whose process is killed at one of its commits."""

import os
import signal
import sqlite3
from typing import Any, Final

from fcemu.stores import sqlite

_FRAME_BYTES: Final = 4096 + 24
"""A page in the log, with its header."""


class Death:
    """Kills this process at one of the commits of facts.

    ``7:before`` does so at the 7th commit, when all is written and not committed; ``7:after``, when it is; ``7:torn``,
    in the middle of its last frame in the log.
    """

    def __init__(self, log: str, text: str) -> None:
        self._log: Final = log
        number, _, self._when = text.partition(":")
        self._left = int(number)
        """Commits until it strikes."""
        self._length = 0
        self.near = False
        """Whether the next commit is one of facts."""

    def before_commit(self) -> None:
        """All is written and not committed."""
        self.near = False
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
        """Kill this process if that is its moment."""
        if self._left == 0 and self._when == when:
            os.kill(os.getpid(), signal.SIGKILL)

    def _size(self) -> int:
        return os.stat(self._log).st_size if os.path.exists(self._log) else 0


def die(text: str) -> None:
    """Let this process die at a commit of the data file that it opens next."""

    class Store(sqlite.SqliteStore):
        def __init__(self, path: Any, **options: Any) -> None:
            self._death = Death(f"{os.path.abspath(path)}-wal", text)
            super().__init__(path, **options)

        def _connected(self) -> sqlite3.Connection:
            super()._connected().close()
            death = self._death

            class Connection(sqlite3.Connection):
                def execute(self, query: str, *given: Any) -> sqlite3.Cursor:
                    if query == "COMMIT" and death.near:
                        death.before_commit()
                    return super().execute(query, *given)

            return sqlite3.connect(
                self.path, timeout=0, isolation_level=None, check_same_thread=False, factory=Connection
            )

        def written(self, *what: Any) -> None:
            self._death.near = True
            super().written(*what)
            self._death.within_commit()

        def write(self, *what: Any) -> None:
            super().write(*what)
            self._death.strike("after")

    sqlite.SqliteStore = Store  # type: ignore[misc]
