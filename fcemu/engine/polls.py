"""Consumers that wait for a message: long polls, which end on the virtual clock."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from fcemu.engine.agenda import Agenda, Rank
from fcemu.engine.clock import Clock
from fcemu.mns.queue import Queue, Received


class Poll:
    """One consumer that waits for messages of a queue, until ``end`` at most.

    ``then`` gets them, none at the end, with the baton held, once. On the agenda it stands for the end of the wait.
    """

    over = False

    def __init__(self, queue: Queue, at_most: int, end: datetime, then: Callable[[list[Received]], None]) -> None:
        self.queue: Final = queue
        self.at_most: Final = at_most
        self.end: Final = end
        self.then: Final = then
        self.polls: Polls
        """Set by those to which it is added."""

    def fall_due(self, now: datetime) -> None:
        """The consumer gets what there is."""
        self.polls.serve(now)


class NextMessage:
    """The next message that becomes visible in a queue where consumers wait. ``over``: it fell due, or another one
    comes before it."""

    over = False

    def __init__(self, polls: "Polls", queue: Queue, at: datetime) -> None:
        self._polls: Final = polls
        self._queue: Final = queue
        self.at = at
        """Where it stands on the agenda."""

    def next_look(self) -> datetime | None:
        """When that is, by what the queue knows now."""
        visible = self._polls.next_visible(self._queue)
        if visible is None:
            self.over = True
        else:
            self.at = max(self.at, visible)
        return visible

    def fall_due(self, now: datetime) -> None:
        """A consumer gets it."""
        self.over = True
        self._polls.serve(now)


Take = Callable[[Queue, int, datetime], list[Received]]


class Polls:
    """Which consumers wait, first come first served. Every method is called with the baton held.

    ``take`` receives messages that are visible; the queues set it.
    """

    take: Take

    def __init__(self, agenda: Agenda, clock: Clock) -> None:
        self._agenda: Final = agenda
        self._clock: Final = clock
        self._there: Final[list[Poll]] = []
        self._messages: Final[dict[Queue, NextMessage]] = {}

    def __bool__(self) -> bool:
        return bool(self._there)

    def __iter__(self) -> Iterator[Poll]:
        return iter(self._there)

    def add(self, poll: Poll) -> None:
        """A consumer begins to wait."""
        poll.polls = self
        self._there.append(poll)
        self._agenda.push(poll.end, poll, Rank.POLL)
        self._expect(poll.queue)

    def forget(self, poll: Poll) -> None:
        """A consumer does not wait any more; nothing happens when its poll has ended."""
        if not poll.over:
            self._remove(poll)

    def next_visible(self, queue: Queue) -> datetime | None:
        """When the next message of a queue becomes visible; ``None``: none does while a consumer waits there."""
        until = max((poll.end for poll in self._there if poll.queue is queue), default=None)
        if until is None:
            return None
        now = self._clock.now()
        visible = now if queue.first(now) is not None else queue.next_visible(now)
        return None if visible is None or visible > until else visible

    def serve(self, now: datetime) -> None:
        """Give messages to those who wait for them, and end the waits whose time is over. Called when a queue has
        changed, too: its next message may become visible earlier than before."""
        for poll in list(self._there):
            messages = self.take(poll.queue, poll.at_most, now)
            if messages or now >= poll.end:
                self._end(poll, messages)
        for poll in self._there:
            self._expect(poll.queue)

    def end_all(self) -> None:
        """No consumer gets anything any more."""
        for poll in list(self._there):
            self._end(poll, [])

    def _expect(self, queue: Queue) -> None:
        """See to it that the clock stops for the next message of a queue."""
        at, expected = self.next_visible(queue), self._messages.get(queue)
        if at is None or (expected is not None and not expected.over and expected.at <= at):
            return
        if expected is not None:
            expected.over = True
        message = self._messages[queue] = NextMessage(self, queue, at)
        self._agenda.push(at, message, Rank.MESSAGE)

    def _end(self, poll: Poll, messages: list[Received]) -> None:
        self._remove(poll)
        poll.then(messages)

    def _remove(self, poll: Poll) -> None:
        poll.over = True
        self._there.remove(poll)
        if all(one.queue is not poll.queue for one in self._there) and poll.queue in self._messages:
            self._messages.pop(poll.queue).over = True
