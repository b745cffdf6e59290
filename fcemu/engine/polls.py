"""Consumers wait here for messages: their long polls end on the virtual clock."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

from fcemu.engine.agenda import Agenda, Rank
from fcemu.engine.clock import Clock
from fcemu.engine.ports import Inbox

Then = Callable[[list[Any]], None]
"""Gets messages, none at the end of a wait, with the baton held, once."""


class Poll:
    """One consumer that waits for messages of a queue, until ``end`` at most. On the agenda it stands for the end of
    the wait."""

    over = False

    def __init__(self, polls: "Polls", inbox: Inbox, at_most: int, end: datetime, then: Then) -> None:
        self._polls: Final = polls
        self.inbox: Final = inbox
        self.at_most: Final = at_most
        self.end: Final = end
        self.then: Final = then

    def fall_due(self, now: datetime) -> None:
        """The consumer gets what there is."""
        self._polls.serve(now)


class NextMessage:
    """The next message that becomes visible in a queue where consumers wait. ``over``: it fell due, or another one
    comes before it."""

    over = False

    def __init__(self, polls: "Polls", inbox: Inbox, at: datetime) -> None:
        self._polls: Final = polls
        self._inbox: Final = inbox
        self.at = at
        """Where it stands on the agenda."""

    def next_look(self) -> datetime | None:
        """When that is, by what the queue knows now."""
        visible = self._polls.next_visible(self._inbox)
        if visible is None:
            self.over = True
        else:
            self.at = max(self.at, visible)
        return visible

    def fall_due(self, now: datetime) -> None:
        """A consumer gets it."""
        self.over = True
        self._polls.serve(now)


class Polls:
    """Which consumers wait, first come first served. Every method is called with the baton held.

    An inbox is recognised by its identity. ``pursue`` sees to it that the clock moves for consumers, if it may move.
    """

    def __init__(self, agenda: Agenda, clock: Clock, pursue: Callable[[], None]) -> None:
        self._agenda: Final = agenda
        self._clock: Final = clock
        self.pursue = pursue
        """Sees to it that the clock moves, until ``Closing.let_go``."""
        self._there: Final[list[Poll]] = []
        self._messages: Final[dict[Inbox, NextMessage]] = {}
        self._ended = False

    def __bool__(self) -> bool:
        return bool(self._there)

    def __iter__(self) -> Iterator[Poll]:
        return iter(self._there)

    # For queues.

    def wait(self, inbox: Inbox, at_most: int, end: datetime, then: Then) -> Callable[[], None]:
        """Let a consumer wait, not at all once the emulator is closed; returns what ends that early."""
        poll = Poll(self, inbox, at_most, end, then)
        if self._ended:
            poll.over = True
            then([])
        else:
            self._there.append(poll)
            self._agenda.push(end, poll, Rank.POLL)
            self._expect(inbox)
            self.pursue()
        return partial(self._forget, poll)

    def look(self, now: datetime) -> None:
        """Something has changed in a queue: there may be messages for those who wait, or the next one may become
        visible earlier than before."""
        if self._there:
            self.serve(now)
        if self._there:
            self.pursue()

    # For the agenda.

    def next_visible(self, inbox: Inbox) -> datetime | None:
        """When the next message of a queue becomes visible; ``None``: none does while a consumer waits there."""
        until = max((poll.end for poll in self._there if poll.inbox is inbox), default=None)
        if until is None:
            return None
        visible = inbox.next_message(self._clock.now())
        return None if visible is None or visible > until else visible

    def serve(self, now: datetime) -> None:
        """Give messages to those who wait for them, and end the waits whose time is over."""
        for poll in list(self._there):
            messages = poll.inbox.take(poll.at_most, now)
            if messages or now >= poll.end:
                self._end(poll, messages)
        for inbox in dict.fromkeys(poll.inbox for poll in self._there):
            self._expect(inbox)

    # For the end.

    def end_all(self) -> None:
        """No consumer gets anything any more."""
        self._ended = True
        for poll in list(self._there):
            self._end(poll, [])

    def _expect(self, inbox: Inbox) -> None:
        """See to it that the clock stops for the next message of a queue."""
        at, expected = self.next_visible(inbox), self._messages.get(inbox)
        if at is None or (expected is not None and not expected.over and expected.at <= at):
            return
        if expected is not None:
            expected.over = True
        message = self._messages[inbox] = NextMessage(self, inbox, at)
        self._agenda.push(at, message, Rank.MESSAGE)

    def _end(self, poll: Poll, messages: list[Any]) -> None:
        self._forget(poll)
        poll.then(messages)

    def _forget(self, poll: Poll) -> None:
        """A consumer does not wait any more; nothing happens when its poll has ended."""
        if poll.over:
            return
        poll.over = True
        self._there.remove(poll)
        if all(one.inbox is not poll.inbox for one in self._there) and poll.inbox in self._messages:
            self._messages.pop(poll.inbox).over = True
