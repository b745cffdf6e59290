"""InvokeFunction: what reaches the emulator and what comes back."""

import base64
import threading
from datetime import timedelta

import pytest
from api.conftest import echo
from api.harness import FC2, FC3
from fakes import make, s
from patience import WAIT_SECONDS
from rules import rule

from fcemu.core.settings import SPEC_START, Settings

ASYNC = {"X_Fc_Invocation_Type": "Async"}
BOTH = pytest.mark.parametrize("path", [FC2, FC3], ids=["2016-08-15", "2023-03-30"])


@BOTH
def test_a_synchronous_call_gets_what_the_handler_returned(served, path):
    reply = served.request("POST", path.format("echo"), b"\x00\xff")
    assert (reply.status, reply.body) == (200, b"\x00\xff")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert served.emulator.journal.invocations[reply.headers["x-fc-request-id"]].accepted.payload == b"\x00\xff"


@rule("async-invocation §1.3", "documented")
@BOTH
def test_an_asynchronous_call_is_kept_and_answered_without_a_body(served, path):
    reply = served.request("POST", path.format("echo"), b"x", X_Fc_Async_Delay="200", **ASYNC)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (202, b"", "0")
    assert "content-type" not in reply.headers
    invocation = served.emulator.journal.invocations[reply.headers["x-fc-request-id"]]
    assert (invocation.state, invocation.due) == ("Enqueued", SPEC_START + s(200))
    assert (invocation.accepted.payload, invocation.accepted.synchronous) == (b"x", False)


@rule("async-invocation §3", "documented")
@pytest.mark.parametrize(("delay", "seconds"), [("0", 0), ("", 0), ("007", 7), ("3600", 3600), (" 5 ", 5)])
def test_a_delay_is_whole_seconds_and_an_empty_one_is_none(served, delay, seconds):
    reply = served.request("POST", FC3.format("echo"), b"x", x_fc_async_delay=delay, x_fc_invocation_type="async")
    assert reply.status == 202
    due = served.emulator.journal.invocations[reply.headers["x-fc-request-id"]].due
    assert due - SPEC_START == timedelta(seconds=seconds)


@rule("async-invocation §2", "documented")
def test_the_largest_events_are_taken(served):
    assert served.request("POST", FC3.format("echo"), b"x" * 131_072, **ASYNC).status == 202
    assert len(served.request("POST", FC3.format("echo"), b"x" * 33_554_432).body) == 33_554_432


@rule("async-invocation §1.1", "documented")
@pytest.mark.parametrize(
    ("path", "qualifier"),
    [
        (FC2.format("echo"), "LATEST"),
        (FC2.format("echo").replace("media", "media."), "LATEST"),
        (FC2.format("echo").replace("media", "media.LATEST"), "LATEST"),
        (FC2.format("%65cho"), "LATEST"),
        (FC3.format("echo") + "?", "LATEST"),
        (FC3.format("echo") + "?qualifier=", "LATEST"),
        (FC3.format("echo") + "?other=1&qualifier=LATEST&qualifier=2", "LATEST"),
        ("http://fcv3.cn-hangzhou.aliyuncs.com" + FC3.format("echo") + "?qualifier=LATEST", "LATEST"),
    ],
)
def test_no_qualifier_and_an_empty_one_mean_latest(served, path, qualifier):
    reply = served.request("POST", path, b"x", **ASYNC)
    accepted = served.emulator.journal.invocations[reply.headers["x-fc-request-id"]].accepted
    assert (accepted.qualifier, accepted.function.name) == (qualifier, "echo")


def test_a_synchronous_call_moves_a_paused_clock_as_far_as_its_handler_sleeps(serve):
    def slow(call):
        call.clock.sleep(2.5)
        return b"rested"

    served = serve(slow=slow)
    reply = served.request("POST", FC3.format("slow"))
    assert (reply.body, reply.headers["x-fc-invocation-duration"]) == (b"rested", "2500")
    assert served.emulator.clock.now() == SPEC_START + s(2.5)


@rule("async-invocation §1.2", "documented")
def test_the_log_tail_is_the_last_4096_bytes(serve):
    def talkative(call):
        call.output.append("é" * 4000)
        return b""

    reply = serve(talkative=talkative).request("POST", FC3.format("talkative"), X_Fc_Log_Type="tail")
    tail = base64.b64decode(reply.headers["x-fc-log-result"])
    assert len(tail) == 4096
    assert tail.endswith(b"Memory Size: 512 MB, Max Memory Used: 64.00 MB")


@pytest.mark.parametrize(
    ("authorization", "key"),
    [
        ("FC LTAI:c2ln", "LTAI"),
        ("FC STS.1-2-3-4.2:c2ln", "STS.1-2-3-4.2"),
        ("ACS3-HMAC-SHA256 Credential=LTAI,SignedHeaders=host,Signature=00", "LTAI"),
        ("acs LTAI:c2ln", "LTAI"),
        ("Bearer abc", ""),
        ("nonsense", ""),
        (None, ""),
    ],
)
def test_the_callers_key_is_read_from_either_signature(serve, authorization, key):
    emulator, _ = make(echo=echo)
    seen = []
    served = serve(emulator)
    accept = emulator.accept
    emulator.accept = lambda asked: seen.append(asked) or accept(asked)
    headers = {} if authorization is None else {"Authorization": authorization}
    served.request("POST", FC3.format("echo"), b"x", **ASYNC, **headers)
    assert [asked.access_key_id for asked in seen] == [key]


def test_a_handler_that_calls_back_over_http_is_recognised_by_its_key(serve):
    def outer(call):
        return served.request("POST", FC3.format("inner"), b"x", Authorization=f"FC {call.access_key_id}:s").body

    def inner(call):
        call.clock.sleep(5)
        return b"inner"

    served = serve(outer=outer, inner=inner)
    assert served.request("POST", FC3.format("outer")).body == b"inner"
    assert served.emulator.clock.now() == SPEC_START + s(5)


def test_many_callers_at_once_each_get_their_own_answer(serve):
    served = serve(settings=Settings(rate=1), echo=echo)
    wrong = []

    def call(caller):
        with served.client() as ask:
            for n in range(50):
                body = f"{caller}-{n}".encode()
                if ask("POST", FC3.format("echo"), body).body != body:
                    wrong.append(body)

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(WAIT_SECONDS)
    assert wrong == []
    assert len(served.emulator.journal.invocations) == 400


def test_a_caller_that_leaves_does_not_end_what_it_began(serve):
    begun, go_on = threading.Event(), threading.Event()

    def waits(call):
        begun.set()
        go_on.wait(WAIT_SECONDS)
        return b"done"

    served = serve(settings=Settings(rate=1), waits=waits, echo=echo)
    with served.socket() as connection:
        connection.sendall(f"POST {FC3.format('waits')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert begun.wait(WAIT_SECONDS)
    go_on.set()
    assert served.request("POST", FC3.format("echo"), b"next").body == b"next"
    first = next(iter(served.emulator.journal.invocations.values()))
    assert first.accepted.function.name == "waits"
    served.emulator.wait(served.emulator.run_until_ended(first))
    assert first.state == "Succeeded"


def test_a_call_that_waits_is_refused_when_the_emulator_closes(serve):
    begun = threading.Event()

    def sleeps(call):
        begun.set()
        call.clock.sleep(3600)

    emulator, _ = make(settings=Settings(rate=1), timeout=86_400, sleeps=sleeps)
    served = serve(emulator)
    replies = []
    caller = threading.Thread(target=lambda: replies.append(served.request("POST", FC3.format("sleeps"))))
    caller.start()
    assert begun.wait(WAIT_SECONDS)
    emulator.close()
    caller.join(WAIT_SECONDS)
    assert [reply.status for reply in replies] == [503]
    assert replies[0].json()["Code"] == "ResourceThrottled"
    assert served.request("POST", FC3.format("sleeps")).status == 503
