"""Python's garbage collector stands still while much is made of which nothing is garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector() -> Iterator[None]:
    """Inside the block nothing is collected. The collector would walk again and again over what has just been made:
    the modules of a start, the tree of a large file, hundreds of thousands of facts."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
