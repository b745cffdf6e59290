"""Rows of fields: whatever an operation takes, the read operation of the same version shows; a row that is added is a
key of each version that has it."""

import importlib
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from api.plane import SERVICE, VERSIONS, Plane, code
from field_values import PLAIN, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.api import v2016_08_15, v2021_04_06, v2023_03_30
from fcemu.api.fc import DIALECTS
from fcemu.config import EMPTY
from fcemu.config.parse import parse
from fcemu.config.problems import Report
from fcemu.config.tree import plain
from fcemu.config.write import text_of
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.capacity import TABLES
from fcemu.core.fields.domains import DOMAIN
from fcemu.core.fields.functions import FUNCTION, HOOK
from fcemu.core.fields.functions import SERVICE as SERVICES
from fcemu.core.fields.kinds import FLAG, Choice, Kind, Whole, always
from fcemu.core.fields.layers import LAYER_VERSION
from fcemu.core.fields.releases import ALIAS
from fcemu.core.fields.rows import ABSENT, Effect, Field, Table, acts, keeps
from fcemu.core.fields.triggers import TRIGGER
from fcemu.core.limits import STRICT
from fcemu.defining import Parts

FULL = os.environ.get("FCEMU_EFFORT") == "full"
EFFORT = settings(
    max_examples=500 if FULL else 12,
    deadline=None,
    derandomize=not FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
)
BODY = {"runtime": "python3.10", "handler": "index.handler"}

# Where resources are made, read and changed, by the names of their tables.


def places(plane: Plane, table: Table) -> tuple[tuple[str, str, dict[str, Any]], str]:
    """How a resource is made, with what it needs, and the path under which it is read and changed."""
    match table.name:
        case "Function":
            return ("POST", plane.functions(), {"functionName": "f", "code": code(), **BODY}), plane.functions("f")
        case "Service":
            return ("POST", plane.at("services"), {"serviceName": "s"}), plane.at("services", "s")
        case "Alias":
            return ("POST", plane.owned("aliases"), {"aliasName": "a", "versionId": "1"}), plane.owned("aliases", "a")
        case "Trigger":
            body = {"triggerName": "t", "triggerType": "oss"}
            return ("POST", plane.functions("resize", "triggers"), body), plane.functions("resize", "triggers", "t")
        case "Domain":
            path = plane.at("custom-domains")
            return ("POST", path, {"domainName": "a.example.com"}), f"{path}/a.example.com"
        case "LayerVersion":
            path = plane.at("layers", "tools", "versions")
            return ("POST", path, {"code": code()}), f"{path}/1"
        case "Async":
            path = plane.functions("resize", "async-invoke-config")
        case "Concurrency":
            path = plane.functions("resize", "concurrency")
        case name:
            words = {"OnDemand": "on-demand-config", "Provision": "provision-config", "Scaling": "scaling-config"}
            path = plane.functions("resize", words[name])
    return ("PUT", path, {}), path


OTHER = {
    "versionId": st.sampled_from(["1", "LATEST"]),
    "qualifier": st.sampled_from(["1", "LATEST", "live"]),
    "reservedConcurrency": st.integers(0, 200),
    "maximumInstanceCount": st.integers(0, 200),
}
"""What depends on what there is besides."""
HOOKS = st.fixed_dictionaries(
    {"handler": values(HOOK.field("handler").kind)}, optional={"timeout": values(HOOK.field("timeout").kind)}
)
ROUTES = st.lists(
    st.fixed_dictionaries(
        {"path": st.sampled_from(["/*", "/a", "/b/*"]), "functionName": st.sampled_from(["f", "s$f"])},
        optional={"methods": st.lists(st.sampled_from(["GET", "PUT"]), unique=True, min_size=1)},
    ),
    max_size=3,
    unique_by=lambda route: route["path"],
)


def told(table: Table, version: str) -> list[Field]:
    """The rows whose values callers give."""
    return [row for row in table.of(version) if row.effect is not Effect.SHOWS]


def bodies(table: Table, version: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some fields of a resource with good values, as a request of a version has them."""
    members: dict[str, st.SearchStrategy[Any]] = {}
    inside: dict[str, dict[str, st.SearchStrategy[Any]]] = {}
    for row in told(table, version):
        if row.inside == "instanceLifecycleConfig":
            inside.setdefault(row.inside, {})[row.name] = HOOKS
        elif row.inside == "destinationConfig":
            assert isinstance(row.kind, Kind)
            destination = st.fixed_dictionaries({"destination": values(row.kind)})
            inside.setdefault(row.inside, {})[row.name] = destination
        elif row.inside == "routeConfig":
            inside.setdefault(row.inside, {})[row.name] = ROUTES
        else:
            assert isinstance(row.kind, Kind)
            members[row.name_in(version)] = OTHER[row.name] if row.name in OTHER else values(row.kind)
    members |= {name: st.fixed_dictionaries(inner) for name, inner in inside.items()}
    few = st.lists(st.sampled_from(sorted(members)), max_size=4, unique=True)
    return few.flatmap(lambda names: st.fixed_dictionaries({name: members[name] for name in names}))


def as_shown(name: str, value: Any, version: str) -> Any:
    """What is shown of a value that was given, where that is not the value itself."""
    match name:
        case "layers" if version == VERSIONS[-1]:
            return [{"arn": arn, "size": 0} for arn in value]
        case "triggerConfig" if version != VERSIONS[0]:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case "tracingConfig" if version != VERSIONS[-1]:
            return {"type": None, "params": None} | value
        case "certConfig":
            return {**value, "privateKey": None}
        case "instanceLifecycleConfig":
            return {hook: {"timeout": 3, **config} for hook, config in value.items()}
        case "routeConfig":
            return {"routes": [{"qualifier": "LATEST", **route} for route in value["routes"]]}
    return value


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    plane = Plane()
    yield plane
    plane.close()


def begin(plane: Plane, version: str) -> None:
    plane.renew()
    plane.version = version
    plane.make()
    plane.publish()
    plane.ok("POST", plane.owned("aliases"), {"aliasName": "live", "versionId": "1"})


TOLD = [
    (table, version)
    for table in (FUNCTION, SERVICES, ALIAS, TRIGGER, DOMAIN, LAYER_VERSION, ASYNC, *TABLES.values())
    for version in VERSIONS
    if told(table, version) and (table is not SERVICES or version != VERSIONS[-1])
]


@pytest.mark.parametrize(("table", "version"), TOLD, ids=lambda one: getattr(one, "name", one))
@EFFORT
@given(data=st.data())
def test_what_is_taken_is_shown(plane: Plane, table: Table, version: str, data: Any) -> None:
    begin(plane, version)
    (method, path, needed), place = places(plane, table)
    given_first, then = (data.draw(bodies(table, version)) for _ in range(2))
    plane.ok(method, path, needed | given_first)
    shown = plane.ok("GET", place)
    assert shown == shown | {name: as_shown(name, value, version) for name, value in given_first.items()}
    if table is not LAYER_VERSION:  # of which each publication makes another
        plane.ok("PUT", place, then)
        replaced = table in TABLES.values()
        after = then if replaced else {**given_first, **then}
        shown = plane.ok("GET", place)
        assert shown == shown | {name: as_shown(name, value, version) for name, value in after.items()}


@pytest.mark.parametrize(("table", "version"), TOLD, ids=lambda one: getattr(one, "name", one))
@EFFORT
@given(data=st.data())
def test_what_is_taken_of_odd_values_is_shown_and_the_rest_changes_nothing(
    plane: Plane, table: Table, version: str, data: Any
) -> None:
    begin(plane, version)
    (method, path, needed), place = places(plane, table)
    plane.ok(method, path, needed)
    alone = [row.name_in(version) for row in told(table, version) if not row.inside and row.name != "triggerConfig"]
    for name in data.draw(st.lists(st.sampled_from(alone), max_size=4)) if alone else ():
        value, before = data.draw(PLAIN), plane.state()
        target = ("POST", path, needed | {name: value}) if table is LAYER_VERSION else ("PUT", place, {name: value})
        reply = plane.ask(*target)
        if reply.status == 200:
            assert reply.json()[name] == as_shown(name, value, version)
        else:
            assert reply.status in (400, 404), (name, value, reply.body)
            assert plane.state() == before


# The definition, and what each version shows of what it defines.

OWN = frozenset(
    {
        *("functionId", "serviceId", "triggerId", "createdTime", "lastModifiedTime", "createTime", "requestId"),
        *("urlInternet", "urlIntranet", "location", "RequestId"),
    }
)
"""What is each emulator's own: ids, times, addresses."""


def without_own(document: Any) -> Any:
    match document:
        case dict():
            return {name: without_own(value) for name, value in document.items() if name not in OWN}
        case list():
            return [without_own(each) for each in document]
    return document


def reads(plane: Plane, version: str) -> list[str]:
    """The paths under which a version shows all that these tests make."""
    plane.version = version
    names = ("f", "resize")
    capacities = ("provision-config", "on-demand-config" if plane.in_services else "concurrency")
    each = ("", "async-invoke-config", "triggers", *capacities)
    paths = [plane.functions(name, *(part for part in (inside,) if part)) for name in names for inside in each]
    if plane.in_services:
        paths += [plane.at("services", name) for name in (SERVICE, "s")]
    else:
        paths += [plane.functions("resize", "scaling-config")]
    many = [plane.functions(), plane.owned("versions"), plane.owned("aliases"), plane.at("custom-domains")]
    return [*paths, *many, plane.at("layers"), plane.at("layers", "tools", "versions")]


def shown_by_all(plane: Plane) -> dict[str, Any]:
    """What every read operation of every version answers."""
    paths = [path for version in VERSIONS for path in reads(plane, version)]
    replies = {path: plane.ask("GET", path) for path in paths}
    return {path: (reply.status, without_own(reply.json())) for path, reply in replies.items()}


@pytest.fixture(scope="module")
def other() -> Iterator[Plane]:
    plane = Plane()
    yield plane
    plane.close()


@pytest.mark.parametrize("version", VERSIONS)
@settings(EFFORT, max_examples=EFFORT.max_examples * 2)
@given(data=st.data())
def test_what_is_taken_is_in_the_definition_from_which_each_version_shows_it_again(
    plane: Plane, other: Plane, version: str, data: Any
) -> None:
    begin(plane, version)
    tables = [table for table, known in TOLD if known == version]
    for table in data.draw(st.lists(st.sampled_from(tables), max_size=4, unique_by=lambda one: one.name)):
        (method, path, needed), _ = places(plane, table)
        plane.ok(method, path, needed | data.draw(bodies(table, version)))
    for each in (plane, other):
        runtimes: Any = SimpleNamespace(stub=None, packages=partial(getattr, each, "packages"))
        each.api.state.parts = parts = Parts(runtimes)
        parts.made_by(dict, EMPTY)
    definition = plane.ok("GET", "/_fcemu/definition")
    assert plain(parse(text_of(definition), Report("fcemu.yaml"))) == definition
    other.renew()
    assert other.ok("POST", "/_fcemu/definition", definition) == definition
    assert shown_by_all(other) == shown_by_all(plane)


ADDED = [
    keeps("colour", Choice(("red", "green")), "What it looks like.", versions=VERSIONS),
    keeps("depth", Whole("", always(1, 9)), "How deep it is.", 5, versions=VERSIONS[1:]),
    keeps("isOld", FLAG, "Whether it is old.", versions=VERSIONS[:1], names={VERSIONS[0]: "old"}),
    acts("pace", Whole("", always(1, 9)), "How fast it is.", "memory_mb", versions=VERSIONS[2:]),
]
GOOD = {"colour": "red", "depth": 3, "isOld": True, "pace": 7}
BAD = {"colour": "blue", "depth": 10, "isOld": 1, "pace": 0}


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Table, Field], None]]:
    """``add(table, row)``: what a new row in a table makes of the API; it is gone after the test."""
    modules = (v2016_08_15, v2021_04_06, v2023_03_30)

    def _add(table: Table, row: Field) -> None:
        monkeypatch.setattr(table, "fields", (*table.fields, row))
        for module in modules:
            made = importlib.reload(module).DIALECT
            monkeypatch.setitem(DIALECTS, made.version, (made, DIALECTS[made.version][1]))  # type: ignore[arg-type]

    yield _add
    monkeypatch.undo()
    for module in modules:
        importlib.reload(module)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("row", ADDED, ids=lambda row: row.name)
def test_a_row_that_is_added_is_a_key_of_each_version_that_has_it(
    open_plane: Callable[..., Plane], add: Callable[[Table, Field], None], row: Field, version: str
) -> None:
    add(FUNCTION, row)
    name, plane = row.name_in(version), open_plane(version)
    body = {"functionName": "f", "code": code(), **BODY}
    usual = plane.make("f")
    if version not in row.versions:
        assert name not in plane.ok("PUT", plane.functions("f"), {name: BAD[row.name]})
        return
    if not row.attribute:
        assert usual.get(name, ABSENT) == row.default
    assert plane.ok("PUT", plane.functions("f"), {name.upper(): GOOD[row.name]})[name] == GOOD[row.name]
    made = plane.ok("POST", plane.functions(), {**body, "functionName": "g", name: GOOD[row.name]})
    assert made[name] == GOOD[row.name]
    listed = plane.ok("GET", plane.functions())["functions"]
    assert [one[name] for one in listed] == [GOOD[row.name]] * 2
    assert isinstance(row.kind, Kind)
    status, code_, message = plane.refused("PUT", plane.functions("f"), {name: BAD[row.name]})
    expected = row.kind.allowed(STRICT)
    label = name[0].upper() + name[1:]
    assert (status, code_) == (400, "InvalidArgument")
    assert message == f"{label} is set to an invalid value (allowed: {expected}, actual: '{BAD[row.name]}')"
