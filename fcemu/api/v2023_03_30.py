"""This module has the operations and the wire forms of 2023-03-30."""

from collections.abc import Mapping
from typing import Any, Final

from fcemu.api.asking import qualifier_of
from fcemu.api.dialect import Dialect, Target, fc3_error, read_operations
from fcemu.api.resource_shapes import (
    ALIAS_SHOWN,
    CAPACITY_SHOWN,
    FUNCTION_SHOWN,
    TRIGGER_SHOWN,
    TriggerConfig,
    async_shape,
    domain_shape,
    layer_shape,
    shape,
)
from fcemu.api.shapes import Shape
from fcemu.api.task_words import V2023
from fcemu.core.capacity import CONCURRENCY, PROVISION, SCALING
from fcemu.core.fields import capacity, functions, releases, triggers
from fcemu.core.fields.fc_kinds import Layers
from fcemu.core.fields.rows import V2023 as VERSION
from fcemu.core.generation import FC3
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.releases import Owner

OPERATIONS: Final = read_operations("""
InvokeFunction POST /functions/{function}/invocations invoke
ChangeResourceGroup PUT /resource-groups
CreateAlias POST /functions/{function}/aliases create_alias
CreateCustomDomain POST /custom-domains create_domain
CreateFunction POST /functions create_function
CreateLayerVersion POST /layers/{layer}/versions publish_layer
CreateSession POST /functions/{function}/sessions
CreateSnapshot POST /functions/{function}/snapshots
CreateTrigger POST /functions/{function}/triggers create_trigger
CreateVpcBinding POST /functions/{function}/vpc-bindings create_vpc_binding keeps
DeleteAlias DELETE /functions/{function}/aliases/{alias} delete_alias
DeleteAsyncInvokeConfig DELETE /functions/{function}/async-invoke-config delete_async
DeleteConcurrencyConfig DELETE /functions/{function}/concurrency delete_concurrency keeps
DeleteCustomDomain DELETE /custom-domains/{domain} delete_domain
DeleteFunction DELETE /functions/{function} delete_function
DeleteFunctionVersion DELETE /functions/{function}/versions/{version} delete_version
DeleteLayerVersion DELETE /layers/{layer}/versions/{version} delete_layer
DeleteProvisionConfig DELETE /functions/{function}/provision-config delete_provision keeps
DeleteScalingConfig DELETE /functions/{function}/scaling-config delete_scaling keeps
DeleteSession DELETE /functions/{function}/sessions/{session}
DeleteSnapshot DELETE /functions/{function}/snapshots/{snapshot}
DeleteTrigger DELETE /functions/{function}/triggers/{trigger} delete_trigger
DeleteVpcBinding DELETE /functions/{function}/vpc-bindings/{vpc} delete_vpc_binding keeps
DescribeRegions GET /regions describe_regions
DisableFunctionInvocation POST /functions/{function}/invoke/disable disable_invocation
EnableFunctionInvocation POST /functions/{function}/invoke/enable enable_invocation
GetAlias GET /functions/{function}/aliases/{alias} get_alias
GetAsyncInvokeConfig GET /functions/{function}/async-invoke-config get_async
GetAsyncTask GET /functions/{function}/async-tasks/{id} get_task
GetConcurrencyConfig GET /functions/{function}/concurrency get_concurrency keeps
GetCustomDomain GET /custom-domains/{domain} get_domain
GetFunction GET /functions/{function} get_function
GetFunctionCode GET /functions/{function}/code get_function_code
GetLayerVersion GET /layers/{layer}/versions/{version} get_layer
GetLayerVersionByArn GET /layerarn/{arn} get_layer_by_arn
GetProvisionConfig GET /functions/{function}/provision-config get_provision keeps
GetScalingConfig GET /functions/{function}/scaling-config get_scaling keeps
GetSession GET /functions/{function}/sessions/{session}
GetSnapshot GET /functions/{function}/snapshots/{snapshot}
GetTrigger GET /functions/{function}/triggers/{trigger} get_trigger
ListAliases GET /functions/{function}/aliases list_aliases
ListAsyncInvokeConfigs GET /async-invoke-configs list_async
ListAsyncTasks GET /functions/{function}/async-tasks list_tasks
ListConcurrencyConfigs GET /concurrency-configs list_concurrency keeps
ListCustomDomains GET /custom-domains list_domains
ListFunctionVersions GET /functions/{function}/versions list_versions
ListFunctions GET /functions list_functions
ListInstances GET /functions/{function}/instances list_instances
ListLayerVersions GET /layers/{layer}/versions list_layer_versions
ListLayers GET /layers list_layers
ListProvisionConfigs GET /provision-configs list_provision keeps
ListScalingConfigs GET /scaling-configs list_scaling keeps
ListSessions GET /functions/{function}/sessions
ListSnapshots GET /snapshots
ListTagResources GET /tags-v2 list_tag_resources keeps
ListTriggers GET /functions/{function}/triggers list_triggers
ListVpcBindings GET /functions/{function}/vpc-bindings list_vpc_bindings keeps
PauseSession PUT /functions/{function}/sessions/{session}/pause
PublishFunctionVersion POST /functions/{function}/versions publish_version
PutAsyncInvokeConfig PUT /functions/{function}/async-invoke-config put_async
PutConcurrencyConfig PUT /functions/{function}/concurrency put_concurrency keeps
PutLayerACL PUT /layers/{layer}/acl put_layer_acl keeps
PutProvisionConfig PUT /functions/{function}/provision-config put_provision keeps
PutScalingConfig PUT /functions/{function}/scaling-config put_scaling keeps
ResumeSession PUT /functions/{function}/sessions/{session}/resume
StopAsyncTask PUT /functions/{function}/async-tasks/{id}/stop stop_task
TagResources POST /tags-v2 tag_resources keeps
UntagResources DELETE /tags-v2 untag_resources keeps
UpdateAlias PUT /functions/{function}/aliases/{alias} update_alias
UpdateCustomDomain PUT /custom-domains/{domain} update_domain
UpdateFunction PUT /functions/{function} update_function
UpdateSession PUT /functions/{function}/sessions/{session}
UpdateTrigger PUT /functions/{function}/triggers/{trigger} update_trigger
""")
"""Source: wire-api §5. The last columns name what answers, and whether it acts or only keeps; where they are empty, the
operation is refused by its name."""


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    return Target(FunctionRef(path["function"]), _read_qualifier(path, query))


def _read_owner(path: Mapping[str, str]) -> Owner:
    return Owner("function", path["function"])


def _read_qualifier(path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return qualifier_of(query.get("qualifier"))


def _capacity_qualifier(kind: str, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Concurrency is reserved for a function, whatever the qualifier."""
    return LATEST if kind == CONCURRENCY else _read_qualifier(path, query)


class _LayerSizes(Layers):
    """ARNs on input, objects on output (wire-api §5)."""

    __slots__ = ()

    def write(self, value: Any) -> Any:
        return [{"arn": layer.arn, "size": layer.size_bytes} for layer in value]


DIALECT: Final = Dialect(
    version=VERSION,
    generation=FC3,
    operations=OPERATIONS,
    read_target=_read_target,
    read_owner=_read_owner,
    read_qualifier=_read_qualifier,
    error_fields=fc3_error,
    service=Shape.of(),
    function=shape(functions.FUNCTION, VERSION, FUNCTION_SHOWN, {"layers": _LayerSizes()}),
    alias=shape(releases.ALIAS, VERSION, ALIAS_SHOWN),
    trigger=shape(triggers.TRIGGER, VERSION, TRIGGER_SHOWN, {"triggerConfig": TriggerConfig(as_text=True)}),
    async_settings=async_shape(VERSION),
    domain=domain_shape(VERSION),
    layer=layer_shape(VERSION, lambda public: str(int(public))),
    capacities={
        kind: shape(capacity.TABLES[kind], VERSION, CAPACITY_SHOWN) for kind in (PROVISION, CONCURRENCY, SCALING)
    },
    capacity_lists={PROVISION: "provisionConfigs", CONCURRENCY: "configs", SCALING: "scalingConfigs"},
    capacity_qualifier=_capacity_qualifier,
    tasks=V2023,
)
