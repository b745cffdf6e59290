"""This module has the tables of capacities: how many instances a qualifier of a function may or shall have.

Their values are kept by FC's names, and act.
"""

from collections.abc import Mapping
from typing import Final

from fcemu.core import capacity
from fcemu.core.fields.kinds import FLAG, LIST, TEXT
from fcemu.core.fields.rows import IN_2_0, IN_3_0, V2021, V2023, Table, acts, keeps, shows
from fcemu.core.fields.shared import COUNT, qualifier

_SINCE_2021: Final = (V2021, V2023)
_OF_2_0: Final = shows("resource", TEXT, "The function and its qualifier.", versions=IN_2_0)
_OF_3_0: Final = shows("functionArn", TEXT, "The ARN of the function.", versions=IN_3_0)

ON_DEMAND: Final = Table(
    "OnDemand",
    "``onDemandConfig``: a bound of instances by qualifier (2.0).",
    _OF_2_0,
    acts(
        "maximumInstanceCount",
        COUNT,
        "How many instances it may have, if not provisioned.",
        default=0,
        versions=IN_2_0,
        required=True,
    ),
    qualifier(),
    source="wire-api §3",
)
PROVISION: Final = Table(
    "Provision",
    "``provisionConfig``: instances of a qualifier that are there whether there is work or not.",
    _OF_2_0,
    _OF_3_0,
    acts("target", COUNT, "How many.", default=0),
    acts("defaultTarget", COUNT, "How many, in newer words (3.0).", default=0, versions=IN_3_0),
    shows("current", COUNT, "How many there are."),
    keeps("alwaysAllocateCPU", FLAG, "Kept; FC's API shows it.", versions=_SINCE_2021, key="alwaysAllocateCPU"),
    keeps("alwaysAllocateGPU", FLAG, "Kept; FC's API shows it.", versions=IN_3_0, key="alwaysAllocateGPU"),
    keeps("scheduledActions", LIST, "Kept; FC's API shows them.", versions=_SINCE_2021, key="scheduledActions"),
    keeps(
        "targetTrackingPolicies", LIST, "Kept; FC's API shows them.", versions=_SINCE_2021, key="targetTrackingPolicies"
    ),
    qualifier(),
    source="wire-api §3, wire-api §4, wire-api §5",
)
CONCURRENCY: Final = Table(
    "Concurrency",
    "``reservedConcurrency``: instances that are for one function alone (3.0).",
    _OF_3_0,
    acts("reservedConcurrency", COUNT, "How many.", default=0, versions=IN_3_0),
    source="wire-api §5",
)
SCALING: Final = Table(
    "Scaling",
    "``scalingConfig``: the same in the newest words (3.0).",
    _OF_3_0,
    acts("minInstances", COUNT, "How many instances are there at least.", default=0, versions=IN_3_0),
    shows("targetInstances", COUNT, "How many are asked for.", versions=IN_3_0),
    shows("currentInstances", COUNT, "How many there are.", versions=IN_3_0),
    keeps("residentPoolId", TEXT, "Kept; FC's API shows it.", versions=IN_3_0, key="residentPoolId"),
    keeps("requestDispatchPolicy", TEXT, "Kept; FC's API shows it.", versions=IN_3_0, key="requestDispatchPolicy"),
    keeps("enableOnDemandScaling", FLAG, "Kept; FC's API shows it.", versions=IN_3_0, key="enableOnDemandScaling"),
    keeps("enableMixMode", FLAG, "Kept; FC's API shows it.", versions=IN_3_0, key="enableMixMode"),
    keeps(
        "horizontalScalingPolicies",
        LIST,
        "Kept; FC's API shows them.",
        versions=IN_3_0,
        key="horizontalScalingPolicies",
    ),
    keeps("scheduledPolicies", LIST, "Kept; FC's API shows them.", versions=IN_3_0, key="scheduledPolicies"),
    qualifier(),
    source="wire-api §5",
)
TABLES: Final[Mapping[str, Table]] = {
    capacity.ON_DEMAND: ON_DEMAND,
    capacity.PROVISION: PROVISION,
    capacity.CONCURRENCY: CONCURRENCY,
    capacity.SCALING: SCALING,
}
"""By the kind of capacity."""
