"""How much of what an attempt writes and returns is kept: of output above a limit the first and the last half."""

from collections.abc import Callable, Iterator
from typing import Final

LIMIT_BYTES: Final = 10 << 20
"""ASSUMED: fcemu keeps 10 MiB of what an attempt writes; FC keeps logs elsewhere and names no limit for those of one
attempt (runtimes §1.8)."""
RESULT_BYTES: Final = 32 << 20
"""How large a result or the document of an error may be. A runtime may cut a larger one to one byte more than this,
which tells that it is too large. ASSUMED: fcemu takes a result as large as the event of a synchronous invocation may be
(async-invocation §2)."""
_PIECES: Final = 1000
_CHARACTERS: Final = 1 << 16
"""So many small pieces, or characters in them, are put together: a million prints are no million strings."""
_CODEC: Final = ("utf-8", "surrogatepass")


class _Settled:
    """The first and the last half of long output, in bytes, and how many bytes between them were dropped."""

    __slots__ = ("first", "last", "left_out")

    def __init__(self) -> None:
        self.first = bytearray()
        self.last = bytearray()
        self.left_out = 0


class Output:
    """Text in the order in which it was appended; iterating gives it in pieces. Used by one thread at a time.

    ``limit``: in bytes of UTF-8. When more is appended, a line stands in place of what is left out.
    """

    __slots__ = ("_as_shown", "_characters", "_half", "_new", "_settled", "heard", "rewrite")

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self.rewrite: Callable[[str], str] = _as_it_is
        """Makes of the text what is kept of it, the same on every machine. The runtime that writes here sets it."""
        self.heard: Callable[[str], None] | None = None
        """Gets each text at once, as it is."""
        self._half: Final = limit // 2
        self._new: Final[list[str]] = []
        self._characters = 0
        """How many are in ``_new``."""
        self._settled: _Settled | None = None
        """What was put together; most attempts write little, and nothing is."""
        self._as_shown = True
        """Whether there is nothing in it to rewrite."""

    def append(self, text: str, *, shown: bool = False) -> None:
        """Add to the end. ``shown``: ``text`` is the same on every machine already."""
        if not shown:
            self._as_shown = False
        if self.heard is not None:
            self.heard(text)
        self._new.append(text)
        self._characters += len(text)
        characters = self._characters
        if len(self._new) >= _PIECES or characters >= _CHARACTERS or characters >= self._half // 4:
            self._settle()

    def text(self) -> str:
        """All of it, rewritten."""
        text = "".join(self._new if self._settled is None else self)
        return text if self._as_shown else self.rewrite(text)

    def __iter__(self) -> Iterator[str]:
        settled = self._settled
        if settled is None:
            yield from list(self._new)
            return
        first, last = bytes(settled.first), bytes(settled.last) + "".join(self._new).encode(*_CODEC)
        if not settled.left_out and len(last) <= self._half:
            yield (first + last).decode(*_CODEC)
            return
        dropped = settled.left_out + len(last) - self._half
        begin, end = _without_cut_end(first), _without_cut_begin(last[-self._half :])
        dropped += len(first) - len(begin) + min(self._half, len(last)) - len(end)
        yield begin.decode(*_CODEC)
        yield (
            f"\n[fcemu left {dropped} bytes out here: of the output of an attempt it keeps "
            f"the first and the last {self._half} bytes]\n"
        )
        yield end.decode(*_CODEC)

    def _settle(self) -> None:
        """Put the new pieces where they stay, and drop what is too much from time to time."""
        text = "".join(self._new).encode(*_CODEC)
        self._new.clear()
        self._characters = 0
        if self._settled is None:
            self._settled = _Settled()
        settled = self._settled
        room = self._half - len(settled.first)
        settled.first += text[:room]
        settled.last += text[room:]
        if len(settled.last) > 2 * self._half:
            much = len(settled.last) - self._half
            settled.left_out += much
            del settled.last[:much]


def _as_it_is(text: str) -> str:
    return text


def _without_cut_end(text: bytes) -> bytes:
    """Without a last character of which bytes are missing."""
    at = len(text) - 1
    while at > 0 and text[at] & 0xC0 == 0x80:
        at -= 1
    lead = text[at]
    whole = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return text if at + whole == len(text) else text[:at]


def _without_cut_begin(text: bytes) -> bytes:
    """Without a first character of which bytes are missing."""
    at = 0
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return text[at:]
