"""Makes scratch directories, which go with this process, also when it is killed.

Those that were left behind even so, because the guardian was killed, too, are swept.
"""

import os
import shutil
import sys
import tempfile
import weakref
from contextlib import suppress
from functools import cache
from typing import Final

from fcemu.guarding import GUARDIAN

if sys.platform != "win32":  # there nothing is locked, and nothing swept
    import fcntl

_NEW_SECONDS: Final = 60
"""A directory that is younger is maybe being made."""


class Scratch:
    """A new directory below the system's temporary one, until this object is closed or the process ends.

    It is locked meanwhile, which tells those that are in use from those left behind.
    """

    def __init__(self, prefix: str) -> None:
        _sweep(prefix)
        self.path: Final = os.path.realpath(tempfile.mkdtemp(prefix=prefix))
        GUARDIAN.tell(f"[{_hexadecimal(self.path)}")
        self._delete: Final = weakref.finalize(self, _delete, self.path, _lock(self.path), os.getpid())

    def close(self) -> None:
        """Delete it with all that is in it; repeatable."""
        self._delete()


def _lock(path: str) -> int | None:
    if sys.platform == "win32":
        return None
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _delete(path: str, lock: int | None, owner: int) -> None:
    if os.getpid() == owner:  # not where it was forked to
        shutil.rmtree(path, ignore_errors=True)
        GUARDIAN.tell(f"]{_hexadecimal(path)}")
    if lock is not None:
        os.close(lock)


def _hexadecimal(path: str) -> str:
    """A name as the guardian takes it: whatever is in it, it is one word of a line."""
    return os.fsencode(path).hex()


@cache
def _sweep(prefix: str) -> None:
    """Once in a process: delete what others of this user have left behind."""
    if sys.platform == "win32":
        return
    with tempfile.TemporaryFile() as new:  # the file system's time: in tests Python's is often not the real one
        now = os.fstat(new.fileno()).st_mtime
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
                _delete_if_left(entry.path, now)


def _delete_if_left(path: str, now: float) -> None:
    with suppress(OSError):  # another user's: it is his; locked: it is in use
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if now - os.fstat(lock).st_mtime > _NEW_SECONDS:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)
