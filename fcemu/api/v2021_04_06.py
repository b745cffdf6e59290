"""2021-04-06, written as its differences from 2016-08-15."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fcemu.api import v2016_08_15
from fcemu.api.asking import qualifier_of
from fcemu.api.common import ALIAS, CONFIG_TEXT, Lifecycle, domain_fields, layer_fields, trigger_fields, trigger_url
from fcemu.api.dialect import Target, fc3_error, read_operations
from fcemu.api.shapes import ABSENT, FLAG, LIST, NUMBER, OBJECT, TEXT, TIMES, WHOLE, Keeps, Shape, Shows, View
from fcemu.api.task_words import V2021
from fcemu.core.capacity import PROVISION
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Owner
from fcemu.core.triggers import HTTP, Trigger

_GONE: Final = frozenset(
    {
        "PublishVersion",
        "ListVersions",
        "DeleteVersion",
        "PublishLayerVersion",
        "CreateVpcBinding",
        "UntagResource",
        "ListReservedCapacities",
        "InstanceExec",
        "GetLayerVersionByArn",
        "GetTempBucketToken",
        "GetTempCodeBucketToken",
        "GetAccountConfigs",
        "InvokeHTTPTrigger",
    }
)
"""Operations of 2016-08-15 that this version does not have, or has under another name or path."""

_NEW: Final = read_operations("""
PublishServiceVersion POST /services/{svc}/versions publish_version
ListServiceVersions GET /services/{svc}/versions list_versions
DeleteServiceVersion DELETE /services/{svc}/versions/{version} delete_version
CreateLayerVersion POST /layers/{layer}/versions publish_layer
CreateVpcBinding POST /services/{svc}/bindings create_vpc_binding keeps
DeleteVpcBinding DELETE /services/{svc}/bindings/{vpc} delete_vpc_binding keeps
UntagResource PUT /tag untag_resource keeps
ListTaggedResources GET /tags list_tagged_resources keeps
ListReservedCapacities GET /reserved-capacities list_reserved_capacities
RegisterEventSource POST /services/{svc}/functions/{function}/event-sources register_event_source keeps
ListEventSources GET /services/{svc}/functions/{function}/event-sources list_event_sources keeps
DeregisterEventSource DELETE /services/{svc}/functions/{function}/event-sources/{arn} deregister_event_source keeps
ClaimGPUInstance POST /gpuInstances
ReleaseGPUInstance DELETE /gpuInstances/{id}
""")

OPERATIONS: Final = (*(kept for kept in v2016_08_15.OPERATIONS if kept.name not in _GONE), *_NEW)
"""Source: wire-api §4."""


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    return Target(FunctionRef(path["function"], path["svc"]), _read_qualifier(path, query))


def _read_owner(path: Mapping[str, str]) -> Owner:
    return Owner("service", path["svc"])


def _read_qualifier(path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Never part of the path."""
    return qualifier_of(query.get("qualifier"))


def _urls(trigger: Trigger, asking: View) -> Any:
    return trigger_url(trigger, asking) if trigger.kind == HTTP else ABSENT


DIALECT: Final = replace(
    v2016_08_15.DIALECT,
    version="2021-04-06",
    operations=OPERATIONS,
    read_target=_read_target,
    read_owner=_read_owner,
    read_qualifier=_read_qualifier,
    error_fields=fc3_error,
    extra_headers="",
    service=Shape.of(
        *v2016_08_15.SERVICE_HEAD, Keeps("ossMountConfig", OBJECT), Keeps("tracingConfig", v2016_08_15.TRACING), *TIMES
    ),
    function=Shape.of(
        *v2016_08_15.FUNCTION,
        Lifecycle({"preFreeze": "pre_freeze", "preStop": "pre_stop"}),
        Keeps("cpu", NUMBER),
        Keeps("diskSize", WHOLE),
        Keeps("gpuMemorySize", WHOLE),
        Keeps("instanceSoftConcurrency", WHOLE),
        Keeps("customDNS", OBJECT),
        Keeps("customHealthCheckConfig", OBJECT),
        Keeps("customRuntimeConfig", OBJECT),
        Shows("layersArnV2", lambda function, _: [layer.arn for layer in function.layers]),
        *TIMES,
    ),
    alias=Shape.of(*ALIAS, Keeps("resolvePolicy", TEXT), Keeps("routePolicy", OBJECT), *TIMES),
    trigger=Shape.of(*trigger_fields(CONFIG_TEXT), Shows("urlInternet", _urls)),
    domain=domain_fields("tlsConfig", "wafConfig"),
    layer=layer_fields("arn", int),
    capacities={
        **v2016_08_15.DIALECT.capacities,
        PROVISION: Shape.of(
            *v2016_08_15.DIALECT.capacities[PROVISION],
            Keeps("alwaysAllocateCPU", FLAG),
            Keeps("scheduledActions", LIST),
            Keeps("targetTrackingPolicies", LIST),
        ),
    },
    capacity_qualifier=lambda kind, path, query: _read_qualifier(path, query),
    tasks=V2021,
    async_list_extras={},
    tags_answer=False,
    trace_ids=True,
)
