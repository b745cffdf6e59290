"""MNS sends, receives, peeks at and deletes the messages of queues here, in the words of its API."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from fcemu.core.times import later
from fcemu.mns.collection import Collection
from fcemu.mns.errors import check_between
from fcemu.mns.facts import MessageDeleted, MessageReceived, VisibilityChanged
from fcemu.mns.mail import Mail, Sending
from fcemu.mns.queue import LONGEST_DELAY, LONGEST_POLL, LONGEST_VISIBILITY, MOST_IN_BATCH, Message, Queue, Received

Then = Callable[[list[Received]], None]


class Queues(Collection[Queue]):
    """The queues. Methods may be called from any thread and raise ``MNSError``."""

    def __init__(self, mail: Mail) -> None:
        super().__init__(Queue, mail)
        self._inboxes: Final[dict[str, Inbox]] = {}

    def send(self, name: str, sending: Sending) -> Received:
        """Put a message into a queue."""
        check_between("Priority", sending.priority, 1, 16)
        if sending.delay_seconds is not None:
            check_between("DelaySeconds", sending.delay_seconds, 0, LONGEST_DELAY)
        with self._baton:
            queue = self._find(name)
            queue.check_size(sending.body)
            delay = queue.attributes.delay_seconds if sending.delay_seconds is None else sending.delay_seconds
            sent = self._mail.put(Queue.address_of(name), sending, delay, self._mail.now())
            return Received(Message(sent, 0, sent.visible), sent.body)

    def receive(self, name: str, at_most: int, wait_seconds: int | None, then: Then) -> Callable[[], None] | None:
        """Take visible messages, which are hidden from others for the queue's visibility time-out; ``then`` gets them,
        with the baton held.

        Where there is none, wait on the clock for ``wait_seconds``, ``None``: the queue's own; when that is over
        ``then`` gets nothing. What is returned while a consumer waits ends the wait early, and ``then`` is not called
        after that; repeatable.
        """
        check_between("numOfMessages", at_most, 1, MOST_IN_BATCH)
        if wait_seconds is not None:
            check_between("waitseconds", wait_seconds, 0, LONGEST_POLL)
        with self._baton:
            queue, now = self._find(name), self._mail.now()
            wait = queue.attributes.polling_wait_seconds if wait_seconds is None else wait_seconds
            inbox = self._inboxes.setdefault(name, Inbox(self._mail, name))
            messages = inbox.take(at_most, now)
            if messages or not wait:
                then(messages)
                return None
            end_wait = self._mail.consumers.wait(inbox, at_most, later(now, timedelta(seconds=wait)), then)

        def give_up() -> None:
            with self._baton:
                end_wait()

        return give_up

    def peek(self, name: str, at_most: int) -> list[Received]:
        """Look at visible messages, and leave them as they are."""
        check_between("numOfMessages", at_most, 1, MOST_IN_BATCH)
        with self._baton:
            return self._mail.seen(self._find(name).visible(self._mail.now(), at_most))

    def waiting(self, name: str) -> list[Received]:
        """What is still in the queue, hidden or not, in the order of arrival; nothing where there is no such queue."""
        with self._baton:
            if not self._mail.has(Queue, name):
                return []
            return self._mail.seen(self._find(name).waiting(self._mail.now()))

    def delete(self, name: str, handle: str) -> None:
        """A consumer is done with the message that it has by that receipt handle."""
        with self._baton:
            now = self._mail.now()
            message = self._find(name).held(handle, now)
            self._note(MessageDeleted(now, message.request_id, Queue.address_of(name), message.message_id))

    def change_visibility(self, name: str, handle: str, seconds: int) -> Received:
        """Keep a message that was received for ``seconds`` from now, or with 0 hand it back at once."""
        check_between("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY)
        with self._baton:
            now = self._mail.now()
            message = self._find(name).held(handle, now)
            until, address = later(now, timedelta(seconds=seconds)), Queue.address_of(name)
            self._note(VisibilityChanged(now, message.request_id, address, message.message_id, until))
            (changed,) = self._mail.seen([message])
            self._mail.consumers.look(now)
            return changed


class Inbox:
    """The queue of a name, or none, as the consumers that wait there see it. Called with the baton held."""

    def __init__(self, mail: Mail, name: str) -> None:
        self.name: Final = name
        self._mail: Final = mail

    def next_message(self, now: datetime) -> datetime | None:
        """When the next message becomes visible; ``now`` where one is."""
        queue = self._queue()
        if queue is None:
            return None
        return now if queue.first(now) is not None else queue.next_visible(now)

    def take(self, at_most: int, now: datetime) -> list[Received]:
        """Receive messages that are visible, for one consumer."""
        taken: list[Message] = []
        queue = self._queue()
        while queue is not None and len(taken) < at_most and (message := queue.first(now)) is not None:
            until = later(now, timedelta(seconds=queue.attributes.visibility_timeout))
            address = Queue.address_of(self.name)
            self._mail.note(MessageReceived(now, message.request_id, address, message.message_id, until))
            taken.append(message)
        return self._mail.seen(taken)

    def _queue(self) -> Queue | None:
        return self._mail.find(Queue, self.name) if self._mail.has(Queue, self.name) else None
