"""What settings come to at worst is what an emulator does at worst; contradictions are found, and nothing else."""

from datetime import timedelta

import pytest
from fakes import ask, make, s

from fcemu.core.analysis import findings, worst
from fcemu.core.destinations import FunctionDestination, QueueDestination
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings

DAY = 86400


def function(name="f", timeout=3.0, memory_mb=512):
    return Function(
        ref=FunctionRef.parse(name), handler="index.handler", code="/nowhere", timeout=s(timeout), memory_mb=memory_mb
    )


def found(settings=None, **asked):
    functions = [function(name.replace("__", "/"), of.pop("timeout", 3)) for name, of in asked.items()]
    settings_of = {one.ref: AsyncSettings(**of) for one, of in zip(functions, asked.values(), strict=True)}
    return [(str(one.function), one.text) for one in findings(functions, settings_of, settings or Settings())]


@pytest.mark.parametrize("retries", [0, 1, 3, 8])
@pytest.mark.parametrize("age", [5, 40, DAY])
@pytest.mark.parametrize("timeout", [1, 7, 60])
@pytest.mark.parametrize("name", ["f", "s/f"])
def test_the_worst_is_what_an_emulator_comes_to_when_every_attempt_takes_all_its_time(retries, age, timeout, name):
    asked = AsyncSettings(max_retries=retries, max_age=timedelta(seconds=age), on_failure=QueueDestination("failed"))
    keyword = name.replace("/", "__")
    emulator, _ = make({name: asked}, timeout=timeout, **{keyword: lambda call: call.clock.sleep(10 * timeout)})
    invocation = emulator.accept(ask(name))
    emulator.wait(emulator.run_until_idle(None))
    predicted = worst(function(name, timeout), asked, Settings())
    assert predicted.attempts == len(invocation.attempts)
    assert predicted.failure == invocation.ended - invocation.at
    assert predicted.success == invocation.attempts[-1].ended - invocation.at
    assert predicted.gigabyte_seconds == predicted.attempts * timeout / 2


def test_what_is_refused_waits_as_long_as_its_age_but_five_hours_at_most():
    ages = {3600: 3600, DAY: 5 * 3600}
    for age, held in ages.items():
        assert worst(function(), AsyncSettings(max_age=s(age)), Settings()).held == s(held)


def test_usual_settings_contradict_nothing():
    assert (
        found(f={}, g={"on_failure": QueueDestination("q"), "on_success": FunctionDestination(FunctionRef("f"))}) == []
    )


def test_a_delay_that_is_longer_than_the_age_is_found():
    [(name, text)] = found(f={"max_age": s(600), "max_retries": 1})
    assert name == "f"
    assert text.startswith("a message that is delayed by more than 600 s expires before it runs")
    assert found(Settings(age_excludes_delay=True), f={"max_age": s(600), "max_retries": 1}) == []


def test_a_timeout_that_is_longer_than_the_age_and_retries_that_never_come_are_found():
    texts = [text for _, text in found(Settings(age_excludes_delay=True), f={"max_age": s(2), "timeout": 60})]
    assert [text.partition(" s")[0] for text in texts] == [
        "the timeout of 60",
        "retry 3 of 3 can never happen: even if every attempt fails at once it is due after 3.5",
    ]
    assert found(Settings(age_excludes_delay=True), f={"max_age": s(2), "timeout": 60, "max_retries": 0}) == []


def test_each_loop_of_destinations_is_told_once_with_its_way():
    def to(name):
        return FunctionDestination(FunctionRef.parse(name))

    told = found(a={"on_success": to("b")}, b={"on_failure": to("c"), "on_success": to("b")}, c={"on_success": to("a")})
    assert [text.partition(";")[0] for _, text in told] == [
        "the reports go in a loop: a → b → c → a",
        "the reports go in a loop: b → b",
    ]


def test_a_destination_that_is_not_there_and_an_id_that_is_free_too_early_are_found():
    told = found(
        Settings(task_retention=timedelta(hours=1)),
        f={"on_success": FunctionDestination(FunctionRef("gone")), "task_mode": True},
    )
    assert [text[:40] for _, text in told] == [
        "the id of a task is free 3600 s after it",
        "onSuccess leads to the function gone, wh",
    ]
