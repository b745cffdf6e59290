"""Routes and wire forms of 2023-03-30."""

from collections.abc import Mapping
from typing import Any, Final

from fcemu.api.asking import Asking, qualifier_of
from fcemu.api.common import (
    ALIAS,
    CODE,
    CONFIG_TEXT,
    LAYERS,
    RUNS,
    Lifecycle,
    async_fields,
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
    time_text,
)
from fcemu.api.tasks import V2023
from fcemu.core.functions import Function
from fcemu.core.generation import FC3
from fcemu.core.names import LATEST, FunctionRef, function_arn
from fcemu.core.releases import Owner
from fcemu.core.triggers import HTTP, Trigger

OPERATIONS: Final = read_operations("""
InvokeFunction POST /functions/{function}/invocations invoke
ChangeResourceGroup PUT /resource-groups
CreateAlias POST /functions/{function}/aliases create_alias
CreateCustomDomain POST /custom-domains
CreateFunction POST /functions create_function
CreateLayerVersion POST /layers/{layer}/versions
CreateSession POST /functions/{function}/sessions
CreateSnapshot POST /functions/{function}/snapshots
CreateTrigger POST /functions/{function}/triggers create_trigger keeps
CreateVpcBinding POST /functions/{function}/vpc-bindings
DeleteAlias DELETE /functions/{function}/aliases/{alias} delete_alias
DeleteAsyncInvokeConfig DELETE /functions/{function}/async-invoke-config delete_async
DeleteConcurrencyConfig DELETE /functions/{function}/concurrency
DeleteCustomDomain DELETE /custom-domains/{domain}
DeleteFunction DELETE /functions/{function} delete_function
DeleteFunctionVersion DELETE /functions/{function}/versions/{version} delete_version
DeleteLayerVersion DELETE /layers/{layer}/versions/{version}
DeleteProvisionConfig DELETE /functions/{function}/provision-config
DeleteScalingConfig DELETE /functions/{function}/scaling-config
DeleteSession DELETE /functions/{function}/sessions/{session}
DeleteSnapshot DELETE /functions/{function}/snapshots/{snapshot}
DeleteTrigger DELETE /functions/{function}/triggers/{trigger} delete_trigger keeps
DeleteVpcBinding DELETE /functions/{function}/vpc-bindings/{vpc}
DescribeRegions GET /regions
DisableFunctionInvocation POST /functions/{function}/invoke/disable disable_invocation
EnableFunctionInvocation POST /functions/{function}/invoke/enable enable_invocation
GetAlias GET /functions/{function}/aliases/{alias} get_alias
GetAsyncInvokeConfig GET /functions/{function}/async-invoke-config get_async
GetAsyncTask GET /functions/{function}/async-tasks/{id} get_task
GetConcurrencyConfig GET /functions/{function}/concurrency
GetCustomDomain GET /custom-domains/{domain}
GetFunction GET /functions/{function} get_function
GetFunctionCode GET /functions/{function}/code get_function_code
GetLayerVersion GET /layers/{layer}/versions/{version}
GetLayerVersionByArn GET /layerarn/{arn}
GetProvisionConfig GET /functions/{function}/provision-config
GetScalingConfig GET /functions/{function}/scaling-config
GetSession GET /functions/{function}/sessions/{session}
GetSnapshot GET /functions/{function}/snapshots/{snapshot}
GetTrigger GET /functions/{function}/triggers/{trigger} get_trigger keeps
ListAliases GET /functions/{function}/aliases list_aliases
ListAsyncInvokeConfigs GET /async-invoke-configs list_async
ListAsyncTasks GET /functions/{function}/async-tasks list_tasks
ListConcurrencyConfigs GET /concurrency-configs
ListCustomDomains GET /custom-domains
ListFunctionVersions GET /functions/{function}/versions list_versions
ListFunctions GET /functions list_functions
ListInstances GET /functions/{function}/instances
ListLayerVersions GET /layers/{layer}/versions
ListLayers GET /layers
ListProvisionConfigs GET /provision-configs
ListScalingConfigs GET /scaling-configs
ListSessions GET /functions/{function}/sessions
ListSnapshots GET /snapshots
ListTagResources GET /tags-v2
ListTriggers GET /functions/{function}/triggers list_triggers keeps
ListVpcBindings GET /functions/{function}/vpc-bindings
PauseSession PUT /functions/{function}/sessions/{session}/pause
PublishFunctionVersion POST /functions/{function}/versions publish_version
PutAsyncInvokeConfig PUT /functions/{function}/async-invoke-config put_async
PutConcurrencyConfig PUT /functions/{function}/concurrency
PutLayerACL PUT /layers/{layer}/acl
PutProvisionConfig PUT /functions/{function}/provision-config
PutScalingConfig PUT /functions/{function}/scaling-config
ResumeSession PUT /functions/{function}/sessions/{session}/resume
StopAsyncTask PUT /functions/{function}/async-tasks/{id}/stop stop_task
TagResources POST /tags-v2
UntagResources DELETE /tags-v2
UpdateAlias PUT /functions/{function}/aliases/{alias} update_alias
UpdateCustomDomain PUT /custom-domains/{domain}
UpdateFunction PUT /functions/{function} update_function
UpdateSession PUT /functions/{function}/sessions/{session}
UpdateTrigger PUT /functions/{function}/triggers/{trigger} update_trigger keeps
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


def _arn(function: Function, asking: Asking) -> str:
    return function_arn(function.ref, LATEST, asking.account)


def _restriction(function: Function, asking: Asking) -> Any:
    if function.disabled is None:
        return ABSENT
    return {"disable": True, "reason": function.disabled, "lastModifiedTime": time_text(function.stamp.modified)}


def _target_arn(trigger: Trigger, asking: Asking) -> str:
    return function_arn(trigger.function, trigger.qualifier, asking.account)


def _http(trigger: Trigger, asking: Asking) -> Any:
    if trigger.kind != HTTP:
        return ABSENT
    url = trigger_url(trigger, asking)
    return {"urlInternet": url, "urlIntranet": url}


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
        *RUNS,
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
        Keeps("tags", LIST),
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
    async_settings=Shape.of(
        Shows("functionArn", lambda deployed, asking: function_arn(deployed.ref, deployed.qualifier, asking.account)),
        *async_fields("asyncTask"),
    ),
    tasks=V2023,
)
