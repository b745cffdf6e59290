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
_OF_2_0: Final = shows("resource", TEXT, "Names the function and its qualifier.", versions=IN_2_0)
_OF_3_0: Final = shows("functionArn", TEXT, "Gives the ARN of the function.", versions=IN_3_0)

ON_DEMAND: Final = Table(
    "OnDemand",
    "``onDemandConfig`` limits the instances of a qualifier (2.0).",
    _OF_2_0,
    acts(
        "maximumInstanceCount",
        COUNT,
        "Limits how many instances that are not provisioned it may have.",
        default=0,
        versions=IN_2_0,
        required=True,
    ),
    qualifier(),
    source="wire-api §3",
)
PROVISION: Final = Table(
    "Provision",
    "``provisionConfig`` keeps instances of a qualifier ready, whether there is work or not.",
    _OF_2_0,
    _OF_3_0,
    acts("target", COUNT, "Sets how many instances to keep ready.", default=0),
    acts("defaultTarget", COUNT, "Sets the same in the newer form (3.0).", default=0, versions=IN_3_0),
    shows("current", COUNT, "Gives how many instances there are."),
    keeps("alwaysAllocateCPU", FLAG, "Is kept, and FC's API shows it.", versions=_SINCE_2021, key="alwaysAllocateCPU"),
    keeps("alwaysAllocateGPU", FLAG, "Is kept, and FC's API shows it.", versions=IN_3_0, key="alwaysAllocateGPU"),
    keeps("scheduledActions", LIST, "Are kept, and FC's API shows them.", versions=_SINCE_2021, key="scheduledActions"),
    keeps(
        "targetTrackingPolicies",
        LIST,
        "Are kept, and FC's API shows them.",
        versions=_SINCE_2021,
        key="targetTrackingPolicies",
    ),
    qualifier(),
    source="wire-api §3, wire-api §4, wire-api §5",
)
CONCURRENCY: Final = Table(
    "Concurrency",
    "``reservedConcurrency`` reserves instances for one function (3.0).",
    _OF_3_0,
    acts("reservedConcurrency", COUNT, "Sets how many instances to reserve.", default=0, versions=IN_3_0),
    source="wire-api §5",
)
SCALING: Final = Table(
    "Scaling",
    "``scalingConfig`` does the same in the newest form (3.0).",
    _OF_3_0,
    acts("minInstances", COUNT, "Sets how many instances there are at least.", default=0, versions=IN_3_0),
    shows("targetInstances", COUNT, "Gives how many instances are requested.", versions=IN_3_0),
    shows("currentInstances", COUNT, "Gives how many instances there are.", versions=IN_3_0),
    keeps("residentPoolId", TEXT, "Is kept, and FC's API shows it.", versions=IN_3_0, key="residentPoolId"),
    keeps(
        "requestDispatchPolicy", TEXT, "Is kept, and FC's API shows it.", versions=IN_3_0, key="requestDispatchPolicy"
    ),
    keeps(
        "enableOnDemandScaling", FLAG, "Is kept, and FC's API shows it.", versions=IN_3_0, key="enableOnDemandScaling"
    ),
    keeps("enableMixMode", FLAG, "Is kept, and FC's API shows it.", versions=IN_3_0, key="enableMixMode"),
    keeps(
        "horizontalScalingPolicies",
        LIST,
        "Are kept, and FC's API shows them.",
        versions=IN_3_0,
        key="horizontalScalingPolicies",
    ),
    keeps("scheduledPolicies", LIST, "Are kept, and FC's API shows them.", versions=IN_3_0, key="scheduledPolicies"),
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
