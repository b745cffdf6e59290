"""The unmodified MNS SDK on a real socket: what a consumer sees of reports and messages, in virtual time."""

import json
import threading
from contextlib import contextmanager

import pytest
from mns.account import Account
from mns.message_property import MessagePropertyValue, PropertyType
from mns.mns_exception import MNSServerException
from mns.queue import Message, QueueMeta
from mns.subscription import SubscriptionMeta, SubscriptionNotifyContentFormat
from mns.topic import TopicMessage, TopicMeta

from fcemu.testing import LocalEmulator

REAL_SECONDS = 20
MILLISECONDS = 1000


def decline(event, context):
    raise ValueError("no money")


@pytest.fixture
def emulator():
    with LocalEmulator("") as emulator:
        emulator.add("charge", decline, asyncInvokeConfig={"maxAsyncRetryAttempts": 1, "onFailure": "queue:declined"})
        yield emulator


@contextmanager
def connected(emulator):
    """An account of the SDK, whose connection is closed at the end."""
    account = Account(emulator.env["MNS_ENDPOINT"], "any id", "any key")
    try:
        yield account
    finally:
        account.mns_client.close_connection()


@pytest.fixture
def account(emulator):
    with connected(emulator) as account:
        yield account


@pytest.fixture
def declined(account):
    queue = account.get_queue("declined")
    queue.set_encoding(False)  # reports are plain text, not base64
    return queue


@pytest.fixture
def work(account):
    queue = account.get_queue("work")
    queue.create(QueueMeta(vis_timeout=10))
    return queue


def nothing(queue, wait_seconds=0):
    """Whether there is nothing to receive."""
    with pytest.raises(MNSServerException) as caught:
        queue.receive_message(wait_seconds)
    return caught.value.type == "MessageNotExist"


def instant(emulator, text):
    return int(emulator.at(text).timestamp() * MILLISECONDS)


def received(queue):
    """What one long poll brings, if anything."""
    try:
        return queue.receive_message(30)
    except MNSServerException as error:
        if error.type != "MessageNotExist":
            raise
        return None


def test_a_client_receives_what_a_failed_invocation_reported(emulator, declined):
    invocation = emulator.function("charge").invoke_async({"order": 7}, delay=200)
    assert nothing(declined)
    emulator.run_until_idle()
    message = declined.receive_message()
    report = json.loads(message.message_body)
    assert report["requestContext"]["requestId"] == invocation.request_id
    assert report["requestContext"]["approximateInvokeCount"] == 2
    assert report["requestPayload"] == '{"order":7}'
    assert message.enqueue_time == message.first_dequeue_time == instant(emulator, "+200.5s")
    assert (message.dequeue_count, message.next_visible_time) == (1, instant(emulator, "+230.5s"))
    declined.delete_message(message.receipt_handle)
    assert emulator.queue("declined").waiting == []
    assert [one.invocation for one in emulator.queue("declined").messages] == [invocation]


class Consumer:
    """A loop as services have it: receive with a long poll, handle, delete; what it cannot handle comes back later."""

    def __init__(self, emulator, handle):
        self.seen = []
        self._emulator = emulator
        self._handle = handle
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with connected(self._emulator) as account:
            queue = account.get_queue("declined")
            queue.set_encoding(False)
            while not self._stopped:
                self._once(queue)

    def _once(self, queue):
        message = received(queue)
        if message is None:
            return
        if self._handle(message):
            queue.delete_message(message.receipt_handle)
        with self._changed:
            self.seen.append((json.loads(message.message_body)["requestPayload"], message.dequeue_count))
            self._changed.notify()

    def wait(self, count):
        """Until it has seen so many messages."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, REAL_SECONDS)
        return self.seen

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *of):
        self._stopped = True
        self._thread.join()


def test_a_consumer_loop_gets_again_what_it_did_not_delete_when_its_visibility_timeout_is_over(emulator):
    fails = {"b": 2}  # how often the consumer fails with a message

    def handle(message):
        payload = json.loads(message.message_body)["requestPayload"]
        fails[payload] = fails.get(payload, 0) - 1
        return fails[payload] < 0

    with Consumer(emulator, handle) as consumer:
        for payload in ("a", "b"):
            emulator.function("charge").invoke_async(payload)
        emulator.run_until_idle()
        assert consumer.wait(2) == [("a", 1), ("b", 1)]
        emulator.advance(29)
        assert [one.json()["requestPayload"] for one in emulator.queue("declined").waiting] == ["b"]
        emulator.advance(1)
        assert consumer.wait(3)[2] == ("b", 2)
        emulator.advance(30)
        assert consumer.wait(4)[3] == ("b", 3)
    assert emulator.queue("declined").waiting == []
    assert len(emulator.queue("declined").messages) == 2


def test_a_long_poll_is_answered_at_the_instant_of_the_report(emulator, declined):
    emulator.function("charge").invoke_async(delay=8)
    got = []
    thread = threading.Thread(target=lambda: got.append(declined.receive_message(30)))
    thread.start()
    while "a consumer waits for a message of queue:declined" not in emulator.explain():
        threading.Event().wait(0.001)
    emulator.advance("1h")
    thread.join()
    assert got[0].next_visible_time == instant(emulator, "+38.5s")


def test_an_autojumping_clock_brings_the_report_to_a_plain_loop(emulator, declined):
    emulator.function("charge").invoke_async(delay=3600)
    with emulator.autojump():
        while (message := received(declined)) is None:
            pass
    assert json.loads(message.message_body)["requestContext"]["approximateInvokeCount"] == 2
    assert emulator.seconds(emulator.now) >= 3600


def test_visibility_is_changed_on_the_virtual_clock(emulator, work):
    work.send_message(Message("x"))
    first = work.receive_message()
    emulator.advance(9)
    changed = work.change_message_visibility(first.receipt_handle, 60)
    assert int(changed.next_visible_time) == instant(emulator, "+69s")
    emulator.advance(59)
    assert nothing(work)
    with pytest.raises(MNSServerException, match="MessageNotExist"):
        work.delete_message(first.receipt_handle)
    work.change_message_visibility(changed.receipt_handle, 0)
    second = work.receive_message()
    assert second.dequeue_count == 2
    emulator.advance(10)
    with pytest.raises(MNSServerException, match="MessageNotExist"):
        work.delete_message(second.receipt_handle)


def test_messages_travel_in_base64_as_the_sdk_sends_them(emulator, work):
    sent = work.send_message(Message("grüße <&>"))
    assert emulator.queue("work").messages[0].id == sent.message_id
    assert emulator.queue("work").messages[0].text == "Z3LDvMOfZSA8Jj4="
    assert work.peek_message_with_str_body().message_body == "grüße <&>"
    assert work.receive_message_with_str_body().message_body == "grüße <&>"


def test_batches_are_sent_peeked_received_and_deleted(work):
    sent = work.batch_send_message(
        [Message(text, priority=priority) for text, priority in (("a", 8), ("b", 1), ("c", 16))]
    )
    assert len({message.message_id for message in sent}) == 3
    assert [message.message_body for message in work.batch_peek_message_with_str_body(16)] == ["b", "a", "c"]
    received = work.batch_receive_message_with_str_body(2)
    assert [message.message_body for message in received] == ["b", "a"]
    work.batch_delete_message([message.receipt_handle for message in received])
    assert [message.message_body for message in work.batch_receive_message_with_str_body(16)] == ["c"]


def test_what_is_wrong_in_a_batch_is_named_for_each(work):
    with pytest.raises(MNSServerException) as caught:
        work.batch_send_message([Message("a"), Message("b", priority=17)])
    assert (caught.value.type, len(caught.value.sub_errors)) == ("InvalidArgument", 2)
    message = work.receive_message()
    with pytest.raises(MNSServerException) as caught:
        work.batch_delete_message([message.receipt_handle, "8-NOBODY-1"])
    assert [error["ReceiptHandle"] for error in caught.value.sub_errors] == ["8-NOBODY-1"]


def test_a_delayed_message_comes_in_its_time(emulator, work):
    sent = work.send_message(Message("later", delay_seconds=60))
    work.send_message(Message("never", delay_seconds=60))
    emulator.advance(59)
    assert nothing(work)
    assert sent.receipt_handle
    work.delete_message(sent.receipt_handle)
    emulator.advance(1)
    assert work.receive_message_with_str_body().message_body == "never"
    assert nothing(work)


def test_attributes_of_messages_come_back(work):
    message = Message("x")
    message.add_user_property("kind", MessagePropertyValue(PropertyType.STRING, "urgent"))
    work.send_message(message)
    assert work.receive_message().get_user_properties()["kind"].get_string_value_by_type() == "urgent"


def test_queues_are_made_listed_changed_and_deleted(emulator, account, work):
    assert work.create(QueueMeta(vis_timeout=10)) == f"{emulator.url}/queues/work"
    with pytest.raises(MNSServerException, match="QueueAlreadyExist"):
        work.create(QueueMeta(vis_timeout=11))
    emulator.advance(5)
    work.set_attributes(QueueMeta(delay_sec=3, polling_wait_sec=2))
    work.send_message(Message("x"))
    found = work.get_attributes()
    assert (found.visibility_timeout, found.delay_seconds, found.polling_wait_seconds) == (10, 3, 2)
    assert (found.last_modify_time - found.create_time, found._delay_messages, found._active_messages) == (5, 1, 0)
    names = [url.rpartition("/")[2] for url in account.list_queue()[0]]
    assert names == ["declined", "work"]
    assert account.list_queue(prefix="w") == ([f"{emulator.url}/queues/work"], "")
    assert account.list_queue(ret_number=1) == ([f"{emulator.url}/queues/declined"], "work")
    work.delete()
    assert [url.rpartition("/")[2] for url in account.list_queue()[0]] == ["declined"]
    with pytest.raises(MNSServerException, match="QueueNotExist"):
        work.send_message(Message("x"))


def test_topics_push_reports_and_messages_to_their_queues(emulator, account, work):
    emulator.add("ship", decline, asyncInvokeConfig={"maxAsyncRetryAttempts": 0, "onFailure": "topic:news"})
    topic = account.get_topic("news")
    endpoint = f"acs:mns:{emulator.region}:{emulator.account_id}:queues/work"
    subscription = topic.get_subscription("all")
    subscription.subscribe(SubscriptionMeta(endpoint, notify_content_format=SubscriptionNotifyContentFormat.SIMPLIFIED))
    tagged = topic.get_subscription("red")
    tagged.subscribe(SubscriptionMeta(endpoint, filter_tag="red"))
    invocation = emulator.function("ship").invoke_async()
    emulator.run_until_idle()
    work.set_encoding(False)
    assert json.loads(work.receive_message().message_body)["requestContext"]["requestId"] == invocation.request_id
    published = topic.publish_message(TopicMessage("hello", "red"))
    plain, wrapped = work.batch_receive_message(16)
    assert plain.message_body == "hello"
    assert f"<MessageId>{published.message_id}</MessageId>" in wrapped.message_body
    subscription.unsubscribe()
    tagged.unsubscribe()
    topic.publish_message(TopicMessage("nobody"))
    assert nothing(work)
    assert [message.text for message in emulator.topic("news").messages][1:] == ["hello", "nobody"]


def test_topics_are_made_listed_changed_and_deleted(emulator, account):
    topic = account.get_topic("news")
    assert topic.create(TopicMeta()) == f"{emulator.url}/topics/news"
    topic.set_attributes(TopicMeta(maximum_message_size=1024))
    assert topic.get_attributes().maximum_message_size == 1024
    endpoint = f"acs:mns:{emulator.region}:{emulator.account_id}:queues/declined"
    subscription = topic.get_subscription("all")
    assert subscription.subscribe(SubscriptionMeta(endpoint)) == f"{emulator.url}/topics/news/subscriptions/all"
    subscription.set_attributes(SubscriptionMeta(notify_strategy="EXPONENTIAL_DECAY_RETRY"))
    found = subscription.get_attributes()
    assert (found.endpoint, found.notify_strategy) == (endpoint, "EXPONENTIAL_DECAY_RETRY")
    assert topic.list_subscription()[0] == [f"{emulator.url}/topics/news/subscriptions/all"]
    assert account.list_topic()[0] == [f"{emulator.url}/topics/news"]
    topic.delete()
    assert account.list_topic()[0] == []
    with pytest.raises(MNSServerException, match="TopicNotExist"):
        topic.publish_message(TopicMessage("x"))


def test_a_handler_may_use_mns_too(emulator, work):
    def forward(event, context):
        with connected(emulator) as account:
            account.get_queue("work").send_message(Message(event.decode()))

    emulator.add("forward", forward).invoke_async("hello", delay=60)
    emulator.run_until_idle()
    message = work.receive_message_with_str_body()
    assert (message.message_body, message.enqueue_time) == ("hello", instant(emulator, "+60s"))


def test_what_the_sdk_publishes_fires_the_triggers_of_the_topic_if_its_tag_is_theirs(emulator, account):
    arn = f"acs:mns:{emulator.region}:{emulator.account_id}:/topics/news"
    triggers = {
        "urgent": {"mns_topic": {"filterTag": "urgent"}, "sourceArn": arn},
        "told": {"mns_topic": {"notifyContentFormat": "JSON"}, "sourceArn": arn},
    }
    read = emulator.add("read", lambda event, context: event, triggers=triggers)
    topic = account.get_topic("news")
    topic.create(TopicMeta())
    topic.publish_message(TopicMessage("storm", "urgent"))
    published = topic.publish_message(TopicMessage("sun"))
    emulator.run_until_idle()
    storm, told, later = read.invocations
    assert (storm.source, storm.status, storm.payload) == ("trigger", "Succeeded", b"storm")
    assert (told.json()["Message"], told.json()["MessageTag"]) == ("storm", "urgent")
    assert (later.json()["Message"], later.json()["MessageId"]) == ("sun", published.message_id)
