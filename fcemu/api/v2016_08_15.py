"""This module has the operations and the wire forms of 2016-08-15."""

from collections.abc import Mapping
from typing import Any, Final

from fcemu.api.asking import qualifier_of
from fcemu.api.dialect import Dialect, Target, read_operations
from fcemu.api.resource_shapes import (
    ALIAS_SHOWN,
    CAPACITY_SHOWN,
    FUNCTION_SHOWN,
    SERVICE_SHOWN,
    TRIGGER_SHOWN,
    Show,
    TriggerConfig,
    async_shape,
    domain_shape,
    layer_shape,
    shape,
)
from fcemu.api.shapes import Shape, View
from fcemu.api.task_words import V2016
from fcemu.core.capacity import ON_DEMAND, PROVISION, Capacity
from fcemu.core.errors import FCError
from fcemu.core.fields import capacity, functions, releases, triggers
from fcemu.core.fields.kinds import AnyMap
from fcemu.core.fields.rows import V2016 as VERSION
from fcemu.core.generation import FC2
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Owner
from fcemu.core.triggers import HTTP, Trigger

OPERATIONS: Final = read_operations("""
InvokeFunction POST /services/{svc}/functions/{function}/invocations invoke
GetAccountSettings GET /account-settings get_account_settings
CreateService POST /services create_service
GetService GET /services/{svc} get_service
UpdateService PUT /services/{svc} update_service
DeleteService DELETE /services/{svc} delete_service
ListServices GET /services list_services
PublishVersion POST /services/{svc}/versions publish_version
ListVersions GET /services/{svc}/versions list_versions
DeleteVersion DELETE /services/{svc}/versions/{version} delete_version
CreateAlias POST /services/{svc}/aliases create_alias
GetAlias GET /services/{svc}/aliases/{alias} get_alias
UpdateAlias PUT /services/{svc}/aliases/{alias} update_alias
DeleteAlias DELETE /services/{svc}/aliases/{alias} delete_alias
ListAliases GET /services/{svc}/aliases list_aliases
CreateFunction POST /services/{svc}/functions create_function
GetFunction GET /services/{svc}/functions/{function} get_function
UpdateFunction PUT /services/{svc}/functions/{function} update_function
DeleteFunction DELETE /services/{svc}/functions/{function} delete_function
GetFunctionCode GET /services/{svc}/functions/{function}/code get_function_code
ListFunctions GET /services/{svc}/functions list_functions
CreateTrigger POST /services/{svc}/functions/{function}/triggers create_trigger
GetTrigger GET /services/{svc}/functions/{function}/triggers/{trigger} get_trigger
UpdateTrigger PUT /services/{svc}/functions/{function}/triggers/{trigger} update_trigger
DeleteTrigger DELETE /services/{svc}/functions/{function}/triggers/{trigger} delete_trigger
ListTriggers GET /services/{svc}/functions/{function}/triggers list_triggers
CreateCustomDomain POST /custom-domains create_domain
GetCustomDomain GET /custom-domains/{domain} get_domain
UpdateCustomDomain PUT /custom-domains/{domain} update_domain
DeleteCustomDomain DELETE /custom-domains/{domain} delete_domain
ListCustomDomains GET /custom-domains list_domains
PutFunctionAsyncInvokeConfig PUT /services/{svc}/functions/{function}/async-invoke-config put_async
GetFunctionAsyncInvokeConfig GET /services/{svc}/functions/{function}/async-invoke-config get_async
DeleteFunctionAsyncInvokeConfig DELETE /services/{svc}/functions/{function}/async-invoke-config delete_async
ListFunctionAsyncInvokeConfigs GET /services/{svc}/functions/{function}/async-invoke-configs list_async
GetStatefulAsyncInvocation GET /services/{svc}/functions/{function}/stateful-async-invocations/{id} get_task
ListStatefulAsyncInvocations GET /services/{svc}/functions/{function}/stateful-async-invocations list_tasks
StopStatefulAsyncInvocation PUT /services/{svc}/functions/{function}/stateful-async-invocations/{id} stop_task
ListStatefulAsyncInvocationFunctions GET /stateful-async-invocation-functions list_task_functions
PutProvisionConfig PUT /services/{svc}/functions/{function}/provision-config put_provision keeps
GetProvisionConfig GET /services/{svc}/functions/{function}/provision-config get_provision keeps
ListProvisionConfigs GET /provision-configs list_provision keeps
PutFunctionOnDemandConfig PUT /services/{svc}/functions/{function}/on-demand-config put_on_demand keeps
GetFunctionOnDemandConfig GET /services/{svc}/functions/{function}/on-demand-config get_on_demand keeps
DeleteFunctionOnDemandConfig DELETE /services/{svc}/functions/{function}/on-demand-config delete_on_demand keeps
ListOnDemandConfigs GET /on-demand-configs list_on_demand keeps
TagResource POST /tag tag_resource keeps
UntagResource DELETE /tag untag_resource keeps
GetResourceTags GET /tag get_resource_tags keeps
ListReservedCapacities GET /reservedCapacities list_reserved_capacities
ListInstances GET /services/{svc}/functions/{function}/instances list_instances
InstanceExec GET /services/{svc}/functions/{function}/instances/{id}/exec
PublishLayerVersion POST /layers/{layer}/versions publish_layer
GetLayerVersion GET /layers/{layer}/versions/{version} get_layer
DeleteLayerVersion DELETE /layers/{layer}/versions/{version} delete_layer
GetLayerVersionByArn GET /layerarn/{arn} get_layer_by_arn
ListLayers GET /layers list_layers
ListLayerVersions GET /layers/{layer}/versions list_layer_versions
PutLayerACL PUT /layers/{layer}/acl put_layer_acl keeps
GetTempBucketToken GET /tempBucketToken
GetTempCodeBucketToken GET /services/{svc}/tempCodeBucketToken
GetAccountConfigs GET /accountConfigs get_account_configs
CreateVpcBinding POST /services/{svc}/binding create_vpc_binding keeps
ListVpcBindings GET /services/{svc}/bindings list_vpc_bindings keeps
InvokeHTTPTrigger * /proxy/{svc}/{function}/{path…} http_trigger
""")
"""Source: wire-api §3. The last columns name what answers, and whether it acts or only keeps; where they are empty, the
operation is refused by its name."""


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    """The qualifier follows the service: ``media.LATEST``."""
    return Target(FunctionRef(path["function"], _read_owner(path).name), _read_qualifier(path, query))


def _read_owner(path: Mapping[str, str]) -> Owner:
    return Owner("service", path["svc"].partition(".")[0])


def _read_qualifier(path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return qualifier_of(path["svc"].partition(".")[2])


def _error_fields(error: FCError, request_id: str) -> dict[str, str]:
    """The request id is in the header only (errors-and-limits §2)."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}


def _source_arn(trigger: Trigger, asking: View) -> str | None:
    """Null for HTTP triggers, although one may have been sent (wire-api §9)."""
    return None if trigger.kind == HTTP else trigger.source_arn


def _on_demand_resource(capacity: Capacity, asking: View) -> str:
    ref = capacity.function
    return f"services/{ref.service}.{capacity.qualifier}/functions/{ref.name}"


def _provision_resource(capacity: Capacity, asking: View) -> str:
    ref = capacity.function
    return f"{asking.account.id}#{ref.service}#{capacity.qualifier}#{ref.name}"


def _capacity_qualifier(kind: str, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Source: wire-api §3: the qualifier must be given. ASSUMED: fcemu also takes a request that leaves the qualifier
    out (wire-api §3)."""
    return _read_qualifier(path, query)


class Tracing(AnyMap):
    """Empty, it clears what was there, and is shown like this (wire-api §9)."""

    __slots__ = ()

    def write(self, value: Any) -> Any:
        return {"type": None, "params": None} | value


SERVICE_KINDS: Final = {"tracingConfig": Tracing()}
_RESOURCE: Final[dict[str, Show]] = {ON_DEMAND: _on_demand_resource, PROVISION: _provision_resource}


def capacity_shapes(version: str) -> dict[str, Shape]:
    """How a version of 2.0 writes what capacity there is."""
    return {
        kind: shape(capacity.TABLES[kind], version, CAPACITY_SHOWN | {"resource": resource})
        for kind, resource in _RESOURCE.items()
    }


DIALECT: Final = Dialect(
    version=VERSION,
    generation=FC2,
    operations=OPERATIONS,
    read_target=_read_target,
    read_owner=_read_owner,
    read_qualifier=_read_qualifier,
    error_fields=_error_fields,
    # Source: async-invocation §1.3.
    extra_headers="Access-Control-Expose-Headers: Date,x-fc-request-id,x-fc-error-type,x-fc-code-checksum,"
    "x-fc-invocation-duration,x-fc-max-memory-usage,x-fc-log-result,x-fc-invocation-code-version\r\n",
    service=shape(functions.SERVICE, VERSION, SERVICE_SHOWN, SERVICE_KINDS),
    function=shape(functions.FUNCTION, VERSION, FUNCTION_SHOWN),
    alias=shape(releases.ALIAS, VERSION, ALIAS_SHOWN),
    trigger=shape(
        triggers.TRIGGER,
        VERSION,
        TRIGGER_SHOWN | {"sourceArn": _source_arn},
        {"triggerConfig": TriggerConfig(as_text=False)},
    ),
    async_settings=async_shape(VERSION),
    domain=domain_shape(VERSION),
    layer=layer_shape(VERSION, int),
    capacities=capacity_shapes(VERSION),
    capacity_lists={ON_DEMAND: "configs", PROVISION: "provisionConfigs"},
    capacity_qualifier=_capacity_qualifier,
    tasks=V2016,
    async_list_extras={"nextToken": ""},
    tags_answer=True,
)
