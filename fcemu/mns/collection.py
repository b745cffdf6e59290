"""MNS lists, makes, changes and deletes queues and topics alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from fcemu.core.names import is_name
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import Dropped
from fcemu.mns.mail import Mail
from fcemu.mns.mailboxes import R

T = TypeVar("T")


class Collection(Generic[R]):
    """The queues or the topics. Methods may be called from any thread and raise ``MNSError``."""

    def __init__(self, kind: type[R], mail: Mail) -> None:
        self.kind: Final = kind
        self._mail: Final = mail
        self._baton: Final = mail.baton
        self._note: Final = mail.note

    def names(self) -> list[str]:
        """All of them, sorted."""
        with self._baton:
            return self._mail.names(self.kind)

    def check(self, name: str) -> None:
        """Raises ``MNSError`` where there is none of that name."""
        with self._baton:
            self._find(name)

    def show(self, name: str, tell: Callable[[R, datetime], T]) -> T:
        """What ``tell`` tells of one, at this moment and with the baton held."""
        with self._baton:
            return tell(self._find(name), self._mail.now())

    def create(self, name: str, **given: Any) -> bool:
        """Make one, with the default attributes but for those that are given; whether it is new. One that exists has
        to have the same, else an error says so."""
        word = self.kind.WORD
        if not is_name(name):
            text = (
                f"{name!r} is not a valid {word} name; a name has letters, digits and hyphens, and begins with a letter"
            )
            raise MNSError(self.kind.NAME_INVALID, text)
        with self._baton:
            wanted = self.kind.FACT(self._mail.now(), "", self.kind.address_of(name), **given)
            self.kind.check(wanted)
            if not self._mail.has(self.kind, name):
                self._note(wanted)
                return True
            there = self._find(name).attributes
            if replace(there, at=wanted.at) != wanted:
                raise MNSError(self.kind.EXISTS, f"the {word} {name!r} exists with other attributes")
            return False

    def change(self, name: str, **given: Any) -> None:
        """Give one these attributes; the others stay."""
        with self._baton:
            wanted = replace(self._find(name).attributes, at=self._mail.now(), **given)
            self.kind.check(wanted)
            self._note(wanted)
            self._mail.consumers.look(self._mail.now())

    def drop(self, name: str) -> None:
        """Delete one and what is in it. One that there is not is deleted already."""
        with self._baton:
            if self._mail.has(self.kind, name):
                self._note(Dropped(self._mail.now(), "", self.kind.address_of(name)))

    def _find(self, name: str) -> R:
        return self._mail.find(self.kind, name)
