"""The first fact by which two runs of the same test differ, and what the cause may be."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

_CAUSES: Final = {
    "output": (
        "the output of a handler differs: the handler reads real time or real randomness, or one of its threads writes"
    ),
    "outcome": "the outcome of a handler differs: the handler reads real time or real randomness, or asks the network",
    "payload": "a payload differs: the test, or a handler that invokes, reads real time or real randomness",
    "body": "a message differs: a handler, or the test, reads real time or real randomness",
    "at": "the time of the fact differs: a handler waits for something real, such as a thread or a socket",
    "due": "the due time differs: a handler waits for something real, such as a thread or a socket",
    "until": "the length of a sleep differs: the handler reads real time or real randomness",
    "kind": "the kind of the fact differs: a handler, or the test, does something else when it runs again",
}
"""What may make a member of a fact differ."""


def difference(first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]) -> str:
    """What differs between the journals of two runs, of each the emulators in the order in which they were made;
    ``""`` if nothing does."""
    for number, (one, other) in enumerate(zip(first, second, strict=False), 1):
        for n, (before, after) in enumerate(zip(one, other, strict=False), 1):
            if before != after:
                return "\n".join(_told(number, n, json.loads(before), json.loads(after)))
        if len(one) != len(other):
            longer = (one if len(one) > len(other) else other)[min(len(one), len(other))]
            which = "first" if len(one) > len(other) else "second"
            return (
                f"not deterministic: emulator {number} came to {len(one)} facts, and to {len(other)} when the test ran "
                f"again; the first that only the {which} run has: {longer}"
            )
    if len(first) != len(second):
        return f"not deterministic: the test made {len(first)} emulators, and {len(second)} when it ran again"
    return ""


def _told(emulator: int, n: int, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    yield f"not deterministic: fact {n} of emulator {emulator} is another one when the test runs again"
    members = [*_differing(before, after), *_differing(before.get("data", {}), after.get("data", {}))]
    for name in members:
        if name != "data":
            one = before.get(name, before.get("data", {}).get(name))
            other = after.get(name, after.get("data", {}).get(name))
            yield f"  {name}: {one!r}, then {other!r}"
    cause = next((_CAUSES[name] for name in ("kind", *members) if name in members and name in _CAUSES), "")
    if cause:
        yield f"  cause: {cause}"


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]
