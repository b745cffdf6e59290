"""A backlog holds the asynchronous invocations that are due and wait for an instance, first in, first out."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from fcemu.core.invocation import Invocation
from fcemu.engine.agenda import Agenda

Begin = Callable[[Invocation, datetime], object]
"""Starts the next attempt of an invocation, if it can; returns what is to be done without the baton."""


class Waiter:
    """An invocation in a backlog; it stands on the agenda for the instant at which it has grown too old to wait on."""

    def __init__(self, invocation: Invocation, number: int, begin: Begin) -> None:
        self.invocation: Final = invocation
        self.number: Final = number
        """How many were held before."""
        self.begin: Final = begin
        self.over = False

    def fall_due(self, now: datetime) -> object:
        """It has grown too old, and is looked at a last time."""
        if self.invocation.finished:
            return None
        self.over = True
        return self.begin(self.invocation, now)

    def __str__(self) -> str:
        return f"end of the age of {self.invocation.accepted.function} {self.invocation.id}"


class Backlog:
    """What waits for an instance of one function and qualifier; it stands on the agenda when one may be had.

    A sync call takes what is free at its moment; what is asynchronous never overtakes what waits.
    """

    over = False

    def __init__(self, agenda: Agenda) -> None:
        self._agenda: Final = agenda
        self.waiting: Final[deque[Waiter]] = deque()
        self._called = False
        """Whether it stands on the agenda."""
        self.serving: Waiter | None = None
        """The invocation that is being started. ``None`` once it has to wait again."""

    @property
    def first(self) -> Waiter | None:
        """The invocation that has waited longest."""
        waiting = self.waiting
        while waiting and (waiting[0].over or waiting[0].invocation.finished):
            waiting.popleft().over = True
        return waiting[0] if waiting else None

    def call(self, now: datetime) -> None:
        """An instance may be had: look at what waits at this moment."""
        if self.waiting and not self._called:
            self._called = True
            self._agenda.push(now, self)

    def fall_due(self, now: datetime) -> object:
        """Start the first one, if an instance can be had for it, and see to the next one."""
        self._called = False
        first = self.first
        if first is None:
            return None
        self.serving = first
        doing = first.begin(first.invocation, now)
        if self.serving is first:  # else it has to wait again
            first.over = True
            if self.waiting and self.waiting[0] is first:  # else it has ended, and is out already
                self.waiting.popleft()
            self.call(now)
        self.serving = None
        return doing

    def __str__(self) -> str:
        first = self.first
        what = "nothing" if first is None else f"{first.invocation.accepted.function} {first.invocation.id}"
        return f"an instance for {what}"
