"""The table of an attempt and its strands: every step in every state, and random lives beside a second bookkeeping."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcemu.handler.lock_waits import LockWaits, pauses
from fcemu.handler.strands import (
    HOLDS,
    MOVES,
    OVER,
    STEPS,
    TOLD,
    Attempt,
    Beside,
    Doing,
    ImpossibleMove,
    Move,
    State,
    Step,
    Strand,
    Wait,
    next_doing,
    next_state,
)

STRANDS = """
runs         -> sleep: sleeps, wait: waits, leave out: left out, leave behind: left behind, end: gone
sleeps       -> wake: runs, leave behind: left behind
waits        -> wake: runs, leave behind: left behind, freeze: frozen
left out     -> count again: runs, leave behind: left behind
left behind  -> wait: frozen, join: runs, end: gone
frozen       -> wake: left behind
gone         ->
"""
ATTEMPTS = """
preparing   -> prepare: preparing, ready: running, tell: told to end, strike: struck, end: ended
running     -> prepare: preparing, ready: running, tell: told to end, strike: struck, end: ended
told to end -> prepare: told to end, ready: told to end, tell: told to end, halt beside: halting, strike: struck, end: cut off
halting     -> prepare: halting, ready: halting, tell: halting, strike: struck, end: cut off
struck      -> prepare: struck, ready: struck, tell: struck, end: cut off
ended       -> tell: cut off
cut off     -> tell: cut off
"""  # noqa: E501 (a line for each state)


def expected(table):
    rows = {}
    for line in table.strip().splitlines():
        name, _, steps = line.partition("->")
        rows[name.strip()] = dict(step.strip().split(": ") for step in steps.split(",") if step.strip())
    return rows


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("doing", Doing)
def test_a_strand_makes_the_steps_of_the_table_and_no_other(doing, step):
    after = expected(STRANDS)[doing].get(step)
    if after is None:
        with pytest.raises(ImpossibleMove, match=f"a strand that is {doing}$"):
            next_doing(doing, step)
    else:
        assert next_doing(doing, step) is Doing(after)


@pytest.mark.parametrize("move", Move)
@pytest.mark.parametrize("state", State)
def test_an_attempt_makes_the_moves_of_the_table_and_no_other(state, move):
    after = expected(ATTEMPTS)[state].get(move)
    if after is None:
        with pytest.raises(ImpossibleMove, match=f"an attempt that is {state}$"):
            next_state(state, move)
    else:
        assert next_state(state, move) is State(after)


def test_the_tables_have_a_row_for_each_state_and_their_sets_follow_from_it():
    assert STEPS.keys() == set(Doing)
    assert MOVES.keys() == set(State)
    # What is over never holds the clock again, and a verdict is never taken back.
    assert not HOLDS & OVER
    assert all(after in OVER for state in OVER for after in MOVES[state].values())
    assert all(after in TOLD for state in TOLD for after in MOVES[state].values())
    assert all(MOVES[state][Move.TELL] in TOLD for state in State)
    assert all(MOVES[state][Move.END] in OVER for state in set(State) - OVER)


def attempt_of(count):
    """An attempt with so many strands, which all run."""
    attempt = Attempt(Strand())
    strands = [attempt.first, *(Strand() for _ in range(count - 1))]
    for strand in strands[1:]:
        attempt.add(strand)
    return attempt, strands


def asleep(attempt, strand, until):
    wait = Wait(strand, until)
    wait.sleeps = True
    attempt.wait(wait)
    return wait


def waiting(attempt, strand, until=None, *, real=False):
    wait = Wait(strand, until)
    wait.real = real
    attempt.wait(wait)
    return wait


# When the clock waits for an attempt.


def test_the_clock_waits_until_every_strand_waits():
    attempt, (handler, thread) = attempt_of(2)
    asleep(attempt, handler, 5)
    assert attempt.holds_clock
    wait = waiting(attempt, thread)
    assert (attempt.holds_clock, attempt.awake) == (False, 0)
    attempt.wake(wait)
    assert attempt.holds_clock


def test_the_clock_waits_for_what_only_something_real_can_end():
    attempt, (handler, thread) = attempt_of(2)
    waiting(attempt, handler, real=True)
    end = waiting(attempt, thread)
    assert attempt.holds_clock
    attempt.wake(end)
    wait = waiting(attempt, thread, 9)
    assert not attempt.holds_clock
    attempt.wake(wait)
    waiting(attempt, thread)
    attempt.call()
    assert not attempt.holds_clock  # the answer to that call can end it as well


def test_a_strand_that_waits_for_an_invocation_it_made_does_not_hold_the_clock():
    attempt, _ = attempt_of(1)
    attempt.call()
    assert (attempt.holds_clock, attempt.endless) == (False, False)
    attempt.answered()
    assert attempt.holds_clock


@pytest.mark.parametrize("state", State)
def test_the_clock_waits_for_a_strand_that_runs_in_these_states_only(state):
    attempt, _ = attempt_of(1)
    attempt.state = state
    assert attempt.holds_clock is (state in {State.PREPARING, State.RUNNING, State.TOLD})


def test_an_attempt_whose_strands_all_wait_without_a_time_out_is_endless():
    attempt, (handler, thread) = attempt_of(2)
    waiting(attempt, handler)
    assert not attempt.endless
    end = waiting(attempt, thread)
    assert attempt.endless
    attempt.wake(end)
    waiting(attempt, thread, 3)
    assert not attempt.endless


# Which strand goes on.


def test_strands_go_on_by_instant_and_then_in_their_order_however_their_threads_got_here():
    attempt, (handler, first, second) = attempt_of(3)
    waits = {name: asleep(attempt, strand, until) for name, strand, until in
             [("second", second, 5), ("handler", handler, 9), ("first", first, 5)]}  # fmt: skip
    assert attempt.due(4) is None
    assert attempt.due(5) is waits["first"]
    attempt.wake(waits["first"])
    assert attempt.due(5) is waits["second"]
    attempt.wake(waits["second"])
    assert attempt.due(5) is None
    assert attempt.first_wait() is waits["handler"]


def test_a_strand_that_waits_again_goes_behind_its_equals():
    attempt, (handler, thread) = attempt_of(2)
    early, late = asleep(attempt, handler, 5), asleep(attempt, thread, 7)
    assert attempt.due(5) is early
    attempt.wake(early)
    again = asleep(attempt, handler, 7)
    assert attempt.due(7) is late
    attempt.wake(late)
    assert attempt.due(7) is again


def test_a_wait_that_was_interrupted_goes_on_to_the_same_instant():
    attempt, (handler,) = attempt_of(1)
    wait = asleep(attempt, handler, 5)
    assert attempt.first_wait() is wait
    attempt.interrupt(wait)
    assert (attempt.first_wait(), attempt.holds_clock, wait.over) == (None, True, False)
    attempt.wait(wait)
    assert attempt.due(5) is wait


def test_only_the_waits_for_which_an_instant_fell_due_go_on_at_once_later_ones_go_behind():
    attempt, (handler, first, second) = attempt_of(3)
    waits = [asleep(attempt, strand, 5) for strand in (first, second)]
    assert attempt.first_wait() is waits[0]
    turns = attempt.turns
    later = asleep(attempt, handler, 5)
    assert attempt.first_wait() is waits[0]
    assert attempt.fall_due(5, turns) is waits[0]
    attempt.wake(waits[0])
    asleep(attempt, first, 5)
    assert attempt.next_due(5) is waits[1]
    attempt.wake(waits[1])
    asleep(attempt, second, 9)
    assert attempt.next_due(5) is None
    assert attempt.fall_due(5, attempt.turns) is later


def test_a_thread_that_left_a_wait_by_an_exception_waits_again_or_ends_as_if_it_had_been_woken():
    attempt, (_, waits, ends) = attempt_of(3)
    for strand in (waits, ends):
        waiting(attempt, strand, real=True)
    again = waiting(attempt, waits, 5)
    assert attempt.end(ends)
    assert (attempt.awake, attempt.blocked, attempt.first_wait()) == (1, 0, again)


def test_strands_that_another_one_woke_go_on_one_at_a_time_in_their_order():
    attempt, (handler, first, second) = attempt_of(3)
    waits = [waiting(attempt, strand) for strand in (second, first)]
    for wait in waits:
        attempt.wake(wait)
        attempt.woken(wait.strand)
    assert attempt.next_woken() is None  # the handler runs
    waiting(attempt, handler)
    assert attempt.next_woken() is first
    assert attempt.next_woken() is None  # the first one runs
    attempt.end(first)
    assert attempt.next_woken() is second
    assert attempt.next_woken() is None


def test_a_strand_that_went_on_by_itself_has_no_turn_any_more():
    attempt, (handler, thread) = attempt_of(2)
    wait = waiting(attempt, thread)
    attempt.wake(wait)
    attempt.woken(thread)
    attempt.skip_turn(thread)
    waiting(attempt, handler)
    assert attempt.next_woken() is None
    attempt.skip_turn(thread)  # repeatable


def test_a_wait_is_released_once_and_wakes_its_strand_only_where_that_waits():
    attempt, (handler,) = attempt_of(1)
    before = Wait(handler)
    assert (before.happened(), before.released) == (False, True)
    during = waiting(attempt, handler)
    assert (during.happened(), during.happened()) == (True, False)
    attempt.wake(during)
    after = Wait(handler)
    after.over = True
    assert (after.happened(), after.released) == (False, False)


# Strands that wait for something real beside a handler that sleeps.


def looked_at(*strands, now=10.0, computed=0):
    for strand in strands:
        strand.look(0.0, 0)
        strand.look(now, computed)


@pytest.mark.parametrize(
    ("sleeps", "computed_ns", "in_background", "expected"),
    [
        (True, 0, True, Beside.IN_BACKGROUND),
        (True, 2_000_000_000, True, Beside.COMPUTES),
        (True, 0, False, Beside.HELD_UP),
        (False, 0, True, Beside.HELD_UP),
    ],
)
def test_the_clock_moves_without_threads_in_the_background_of_a_handler_that_sleeps(
    sleeps, computed_ns, in_background, expected
):
    attempt, (handler, thread) = attempt_of(2)
    (asleep if sleeps else waiting)(attempt, handler, 5)
    looked_at(thread, computed=computed_ns)
    assert attempt.beside(10.0, 1.0, lambda strand: in_background) is expected


def test_a_strand_that_was_not_looked_at_for_long_enough_counts_as_computing():
    attempt, (handler, thread) = attempt_of(2)
    asleep(attempt, handler, 5)
    looked_at(thread, now=0.5)
    assert attempt.beside(0.5, 1.0, lambda strand: True) is Beside.COMPUTES
    thread.look(9.0, None)
    assert attempt.beside(9.0, 1.0, lambda strand: True) is Beside.COMPUTES


@pytest.mark.parametrize("how", ["it waits for an invocation", "it is told to end", "it has waited in virtual time"])
def test_the_clock_does_not_move_without_threads_of_which_it_is_not_sure(how):
    attempt, (handler, thread) = attempt_of(2)
    asleep(attempt, handler, 5)
    looked_at(thread)
    if how == "it waits for an invocation":
        attempt.call()
    elif how == "it is told to end":
        attempt.move(Move.TELL)
    else:
        attempt.wake(waiting(attempt, thread))
    assert attempt.beside(10.0, 1.0, lambda strand: True) is Beside.COMPUTES


def test_what_was_left_out_counts_again_when_the_handler_has_slept():
    attempt, (handler, thread) = attempt_of(2)
    wait = asleep(attempt, handler, 5)
    attempt.leave_out(thread)
    assert (attempt.holds_clock, attempt.sleeps_beside, thread.was_left_out) == (False, True, True)
    attempt.wake(wait)
    assert (attempt.awake, thread.left_out, attempt.count_again(thread)) == (2, False, False)


def test_what_was_left_out_counts_again_as_soon_as_it_waits_or_ends():
    attempt, (handler, waits, ends) = attempt_of(3)
    asleep(attempt, handler, 5)
    for strand in (waits, ends):
        attempt.leave_out(strand)
    waiting(attempt, waits, 5)
    attempt.end(ends)
    assert (attempt.awake, waits.doing, ends.doing) == (0, Doing.WAITS, Doing.GONE)


# Locks.


class Held:
    def __init__(self, key, free=True):
        self.key = key
        self.free = free


def test_each_free_lock_lets_one_strand_go_on_those_that_came_before_a_look_first():
    attempt, (handler, first, second, third) = attempt_of(4)
    locks, lock, other = LockWaits(), Held(1, free=False), Held(2)
    late = Wait(first)
    for wait, which in ((Wait(third), lock), (Wait(second), lock), (Wait(handler), other)):
        locks.add(wait, which, gate=False)
        attempt.wait(wait)
    freed = locks.freed(lambda one: one.free)
    assert [wait.strand for wait in freed] == [handler]
    attempt.wake(freed[0])
    locks.add(late, lock, gate=True)
    attempt.wait(late)
    lock.free = True
    assert [wait.strand for wait in locks.freed(lambda one: one.free)] == [second]
    assert {wait.strand for wait in locks} == {first, second, third}


def test_a_strand_that_finds_its_lock_free_twice_with_nothing_between_lets_the_first_in_the_order_go_on():
    attempt, (_, first, second, third) = attempt_of(4)
    locks, lock = LockWaits(), Held(1)
    for strand in (third, first, second):
        wait = Wait(strand)
        locks.add(wait, lock, gate=False)
        attempt.wait(wait)
    by_third, by_first, by_second = locks.all
    assert locks.first_of(by_third) is None
    assert locks.first_of(by_second) is None  # its own first look
    assert locks.freed(lambda one: one.free) == [by_first]  # the thread that has released the lock parks meanwhile
    attempt.wake(by_first)
    assert locks.first_of(by_third) is None
    assert locks.first_of(by_third) is by_second
    assert locks.first_of(by_third) is None  # the one that was let go on is about to take it


@pytest.mark.parametrize(
    ("gate", "held_up", "calls", "parks"),
    [
        (False, False, 0, False),
        (False, True, 0, True),
        (False, True, 1, True),
        (True, False, 0, True),
        (True, True, 1, False),
    ],
)
def test_a_strand_parks_for_a_lock_when_nothing_that_runs_could_release_it(gate, held_up, calls, parks):
    attempt, _ = attempt_of(1)
    attempt.calls = calls
    assert attempt.parks_for_lock(gate=gate, held_up=held_up) is parks


@pytest.mark.parametrize(("gate", "seconds"), [(True, [0.001, 0.002, 0.004]), (False, [0.05, 0.1, 0.1])])
def test_looks_at_a_lock_become_rarer(gate, seconds):
    looks = pauses(gate=gate)
    assert [next(looks) for _ in seconds] == seconds


# The end of an attempt.


def ended(state):
    attempt, strands = attempt_of(5)
    _handler, _runs, sleeps, waits, locked = strands
    sleep, wait, lock = asleep(attempt, sleeps, 5), waiting(attempt, waits), Wait(locked)
    lock.lock = Held(1)
    attempt.wait(lock)
    attempt.state = state
    return attempt, strands, (sleep, wait, lock)


def test_of_an_attempt_that_came_back_only_what_waits_without_a_time_out_waits_on():
    attempt, strands, (sleep, wait, lock) = ended(State.ENDED)
    assert attempt.dismiss() == [sleep, lock]
    assert [strand.doing for strand in strands] == [Doing.LEFT_BEHIND] * 3 + [Doing.FROZEN, Doing.LEFT_BEHIND]
    assert (wait.waiting, sleep.waiting, attempt.holds_clock) == (True, False, False)


def test_everything_of_an_attempt_that_was_cut_off_unwinds():
    attempt, strands, waits = ended(State.CUT_OFF)
    assert attempt.dismiss() == list(waits)
    assert {strand.doing for strand in strands} == {Doing.LEFT_BEHIND}


def test_what_waits_on_unwinds_when_the_instance_dies_afterwards():
    attempt, strands, (_, wait, _) = ended(State.ENDED)
    attempt.dismiss()
    attempt.move(Move.TELL)
    assert attempt.dismiss() == [wait]
    assert {strand.doing for strand in strands} == {Doing.LEFT_BEHIND}


def test_a_frozen_strand_that_is_woken_becomes_a_part_of_the_attempt_that_woke_it():
    before, strands, (_, wait, _) = ended(State.ENDED)
    before.dismiss()
    frozen = strands[3]
    frozen.told = 1
    now, _ = attempt_of(2)
    before.wake(wait)
    assert frozen.doing is Doing.LEFT_BEHIND
    now.join(frozen)
    assert (frozen.doing, frozen.order, frozen.told, now.awake) == (Doing.RUNS, 2, 0, 3)
    assert frozen in now.others


def test_a_strand_that_was_left_behind_may_wait_but_not_sleep():
    attempt, (_, thread) = attempt_of(2)
    attempt.move(Move.END)
    attempt.dismiss()
    with pytest.raises(ImpossibleMove):
        asleep(attempt, thread, 5)
    waiting(attempt, thread)
    assert thread.doing is Doing.FROZEN


def test_a_thread_learns_twice_that_its_attempt_is_over():
    strand = Strand()
    assert [strand.learn() for _ in range(4)] == [True, True, False, False]


# Random lives.


class Book:
    """What a stranger would note of the strands of one attempt: a line for each, and who began to wait after whom."""

    def __init__(self):
        self.lines = {0: ("runs", None)}
        self.began = {}
        self.settled = 0

    def running(self):
        return [n for n, (kind, _) in self.lines.items() if kind == "runs"]

    def asleep(self):
        return [n for n, (kind, until) in self.lines.items() if kind in ("sleeps", "waits") and until is not None]

    def settle(self):
        """Nothing runs, or the table was asked: those that began to wait since the last time are put in order."""
        self.settled += 1
        for n in self.began:
            if self.began[n] is None:
                self.began[n] = self.settled

    def first(self):
        self.settle()
        return min(self.asleep(), key=lambda n: (self.lines[n][1], self.began[n], n), default=None)

    def holds_clock(self):
        real = any(kind == "real" for kind, _ in self.lines.values())
        return bool(self.running()) or (real and not self.asleep())


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "sleep", "wait", "real", "release", "end", "leave out", "count again", "ask", "go on"]),
        st.integers(0, 9),
        st.sampled_from([1, 2, 2, 3, None]),
    ),
    max_size=60,
)


@given(OPERATIONS)
@settings(max_examples=400, deadline=None, database=None, derandomize=True)
def test_table_and_book_agree_in_random_lives(operations):
    attempt, book = Attempt(Strand()), Book()
    strands, waits, now = {0: attempt.first}, {}, 0
    for name, number, until in operations:
        there = sorted(book.lines)
        chosen = there[number % len(there)]
        kind, _ = book.lines[chosen]
        strand = strands[chosen]
        if name == "add":
            strands[len(strands)] = made = Strand()
            attempt.add(made)
            book.lines[made.order] = ("runs", None)
        elif name in ("sleep", "wait", "real") and kind in ("runs", "left out"):
            end = None if until is None else now + until
            if name == "sleep" and end is None:
                continue
            wait = waits[chosen] = Wait(strand, end)
            wait.sleeps, wait.real = name == "sleep", name == "real"
            attempt.wait(wait)
            word = {"sleep": "sleeps", "wait": "waits", "real": "real"}[name]
            book.lines[chosen], book.began[chosen] = (word, end), None
            if name == "real" and end is not None:  # for what it waits does not matter then
                book.lines[chosen] = ("waits", end)
                attempt.blocked -= 1
                wait.real = False
        elif name == "release" and kind in ("sleeps", "waits", "real"):
            assert waits[chosen].happened()
            attempt.wake(waits[chosen])
            wake(book, chosen, kind)
        elif name == "end" and kind in ("runs", "left out") and chosen:
            assert attempt.end(strand)
            assert not attempt.end(strand)
            del book.lines[chosen]
        elif name == "leave out" and kind == "runs" and chosen:
            attempt.leave_out(strand)
            book.lines[chosen] = ("left out", None)
        elif name == "count again":
            assert attempt.count_again(strand) is (kind == "left out")
            book.lines[chosen] = ("runs", None) if kind == "left out" else book.lines[chosen]
        elif name == "go on" and not book.running() and book.asleep():
            first = book.first()
            now = max(now, book.lines[first][1])
            due = attempt.due(now)
            assert due is waits[first]
            attempt.wake(due)
            wake(book, first, book.lines[first][0])
        elif name == "ask":
            first = book.first()
            assert attempt.first_wait() is (None if first is None else waits[first])
        assert attempt.awake == len(book.running())
        assert [one.order for one in attempt.awake_ones()] == sorted(book.running())
        assert {one.order for one in attempt.strands()} == book.lines.keys()
        assert len(attempt.waits()) == sum(line[0] in ("sleeps", "waits", "real") for line in book.lines.values())
        if not book.running():
            book.settle()
            assert attempt.holds_clock is book.holds_clock()
            attempt.first_wait()


def wake(book, chosen, kind):
    book.lines[chosen] = ("runs", None)
    if kind == "sleeps" and chosen == 0:
        for n, (what, _) in book.lines.items():
            if what == "left out":
                book.lines[n] = ("runs", None)
