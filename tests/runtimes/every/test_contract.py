"""What every runtime does in the same way, whatever language it is for and wherever its handlers run."""

import json
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from select import select

import pytest
from fakes import s
from rules import rule
from runtimes.every.conftest import seconds, without_loading, written
from runtimes.test_kills import wait_until

from fcemu.core.capacity import PROVISION
from fcemu.core.facts import HookRan
from fcemu.core.invocation import State
from fcemu.core.keys import PREDICTABLE
from fcemu.core.limits import STRICT
from fcemu.core.names import FunctionRef
from fcemu.core.output import LIMIT_BYTES, RESULT_BYTES
from fcemu.core.resource_types import CAPACITIES
from fcemu.core.settings import Settings

FULL = os.environ.get("FCEMU_EFFORT") == "full"
MANY = 100 if FULL else 30
"""Each is a process, where handlers run in processes."""
LOOK_SECONDS = 0.1
"""Real seconds between two looks whether what must not have ended yet has failed."""


@pytest.fixture
def parks(kind):
    """Only for runtimes whose handlers sleep virtually on a paused clock."""
    if kind.rate:
        pytest.skip("nothing ends the sleep of a program while its clock stands still; it flows on a clock that does")


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


def test_a_result_may_be_as_large_as_an_event_and_no_larger(world):
    assert len(world.returned("swells", f"returns:{RESULT_BYTES}".encode())) == RESULT_BYTES
    attempt = world.attempt("swells", f"returns:{RESULT_BYTES + 1}".encode())
    assert attempt.outcome.error_type == "UnhandledInvocationError"
    assert message(attempt.outcome) == "The result is larger than 33554432 bytes, the most that a caller gets"
    assert world.attempt("swells", b"returns:1").instance_id == attempt.instance_id


def test_an_error_that_is_larger_is_replaced_by_one_that_says_so(world, kind):
    attempt = world.attempt("swells", f"fails:{RESULT_BYTES}".encode())
    assert attempt.outcome.error_type == kind.error_type
    assert message(attempt.outcome) == "The error is larger than 33554432 bytes, the most that a caller gets"
    assert len(attempt.output) <= LIMIT_BYTES + 1000


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


@pytest.mark.usefixtures("parks")
def test_a_sleep_takes_virtual_time_only(world):
    attempt = world.attempt("sleeps", b"3600")
    assert attempt.outcome.payload == b"woken"
    assert seconds(attempt) == 3600


@pytest.mark.usefixtures("rate")
def test_handlers_read_the_virtual_clock_which_stands_still_between_moves(make):
    world = make(Settings(start=datetime(2031, 5, 4, 3, 2, 1, 250000, tzinfo=UTC)))
    for _ in range(2):
        world.move(10)
        now = world.emulator.clock.now().timestamp()
        (seen, _), _ = json.loads(world.returned("clock", b"0"))
        assert seen == pytest.approx(now, abs=1e-5)


def test_both_clocks_that_handlers_read_go_on_while_they_sleep(make, rate):
    world = make(Settings(rate=rate))
    before, after = json.loads(world.returned("clock", b"20"))
    for earlier, later in zip(before, after, strict=True):
        assert world.is_as_late_as(round(later - earlier, 5), 20)


def test_a_timeout_strikes_at_its_instant_in_the_middle_of_a_sleep(make, rate):
    world = make(Settings(rate=rate), timeout=s(60))
    assert world.returned("sleeps", b"0.1") == b"woken"
    attempt = world.attempt("sleeps", b"3600")
    assert (attempt.word, seconds(attempt)) == ("timed out", 60)
    assert message(attempt.outcome).startswith("Function timed out after 60 seconds (")
    after = world.attempt("sleeps", b"1")
    assert after.outcome.payload == b"woken"
    assert after.instance_id != attempt.instance_id


def test_a_timeout_ends_a_busy_loop_on_a_flowing_clock(make):
    world = make(Settings(rate=60.0), timeout=s(60))
    assert world.unhurried("spins", b"stop") == b"stopped"
    attempt = world.attempt("spins")
    assert (attempt.word, seconds(attempt)) == ("timed out", 60)
    assert world.unhurried("spins", b"stop") == b"stopped"


def test_the_watchdog_ends_a_busy_loop_on_a_paused_clock(make):
    world = make(Settings(watchdog=s(2)), timeout=s(60))
    assert world.unhurried("spins", b"stop") == b"stopped"
    attempt = world.attempt("spins")
    assert (attempt.word, seconds(attempt)) == ("timed out", 60)
    assert "spinning" in attempt.output
    assert world.unhurried("spins", b"stop") == b"stopped"


@pytest.mark.usefixtures("parks")
def test_many_attempts_that_sleep_overlap(world):
    invocations = [world.accept("sleeps", b"10") for _ in range(MANY)]
    world.move()
    attempts = [attempt for invocation in invocations for attempt in invocation.attempts]
    assert {(attempt.word, seconds(attempt)) for attempt in attempts} == {("returned", 10)}
    assert len({attempt.instance_id for attempt in attempts}) == MANY


def test_many_attempts_run_at_the_same_time_on_a_flowing_clock(make, tmp_path):
    attempts = meeting(make(Settings(rate=1.0)), tmp_path / "meeting", MANY)
    assert len({attempt.instance_id for attempt in attempts}) == MANY


def meeting(world, path, count):
    """The attempts of so many invocations that are all there at the same time before one of them ends."""
    with fifo(f"{path}.here") as here, fifo(f"{path}.go") as go:
        invocations = [world.accept("meets", str(path).encode()) for _ in range(count)]
        there = b""
        while len(there) < count:
            if select([here], [], [], LOOK_SECONDS)[0]:
                there += os.read(here, count)
            assert not [invocation.attempts for invocation in invocations if invocation.ended], world.emulator.explain()
        assert there == b"." * count
        os.write(go, bytes(range(count)))
        world.move()
    attempts = [attempt for invocation in invocations for attempt in invocation.attempts]
    assert {attempt.word for attempt in attempts} == {"returned"}
    assert sorted(attempt.outcome.payload for attempt in attempts) == [bytes([number]) for number in range(count)]
    return attempts


@contextmanager
def fifo(path):
    """A new pipe with a name, at both of its ends, so that nobody who opens it waits."""
    os.mkfifo(path)
    opened = os.open(path, os.O_RDWR)
    try:
        yield opened
    finally:
        os.close(opened)


@pytest.mark.usefixtures("parks")
def test_what_is_parked_beyond_a_move_stays_parked_and_ends_with_the_emulator(make):
    world = make()
    invocation = world.accept("sleeps", b"100")
    world.move(50)
    (attempt,) = invocation.attempts
    assert attempt.ended is None
    world.emulator.close()


@pytest.mark.usefixtures("rate")
def test_a_sleep_flows_with_a_flowing_clock(make):
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


def test_one_write_is_cut_where_the_runtime_of_fc_cuts_it(world, kind):
    log = written(world.attempt("writes", b"1000000"))
    assert log.count("x") == (kind.write_limit or 1_000_000)


def test_output_larger_than_any_pipe_arrives_whole(world):
    log = written(world.attempt("fills", b"2000"))
    assert [len(line) for line in log.splitlines()] == [999] * 2000


def test_of_more_output_than_ten_megabytes_the_begin_and_the_end_are_kept(world):
    lines = written(world.attempt("fills", b"12000")).splitlines()
    kept = [line for line in lines if line == "y" * 999]
    (left_out,) = [line for line in lines if "left" in line]
    assert 10_000 < len(kept) < LIMIT_BYTES / 1000
    assert 12_000_000 - LIMIT_BYTES <= int(re.search(r"left (\d+) bytes out", left_out)[1]) < 12_000_500 - LIMIT_BYTES


def test_what_never_stops_writing_holds_up_no_attempt(world, kind):
    if not kind.process:
        pytest.skip("what inline handlers start writes to the test's own output")
    assert [world.returned("yells", event) for event in (b"start", b"", b"")] == [b"done"] * 3


# What a handler knows of itself.


def test_the_context_tells_whose_attempt_it_is(make):
    world = make(memory_mb=256)
    invocation = world.accept("context")
    world.move()
    told = json.loads(invocation.attempts[0].outcome.payload)
    assert told == [invocation.id, "context", "index.handler", 256, "cn-hangzhou", "1234567890123456"]


def test_a_handler_has_temporary_keys_of_its_attempt_by_which_it_calls_back(world):
    tokens = set()
    for _ in range(2):
        invocation = world.accept("keys")
        world.move()
        key_id, secret, token = json.loads(invocation.attempts[0].outcome.payload)
        assert (key_id, secret) == (f"STS.{invocation.id}.1", PREDICTABLE.secret_of(key_id))
        tokens.add(token)
    assert len(tokens) == 2


def test_the_environment_is_that_of_fc_and_the_function(make, monkeypatch):
    monkeypatch.setenv("FC_OF_THE_TEST", "never seen")
    monkeypatch.setenv("OF_THE_TEST", "seen")
    monkeypatch.setenv("TZ", "America/New_York")
    world = make(environment={"STAGE": "test", "FC_STAGE": "reserved"})
    names = ["STAGE", "FC_STAGE", "FC_OF_THE_TEST", "OF_THE_TEST", "FC_FUNCTION_NAME", "FC_REGION", "FCEMU_URL"]
    told = json.loads(world.returned("environment", json.dumps(names).encode()))
    assert told == ["test", None, None, "seen", "environment", "cn-hangzhou", "http://emulator"]


def test_temporary_keys_are_in_the_environment_too(world, kind):
    names = json.dumps(["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_SECURITY_TOKEN"]).encode()
    invocations = [world.accept("environment", names) for _ in range(2)]
    world.move()
    told = [json.loads(invocation.attempts[0].outcome.payload) for invocation in invocations]
    owners = invocations if kind.keys_in_environment else invocations[:1] * 2
    assert [key for key, _ in told] == [f"STS.{invocation.id}.1" for invocation in owners]
    assert len({token for _, token in told}) == len(set(owners))


# Instances.


def test_an_instance_keeps_its_state_from_one_attempt_to_the_next(make):
    world = make()
    assert [world.returned("counts") for _ in range(3)] == [b"1", b"2", b"3"]


def test_an_instance_takes_as_many_attempts_at_the_same_time_as_fc_allows(make, kind, tmp_path):
    attempts = meeting(make(Settings(rate=1.0), instance_concurrency=3), tmp_path / "meeting", 6)
    instances = [attempt.instance_id for attempt in attempts]
    assert sorted(map(instances.count, set(instances))) == ([3, 3] if kind.takes_several else [1] * 6)


def test_an_instance_that_was_idle_for_long_enough_is_replaced(make):
    world = make()
    first, second = world.attempt("counts"), world.attempt("counts")
    world.move(299)
    third = world.attempt("counts")
    world.move(301)
    last = world.attempt("counts")
    assert first.instance_id == second.instance_id == third.instance_id != last.instance_id


# Hooks. What is not to take too long has as much time as FC allows: on a flowing clock a busy machine costs some of it.

LONG = s(300)


def test_the_initializer_runs_once_before_the_first_handler(make, rate):
    world = make(Settings(rate=rate), initializer="index.initialize", initialization_timeout=LONG)
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
    assert world.lasted(first, 2)
    assert world.lasted(second, 0)


@pytest.mark.parametrize(
    ("hook", "timeout", "says"), [("fail", LONG, "no database"), ("sleep", s(3), "timed out after 3 seconds")]
)
def test_an_initializer_that_fails_fails_the_attempt_and_its_instance(make, rate, hook, timeout, says):
    world = make(Settings(rate=rate), initializer=f"index.{hook}", initialization_timeout=timeout)
    first, second = world.attempt("initializes"), world.attempt("initializes")
    assert first.outcome.error_type == "InitializationError"
    assert says in message(first.outcome)
    assert "handling" not in written(first)
    assert first.instance_id != second.instance_id
    assert world.lasted(first, 3 if hook == "sleep" else 0)


def test_the_timeout_of_a_function_counts_from_the_start_of_its_handler(make, rate):
    timeout = s(60 if rate else 1)
    initializer = {"initializer": "index.initialize", "initialization_timeout": LONG}
    world = make(Settings(rate=rate), timeout=timeout, **initializer)
    attempt = world.attempt("initializes", b"1000")
    assert attempt.word == "timed out"
    assert "handling" in written(attempt)
    assert world.lasted(attempt, 2 + timeout.total_seconds())


@pytest.mark.parametrize(("hook", "timeout"), [("leave", LONG), ("fail", LONG), ("sleep", s(3))])
def test_the_hook_before_an_instance_is_frozen_changes_no_result(make, rate, hook, timeout):
    world = make(Settings(rate=rate), pre_freeze=f"index.{hook}", pre_freeze_timeout=timeout)
    attempt = world.attempt("initializes")
    assert attempt.word == "returned"
    lines = [line.rpartition(" RequestId")[0] or line.rpartition(" ")[2] for line in written(attempt).splitlines()]
    said = ["leaving"] if hook == "leave" else []
    assert lines == ["handling", "FC PreFreeze Start", *said, "FC PreFreeze End"]
    assert ("Unhandled PreFreeze error" in attempt.output) == (hook != "leave")


def hook_runs(world):
    return [fact for fact in world.emulator.journal if isinstance(fact, HookRan)]


@pytest.mark.parametrize(("hook", "timeout"), [("leave", LONG), ("fail", LONG), ("sleep", s(3))])
def test_the_hook_before_an_instance_is_stopped_runs_when_it_was_idle_and_delays_nobody(make, rate, hook, timeout):
    world = make(Settings(rate=rate), pre_stop=f"index.{hook}", pre_stop_timeout=timeout)
    attempt = world.attempt("initializes")
    assert not hook_runs(world)
    world.move(310)
    (ran,) = hook_runs(world)
    assert (ran.hook, ran.instance_id) == ("pre-stop", attempt.instance_id)
    assert world.is_as_late_as((ran.at - attempt.ended).total_seconds(), 303 if hook == "sleep" else 300)
    lines = [line.replace(ran.request_id, "ID") for line in without_loading(ran.output).splitlines()]
    failed = "" if hook == "leave" else ", Error: Unhandled PreStop error"
    said = ["leaving"] if hook == "leave" else []
    assert lines == ["FC PreStop Start RequestId: ID", *said, f"FC PreStop End RequestId: ID{failed}"]
    assert world.attempt("initializes").instance_id != attempt.instance_id


def writes(world, text):
    """Whether an attempt that runs has written this."""
    return any(text in "".join(run.call.output) for run in list(world.emulator._movers.parking.runs))


@rule("task-mode §4.4", "documented")
@pytest.mark.parametrize(("hook", "timeout"), [("leave", LONG), ("fail", LONG), ("sleep", s(3))])
def test_the_hook_before_an_instance_is_stopped_runs_when_its_running_task_is_stopped(make, rate, hook, timeout):
    world = make(Settings(rate=rate), pre_stop=f"index.{hook}", pre_stop_timeout=timeout)
    world.returned("initializes")
    invocation = world.accept("initializes", b"3600")
    if rate:  # there a move waits for what runs
        wait_until(lambda: writes(world, "handling"))
    else:
        world.move(30)
    world.emulator.tasks.stop_invocation(invocation)
    world.move(30)
    assert invocation.state is State.STOPPED
    (attempt,) = invocation.attempts
    (ran,) = hook_runs(world)
    assert (ran.hook, ran.instance_id) == ("pre-stop", attempt.instance_id)
    assert f"FC PreStop Start RequestId: {ran.request_id}" in ran.output
    assert ("leaving" in ran.output) == (hook == "leave")
    assert ("Unhandled PreStop error" in ran.output) == (hook != "leave")
    assert world.attempt("initializes").instance_id != attempt.instance_id


def test_a_program_is_told_that_its_task_is_stopped_although_the_clock_stands_still(make, kind):
    if not kind.takes_several:
        pytest.skip("what does one thing at a time is told when it waits")
    world = make(pre_stop="index.leave", pre_stop_timeout=LONG)
    invocation = world.accept("initializes", b"3600")
    moved = world.emulator.advance(s(1))
    wait_until(lambda: writes(world, "handling"))
    world.emulator.tasks.stop_invocation(invocation)
    world.emulator.wait(moved)
    assert invocation.state is State.STOPPED
    (ran,) = hook_runs(world)
    assert (ran.error, "leaving" in ran.output) == ("", True)


def test_a_process_that_computes_is_stopped_without_its_hook_and_the_journal_says_so(make, kind):
    if kind.rate or not kind.process:
        pytest.skip("only a process that does one thing at a time")
    world = make(Settings(rate=1.0), pre_stop="index.leave", pre_stop_timeout=LONG)
    invocation = world.accept("spins")
    wait_until(lambda: writes(world, "spinning"))
    world.emulator.tasks.stop_invocation(invocation)
    wait_until(lambda: hook_runs(world))
    assert invocation.state is State.STOPPED
    assert hook_runs(world)[0].error == "it was ended"


@pytest.mark.parametrize("hook", ["initialize", "fail"])
def test_the_initializer_of_a_provisioned_instance_runs_before_there_is_work(make, kind, rate, hook):
    error = kind.hook_error if hook == "fail" else ""
    world = make(Settings(rate=rate), initializer=f"index.{hook}", initialization_timeout=LONG)
    world.emulator.control.put(CAPACITIES, (PROVISION, FunctionRef("initializes"), "LATEST"), {"kept": {"target": 1}})
    world.move()
    (ran,) = hook_runs(world)
    assert (ran.hook, ran.error) == ("initializer", error)
    assert f"FC Initialize Start RequestId: {ran.request_id}" in ran.output
    attempt = world.attempt("initializes")
    assert (attempt.instance_id == ran.instance_id) == (not error)
    if not error:
        assert written(attempt) == "handling\n"
        assert world.lasted(attempt, 0)


# The whole.


def test_the_same_seed_gives_the_same_journal(make, kind):
    journals = []
    names = ["echo", "fails", "says", "context", "exits"] + ["sleeps"] * (not kind.rate)
    for _ in range(2):
        world = make(Settings(seed=11))
        for name in names:
            world.accept(name, b"7")
        world.move()
        journals.append(world.journal())
    assert journals[0] == journals[1]
