"""What every runtime does in the same way, whatever language it is for and wherever its handlers run."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fakes import s
from runtimes.every.conftest import seconds, without_loading, written

from fcemu.core.belongings import PROVISION
from fcemu.core.facts import HookRan
from fcemu.core.keys import secret_of
from fcemu.core.limits import STRICT
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings


@pytest.fixture
def sleeping(kind):
    """Only for runtimes whose handlers sleep virtually."""
    if not kind.sleeps_virtually:
        pytest.skip("a program of the user's sleeps in real time while the clock is paused")


def message(outcome):
    return json.loads(outcome.document)["errorMessage"]


# Payloads.


@pytest.mark.parametrize(
    "payload", [b"", b"text", "Grüße 世界".encode(), bytes(range(256)), b"\r\n\0" * 1000], ids=range(5)
)
def test_the_event_arrives_and_the_value_returns_byte_for_byte(world, payload):
    assert world.returned("echo", payload) == payload


def test_a_payload_may_be_as_large_as_fc_allows(make):
    world = make(Settings(limits=replace(STRICT, async_payload_bytes=8 << 20)))
    payload = os.urandom(1 << 20) * 6
    assert world.returned("echo", payload) == payload


# Errors.


def test_an_error_is_the_handlers_own_and_its_instance_is_used_again(world, kind):
    first, second = world.attempt("fails"), world.attempt("fails")
    assert first.outcome.error_type == kind.error_type
    assert kind.error_name in first.outcome.document.decode()
    assert message(first.outcome) == "not today"
    assert first.instance_id == second.instance_id


def test_an_error_is_in_the_log_after_what_was_written_before(world):
    log = world.attempt("fails").output
    assert log.index("before") < log.index("[ERROR]") < log.index("not today")


def test_a_handler_that_ends_its_process_ends_its_attempt_and_its_instance(world, kind):
    gone = world.attempt("exits")
    assert message(gone.outcome).startswith(kind.exit_text)
    assert gone.outcome.error_type == kind.exit_type
    assert "leaving" in gone.output
    after = world.attempt("exits", b"stay")
    assert after.outcome.payload == b"stayed"
    assert after.instance_id != gone.instance_id


def test_memory_beyond_memory_size_ends_the_instance(make, kind):
    if not kind.process:
        pytest.skip("inline handlers have the memory of the test's process")
    world = make(memory_mb=128)
    gone = world.attempt("eats", b"400")
    assert gone.outcome.name == "FunctionOOMError"
    assert message(gone.outcome).startswith("Process exited unexpectedly before completing request (duration: ")
    assert world.returned("eats", b"10") == b"10"


# Time.


def test_a_sleep_takes_virtual_time_only(world, sleeping):
    attempt = world.attempt("sleeps", b"3600")
    assert attempt.outcome.payload == b"woken"
    assert seconds(attempt) == 3600


def test_handlers_read_the_virtual_clock_before_and_after_a_sleep(make, sleeping):
    start = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    world = make(Settings(start=start))
    world.move(10)
    before, after = json.loads(world.returned("clock"))
    assert before[0] == (start + s(10)).timestamp()
    assert (round(after[0] - before[0], 6), round(after[1] - before[1], 6)) == (90, 90)


def test_a_timeout_strikes_at_its_instant_in_the_middle_of_a_sleep(make, sleeping):
    world = make(timeout=s(5))
    attempt = world.attempt("sleeps", b"3600")
    assert (attempt.word, seconds(attempt)) == ("timed out", 5)
    assert message(attempt.outcome).startswith("Function timed out after 5 seconds (")
    after = world.attempt("sleeps", b"1")
    assert after.outcome.payload == b"woken"
    assert after.instance_id != attempt.instance_id


def test_a_timeout_ends_a_busy_loop_on_a_flowing_clock(make, kind):
    world = make(Settings(rate=60 / kind.starts), timeout=s(60))
    attempt = world.attempt("spins")
    assert (attempt.word, seconds(attempt)) == ("timed out", 60)
    assert world.returned("spins", b"stop") == b"stopped"


def test_the_watchdog_ends_a_busy_loop_on_a_paused_clock(make, kind):
    world = make(Settings(watchdog=s(kind.starts + 0.1)), timeout=s(60))
    attempt = world.attempt("spins")
    assert (attempt.word, seconds(attempt)) == ("timed out", 60)
    assert "spinning" in attempt.output
    assert world.returned("spins", b"stop") == b"stopped"


def test_a_hundred_attempts_that_sleep_overlap(world, sleeping):
    invocations = [world.accept("sleeps", b"10") for _ in range(100)]
    world.move()
    attempts = [attempt for invocation in invocations for attempt in invocation.attempts]
    assert {(attempt.word, seconds(attempt)) for attempt in attempts} == {("returned", 10)}
    assert len({attempt.instance_id for attempt in attempts}) == 100


def test_what_is_parked_beyond_a_move_stays_parked_and_ends_with_the_emulator(make, sleeping):
    world = make()
    invocation = world.accept("sleeps", b"100")
    world.move(50)
    (attempt,) = invocation.attempts
    assert attempt.ended is None
    world.emulator.close()


def test_a_sleep_flows_with_a_flowing_clock(make, sleeping):
    world = make(Settings(rate=1000.0))
    attempt = world.attempt("sleeps", b"100")
    assert attempt.word == "returned"
    assert seconds(attempt) >= 100


# Logs.


def test_all_that_is_written_is_in_the_log_of_its_attempt_in_order(world):
    first, second = world.attempt("says", b"3"), world.attempt("says", b"4")
    assert [line for line in written(first).splitlines() if line] == ["one", "two", "3"]
    assert [line for line in written(second).splitlines() if line] == ["one", "two", "4"]


def test_output_that_is_not_utf_8_is_kept(world):
    log = world.attempt("says", b"\xff\xfe caf\xc3\xa9").output
    assert log.encode("utf-8", "surrogateescape").count(b"\xff\xfe caf\xc3\xa9") == 1


def test_one_write_is_cut_at_128_kilobytes(world, kind):
    if not kind.cuts_writes:
        pytest.skip("nothing of FC stands between the program and its log")
    log = written(world.attempt("writes", b"1000000"))
    assert log.count("x") == 128 * 1024


def test_output_larger_than_any_pipe_arrives_whole(world):
    log = written(world.attempt("fills", b"2000"))
    assert [len(line) for line in log.splitlines()] == [999] * 2000


# What a handler knows of itself.


def test_the_context_tells_whose_attempt_it_is(make):
    world = make(memory_mb=256)
    invocation = world.accept("context")
    world.move()
    told = json.loads(invocation.attempts[0].outcome.payload)
    assert told == [invocation.id, "context", "index.handler", 256, "cn-hangzhou", "1234567890123456"]


def test_a_handler_has_temporary_keys_of_its_attempt_by_which_it_calls_back(make):
    world = make()
    invocation = world.accept("keys")
    world.move()
    key_id, secret, token = json.loads(invocation.attempts[0].outcome.payload)
    assert key_id == f"STS.{invocation.id}.1"
    assert secret == secret_of(key_id)
    assert token


def test_the_environment_is_that_of_fc_and_the_function(make, monkeypatch):
    monkeypatch.setenv("FC_OF_THE_TEST", "never seen")
    monkeypatch.setenv("OF_THE_TEST", "seen")
    monkeypatch.setenv("TZ", "America/New_York")
    world = make(environment={"STAGE": "test", "FC_STAGE": "reserved"})
    names = ["STAGE", "FC_STAGE", "FC_OF_THE_TEST", "OF_THE_TEST", "FC_FUNCTION_NAME", "FC_REGION", "FCEMU_URL"]
    told = json.loads(world.returned("environment", json.dumps(names).encode()))
    assert told == ["test", None, None, "seen", "environment", "cn-hangzhou", "http://emulator"]


def test_each_attempt_has_temporary_keys_of_its_own(world, kind):
    if not kind.keys_in_environment:
        pytest.skip("a program gets them with each request")
    names = json.dumps(["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_SECURITY_TOKEN"]).encode()
    invocations = [world.accept("environment", names) for _ in range(2)]
    world.move()
    told = [json.loads(invocation.attempts[0].outcome.payload) for invocation in invocations]
    assert [key for key, _ in told] == [f"STS.{invocation.id}.1" for invocation in invocations]
    assert told[0][1] != told[1][1]


# Instances.


def test_an_instance_keeps_its_state_from_one_attempt_to_the_next(make):
    world = make()
    assert [world.returned("counts") for _ in range(3)] == [b"1", b"2", b"3"]


@pytest.fixture
def hooks(kind):
    """Only for runtimes that are tested with a handler that has hooks."""
    if not kind.hooks:
        pytest.skip("its hooks are tested by themselves")


def test_the_initializer_runs_once_before_the_first_handler(make, hooks):
    world = make(initializer="index.initialize")
    first, second = world.attempt("initializes"), world.attempt("initializes")
    assert first.outcome.payload == second.outcome.payload != b"0"
    lines = [line.rpartition(" RequestId")[0] or line for line in written(first).splitlines()]
    assert [line[-19:] for line in lines] == [
        "FC Initialize Start",
        "as index.initialize",
        "FC Initialize End",
        "handling",
    ]
    assert second.output.splitlines()[-1].endswith("handling")
    assert (seconds(first), seconds(second)) == (2, 0)


@pytest.mark.parametrize(("hook", "says"), [("fail", "no database"), ("sleep", "timed out after 3 seconds")])
def test_an_initializer_that_fails_fails_the_attempt_and_its_instance(make, hooks, hook, says):
    world = make(initializer=f"index.{hook}")
    first, second = world.attempt("initializes"), world.attempt("initializes")
    assert first.outcome.error_type == "InitializationError"
    assert says in message(first.outcome)
    assert "handling" not in written(first)
    assert first.instance_id != second.instance_id
    assert seconds(first) == (3 if hook == "sleep" else 0)


def test_the_hook_before_an_instance_is_frozen_changes_no_result(make, hooks):
    world = make(pre_freeze="index.leave")
    attempt = world.attempt("initializes")
    assert attempt.word == "returned"
    assert attempt.output.index("handling") < attempt.output.index("leaving")
    assert make(pre_freeze="index.fail").attempt("initializes").word == "returned"


def hook_runs(world):
    return [fact for fact in world.emulator.journal if isinstance(fact, HookRan)]


@pytest.mark.parametrize("hook", ["leave", "fail", "sleep"])
def test_the_hook_before_an_instance_is_stopped_runs_when_it_was_idle_and_delays_nobody(make, hooks, hook):
    world = make(pre_stop=f"index.{hook}")
    attempt = world.attempt("initializes")
    assert not hook_runs(world)
    world.move(310)
    (ran,) = hook_runs(world)
    assert (ran.hook, ran.instance_id) == ("pre-stop", attempt.instance_id)
    assert (ran.at - attempt.ended).total_seconds() == (303 if hook == "sleep" else 300)
    lines = [line.replace(ran.request_id, "ID") for line in without_loading(ran.output).splitlines()]
    failed = "" if hook == "leave" else ", Error: Unhandled PreStop error"
    said = ["leaving"] if hook == "leave" else []
    assert lines == ["FC PreStop Start RequestId: ID", *said, f"FC PreStop End RequestId: ID{failed}"]
    assert world.attempt("initializes").instance_id != attempt.instance_id


@pytest.mark.parametrize(("hook", "error"), [("initialize", ""), ("fail", "LookupError")])
def test_the_initializer_of_a_provisioned_instance_runs_before_there_is_work(make, hooks, hook, error):
    world = make(initializer=f"index.{hook}")
    world.emulator.furnishings.put_capacity(PROVISION, FunctionRef("initializes"), "LATEST", {"target": 1})
    world.move()
    (ran,) = hook_runs(world)
    assert (ran.hook, ran.error) == ("initializer", error)
    assert f"FC Initialize Start RequestId: {ran.request_id}" in ran.output
    attempt = world.attempt("initializes")
    assert (attempt.instance_id == ran.instance_id) == (not error)
    if not error:
        assert (written(attempt), seconds(attempt)) == ("handling\n", 0)


# The whole.


def test_the_same_seed_gives_the_same_journal(make, kind):
    journals = []
    names = ["echo", "fails", "says", "context", "exits"] + ["sleeps"] * kind.sleeps_virtually
    for _ in range(2):
        world = make(Settings(seed=11))
        for name in names:
            world.accept(name, b"7")
        world.move()
        journals.append(world.journal())
    assert journals[0] == journals[1]
