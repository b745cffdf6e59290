"""What MNS does with queues, in the words of its API."""

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Final

from fcemu.core.mail_facts import Dropped, MessageDeleted, MessageReceived, QueueSet, VisibilityChanged
from fcemu.core.names import is_name
from fcemu.core.times import later
from fcemu.core.values import dataclass
from fcemu.engine.polls import Poll
from fcemu.mns.errors import InvalidQueueName, QueueAlreadyExist
from fcemu.mns.mail import Mail, Sending
from fcemu.mns.queue import (
    BOUNDS,
    LONGEST_DELAY,
    LONGEST_POLL,
    LONGEST_VISIBILITY,
    MOST_IN_BATCH,
    Counts,
    Message,
    Queue,
    QueueAttributes,
    Received,
    check_between,
)


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """A queue and its state at one moment."""

    name: str
    created: datetime
    modified: datetime
    attributes: QueueAttributes
    counts: Counts


Change = Callable[[QueueAttributes], QueueAttributes]
Then = Callable[[list[Received]], None]


class Queues:
    """The queues. Methods may be called from any thread and raise ``MNSError``."""

    def __init__(self, mail: Mail) -> None:
        self._mail: Final = mail
        self._baton: Final = mail.baton
        self._movers: Final = mail.movers
        self._note: Final = mail.journal.note
        self._movers.polls.take = self._take

    # Queues.

    def names(self) -> list[str]:
        """All queues, sorted."""
        with self._baton:
            return self._mail.names("queue")

    def show(self, name: str) -> QueueSeen:
        """A queue with its attributes."""
        with self._baton:
            queue = self._mail.queue(name)
            return QueueSeen(name, queue.created, queue.modified, queue.attributes, queue.counts(self._mail.now()))

    def create(self, name: str, change: Change) -> bool:
        """Make a queue with what ``change`` makes of the default attributes; whether it is new.

        One that exists has to have the same attributes, else ``QueueAlreadyExist``.
        """
        if not is_name(name):
            raise InvalidQueueName(f"{name!r} cannot name a queue; write letters, digits and hyphens, a letter first")
        wanted = _checked(change(QueueAttributes()))
        with self._baton:
            if not self._mail.has_queue(name):
                self._set(name, wanted)
                return True
            if self._mail.queue(name).attributes != wanted:
                raise QueueAlreadyExist(f"the queue {name!r} exists with other attributes")
            return False

    def change(self, name: str, change: Change) -> None:
        """Give a queue what ``change`` makes of its attributes."""
        with self._baton:
            self._set(name, _checked(change(self._mail.queue(name).attributes)))
            self._mail.serve(self._mail.now())

    def drop(self, name: str) -> None:
        """Delete a queue and what is in it. One that there is not is deleted already."""
        with self._baton:
            if self._mail.has_queue(name):
                self._note(Dropped(self._mail.now(), "", f"queue:{name}"))

    def _set(self, name: str, wanted: QueueAttributes) -> None:
        now, address = self._mail.now(), f"queue:{name}"
        self._note(QueueSet(now, "", address, *astuple(wanted)))

    # Messages.

    def send(self, name: str, sending: Sending) -> Received:
        """Put a message into a queue."""
        check_between("Priority", sending.priority, 1, 16)
        if sending.delay_seconds is not None:
            check_between("DelaySeconds", sending.delay_seconds, 0, LONGEST_DELAY)
        with self._baton:
            queue = self._mail.queue(name)
            queue.check_size(sending.body)
            delay = queue.attributes.delay_seconds if sending.delay_seconds is None else sending.delay_seconds
            sent = self._mail.put(f"queue:{name}", sending, delay, self._mail.now())
            return Received.of(Message(sent, 0, sent.visible), sent.body)

    def receive(self, name: str, at_most: int, wait_seconds: int | None, then: Then) -> Callable[[], None] | None:
        """Take visible messages, which are hidden from others for the queue's visibility time-out; ``then`` gets them,
        with the baton held.

        Where there is none, wait on the clock for ``wait_seconds``, ``None``: the queue's own; when that is over
        ``then`` gets nothing. What is returned while somebody waits ends the wait early, and ``then`` is not called
        after that; repeatable.
        """
        check_between("numOfMessages", at_most, 1, MOST_IN_BATCH)
        if wait_seconds is not None:
            check_between("waitseconds", wait_seconds, 0, LONGEST_POLL)
        with self._baton:
            queue, now = self._mail.queue(name), self._mail.now()
            wait = queue.attributes.polling_wait_seconds if wait_seconds is None else wait_seconds
            messages = self._take(queue, at_most, now)
            if messages or not wait or self._movers.closed:
                then(messages)
                return None
            poll = Poll(queue, at_most, later(now, timedelta(seconds=wait)), then)
            self._movers.polls.add(poll)
            self._movers.pursue()
        return lambda: self._forget(poll)

    def _forget(self, poll: Poll) -> None:
        with self._baton:
            self._movers.polls.forget(poll)

    def _take(self, queue: Queue, at_most: int, now: datetime) -> list[Received]:
        taken: list[Message] = []
        until = later(now, timedelta(seconds=queue.attributes.visibility_timeout))
        while len(taken) < at_most and (message := queue.first(now)) is not None:
            self._note(MessageReceived(now, message.request_id, f"queue:{queue.name}", message.id, until))
            taken.append(message)
        return self._seen(taken)

    def peek(self, name: str, at_most: int) -> list[Received]:
        """Look at visible messages, and leave them as they are."""
        check_between("numOfMessages", at_most, 1, MOST_IN_BATCH)
        with self._baton:
            return self._seen(self._mail.queue(name).visible(self._mail.now(), at_most))

    def waiting(self, name: str) -> list[Received]:
        """What is still in the queue, hidden or not, in the order of arrival; nothing where there is no such queue."""
        with self._baton:
            if not self._mail.has_queue(name):
                return []
            return self._seen(self._mail.queue(name).waiting(self._mail.now()))

    def delete(self, name: str, handle: str) -> None:
        """A consumer is done with the message that it has by that receipt handle."""
        with self._baton:
            queue, now = self._mail.queue(name), self._mail.now()
            message = queue.held(handle, now)
            self._note(MessageDeleted(now, message.request_id, f"queue:{name}", message.id))

    def change_visibility(self, name: str, handle: str, seconds: int) -> Received:
        """Keep a message that was received for ``seconds`` from now, or with 0 hand it back at once."""
        check_between("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY)
        with self._baton:
            queue, now = self._mail.queue(name), self._mail.now()
            message = queue.held(handle, now)
            until = later(now, timedelta(seconds=seconds))
            self._note(VisibilityChanged(now, message.request_id, f"queue:{name}", message.id, until))
            (changed,) = self._seen([message])
            self._mail.serve(now)
            return changed

    def _seen(self, messages: list[Message]) -> list[Received]:
        """The messages as they are now, with their bodies, which the journal reads where they have left memory."""
        whole = self._mail.journal.whole_messages([message.arrival for message in messages])
        return [Received.of(message, arrival.body) for message, arrival in zip(messages, whole, strict=True)]


def _checked(attributes: QueueAttributes) -> QueueAttributes:
    for name, (wire, least, most) in BOUNDS.items():
        check_between(wire, getattr(attributes, name), least, most)
    return attributes
