"""How long tests wait, in real seconds, for what must come: only what hangs takes as long, also on a busy machine."""

from typing import Final

WAIT_SECONDS: Final = 60
"""For another thread."""
CHILD_SECONDS: Final = 240
"""For a child process; less than the time-out of a test, which is in ``pyproject.toml``."""
