"""The control plane treats all kinds of resource alike: what exists, is missing, changes, goes, and is kept."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from api.plane import state, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.core.capacity import PROVISION
from fcemu.core.errors import FCError
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Wanted
from fcemu.core.releases import Owner
from fcemu.core.resource_types import (
    ALIASES,
    ASYNC,
    CAPACITIES,
    DOMAINS,
    FUNCTIONS,
    LAYERS,
    RESOURCE_TYPES,
    SERVICES,
    SOURCES,
    TAGS,
    TRIGGERS,
    VERSIONS,
    VPCS,
)
from fcemu.core.stamps import etag_of
from fcemu.engine.control import Control
from fcemu.testing import LocalEmulator

BASE = FunctionRef("base")
OWNER = Owner.of(BASE)
HANDLER = {"handler": "index.handler", "runtime": "python3.10"}
NOTHING: Mapping[str, Any] = MappingProxyType({})
HOURLY = {"kind": "timer", "config": {"cronExpression": "@every 1h", "enable": False}}


def publish(control: Control, number: int) -> None:
    there = control.function(BASE)
    control.change(FUNCTIONS, BASE, {"kept": {"cpu": there.kept.get("cpu", 0) + 1}})
    control.publish(OWNER)


def publish_layer(control: Control, number: int) -> None:
    control.publish_layer("tools", zipped(), {})


def register(control: Control, number: int) -> None:
    control.register_source(BASE, LATEST, f"b{number}")


class Case(NamedTuple):
    """Resources of one kind. ``key``: of the n-th; ``first`` and ``then``: what is said of it, and of a change;
    ``group``: where their list is; ``make``: how one is made, where that is not ``create``."""

    kind: Any
    key: Callable[[int], Any]
    first: Mapping[str, Any] = NOTHING
    then: Mapping[str, Any] = NOTHING
    group: Any = None
    make: Callable[[Control, int], object] | None = None

    def create(self, control: Control, number: int) -> None:
        if self.make is not None:
            self.make(control, number)
        else:
            control.create(self.kind, self.key(number), self.first)


def put(kind: Any, key: Callable[[int], Any], first: dict[str, Any], then: dict[str, Any]) -> Case:
    """Settings, which are there or not: who makes them again changes them."""
    return Case(kind, key, first, then, BASE, lambda control, number: control.put(kind, key(number), first))


CASES = [
    Case(SERVICES, lambda n: f"s{n}", {}, {"kept": {"description": "d"}}),
    Case(FUNCTIONS, lambda n: FunctionRef(f"f{n}", "home"), HANDLER, {"memory_mb": 1024}, "home"),
    Case(VERSIONS, lambda n: (OWNER, str(n)), {}, {"description": "d"}, OWNER, publish),
    Case(ALIASES, lambda n: (OWNER, f"a{n}"), {"version": LATEST}, {"description": "d"}, OWNER),
    Case(TRIGGERS, lambda n: (BASE, f"t{n}"), HOURLY, {"description": "d"}, BASE),
    put(ASYNC, lambda n: (BASE, str(n)), {"max_retries": 1}, {"max_retries": 0}),
    Case(DOMAINS, lambda n: f"d{n}.example.test", {}, {"protocol": "HTTPS"}),
    Case(LAYERS, lambda n: ("tools", n), {}, {"license": "MIT"}, "tools", publish_layer),
    put(CAPACITIES, lambda n: (PROVISION, BASE, str(n)), {"kept": {"target": 0}}, {"kept": {"defaultTarget": 0}}),
    Case(VPCS, lambda n: (OWNER, f"vpc-{n}"), group=OWNER),
    Case(SOURCES, lambda n: (BASE, LATEST, f"b{n}"), {}, {}, (BASE, LATEST), register),
]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.name)
DOINGS = st.lists(st.tuples(st.sampled_from(["create", "change", "delete", "restart"]), st.integers(1, 4)), max_size=8)


def begin(control: Control) -> None:
    """Define what the resources of all kinds belong to: a service, a function of 3.0 with four versions, a layer."""
    control.create(SERVICES, "home", {})
    control.create(FUNCTIONS, BASE, {**HANDLER, "zip": zipped()})
    for number in range(4):
        publish(control, number)
    publish_layer(control, 0)


def refusal(does: Callable[..., object], *told: Any) -> str:
    """Code and text with which something is refused, or nothing."""
    try:
        does(*told)
    except FCError as refused:
        return str(refused)
    return ""


def names_on_pages(control: Control, case: Case) -> list[str]:
    """The names of a list, page by page."""
    there = {id(resource): name for name, resource in control.all(case.kind, case.group).items()}
    found, start = [], ""
    while True:
        page = control.page(case.kind, case.group, Wanted(start=start, limit=2))
        found += [there[id(resource)] for resource in page.items]
        start = page.next
        if not start:
            return found


def test_no_kind_is_left_out():
    """Tags are no resource by themselves: whatever may have some has some, if only none."""
    assert [case.kind for case in CASES] == [kind for kind in RESOURCE_TYPES if kind is not TAGS]


@EACH
@given(doings=DOINGS)
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_there_already_or_is_missing_is_refused_and_a_restart_changes_nothing(case, doings):
    kind = case.kind
    with TemporaryDirectory() as folder, LocalEmulator(data=Path(folder) / "a.db", strict=False) as emulator:
        begin(emulator._engine.control)
        for what, number in [*doings, ("restart", 1)]:
            engine, key = emulator._engine, case.key(number)
            control, shelf = engine.control, engine._catalog.shelf(kind)
            before, facts, there = state(engine._catalog), len(engine.journal), shelf.get(key)
            told = ""
            if what == "restart":
                engine.save()  # as the server does before it answers
                emulator.restart()
                assert state(emulator._engine._catalog) == before
                continue
            if what == "create":
                exists = there is not None and kind.taken is not None
                told = refusal(case.create, control, number)
                assert told == (str(kind.taken(key)) if exists else "")
            elif there is None:
                missing = kind.missing(key) if kind.none is None or shelf.has(case.group) else kind.none(case.group)
                told = refusal(control.get, kind, key)
                assert told == str(missing)
                assert refusal(control.change, kind, key, case.then) == refusal(control.delete, kind, key) == told
            elif what == "change":
                assert "PreconditionFailed" in refusal(control.change, kind, key, case.then, "another")
                changed = control.change(kind, key, case.then, etag_of(there))
                assert control.get(kind, key) == changed == replace(changed, **case.then)
                assert (changed.stamp.id, changed.stamp.created) == (there.stamp.id, there.stamp.created)
            else:
                assert "PreconditionFailed" in refusal(control.delete, kind, key, "another")
                control.delete(kind, key, etag_of(there))
                assert key not in shelf
            if told:
                assert (state(engine._catalog), len(engine.journal)) == (before, facts)
            else:
                assert engine.journal[-1].what == kind.said(key) or kind in (VERSIONS, LAYERS)
            if kind.name not in ("layers", "capacities"):  # lists of these are in another order than by name
                assert names_on_pages(control, case) == sorted(shelf.of(case.group))
