"""MNS's API on a bare connection: long polls, unsafe and wrong input, and what clients may write differently."""

import re
import socket
import struct
import threading

import pytest
from api.conftest import echo
from api.harness import parse
from fakes import ask, s

from fcemu.core.destinations import parse_destination
from fcemu.core.functions import AsyncSettings
from fcemu.core.settings import Settings
from fcemu.mns.errors import MNSError
from fcemu.mns.xml import Element, read_xml, write_xml

Q = "/queues/q/messages"


def boom(call):
    raise ValueError("no")


@pytest.fixture
def shop(serve):
    """A server whose function ``f`` fails and reports to the queue ``q``."""
    return serve(
        f=boom, echo=echo, asynchronous={"f": AsyncSettings(max_retries=0, on_failure=parse_destination("queue:q"))}
    )


def code(reply):
    return reply.status, re.search(rb"<Code>(.*)</Code>", reply.body)[1].decode()


def tag(reply, name):
    return re.search(rf"<{name}>(.*?)</{name}>".encode(), reply.body)[1].decode()


def send(shop, body, **more):
    fields = "".join(f"<{name}>{text}</{name}>" for name, text in more.items())
    reply = shop.request("POST", Q, f"<Message><MessageBody>{body}</MessageBody>{fields}</Message>".encode())
    assert reply.status == 201
    return reply


# Long polls.


def test_a_long_poll_on_a_paused_clock_ends_after_half_a_real_second_and_leaves_no_trace(shop):
    assert code(shop.request("GET", f"{Q}?waitseconds=30")) == (404, "MessageNotExist")
    assert len(shop.emulator.journal) == 0
    send(shop, "x")
    assert shop.request("GET", Q).status == 200


def begin(shop, target):
    """Send a request whose answer will take a while; returns what waits for it."""
    connection = shop.socket()
    sock = connection.__enter__()
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    while not shop.emulator._movers.polls:
        threading.Event().wait(0.001)

    def finish():
        pieces = []
        while piece := sock.recv(65536):
            pieces.append(piece)
        connection.__exit__(None, None, None)
        return parse(b"".join(pieces))

    return sock, finish


def test_a_long_poll_is_answered_with_the_report_that_a_move_brings(shop):
    shop.emulator.accept(ask("f", delay=20))
    _, finish = begin(shop, f"{Q}?waitseconds=30")
    shop.emulator.wait(shop.emulator.advance(s(3600)))
    reply = finish()
    assert reply.status == 200
    assert tag(reply, "NextVisibleTime") == str(1767225600000 + 50_000)


def test_a_long_poll_ends_when_a_move_passes_its_end(shop):
    _, finish = begin(shop, f"{Q}?waitseconds=3")
    shop.emulator.wait(shop.emulator.advance(s(3)))
    assert not shop.emulator._movers.polls
    assert code(finish()) == (404, "MessageNotExist")


def test_a_client_that_is_gone_gets_no_message(shop):
    sock, _ = begin(shop, f"{Q}?waitseconds=30")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # so that closing breaks it off
    sock.close()
    while shop.emulator._movers.polls:
        threading.Event().wait(0.001)
    send(shop, "x")
    assert tag(shop.request("GET", Q), "DequeueCount") == "1"


def test_a_clock_that_jumps_does_not_wait_for_who_waits(shop):
    shop.emulator.accept(ask("f", delay=20))
    shop.emulator.autojump = True
    assert shop.request("GET", f"{Q}?waitseconds=30").status == 200


def test_on_a_flowing_clock_a_long_poll_lasts_as_long_as_mns_would(serve):
    served = serve(f=boom, settings=Settings(rate=30))
    served.request("PUT", "/queues/q")
    assert code(served.request("GET", f"{Q}?waitseconds=30")) == (404, "MessageNotExist")
    assert served.emulator.clock.now() - served.emulator.clock.started >= s(30)


def test_a_reset_ends_a_long_poll(shop):
    _, finish = begin(shop, f"{Q}?waitseconds=30")
    shop.emulator.close()
    assert code(finish()) == (404, "MessageNotExist")


def test_a_report_that_a_client_received_counts_as_read(shop):
    invocation = shop.emulator.accept(ask("f"))
    shop.emulator.wait(shop.emulator.run_until_idle(None))
    assert invocation.id not in shop.emulator.read_outside
    shop.request("GET", Q)
    assert invocation.id in shop.emulator.read_outside


# What clients write differently.


@pytest.mark.parametrize("names", [("ReceiptHandle", "VisibilityTimeout"), ("receiptHandle", "visibilityTimeout")])
def test_parameters_are_read_in_any_letter_case(shop, names):
    send(shop, "x")
    handle = tag(shop.request("GET", f"{Q}?WAITSECONDS=0"), "ReceiptHandle")
    changed = shop.request("PUT", f"{Q}?{names[0]}={handle}&{names[1]}=90")
    assert tag(changed, "NextVisibleTime") == str(1767225600000 + 90_000)
    assert shop.request("DELETE", f"{Q}?{names[0]}={tag(changed, 'ReceiptHandle')}").status == 204


def test_a_document_may_have_a_prefix_and_blanks(shop):
    inside = "\n <m:MessageBody>a &amp;&#13; b</m:MessageBody>\n"
    document = f'<m:Message xmlns:m="http://mns.aliyuncs.com/doc/v1/">{inside}</m:Message>'
    assert shop.request("POST", Q, document.encode()).status == 201
    assert shop.emulator.mail.arrived("queue:q")[0].body == b"a &\r b"


def test_what_a_client_attaches_to_a_message_comes_back(shop):
    properties = "<PropertyValue><Name>kind</Name><Value>7</Value><Type>NUMBER</Type></PropertyValue>"
    send(shop, "x", UserProperties=properties, MessageGroupId="g")
    reply = shop.request("GET", Q)
    assert tag(reply, "UserProperties") == properties
    assert tag(reply, "MessageGroupId") == "g"


def test_a_body_that_is_no_xml_comes_back_without_what_xml_has_no_sign_for(shop):
    shop.json("POST", "/queues/q/messages", {"body": "a\u0000b<"})
    assert tag(shop.request("GET", Q), "MessageBody") == "a\ufffdb&lt;"


def test_lists_have_prefixes_pages_and_attributes(shop):
    for name in ("qa", "qb", "other"):
        shop.request("PUT", f"/queues/{name}")
    first = shop.request("GET", "/queues", x_mns_prefix="q", x_mns_ret_number="2")
    assert re.findall(rb"queues/(\w+)<", first.body) == [b"q", b"qa"]
    rest = shop.request("GET", "/queues", x_mns_prefix="q", x_mns_marker=tag(first, "NextMarker"))
    assert re.findall(rb"queues/(\w+)<", rest.body) == [b"qb"]
    assert b"NextMarker" not in rest.body
    assert b"<VisibilityTimeout>30<" in shop.request("GET", "/queues", x_mns_with_meta="true").body


# Wrong and unsafe input.

BOMB = (
    "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefg", "bcdefgh", strict=True))
    + "]><Message><MessageBody>&h;</MessageBody></Message>"
)
OUTSIDE = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Message><MessageBody>&x;</MessageBody></Message>"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BOMB.encode(), "a document type is not allowed"),
        (OUTSIDE.encode(), "a document type is not allowed"),
        (b"<!DOCTYPE Message SYSTEM 'http://127.0.0.1:1/x.dtd'><Message/>", "a document type is not allowed"),
        (b"", "line 1, column 1: no element found"),
        (b"<Message>", "line 1, column 10: no element found"),
        (b"\xff\xfe\x00", "line 1, column"),
        (b"<Message>\xff</Message>", "line 1, column 10: not well-formed (invalid token)"),
        (b"<Message>&nothing;</Message>", "line 1, column 10: undefined entity"),
        (b'<?xml version="1.0" encoding="ebcdic"?><Message/>', "unknown encoding"),
        (b"<Message><a>" + b"<b>" * 20, "more than 16 elements inside each other"),
        (b"<Account/>", "expected the element Message or Messages, got Account"),
    ],
)
def test_bad_xml_is_a_clear_error(shop, body, message):
    reply = shop.request("POST", Q, body)
    assert code(reply) == (400, "MalformedXML")
    assert message in tag(reply, "Message")
    assert len(shop.emulator.journal) == 0


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "name"),
    [
        ("POST", Q, "<Message/>", 400, "InvalidArgument"),
        (
            "POST",
            Q,
            "<Message><MessageBody>a</MessageBody><DelaySeconds>x</DelaySeconds></Message>",
            400,
            "InvalidArgument",
        ),
        ("POST", Q, "<Messages/>", 400, "InvalidArgument"),
        (
            "POST",
            Q,
            f"<Messages>{'<Message><MessageBody>a</MessageBody></Message>' * 17}</Messages>",
            400,
            "InvalidArgument",
        ),
        ("POST", "/queues/none/messages", "<Messages><Message/></Messages>", 404, "QueueNotExist"),
        ("POST", Q, " " * 1_100_000, 400, "InvalidArgument"),
        ("GET", f"{Q}?waitseconds=x", "", 400, "InvalidArgument"),
        ("GET", f"{Q}?numOfMessages=17", "", 400, "InvalidArgument"),
        ("DELETE", Q, "", 400, "MissingReceiptHandle"),
        ("DELETE", f"{Q}?ReceiptHandle=", "", 400, "ReceiptHandleError"),
        ("PUT", f"{Q}?VisibilityTimeout=1", "", 400, "MissingReceiptHandle"),
        ("PUT", f"{Q}?ReceiptHandle=8-A-1", "", 400, "MissingVisibilityTimeout"),
        ("PUT", f"{Q}?ReceiptHandle=8-A-1&VisibilityTimeout=43201", "", 400, "InvalidArgument"),
        ("PUT", "/queues/a%20b", "", 400, "InvalidQueueName"),
        ("PUT", "/queues/w", "<Queue><LoggingEnabled>maybe</LoggingEnabled></Queue>", 400, "InvalidArgument"),
        ("PUT", "/queues/none?metaoverride=true", "", 404, "QueueNotExist"),
        ("PUT", "/topics/a%2Fb", "", 400, "TopicNameInvalid"),
        ("GET", "/topics/none/subscriptions/s", "", 404, "TopicNotExist"),
        ("GET", "/topics", "", 200, ""),
        ("DELETE", "/queues/none", "", 204, ""),
        ("DELETE", "/topics/none", "", 204, ""),
        ("GET", "/queues/q/nothing", "", 400, "InvalidRequestURL"),
        ("GET", "/queues/", "", 400, "InvalidRequestURL"),
    ],
)
def test_requests_are_refused_with_mns_codes(shop, method, target, body, status, name):
    reply = shop.request(method, target, body.encode() or None)
    assert (code(reply) if name else (reply.status, "")) == (status, name)


def test_errors_name_the_request_and_the_host(shop):
    reply = shop.request("GET", "/queues/none")
    assert tag(reply, "RequestId") == reply.headers["x-mns-request-id"]
    assert tag(reply, "HostId") == f"http://127.0.0.1:{shop.port}"


def test_without_an_emulator_mns_is_not_available(serve):
    served = serve(f=boom)
    served.emulator.close()
    served.api.state.put(None, None)
    assert code(served.request("GET", Q)) == (503, "ServiceUnavailable")


def test_mns_hides_nothing_of_the_other_apis(shop):
    assert shop.request("GET", "/_fcemu/health").status == 200
    assert shop.request("POST", "/2023-03-30/functions/echo/invocations", b"x").body == b"x"


# Documents.


def test_what_is_written_is_read_back():
    document = write_xml("A", [("b", "<&>\r\n"), ("empty", ""), ("c", [("d", 1), ("d", 2)])])
    assert read_xml(document, "A") == Element(
        "A", "", [Element("b", "<&>\r\n"), Element("c", "", [Element("d", "1"), Element("d", "2")])]
    )


def test_what_is_not_the_expected_document_says_what_is():
    with pytest.raises(MNSError, match=r"^MalformedXML: expected the element A, got B"):
        read_xml(b"<B/>", "A")


# fcemu's own view of the same.


def test_own_routes_send_read_and_clear(shop):
    sent = shop.json("POST", "/queues/q/messages", {"body": "hello", "delay_seconds": 5})
    assert sent["request_id"] is None
    assert (sent["visible"], sent["dequeue_count"]) == ("2026-01-01T00:00:05.000000Z", 0)
    shop.json("POST", "/queues/q/messages", {"body": {"base64": "/w=="}, "priority": 1})
    assert [one["body"] for one in shop.json("GET", "/queues/q/messages")] == ["hello", {"base64": "/w=="}]
    handle = tag(shop.request("GET", Q), "ReceiptHandle")
    shop.request("DELETE", f"{Q}?ReceiptHandle={handle}")
    assert [one["body"] for one in shop.json("GET", "/queues/q/messages?waiting=1")] == ["hello"]
    assert len(shop.json("GET", "/queues/q/messages?waiting=0")) == 2
    shop.json("DELETE", "/queues/q/messages")
    assert shop.json("GET", "/queues/q/messages") == shop.json("GET", "/queues/q/messages?waiting=1") == []


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/queues/q/messages", b"{}", 400, "expected the field body"),
        ("/queues/q/messages", b'{"body": 7}', 400, 'expected a string, or {"base64": '),
        ("/queues/q/messages", b'{"body": {"base64": "?"}}', 400, 'expected a string, or {"base64": '),
        ("/queues/q/messages", b'{"body": "x", "delay_seconds": 1.5}', 400, "field 'delay_seconds'"),
        (
            "/queues/q/messages",
            b'{"body": "x", "priority": 17}',
            400,
            "Priority: expected a whole number from 1 to 16",
        ),
        ("/queues/q/messages", b'{"body": ""}', 400, "MessageBody: expected at least one byte"),
        ("/queues/p/messages", b'{"body": "x"}', 404, "there is no queue 'p'; known: q"),
    ],
)
def test_what_cannot_be_sent_is_a_problem(shop, path, body, status, detail):
    reply = shop.request("POST", f"/_fcemu{path}", body)
    assert reply.status == status
    assert detail in reply.json()["detail"]


def test_a_bus_and_a_rocketmq_topic_are_read_like_a_queue(serve):
    settings = AsyncSettings(
        max_retries=0, on_success=parse_destination("topic:mq-1/done"), on_failure=parse_destination("eventbus:b")
    )
    served = serve(f=boom, g=echo, asynchronous={"f": settings, "g": settings})
    for name in ("f", "g"):
        served.emulator.accept(ask(name))
    served.json("POST", "/clock/run-until-idle", {})
    assert len(served.json("GET", "/eventbuses/b/messages")) == 1
    assert len(served.json("GET", "/topics/mq-1%2Fdone/messages")) == 1
    served.json("DELETE", "/eventbuses/b/messages")
    assert served.json("GET", "/eventbuses/b/messages") == []
