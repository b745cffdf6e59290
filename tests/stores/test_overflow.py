"""The temporary file gives back what it has taken, written or not."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from fcemu.core.errors import StoreError
from fcemu.core.facts import Accepted, Finished, Started, Succeeded
from fcemu.core.invocation import written_places
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import Returned
from fcemu.stores.overflow import OverflowFile

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 2_000


def lives(seed):
    """Facts of many invocations that overlap, and the places of those of each, by id."""
    random, facts, places, running = Random(seed), [], {}, []

    def happens(kind, request_id, *more):
        places.setdefault(request_id, []).append(len(facts))
        facts.append(kind(T0 + timedelta(seconds=len(facts)), request_id, *more))

    for n in range(MANY):
        request_id = f"{random.getrandbits(64):x}"
        happens(Accepted, request_id, FunctionRef("f"), "LATEST", True, "api", b"x", T0, request_id, 0)
        happens(Started, request_id, 1, "instance")
        running.append(request_id)
        while len(running) > 40 or (n == MANY - 1 and running):
            over = running.pop(random.randrange(len(running)))
            happens(Finished, over, 1, Returned(b"x"), "")
            happens(Succeeded, over)
    return facts, places


def there(facts, places):
    """What the file tells of an invocation."""
    return [facts[place] for place in places], written_places(places)


def take_all(file, facts, places, start=0):
    """Portions of different lengths, each with the invocations that end in it."""
    while start < len(facts):
        end = min(start + 100 + start % 50, len(facts))
        over = [each.request_id for each in facts[start:end] if type(each) is Succeeded]
        file.take(start, facts[start:end], [(each, written_places(places[each])) for each in over])
        start = end


def test_facts_and_the_places_of_those_of_each_invocation_are_as_they_came():
    file, (facts, places) = OverflowFile(), lives(1)
    take_all(file, facts, places)
    assert file.read(range(len(facts))) == facts
    for request_id, theirs in places.items():
        assert file.find(request_id) == there(facts, theirs)
    assert file.find("another") is None


def test_invocations_come_in_the_order_in_which_they_were_accepted():
    file, (facts, places) = OverflowFile(), lives(2)
    take_all(file, facts, places)
    assert list(file.accepted()) == [there(facts, each) for each in places.values()]
    after = facts.index(next(fact for fact in facts[1_000:] if type(fact) is Accepted))
    assert list(file.accepted(after)) == [there(facts, each) for each in places.values() if each[0] > after]


def test_an_invocation_that_left_memory_once_more_is_where_it_is_now():
    file, (facts, places) = OverflowFile(), lives(3)
    take_all(file, facts, places)
    again = [next(iter(places)), list(places)[-1]]
    late = [Succeeded(T0, each) for each in again]
    now = {each: [*places[each], len(facts) + n] for n, each in enumerate(again)}
    file.take(len(facts), late, [(each, written_places(now[each])) for each in again])
    facts += late
    assert [file.find(each) for each in again] == [there(facts, now[each]) for each in again]
    assert list(file.accepted()) == [there(facts, each) for each in (places | now).values()]


def test_what_a_full_disk_refuses_is_not_taken_and_the_rest_stays_readable():
    file, (facts, places) = OverflowFile(), lives(4)
    file._db.execute("PRAGMA max_page_count=20")
    with pytest.raises(StoreError, match="database or disk is full"):
        take_all(file, facts, places)
    taken = file._firsts[-1] + len(file._portion(file._firsts[-1]))
    assert file.read(range(taken)) == facts[:taken]
    file._db.execute("PRAGMA max_page_count=1000000")
    take_all(file, facts, places, taken)
    assert file.read(range(len(facts))) == facts
    assert list(file.accepted()) == [there(facts, each) for each in places.values()]
