"""The control plane's rules across objects, the same in each API version."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from api.plane import EACH_VERSION, FC3, IN_SERVICES, SERVICE, VERSIONS, Plane, code, told, zipped

from fcemu.core.settings import Settings

TIMER = {"triggerName": "t1", "triggerType": "timer"}
CONFIG = {"cronExpression": "@every 1h", "enable": False, "payload": "tick"}


def timer(plane: Plane, name: str) -> dict[str, Any]:
    """``triggerConfig`` in the form of the version."""
    config = CONFIG if plane.version == VERSIONS[0] else json.dumps(CONFIG)
    return {"triggerName": name, "triggerType": "timer", "triggerConfig": config}


def trigger(plane: Plane, name: str = "t1", **fields: Any) -> Any:
    return plane.ok("POST", plane.functions("resize", "triggers"), timer(plane, name) | fields)


# What is changed only if it is as somebody saw it.

CHANGES: dict[str, tuple[Callable[[Plane], str], dict[str, Any]]] = {
    "function": (lambda plane: plane.functions("resize"), {"timeout": 9}),
    "alias": (lambda plane: plane.owned("aliases", "live"), {"description": "new"}),
    "trigger": (lambda plane: plane.functions("resize", "triggers", "t1"), {"description": "new"}),
    "service": (lambda plane: plane.at("services", SERVICE), {"description": "new"}),
    "domain": (lambda plane: plane.at("custom-domains", "a.example.com"), {"protocol": "HTTPS"}),
}


def furnished(plane: Plane) -> Plane:
    plane.publish()
    plane.ok("POST", plane.owned("aliases"), {"aliasName": "live", "versionId": "1"})
    trigger(plane)
    plane.ok("POST", plane.at("custom-domains"), {"domainName": "a.example.com"})
    return plane


@pytest.mark.parametrize(
    ("version", "kind"),
    [(version, kind) for version in VERSIONS for kind in CHANGES if (version, kind) != (FC3, "service")],
)
@pytest.mark.parametrize("form", ["{}", '"{}"', 'W/"{}"', ' "{}" '])
def test_an_etag_that_is_not_current_changes_and_deletes_nothing(plane: Plane, kind: str, form: str) -> None:
    furnished(plane)
    find, changes = CHANGES[kind]
    seen = plane.ask("GET", find(plane)).headers["etag"]
    plane.ok("PUT", find(plane), changes, If_Match=form.format(seen))
    old = form.format(seen)
    expected = (412, "PreconditionFailed", "the resource being modified has been changed")
    assert plane.refused("PUT", find(plane), changes, If_Match=old) == expected
    assert plane.refused("DELETE", find(plane), If_Match=old) == expected
    current = plane.ask("GET", find(plane)).headers["etag"]
    assert current != seen
    if kind in ("alias", "trigger", "domain"):
        plane.ok("DELETE", find(plane), If_Match=form.format(current))


@EACH_VERSION
def test_every_answer_with_a_resource_has_its_etag(plane: Plane) -> None:
    made = plane.ask(
        "POST", plane.functions(), {"functionName": "f", "runtime": "python3.10", "handler": "h.h", "code": code()}
    )
    read = plane.ask("GET", plane.functions("f"))
    assert made.headers["etag"] == read.headers["etag"]
    changed = plane.ask("PUT", plane.functions("f"), {"timeout": 4})
    assert changed.headers["etag"] != made.headers["etag"]
    same = plane.ask("PUT", plane.functions("f"), {"timeout": 3})
    assert same.headers["etag"] == made.headers["etag"]


@EACH_VERSION
def test_the_etag_of_what_was_made_serves_to_delete_it(plane: Plane) -> None:
    etag = plane.ask("GET", plane.functions("resize")).headers["etag"]
    plane.ok("DELETE", plane.functions("resize"), If_Match=etag)
    assert plane.refused("GET", plane.functions("resize"))[0] == 404


# Lists.


@EACH_VERSION
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
def test_pages_hold_every_name_once_and_in_order(plane: Plane, limit: int) -> None:
    for name in ("b", "B", "a_2", "a-1"):
        plane.make(name)
    names = ["B", "a-1", "a_2", "b", "resize"]
    pages = list(plane.pages("functions", "functionName", plane.functions(limit=limit)))
    assert pages == [names[at : at + limit] for at in range(0, len(names), limit)]


@EACH_VERSION
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"prefix": "a"}, ["a1", "a2", "ab"]),
        ({"prefix": "a", "limit": 2}, ["a1", "a2"]),
        ({"prefix": "zz"}, []),
        ({"startKey": "a2"}, ["a2", "ab", "b", "resize"]),
        ({"startKey": "a3"}, ["ab", "b", "resize"]),
        ({"startKey": "a2", "prefix": "a"}, ["a2", "ab"]),
        ({"startKey": "b", "prefix": "a"}, []),
        ({"startKey": "zz"}, []),
        ({"prefix": ""}, ["a1", "a2", "ab", "b", "resize"]),
    ],
)
def test_a_list_begins_with_its_start_key_and_holds_only_its_prefix(plane: Plane, query: Any, names: list[str]) -> None:
    for name in ("a1", "a2", "ab", "b"):
        plane.make(name)
    listed = plane.ok("GET", plane.functions(**query))
    assert [one["functionName"] for one in listed["functions"]] == names


@EACH_VERSION
def test_a_token_wins_over_a_start_key_and_the_prefix_holds_with_it(plane: Plane) -> None:
    for name in ("a1", "a2", "a3", "b"):
        plane.make(name)
    first = plane.ok("GET", plane.functions(prefix="a", limit=1))
    rest = plane.ok("GET", plane.functions(prefix="a", limit=9, startKey="a3", nextToken=first["nextToken"]))
    assert [one["functionName"] for one in rest["functions"]] == ["a2", "a3"]
    assert "nextToken" not in rest


@EACH_VERSION
def test_a_page_has_twenty_items_at_first_and_a_hundred_at_most(plane: Plane) -> None:
    for n in range(24):
        plane.make(f"f{n:02}")
    assert [len(page) for page in plane.pages("functions", "functionName", plane.functions(limit=20))] == [20, 5]
    assert len(plane.ok("GET", plane.functions())["functions"]) == 20
    assert len(plane.ok("GET", plane.functions(limit=100))["functions"]) == 25
    for limit in ("0", "101", "-1", "x", "1.5"):
        status, told_code, text = plane.refused("GET", plane.functions(limit=limit))
        assert (status, told_code) == (400, "InvalidArgument")
        assert f"actual: '{limit}'" in text


@EACH_VERSION
@pytest.mark.parametrize("token", ["x", "!!!!", "ä"])
def test_a_token_that_nobody_gave_is_refused(plane: Plane, token: str) -> None:
    assert plane.refused("GET", plane.functions(nextToken=token))[:2] == (400, "InvalidArgument")


@EACH_VERSION
def test_a_page_goes_on_where_it_should_when_what_it_would_begin_with_is_deleted(plane: Plane) -> None:
    for name in ("a", "b", "c"):
        plane.make(name)
    first = plane.ok("GET", plane.functions(limit=1))
    plane.ok("DELETE", plane.functions("b"))
    rest = plane.ok("GET", plane.functions(nextToken=first["nextToken"]))
    assert [one["functionName"] for one in rest["functions"]] == ["c", "resize"]


@EACH_VERSION
def test_an_empty_list_is_there(plane: Plane) -> None:
    assert plane.ok("GET", plane.functions("resize", "triggers")) == {"triggers": []}
    assert plane.ok("GET", plane.owned("versions"))["versions"] == []
    assert plane.ok("GET", plane.owned("aliases")) == {"aliases": []}


@EACH_VERSION
def test_versions_are_listed_newest_first_or_oldest_first(plane: Plane) -> None:
    for timeout in range(1, 12):
        plane.ok("PUT", plane.functions("resize"), {"timeout": timeout})
        plane.publish()
    newest = [str(n) for n in range(11, 0, -1)]
    assert list(plane.pages("versions", "versionId", plane.owned("versions", limit=5))) == [
        newest[:5],
        newest[5:10],
        ["1"],
    ]
    forward = plane.owned("versions", limit=6, direction="FORWARD")
    assert list(plane.pages("versions", "versionId", forward)) == [newest[:4:-1], newest[4::-1]]
    assert plane.ok("GET", plane.owned("versions"))["direction"] == "BACKWARD"
    assert plane.refused("GET", plane.owned("versions", direction="UP"))[:2] == (400, "InvalidArgument")


@IN_SERVICES
def test_the_list_of_latest_is_the_list(plane: Plane) -> None:
    plane.make("rotate")
    latest = plane.at("services", SERVICE, "functions", qualifier="LATEST")
    assert plane.ok("GET", latest) == plane.ok("GET", plane.functions())


# What is not empty stays.


@IN_SERVICES
def test_a_service_goes_when_functions_versions_and_aliases_are_gone(plane: Plane) -> None:
    service = plane.at("services", SERVICE)
    plane.publish()
    plane.ok("POST", plane.owned("aliases"), {"aliasName": "live", "versionId": "1"})
    assert plane.refused("DELETE", service) == (409, "ServiceNotEmpty", f"service '{SERVICE}' has active functions")
    plane.ok("DELETE", plane.functions("resize"))
    assert plane.refused("DELETE", service) == (409, "ServiceNotEmpty", f"service '{SERVICE}' has active versions")
    plane.ok("DELETE", plane.owned("versions", "1"))
    assert plane.refused("DELETE", service) == (409, "ServiceNotEmpty", f"service '{SERVICE}' has active aliases")
    plane.ok("DELETE", plane.owned("aliases", "live"))
    plane.ok("DELETE", service)
    assert plane.refused("GET", service) == (404, "ServiceNotFound", f"service '{SERVICE}' does not exist")


@EACH_VERSION
def test_a_function_goes_when_its_triggers_are_gone(plane: Plane) -> None:
    trigger(plane)
    expected = (409, "FunctionNotEmpty", "function 'resize' has active triggers")
    assert plane.refused("DELETE", plane.functions("resize")) == expected
    plane.ok("DELETE", plane.functions("resize", "triggers", "t1"))
    plane.ok("DELETE", plane.functions("resize"))


def test_a_function_of_3_0_goes_when_its_versions_and_aliases_are_gone(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane(FC3)
    plane.make()
    plane.publish()
    plane.ok("POST", plane.owned("aliases"), {"aliasName": "live", "versionId": "1"})
    assert plane.refused("DELETE", plane.functions("resize"))[:2] == (409, "FunctionNotEmpty")
    plane.ok("DELETE", plane.owned("versions", "1"))
    assert plane.refused("DELETE", plane.functions("resize"))[:2] == (409, "FunctionNotEmpty")
    plane.ok("DELETE", plane.owned("aliases", "live"))
    plane.ok("DELETE", plane.functions("resize"))


@EACH_VERSION
def test_what_is_made_again_under_its_name_is_another(plane: Plane) -> None:
    old = plane.ok("GET", plane.functions("resize"))
    plane.ok("PUT", plane.functions("resize", "async-invoke-config"), {"maxAsyncRetryAttempts": 0})
    plane.ok("DELETE", plane.functions("resize"))
    new = plane.make()
    assert old["functionId"] != new["functionId"]
    config = plane.functions("resize", "async-invoke-config")
    assert plane.refused("GET", config)[:2] == (404, "AsyncConfigNotExists")


# Versions.


@EACH_VERSION
def test_a_version_number_is_not_given_twice(plane: Plane) -> None:
    assert plane.publish() == "1"
    plane.ok("DELETE", plane.owned("versions", "1"))
    assert plane.publish() == "2"
    plane.ok("PUT", plane.functions("resize"), {"timeout": 9})
    assert plane.publish() == "3"


@EACH_VERSION
def test_what_did_not_change_since_the_newest_version_is_not_published(plane: Plane) -> None:
    plane.publish("first")
    assert plane.refused("POST", plane.owned("versions"), {"description": "again"})[:2] == (400, "VersionPublishError")
    plane.ok("PUT", plane.functions("resize"), {"code": code(zipped("x = 1"))})
    assert plane.publish() == "2"
    assert plane.refused("POST", plane.owned("versions"))[:2] == (400, "VersionPublishError")
    plane.ok("DELETE", plane.owned("versions", "2"))
    assert plane.publish() == "3"


@EACH_VERSION
def test_a_version_is_what_was_there_when_it_was_published(plane: Plane) -> None:
    plane.publish("small")
    plane.ok("PUT", plane.functions("resize"), {"timeout": 77, "code": code(zipped("x = 1"))})
    frozen = plane.ok("GET", plane.functions("resize", qualifier="1"))
    now = plane.ok("GET", plane.functions("resize"))
    assert (frozen["timeout"], now["timeout"]) == (3, 77)
    assert frozen["codeChecksum"] != now["codeChecksum"]


@IN_SERVICES
def test_a_version_of_a_service_holds_the_service_and_all_its_functions(plane: Plane) -> None:
    plane.make("rotate")
    plane.ok("PUT", plane.at("services", SERVICE), {"description": "then", "role": "r"})
    plane.publish("what it is for")
    plane.ok("PUT", plane.at("services", SERVICE), {"description": "now", "role": "other"})
    plane.ok("DELETE", plane.functions("rotate"))
    plane.make("enlarge")
    frozen = plane.ok("GET", plane.at("services", SERVICE, qualifier="1"))
    assert (frozen["description"], frozen["role"]) == ("what it is for", "r")
    listed = plane.ok("GET", plane.at("services", SERVICE, "functions", qualifier="1"))
    assert [one["functionName"] for one in listed["functions"]] == ["resize", "rotate"]
    assert plane.invoke("rotate", b"x", "1").body == b"x"
    assert told(plane.invoke("enlarge", b"x", "1"))[:2] == (404, "FunctionNotFound")


@EACH_VERSION
@pytest.mark.parametrize("version_id", ["7", "0", "x"])
def test_a_version_that_is_not_there_is_not_found(plane: Plane, version_id: str) -> None:
    path = plane.owned("versions", version_id)
    assert plane.refused("DELETE", path)[:2] == (404, "VersionNotFound")


# Aliases.


def alias(plane: Plane, version: str = "1", **fields: object) -> Any:
    return plane.ok("POST", plane.owned("aliases"), {"aliasName": "live", "versionId": version, **fields})


@EACH_VERSION
@pytest.mark.parametrize("fields", [{"versionId": "9"}, {"additionalVersionWeight": {"9": 0.5}}])
def test_an_alias_leads_to_versions_that_are_there(plane: Plane, fields: dict[str, Any]) -> None:
    plane.publish()
    made = {"aliasName": "live", "versionId": "1", **fields}
    assert plane.refused("POST", plane.owned("aliases"), made)[:2] == (404, "VersionNotFound")
    alias(plane)
    assert plane.refused("PUT", plane.owned("aliases", "live"), fields)[:2] == (404, "VersionNotFound")


@EACH_VERSION
def test_an_alias_may_be_left_without_its_version(plane: Plane) -> None:
    plane.publish()
    alias(plane)
    plane.ok("DELETE", plane.owned("versions", "1"))
    assert plane.ok("GET", plane.owned("aliases", "live"))["versionId"] == "1"
    assert told(plane.invoke(qualifier="live"))[:2] == (404, "VersionNotFound")


@EACH_VERSION
@pytest.mark.parametrize("weights", [{"2": -0.1}, {"2": 1.1}, {"2": 0.6, "3": 0.6}])
def test_weights_are_shares_of_one(plane: Plane, weights: dict[str, float]) -> None:
    for timeout in (5, 6, 7):
        plane.ok("PUT", plane.functions("resize"), {"timeout": timeout})
        plane.publish()
    body = {"aliasName": "live", "versionId": "1", "additionalVersionWeight": weights}
    assert plane.refused("POST", plane.owned("aliases"), body)[:2] == (400, "InvalidArgument")


@EACH_VERSION
def test_what_an_alias_update_does_not_name_stays(plane: Plane) -> None:
    plane.publish()
    plane.ok("PUT", plane.functions("resize"), {"timeout": 9})
    plane.publish()
    alias(plane, description="what users see", additionalVersionWeight={"2": 0.5})
    path = plane.owned("aliases", "live")
    kept = plane.ok("PUT", path, {"versionId": ""})
    assert (kept["versionId"], kept["description"], kept["additionalVersionWeight"]) == (
        "1",
        "what users see",
        {"2": 0.5},
    )
    changed = plane.ok("PUT", path, {"description": "", "additionalVersionWeight": {}})
    assert (changed["versionId"], changed["description"], changed["additionalVersionWeight"]) == ("1", "", {})


def drawn(plane: Plane, times: int) -> list[str]:
    """Which versions run."""
    plane.runtime.handlers = defaultdict(lambda: lambda call: call.version)
    path = plane.functions("resize", "invocations", qualifier="live")
    with plane.client() as ask:
        return [ask("POST", path, b"").body.decode() for _ in range(times)]


@EACH_VERSION
def test_chance_chooses_the_version_of_a_weighted_alias_the_same_for_the_same_seed(
    open_plane: Callable[..., Plane], version: str
) -> None:
    runs = []
    for seed in (1, 1, 2):
        plane = open_plane(version, Settings(seed=seed))
        plane.make()
        plane.publish()
        plane.ok("PUT", plane.functions("resize"), {"timeout": 9})
        plane.publish()
        alias(plane, additionalVersionWeight={"2": 0.5})
        runs.append(drawn(plane, 40))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert set(runs[0]) == {"1", "2"}


def test_over_many_invocations_the_shares_of_a_weighted_alias_are_about_right(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane()
    plane.make()
    for timeout in (5, 6, 7):
        plane.ok("PUT", plane.functions("resize"), {"timeout": timeout})
        plane.publish()
    alias(plane, additionalVersionWeight={"2": 0.2, "3": 0.1})
    ran = Counter(drawn(plane, 1000))
    assert sorted(ran) == ["1", "2", "3"]
    assert abs(ran["2"] - 200) < 50
    assert abs(ran["3"] - 100) < 40


@EACH_VERSION
def test_a_version_without_a_share_does_not_run(plane: Plane) -> None:
    plane.publish()
    plane.ok("PUT", plane.functions("resize"), {"timeout": 9})
    plane.publish()
    alias(plane, additionalVersionWeight={"2": 1.0})
    assert set(drawn(plane, 20)) == {"2"}
    plane.ok("PUT", plane.owned("aliases", "live"), {"additionalVersionWeight": {"2": 0.0}})
    assert set(drawn(plane, 20)) == {"1"}


# Triggers and asynchronous settings.


@EACH_VERSION
def test_a_trigger_is_shown_as_it_was_written_in_the_form_of_the_version(plane: Plane) -> None:
    made = trigger(plane, qualifier="LATEST", invocationRole="acs:ram::1:role/r")
    assert made["triggerConfig"] == (
        CONFIG if plane.version == VERSIONS[0] else json.dumps(CONFIG, separators=(",", ":"))
    )
    assert (made["qualifier"], made["invocationRole"]) == ("LATEST", "acs:ram::1:role/r")
    assert plane.ok("GET", plane.functions("resize", "triggers", "t1")) == made


@EACH_VERSION
def test_a_function_has_fifty_triggers_at_most(plane: Plane) -> None:
    for n in range(50):
        trigger(plane, f"t{n}")
    refused = plane.refused("POST", plane.functions("resize", "triggers"), timer(plane, "one-more"))
    assert refused[:2] == (400, "LimitExceededError")
    plane.ok("DELETE", plane.functions("resize", "triggers", "t7"))
    trigger(plane, "one-more")


def test_a_trigger_that_one_version_wrote_is_read_by_another(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane(VERSIONS[0])
    plane.make()
    trigger(plane)
    plane.version = VERSIONS[1]
    assert json.loads(plane.ok("GET", plane.functions("resize", "triggers", "t1"))["triggerConfig"]) == CONFIG


def test_an_http_trigger_of_2016_has_no_source(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane(VERSIONS[0])
    plane.make()
    config = {"authType": "anonymous", "methods": ["GET"]}
    made = trigger(plane, triggerType="http", triggerConfig=config, sourceArn="acs:x")
    assert (made["sourceArn"], made["invocationRole"], made["triggerConfig"]) == (None, "", config)


@EACH_VERSION
@pytest.mark.parametrize(
    ("qualifier", "expected"), [("9", (404, "VersionNotFound")), ("nobody", (404, "AliasNotFound"))]
)
def test_a_trigger_runs_a_qualifier_that_is_there(plane: Plane, qualifier: str, expected: tuple[int, str]) -> None:
    body = {**TIMER, "triggerConfig": json.dumps(CONFIG), "qualifier": qualifier}
    assert plane.refused("POST", plane.functions("resize", "triggers"), body)[:2] == expected


@EACH_VERSION
@pytest.mark.parametrize("missing", ["triggerName", "triggerType"])
def test_what_a_trigger_needs_is_named(plane: Plane, missing: str) -> None:
    body = {**TIMER, "triggerConfig": json.dumps(CONFIG)}
    del body[missing]
    text = f"{missing[0].upper()}{missing[1:]} is required but not provided"
    assert plane.refused("POST", plane.functions("resize", "triggers"), body) == (400, "InvalidArgument", text)


@EACH_VERSION
def test_asynchronous_settings_belong_to_a_qualifier_and_a_put_changes_what_it_has(plane: Plane) -> None:
    plane.publish()
    config = plane.functions("resize", "async-invoke-config", qualifier="1")
    plane.ok("PUT", config, {"maxAsyncRetryAttempts": 0, "maxAsyncEventAgeInSeconds": 60})
    assert plane.refused("GET", plane.functions("resize", "async-invoke-config"))[:2] == (404, "AsyncConfigNotExists")
    shown = plane.ok("PUT", config, {"MaxAsyncRetryAttempts": 7})
    assert (shown["maxAsyncRetryAttempts"], shown["maxAsyncEventAgeInSeconds"]) == (7, 60)
    plane.ok("DELETE", config)
    assert plane.refused("DELETE", config)[:2] == (404, "AsyncConfigNotExists")


@pytest.mark.parametrize(("version", "rest"), [(VERSIONS[0], {"nextToken": ""}), (VERSIONS[1], {})])
def test_the_last_page_of_asynchronous_settings_has_an_empty_token_in_2016(plane: Plane, rest: Any) -> None:
    plane.publish()
    for qualifier in ("LATEST", "1"):
        plane.ok("PUT", plane.functions("resize", "async-invoke-config", qualifier=qualifier), {})
    listed = plane.ok("GET", plane.functions("resize", "async-invoke-configs"))
    assert [config["qualifier"] for config in listed.pop("configs")] == ["1", "LATEST"]
    assert listed == rest
    first = plane.ok("GET", plane.functions("resize", "async-invoke-configs", limit=1))
    assert first["nextToken"]


@EACH_VERSION
@pytest.mark.parametrize(
    "body",
    [
        {"maxAsyncRetryAttempts": 9},
        {"maxAsyncRetryAttempts": -1},
        {"maxAsyncEventAgeInSeconds": 0},
        {"destinationConfig": {"onSuccess": {"destination": "acs:mns:x"}}},
        {"destinationConfig": {"onFailure": {"destination": "x" * 513}}},
        {"destinationConfig": []},
    ],
)
def test_asynchronous_settings_keep_to_fcs_bounds(plane: Plane, body: Any) -> None:
    path = plane.functions("resize", "async-invoke-config")
    assert plane.refused("PUT", path, body)[:2] == (400, "InvalidArgument")


# Times and defaults.


@EACH_VERSION
def test_times_are_those_of_the_virtual_clock(plane: Plane) -> None:
    plane.json("POST", "/clock/advance", {"by": "36h"})
    changed = plane.ok("PUT", plane.functions("resize"), {"timeout": 4})
    assert (changed["createdTime"], changed["lastModifiedTime"]) == ("2026-01-01T00:00:00Z", "2026-01-02T12:00:00Z")
    version = plane.ok("POST", plane.owned("versions"), {})
    assert version["createdTime"] == "2026-01-02T12:00:00Z"


@EACH_VERSION
def test_a_function_has_fcs_defaults(plane: Plane) -> None:
    made = plane.ok("GET", plane.functions("resize"))
    defaults: dict[str, Any] = {"timeout": 3, "memorySize": 512, "environmentVariables": {}, "description": ""}
    defaults |= {"instanceConcurrency": 1}
    defaults |= (
        {"instanceType": "e1"} if plane.in_services else {"internetAccess": True, "diskSize": 512, "state": "Active"}
    )
    assert {name: made.get(name) for name in defaults} == defaults
    assert made["functionId"]


@IN_SERVICES
def test_a_service_has_fcs_defaults(plane: Plane) -> None:
    shown = plane.ok("GET", plane.at("services", SERVICE))
    assert shown["internetAccess"] is True
    assert {"logConfig", "role", "createdTime", "lastModifiedTime", "serviceId"} <= shown.keys()


@IN_SERVICES
def test_an_update_of_a_service_keeps_what_it_does_not_name(plane: Plane) -> None:
    path = plane.at("services", SERVICE)
    plane.ok("PUT", path, {"internetAccess": False, "tracingConfig": {"type": "Jaeger", "params": {"endpoint": "e"}}})
    vpc = {"vpcId": "vpc-1", "vSwitchIds": ["v"], "securityGroupId": "s"}
    shown = plane.ok("PUT", path, {"vpcConfig": vpc, "nasConfig": {"userId": -1, "groupId": -1, "mountPoints": []}})
    assert (shown["internetAccess"], shown["vpcConfig"], shown["nasConfig"]["userId"]) == (False, vpc, -1)
    assert shown["tracingConfig"]["type"] == "Jaeger"
    cleared = plane.ok("PUT", path, {"tracingConfig": {}})
    assert cleared["tracingConfig"] == {"type": None, "params": None}


@EACH_VERSION
def test_empty_variables_clear_them_and_none_keep_them(plane: Plane) -> None:
    path = plane.functions("resize")
    plane.ok("PUT", path, {"environmentVariables": {"A": "1"}})
    assert plane.ok("PUT", path, {"timeout": 5})["environmentVariables"] == {"A": "1"}
    assert plane.ok("PUT", path, {"environmentVariables": {}})["environmentVariables"] == {}


@EACH_VERSION
@pytest.mark.parametrize(
    "field",
    [
        {"timeout": 0},
        {"timeout": 86401},
        {"memorySize": 127},
        {"memorySize": 129},
        {"memorySize": 32832},
        {"instanceConcurrency": 0},
        {"instanceConcurrency": 201},
        {"runtime": "cobol"},
        {"environmentVariables": {"A": 1}},
        {"environmentVariables": {"A": "x" * 4096}},
        {"environmentVariables": {"A=B": "x"}},
        {"layers": "one"},
        {"code": {"zipFile": "no base64"}},
        {"code": {}},
    ],
    ids=str,
)
def test_a_function_keeps_to_fcs_bounds(plane: Plane, field: dict[str, Any]) -> None:
    assert plane.refused("PUT", plane.functions("resize"), field)[:2] == (400, "InvalidArgument")
    body = {"functionName": "f", "runtime": "python3.10", "handler": "h.h", "code": code(), **field}
    assert plane.refused("POST", plane.functions(), body)[:2] == (400, "InvalidArgument")


@EACH_VERSION
@pytest.mark.parametrize("name", ["", "9a", "-a", "a b", "a.b", "a/b", "ä", "x" * 129, 5, None])
def test_a_name_keeps_to_fcs_pattern(plane: Plane, name: Any) -> None:
    body = {"functionName": name, "runtime": "python3.10", "handler": "h.h", "code": code()}
    assert plane.refused("POST", plane.functions(), body)[:2] == (400, "InvalidArgument")
    for good in ("x" * 128, "_a", "a-b_C9"):
        plane.make(good)


@EACH_VERSION
@pytest.mark.parametrize("missing", ["functionName", "runtime", "handler", "code"])
def test_what_a_function_needs_is_named(plane: Plane, missing: str) -> None:
    body = {"functionName": "f", "runtime": "python3.10", "handler": "h.h", "code": code()}
    del body[missing]
    text = f"{missing[0].upper()}{missing[1:]} is required but not provided"
    assert plane.refused("POST", plane.functions(), body) == (400, "InvalidArgument", text)


@EACH_VERSION
@pytest.mark.parametrize("form", ["in the body", "in a header"])
def test_a_checksum_that_a_client_gives_must_be_the_codes(plane: Plane, form: str) -> None:
    data = zipped("x = 1")
    right, wrong = plane.packages.checksum(data), plane.packages.checksum(b"")

    def ask(method: Callable[..., Any], checksum: str) -> Any:
        given = {**code(data), **({"checksum": checksum} if form == "in the body" else {})}
        headers = {} if form == "in the body" else {"X_Fc_Code_Checksum": checksum}
        return method("PUT", plane.functions("resize"), {"code": given}, **headers)

    assert ask(plane.refused, wrong)[:2] == (400, "InvalidArgument")
    assert ask(plane.ok, right)["codeChecksum"] == right


@EACH_VERSION
def test_the_code_comes_back_byte_for_byte(plane: Plane) -> None:
    data = zipped("x = 1", other="y")
    plane.ok("PUT", plane.functions("resize"), {"code": code(data)})
    plane.publish()
    plane.ok("PUT", plane.functions("resize"), {"code": code(zipped("x = 2"))})
    for qualifier, expected in (("1", data), ("", zipped("x = 2"))):
        shown = plane.ok("GET", plane.functions("resize", qualifier=qualifier))
        found = plane.ok("GET", plane.functions("resize", "code", qualifier=qualifier))
        host, _, path = found["url"].removeprefix("http://").partition("/")
        fetched = plane.request("GET", f"/{path}")
        assert (host, fetched.body) == (f"127.0.0.1:{plane.port}", expected)
        assert found["checksum"] == shown["codeChecksum"] == plane.packages.checksum(expected)
        assert shown["codeSize"] == len(expected)


@EACH_VERSION
def test_code_in_object_storage_is_refused_by_name(plane: Plane) -> None:
    body = {"code": {"ossBucketName": "b", "ossObjectName": "o"}}
    status, told_code, text = plane.refused("PUT", plane.functions("resize"), body)
    assert (status, told_code) == (501, "NotImplemented")
    assert "OSS" in text


# Invocations that somebody switched off.


def test_a_function_that_is_disabled_is_not_invoked_by_any_qualifier_until_it_is_enabled(
    open_plane: Callable[..., Plane],
) -> None:
    plane = open_plane(FC3)
    plane.make()
    plane.publish()
    plane.ok("POST", plane.functions("resize", "invoke", "disable"), {"reason": "too dear"})
    expected = (403, "FunctionInvocationDisabled", "the invocation of function 'resize' is disabled: too dear")
    for qualifier in ("", "1"):
        assert told(plane.invoke(qualifier=qualifier)) == expected
    assert plane.ok("GET", plane.functions("resize"))["invocationRestriction"]["reason"] == "too dear"
    assert plane.refused("POST", plane.owned("versions"))[:2] == (400, "VersionPublishError")
    plane.ok("POST", plane.functions("resize", "invoke", "enable"))
    assert plane.invoke(payload=b"x", qualifier="1").body == b"x"
    assert "invocationRestriction" not in plane.ok("GET", plane.functions("resize"))


# Two generations side by side.


def test_functions_of_2_0_and_3_0_do_not_see_each_other(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane(VERSIONS[1])
    plane.make()
    plane.version = FC3
    assert plane.ok("GET", plane.functions())["functions"] == []
    plane.make(timeout=9)
    assert plane.ok("GET", plane.functions("resize"))["timeout"] == 9
    plane.publish()
    plane.version = VERSIONS[1]
    assert plane.ok("GET", plane.functions("resize"))["timeout"] == 3
    assert plane.ok("GET", plane.owned("versions"))["versions"] == []
    plane.ok("DELETE", plane.functions("resize"))
    plane.version = FC3
    assert plane.ok("GET", plane.functions("resize"))["timeout"] == 9
