"""Routes and wire forms of 2023-03-30."""

from collections.abc import Mapping
from typing import Final

from fcemu.api.dialect import Dialect, Target, fc3_error, qualifier_of, read_operations
from fcemu.core.generation import FC3
from fcemu.core.names import FunctionRef

OPERATIONS: Final = read_operations("""
InvokeFunction POST /functions/{function}/invocations invoke
ChangeResourceGroup PUT /resource-groups
CreateAlias POST /functions/{function}/aliases
CreateCustomDomain POST /custom-domains
CreateFunction POST /functions
CreateLayerVersion POST /layers/{layer}/versions
CreateSession POST /functions/{function}/sessions
CreateSnapshot POST /functions/{function}/snapshots
CreateTrigger POST /functions/{function}/triggers
CreateVpcBinding POST /functions/{function}/vpc-bindings
DeleteAlias DELETE /functions/{function}/aliases/{alias}
DeleteAsyncInvokeConfig DELETE /functions/{function}/async-invoke-config
DeleteConcurrencyConfig DELETE /functions/{function}/concurrency
DeleteCustomDomain DELETE /custom-domains/{domain}
DeleteFunction DELETE /functions/{function}
DeleteFunctionVersion DELETE /functions/{function}/versions/{version}
DeleteLayerVersion DELETE /layers/{layer}/versions/{version}
DeleteProvisionConfig DELETE /functions/{function}/provision-config
DeleteScalingConfig DELETE /functions/{function}/scaling-config
DeleteSession DELETE /functions/{function}/sessions/{session}
DeleteSnapshot DELETE /functions/{function}/snapshots/{snapshot}
DeleteTrigger DELETE /functions/{function}/triggers/{trigger}
DeleteVpcBinding DELETE /functions/{function}/vpc-bindings/{vpc}
DescribeRegions GET /regions
DisableFunctionInvocation POST /functions/{function}/invoke/disable
EnableFunctionInvocation POST /functions/{function}/invoke/enable
GetAlias GET /functions/{function}/aliases/{alias}
GetAsyncInvokeConfig GET /functions/{function}/async-invoke-config
GetAsyncTask GET /functions/{function}/async-tasks/{task}
GetConcurrencyConfig GET /functions/{function}/concurrency
GetCustomDomain GET /custom-domains/{domain}
GetFunction GET /functions/{function}
GetFunctionCode GET /functions/{function}/code
GetLayerVersion GET /layers/{layer}/versions/{version}
GetLayerVersionByArn GET /layerarn/{arn}
GetProvisionConfig GET /functions/{function}/provision-config
GetScalingConfig GET /functions/{function}/scaling-config
GetSession GET /functions/{function}/sessions/{session}
GetSnapshot GET /functions/{function}/snapshots/{snapshot}
GetTrigger GET /functions/{function}/triggers/{trigger}
ListAliases GET /functions/{function}/aliases
ListAsyncInvokeConfigs GET /async-invoke-configs
ListAsyncTasks GET /functions/{function}/async-tasks
ListConcurrencyConfigs GET /concurrency-configs
ListCustomDomains GET /custom-domains
ListFunctionVersions GET /functions/{function}/versions
ListFunctions GET /functions
ListInstances GET /functions/{function}/instances
ListLayerVersions GET /layers/{layer}/versions
ListLayers GET /layers
ListProvisionConfigs GET /provision-configs
ListScalingConfigs GET /scaling-configs
ListSessions GET /functions/{function}/sessions
ListSnapshots GET /snapshots
ListTagResources GET /tags-v2
ListTriggers GET /functions/{function}/triggers
ListVpcBindings GET /functions/{function}/vpc-bindings
PauseSession PUT /functions/{function}/sessions/{session}/pause
PublishFunctionVersion POST /functions/{function}/versions
PutAsyncInvokeConfig PUT /functions/{function}/async-invoke-config
PutConcurrencyConfig PUT /functions/{function}/concurrency
PutLayerACL PUT /layers/{layer}/acl
PutProvisionConfig PUT /functions/{function}/provision-config
PutScalingConfig PUT /functions/{function}/scaling-config
ResumeSession PUT /functions/{function}/sessions/{session}/resume
StopAsyncTask PUT /functions/{function}/async-tasks/{task}/stop
TagResources POST /tags-v2
UntagResources DELETE /tags-v2
UpdateAlias PUT /functions/{function}/aliases/{alias}
UpdateCustomDomain PUT /custom-domains/{domain}
UpdateFunction PUT /functions/{function}
UpdateSession PUT /functions/{function}/sessions/{session}
UpdateTrigger PUT /functions/{function}/triggers/{trigger}
""")
"""Source: wire-api §5. The last column names what answers; where it is empty, that comes later."""


def _read_target(path: Mapping[str, str], query: Mapping[str, str]) -> Target:
    return Target(FunctionRef(path["function"]), qualifier_of(query.get("qualifier")))


DIALECT: Final = Dialect(
    version="2023-03-30",
    generation=FC3,
    operations=OPERATIONS,
    read_target=_read_target,
    error_fields=fc3_error,
)
