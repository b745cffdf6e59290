"""The marker lines that FC writes around a hook of an instance, and what it says of an initializer that is late."""

from __future__ import annotations

from typing import Final

INITIALIZE: Final = "Initialize"
PRE_FREEZE: Final = "PreFreeze"
PRE_STOP: Final = "PreStop"
_KINDS: Final = {INITIALIZE: "initialization"}
"""How an error of a hook is called, where that is not its name."""


def start_line(hook: str, request_id: str) -> str:
    """What stands in the log before what a hook writes (runtimes §1.8)."""
    return f"FC {hook} Start RequestId: {request_id}\n"


def end_line(hook: str, request_id: str, *, failed: bool) -> str:
    """What stands after it (runtimes §1.8)."""
    how = f", Error: Unhandled {_KINDS.get(hook, hook)} error" if failed else ""
    return f"FC {hook} End RequestId: {request_id}{how}\n"


def late_initializer(seconds: float) -> str:
    """The message of an initializer whose timeout is over. ASSUMED: fcemu makes up the message of an initializer whose
    timeout is over, because no page has one (runtimes §1.5)."""
    return f"Function initialization timed out after {seconds:g} seconds"
