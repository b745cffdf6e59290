"""Refused requests are facts: what a client swallows does not look as if nothing had happened."""

import json
import urllib.error
import urllib.request

import pytest

from fcemu.core import facts
from fcemu.testing import FCError, LocalEmulator

INVOKE = "/2023-03-30/functions/nobody/invocations"


@pytest.fixture
def emulator():
    with LocalEmulator(strict=False) as emulator:
        emulator.add("echo", lambda event, context: event)
        yield emulator


def ask(emulator, method, path, body=b"", **headers):
    """The status, the request id and the document of the answer."""
    request = urllib.request.Request(emulator.url + path, data=body or None, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["X-Fc-Request-Id"], answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers["X-Fc-Request-Id"], refused.read()


def refusals(emulator):
    return [fact for fact in emulator.journal if fact.kind == "Refused"]


def test_a_refused_invocation_is_a_fact_with_the_id_of_its_answer(emulator):
    status, request_id, body = ask(emulator, "POST", INVOKE, b"{}", Authorization="FC LTAIexample:x")
    assert status == 404
    (fact,) = refusals(emulator)
    assert (fact.request_id, fact.attempt, fact.function) == (request_id, None, "")
    assert fact.data == {
        "who": "LTAIexample",
        "what": f"POST {INVOKE}",
        "code": "FunctionNotFound",
        "message": json.loads(body)["Message"],
    }
    assert emulator.timeline().endswith(
        f"(refused)  POST {INVOKE} by LTAIexample was refused: FunctionNotFound: {fact.data['message']}"
    )


def test_refused_changes_and_messages_are_facts_but_reads_and_broken_requests_are_not(emulator):
    assert ask(emulator, "PUT", "/2023-03-30/functions/nobody", b"{}")[0] == 404
    assert ask(emulator, "POST", "/queues/nowhere/messages", b"<Message/>")[0] in (400, 404)
    told = [fact.data["what"] for fact in refusals(emulator)]
    assert told == ["PUT /2023-03-30/functions/nobody", "POST /queues/nowhere/messages"]

    assert ask(emulator, "GET", "/2023-03-30/functions/nobody")[0] == 404
    assert ask(emulator, "POST", "/2023-03-30/nothing", b"{}")[0] == 400
    assert ask(emulator, "POST", INVOKE, b"{}", Host="evil.example")[0] == 403
    assert ask(emulator, "POST", "/2023-03-30/functions", b"{")[0] == 400
    assert ask(emulator, "POST", "/queues/nowhere/messages", b"<")[0] == 400
    assert len(refusals(emulator)) == 2


def test_a_refused_call_of_a_handle_is_a_fact_too(emulator):
    with pytest.raises(FCError, match="EntityTooLarge"):
        emulator.function("echo").invoke_async("x" * 200_000)
    with pytest.raises(FCError, match="AsyncDelay"):
        emulator.function("echo").invoke_async("x", delay="2h")
    assert [fact.data["what"] for fact in refusals(emulator)] == ["invoke_async echo"] * 2


def test_the_ids_of_refusals_are_drawn_beside_those_of_invocations():
    def ids(refuse):
        with LocalEmulator(strict=False, seed=7) as emulator:
            emulator.add("echo", lambda event, context: event)
            if refuse:
                ask(emulator, "POST", INVOKE, b"{}")
            return [emulator.function("echo").invoke_async("x").request_id for _ in range(3)]

    assert ids(refuse=True) == ids(refuse=False)


def test_a_thousand_refusals_are_told_and_then_one_fact_says_so(emulator):
    note = emulator._engine.refusals.note
    for n in range(1100):
        note(f"r{n}", "", "POST /x", "FunctionNotFound", "gone")
    found = refusals(emulator)
    assert len(found) == 1001
    assert found[-1].data["code"] == ""
    assert emulator.timeline().endswith("1,000 refused requests are in the journal; it does not record further ones")


def test_a_refused_attempt_keeps_its_name_in_the_journal(emulator):
    emulator.faults.throttle("echo")
    emulator.function("echo").invoke_async("x")
    emulator.run_until_idle()
    (fact,) = refusals(emulator)
    assert (fact.attempt, fact.data["outcome"]["kind"]) == (1, "Throttled")
    record = json.loads(next(line for line in emulator._engine.journal.lines() if '"Refused"' in line))
    del record["n"], record["function"]
    assert isinstance(facts.from_json(record), facts.AttemptRefused)


def test_what_was_refused_is_still_there_after_a_restart(tmp_path):
    with LocalEmulator(strict=False, data=str(tmp_path / "kept.db")) as emulator:
        ask(emulator, "POST", INVOKE, b"{}")
        emulator.restart()
        assert [fact.data["code"] for fact in refusals(emulator)] == ["FunctionNotFound"]
