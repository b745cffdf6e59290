"""Queues and topics have this in common: a name, times, and the attributes that a client sets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, TypeVar

from fcemu.mns.errors import check_between, invalid
from fcemu.mns.facts import Arrived, QueueSet, TopicSet

A = TypeVar("A", bound=QueueSet | TopicSet)


class Resource(Generic[A]):
    """A queue or a topic. ``arrived`` are all messages ever put there; the list belongs to others as well.

    What is said of the kind: its word, the fact that sets its attributes, the numbers among them by field (MNS's name,
    the least and the greatest), and MNS's codes for a name that cannot be, one that is not there, and one that is there
    with other attributes.
    """

    WORD: ClassVar[str]
    BOUNDS: ClassVar[Mapping[str, tuple[str, int, int]]]
    FACT: ClassVar[type[Any]]
    NAME_INVALID: ClassVar[str]
    MISSING: ClassVar[str]
    EXISTS: ClassVar[str]

    def __init__(self, name: str, created: datetime, arrived: list[Arrived]) -> None:
        self.name: Final = name
        self.arrived: Final = arrived
        self.created: Final = created
        self.attributes: A = self.FACT(created, "", self.address_of(name))
        """The fact by which it has them."""

    @property
    def modified(self) -> datetime:
        return self.attributes.at

    @classmethod
    def address_of(cls, name: str) -> str:
        """The address of one of that name, such as ``queue:declined``."""
        return f"{cls.WORD}:{name}"

    @classmethod
    def check(cls, attributes: A) -> None:
        """Raises ``MNSError`` for attributes that MNS does not take."""
        for field, (name, least, most) in cls.BOUNDS.items():
            check_between(name, getattr(attributes, field), least, most)

    def set(self, attributes: A) -> None:
        """Have these attributes from now on."""
        self.attributes = attributes

    def check_size(self, body: bytes) -> None:
        """Raises ``MNSError`` for a message over the limit."""
        most = self.attributes.maximum_bytes
        if len(body) > most:
            raise invalid(f"the message has {len(body)} bytes, the {self.WORD} {self.name!r} takes {most}")
