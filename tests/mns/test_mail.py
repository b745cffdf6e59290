"""Queues, topics and buses of a running emulator: deliveries, consumers that wait, and postings, on its clock."""

import json
import threading

import pytest
from fakes import CREW, FakeRuntime, ask, make, s
from rules import rule

from fcemu.core.catalog import Catalog
from fcemu.core.destinations import parse_destination
from fcemu.core.facts import Delivered, DeliveryFailed
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.invocation import State
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.core.timeline import render
from fcemu.core.triggers import TIMER, Trigger
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.journal import Journal
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import MessageReceived
from fcemu.mns.mail import Sending
from fcemu.mns.mailboxes import Mailboxes
from fcemu.mns.queue import Queue
from fcemu.mns.topic import Subscription, Topic

REAL_SECONDS = 20
EACH_MINUTE = {"cronExpression": "@every 1m", "enable": True}


def boom(call):
    raise ValueError("no")


def to(address, **more):
    return {"f": AsyncSettings(max_retries=0, on_failure=parse_destination(address), **more)}


def emulated(address="queue:q", settings=None, post=None, f=boom):
    """An emulator whose function ``f`` fails and reports to ``address``."""
    catalog = Catalog([], [Function(ref=FunctionRef("f"), handler="index.handler", code="/nowhere", timeout=s(60))])
    catalog.set_async(FunctionRef("f"), to(address)["f"])
    runtime, settings = FakeRuntime({"f": f}), settings or Settings()
    options = {} if post is None else {"post": post}
    return Emulator(
        settings=settings, catalog=catalog, runtimes=lambda _: runtime, chance=Chance(0), crew=CREW, **options
    )


class Consumer:
    """Waits for messages of the queue ``q``; ``got`` is None while it does."""

    def __init__(self, emulator, wait=30, at_most=1):
        self.emulator = emulator
        self.got = None
        self._there = threading.Event()
        self.give_up = emulator.queues.receive("q", at_most, wait, self._receive)

    def _receive(self, messages):
        self.got = messages
        self.at = self.emulator.clock.now()
        self._there.set()

    def wait(self):
        assert self._there.wait(REAL_SECONDS)
        return self.got


def seconds(emulator, at):
    return (at - emulator.clock.started).total_seconds()


def run(emulator, goal: Goal):
    emulator.wait(goal)


def fail(emulator, delay=0):
    return emulator.accept(ask("f", delay=delay))


def kinds(emulator):
    return [type(fact).__name__ for fact in emulator.journal]


# Where messages arrive.


@pytest.mark.parametrize("address", ["queue:q", "topic:t", "eventbus:b", "topic:mq-1/orders"])
def test_a_report_arrives_where_the_settings_say(address):
    emulator = emulated(address)
    assert emulator.mail.addresses() == [address]
    invocation = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    [message] = emulator.mail.arrived(address)
    document = json.loads(message.body)
    report = document["data"] if address == "eventbus:b" else document
    assert report["requestContext"]["requestId"] == invocation.id == message.request_id


@rule("retry-and-destinations §3.1", "assumed")
@pytest.mark.parametrize(("returned", "kind"), [(b"ok", "Succeeded"), (None, "Failed")])
def test_a_bus_hears_whether_it_succeeded(returned, kind):
    both = AsyncSettings(
        max_retries=0, on_failure=parse_destination("eventbus:b"), on_success=parse_destination("eventbus:b")
    )
    emulator, _ = make({"f": both}, f=boom if returned is None else lambda call: returned)
    fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    [message] = emulator.mail.arrived("eventbus:b")
    assert json.loads(message.body)["type"] == f"fc:AsyncInvoke:{kind}"


@rule("retry-and-destinations §3.2", "assumed")
@pytest.mark.parametrize(
    ("address", "arrives"), [("queue:q", False), ("topic:t", False), ("eventbus:b", False), ("topic:mq-1/t", True)]
)
def test_a_report_over_the_services_limit_is_a_failed_delivery_and_the_record_stays(address, arrives):
    emulator = emulated(address)
    invocation = emulator.accept(ask("f", b"x" * 65_536))
    run(emulator, emulator.run_until_idle(None))
    assert invocation.state is State.FAILED
    assert len(emulator.mail.arrived(address)) == arrives
    assert isinstance(invocation.deliveries[0], Delivered if arrives else DeliveryFailed)


def test_a_queue_that_takes_less_refuses_what_is_larger():
    emulator = emulated()
    emulator.queues.change("q", maximum_bytes=1024)
    emulator.accept(ask("f", b"x" * 1024))
    run(emulator, emulator.run_until_idle(None))
    assert emulator.journal[-1].reason.endswith("bytes, queue:q takes 1024")


def test_a_deleted_queue_gets_nothing_until_it_is_made_again():
    emulator = emulated()
    emulator.queues.drop("q")
    refused = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert [delivery.reason for delivery in refused.deliveries] == ["the queue 'q' was deleted"]
    assert emulator.queues.names() == []
    emulator.queues.create("q")
    fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert len(emulator.mail.arrived("queue:q")) == 1


def test_a_test_reads_what_a_consumer_has_deleted():
    emulator = emulated()
    fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    [message] = Consumer(emulator).wait()
    emulator.queues.delete("q", message.handle)
    assert emulator.queues.waiting("q") == []
    assert [one.message_id for one in emulator.mail.arrived("queue:q")] == [message.message_id]


def test_what_is_cleared_is_gone_for_consumers_too():
    emulator = emulated()
    emulator.queues.send("q", Sending(body=b"x"))
    emulator.mail.clear("queue:q")
    assert (emulator.mail.arrived("queue:q"), emulator.queues.waiting("q")) == ([], [])
    emulator.mail.clear("queue:q")
    assert kinds(emulator) == ["MessageSent", "Cleared"]


def test_the_destinations_of_every_qualifier_are_there():
    catalog = Catalog([], [Function(ref=FunctionRef("f"), handler="index.handler", code="/nowhere")])
    catalog.set_async(FunctionRef("f"), to("queue:latest")["f"])
    catalog.set_async(FunctionRef("f"), to("queue:stable")["f"], "stable")
    emulator = Emulator(settings=Settings(), catalog=catalog, runtimes={}, chance=Chance(0), crew=CREW)
    assert emulator.queues.names() == ["latest", "stable"]


# Who may do what.


@pytest.mark.parametrize(
    ("ask_for", "code"),
    [
        (lambda one: one.queues.check("none"), "QueueNotExist"),
        (lambda one: one.queues.send("none", Sending(body=b"x")), "QueueNotExist"),
        (lambda one: one.queues.receive("none", 1, 0, print), "QueueNotExist"),
        (lambda one: one.queues.send("q", Sending(body=b"")), "InvalidArgument"),
        (lambda one: one.queues.send("q", Sending(body=b"x" * 65_537)), "InvalidArgument"),
        (lambda one: one.queues.send("q", Sending(body=b"x", priority=17)), "InvalidArgument"),
        (lambda one: one.queues.send("q", Sending(body=b"x", delay_seconds=604_801)), "InvalidArgument"),
        (lambda one: one.queues.receive("q", 17, 0, print), "InvalidArgument"),
        (lambda one: one.queues.receive("q", 1, 31, print), "InvalidArgument"),
        (lambda one: one.queues.peek("q", 0), "InvalidArgument"),
        (lambda one: one.queues.create("1 2"), "InvalidQueueName"),
        (lambda one: one.queues.create("q", delay_seconds=1), "QueueAlreadyExist"),
        (lambda one: one.queues.change("q", delay_seconds=-1), "InvalidArgument"),
        (lambda one: one.topics.check("none"), "TopicNotExist"),
        (lambda one: one.topics.publish("none", Sending(body=b"x")), "TopicNotExist"),
        (lambda one: one.topics.subscribe("none", Subscription("s", "q")), "TopicNotExist"),
        (lambda one: one.topics.subscription("t", "none"), "SubscriptionNotExist"),
        (lambda one: one.topics.subscribe("t", Subscription("s", "q", "x" * 17)), "InvalidArgument"),
        (lambda one: one.topics.subscribe("t", Subscription("s", "q", "", "NEVER")), "InvalidArgument"),
        (lambda one: one.topics.subscribe("t", Subscription("s", "q", content_format="YAML")), "InvalidArgument"),
        (lambda one: one.topics.publish("t", Sending(body=b"x" * 65_537)), "InvalidArgument"),
    ],
)
def test_what_mns_refuses_leaves_no_trace(ask_for, code):
    emulator = emulated()
    emulator.topics.create("t")
    facts = len(emulator.journal)
    with pytest.raises(MNSError, match=f"^{code}: "):
        ask_for(emulator)
    assert len(emulator.journal) == facts


def test_what_is_made_twice_in_the_same_way_is_there_once():
    emulator = emulated()
    assert [emulator.queues.create(name) for name in ("q", "new", "new")] == [False, True, False]
    assert [emulator.topics.create("t") for _ in range(2)] == [True, False]
    assert [emulator.topics.subscribe("t", Subscription("s", "q")) for _ in range(2)] == [True, False]
    with pytest.raises(MNSError, match="SubscriptionAlreadyExist"):
        emulator.topics.subscribe("t", Subscription("s", "new"))
    emulator.topics.change("t", maximum_bytes=1024)
    with pytest.raises(MNSError, match="TopicAlreadyExist"):
        emulator.topics.create("t")
    assert (emulator.queues.names(), emulator.topics.names()) == (["new", "q"], ["t"])


# Topics push.


def test_a_topic_pushes_reports_and_messages_to_its_queues():
    emulator = emulated("topic:t")
    emulator.queues.create("q")
    emulator.topics.subscribe("t", Subscription("s", "q", content_format="SIMPLIFIED"))
    invocation = fail(emulator, delay=7)
    run(emulator, emulator.run_until_idle(None))
    emulator.topics.publish("t", Sending(body=b"news"))
    report, news = emulator.queues.waiting("q")
    assert report.body == emulator.mail.arrived("topic:t")[0].body
    assert (report.request_id, seconds(emulator, report.at)) == (invocation.id, 7)
    assert (news.body, news.request_id) == (b"news", "")
    emulator.topics.unsubscribe("t", "s")
    emulator.topics.publish("t", Sending(body=b"more"))
    assert len(emulator.queues.waiting("q")) == 2


def test_what_a_subscribed_queue_cannot_take_does_not_disturb_the_others():
    emulator = emulated()
    emulator.queues.create("small", maximum_bytes=1024)
    emulator.topics.create("t")
    for name in ("gone", "small", "q"):
        emulator.topics.subscribe("t", Subscription(name, name))
    emulator.topics.publish("t", Sending(body=b"x" * 1024))
    assert [len(emulator.queues.waiting(name)) for name in ("gone", "small", "q")] == [0, 0, 1]


# Consumers that wait, on a paused clock.


def test_who_waits_gets_a_report_at_the_instant_at_which_it_is_delivered():
    emulator = emulated()
    fail(emulator, delay=20)
    consumer = Consumer(emulator)
    run(emulator, emulator.advance(s(19)))
    assert consumer.got is None
    run(emulator, emulator.run_until_idle(None))
    [message] = consumer.wait()
    assert (seconds(emulator, consumer.at), seconds(emulator, message.visible)) == (20, 50)


@pytest.mark.parametrize(("by", "ends"), [(29.999, False), (30, True), (3600, True)])
def test_a_wait_ends_with_nothing_when_the_clock_passes_its_end(by, ends):
    emulator = emulated()
    consumer = Consumer(emulator, wait=30)
    run(emulator, emulator.advance(s(by)))
    assert (consumer.got is not None) is ends
    if ends:
        assert (consumer.wait(), seconds(emulator, consumer.at)) == ([], 30)
    assert seconds(emulator, emulator.clock.now()) == by


def test_a_message_that_comes_at_the_end_of_a_wait_is_received():
    emulator = emulated()
    fail(emulator, delay=30)
    consumer = Consumer(emulator, wait=30)
    run(emulator, emulator.advance(s(100)))
    assert len(consumer.wait()) == 1


def test_the_clock_stops_where_a_hidden_message_becomes_visible_to_somebody_who_waits():
    emulator = emulated()
    emulator.queues.send("q", Sending(body=b"x"))
    Consumer(emulator)
    run(emulator, emulator.advance(s(10)))
    consumer = Consumer(emulator)
    run(emulator, emulator.advance(s(1000)))
    assert (len(consumer.wait()), seconds(emulator, consumer.at)) == (1, 30)
    assert [seconds(emulator, fact.at) for fact in emulator.journal if isinstance(fact, MessageReceived)] == [0, 30]


def test_being_idle_does_not_mean_waiting_for_consumers():
    emulator = emulated()
    emulator.queues.send("q", Sending(body=b"x", delay_seconds=5))
    consumer = Consumer(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert (consumer.got, seconds(emulator, emulator.clock.now())) == (None, 0)
    fail(emulator, delay=60)
    run(emulator, emulator.run_until_idle(None))
    assert seconds(emulator, consumer.at) == 5


def test_those_who_wait_get_their_messages_first_come_first_served():
    emulator = emulated()
    first, second, third = (Consumer(emulator, at_most=2) for _ in range(3))
    for body in (b"1", b"2", b"3"):
        emulator.queues.send("q", Sending(body=body))
    assert [[message.body for message in one.wait()] for one in (first, second, third)] == [[b"1"], [b"2"], [b"3"]]


def test_who_gave_up_gets_nothing():
    emulator = emulated()
    consumer = Consumer(emulator)
    consumer.give_up()
    consumer.give_up()
    emulator.queues.send("q", Sending(body=b"x"))
    run(emulator, emulator.advance(s(100)))
    assert consumer.got is None
    assert len(emulator.queues.waiting("q")) == 1


def test_a_message_that_is_handed_back_goes_to_who_waits():
    emulator = emulated()
    emulator.queues.send("q", Sending(body=b"x"))
    [message] = Consumer(emulator).wait()
    other = Consumer(emulator)
    changed = emulator.queues.change_visibility("q", message.handle, 0)
    assert changed.handle != message.handle
    assert [one.dequeue_count for one in other.wait()] == [2]


def test_the_queues_own_wait_holds_where_a_consumer_names_none():
    emulator = emulated()
    emulator.queues.change("q", polling_wait_seconds=3)
    consumer = Consumer(emulator, wait=None)
    run(emulator, emulator.advance(s(5)))
    assert (consumer.wait(), seconds(emulator, consumer.at)) == ([], 3)


def test_without_a_wait_nothing_comes_at_once():
    assert Consumer(emulated(), wait=0).wait() == []


def test_closing_ends_every_wait():
    emulator = emulated()
    consumer = Consumer(emulator)
    emulator.close()
    assert consumer.wait() == []
    assert Consumer(emulator).wait() == []


def test_explain_names_those_who_wait():
    emulator = emulated()
    Consumer(emulator, wait=30)
    assert ("a consumer waits for a message of queue:q until 2026-01-01 00:00:30.000000 (+30 s)") in str(
        emulator.explain()
    )


# The same on clocks that move by themselves.


def test_on_a_flowing_clock_a_wait_ends_by_itself():
    emulator = emulated(settings=Settings(rate=100))
    consumer = Consumer(emulator, wait=30)
    assert consumer.wait() == []
    assert seconds(emulator, consumer.at) >= 30
    emulator.close()


def test_on_a_flowing_clock_a_hidden_message_comes_back_to_who_waits():
    emulator = emulated(settings=Settings(rate=10))
    emulator.queues.change("q", visibility_timeout=5)
    emulator.queues.send("q", Sending(body=b"x"))
    Consumer(emulator)
    [message] = Consumer(emulator).wait()
    assert message.dequeue_count == 2
    emulator.close()


def test_on_a_flowing_clock_a_report_comes_to_who_waits():
    emulator = emulated(settings=Settings(rate=10))
    consumer = Consumer(emulator)
    fail(emulator, delay=1)
    assert len(consumer.wait()) == 1
    emulator.close()


def test_an_autojumping_clock_jumps_to_a_message_that_somebody_waits_for_but_not_to_the_end_of_a_wait():
    emulator = emulated()
    emulator.queues.send("q", Sending(body=b"x", delay_seconds=20))
    consumer, idle = Consumer(emulator), Consumer(emulator)
    emulator.autojump = True
    assert (len(consumer.wait()), seconds(emulator, consumer.at)) == (1, 20)
    emulator.queues.delete("q", consumer.got[0].handle)
    run(emulator, emulator.stand_still())
    assert (idle.got, seconds(emulator, emulator.clock.now())) == (None, 20)


def test_an_autojumping_clock_fires_the_timers_on_its_way_to_a_message():
    fired = []
    catalog = Catalog([], [Function(ref=FunctionRef("f"), handler="index.handler", code="/nowhere", timeout=s(60))])
    timer = Trigger(function=FunctionRef("f"), name="each", kind=TIMER, config=EACH_MINUTE)
    catalog.triggers.put((timer.function, timer.name), timer)
    runtime = FakeRuntime({"f": lambda call: fired.append(call.clock.now())})
    emulator = Emulator(settings=Settings(), catalog=catalog, runtimes=lambda _: runtime, chance=Chance(0), crew=CREW)
    run(emulator, emulator.advance(s(50)))
    emulator.queues.create("q")
    emulator.queues.send("q", Sending(body=b"x", delay_seconds=20))
    consumer = Consumer(emulator)
    emulator.autojump = True
    assert (len(consumer.wait()), seconds(emulator, consumer.at)) == (1, 70)
    assert [seconds(emulator, at) for at in fired] == [60]


# Everything is in the journal.


def test_the_journal_alone_tells_what_consumers_see():
    emulator = emulated("topic:t")
    emulator.queues.create("q", visibility_timeout=9)
    emulator.topics.subscribe("t", Subscription("s", "q"))
    fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    for body in (b"a", b"b"):
        emulator.queues.send("q", Sending(body=body, delay_seconds=2))
    [message] = Consumer(emulator).wait()
    emulator.queues.change_visibility("q", message.handle, 60)
    run(emulator, emulator.advance(s(2)))
    [message] = Consumer(emulator).wait()
    emulator.queues.delete("q", message.handle)
    copy = Mailboxes(emulator.clock.started)
    Journal(copy).fold(emulator.journal[:])
    now = emulator.clock.now()
    mine, other = (state.resource(Queue, "q") for state in (emulator.mail.state, copy))
    assert [one.handle for one in other.waiting(now)] == [one.handle for one in mine.waiting(now)]
    assert (other.counts(now), other.attributes) == (mine.counts(now), mine.attributes)
    assert (other.created, other.modified) == (mine.created, mine.modified)
    assert copy.resource(Topic, "t").subscriptions == emulator.mail.state.resource(Topic, "t").subscriptions


def test_how_often_somebody_polls_changes_no_id():
    def life(polls):
        emulator = emulated()
        for _ in range(polls):
            Consumer(emulator, wait=0)
            emulator.new_talk_id()
        fail(emulator)
        run(emulator, emulator.run_until_idle(None))
        return render(emulator.journal, emulator.clock.started)

    assert life(0) == life(5)


# Posting to a URL.


class Hook:
    """Stands for the URL: notes what is posted, answers what it is told to."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.posted = []

    def __call__(self, url, body, headers):
        self.posted.append((url, body, headers))
        return self.answers.pop(0) if self.answers else None


URL = "http://hook/"


def posting(hook, address="queue:q", **settings):
    return emulated(address, Settings(deliver_to={address: URL}, **settings), hook)


def test_a_report_is_posted_and_kept():
    hook = Hook()
    emulator = posting(hook)
    invocation = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    [message] = emulator.mail.arrived("queue:q")
    assert hook.posted == [
        (
            URL,
            message.body,
            {
                "Content-Type": "application/json; charset=utf-8",
                "X-Fc-Request-Id": invocation.id,
                "X-Fcemu-Destination": "queue:q",
                "X-Fcemu-Message-Id": message.message_id,
            },
        )
    ]


def test_an_event_of_a_bus_is_posted_as_one():
    hook = Hook()
    emulator = posting(hook, "eventbus:b")
    fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert hook.posted[0][2]["Content-Type"] == "application/cloudevents+json; charset=utf-8"


def test_what_has_no_url_is_not_posted():
    hook = Hook()
    emulator = emulated("queue:q", Settings(deliver_to={"queue:other": URL}), hook)
    fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert (hook.posted, len(emulator.mail.arrived("queue:q"))) == ([], 1)


@rule("retry-and-destinations §3.4", "assumed")
@rule("retry-and-destinations §3.4", "assumed")
def test_a_posting_that_fails_is_a_failed_delivery_and_is_not_tried_again():
    hook = Hook("http://hook/ answers 503")
    emulator = posting(hook)
    invocation = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert [delivery.reason for delivery in invocation.deliveries] == ["http://hook/ answers 503"]
    assert (len(hook.posted), emulator.mail.arrived("queue:q"), invocation.state) == (1, [], State.FAILED)


def test_postings_are_retried_after_the_seconds_that_a_setting_names():
    hook = Hook("no", "no")
    emulator = posting(hook, delivery_retry_seconds=(s(1), s(10), s(100)))
    invocation = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert [(type(one).__name__, seconds(emulator, one.at)) for one in invocation.deliveries] == [
        ("DeliveryFailed", 0),
        ("DeliveryFailed", 1),
        ("Delivered", 11),
    ]
    assert invocation.deliveries[1].reason == "no; tried again after 10 s"
    assert len({headers["X-Fcemu-Message-Id"] for _, _, headers in hook.posted}) == 1


def test_the_last_failed_retry_says_so_by_saying_nothing():
    emulator = posting(Hook("no", "no"), delivery_retry_seconds=(s(1),))
    invocation = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert [one.reason for one in invocation.deliveries] == ["no; tried again after 1 s", "no"]


def test_a_move_waits_for_what_is_being_posted_and_explain_names_it():
    posting_now, go_on, told = threading.Event(), threading.Event(), []

    def hook(url, body, headers):
        posting_now.set()
        assert go_on.wait(REAL_SECONDS)

    emulator = posting(hook)
    invocation = fail(emulator)
    goal = emulator.advance(s(100))
    assert posting_now.wait(REAL_SECONDS)
    told.append((goal.reached, emulator.in_flight, emulator.clock.now(), str(emulator.explain())))
    go_on.set()
    run(emulator, goal)
    [(reached, in_flight, now, explanation)] = told
    assert (reached, in_flight, seconds(emulator, now)) == (False, 1, 0)
    assert f"report of f {invocation.id} to {URL}" in explanation
    assert seconds(emulator, invocation.deliveries[0].at) == 0


def test_who_is_posted_to_may_call_a_function_and_wait_for_it():
    def hook(url, body, headers):
        ended = threading.Event()
        emulator.invoke(ask("f"), lambda _: ended.set())
        assert ended.wait(REAL_SECONDS)

    emulator = posting(hook)
    first = fail(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert isinstance(first.deliveries[0], Delivered)
    assert len(emulator.journal.invocations) == 2


def test_on_a_flowing_clock_reports_are_posted_too():
    done = threading.Event()
    emulator = posting(lambda url, body, headers: done.set(), rate=100)
    invocation = fail(emulator)
    assert done.wait(REAL_SECONDS)
    run(emulator, emulator.advance(s(1)))
    assert isinstance(invocation.deliveries[0], Delivered)
    emulator.close()


def test_what_is_posted_when_the_emulator_closes_changes_nothing_any_more():
    posting_now, go_on = threading.Event(), threading.Event()

    def hook(url, body, headers):
        posting_now.set()
        assert go_on.wait(REAL_SECONDS)

    emulator = posting(hook)
    fail(emulator)
    emulator.advance(s(0))
    assert posting_now.wait(REAL_SECONDS)
    emulator.close()
    facts = len(emulator.journal)
    go_on.set()
    while emulator._movers.outside.errands:
        threading.Event().wait(0.001)
    assert len(emulator.journal) == facts


def test_a_consumer_is_served_at_its_instant_while_a_handler_sleeps_beyond_it():
    emulator = emulated(f=lambda call: call.clock.sleep(10))
    emulator.accept(ask("f"))
    consumer = Consumer(emulator, wait=3)
    run(emulator, emulator.advance(s(100)))
    assert (consumer.wait(), seconds(emulator, consumer.at)) == ([], 3)


def test_a_message_that_becomes_visible_while_a_handler_sleeps_is_received_at_that_instant():
    emulator = emulated(f=lambda call: call.clock.sleep(10))
    emulator.accept(ask("f"))
    emulator.queues.send("q", Sending(body=b"x", delay_seconds=7))
    consumer = Consumer(emulator)
    run(emulator, emulator.run_until_idle(None))
    assert (len(consumer.wait()), seconds(emulator, consumer.at)) == (1, 7)
