"""Routes and wire forms of 2023-03-30."""

from collections.abc import Mapping
from typing import Any, Final

from fcemu.api.asking import qualifier_of
from fcemu.api.common import (
    ALIAS,
    CODE,
    CONFIG_TEXT,
    COUNT,
    CURRENT,
    LAYERS,
    Lifecycle,
    async_fields,
    domain_fields,
    layer_fields,
    runs,
    trigger_fields,
    trigger_url,
)
from fcemu.api.dialect import Dialect, Target, fc3_error, read_operations
from fcemu.api.shapes import (
    ABSENT,
    FLAG,
    LIST,
    NUMBER,
    OBJECT,
    TEXT,
    TIMES,
    WHOLE,
    Acts,
    Keeps,
    Shape,
    Shows,
    View,
    time_text,
)
from fcemu.api.task_words import V2023
from fcemu.core.capacity import CONCURRENCY, PROVISION, SCALING, Capacity
from fcemu.core.functions import Function
from fcemu.core.generation import FC3
from fcemu.core.names import LATEST, FunctionRef, function_arn
from fcemu.core.releases import Owner
from fcemu.core.triggers import HTTP, INTERNAL, Trigger

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

_KEPT_OBJECTS: Final = (
    "customContainerConfig", "customDNS", "customRuntimeConfig", "gpuConfig", "juiceFsConfig", "logConfig",
    "microSandboxConfig", "nasConfig", "ossMountConfig", "polarFsConfig", "tracingConfig", "vpcConfig",
)  # fmt: skip
_KEPT_TEXTS: Final = (
    "disableInjectCredentials", "instanceIsolationMode", "resourceGroupId", "sessionAffinity", "sessionAffinityConfig",
)  # fmt: skip


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    return Target(FunctionRef(path["function"]), _read_qualifier(path, query))


def _read_owner(path: Mapping[str, str]) -> Owner:
    return Owner("function", path["function"])


def _read_qualifier(path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return qualifier_of(query.get("qualifier"))


def _arn(function: Function, asking: View) -> str:
    return function_arn(function.ref, LATEST, asking.account)


def _tags(function: Function, asking: View) -> list[dict[str, str]]:
    tags = asking.control.tags(Owner.of(function.ref))
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _restriction(function: Function, asking: View) -> Any:
    if function.disabled is None:
        return ABSENT
    return {"disable": True, "reason": function.disabled, "lastModifiedTime": time_text(function.stamp.modified)}


def _target_arn(trigger: Trigger, asking: View) -> str:
    return function_arn(trigger.function, trigger.qualifier, asking.account)


def _http(trigger: Trigger, asking: View) -> Any:
    if trigger.kind != HTTP:
        return ABSENT
    url = trigger_url(trigger, asking)
    return {"urlInternet": url, "urlIntranet": f"{url}{INTERNAL}"}


def _capacity_qualifier(kind: str, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Concurrency is reserved for a function, whatever the qualifier."""
    return LATEST if kind == CONCURRENCY else _read_qualifier(path, query)


def _instances(capacity: Capacity, asking: View) -> Any:
    """ASSUMED: the instances that are asked for are there at once."""
    return capacity.kept.get("minInstances", 0)


def _capacity_arn(capacity: Capacity, asking: View) -> str:
    return function_arn(capacity.function, capacity.qualifier, asking.account)


_CAPACITY_ARN: Final = Shows("functionArn", _capacity_arn)
_LAYERS: Final = LAYERS._replace(
    write=lambda layers: [{"arn": layer.arn, "size": layer.size_bytes} for layer in layers]
)
"""ARNs on input, objects on output (wire-api §5)."""

DIALECT: Final = Dialect(
    version="2023-03-30",
    generation=FC3,
    operations=OPERATIONS,
    read_target=_read_target,
    read_owner=_read_owner,
    read_qualifier=_read_qualifier,
    error_fields=fc3_error,
    service=Shape.of(),
    function=Shape.of(
        Shows("functionName", lambda function, _: function.ref.name),
        Shows("functionId", lambda function, _: function.stamp.id),
        Shows("functionArn", _arn),
        Keeps("description", TEXT, ""),
        *runs(in_service=False),
        Lifecycle({"initializer": "initializer", "preStop": "pre_stop"}),
        *CODE,
        Keeps("cpu", NUMBER),
        Keeps("diskSize", WHOLE, 512),
        Keeps("internetAccess", FLAG, True),
        Keeps("role", TEXT, ""),
        *(Keeps(name, OBJECT) for name in _KEPT_OBJECTS),
        *(Keeps(name, TEXT) for name in _KEPT_TEXTS),
        *(Keeps(name, FLAG) for name in ("disableOndemand", "enableLongLiving")),
        Keeps("idleTimeout", WHOLE),
        Shows("tags", _tags),
        Acts("layers", _LAYERS, "layers"),
        Shows("invocationRestriction", _restriction),
        Shows("state", lambda function, _: "Active"),
        Shows("lastUpdateStatus", lambda function, _: "Successful"),
        *TIMES,
    ),
    alias=Shape.of(*ALIAS, *TIMES),
    trigger=Shape.of(
        *trigger_fields(CONFIG_TEXT),
        Shows("status", lambda trigger, _: ""),
        Shows("targetArn", _target_arn),
        Shows("httpTrigger", _http),
    ),
    domain=domain_fields("authConfig", "corsConfig", "tlsConfig", "wafConfig"),
    layer=layer_fields("layerVersionArn", lambda public: str(int(public))),
    capacities={
        PROVISION: Shape.of(
            _CAPACITY_ARN,
            Keeps("target", COUNT, 0),
            Keeps("defaultTarget", COUNT, 0),
            CURRENT,
            Keeps("alwaysAllocateCPU", FLAG),
            Keeps("alwaysAllocateGPU", FLAG),
            Keeps("scheduledActions", LIST),
            Keeps("targetTrackingPolicies", LIST),
        ),
        CONCURRENCY: Shape.of(_CAPACITY_ARN, Keeps("reservedConcurrency", COUNT, 0)),
        SCALING: Shape.of(
            _CAPACITY_ARN,
            Keeps("minInstances", COUNT, 0),
            Shows("targetInstances", _instances),
            Shows("currentInstances", _instances),
            Keeps("residentPoolId", TEXT),
            Keeps("requestDispatchPolicy", TEXT),
            Keeps("enableOnDemandScaling", FLAG),
            Keeps("enableMixMode", FLAG),
            Keeps("horizontalScalingPolicies", LIST),
            Keeps("scheduledPolicies", LIST),
        ),
    },
    capacity_lists={PROVISION: "provisionConfigs", CONCURRENCY: "configs", SCALING: "scalingConfigs"},
    capacity_qualifier=_capacity_qualifier,
    async_settings=Shape.of(
        Shows("functionArn", lambda deployed, asking: function_arn(deployed.ref, deployed.qualifier, asking.account)),
        *async_fields("asyncTask"),
    ),
    tasks=V2023,
)
