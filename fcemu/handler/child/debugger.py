"""Starts debugpy in an instance, and waits for its client before any of the handler's code is loaded."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

from fcemu.handler.child.channel import Channel
from fcemu.handler.time.originals import Originals

_FREE_SECONDS: Final = 10.0
"""Real seconds in which the debugger of an instance that has ended gives its port back."""
_SILENT: Final = "PYDEVD_DISABLE_FILE_VALIDATION"
"""Keeps a warning out of the function's log: of modules frozen into the interpreter, where nobody stops."""
_REAL: Final = Originals()


def wait_for_debugger(port: int, channel: Channel) -> None:
    """Wait for a client of debugpy on ``port`` of 127.0.0.1; where there is no debugpy, warn and go on."""
    os.environ[_SILENT] = "1"
    try:
        import debugpy  # noqa: T100 (this is what starts it)
    except ImportError as missing:
        channel.send(
            {"kind": "warn", "text": f"the debugger cannot start: {sys.executable} has no debugpy ({missing})"}
        )
    else:
        debugpy.configure(subProcess=False)  # what the handler starts is not the instance
        _listen(debugpy, port)
        channel.send({"kind": "warn", "text": f"waits for the client of a debugger at 127.0.0.1:{port}"})
        debugpy.wait_for_client()  # noqa: T100
    finally:
        del os.environ[_SILENT]
    channel.send({"kind": "debugged"})


def _listen(debugpy: object, port: int) -> None:
    until = _REAL.monotonic() + _FREE_SECONDS
    while _REAL.monotonic() < until:
        with suppress(RuntimeError):
            debugpy.listen(("127.0.0.1", port))  # type: ignore[attr-defined]
            return
        _REAL.sleep(0.05)
    debugpy.listen(("127.0.0.1", port))  # type: ignore[attr-defined]
