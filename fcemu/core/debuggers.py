"""The modules of debuggers: what they wait for, a user at a prompt, takes real time only."""

from typing import Final

DEBUGGERS: Final = frozenset(
    {"bdb", "pdb", "pydevd", "_pydevd_bundle", "_pydev_bundle", "_pydevd_frame_eval", "debugpy"}
)
"""By their top-level names."""
