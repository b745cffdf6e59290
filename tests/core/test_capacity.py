"""What capacity may be set: limits of functions within those of the account."""

import pytest
from rules import rule

from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION, Capacity, InstanceNumbers
from fcemu.core.errors import FCError
from fcemu.core.limits import RELAXED
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.resource_types import CAPACITIES
from fcemu.core.settings import Settings
from fcemu.core.shelves import Shelf

F, G = FunctionRef("f"), FunctionRef("g")


def on_demand(most: int, ref: FunctionRef = F, qualifier: str = LATEST) -> Capacity:
    return Capacity(ON_DEMAND, ref, qualifier, {"maximumInstanceCount": most})


def reserved(count: int, ref: FunctionRef = F) -> Capacity:
    return Capacity(CONCURRENCY, ref, LATEST, {"reservedConcurrency": count})


def refusal(wanted: Capacity, *there: Capacity, **settings) -> str:
    """Why it is refused; ``""``: it is not."""
    shelf = Shelf(CAPACITIES)
    numbers = InstanceNumbers(shelf)
    for one in there:
        shelf.put((one.kind, one.function, one.qualifier), one)
    try:
        numbers.check(wanted, Settings(**settings))
    except FCError as refused:
        return str(refused)
    return ""


@rule("timers-and-instances §2", "documented")
@pytest.mark.parametrize(("account", "most"), [({}, 300), ({"instance_limit": 500}, 500)])
def test_a_limit_on_demand_is_at_most_the_accounts(account, most):
    assert refusal(on_demand(0), **account) == refusal(on_demand(most), **account) == ""
    text = f"MaximumInstanceCount is set to an invalid value (allowed: [0, {most}], actual: '{most + 1}')"
    assert refusal(on_demand(most + 1), **account) == f"InvalidArgument: {text}"


@rule("timers-and-instances §2", "documented")
def test_a_hundred_qualifiers_may_have_a_limit_on_demand_each():
    there = [on_demand(1, FunctionRef(f"f{n}", "s")) for n in range(100)]
    assert refusal(on_demand(1), *there[:99]) == ""
    assert refusal(on_demand(1), *there) == (
        "LimitExceededError: there are 100 on-demand configs already, as many as there may be"
    )
    assert refusal(on_demand(2, FunctionRef("f7", "s")), *there) == ""


@rule("timers-and-instances §2", "documented")
@pytest.mark.parametrize(
    ("wanted", "there", "refused"),
    [
        (reserved(270), [], False),
        (reserved(271), [], True),
        (reserved(70), [reserved(200, G)], False),
        (reserved(71), [reserved(200, G)], True),
        (reserved(270), [reserved(200)], False),
        (reserved(0), [reserved(270, G)], False),
        (reserved(1), [reserved(270, G)], True),
    ],
)
def test_at_most_nine_tenths_of_the_instances_are_reserved(wanted, there, refused):
    assert bool(refusal(wanted, *there)) is refused


def test_who_makes_the_account_small_may_reserve_all_of_it():
    assert refusal(reserved(2), instance_limit=2) == ""


def test_relaxed_limits_and_other_kinds_have_none():
    assert refusal(reserved(5000), limits=RELAXED) == ""
    assert refusal(Capacity(PROVISION, F, LATEST, {"target": 5000})) == ""
