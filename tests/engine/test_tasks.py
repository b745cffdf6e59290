"""Tasks on the engine: ids, finding, stopping in every state, retention, functions that are gone."""

import contextlib
import queue
import threading
import time
from datetime import timedelta

import pytest
from fakes import FakeInstance, ask, make, s
from patience import WAIT_SECONDS
from rules import rule

from fcemu.core.destinations import QueueDestination
from fcemu.core.errors import FCError, FunctionNotFound, InvalidArgument
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import Halted, Throttled
from fcemu.core.resource_types import FUNCTIONS
from fcemu.core.settings import Settings
from fcemu.core.tasks import Query, events
from fcemu.engine.inflight import WATCHDOG

TASK = AsyncSettings(task_mode=True)
TOLD = AsyncSettings(task_mode=True, on_success=QueueDestination("q"), on_failure=QueueDestination("q"))


def words(invocation):
    return [str(event.status) for event in events(invocation.history)]


def kinds(emulator):
    return [type(fact).__name__ for fact in emulator.journal]


def idle(emulator):
    emulator.wait(emulator.run_until_idle(None))


def fails(call):
    raise ValueError("always")


@pytest.fixture
def media():
    """A 2.0 and a 3.0 function in task mode, and one that is not."""
    done = {"media/resize": TASK, "resize": TASK}
    return make(done, media__resize=lambda call: b"done", resize=lambda call: b"done", plain=lambda call: b"done")[0]


# Ids.


@rule("async-invocation §4", "documented")
def test_a_task_without_an_id_is_called_by_its_request_id(media):
    invocation = media.accept(ask("resize"))
    assert invocation.accepted.task_id == invocation.id
    assert media.tasks.find(FunctionRef("resize"), "LATEST", invocation.id) is invocation


@rule("async-invocation §4", "documented")
@pytest.mark.parametrize(
    ("name", "code"),
    [("media/resize", "StatefulAsyncInvocationAlreadyExists"), ("resize", "AsyncTaskAlreadyExists")],
)
def test_an_id_that_a_task_of_the_function_has_is_refused_with_409_also_when_that_task_has_ended(media, name, code):
    media.accept(ask(name, task_id="video-42"))
    for _ in range(2):
        with pytest.raises(FCError, match="'video-42' already exists") as refused:
            media.accept(ask(name, task_id="video-42"))
        assert (refused.value.code, refused.value.status) == (code, 409)
        idle(media)
    assert len(media.journal.invocations) == 1


def test_a_refused_id_draws_no_request_id_and_leaves_no_trace(media):
    media.accept(ask("resize", task_id="a"))
    facts = len(media.journal)
    with pytest.raises(FCError, match="AsyncTaskAlreadyExists"):
        media.accept(ask("resize", task_id="a"))
    other = make({"resize": TASK}, resize=lambda call: b"")[0]
    other.accept(ask("resize", task_id="a"))
    assert len(media.journal) == facts
    assert media.accept(ask("resize")).id == other.accept(ask("resize")).id


@rule("async-invocation §4", "inferred")
def test_two_functions_may_have_tasks_of_the_same_id(media):
    media.accept(ask("media/resize", task_id="a"))
    assert media.accept(ask("resize", task_id="a")).accepted.task_id == "a"


@rule("async-invocation §4", "assumed")
def test_an_id_is_free_again_when_the_record_is_gone_after_seven_days(media):
    first = media.accept(ask("resize", task_id="a"))
    media.wait(media.advance(timedelta(days=7)))
    assert media.tasks.find(FunctionRef("resize"), "LATEST", "a") is first
    media.wait(media.advance(timedelta(microseconds=1)))
    with pytest.raises(FCError, match="AsyncTaskNotFound"):
        media.tasks.find(FunctionRef("resize"), "LATEST", "a")
    second = media.accept(ask("resize", task_id="a"))
    assert media.tasks.find(FunctionRef("resize"), "LATEST", "a") is second
    assert first.id in media.journal.invocations


def test_how_long_records_are_kept_is_a_setting():
    emulator, _ = make({"f": TASK}, Settings(task_retention=s(60)), f=lambda call: b"")
    emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(61)))
    assert emulator.tasks.page(FunctionRef("f"), "LATEST", Query()).tasks == []


@rule("async-invocation §4", "assumed")
@pytest.mark.parametrize("task_id", ["video-42", "1 is not valid"])
def test_without_task_mode_an_id_is_not_looked_at(media, task_id):
    assert media.accept(ask("plain", task_id=task_id)).accepted.task_id == ""
    assert media.accept(ask("plain", task_id=task_id)).accepted.task_id == ""


@rule("task-mode §1", "documented")
def test_one_request_may_switch_task_mode_on_and_a_synchronous_one_cannot(media):
    task = media.accept(ask("plain", task_id="a", task_mode=True))
    assert media.tasks.find(FunctionRef("plain"), "LATEST", "a") is task
    ended = threading.Event()
    sync = media.invoke(ask("plain", task_id="b", task_mode=True), lambda _: ended.set())
    media.wait_for(ended.wait)
    assert sync.accepted.task_id == ""


@rule("task-mode §1", "documented")
def test_task_mode_makes_a_task_of_every_asynchronous_invocation_of_that_qualifier():
    emulator, _ = make({"f": TASK}, f=lambda call: b"", g=lambda call: b"")
    emulator.accept(ask("f"))
    emulator.accept(ask("g"))
    found = [task.accepted.function.name for task in emulator.journal.invocations.values() if task.accepted.task_id]
    assert found == ["f"]


@rule("task-mode §1", "assumed")
def test_task_mode_is_decided_when_the_invocation_is_submitted(media):
    before = media.accept(ask("plain"))
    media.setup.define([], [], {(FunctionRef("plain"), "LATEST"): TASK})
    after = media.accept(ask("plain"))
    idle(media)
    assert (before.accepted.task_id, after.accepted.task_id) == ("", after.id)


def test_a_report_to_a_function_in_task_mode_is_a_task_as_well():
    from fcemu.core.destinations import FunctionDestination

    asked = AsyncSettings(on_success=FunctionDestination(FunctionRef("audit")))
    emulator, _ = make({"f": asked, "audit": TASK}, f=lambda call: b"", audit=lambda call: b"")
    emulator.accept(ask("f"))
    idle(emulator)
    [report] = emulator.tasks.page(FunctionRef("audit"), "LATEST", Query()).tasks
    assert (report.accepted.source, report.accepted.task_id) == ("destination", report.id)


# Finding.


@rule("task-mode §1", "inferred")
def test_what_is_no_task_has_no_record(media):
    plain = media.accept(ask("plain"))
    with pytest.raises(FCError, match=f"AsyncTaskNotFound: async task '{plain.id}' does not exist"):
        media.tasks.find(FunctionRef("plain"), "LATEST", plain.id)
    with pytest.raises(FCError, match="StatefulAsyncInvocationNotFound: stateful async invocation 'a' does not exist"):
        media.tasks.find(FunctionRef("resize", "media"), "LATEST", "a")
    assert media.tasks.page(FunctionRef("plain"), "LATEST", Query()).tasks == []


def test_a_list_has_the_tasks_of_one_function_only(media):
    media.accept(ask("media/resize", task_id="a"))
    media.accept(ask("resize", task_id="b"))
    [task] = media.tasks.page(FunctionRef("resize"), "LATEST", Query()).tasks
    assert task.accepted.task_id == "b"


# Functions that are gone.


@rule("task-mode §5", "documented")
def test_a_queued_task_of_a_deleted_function_is_invalid_when_it_is_dequeued():
    emulator, _ = make({"f": TOLD}, f=lambda call: b"")
    task = emulator.accept(ask("f", delay=10))
    emulator._catalog.remove(FUNCTIONS, FunctionRef("f"))
    emulator.fleet.definitions_changed([FunctionRef("f")])
    emulator.wait(emulator.advance(s(9)))
    assert task.state is State.ENQUEUED
    idle(emulator)
    assert words(task) == ["Enqueued", "Dequeued", "Invalid"]
    assert emulator.mail.state.arrived == {}


@rule("task-mode §5", "inferred")
def test_the_records_of_a_deleted_function_are_out_of_reach():
    emulator, _ = make({"f": TASK}, f=lambda call: b"")
    emulator.accept(ask("f", task_id="a"))
    idle(emulator)
    emulator._catalog.remove(FUNCTIONS, FunctionRef("f"))
    with pytest.raises(FunctionNotFound):
        emulator.tasks.find(FunctionRef("f"), "LATEST", "a")
    with pytest.raises(FunctionNotFound):
        emulator.tasks.page(FunctionRef("f"), "LATEST", Query())


@rule("task-mode §2.1", "documented")
def test_a_retry_of_a_deleted_function_is_invalid_too():
    emulator, _ = make({"f": TOLD}, f=fails)
    task = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(0)))
    emulator._catalog.remove(FUNCTIONS, FunctionRef("f"))
    emulator.fleet.definitions_changed([FunctionRef("f")])
    idle(emulator)
    assert words(task) == ["Enqueued", "Dequeued", "Running", "Retrying", "Invalid"]


@rule("task-mode §2.1", "documented")
def test_a_task_that_is_too_old_when_it_is_dequeued_expires():
    emulator, _ = make({"f": AsyncSettings(task_mode=True, max_age=s(5))}, f=lambda call: b"")
    task = emulator.accept(ask("f", delay=6))
    idle(emulator)
    assert words(task) == ["Enqueued", "Dequeued", "Expired"]


# Stopping.


@rule("task-mode §4.4", "documented")
def test_a_task_that_waits_is_stopped_at_once_and_never_runs():
    ran = []
    emulator, _ = make({"f": TOLD}, f=lambda call: ran.append(call))
    task = emulator.accept(ask("f", delay=100, task_id="a"))
    emulator.wait(emulator.advance(s(40)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    assert (words(task), task.ended) == (["Enqueued", "Stopping", "Stopped"], emulator.clock.now())
    assert emulator.next_due() is None
    assert str(emulator.explain()).endswith("nothing is due")
    before = emulator.clock.now()
    idle(emulator)
    assert (ran, emulator.clock.now()) == ([], before)


@rule("task-mode §4.4", "inferred")
def test_a_task_whose_retry_is_pending_is_stopped_at_once_and_runs_no_more():
    emulator, _ = make({"f": TOLD}, f=fails)
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(0.2)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    idle(emulator)
    assert words(task) == ["Enqueued", "Dequeued", "Running", "Retrying", "Stopping", "Stopped"]
    assert len(task.attempts) == 1


def test_a_task_that_is_refused_again_and_again_can_be_stopped():
    emulator, runtime = make({"f": TOLD}, f=lambda call: b"")
    runtime.refusals = [Throttled()] * 20
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(100)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    idle(emulator)
    assert words(task) == ["Enqueued", "Dequeued", "Stopping", "Stopped"]


@rule("task-mode §4.4", "documented")
def test_a_running_task_is_stopping_until_its_handler_has_been_ended():
    cleaned = []

    def f(call):
        try:
            call.clock.sleep(600)
        finally:
            cleaned.append(call.attempt)
            call.output.append("cleaned up\n")

    emulator, runtime = make({"f": TOLD}, timeout=900, f=f)
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(60)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    assert (task.state, task.ended, cleaned) == (State.STOPPING, None, [])
    assert emulator.next_due() == emulator.clock.now()
    idle(emulator)
    assert words(task) == ["Enqueued", "Dequeued", "Running", "Stopping", "Stopped"]
    assert (task.ended - emulator.clock.started).total_seconds() == 60
    assert isinstance(task.attempts[0].outcome, Halted)
    assert (cleaned, [instance.stopped for instance in runtime.started]) == ([1], [True])


@rule("retry-and-destinations §3.3", "assumed")
def test_a_stopped_task_is_not_retried_and_nobody_is_told():
    emulator, _ = make({"f": TOLD}, timeout=900, f=lambda call: call.clock.sleep(600))
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(60)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    idle(emulator)
    assert (len(task.attempts), emulator.mail.state.arrived, task.deliveries) == (1, {}, ())


@rule("task-mode §4.4", "documented")
def test_the_instance_of_a_stopped_task_is_given_up():
    emulator, _ = make({"f": TASK}, timeout=900, f=lambda call: call.clock.sleep(10))
    first = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(5)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    second = emulator.accept(ask("f"))
    idle(emulator)
    assert first.attempts[0].instance_id != second.attempts[0].instance_id


@rule("task-mode §4.4", "assumed")
def test_a_handler_that_returns_all_the_same_has_been_stopped():
    def stubborn(call):
        try:
            call.clock.sleep(600)
        except BaseException:
            return b"done"

    emulator, _ = make({"f": TOLD}, timeout=900, f=stubborn)
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(60)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    idle(emulator)
    assert (task.state, emulator.mail.state.arrived) == (State.STOPPED, {})


@rule("task-mode §4.4", "from SDK")
@pytest.mark.parametrize(("name", "kind"), [("media/resize", "stateful async invocation"), ("resize", "async task")])
def test_a_task_that_has_ended_cannot_be_stopped(media, name, kind):
    media.accept(ask(name, task_id="a"))
    idle(media)
    with pytest.raises(InvalidArgument, match=f"{kind} in status 'Succeeded' can not be stopped"):
        media.tasks.stop(FunctionRef.parse(name), "LATEST", "a")


@rule("task-mode §4.4", "assumed")
def test_to_stop_a_task_that_is_being_stopped_is_a_success():
    emulator, _ = make({"f": TASK}, timeout=900, f=lambda call: call.clock.sleep(600))
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(60)))
    for _ in range(3):
        emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    idle(emulator)
    assert kinds(emulator).count("StopAsked") == 1
    assert task.state is State.STOPPED


def test_a_task_that_nobody_knows_cannot_be_stopped(media):
    with pytest.raises(FCError, match="AsyncTaskNotFound"):
        media.tasks.stop(FunctionRef("resize"), "LATEST", "a")


def test_any_asynchronous_invocation_can_be_stopped_and_a_synchronous_one_cannot(media):
    plain = media.accept(ask("plain", delay=5))
    media.tasks.stop_invocation(plain)
    assert plain.state is State.STOPPED
    ended = threading.Event()
    sync = media.invoke(ask("plain"), lambda _: ended.set())
    media.wait_for(ended.wait)
    with pytest.raises(InvalidArgument, match="a synchronous invocation can not be stopped"):
        media.tasks.stop_invocation(sync)


def test_a_stop_is_the_same_in_the_middle_of_a_move():
    """Another handler stops the task while both are on their way."""

    def stops(call):
        call.clock.sleep(30)
        emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
        return b"stopped it"

    emulator, _ = make({"f": TOLD}, timeout=900, f=lambda call: call.clock.sleep(600), stops=stops)
    task = emulator.accept(ask("f", task_id="a"))
    emulator.accept(ask("stops"))
    idle(emulator)
    assert (task.state, (task.ended - emulator.clock.started).total_seconds()) == (State.STOPPED, 30)


def test_a_task_that_stops_itself_is_ended_where_it_stands():
    after = []

    def f(call):
        emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
        call.clock.sleep(1)
        after.append(call)

    emulator, _ = make({"f": TOLD}, f=f)
    task = emulator.accept(ask("f", task_id="a"))
    idle(emulator)
    assert (task.state, after, emulator.clock.now()) == (State.STOPPED, [], emulator.clock.started)


def test_a_handler_with_threads_is_stopped_with_all_of_them():
    woken = []

    def f(call):
        def work():
            strand.begin()
            try:
                strand.sleep(600)
            except BaseException as ended:
                woken.append(type(ended).__name__)
            finally:
                strand.end()

        strand = call.clock.strand()
        thread = threading.Thread(target=work)
        thread.start()
        call.clock.sleep(900)

    emulator, _ = make({"f": TASK}, timeout=1000, f=f)
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(60)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    idle(emulator)
    assert (task.state, woken) == (State.STOPPED, ["Abandoned"])


def test_a_timeout_at_the_instant_of_a_stop_changes_nothing():
    emulator, _ = make({"f": TOLD}, timeout=60, f=lambda call: call.clock.sleep(600))
    task = emulator.accept(ask("f", task_id="a"))
    emulator.wait(emulator.advance(s(59)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    emulator.wait(emulator.advance(s(10)))
    idle(emulator)
    assert (task.state, len(task.attempts)) == (State.STOPPED, 1)


def test_what_is_stopped_is_left_alone_as_long_as_its_hook_runs_beside_it(monkeypatch):
    begun, hooked, interrupted = threading.Event(), threading.Event(), []
    monkeypatch.setattr(FakeInstance, "answers_beside", lambda instance: True)
    monkeypatch.setattr(FakeInstance, "interrupt", lambda instance: interrupted.append(hooked.is_set()))

    def f(call):
        if call.payload:
            begun.set()
            hooked.wait(WAIT_SECONDS)
        else:  # the hook, which takes longer than what was told to end may take
            emulator._progress.check_progress(WATCHDOG.time() + 5)
            hooked.set()

    emulator, _ = make({"f": TASK}, f=f)
    emulator.control.change(FUNCTIONS, FunctionRef("f"), {"pre_stop": "index.pre_stop"})
    task = emulator.accept(ask("f", b"x", task_id="a"))
    moved = emulator.advance(s(1))
    assert begun.wait(WAIT_SECONDS)
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    emulator.wait(moved)
    idle(emulator)
    assert task.state is State.STOPPED
    assert False not in interrupted


def test_a_busy_handler_is_stopped_on_a_flowing_clock():
    begun = threading.Event()

    def f(call):
        begun.set()
        while True:
            time.monotonic()

    emulator, _ = make({"f": TOLD}, Settings(rate=1), timeout=900, f=f)
    task = emulator.accept(ask("f", task_id="a"))
    assert begun.wait(WAIT_SECONDS)
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    emulator.wait(emulator.run_until_ended(task))
    assert (words(task)[-2:], emulator.in_flight) == (["Stopping", "Stopped"], 0)
    emulator.close()


def test_a_sleeping_handler_is_stopped_on_a_flowing_clock():
    begun = threading.Event()

    def f(call):
        begun.set()
        call.clock.sleep(600)

    emulator, _ = make({"f": TOLD}, Settings(rate=1), timeout=900, f=f)
    task = emulator.accept(ask("f", task_id="a"))
    assert begun.wait(WAIT_SECONDS)
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    emulator.wait(emulator.run_until_ended(task))
    assert words(task)[-2:] == ["Stopping", "Stopped"]
    emulator.close()


def test_the_watchdog_ends_a_stopped_handler_that_does_not_come_back():
    hold, begun = threading.Event(), threading.Event()

    def f(call):
        begun.set()
        hold.wait(WAIT_SECONDS)  # real: nothing can end it

    emulator, _ = make({"f": TOLD}, timeout=900, f=f)
    task = emulator.accept(ask("f", task_id="a"))
    goal = emulator.run_until_ended(task)
    assert begun.wait(WAIT_SECONDS)
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "a")
    emulator._progress.check_progress(WATCHDOG.time() + emulator.settings.watchdog.total_seconds() + 1)
    emulator.wait(goal)
    hold.set()
    assert task.state is State.STOPPED
    assert "made no progress" in next(fact.text for fact in emulator.journal if type(fact).__name__ == "Warned")


# The journal.


def test_a_journal_read_back_has_the_same_tasks():
    from fcemu.core.facts import from_json, to_json
    from fcemu.engine.journal import Journal

    emulator, _ = make({"f": TOLD}, f=fails)
    for n in range(3):
        emulator.accept(ask("f", task_id=f"t{n}", delay=n))
    emulator.wait(emulator.advance(s(1)))
    emulator.tasks.stop(FunctionRef("f"), "LATEST", "t2")
    idle(emulator)
    copy = Journal()
    copy.fold([from_json(to_json(fact)) for fact in emulator.journal])
    f = FunctionRef("f")
    assert list(copy.tasks[f]) == ["t0", "t1", "t2"]
    for task_id, task in emulator.journal.tasks[f].items():
        assert events(copy.tasks[f][task_id].history) == events(task.history)


def test_the_facts_of_invocations_that_are_no_tasks_are_found_in_the_journal(media):
    plain, task = media.accept(ask("plain")), media.accept(ask("resize"))
    idle(media)
    histories = media.journal.histories([plain, task])
    for invocation in (plain, task):
        assert histories[invocation.id] == [fact for fact in media.journal if fact.request_id == invocation.id]


def test_stopping_a_task_ends_the_attempt_that_runs_and_not_one_that_was_left_behind():
    """The threads of the first attempts do not end, although those attempts are over."""
    stuck, leave = queue.SimpleQueue(), threading.Event()

    def handler(call):
        if call.attempt == 2:
            call.clock.sleep(50)
            return
        stuck.put(call)
        while not leave.is_set():
            with contextlib.suppress(BaseException):
                leave.wait(WAIT_SECONDS)

    emulator, _ = make({"f": TASK}, f=handler, timeout=60)
    tasks = [emulator.accept(ask("f", task_id=name)) for name in "abcdefgh"]
    goal = emulator.advance(s(70))
    for _ in tasks:
        stuck.get(timeout=WAIT_SECONDS)
        emulator._progress.check_progress(WATCHDOG.time() + emulator.settings.watchdog.total_seconds() + 1)
    emulator.wait(goal)
    assert {(task.state, len(task.attempts)) for task in tasks} == {(State.RUNNING, 2)}
    for task in tasks:
        emulator.tasks.stop(FunctionRef("f"), "LATEST", task.accepted.task_id)
    emulator.wait(emulator.advance(s(1)))
    leave.set()
    assert {(task.state, task.ended) for task in tasks} == {(State.STOPPED, emulator.clock.started + s(70))}
    emulator.close()
