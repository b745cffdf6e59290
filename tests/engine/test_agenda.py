"""What lies ahead stands in one order, and each goal says how far of it the clock may go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcemu.engine.agenda import Agenda, Rank
from fcemu.engine.baton import Baton
from fcemu.engine.goals import Advance, Autojump, CatchUp, Ended, Idle, Next, Still

START = datetime(2026, 1, 1, tzinfo=UTC)
RANKS = [rank for rank in Rank if rank is not Rank.DEADLINE]


def at(seconds):
    return None if seconds is None else START + timedelta(seconds=seconds)


class Thing:
    """An entry that is due where it was put, until ``later`` says otherwise."""

    def __init__(self, put):
        self.really = put
        self.over = False

    def next_look(self):
        return at(self.really)


class Running:
    """An attempt on a flowing clock."""

    def __init__(self, timeout, begun):
        self.timeout = timedelta(seconds=timeout)
        self.deadline = at(begun + timeout)
        self.over = self.left = False


STEPS = st.one_of(
    st.tuples(st.just("push"), st.sampled_from(RANKS), st.integers(0, 4)),
    st.tuples(st.just("end"), st.integers(0, 30), st.none()),
    st.tuples(st.just("put off"), st.integers(0, 30), st.integers(0, 8)),
    st.tuples(st.just("pop"), st.none(), st.none()),
)


@given(st.lists(STEPS, max_size=40))
def test_the_first_is_the_earliest_by_instant_then_rank_then_arrival(steps):
    agenda, model, made = Agenda(Baton()), [], []
    for n, (step, one, two) in enumerate(steps):
        if step == "push":
            thing = Thing(two)
            made.append((thing, one))
            agenda.push(at(two), thing, one)
            model.append([at(two), one, n, thing])
        elif step == "end" and made:
            made[one % len(made)][0].over = True
        elif step == "put off" and made:
            thing, rank = made[one % len(made)]
            if rank in (Rank.MESSAGE, Rank.IDLE):
                thing.really = max(thing.really, two)
        elif step == "pop" and (first := agenda.first()) is not None:
            assert agenda.pop(first[1]) is first[2]
            model[:] = [entry for entry in model if entry[3] is not first[2]]
        model[:] = [entry for entry in model if not entry[3].over]
        due = [(max(entry[0], at(entry[3].really)), entry[1]) for entry in model]
        first = agenda.first()
        assert (None if first is None else first[:2]) == min(due, default=None)
        for rank in RANKS:
            assert agenda.next(rank) == min((instant for instant, its in due if its is rank), default=None)


@pytest.mark.parametrize("rank", [Rank.TIMER, Rank.WORK, Rank.POLL])
def test_equals_come_first_in_first_out(rank):
    agenda, things = Agenda(Baton()), [Thing(1) for _ in range(5)]
    for thing in things:
        agenda.push(at(1), thing, rank)
    assert [agenda.pop(agenda.first()[1]) for _ in things] == things
    assert agenda.first() is None


def test_a_timeout_strikes_before_all_else_of_its_instant_and_only_while_its_attempt_runs():
    agenda = Agenda(Baton())
    long, first, second = Running(60, 0), Running(5, 0), Running(5, 1)
    agenda.push(at(5), Thing(5), Rank.TIMER)
    for run in (long, first, second):
        agenda.watch(run)
    assert agenda.first() == (at(5), Rank.DEADLINE, first)
    agenda.pop(Rank.DEADLINE)
    assert agenda.first()[1] is Rank.TIMER
    agenda.pop(Rank.TIMER)
    second.over = True
    assert agenda.first() == (at(60), Rank.DEADLINE, long)
    agenda.deadlines.forget(long)
    assert agenda.first() is None


def test_who_waits_for_real_time_is_woken_for_what_comes_before_and_for_nothing_else():
    baton = Baton()
    agenda, woken = Agenda(baton), []
    baton.changed.notify = lambda: woken.append(agenda.wakes_at)
    agenda.push(at(1), Thing(1))
    agenda.wakes_at = at(5)
    agenda.push(at(7), Thing(7))
    assert woken == []
    agenda.push(at(3), Thing(3), Rank.IDLE)
    agenda.push(at(4), Thing(4))
    assert woken == [at(3)]


def test_who_was_woken_for_an_instant_looks_then_though_nothing_is_due_any_more():
    baton = Baton()
    agenda, woken = Agenda(baton), []
    baton.changed.notify = lambda: woken.append(agenda.wakes_at)
    agenda.wakes_at = at(300)
    for instant in (3, 1):
        agenda.look_by(at(instant))
    assert woken == [at(3), at(1)]
    assert agenda.next_look(at(0)) == at(1)
    agenda.wakes_at = agenda.next_look(at(1))
    assert agenda.wakes_at == at(3)
    agenda.look_by(at(4))
    agenda.push(at(2), Thing(2))
    assert woken == [at(3), at(1), at(2)]
    assert agenda.next_look(at(1)) == at(2)
    agenda.pop(Rank.WORK)
    assert agenda.next_look(at(2)) == at(3)
    assert agenda.next_look(at(3)) is None


AHEAD = {"timer": Rank.TIMER, "work": Rank.WORK, "message": Rank.MESSAGE, "poll": Rank.POLL, "idle": Rank.IDLE}
"""Seconds from the start at which something lies ahead, by what it is."""


@pytest.mark.parametrize(
    ("goal", "ahead", "horizon"),
    [
        (lambda: Advance(timedelta(seconds=9)), {}, 9),
        (lambda: Advance(at(9)), {"work": 3, "timer": 20}, 9),
        (lambda: CatchUp(at(9)), {"work": 3}, 9),
        (Next, {"work": 3, "timer": 2, "idle": 1}, 2),
        (Next, {"work": 3, "poll": 1}, 3),
        (Next, {"idle": 1, "poll": 1, "message": 1}, None),
        (lambda: Idle(None, RuntimeError), {"work": 3, "timer": 2}, 3),
        (lambda: Idle(at(2), RuntimeError), {"work": 3}, 2),
        (lambda: Idle(at(9), RuntimeError), {"timer": 1, "idle": 2, "message": 3, "poll": 4}, None),
        (lambda: Autojump(lambda: 0), {"work": 3, "message": 2}, 2),
        (lambda: Autojump(lambda: 0), {"work": 1, "message": 2}, 1),
        (lambda: Autojump(lambda: 0), {"timer": 1, "poll": 1, "idle": 1}, None),
        (lambda: Autojump(lambda: 1), {"work": 1}, None),
        (Still, {"work": 0, "timer": 0}, None),
    ],
)
def test_each_goal_has_its_horizon(goal, ahead, horizon):
    agenda = Agenda(Baton())
    for what, seconds in ahead.items():
        agenda.push(at(seconds), Thing(seconds), AHEAD[what])
    assert goal().horizon(agenda, START, agenda.first()) == at(horizon)


def test_a_call_waits_for_work_while_it_has_not_ended():
    class Call:
        finished = False

    agenda, goal = Agenda(Baton()), Ended(Call)
    assert goal.horizon(agenda, START, agenda.first()) is None
    agenda.push(at(3), Thing(3))
    agenda.push(at(1), Thing(1), Rank.TIMER)
    assert goal.horizon(agenda, START, agenda.first()) == at(3)
    Call.finished = True
    assert goal.horizon(agenda, START, agenda.first()) is None


def test_goals_remember_what_they_have_begun_with():
    agenda, move, step = Agenda(Baton()), Advance(timedelta(seconds=9)), Next()
    agenda.push(at(3), thing := Thing(3))
    assert (move.horizon(agenda, START, agenda.first()), step.horizon(agenda, START, agenda.first())) == (at(9), at(3))
    thing.over = True
    agenda.push(at(4), Thing(4))
    assert (move.horizon(agenda, at(5), agenda.first()), step.horizon(agenda, at(3), agenda.first())) == (at(9), None)
