"""Consumers that wait for a message: long polls, which end on the virtual clock."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from fcemu.mns.queue import Queue, Received


class Poll:
    """One consumer that waits for messages of a queue, until ``end`` at most.

    ``then`` gets them, none at the end, with the baton held, once.
    """

    def __init__(self, queue: Queue, at_most: int, end: datetime, then: Callable[[list[Received]], None]) -> None:
        self.queue: Final = queue
        self.at_most: Final = at_most
        self.end: Final = end
        self.then: Final = then


Take = Callable[[Queue, int, datetime], list[Received]]


class Polls:
    """Who waits, first come first served. Called with the baton held.

    ``take`` receives messages that are visible; the queues set it.
    """

    take: Take

    def __init__(self) -> None:
        self._there: Final[list[Poll]] = []

    def __bool__(self) -> bool:
        return bool(self._there)

    def __iter__(self) -> Iterator[Poll]:
        return iter(self._there)

    def add(self, poll: Poll) -> None:
        """Let somebody wait."""
        self._there.append(poll)

    def forget(self, poll: Poll) -> None:
        """Nobody waits there any more; nothing happens when that poll has ended."""
        if poll in self._there:
            self._there.remove(poll)

    def next_at(self, now: datetime) -> datetime | None:
        """When the next of them has to be looked after: it gets a message, or its time is over."""
        message = self.next_message(now)
        end = min((poll.end for poll in self._there), default=None)
        return min((at for at in (message, end) if at is not None), default=None)

    def next_message(self, now: datetime) -> datetime | None:
        """When the next message becomes visible in a queue where somebody waits."""
        instants = (self._next_visible(poll.queue, now) for poll in self._there)
        return min((at for at in instants if at is not None), default=None)

    def serve(self, now: datetime) -> None:
        """Give messages to those who wait for them, and end the waits whose time is over."""
        for poll in list(self._there):
            messages = self.take(poll.queue, poll.at_most, now)
            if messages or now >= poll.end:
                self._end(poll, messages)

    def end_all(self) -> None:
        """Nobody gets anything any more."""
        for poll in list(self._there):
            self._end(poll, [])

    def _end(self, poll: Poll, messages: list[Received]) -> None:
        self._there.remove(poll)
        poll.then(messages)

    @staticmethod
    def _next_visible(queue: Queue, now: datetime) -> datetime | None:
        return now if queue.first(now) is not None else queue.next_visible(now)
