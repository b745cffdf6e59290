"""Starts threads of a child that are not the handler's, and ends the process when one of them raises.

Then the attempt ends at once with the traceback in its log: nothing else would wake the handler that waits for such a
thread.
"""

from __future__ import annotations

import os
import sys
import traceback
from _thread import start_new_thread
from collections.abc import Callable

_end = os._exit
STATUS = 70
"""The exit status then."""


def start_own(job: Callable[[], object]) -> None:
    """Do ``job`` on a new thread that ``threading`` does not know. Raises ``RuntimeError`` where there is none."""
    start_new_thread(_do, (job,))


def _do(job: Callable[[], object]) -> None:
    try:
        job()
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        _end(STATUS)
