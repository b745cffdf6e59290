"""Properties of a story, looked at after every fact; laws of a handler."""

import pytest

from fcemu.testing import LocalEmulator, always, commutative, eventually, exactly_once, idempotent


@pytest.fixture
def emulator():
    with LocalEmulator("", strict=False) as emulator:
        yield emulator


@pytest.fixture
def charges(emulator):
    charges = []
    emulator.add("charge", lambda event, context: charges.append(event))
    return charges


def test_what_breaks_in_between_is_found_with_the_fact_at_which_it_broke(emulator, charges):
    stock = [1]
    emulator.add("take", lambda event, context: stock.append(stock[-1] - 1))
    emulator.add("put", lambda event, context: stock.append(stock[-1] + 1))

    def never_negative():
        return stock[-1] >= 0

    emulator.properties.add(always(never_negative))
    for name, delay in (("take", 1), ("take", 2), ("put", 3)):
        emulator.function(name).invoke_async(delay=delay)
    with pytest.raises(AssertionError) as broken:
        emulator.run_until_idle()
    assert stock[-1] == 0, "at the end all is well"
    text = str(broken.value)
    assert text.startswith("property always(never_negative) broke at fact ")
    assert "+2 s" in text
    assert "take (2)  attempt 1 returned" in text


def test_a_predicate_may_look_at_the_emulator_as_the_test_does(emulator, charges):
    charge = emulator.function("charge")
    invocation = charge.invoke_async({"order": 7})
    seen = []

    def look():
        seen.append((invocation.status, len(emulator.invocations), emulator.now, emulator.explain() != ""))
        return True

    emulator.properties.add(always(look))
    emulator.run_until_idle()
    assert {status for status, *_ in seen} >= {"Enqueued", "Running", "Succeeded"}
    assert len(seen) >= 5


def test_a_predicate_that_raises_is_a_property_that_broke(emulator, charges):
    emulator.properties.add(always(lambda: 1 / len(charges) if charges else True))
    with pytest.raises(AssertionError, match=r"eventually.* broke at the beginning: it raised IndexError"):
        emulator.properties.add(eventually(lambda: charges[0]))


def test_what_must_come_true_in_time_breaks_when_it_is_too_late(emulator, charges):
    emulator.properties.add(eventually(lambda: len(charges) == 2, within="1h"))
    emulator.function("charge").invoke_async(delay=3599)
    emulator.function("charge").invoke_async(delay=3600)
    emulator.run_until_idle()
    emulator.check()
    emulator.properties.add(eventually(lambda: len(charges) == 3, within="1m"))
    emulator.function("charge").invoke_async(delay=61)
    with pytest.raises(AssertionError, match=r"within=60 s\) broke at fact \d+: \+3661 s .*it did not become true by"):
        emulator.run_until_idle()


def test_what_never_came_true_breaks_at_the_end(emulator, charges):
    emulator.properties.add(eventually(lambda: len(charges) == 1))
    emulator.advance(5)
    with pytest.raises(AssertionError, match="broke at the end: it is not true, and the run ends at"):
        emulator.check()


@pytest.mark.parametrize("count", [len, list])
def test_exactly_once_is_neither_never_nor_twice(emulator, charges, count):
    emulator.properties.add(exactly_once(lambda: count(charges)))
    with pytest.raises(AssertionError, match="broke at the end: it has happened 0 times"):
        emulator.check()
    emulator.properties.add(exactly_once(lambda: count(charges)))
    emulator.function("charge").invoke_async()
    emulator.run_until_idle()
    emulator.check()
    emulator.faults.deliver_twice("charge")
    charges.clear()
    emulator.function("charge").invoke_async()
    with pytest.raises(AssertionError, match=r"broke at fact \d+: .*attempt 2 returned.*: it has happened 2 times"):
        emulator.run_until_idle()


def test_a_property_holds_on_after_a_restart(emulator, charges):
    emulator.properties.add(exactly_once(lambda: charges))
    emulator.function("charge").invoke_async(delay=5)
    emulator.restart()
    emulator.add("charge", lambda event, context: charges.extend([1, 2]))
    with pytest.raises(AssertionError, match="it has happened 2 times"):
        emulator.run_until_idle()


def test_without_an_exception_of_its_own_a_with_block_tells_at_its_end():
    with pytest.raises(AssertionError, match="it has happened 0 times"), LocalEmulator("") as emulator:
        emulator.properties.add(exactly_once(list))


@pytest.mark.parametrize("within", ["-1s", "soon"])
def test_a_wrong_duration_is_refused(within):
    with pytest.raises(ValueError, match=r"duration|expected"):
        eventually(lambda: True, within=within)


def test_a_handler_that_is_not_idempotent_is_told_with_both_effects(emulator, charges):
    with pytest.raises(AssertionError) as wrong:
        idempotent(emulator.function("charge"), {"order": 7}, lambda: len(charges))
    assert str(wrong.value) == (
        "charge is not idempotent: delivered once, {'order': 7} leads to 1, delivered twice to 2"
    )


def test_a_handler_that_knows_what_it_has_done_is_idempotent(emulator):
    done, keys = [], set()
    emulator.add("by_payload", lambda event, context: keys.add(event))
    emulator.add("by_id", lambda event, context: context.request_id in done or done.append(context.request_id))
    idempotent(emulator.function("by_payload"), "a", lambda: keys)
    idempotent(emulator.function("by_id"), "a", lambda: done)
    assert [len(one.attempts) for one in emulator.invocations] == [2, 2], "each was delivered twice"


def test_messages_whose_order_matters_are_told_with_both_orders(emulator):
    prices = {}
    emulator.add("set", lambda event, context: prices.update(tea=event))
    with pytest.raises(AssertionError, match=r"set is not commutative: 'a', 'b' leads to .*, 'b', 'a' to "):
        commutative(emulator.function("set"), ["a", "b"], lambda: prices)


@pytest.mark.parametrize("messages", [3, 7])
def test_messages_whose_order_does_not_matter_pass_in_every_order(emulator, messages):
    total, seen = [0], set()
    emulator.add("add", lambda event, context: total.append(total[-1] + int(event)))
    emulator.add("keep", lambda event, context: seen.add(event))
    payloads = [str(n) for n in range(messages)]
    commutative(emulator.function("keep"), payloads, lambda: seen)
    commutative(emulator.function("add"), payloads, lambda: total[-1], fresh=lambda: total.append(0))


def test_a_law_needs_a_handler_that_returns(emulator):
    emulator.add("broken", lambda event, context: 1 / 0)
    with pytest.raises(Exception, match="division by zero"):
        commutative(emulator.function("broken"), ["a"], list)
