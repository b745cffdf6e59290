"""For tests: an end of this process at one of its commits."""

import os
import signal
from typing import Final

DIE: Final = "FCEMU_DIE_AT_COMMIT"
"""``7:before`` kills this process at its 7th commit, when all is written and not committed; ``7:after``, when it is;
``7:torn``, in the middle of its last frame in the log."""
_FRAME_BYTES: Final = 4096 + 24
"""A page in the log, with its header."""


class Death:
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
