"""Consumers that wait for a message: long polls, which end on the virtual clock."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

from fcemu.engine.ports import Inbox


class Poll:
    """One consumer that waits for messages of a queue, until ``end`` at most.

    ``then`` gets them, none at the end, with the baton held, once.
    """

    def __init__(self, queue: Inbox, at_most: int, end: datetime, then: Callable[[list[Any]], None]) -> None:
        self.queue: Final = queue
        self.at_most: Final = at_most
        self.end: Final = end
        self.then: Final = then


class Polls:
    """Which consumers wait, first come first served. Called with the baton held.

    ``pursue`` sees to it that the clock moves for them, if it may move.
    """

    def __init__(self, pursue: Callable[[], None]) -> None:
        self._pursue: Final = pursue
        self._there: Final[list[Poll]] = []
        self._ended = False

    def __bool__(self) -> bool:
        return bool(self._there)

    def __iter__(self) -> Iterator[Poll]:
        return iter(self._there)

    # For queues.

    def wait(self, inbox: Inbox, at_most: int, end: datetime, then: Callable[[list[Any]], None]) -> Callable[[], None]:
        """Let a consumer wait, not at all once the emulator is closed; returns what ends that early."""
        poll = Poll(inbox, at_most, end, then)
        if self._ended:
            then([])
        else:
            self._there.append(poll)
            self._pursue()
        return partial(self._forget, poll)

    def look(self, now: datetime) -> None:
        """Something has changed in a queue."""
        if self._there:
            self.serve(now)
        if self._there:
            self._pursue()

    # For the movers.

    def next_at(self, now: datetime) -> datetime | None:
        """When the next of them has to be looked after: it gets a message, or its time is over."""
        message = self.next_message(now)
        end = min((poll.end for poll in self._there), default=None)
        return min((at for at in (message, end) if at is not None), default=None)

    def next_message(self, now: datetime) -> datetime | None:
        """When the next message becomes visible in a queue where a consumer waits."""
        instants = (poll.queue.next_message(now) for poll in self._there)
        return min((at for at in instants if at is not None), default=None)

    def serve(self, now: datetime) -> None:
        """Give messages to those who wait for them, and end the waits whose time is over."""
        for poll in list(self._there):
            messages = poll.queue.take(poll.at_most, now)
            if messages or now >= poll.end:
                self._end(poll, messages)

    def end_all(self) -> None:
        """No consumer gets anything any more."""
        self._ended = True
        for poll in list(self._there):
            self._end(poll, [])

    def _end(self, poll: Poll, messages: list[Any]) -> None:
        self._forget(poll)
        poll.then(messages)

    def _forget(self, poll: Poll) -> None:
        if poll in self._there:
            self._there.remove(poll)
