"""Ends the programs of custom runtimes when the emulator's process is gone, however it ended.

On stdin, lines: ``+123``, a process group has begun; ``-123``, it has ended. What is left when stdin ends is killed.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress


def main(lines: Iterable[str]) -> None:
    """Guard until the lines end."""
    groups: set[int] = set()
    for line in lines:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.stdin)
