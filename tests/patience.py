"""How long tests wait, in real seconds, for what must come: only what hangs takes as long, also on a busy machine."""

import time
from collections.abc import Callable
from typing import Final

WAIT_SECONDS: Final = 60
"""For another thread."""
CHILD_SECONDS: Final = 240
"""For a child process; less than the time-out of a test, which is in ``pyproject.toml``."""


def wait_until(is_so: Callable[[], object]) -> None:
    """For another thread, or another process."""
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)
