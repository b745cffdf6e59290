"""2021-04-06, written as its differences from 2016-08-15."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fcemu.api import v2016_08_15
from fcemu.api.dialect import Target, fc3_error, qualifier_of, read_operations
from fcemu.core.names import FunctionRef

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
PublishServiceVersion POST /services/{svc}/versions
ListServiceVersions GET /services/{svc}/versions
DeleteServiceVersion DELETE /services/{svc}/versions/{version}
CreateLayerVersion POST /layers/{layer}/versions
CreateVpcBinding POST /services/{svc}/bindings
DeleteVpcBinding DELETE /services/{svc}/bindings/{vpc}
UntagResource PUT /tag
ListTaggedResources GET /tags
ListReservedCapacities GET /reserved-capacities
RegisterEventSource POST /services/{svc}/functions/{function}/event-sources
ListEventSources GET /services/{svc}/functions/{function}/event-sources
DeregisterEventSource DELETE /services/{svc}/functions/{function}/event-sources/{arn}
ClaimGPUInstance POST /gpuInstances
ReleaseGPUInstance DELETE /gpuInstances/{id}
""")

OPERATIONS: Final = (*(kept for kept in v2016_08_15.OPERATIONS if kept.name not in _GONE), *_NEW)
"""Source: wire-api §4."""


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    """The qualifier is never part of the path."""
    return Target(FunctionRef(path["function"], path["svc"]), qualifier_of(query.get("qualifier")))


DIALECT: Final = replace(
    v2016_08_15.DIALECT,
    version="2021-04-06",
    operations=OPERATIONS,
    read_target=_read_target,
    error_fields=fc3_error,
    extra_headers="",
)
