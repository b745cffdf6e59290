"""What services and functions have besides: domains, layers, tags, instances that are kept, bindings, the account."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from api.plane import EACH_VERSION, FC3, IN_SERVICES, SERVICE, VERSIONS, Plane, code, told, zipped

OpenPlane = Callable[..., Plane]
DOMAIN = "pictures.example.com"


def route(plane: Plane, path: str = "/*") -> dict[str, Any]:
    service = {"serviceName": SERVICE} if plane.in_services else {}
    return {"path": path, "functionName": "resize", "qualifier": "LATEST", "methods": ["GET"], **service}


# Custom domains.


@EACH_VERSION
def test_a_domain_speaks_http_unless_it_is_told_otherwise_and_shows_no_private_key(plane: Plane) -> None:
    certificate = {"certName": "c", "certificate": "-----", "privateKey": "secret"}
    made = plane.ok("POST", plane.at("custom-domains"), {"domainName": DOMAIN, "certConfig": certificate})
    assert (made["domainName"], made["protocol"], made["routeConfig"]) == (DOMAIN, "HTTP", {"routes": []})
    assert made["certConfig"] == {"certName": "c", "certificate": "-----", "privateKey": None}
    assert plane.ok("GET", plane.at("custom-domains", DOMAIN)) == made


@EACH_VERSION
def test_routes_of_a_domain_are_replaced_as_a_whole(plane: Plane) -> None:
    routes = {"routes": [route(plane, "/a"), route(plane, "/b")]}
    made = plane.ok("POST", plane.at("custom-domains"), {"domainName": DOMAIN, "routeConfig": routes})
    assert made["routeConfig"] == routes
    path = plane.at("custom-domains", DOMAIN)
    assert plane.ok("PUT", path, {"protocol": "HTTPS"})["routeConfig"] == routes
    routes = {"routes": [route(plane, "/c")]}
    assert plane.ok("PUT", path, {"routeConfig": routes})["routeConfig"] == routes


@EACH_VERSION
@pytest.mark.parametrize("name", ["", "a b", "-", "x" * 300, "a/b", 5])
def test_a_domain_is_a_host_name(plane: Plane, name: Any) -> None:
    assert plane.refused("POST", plane.at("custom-domains"), {"domainName": name})[:2] == (400, "InvalidArgument")


@EACH_VERSION
def test_a_domain_that_nobody_made_is_not_there(plane: Plane) -> None:
    path = plane.at("custom-domains", DOMAIN)
    expected = (404, "DomainNameNotFound", f"domain name '{DOMAIN}' does not exist")
    assert plane.refused("GET", path) == expected
    assert plane.refused("PUT", path, {}) == expected
    assert plane.refused("DELETE", path) == expected


# Layers.


def layer(plane: Plane, source: str, **fields: object) -> Any:
    return plane.ok("POST", plane.at("layers", "tools", "versions"), {"code": code(zipped(source)), **fields})


@EACH_VERSION
def test_versions_of_a_layer_count_up_and_are_not_given_twice(plane: Plane) -> None:
    assert [layer(plane, f"x = {n}")["version"] for n in range(3)] == [1, 2, 3]
    plane.ok("DELETE", plane.at("layers", "tools", "versions", "3"))
    assert layer(plane, "x = 4")["version"] == 4
    listed = plane.ok("GET", plane.at("layers", "tools", "versions", limit=2))
    assert ([one["version"] for one in listed["layers"]], listed["nextVersion"]) == ([1, 2], 4)
    rest = plane.ok("GET", plane.at("layers", "tools", "versions", startVersion=4))
    assert ([one["version"] for one in rest["layers"]], "nextVersion" in rest) == ([4], False)


@EACH_VERSION
def test_a_layer_is_found_by_its_arn_and_its_content_comes_back_byte_for_byte(plane: Plane) -> None:
    made = layer(plane, "x = 1", description="what all share", compatibleRuntime=["python3.10"])
    if plane.version != VERSIONS[1]:  # which has no operation for it
        arn = made["layerVersionArn" if plane.version == FC3 else "arn"]
        assert plane.ok("GET", plane.at("layerarn", arn)) == made
    data = zipped("x = 1")
    assert (made["codeChecksum"], made["codeSize"]) == (plane.packages.checksum(data), len(data))
    _, _, path = made["code"]["location"].removeprefix("http://").partition("/")
    assert plane.request("GET", f"/{path}").body == data


@EACH_VERSION
def test_a_function_keeps_to_layers_that_are_there(plane: Plane) -> None:
    made = layer(plane, "x = 1")
    arn = made["layerVersionArn" if plane.version == FC3 else "arn"]
    shown = plane.ok("PUT", plane.functions("resize"), {"layers": [arn]})["layers"]
    assert shown == ([{"arn": arn, "size": made["codeSize"]}] if plane.version == FC3 else [arn])
    missing = arn.replace("versions/1", "versions/9")
    assert plane.refused("PUT", plane.functions("resize"), {"layers": [missing]})[:2] == (404, "LayerVersionNotFound")
    assert plane.ok("PUT", plane.functions("resize"), {"layers": []})["layers"] == []


@EACH_VERSION
@pytest.mark.parametrize("document", [{}, {"code": {}}, {"code": code(b"no zip")}, {"code": "x"}])
def test_a_layer_needs_code(plane: Plane, document: Any) -> None:
    path = plane.at("layers", "tools", "versions")
    assert plane.refused("POST", path, document)[:2] == (400, "InvalidArgument")


# Tags.


@IN_SERVICES
def test_tags_of_a_service_are_found_by_its_short_and_its_whole_name(plane: Plane) -> None:
    plane.ok("POST", plane.at("tag"), {"resourceArn": f"services/{SERVICE}", "tags": {"team": "film", "cost": "9"}})
    first = plane.ok("GET", plane.at("tag", resourceArn=f"services/{SERVICE}"))
    assert first["resourceArn"].endswith(f":services/{SERVICE}")
    second = plane.ok("GET", plane.at("tag", resourceArn=first["resourceArn"]))
    assert first["tags"] == second["tags"] == {"team": "film", "cost": "9"}


@IN_SERVICES
def test_all_tags_go_at_once_and_with_their_service(plane: Plane) -> None:
    method = "DELETE" if plane.version == VERSIONS[0] else "PUT"
    tags = {"resourceArn": f"services/{SERVICE}", "tags": {"team": "film", "cost": "9"}}
    plane.ok("POST", plane.at("tag"), tags)
    plane.ok(method, plane.at("tag"), {"resourceArn": f"services/{SERVICE}", "tagKeys": [], "all": True})
    shown = plane.at("tag", resourceArn=f"services/{SERVICE}")
    assert plane.ok("GET", shown)["tags"] == {}
    plane.ok("POST", plane.at("tag"), tags)
    plane.ok("DELETE", plane.functions("resize"))
    plane.ok("DELETE", plane.at("services", SERVICE))
    assert plane.refused("GET", shown)[:2] == (404, "ServiceNotFound")
    plane.make()
    assert plane.ok("GET", shown)["tags"] == {}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("tag_team=film", ["a", "b"]),
        ("tag_team=film&tag_cost=9", ["b"]),
        ("tag_team=", ["a", "b", "c"]),
        ("tag_team=film&tag_cost=", ["b"]),
        ("tag_team=nobody", []),
    ],
)
def test_services_are_listed_by_tags_that_must_all_match(open_plane: OpenPlane, query: str, names: list[str]) -> None:
    plane = open_plane(VERSIONS[0])
    for name, tags in (("a", {"team": "film"}), ("b", {"team": "film", "cost": "9"}), ("c", {"team": "sound"})):
        plane.ok("POST", plane.at("services"), {"serviceName": name})
        plane.ok("POST", plane.at("tag"), {"resourceArn": f"services/{name}", "tags": tags})
    listed = plane.ok("GET", f"{plane.at('services')}?{query}")
    assert [service["serviceName"] for service in listed["services"]] == names


def test_tags_of_several_functions_are_put_and_taken_for_all_or_for_none(open_plane: OpenPlane) -> None:
    plane = open_plane(FC3)
    plane.make()
    plane.make("rotate")
    tags = {"ResourceType": "function", "ResourceId": ["resize", "rotate"], "Tag": [{"Key": "team", "Value": "film"}]}
    plane.ok("POST", plane.at("tags-v2"), tags)
    both = {"ResourceType": "function", "ResourceId": json.dumps(["resize", "rotate"])}
    listed = plane.ok("GET", plane.at("tags-v2", **both))
    assert [one["ResourceId"] for one in listed["TagResources"]] == ["resize", "rotate"]
    with_nobody = {**tags, "ResourceId": ["resize", "nobody"], "Tag": [{"Key": "cost", "Value": "9"}]}
    assert plane.refused("POST", plane.at("tags-v2"), with_nobody)[:2] == (404, "FunctionNotFound")
    gone = {"ResourceType": "function", "ResourceId": '["resize","nobody"]', "TagKey": '["team"]'}
    assert plane.refused("DELETE", plane.at("tags-v2", **gone))[:2] == (404, "FunctionNotFound")
    plane.ok("DELETE", plane.at("tags-v2", **{**both, "All": "True"}))
    assert plane.ok("GET", plane.at("tags-v2", **both))["TagResources"] == []


@pytest.mark.parametrize("text", ["resize", "{}", "[5]", "["])
def test_a_list_in_a_query_of_2023_is_json(open_plane: OpenPlane, text: str) -> None:
    plane = open_plane(FC3)
    path = plane.at("tags-v2", ResourceType="function", ResourceId=text)
    assert plane.refused("GET", path)[:2] == (400, "InvalidArgument")


# Instances that are kept.


@EACH_VERSION
def test_provisioned_instances_belong_to_a_qualifier_and_a_target_of_none_releases_them(plane: Plane) -> None:
    plane.publish()
    plane.ok("POST", plane.owned("aliases"), {"aliasName": "live", "versionId": "1"})
    path = plane.functions("resize", "provision-config", qualifier="live")
    assert plane.ok("PUT", path, {"target": 3})["target"] == 3
    shown = plane.ok("GET", path)
    assert (shown["target"], shown["current"] >= 0) == (3, True)
    listed = plane.ok("GET", plane.at("provision-configs"))
    assert ([one["target"] for one in listed["provisionConfigs"]], "nextToken" in listed) == ([3], False)
    if plane.in_services:
        account = plane.emulator.settings.account.id
        assert shown["resource"] == f"{account}#{SERVICE}#live#resize"
    plane.ok("PUT", path, {"target": 0})
    assert plane.ok("GET", plane.at("provision-configs"))["provisionConfigs"] == []


@EACH_VERSION
def test_provisioned_instances_need_a_qualifier_that_is_there(plane: Plane) -> None:
    path = plane.functions("resize", "provision-config", qualifier="nobody")
    assert plane.refused("PUT", path, {"target": 1})[:2] == (404, "AliasNotFound")


@IN_SERVICES
def test_an_on_demand_configuration_is_put_listed_by_pages_and_deleted(plane: Plane) -> None:
    plane.make("rotate")
    assert plane.ok("GET", plane.at("on-demand-configs")) == {}
    for name in ("resize", "rotate"):
        path = plane.functions(name, "on-demand-config", qualifier="LATEST")
        assert plane.refused("GET", path)[:2] == (404, "OnDemandConfigNotFound")
        shown = plane.ok("PUT", path, {"maximumInstanceCount": 5})
        assert shown == {"resource": f"services/{SERVICE}.LATEST/functions/{name}", "maximumInstanceCount": 5}
    pages = list(plane.pages("configs", "maximumInstanceCount", plane.at("on-demand-configs", limit=1)))
    assert pages == [[5], [5]]
    plane.ok("DELETE", plane.functions("resize", "on-demand-config", qualifier="LATEST"))
    assert len(plane.ok("GET", plane.at("on-demand-configs"))["configs"]) == 1


@pytest.mark.parametrize(
    ("path", "field", "listed", "key"),
    [
        ("concurrency", "reservedConcurrency", "concurrency-configs", "configs"),
        ("scaling-config", "minInstances", "scaling-configs", "scalingConfigs"),
    ],
)
def test_concurrency_and_scaling_of_3_0_are_put_shown_listed_and_deleted(
    open_plane: OpenPlane, path: str, field: str, listed: str, key: str
) -> None:
    plane = open_plane(FC3)
    plane.make()
    config = plane.functions("resize", path)
    assert plane.refused("GET", config)[0] == 404
    assert plane.ok("PUT", config, {field: 7})[field] == 7
    assert [one[field] for one in plane.ok("GET", plane.at(listed))[key]] == [7]
    assert plane.refused("PUT", config, {field: -1})[:2] == (400, "InvalidArgument")
    plane.ok("DELETE", config)
    assert plane.refused("DELETE", config)[0] == 404


@EACH_VERSION
def test_what_a_function_had_is_gone_with_it(plane: Plane) -> None:
    config = plane.functions("resize", "provision-config", qualifier="LATEST")
    plane.ok("PUT", config, {"target": 3})
    plane.ok("DELETE", plane.functions("resize"))
    assert plane.ok("GET", plane.at("provision-configs"))["provisionConfigs"] == []
    plane.make()
    assert told(plane.request("GET", config))[0] == 404


# Bindings, event sources, the account.


@EACH_VERSION
def test_a_vpc_is_bound_once_listed_and_let_go(plane: Plane) -> None:
    owner = plane.at("services", SERVICE) if plane.in_services else plane.functions("resize")
    word = "bindings" if plane.in_services else "vpc-bindings"
    made = f"{owner}/{'binding' if plane.version == VERSIONS[0] else word}"
    plane.ok("POST", made, {"vpcId": "vpc-1"})
    assert plane.refused("POST", made, {"vpcId": "vpc-1"})[0] == 409
    assert plane.ok("GET", f"{owner}/{word}") == {"vpcIds": ["vpc-1"]}
    if plane.version == VERSIONS[0]:  # which has no operation for it
        return
    plane.ok("DELETE", f"{owner}/{word}/vpc-1")
    assert plane.refused("DELETE", f"{owner}/{word}/vpc-1")[0] == 404


def test_an_event_source_has_slashes_in_its_name(open_plane: OpenPlane) -> None:
    plane = open_plane(VERSIONS[1])
    plane.make()
    arn = "acs:mns:cn-hangzhou:1:/queues/q"
    path = plane.functions("resize", "event-sources")
    assert plane.ok("POST", path, {"sourceArn": arn})["sourceArn"] == arn
    assert [one["sourceArn"] for one in plane.ok("GET", path)["eventSources"]] == [arn]
    plane.ok("DELETE", plane.functions("resize", "event-sources", arn))
    assert plane.ok("GET", path)["eventSources"] == []


@IN_SERVICES
def test_the_account_has_zones(plane: Plane) -> None:
    assert plane.ok("GET", plane.at("account-settings"))["availableAZs"]


def test_the_limit_of_code_is_a_text(open_plane: OpenPlane) -> None:
    plane = open_plane(VERSIONS[0])
    assert plane.ok("GET", plane.at("accountConfigs", config="CodeSizeLimit")) == {"CodeSizeLimit": "104857600"}
