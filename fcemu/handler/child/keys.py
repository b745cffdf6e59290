"""Keeps the temporary keys of the attempt that runs in the environment variables in which FC has them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

_BYTES: Final = 512
"""Room for one variable, unless a caller has chosen a long request id."""
TABLE: Final[dict[Any, Any]] = vars(os.environ)["_data"]
"""What ``os.environ`` reads. Writing there calls ``setenv`` of the C library, which never gives back a value that it
had once: 400 bytes for each attempt, in a tree that is searched for each."""


class Keys:
    """The variables that hold the keys. What the code itself has put there, or deleted, stays as it is."""

    def __init__(self, places: Mapping[str, int]) -> None:
        """``places``: which variable holds which of an attempt's credentials, and has those of the first attempt."""
        kind = _Variable if hasattr(os, "environb") else _VariableOfWindows
        self._variables: Final = [(kind(name), place) for name, place in places.items()]

    def renew(self, credentials: Sequence[str]) -> None:
        """An attempt begins that has these."""
        for variable, place in self._variables:
            variable.follow(credentials[place])


class _Variable:
    """A variable whose text is in memory of this object: the C library gets its address once, and reads there (POSIX,
    ``putenv``)."""

    def __init__(self, name: str) -> None:
        self._name: Final = os.fsencode(name)
        self._head: Final = self._name + b"="
        self._last: bytes | None = None
        self._room = 0

    def follow(self, value: str) -> None:
        """Get another value, unless the code has changed it."""
        last, self._last = self._last, value.encode("utf-8", "surrogateescape")  # children are in Python's UTF-8 mode
        held = TABLE.get(self._name)
        if held != last:
            return
        text = b"%b%b\0" % (self._head, self._last)
        if len(text) > self._room or held is not last:  # the code has put there what it found there
            self._put(max(len(text), _BYTES))
        self._text[: len(text)] = text
        TABLE[self._name] = self._last

    def _put(self, room: int) -> None:
        buffer = ctypes.create_string_buffer(self._head, room)
        ctypes.CDLL(None).putenv(buffer)
        self._room, self._text = room, memoryview(buffer).cast("B")


class _VariableOfWindows:
    """The same where the C library copies the text, and lets go of it."""

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self._last: str | None = None

    def follow(self, value: str) -> None:
        last, self._last = self._last, value
        if os.environ.get(self._name) == last:
            os.environ[self._name] = value
