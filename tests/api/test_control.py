"""fcemu's own API: the clock, moves, problems, reset."""

import json
import threading
from datetime import timedelta

import pytest
from api.conftest import echo
from api.harness import FC3
from fakes import ask, make, s
from patience import WAIT_SECONDS

from fcemu.api.server import ApiServer
from fcemu.api.state import ServerState
from fcemu.core.settings import SPEC_START, Settings


def problem(reply):
    """The document of a problem, after a look at what all of them share."""
    document = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert document["status"] == reply.status
    assert document["title"]
    return document


def test_a_route_without_a_handler_is_noticed_when_the_server_is_made():
    with pytest.raises(LookupError, match=r"routes of /_fcemu/ without a handler: list_queues, "):
        ApiServer(ServerState(version="1.2.3"))  # no service has the routes of queues and topics


def test_health_names_the_version(served):
    assert served.json("GET", "/health") == {"status": "ok", "version": "1.2.3"}


def test_the_clock_is_shown_and_changed(served):
    served.emulator.accept(ask("echo", delay=7))
    shown = {
        "now": "2026-01-01T00:00:00.000000Z",
        "started": "2026-01-01T00:00:00.000000Z",
        "rate": 0.0,
        "autojump": False,
        "next_due": "2026-01-01T00:00:07.000000Z",
        "in_flight": 0,
        "behind": 0,
    }
    assert served.json("GET", "/clock") == shown
    assert served.json("PATCH", "/clock", {}) == shown
    changed = served.json("PATCH", "/clock", {"rate": 0.001})
    assert (changed["rate"], served.emulator.rate) == (0.001, 0.001)
    assert served.json("PATCH", "/clock", {"rate": 0})["rate"] == 0
    assert served.json("PATCH", "/clock", {"autojump": True})["autojump"] is True


@pytest.mark.parametrize(
    "body", [{"seconds": 200}, {"by": "3m20s"}, {"by": 200}, {"to": "2026-01-01T00:03:20Z"}, {"to": "+200s"}]
)
def test_a_move_runs_what_falls_due_and_tells_how_many_facts_that_made(served, body):
    for delay in (199, 200, 201):
        served.emulator.accept(ask("echo", delay=delay))
    moved = served.json("POST", "/clock/advance", body)
    assert moved == {"now": "2026-01-01T00:03:20.000000Z", "after": 3, "facts": 9}
    assert [one.state for one in served.emulator.journal.invocations.values()] == ["Succeeded"] * 2 + ["Enqueued"]


def test_a_move_to_the_next_due_instant_and_one_until_idle(served):
    for delay in (5, 5, 9):
        served.emulator.accept(ask("echo", delay=delay))
    assert served.json("POST", "/clock/run-next")["now"] == "2026-01-01T00:00:05.000000Z"
    assert served.json("POST", "/clock/run-until-idle", {})["now"] == "2026-01-01T00:00:09.000000Z"
    assert served.json("POST", "/clock/run-next", {}) == {"now": "2026-01-01T00:00:09.000000Z", "after": 16, "facts": 0}


def test_others_are_served_while_a_move_runs(serve):
    begun, go_on = threading.Event(), threading.Event()

    def waits(call):
        begun.set()
        go_on.wait(WAIT_SECONDS)
        return b""

    served = serve(waits=waits)
    served.emulator.accept(ask("waits"))
    moved = []
    mover = threading.Thread(target=lambda: moved.append(served.json("POST", "/clock/advance", {"seconds": 1})))
    mover.start()
    assert begun.wait(WAIT_SECONDS)
    assert served.json("GET", "/clock")["in_flight"] == 1
    assert "index" not in served.json("GET", "/explain")["text"]
    go_on.set()
    mover.join(WAIT_SECONDS)
    assert moved[0]["now"] == "2026-01-01T00:00:01.000000Z"


def test_what_is_not_idle_in_time_is_a_problem_that_explains(served):
    served.emulator.accept(ask("echo", delay=100))
    reply = served.request("POST", "/_fcemu/clock/run-until-idle", b'{"at_most_seconds": 99}')
    found = problem(reply)
    assert (found["status"], found["type"]) == (409, "not-idle")
    assert found["detail"] == "work is left after 0:01:39 of virtual time"
    assert "due next:\n" in found["explain"]
    assert served.emulator.clock.now() == SPEC_START + s(99)


@pytest.mark.parametrize("body", [{"seconds": -1}, {"by": "-1s"}, {"to": "2025-12-31T23:59:59Z"}])
def test_time_does_not_go_back(served, body):
    found = problem(served.request("POST", "/_fcemu/clock/advance", json.dumps(body).encode()))
    assert (found["status"], found["type"]) == (409, "backwards")
    assert found["detail"].startswith("time does not go back")
    assert "nothing is due" in found["explain"]


def test_a_clock_that_is_stuck_in_real_time_is_a_problem_and_its_move_is_over(serve):
    go_on = threading.Event()
    emulator, _ = make(stuck=lambda call: go_on.wait(WAIT_SECONDS) and b"")
    emulator.patience = 0.05
    served = serve(emulator)
    emulator.accept(ask("stuck"))
    emulator.accept(ask("stuck", delay=1))
    try:
        found = problem(served.request("POST", "/_fcemu/clock/advance", b'{"seconds": 5}'))
    finally:
        go_on.set()
    assert (found["status"], found["type"]) == (409, "clock-stuck")
    assert found["detail"] == "no progress for 0.05 real seconds"
    assert "in flight" in found["explain"]
    assert emulator.clock.now() == SPEC_START


def test_a_move_ends_when_the_emulator_is_closed(serve):
    begun, go_on = threading.Event(), threading.Event()
    emulator, _ = make(waits=lambda call: begun.set() or go_on.wait(WAIT_SECONDS) or b"")
    served = serve(emulator)
    emulator.accept(ask("waits"))
    replies = []
    mover = threading.Thread(
        target=lambda: replies.append(served.request("POST", "/_fcemu/clock/advance", b'{"seconds": 1}'))
    )
    mover.start()
    assert begun.wait(WAIT_SECONDS)
    emulator.close()
    mover.join(WAIT_SECONDS)
    go_on.set()
    assert problem(replies[0])["type"] == "closed"
    assert problem(served.request("POST", "/_fcemu/clock/run-next"))["type"] == "closed"


@pytest.mark.parametrize(
    ("method", "path", "body", "detail"),
    [
        ("POST", "/clock/advance", b"{", "the body is not JSON: Expecting property name enclosed in double quotes"),
        ("POST", "/clock/advance", b"\xff", "the body is not JSON: 'utf-8' codec can't decode"),
        ("POST", "/clock/advance", b"[" * 100_000, "the body is nested too deeply"),
        ("POST", "/clock/advance", b"[5]", "the body: expected an object, got [5] (a list)"),
        ("POST", "/clock/advance", b"5", "the body: expected an object, got 5 (a number)"),
        ("POST", "/clock/advance", b"", "expected exactly one of the fields seconds, by, to, got none"),
        (
            "POST",
            "/clock/advance",
            b'{"seconds": 1, "by": 2}',
            "expected exactly one of the fields seconds, by, to, got seconds, by",
        ),
        ("POST", "/clock/advance", b'{"second": 1}', "there is no field 'second'; did you mean 'seconds'? Expected: "),
        ("POST", "/clock/advance", b'{"seconds": "1"}', "field 'seconds': expected a number, got \"1\" (a string)"),
        ("POST", "/clock/advance", b'{"seconds": true}', "field 'seconds': expected a number, got true (a boolean)"),
        ("POST", "/clock/advance", b'{"seconds": NaN}', "field 'seconds': expected a number, got NaN (a number)"),
        ("POST", "/clock/advance", b'{"seconds": 1e300}', "field 'seconds': expected a number"),
        ("POST", "/clock/advance", b'{"seconds": 1e12}', "field 'seconds': the clock cannot go beyond the year 9999"),
        ("POST", "/clock/advance", b'{"by": "soon"}', "field 'by': expected a duration like \"1"),
        ("POST", "/clock/advance", b'{"by": {}}', "field 'by': expected a duration"),
        (
            "POST",
            "/clock/advance",
            b'{"to": "2026-01-01"}',
            "field 'to': expected an instant",
        ),
        ("POST", "/clock/advance", b'{"to": 5}', "field 'to': expected an instant like"),
        ("POST", "/clock/run-next", b'{"seconds": 1}', "there is no field 'seconds'; expected: none"),
        (
            "POST",
            "/clock/run-until-idle",
            b'{"at_most_seconds": -1}',
            "field 'at_most_seconds': expected a number of 0",
        ),
        (
            "PATCH",
            "/clock",
            b'{"rate": -1}',
            "field 'rate': expected a number from 0 to 1000000, got -1 (a number)",
        ),
        ("PATCH", "/clock", b'{"autojump": 1}', "field 'autojump': expected true or false, got 1 (a number)"),
        (
            "POST",
            "/reset",
            b'{"seed": 1.5}',
            "field 'seed': expected a whole number from 0 to 9223372036854775807, got 1.5",
        ),
        ("POST", "/reset", b'{"start": null}', "field 'start': expected an instant like"),
        ("GET", "/clock?rate=1", None, "there is no parameter 'rate'; expected: none"),
        ("PATCH", "/clock?rate=1", b"{}", "there is no parameter 'rate'; expected: none"),
        ("POST", "/clock/advance?seconds=1", b"", "there is no parameter 'seconds'; expected: none"),
        ("POST", "/reset?seed=1", b"{}", "there is no parameter 'seed'; expected: none"),
        (
            "GET",
            "/journal?after=-1",
            None,
            "parameter 'after': expected a whole number of 0 or more, got \"-1\" (a string)",
        ),
        ("GET", "/journal?follow=maybe", None, "parameter 'follow': expected 1 or 0, got \"maybe\" (a string)"),
        ("GET", "/journal?function=a/b/c", None, "parameter 'function': expected the name of a function"),
        ("GET", "/timeline?format=pdf", None, "parameter 'format': expected text, chrome or otlp, got \"pdf\""),
        ("GET", "/invocations?status=Done", None, "parameter 'status': expected Enqueued, D"),
        ("GET", "/invocations?limit=all", None, "parameter 'limit': expected a whole number of 0 or more, got \"all\""),
        ("GET", "/invocations?after=nope", None, "after: there is no invocation 'nope'"),
        ("GET", "/invocations?state=Failed", None, "there is no parameter 'state'; did you mean 'status'?"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_was_expected(served, method, path, body, detail):
    found = problem(served.request(method, f"/_fcemu{path}", body))
    assert found["status"] == 400
    assert found["detail"].startswith(detail)
    assert len(served.emulator.journal) == 0
    assert served.emulator.clock.now() == SPEC_START


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nothing", 404, "there is nothing at /_fcemu/nothing"),
        ("POST", "/health", 405, "/_fcemu/health takes GET, not POST"),
        ("DELETE", "/clock", 405, "/_fcemu/clock takes GET, PATCH, not DELETE"),
        ("POST", "/", 405, "/_fcemu/ takes GET, not POST"),
        ("POST", "/openapi.json", 405, "/_fcemu/openapi.json takes GET, not POST"),
        ("POST", "/metrics", 405, "/_fcemu/metrics takes GET, not POST"),
        ("POST", "/queues/a/messages", 400, "expected the field body: the message as a string"),
        ("GET", "/eventbuses/a/messages", 404, "there is no eventbus 'a'"),
        ("GET", "/queues/a/messages?waiting=1", 404, "there is no queue 'a'"),
        ("POST", "/reset", 501, "not supported yet: resetting this emulator"),
    ],
)
def test_what_is_not_there_says_whether_it_will_be(served, method, path, status, detail):
    found = problem(served.request(method, f"/_fcemu{path}"))
    assert found["status"] == status
    assert found["detail"].startswith(detail)


def test_a_body_that_is_too_large_is_a_problem(served):
    found = problem(served.request("POST", "/_fcemu/reset", b" " * 2_000_000))
    assert (found["status"], found["type"]) == (413, "too-large")


def test_reset_puts_a_new_emulator_behind_the_server(serve):
    asked = []

    def reset(options):
        asked.append(options)
        served.api.state.emulator.close()
        again, _ = make(settings=Settings(**options), echo=echo)
        served.api.state.put(again, reset)

    served = serve(echo=echo, server={"reset": reset})
    assert served.request("POST", FC3.format("echo"), b"x").status == 200
    clock = served.json("POST", "/reset", {"seed": 5, "start": "2030-01-01T00:00:00Z"})
    assert asked == [{"seed": 5, "start": SPEC_START.replace(year=2030)}]
    assert clock["now"] == clock["started"] == "2030-01-01T00:00:00.000000Z"
    assert served.json("GET", "/invocations") == []
    served.json("POST", "/reset", {"start": "+1h"})
    assert asked[1] == {"start": SPEC_START.replace(year=2030) + timedelta(hours=1)}


def test_a_reset_that_is_refused_is_a_problem(serve):
    def reset(options):
        raise ValueError("option seed: it is taken")

    served = serve(echo=echo, server={"reset": reset})
    assert problem(served.request("POST", "/_fcemu/reset", b'{"seed": 1}'))["detail"].startswith("option seed")
