"""Whatever a definition may say is read, written as the same, shown by FC's API, and kept by the store."""

import os
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
import requests
from field_values import PLAIN, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.config import document_of, native_text, read_definition, read_mapping
from fcemu.config.file_kinds import Instant, Numbers, Places, Probabilities, Secrets
from fcemu.config.schema import FILE
from fcemu.core.fields.fc_kinds import Function, Methods, Qualifier, Weights
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.kinds import AnyMap, Anything, Kind, Number, Texts
from fcemu.core.fields.rows import V2023, Effect, Named, Nested
from fcemu.core.limits import STRICT
from fcemu.testing import LocalEmulator

FULL = os.environ.get("FCEMU_EFFORT") == "full"
EFFORT = settings(
    max_examples=500 if FULL else 10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LOOKED_UP = {"code", "python", "layers", "zipFile", "vars", "expand"}
"""Keys that name files or that are replaced before all is read."""
FIXED = {
    "handler": "index.handler",
    "function": "f",
    "src": ".",
    "errorType": "Declined",
    "sourceArn": "acs:oss:cn-hangzhou:1:b",
    "accountId": "1234567890123456",
    "status": 200,
    "allowHost": ["build.example.com"],
}
KEPT = {
    row.name: values(row.kind)
    for row in FUNCTION.of(V2023)
    if row.effect is Effect.KEEPS and isinstance(row.kind, Kind)
}
NAMES = {"versions": ["1"], "aliases": ["live"], "customDomains": ["www.example.test"], "routes": ["/*", "/a"]}


def value_of(kind):
    match kind:
        case Qualifier():
            return st.sampled_from(["LATEST"])
        case Weights():
            return st.just({})
        case Function():
            return st.just("f")
        case Methods():
            return st.just("any") | st.lists(st.sampled_from(["GET", "put"]), min_size=1, max_size=2)
        case Numbers(each):
            return st.lists(values(each), min_size=1, max_size=3)
        case Instant():
            return st.datetimes(min_value=NEW, timezones=st.timezones()).map(lambda moment: moment.isoformat())
        case Secrets():
            return st.dictionaries(st.sampled_from(["LTAIexample", "x"]), st.sampled_from(["secret", "1.10"]))
        case Places():
            return st.just({"queue:failed": "http://127.0.0.1:8080/hook"})
        case Probabilities():
            return st.just({"repeat": 0.2, "crash": 0})
        case Anything():
            return PLAIN
        case Number(above=True):
            return values(kind).filter(bool)
        case Texts(known=known) if known:
            return st.lists(st.sampled_from(known), max_size=2)
    return values(kind, STRICT)


NEW = datetime(2000, 1, 1)


@cache
def maps_of(table, generation):
    """Some keys of a table with good values, and those that must be there."""
    members = {}
    for key, field in table.keys.items():
        if key in LOOKED_UP or field.only not in ("", generation) or field.runs_in:
            continue
        match field.in_file:
            case Nested(inner, by=by, many=many):
                members[key] = maps_of(inner, generation)
                members[key] = (
                    st.lists(members[key], min_size=1, max_size=1 if by else 2) if by or many else members[key]
                )
            case Named(inner):
                belongs = "2.0" if key == "services" else generation
                names = NAMES.get(key, ["f"])
                members[key] = st.fixed_dictionaries({}, optional={name: maps_of(inner, belongs) for name in names})
            case AnyMap() if key == "kept" and table is FUNCTION and generation == "3.0":
                members[key] = st.fixed_dictionaries({}, optional=KEPT)
            case kind:
                members[key] = st.just(FIXED[key]) if key in FIXED else value_of(kind)
    needed = [key for key, field in table.keys.items() if field.required and key in members]
    chosen = [key for key in table.one_of if key in members]
    others = sorted(members.keys() - {*needed, *chosen})

    def some(keys):
        one, more = keys
        said = dict.fromkeys([*needed, *one, *more])
        keys_of = [key for key in said if table.only_with.get(key, one and one[0]) == (one and one[0])]
        return st.fixed_dictionaries({key: members[key] for key in keys_of})

    first = st.sampled_from(chosen).map(lambda key: [key]) if chosen else st.just([])
    return st.tuples(
        first, st.lists(st.sampled_from(others), max_size=4, unique=True) if others else st.just([])
    ).flatmap(some)


def without_contradictions(document):
    """A definition with what its parts need of each other."""
    document.setdefault("functions", {}).setdefault("f", {"handler": "index.handler"})
    document.pop("stubs", None)
    document.pop("layers", None)
    document["expand"] = False
    for owner in (document, *document.get("services", {}).values()):
        for version in owner.get("versions", {}).values():
            version.pop("functions", None)
        for function in owner.get("functions", {}).values():
            if "onDemandConfig" in function:
                function.pop("reservedConcurrency", None)
            point(function, function.get("versions", {}))
        if owner is not document:
            point(owner, owner.get("versions", {}))
    return document


def point(owner, versions):
    for alias in owner.get("aliases", {}).values():
        alias["version"] = next(iter(versions), "LATEST")


DEFINITIONS = maps_of(FILE, "3.0").map(without_contradictions)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = Path(os.path.realpath(tmp_path_factory.mktemp("any")))
    (folder / "index.py").write_text("def handler(event, context): ...\n")
    (folder / "index.js").write_text("exports.handler = () => {}\n")
    return folder


def all_of(definition):
    parts = (definition.functions, definition.services, dict(definition.async_settings), definition.extras)
    return (*parts, [function.disabled for function in definition.functions])


@EFFORT
@given(document=DEFINITIONS)
def test_it_is_written_as_the_same(here, document):
    definition = read_mapping(document, here)
    again = read_mapping(document_of(definition), here)
    assert all_of(again) == all_of(definition)
    (here / "fcemu.yaml").write_text(native_text(definition))
    from_text = read_definition(here / "fcemu.yaml")
    assert all_of(from_text) == all_of(definition)
    assert dict(from_text.options) == dict(again.options) == dict(definition.options)


SHOWN = {"environmentVariables", "runtime", "timeout", "memorySize", "instanceConcurrency", "description"}


@EFFORT
@given(document=DEFINITIONS)
def test_fcs_api_shows_it_and_the_store_keeps_it(here, document):
    document.pop("emulator", None)  # of another emulator than that of the test
    definition = read_mapping(document, here)
    (here / "kept.db").unlink(missing_ok=True)
    with LocalEmulator(read_as(definition, here), data=here / "kept.db", strict=False) as emulator:
        document_now = asked(emulator, "/_fcemu/definition")
        assert all_of(read_mapping(document_now, here)) == all_of(definition)
        said = document["functions"]["f"]
        shown = asked(emulator, "/2023-03-30/functions/f")
        assert {key: shown[key] for key in SHOWN & said.keys()} == {key: said[key] for key in SHOWN & said.keys()}
        assert {key: shown[key] for key in said.get("kept", {})} == said.get("kept", {})
        read = read_by_all(emulator, document)
        emulator.restart()
        assert asked(emulator, "/_fcemu/definition") == document_now
        assert read_by_all(emulator, document) == read


VERSIONS = {"functions": ("2023-03-30",), "services": ("2016-08-15", "2021-04-06")}


def read_by_all(emulator, document):
    """What each version of FC's API answers of what a definition says: everything in it is found there."""
    paths = [f"/2023-03-30/custom-domains/{name}" for name in document.get("customDomains", {})]
    for version, owner, name, function in functions_of(document):
        place = f"/{version}{owner}/functions/{name}"
        paths += [place, *(f"{place}/triggers/{each}" for each in function.get("triggers", {}))]
        paths += [f"{place}/async-invoke-config"] if "asyncInvokeConfig" in function else []
        paths += [f"{place}/provision-config"] if "provisionConfig" in function else []
        paths += [f"{place}/scaling-config"] if "scalingConfig" in function else []
        paths += [f"{place}/concurrency"] if "reservedConcurrency" in function and not owner else []
        paths += [f"{place}/aliases/{each}" for each in function.get("aliases", {})]
    for version in VERSIONS["services"]:
        for name, service in document.get("services", {}).items():
            place = f"/{version}/services/{name}"
            paths += [place, *(f"{place}/aliases/{each}" for each in service.get("aliases", {}))]
    return {path: without_code(asked(emulator, path)) for path in paths}


def functions_of(document):
    for name, function in document["functions"].items():
        yield "2023-03-30", "", name, function
    for service, inner in document.get("services", {}).items():
        for name, function in inner.get("functions", {}).items():
            yield from ((version, f"/services/{service}", name, function) for version in VERSIONS["services"])


def without_code(answer):
    """The code is the directory in which the store writes, too."""
    return {name: value for name, value in answer.items() if name not in ("codeSize", "codeChecksum")}


def read_as(definition, here):
    """A definition for an emulator in another directory."""
    document = document_of(definition)
    for owner in (document, *document.get("services", {}).values()):
        for function in owner.get("functions", {}).values():
            function["code"] = str(here)
    return document


def asked(emulator, path):
    answer = requests.get(f"{emulator.url}{path}", timeout=30)
    answer.raise_for_status()
    return answer.json()
