"""Escapes: what handlers do that no seed decides, so that a run may not repeat: they draw, ask the network."""

import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any, Final

from fcemu.engine.lines import is_inside, line_of
from fcemu.engine.runs import STRANDS

_DRAWS: Final[dict[Any, tuple[str, ...]]] = {
    random._inst: ("random", "getrandbits"),
    random: ("random", "getrandbits", "_urandom"),
    os: ("urandom",),
}
"""What draws real randomness. The functions of ``random`` draw from one hidden object, ``uuid4`` and ``secrets`` from
the system."""
_NAMES: Final = {"_urandom": "os.urandom", "urandom": "os.urandom"}
_OF_REAL_TIME: Final = re.compile(r"\breal\b|outstanding I/O")
"""How warnings tell of real time and of threads outside of what the clock waits for."""


class Escapes:
    """What handlers in this process did meanwhile that no seed decides, each once, in words."""

    def __init__(self) -> None:
        self._found: Final[dict[str, None]] = {}

    def note(self, what: str) -> None:
        """The calling thread did ``what``; it counts if it runs a handler."""
        strand = STRANDS.get(get_ident())
        if strand is not None and not strand.run.over:
            line = line_of(get_ident()) or ""
            file, _, where = line.rpartition(" in ")[0].rpartition(":")
            place = f" at {os.path.basename(file)}:{where}" if file and not is_inside(file) else ""
            self._found.setdefault(f"{strand.run.function.ref} {what}{place}")

    def told(self, journals: Sequence[Sequence[str]]) -> list[str]:
        """All that was noted, and what the journals of the emulators warn of."""
        warned = (json.loads(line) for lines in journals for line in lines if '"Warned"' in line)
        texts = (fact["data"]["text"] for fact in warned if fact["kind"] == "Warned")
        return [*self._found, *dict.fromkeys(text for text in texts if _OF_REAL_TIME.search(text))]


_WATCHING: Final[list[Escapes]] = []
_HOOKED: Final[list[bool]] = []


@contextmanager
def watched() -> Iterator[Escapes]:
    """Inside the block, what handlers of this process do that no seed decides is noted."""
    escapes = Escapes()
    if not _HOOKED:
        _HOOKED.append(True)
        sys.addaudithook(_audited)  # it stays as long as the process lives, and does nothing while nothing is watched
    with ExitStack() as stack:
        for owner, names in _DRAWS.items():
            for name in names:
                stack.enter_context(_replaced(owner, name, escapes))
        _WATCHING.append(escapes)
        stack.callback(_WATCHING.remove, escapes)
        yield escapes


@contextmanager
def _replaced(owner: Any, name: str, escapes: Escapes) -> Iterator[None]:
    """Inside the block a function that draws notes that before it does so."""
    original: Callable[..., Any] = getattr(owner, name)
    own = name in vars(owner)

    def draws(*args: Any, **given: Any) -> Any:
        escapes.note(f"drew real randomness by {_NAMES.get(name, 'the module random')}")
        return original(*args, **given)

    setattr(owner, name, draws)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)


def _audited(event: str, args: tuple[Any, ...]) -> None:
    """What Python tells of whatever this process does."""
    if not _WATCHING:
        return
    if event == "socket.connect" and not _is_the_emulator(args[1]):
        _WATCHING[-1].note(f"asked the network: {_address(args[1])}")
    elif event in {"subprocess.Popen", "os.posix_spawn", "os.system"}:
        _WATCHING[-1].note("started a program")


def _address(address: Any) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)


def _is_the_emulator(address: Any) -> bool:
    """Whether a handler calls its own emulator, which answers the same in each run."""
    url = os.environ.get("FCEMU_URL", "")
    return isinstance(address, tuple) and url.endswith(f"//{address[0]}:{address[1]}")
