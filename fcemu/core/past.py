"""What stays in memory of an invocation, and of a report, whose facts are kept elsewhere and can be read back."""

from collections.abc import Callable, Iterable
from datetime import datetime
from struct import iter_unpack
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from fcemu.core.facts import Accepted, Delivered, Fact
from fcemu.core.names import FunctionRef

if TYPE_CHECKING:
    from fcemu.core.invocation import Invocation

ReadBack = Callable[[Iterable[int]], list[Fact]]
"""The facts in these places, in order. Raises ``StoreError``."""


class Past:
    """Stands where ``Accepted`` was: what lists ask for is at hand, the rest is read back each time.

    ``whole`` makes the invocation anew, all of its facts folded in; it raises ``StoreError``.
    """

    __slots__ = ("at", "function", "places", "qualifier", "request_id", "synchronous", "task_id", "whole")

    def __init__(self, accepted: Accepted, places: bytes, whole: "Callable[[Past], Invocation]") -> None:
        self.at: Final[datetime] = accepted.at
        self.request_id: Final[str] = accepted.request_id
        self.function: Final[FunctionRef] = accepted.function
        self.qualifier: Final[str] = intern(accepted.qualifier)
        self.synchronous: Final[bool] = accepted.synchronous
        self.task_id: Final[str] = accepted.task_id
        self.places: Final = places
        self.whole: Final = whole

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and pickling look for
            raise AttributeError(name)
        return getattr(self.whole(self).accepted, name)


class Distant(Delivered):
    """A report that was delivered, without its body, which is read back each time."""

    __slots__ = ()

    @property
    def body(self) -> bytes:
        read, place = _BODY.__get__(self)
        (fact,) = read([place])
        body: bytes = fact.body
        return body


Distant.__name__ = Delivered.__name__  # the kind of fact that it is
_BODY: Final[Any] = vars(Delivered)["body"]
_DESTINATION: Final[Any] = vars(Delivered)["destination"]


def with_place(places: bytes, place: int) -> bytes:
    """Places of facts in the journal, counted from 0, in the little memory that they need; and one more of them."""
    return places + place.to_bytes(4, "little")


def read_places(places: bytes) -> list[int]:
    """What ``with_place`` has written."""
    return [number for (number,) in iter_unpack("<I", places)]


def let_go_of_body(fact: Delivered, place: int, read: ReadBack) -> None:
    """Whoever has this report reads its body back from now on."""
    _BODY.__set__(fact, (read, place))
    _DESTINATION.__set__(fact, intern(fact.destination))
    fact.__class__ = Distant
