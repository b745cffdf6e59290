"""Metrics and instances as they are shown outside."""

from itertools import pairwise

import pytest
from api.conftest import echo
from fakes import ask, make, s
from prometheus_client.parser import text_string_to_metric_families

from fcemu.core.capacity import PROVISION
from fcemu.core.destinations import QueueDestination
from fcemu.core.functions import AsyncSettings
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.resource_types import CAPACITIES
from fcemu.core.settings import Settings


def boom(call):
    raise ValueError("no")


def slow(call):
    call.clock.sleep(4)


@pytest.fixture
def busy(serve):
    emulator, _ = make(
        {
            "boom": AsyncSettings(max_retries=0, on_failure=QueueDestination("broken")),
            "slow": AsyncSettings(max_age=s(60)),
        },
        settings=Settings(instance_limit=2),
        boom=boom,
        slow=slow,
        shop__echo=echo,
    )
    served = serve(emulator)
    emulator.accept(ask("slow"))
    for _ in range(3):
        emulator.accept(ask("slow", delay=10))
    emulator.accept(ask("boom", delay=30))
    emulator.invoke(ask("shop/echo"), lambda ended: None)
    emulator.wait(emulator.advance(s(12)))
    return served


def samples(served):
    """Values by name and labels other than an empty service."""
    reply = served.request("GET", "/_fcemu/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (one.name, *(value for name, value in sorted(one.labels.items()) if value)): one.value
        for family in text_string_to_metric_families(reply.body.decode())
        for one in family.samples
    }


def test_what_a_queue_does_is_counted_by_the_names_of_fc(busy):
    found = samples(busy)
    assert {
        name: found[name, "slow"] for name, *labels in found if name.startswith("Function") and "slow" in labels
    } == {
        "FunctionEnqueueCount_total": 4,
        "FunctionDequeueCount_total": 3,
        "FunctionAsyncMessageLatencyAvg": pytest.approx(20_000 / 3),
        "FunctionAsyncMessageLatencyMax": 10_000,
        "FunctionAsyncEventExpiredDropped_total": 0,
        "FunctionDestinationErrors_total": 0,
        "FunctionDestinationSucceeded_total": 0,
        "FunctionAsyncMessagesBacklogV2": 1,
        "FunctionAsyncMessagesInProcess": 2,
    }


def test_attempts_instances_and_the_clock_are_counted_by_names_of_ours(busy):
    busy.emulator.wait(busy.emulator.run_until_idle(None))
    found = samples(busy)
    assert found["fcemu_invocations_total", "slow", "async", "Succeeded"] == 4
    assert found["fcemu_invocations_total", "echo", "sync", "shop", "Succeeded"] == 1
    assert found["fcemu_attempts_total", "boom", "function error"] == 1
    assert (found["fcemu_attempt_seconds_count", "slow"], found["fcemu_attempt_seconds_sum", "slow"]) == (4, 16)
    assert found["fcemu_holds_total", "slow"] == 1
    assert found["FunctionDestinationSucceeded_total", "boom"] == 1
    assert sum(value for (name, *_), value in found.items() if name == "fcemu_instances") == 2
    assert found["fcemu_clock_seconds",] == busy.emulator.clock.now().timestamp()
    assert found["fcemu_in_flight",] == 0


def families(served):
    return list(text_string_to_metric_families(served.request("GET", "/_fcemu/metrics").body.decode()))


def counters(served):
    """Values of counters by name and labels."""
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in families(served)
        if family.type == "counter"
        for one in family.samples
    }


def test_what_only_grows_is_a_counter_and_its_name_says_so(busy):
    kinds = {family.name: family.type for family in families(busy)}
    assert set(kinds.values()) == {"counter", "gauge", "summary"}
    for name in (
        "FunctionEnqueueCount",
        "FunctionDequeueCount",
        "FunctionAsyncEventExpiredDropped",
        "FunctionDestinationErrors",
        "FunctionDestinationSucceeded",
        "fcemu_invocations",
        "fcemu_attempts",
        "fcemu_cold_starts",
        "fcemu_provisioned_starts",
        "fcemu_instance_stops",
        "fcemu_holds",
        "fcemu_facts",
    ):
        assert kinds.pop(name) == "counter", name
    assert "counter" not in kinds.values()
    for family in families(busy):
        assert all(one.name.endswith("_total") == (family.type == "counter") for one in family.samples)


def test_no_counter_ever_falls(busy):
    """Whatever becomes of the invocations, the instances and the reports behind them."""
    seen = [counters(busy)]
    for _ in range(12):
        busy.emulator.wait(busy.emulator.advance(s(3)))
        seen.append(counters(busy))
    busy.emulator.wait(busy.emulator.run_until_idle(None))
    seen.append(counters(busy))
    for before, after in pairwise(seen):
        assert {name: value for name, value in before.items() if after.get(name, 0) < value} == {}


def test_an_emulator_without_anything_has_metrics_too(serve):
    emulator, _ = make()
    assert samples(serve(emulator))["fcemu_facts_total",] == 0


def test_to_ask_changes_nothing(busy):
    assert samples(busy) == samples(busy)


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/2016-08-15/services/shop.LATEST/functions/f/instances", {"instanceId", "versionId"}),
        ("/2021-04-06/services/shop/functions/f/instances", {"instanceId", "versionId"}),
        (
            "/2023-03-30/functions/f/instances",
            {"instanceId", "versionId", "qualifier", "status", "createdTimeMs"},
        ),
    ],
)
def test_the_instances_of_a_function_are_listed(serve, path, members):
    emulator, _ = make(f=slow, shop__f=slow)
    served = serve(emulator)
    ref = FunctionRef.parse("f" if "2023" in path else "shop/f")
    assert served.request("GET", path).json()["instances"] == []
    emulator.control.put(CAPACITIES, (PROVISION, ref, LATEST), {"kept": {"target": 3}})
    listed = served.request("GET", path).json()["instances"]
    assert [set(one) for one in listed] == [members] * 3
    assert {one["versionId"] for one in listed} == {LATEST}
    first = listed[0]["instanceId"]
    assert served.request("GET", f"{path}?instanceIds={first}").json()["instances"] == listed[:1]
    assert served.request("GET", f"{path}?limit=2").json()["instances"] == listed[:2]
    emulator.control.put(CAPACITIES, (PROVISION, ref, LATEST), {"kept": {"target": 0}})
    assert served.request("GET", path).json()["instances"] == []


def test_instances_of_a_function_that_does_not_exist_are_not_found(serve):
    reply = serve(make()[0]).request("GET", "/2023-03-30/functions/f/instances")
    assert (reply.status, reply.json()["Code"]) == (404, "FunctionNotFound")
