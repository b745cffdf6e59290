"""Topics that push, buses' envelopes, and the fold of what happened to messages."""

import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from rules import rule

from fcemu.core.destinations import (
    EventBusDestination,
    QueueDestination,
    RocketMQDestination,
    TopicDestination,
    parse_destination,
)
from fcemu.core.facts import Accepted, Delivered, Dequeued, Failed, Finished, Started, Succeeded
from fcemu.core.invocation import Invocation
from fcemu.core.names import Account, FunctionRef
from fcemu.core.outcome import Returned
from fcemu.core.places import check_place, read_places
from fcemu.core.reports import envelope, report
from fcemu.core.timeline import render
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import (
    Cleared,
    Dropped,
    MessageReceived,
    MessageSent,
    QueueSet,
    ReportSummary,
    Subscribed,
    TopicSet,
    Unsubscribed,
)
from fcemu.mns.mailboxes import Mailboxes
from fcemu.mns.queue import Queue
from fcemu.mns.topic import Topic, pushed
from fcemu.mns.xml import xml_text

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = Account("42", "cn-beijing")
NAMESPACE = "{http://mns.aliyuncs.com/doc/v1/}"


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def published(body=b"news", tag=""):
    return MessageSent(at(1), "", "topic:t", "m1", body, at(1), 8, tag)


def after(*facts):
    """Mailboxes to which that has happened."""
    there = Mailboxes()
    for fact in facts:
        there.folds()[type(fact)](fact)
    return there


def topic(content_format="XML", filter_tag=""):
    subscribed = Subscribed(T0, "", "topic:t", "s", "q", filter_tag, "BACKOFF_RETRY", content_format)
    return after(subscribed).resource(Topic, "t")


@rule("retry-and-destinations §2", "assumed")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eventbus:b", EventBusDestination("b")),
        ("acs:eventbridge:cn-x:1:eventbus/b", EventBusDestination("b")),
        ("acs:eventbridge:::eventbus/b", EventBusDestination("b")),
        ("topic:mq-1/orders", RocketMQDestination("mq-1", "orders")),
        ("acs:mq:cn-x:1:/instances/mq-1/topics/orders/messages", RocketMQDestination("mq-1", "orders")),
        ("acs:mq:::/instances/mq-1/topics/orders/messages", RocketMQDestination("mq-1", "orders")),
    ],
)
def test_buses_and_rocketmq_topics_have_short_forms_and_arns_with_region_and_account_or_without(text, expected):
    assert parse_destination(text) == expected
    assert parse_destination(str(expected)) == expected


@rule("retry-and-destinations §3.2", "assumed")
@rule("retry-and-destinations §3.2", "assumed")
@pytest.mark.parametrize(
    ("destination", "kilobytes", "service"),
    [
        (QueueDestination("q"), 64, "MNS"),
        (TopicDestination("t"), 64, "MNS"),
        (EventBusDestination("b"), 64, "EventBridge"),
        (RocketMQDestination("i", "t"), 4096, "RocketMQ"),
    ],
)
def test_each_service_has_its_own_limit(destination, kilobytes, service):
    assert (kilobytes * 1024, service) == (destination.MOST_BYTES, destination.SERVICE)


def returned(request_id, ref, payload, result):
    """An invocation whose only attempt has returned."""
    invocation = Invocation(Accepted(T0, request_id, ref, "prod", False, "api", payload, T0, request_id, 0))
    invocation.apply(Dequeued(T0, request_id))
    invocation.apply(Started(T0, request_id, 1, "i"))
    invocation.apply(Finished(T0, request_id, 1, Returned(result), ""))
    return invocation


@rule("retry-and-destinations §3.1", "documented")
@rule("retry-and-destinations §3.1", "documented")
def test_a_report_of_a_2_0_function_names_service_and_qualifier():
    """The example of retry-and-destinations §4.2."""
    now = datetime(2024, 1, 12, 10, 0, 0, 250_000, tzinfo=UTC)
    resized = returned("0b0e8b5e-6f0c-4a0e-9d6f-0d8e1f2a3b4c", FunctionRef("resize", "media"), b"hello", b"HELLO")
    body = report(resized, Account("1234567890123456", "cn-hangzhou"), now)
    assert json.loads(body) == {
        "timestamp": 1705053600250,
        "requestContext": {
            "requestId": "0b0e8b5e-6f0c-4a0e-9d6f-0d8e1f2a3b4c",
            "functionArn": "acs:fc:cn-hangzhou:1234567890123456:services/media.prod/functions/resize",
            "condition": "",
            "approximateInvokeCount": 1,
        },
        "requestPayload": "hello",
        "responseContext": {"statusCode": 200, "functionError": ""},
        "responsePayload": "HELLO",
    }


@rule("retry-and-destinations §3.1", "assumed")
@rule("retry-and-destinations §3.1", "assumed")
@pytest.mark.parametrize(("succeeded", "kind"), [(True, "Succeeded"), (False, "Failed")])
def test_a_bus_gets_the_report_in_a_cloudevents_envelope(succeeded, kind):
    invocation = returned("r1", FunctionRef("f", "s"), b"", b"")
    invocation.apply(Succeeded(T0, "r1") if succeeded else Failed(T0, "r1", "no luck"))
    now = datetime(2026, 1, 1, 2, 3, 4, 567890, tzinfo=UTC)
    event = envelope(invocation, b'{"timestamp":1}', ACCOUNT, now)
    assert json.loads(event) == {
        "specversion": "1.0",
        "id": "r1",
        "source": "acs.fc",
        "type": f"fc:AsyncInvoke:{kind}",
        "subject": "acs:fc:cn-beijing:42:services/s.prod/functions/f",
        "time": "2026-01-01T02:03:04.567Z",
        "datacontenttype": "application/json",
        "aliyunaccountid": "42",
        "aliyunregionid": "cn-beijing",
        "data": {"timestamp": 1},
    }


def test_a_simplified_push_is_the_message_itself():
    there = topic("SIMPLIFIED")
    assert pushed(there, there.subscriptions["s"], published(b"\xff"), ACCOUNT) == b"\xff"


FIELDS = {
    "TopicOwner": "42",
    "TopicName": "t",
    "Subscriber": "42",
    "SubscriptionName": "s",
    "MessageId": "m1",
    "MessageMD5": "508C75C8507A2AE5223DFD2FAEB98122",
    "Message": "a < b & c\r\n",
    "MessageTag": "red",
    "PublishTime": "1767225601000",
}


def test_a_push_in_xml_says_whose_message_it_is():
    there = topic()
    document = pushed(there, there.subscriptions["s"], published(b"a < b & c\r\n", "red"), ACCOUNT)
    found = {element.tag.removeprefix(NAMESPACE): element.text for element in ElementTree.fromstring(document)}
    assert found | {"MessageMD5": ""} == FIELDS | {"MessageMD5": ""}
    assert len(found["MessageMD5"]) == 32


def test_a_push_in_json_says_the_same():
    there = topic("JSON")
    found = json.loads(pushed(there, there.subscriptions["s"], published(b"a < b & c\r\n", "red"), ACCOUNT))
    assert found.keys() == FIELDS.keys()
    assert (found["Message"], found["PublishTime"]) == ("a < b & c\r\n", 1767225601000)


@pytest.mark.parametrize(
    ("filter_tag", "tag", "wants"), [("", "", True), ("", "red", True), ("red", "red", True), ("red", "", False)]
)
def test_a_filter_lets_pass_what_has_its_tag(filter_tag, tag, wants):
    assert topic(filter_tag=filter_tag).subscriptions["s"].wants(published(tag=tag)) is wants


def test_a_report_has_no_tag():
    report = Delivered(T0, "r", "topic:t", "m", b"{}")
    assert topic().subscriptions["s"].wants(report)
    assert not topic(filter_tag="red").subscriptions["s"].wants(report)


def test_a_changed_subscription_is_the_old_one_with_other_attributes():
    facts = [
        Subscribed(at(now), "", "topic:t", "s", "q", "", strategy, "XML")
        for now, strategy in ((0, "BACKOFF_RETRY"), (5, "EXPONENTIAL_DECAY_RETRY"))
    ]
    subscription = after(*facts).resource(Topic, "t").subscriptions["s"]
    assert (subscription.created, subscription.modified) == (at(0), at(5))
    assert after(*facts, Unsubscribed(at(6), "", "topic:t", "s")).resource(Topic, "t").subscriptions == {}


def test_a_deleted_topic_loses_its_subscriptions_and_attributes():
    facts = [
        TopicSet(at(1), "", "topic:t", 2048, True),
        Subscribed(at(2), "", "topic:t", "s", "q", "", "BACKOFF_RETRY", "XML"),
        Dropped(at(3), "", "topic:t"),
    ]
    there = after(*facts)
    assert (there.resources, there.dropped) == ({}, {"topic:t"})
    there = after(*facts, TopicSet(at(4), "", "topic:t", 1024, False))
    found = there.resources["topic:t"]
    assert (found.subscriptions, found.attributes.maximum_bytes, found.created) == ({}, 1024, at(4))
    assert there.dropped == set()


def test_a_deleted_queue_is_empty_and_as_new_when_it_is_made_again():
    facts = [
        Delivered(T0, "r", "queue:q", "m1", b"x"),
        QueueSet(T0, "", "queue:q", 5, 0, 345_600, 65_536, 0, False),
        MessageReceived(T0, "r", "queue:q", "m1", at(5)),
        Dropped(at(9), "", "queue:q"),
        Delivered(at(10), "r", "queue:q", "m2", b"too late"),
    ]
    there = after(*facts)
    assert (there.resources, there.dropped, there.waiting(at(10))) == ({}, {"queue:q"}, set())
    there = after(*facts, QueueSet(at(99), "", "queue:q", 30, 0, 345_600, 65_536, 0, False))
    queue = there.resource(Queue, "q")
    assert (queue.created, queue.attributes.visibility_timeout, queue.waiting(at(99))) == (at(99), 30, [])
    assert [arrival.message_id for arrival in there.arrived["queue:q"]] == ["m1", "m2"]
    with pytest.raises(MNSError, match=r"^MessageNotExist: "):
        queue.held("8-m1-1", at(99))


def test_a_queue_that_no_client_made_is_as_old_as_the_clock():
    there = Mailboxes(T0)
    for fact in (Delivered(at(5), "r", "queue:q", "m", b"x"), MessageReceived(at(9), "r", "queue:q", "m", at(39))):
        there.folds()[type(fact)](fact)
    queue = there.resource(Queue, "q")
    assert (queue.created, queue.modified) == (T0, T0)


def test_what_was_cleared_is_gone_for_everybody():
    facts = [MessageSent(T0, "", "queue:q", "m1", b"x", T0, 8), Cleared(T0, "", "queue:q")]
    assert after(facts[0]).resource(Queue, "q").first(T0) is not None
    there = after(*facts)
    assert (there.resource(Queue, "q").first(T0), there.arrived["queue:q"]) == (None, [])
    there = after(*facts, MessageSent(T0, "", "queue:q", "m2", b"x", T0, 8))
    assert there.resource(Queue, "q").first(T0).message_id == "m2"


def test_what_is_cleared_is_gone_for_who_has_looked_already():
    there = after(MessageSent(T0, "", "queue:q", "m1", b"x", T0, 8))
    queue = there.resource(Queue, "q")
    assert queue.first(T0) is not None
    there.folds()[Cleared](Cleared(T0, "", "queue:q"))
    assert queue.first(T0) is None
    there.folds()[MessageSent](MessageSent(T0, "", "queue:q", "m2", b"x", T0, 8))
    assert queue.first(T0).message_id == "m2"


def test_reports_that_leave_memory_keep_their_places_and_what_a_client_sent_stays():
    reports = [Delivered(at(n), f"r{n}", "queue:q", f"m{n}", b"large") for n in range(4)]
    sent = MessageSent(at(1), "", "queue:q", "s", b"x", at(1), 8)
    there = after(reports[0], sent, *reports[1:3])
    queue = there.resource(Queue, "q")
    assert queue.first(at(9)).message_id == "m0"
    for place, told in enumerate(reports[:2], 100):
        there.shorten(told, place)
    held = [message.arrival for message in queue.waiting(at(9))]
    assert (
        held
        == there.arrived["queue:q"]
        == [
            ReportSummary(at(0), "r0", "queue:q", "m0", 100),
            sent,
            ReportSummary(at(1), "r1", "queue:q", "m1", 101),
            reports[2],
        ]
    )
    there.folds()[Cleared](Cleared(at(9), "", "queue:q"))
    there.shorten(reports[2], 102)
    there.folds()[Delivered](reports[3])
    there.shorten(reports[3], 103)
    assert there.arrived["queue:q"] == [ReportSummary(at(3), "r3", "queue:q", "m3", 103)]


def test_a_report_to_a_function_is_no_message():
    assert after(Delivered(T0, "r", "function:audit", "m", b"{}")).arrived == {}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a<b>&", "a&lt;b&gt;&amp;"),
        ("\x00\x1b\ufffe\ud800", "\ufffd" * 4),
        ("\r\n\t", "&#13;\n\t"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_any_text_can_stand_in_xml(text, written):
    assert xml_text(text) == written


def test_the_timeline_says_what_happened_to_messages():
    facts = [
        QueueSet(at(0), "", "queue:q", 30, 5, 345_600, 65_536, 0, False),
        MessageSent(at(1), "", "queue:q", "m", b"hello", at(6), 8),
        Subscribed(at(2), "", "topic:t", "s", "q", "", "BACKOFF_RETRY", "XML"),
        Dropped(at(3), "", "topic:t"),
    ]
    assert render(facts, T0).splitlines() == [
        "+0 s  queue:q  set: visibility time-out 30 s, delay 5 s",
        "+1 s  queue:q  message arrives, to be received from +6 s: 'hello'",
        "+2 s  topic:t  subscription s pushes to queue:q",
        "+3 s  topic:t  deleted",
    ]


def test_reports_are_posted_by_address_however_the_destination_is_written():
    url = "http://127.0.0.1:8080/hook?a=b"
    given = {"acs:mns:::/queues/q/messages": url, "topic:mq-1/orders": "https://a/", "eventbus:b": url}
    assert read_places(given) == {"queue:q": url, "topic:mq-1/orders": "https://a/", "eventbus:b": url}


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://a/b", "http://", "http://a:0/", "http://a:x/", "http://a/ b", 7]
)
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValueError, match="is not a URL; write it like"):
        check_place("queue:q", url)


def test_reports_to_functions_cannot_be_posted():
    with pytest.raises(ValueError, match="'function:f' is a function"):
        check_place("function:f", "http://a/")
