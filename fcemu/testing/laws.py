"""Laws of handlers that are delivered to more than once and in any order: idempotence and commutativity."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import datetime
from itertools import permutations
from typing import Any, Final
from zoneinfo import ZoneInfoNotFoundError

from fcemu.core.settings import SPEC_START
from fcemu.engine.emulator import Emulator
from fcemu.search.calendar import special_instants
from fcemu.testing.faults import Faults
from fcemu.testing.handles import Function, Invocation
from fcemu.testing.records import Payload
from fcemu.testing.waiting import run

_ALL_ORDERS: Final = 5
"""Up to how many messages all orders of them are tried; of more, neighbours are exchanged, and the order reversed."""


def idempotent(function: Function, payload: Payload, effect: Callable[[], Any]) -> None:
    """The same message, delivered twice, has the effects of one delivery. ``effect()`` gives those effects, which are
    compared; it is called after each delivery. Raises ``AssertionError``, and ``InvocationFailed`` where it fails."""
    __tracebackhide__ = True
    fault = Faults(function._access).deliver_twice(function, again="1s")
    invocation = function.invoke_async(payload)
    while not (invocation.attempts and invocation.attempts[0].ended):
        run(function._access.move(Emulator.run_next))
    once = deepcopy(effect())
    invocation.result()
    fault.remove()
    twice = effect()
    if once != twice:
        raise AssertionError(
            f"{function.name} is not idempotent: delivered once, {_shown(payload)} leads to {once!r}, delivered twice "
            f"to {twice!r}"
        )


def commutative(
    function: Function,
    payloads: Sequence[Payload],
    effect: Callable[[], Any],
    *,
    fresh: Callable[[], object] = lambda: None,
) -> None:
    """The same messages have the same effects in any order. ``effect()`` gives them; it is called after each order.
    ``fresh()`` puts the effects back before each order; without it, the handler must be idempotent, because the
    messages come once more for each order. Raises ``AssertionError``, and ``InvocationFailed`` where one fails."""
    __tracebackhide__ = True
    first: tuple[Sequence[Payload], Any] | None = None
    for order in _orders(payloads):
        fresh()
        invocations: list[Invocation] = []
        for payload in order:
            invocations.append(function.invoke_async(payload))
            invocations[-1].result()
        found = deepcopy(effect())
        if first is None:
            first = order, found
        elif found != first[1]:
            raise AssertionError(
                f"{function.name} is not commutative: {', '.join(map(_shown, first[0]))} leads to {first[1]!r}, "
                f"{', '.join(map(_shown, order))} to {found!r}"
            )


def calendar(zone: str) -> list[datetime]:
    """The instants of ``explore="calendar"`` in a zone: changes of the clocks, ends of months and years, a leap day,
    midnight, 2038. Raises ``ValueError`` for a zone that is not there."""
    try:
        return [instant for instant, _ in special_instants(zone, SPEC_START.year)]
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"zone: expected the name of a time zone such as Europe/Berlin, got {zone!r}") from None


def _orders(payloads: Sequence[Payload]) -> list[tuple[Payload, ...]]:
    if len(payloads) <= _ALL_ORDERS:
        return list(permutations(payloads))
    given = tuple(payloads)
    exchanged = [(*given[:n], given[n + 1], given[n], *given[n + 2 :]) for n in range(len(given) - 1)]
    return [given, *exchanged, given[::-1]]


def _shown(payload: Payload) -> str:
    text = repr(payload)
    return text if len(text) <= 60 else f"{text[:59]}…"
