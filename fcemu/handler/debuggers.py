"""Recognises debuggers by their modules: what they wait for, a user at a prompt, takes real time only."""

from __future__ import annotations

from types import FrameType
from typing import Final

DEBUGGERS: Final = frozenset(
    {"bdb", "pdb", "pydevd", "_pydevd_bundle", "_pydev_bundle", "_pydevd_frame_eval", "debugpy"}
)
"""By their top-level names."""


def is_of_debugger(module: str) -> bool:
    """Whether a module is part of a debugger."""
    return module.partition(".")[0] in DEBUGGERS


def debugger_waits(frame: FrameType) -> bool:
    """Whether a debugger that stopped a handler is what calls from ``frame``, maybe by way of ``threading``. It waits
    on the handler's own thread."""
    while frame.f_back is not None and frame.f_globals.get("__name__") == "threading":
        frame = frame.f_back
    return is_of_debugger(frame.f_globals.get("__name__", ""))
