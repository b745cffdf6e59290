"""Routes and wire forms of 2016-08-15."""

from collections.abc import Mapping
from typing import Final

from fcemu.api.dialect import Dialect, Target, qualifier_of, read_operations
from fcemu.core.errors import FCError
from fcemu.core.generation import FC2
from fcemu.core.names import FunctionRef

OPERATIONS: Final = read_operations("""
InvokeFunction POST /services/{svc}/functions/{function}/invocations invoke
GetAccountSettings GET /account-settings
CreateService POST /services
GetService GET /services/{svc}
UpdateService PUT /services/{svc}
DeleteService DELETE /services/{svc}
ListServices GET /services
PublishVersion POST /services/{svc}/versions
ListVersions GET /services/{svc}/versions
DeleteVersion DELETE /services/{svc}/versions/{version}
CreateAlias POST /services/{svc}/aliases
GetAlias GET /services/{svc}/aliases/{alias}
UpdateAlias PUT /services/{svc}/aliases/{alias}
DeleteAlias DELETE /services/{svc}/aliases/{alias}
ListAliases GET /services/{svc}/aliases
CreateFunction POST /services/{svc}/functions
GetFunction GET /services/{svc}/functions/{function}
UpdateFunction PUT /services/{svc}/functions/{function}
DeleteFunction DELETE /services/{svc}/functions/{function}
GetFunctionCode GET /services/{svc}/functions/{function}/code
ListFunctions GET /services/{svc}/functions
CreateTrigger POST /services/{svc}/functions/{function}/triggers
GetTrigger GET /services/{svc}/functions/{function}/triggers/{trigger}
UpdateTrigger PUT /services/{svc}/functions/{function}/triggers/{trigger}
DeleteTrigger DELETE /services/{svc}/functions/{function}/triggers/{trigger}
ListTriggers GET /services/{svc}/functions/{function}/triggers
CreateCustomDomain POST /custom-domains
GetCustomDomain GET /custom-domains/{domain}
UpdateCustomDomain PUT /custom-domains/{domain}
DeleteCustomDomain DELETE /custom-domains/{domain}
ListCustomDomains GET /custom-domains
PutFunctionAsyncInvokeConfig PUT /services/{svc}/functions/{function}/async-invoke-config
GetFunctionAsyncInvokeConfig GET /services/{svc}/functions/{function}/async-invoke-config
DeleteFunctionAsyncInvokeConfig DELETE /services/{svc}/functions/{function}/async-invoke-config
ListFunctionAsyncInvokeConfigs GET /services/{svc}/functions/{function}/async-invoke-configs
GetStatefulAsyncInvocation GET /services/{svc}/functions/{function}/stateful-async-invocations/{id}
ListStatefulAsyncInvocations GET /services/{svc}/functions/{function}/stateful-async-invocations
StopStatefulAsyncInvocation PUT /services/{svc}/functions/{function}/stateful-async-invocations/{id}
ListStatefulAsyncInvocationFunctions GET /stateful-async-invocation-functions
PutProvisionConfig PUT /services/{svc}/functions/{function}/provision-config
GetProvisionConfig GET /services/{svc}/functions/{function}/provision-config
ListProvisionConfigs GET /provision-configs
PutFunctionOnDemandConfig PUT /services/{svc}/functions/{function}/on-demand-config
GetFunctionOnDemandConfig GET /services/{svc}/functions/{function}/on-demand-config
DeleteFunctionOnDemandConfig DELETE /services/{svc}/functions/{function}/on-demand-config
ListOnDemandConfigs GET /on-demand-configs
TagResource POST /tag
UntagResource DELETE /tag
GetResourceTags GET /tag
ListReservedCapacities GET /reservedCapacities
ListInstances GET /services/{svc}/functions/{function}/instances
InstanceExec GET /services/{svc}/functions/{function}/instances/{id}/exec
PublishLayerVersion POST /layers/{layer}/versions
GetLayerVersion GET /layers/{layer}/versions/{version}
DeleteLayerVersion DELETE /layers/{layer}/versions/{version}
GetLayerVersionByArn GET /layerarn/{arn}
ListLayers GET /layers
ListLayerVersions GET /layers/{layer}/versions
PutLayerACL PUT /layers/{layer}/acl
GetTempBucketToken GET /tempBucketToken
GetTempCodeBucketToken GET /services/{svc}/tempCodeBucketToken
GetAccountConfigs GET /accountConfigs
CreateVpcBinding POST /services/{svc}/binding
ListVpcBindings GET /services/{svc}/bindings
InvokeHTTPTrigger * /proxy/{svc}/{function}/{path…}
""")
"""Source: wire-api §3. The last column names what answers; where it is empty, that comes later."""


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    service, _, qualifier = path["svc"].partition(".")
    return Target(FunctionRef(path["function"], service), qualifier_of(qualifier))


def _error_fields(error: FCError, request_id: str) -> dict[str, str]:
    """The request id is in the header only (errors-and-limits §2)."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}


DIALECT: Final = Dialect(
    version="2016-08-15",
    generation=FC2,
    operations=OPERATIONS,
    read_target=_read_target,
    error_fields=_error_fields,
    # Source: async-invocation §1.3.
    extra_headers="Access-Control-Expose-Headers: Date,x-fc-request-id,x-fc-error-type,x-fc-code-checksum,"
    "x-fc-invocation-duration,x-fc-max-memory-usage,x-fc-log-result,x-fc-invocation-code-version\r\n",
)
