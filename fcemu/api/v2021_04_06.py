"""This module says how 2021-04-06 differs from 2016-08-15."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fcemu.api import v2016_08_15
from fcemu.api.asking import qualifier_of
from fcemu.api.dialect import Target, fc3_error, read_operations
from fcemu.api.resource_shapes import (
    ALIAS_SHOWN,
    FUNCTION_SHOWN,
    SERVICE_SHOWN,
    TIMES,
    TRIGGER_SHOWN,
    TriggerConfig,
    async_shape,
    domain_shape,
    layer_shape,
    shape,
)
from fcemu.api.task_words import V2021
from fcemu.core.fields import functions, releases, triggers
from fcemu.core.fields.rows import V2016, Field
from fcemu.core.fields.rows import V2021 as VERSION
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Owner

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


def _added(row: Field) -> tuple[bool, bool]:
    """What this version adds to a function stands behind what 2016-08-15 has, and before the times."""
    return row.name in TIMES, V2016 not in row.versions


DIALECT: Final = replace(
    v2016_08_15.DIALECT,
    version=VERSION,
    operations=OPERATIONS,
    read_target=_read_target,
    read_owner=_read_owner,
    read_qualifier=_read_qualifier,
    error_fields=fc3_error,
    extra_headers="",
    service=shape(functions.SERVICE, VERSION, SERVICE_SHOWN, v2016_08_15.SERVICE_KINDS),
    function=shape(functions.FUNCTION, VERSION, FUNCTION_SHOWN, first=_added),
    alias=shape(releases.ALIAS, VERSION, ALIAS_SHOWN),
    trigger=shape(triggers.TRIGGER, VERSION, TRIGGER_SHOWN, {"triggerConfig": TriggerConfig(as_text=True)}),
    async_settings=async_shape(VERSION),
    domain=domain_shape(VERSION),
    layer=layer_shape(VERSION, int),
    capacities=v2016_08_15.capacity_shapes(VERSION),
    capacity_qualifier=lambda kind, path, query: _read_qualifier(path, query),
    tasks=V2021,
    async_list_extras={},
    tags_answer=False,
    trace_ids=True,
)
