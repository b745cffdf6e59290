"""Queues, topics and buses as a test holds them."""

import pytest

from fcemu.testing import LocalEmulator, MNSError, UnknownName


def boom(event, context):
    raise ValueError("no")


@pytest.fixture
def emulator():
    with LocalEmulator("") as emulator:
        yield emulator


def failing(emulator, destination):
    settings = {"maxAsyncRetryAttempts": 0, "onFailure": destination}
    return emulator.add("pay", boom, asyncInvokeConfig=settings)


@pytest.mark.parametrize(
    ("destination", "kind", "name"),
    [
        ("queue:declined", "queue", "declined"),
        ("acs:mns:::/topics/news/messages", "topic", "news"),
        ("acs:mq:::/instances/mq-1/topics/news/messages", "topic", "mq-1/news"),
        ("acs:eventbridge:::eventbus/bus", "eventbus", "bus"),
    ],
)
def test_each_kind_of_mailbox_shows_its_messages_and_can_be_cleared(emulator, destination, kind, name):
    invocation = failing(emulator, destination).invoke_async("x", delay=7)
    mailbox = getattr(emulator, kind)(name)
    assert (mailbox.name, mailbox.messages) == (name, [])
    emulator.run_until_idle()
    [message] = mailbox.messages
    assert (message.invocation, message.at) == (invocation, emulator.at("+7s"))
    assert invocation.request_id in message.text
    mailbox.clear()
    assert mailbox.messages == []


@pytest.mark.parametrize("kind", ["queue", "topic", "eventbus"])
def test_a_mailbox_that_nobody_knows_is_named_with_the_closest_one(emulator, kind):
    failing(emulator, f"{kind}:declined")
    with pytest.raises(UnknownName, match=f"there is no {kind} 'decline'; did you mean 'declined'"):
        getattr(emulator, kind)("decline")


def test_what_a_test_sends_is_received_in_its_time(emulator):
    failing(emulator, "queue:work")
    queue = emulator.queue("work")
    sent = queue.send({"order": 7}, delay=60)
    assert (sent.json(), sent.at, sent.invocation) == ({"order": 7}, emulator.at("+0s"), None)
    assert [message.id for message in queue.messages] == [message.id for message in queue.waiting] == [sent.id]
    assert emulator._engine.queues.peek("work", 1) == []
    emulator.advance(60)
    assert [message.message_id for message in emulator._engine.queues.peek("work", 1)] == [sent.id]


def test_a_test_may_send_without_a_delay_to_a_queue_that_has_one(emulator):
    failing(emulator, "queue:work")
    queue = emulator.queue("work")
    emulator._engine.queues.change("work", delay_seconds=5)
    queue.send("own")
    queue.send("at once", delay=0)
    assert [message.body for message in emulator._engine.queues.peek("work", 16)] == [b"at once"]


@pytest.mark.parametrize(
    ("body", "delay", "error", "text"),
    [
        (b"", 0, MNSError, "MessageBody: expected at least one byte"),
        (b"x" * 65_537, 0, MNSError, "the message has 65537 bytes, the queue 'work' takes 65536"),
        (b"x", "8d", MNSError, "DelaySeconds: expected a whole number from 0 to 604800"),
        (b"x", 0.5, ValueError, "delay: MNS counts in whole seconds, got 0.5"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(emulator, body, delay, error, text):
    failing(emulator, "queue:work")
    with pytest.raises(error, match=text):
        emulator.queue("work").send(body, delay=delay)
    assert emulator.queue("work").messages == []


def test_a_report_that_is_read_where_it_waits_counts_as_looked_at(emulator):
    failing(emulator, "queue:declined").invoke_async()
    emulator.run_until_idle()
    assert len(emulator.queue("declined").waiting) == 1
    emulator.check()


def test_a_reset_empties_every_mailbox(emulator):
    failing(emulator, "queue:work")
    emulator.queue("work").send("x")
    emulator.reset()
    with pytest.raises(UnknownName):
        emulator.queue("work")
