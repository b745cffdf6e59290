"""Plain data in CBOR (RFC 8949), the form in which Table Store hands rows to a function."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

_NULL: Final = b"\xf6"
_DOUBLE: Final = b"\xfb"
_BIGGEST: Final = 2**64
_SIZES: Final = ((1 << 8, 24, ">B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I"), (_BIGGEST, 27, ">Q"))


def encoded(data: Any) -> bytes:
    """``data`` in CBOR, lengths written out, members in their own order.

    Raises ``ValueError`` for what is neither a map, a list, text, bytes, a number of at most 64 bits, a truth value
    nor ``None``.
    """
    match data:
        case None:
            return _NULL
        case bool():
            return b"\xf5" if data else b"\xf4"
        case int():
            return _head(0, data) if data >= 0 else _head(1, -1 - data)
        case float():
            return _DOUBLE + struct.pack(">d", data)
        case str():
            text = data.encode()
            return _head(3, len(text)) + text
        case bytes():
            return _head(2, len(data)) + data
        case Mapping():
            members = (encoded(name) + encoded(value) for name, value in data.items())
            return _head(5, len(data)) + b"".join(members)
        case Sequence():
            return _head(4, len(data)) + b"".join(encoded(each) for each in data)
    raise ValueError(f"{data!r} cannot be written in CBOR")


def _head(major: int, number: int) -> bytes:
    """The first bytes of an item: its major type, and its value, length or count."""
    if number < 24:
        return bytes([major << 5 | number])
    for limit, short, form in _SIZES:
        if number < limit:
            return bytes([major << 5 | short]) + struct.pack(form, number)
    raise ValueError(f"{number} has more than 64 bits")
