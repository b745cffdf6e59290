"""Pure functions read the documents that MNS's clients send, safely, and write those that they get."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

from fcemu.core.values import dataclass
from fcemu.core.wording import either
from fcemu.mns.errors import MNSError

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

XMLNS: Final = "http://mns.aliyuncs.com/doc/v1/"
DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>'
_DEEPEST: Final = 16


@dataclass(slots=True)
class Element:
    """One element without its namespace and attributes, which mean nothing to MNS."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str) -> Iterator["Element"]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)

    def get(self, name: str) -> str | None:
        """The text of the first child of that name, ``None`` without one."""
        return next((child.text for child in self.all(name)), None)


def read_xml(data: bytes, *roots: str) -> Element:
    """Read a document whose root is one of ``roots``; raises ``MNSError``.

    A document type is refused, and with it every entity that could refer to something or grow: MNS's have none.
    """
    from xml.parsers import expat  # what writes documents is imported by every emulator, and few read one

    parser = expat.ParserCreate()
    reader = _Reader(parser)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as wrong:
        reason = expat.errors.messages.get(wrong.code, "unknown error")
        raise MNSError("MalformedXML", f"line {wrong.lineno}, column {wrong.offset + 1}: {reason}") from None
    except (LookupError, ValueError) as wrong:  # an encoding that nobody knows
        raise MNSError("MalformedXML", str(wrong)) from None
    assert reader.root is not None
    if reader.root.name not in roots:
        raise MNSError("MalformedXML", f"expected the element {either(roots)}, got {reader.root.name}")
    return reader.root


class _Reader:
    def __init__(self, parser: "XMLParserType") -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        raise MNSError("MalformedXML", "a document type is not allowed")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        element = Element(name.rpartition(":")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        if len(self._open) >= _DEEPEST:
            raise MNSError("MalformedXML", f"more than {_DEEPEST} elements inside each other")
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text


Fields = list[tuple[str, "str | int | Fields"]]
"""Elements by name, in order: text, or elements inside."""


def write_xml(root: str, fields: Fields) -> bytes:
    """A document of MNS."""
    return f"{DECLARATION}\n{element(root, fields)}".encode()


def element(root: str, fields: Fields) -> str:
    """The root of a document. Elements with empty text are left out: some clients cannot read them."""
    return f'<{root} xmlns="{XMLNS}">{_inside(fields)}</{root}>'


def _inside(fields: Fields) -> str:
    return "".join(
        f"<{name}>{_inside(value) if isinstance(value, list) else xml_text(str(value))}</{name}>"
        for name, value in fields
        if value != ""
    )


def xml_text(text: str) -> str:
    """``text`` as it stands in XML: what XML has no sign for is replaced, and line ends survive the reader."""
    allowed = (
        text
        if text.isascii() and text.isprintable()
        else "".join(sign if _is_in_xml(sign) else "\ufffd" for sign in text)
    )
    return allowed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _is_in_xml(sign: str) -> bool:
    return sign in "\t\n\r" or "\x20" <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign >= "\U00010000"


def body_md5(body: bytes) -> str:
    """MNS's checksum of a message."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest().upper()
