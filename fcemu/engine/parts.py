"""Parts of an object that are made when something first asks for them."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

W = TypeVar("W")
P = TypeVar("P")


class part(Generic[W, P]):  # noqa: N801 (it reads as a decorator)
    """Decorates the method of an object that makes one of its parts.

    The part is made when something first asks for it, and is an attribute like any other from then on. Threads that
    ask at the same moment get the same part, so the method may run twice and must do nothing else.
    ``functools.cached_property`` gives them different ones, or has a lock for all objects of the class.
    """

    def __init__(self, make: Callable[[W], P]) -> None:
        self._make: Final = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type[W], name: str) -> None:
        self._name = name

    def __get__(self, whole: W, owner: type[W] | None = None) -> P:
        made: P = whole.__dict__.setdefault(self._name, self._make(whole))
        return made
