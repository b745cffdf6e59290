"""What is defined can be found, and what is defined no more cannot."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fcemu.core.catalog import Catalog
from fcemu.core.functions import Function
from fcemu.core.names import FunctionRef
from fcemu.core.resource_types import FUNCTIONS, TRIGGERS
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.triggers import HTTP, Trigger

T0 = datetime(2026, 1, 1, tzinfo=UTC)
REFS = [FunctionRef("f"), FunctionRef("g"), FunctionRef("h", "shop")]
refs, names, ids = st.sampled_from(REFS), st.sampled_from(["web", "hook"]), st.integers(1, 9)
changes = st.one_of(
    st.tuples(st.just("set"), refs, names, ids),
    st.tuples(st.just("set unstamped"), refs, names, ids),
    st.tuples(st.just("remove"), refs, names, ids),
    st.tuples(st.just("forget"), refs, names, ids),
    st.tuples(st.just("remove function"), refs, names, ids),
)


def trigger(ref, name, stamp):
    return Trigger(function=ref, name=name, kind=HTTP, stamp=stamp)


def define(catalog, ref):
    catalog.add(Function(ref=ref, handler="index.handler", code="/nowhere", timeout=timedelta(seconds=3)))


@given(st.lists(changes, max_size=20))
def test_an_id_finds_the_trigger_that_has_it_as_long_as_that_is_defined(done):
    catalog = Catalog()
    for number, (what, ref, name, id_) in enumerate(done):
        define(catalog, ref)
        match what:
            case "set":
                stamp = Stamp(f"{ref}/{name}/{id_}", T0, T0 + timedelta(number))
                catalog.triggers.put((ref, name), trigger(ref, name, stamp))
            case "set unstamped":
                catalog.triggers.put((ref, name), trigger(ref, name, UNSTAMPED))
            case "remove" if (ref, name) in catalog.triggers:
                catalog.remove(TRIGGERS, (ref, name))
            case "forget":
                catalog.forget_settings(ref)
            case "remove function":
                catalog.remove(FUNCTIONS, ref)
    there = {each.stamp.id: each for each in catalog.triggers.values() if each.stamp is not UNSTAMPED}
    every = {f"{ref}/{name}/{id_}" for _, ref, name, id_ in done} | {""}
    assert {id_: found for id_ in every if (found := catalog.triggers_by_id.get(id_)) is not None} == there
