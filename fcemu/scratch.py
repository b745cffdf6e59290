"""Makes scratch directories, which go with this process, also when it is killed.

Those that were left behind even so, because the guardian was killed, too, are swept.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Final

from fcemu.guarding import GUARDIAN
from fcemu.handler.system import LOCKS

_LOCK: Final = ".lock"
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


Unlock = Callable[[], object]


def _lock(path: str) -> Unlock:
    """Lock a directory; what unlocks it. Raises ``OSError`` where another process has locked it."""
    return _lock_directory(path) if LOCKS else _lock_beside(path)


def _lock_directory(path: str) -> Unlock:
    if LOCKS:
        import fcntl

        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        return partial(os.close, fd)
    raise AssertionError("asked for where the system locks no directories")


def _lock_beside(path: str) -> Unlock:
    """Where a directory cannot be locked, a file beside it is."""
    from filelock import FileLock, Timeout

    lock = FileLock(path + _LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout as taken:
        raise BlockingIOError(str(taken)) from None
    GUARDIAN.tell(f"[{_hexadecimal(path + _LOCK)}")

    def unlock() -> None:
        lock.release()
        with suppress(OSError):  # on Windows another process may look at it
            os.unlink(path + _LOCK)
            GUARDIAN.tell(f"]{_hexadecimal(path + _LOCK)}")

    return unlock


def _delete(path: str, unlock: Unlock, owner: int) -> None:
    if os.getpid() == owner:  # not where it was forked to
        shutil.rmtree(path, ignore_errors=True)
        GUARDIAN.tell(f"]{_hexadecimal(path)}")
        unlock()


def _hexadecimal(path: str) -> str:
    """A name as the guardian takes it: whatever is in it, it is one word of a line."""
    return os.fsencode(path).hex()


@cache
def _sweep(prefix: str) -> None:
    """Once in a process: delete what others of this user have left behind."""
    with tempfile.TemporaryFile() as new:  # the file system's time: in tests Python's is often not the real one
        now = os.fstat(new.fileno()).st_mtime
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
                _delete_if_left(entry.path, now)


def _delete_if_left(path: str, now: float) -> None:
    with suppress(OSError):  # another user's: it is his; locked: it is in use
        if now - os.lstat(path).st_mtime > _NEW_SECONDS:
            unlock = _lock(path)
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                unlock()
