"""The backlog: asynchronous invocations that are due and wait for an instance, first in, first out."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from fcemu.core.invocation import Invocation

if TYPE_CHECKING:
    from fcemu.engine.runs import Run

Begin = Callable[[Invocation, datetime], "Run | None"]
"""Starts the next attempt of an invocation, if it can."""


class Turn:
    """Among what is due: an invocation that is looked at again then. ``over``: it need not be any more."""

    over = False

    def fall_due(self, now: datetime) -> "Run | None":
        """The run that starts now, if one does."""
        raise NotImplementedError


class Waiter(Turn):
    """An invocation in a backlog; due when it grows too old to wait any longer."""

    def __init__(self, invocation: Invocation, number: int, begin: Begin) -> None:
        self.invocation: Final = invocation
        self.number: Final = number
        """How many were held before."""
        self._begin: Final = begin

    def fall_due(self, now: datetime) -> "Run | None":
        if self.over or self.invocation.finished:
            return None
        self.over = True
        return self._begin(self.invocation, now)

    def __str__(self) -> str:
        return f"end of the age of {self.invocation.accepted.function} {self.invocation.id}"


class Backlog(Turn):
    """What waits for an instance of one function and qualifier; itself due when one may be had.

    A sync call takes what is free at its moment; what is asynchronous never overtakes what waits.
    """

    def __init__(self, begin: Begin, call: "Callable[[Backlog, datetime], None]") -> None:
        self._begin: Final = begin
        self._call: Final = call
        self.waiting: Final[deque[Waiter]] = deque()
        self.called = False
        """Whether it is among what is due."""
        self.serving: Waiter | None = None
        """Whom it tries to start at this moment; nobody any more as soon as that one has to wait on."""

    @property
    def first(self) -> Waiter | None:
        """Who waits longest."""
        waiting = self.waiting
        while waiting and (waiting[0].over or waiting[0].invocation.finished):
            waiting.popleft().over = True
        return waiting[0] if waiting else None

    def fall_due(self, now: datetime) -> "Run | None":
        """Start the first one, if an instance can be had for it, and see to the next one."""
        self.called = False
        first = self.first
        if first is None:
            return None
        self.serving = first
        run = self._begin(first.invocation, now)
        if self.serving is first:  # else it waits on
            first.over = True
            if self.waiting and self.waiting[0] is first:
                self.waiting.popleft()
            self._call(self, now)
        self.serving = None
        return run

    def __str__(self) -> str:
        first = self.first
        what = "nothing" if first is None else f"{first.invocation.accepted.function} {first.invocation.id}"
        return f"an instance for {what}"
