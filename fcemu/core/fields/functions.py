"""This module has the tables of services and functions, their hooks, and what a version freezes of them."""

from dataclasses import replace
from typing import Any, Final

from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.capacity import ON_DEMAND, PROVISION, SCALING
from fcemu.core.fields.fc_kinds import Layers, Variables
from fcemu.core.fields.kinds import (
    FLAG,
    LINE,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    Choice,
    Duration,
    Text,
    Texts,
    Whole,
    always,
)
from fcemu.core.fields.releases import NUMBERS, aliases
from fcemu.core.fields.rows import (
    IN_2_0,
    IN_3_0,
    V2021,
    V2023,
    Field,
    Named,
    Names,
    Nested,
    Table,
    acts,
    keeps,
    said,
    shows,
)
from fcemu.core.fields.shared import (
    COUNT,
    DESCRIPTION,
    FUNCTION_3_0,
    HANDLER,
    HOOK_TIMEOUT,
    KEPT,
    NAME,
    SAID_HANDLER,
    TIMES,
    code,
    tags,
    vpcs,
)
from fcemu.core.fields.triggers import EVENT_SOURCE, TRIGGER
from fcemu.core.functions import (
    DEFAULT_HOOK_TIMEOUT,
    DEFAULT_MEMORY_MB,
    DEFAULT_RUNTIME,
    DEFAULT_TIMEOUT,
    RUNTIMES,
)
from fcemu.core.programs import DEFAULT_COMMAND, DEFAULT_PORT, RUNTIME_KEY

_SINCE_2021: Final = (V2021, V2023)
_LIFECYCLE: Final = "instanceLifecycleConfig"
_RUNTIME: Final = Choice(RUNTIMES, "a runtime of FC")
_HANDLER_HELP: Final = "What is called: DIRECTORY/MODULE.FUNCTION below the code directory; a custom runtime has none."

HOOK: Final = Table(
    "Hook",
    "A lifecycle hook; a text alone is its handler.",
    acts("handler", HANDLER, "What is called, as a function's handler; nothing is without it.", written=SAID_HANDLER),
    acts("timeout", HOOK_TIMEOUT, "How long it may run.", default=round(DEFAULT_HOOK_TIMEOUT.total_seconds())),
    source="runtimes §2",
)
_HOOK: Final = Nested(HOOK, "handler")


def _described() -> Field:
    """The description of what has no attribute for it."""
    return keeps("description", TEXT, DESCRIPTION.about, "", key="description")


_HEAD: Final = (
    shows("functionName", FUNCTION_3_0, "Its name."),
    shows("functionId", TEXT, "Its id."),
    shows("functionArn", TEXT, "Its ARN.", versions=IN_3_0),
)
_RUNS: Final = (
    acts("runtime", _RUNTIME, "Which of FC's runtimes it is written for.", "runtime", default=DEFAULT_RUNTIME),
    acts(
        "handler",
        HANDLER,
        _HANDLER_HELP,
        "handler",
        required=True,
        not_for=("custom", "micro-sandbox"),
        written=SAID_HANDLER,
    ),
    acts(
        "timeout",
        Duration(lambda limits: (1, limits.timeout_max_seconds)),
        "How long one attempt may run.",
        "timeout",
        default=round(DEFAULT_TIMEOUT.total_seconds()),
    ),
    acts(
        "memorySize",
        Whole("MB", lambda limits: (limits.memory_min_mb, limits.memory_max_mb), 64),
        "Memory of an instance.",
        "memory_mb",
        default=DEFAULT_MEMORY_MB,
    ),
    acts("environmentVariables", Variables(), "What os.environ has besides.", "environment", default={}),
    acts(
        "instanceConcurrency",
        Whole("", lambda limits: (1, limits.instance_concurrency_max)),
        "How many requests one instance takes at a time.",
        "instance_concurrency",
        default=1,
    ),
)
_HOOKS: Final = (
    acts(
        "initializer",
        HANDLER,
        "Runs once for each new instance.",
        "initializer",
        versions=IN_2_0,
        written=_HOOK,
    ),
    acts(
        "initializationTimeout",
        HOOK_TIMEOUT,
        "How long the initializer may run.",
        "initialization_timeout",
        versions=IN_2_0,
        key="",
    ),
    acts(
        "initializer",
        _HOOK,
        "Runs once for each new instance.",
        "initializer",
        versions=IN_3_0,
        inside=_LIFECYCLE,
        key="",
    ),
    acts(
        "preFreeze",
        _HOOK,
        "Runs before an instance is frozen (2.0).",
        "pre_freeze",
        versions=(V2021,),
        inside=_LIFECYCLE,
        only="2.0",
    ),
    acts("preStop", _HOOK, "Runs before an instance is stopped.", "pre_stop", versions=_SINCE_2021, inside=_LIFECYCLE),
)
_PROGRAM: Final = (
    said(
        "command",
        Texts("texts", each=LINE),
        "How a custom runtime is started, in the code directory.",
        "command",
        inside=RUNTIME_KEY,
        default=DEFAULT_COMMAND,
        runs_in="custom",
    ),
    said(
        "port",
        Whole("", always(1, 65_535)),
        "Where a custom runtime listens.",
        "port",
        inside=RUNTIME_KEY,
        default=DEFAULT_PORT,
        runs_in="custom",
    ),
    said(
        "python",
        Text("the path of a program", printable=True, empty=False),
        "Which Python runs it in a process, such as .venv/bin/python.",
        "python",
        default="that of the emulator",
        runs_in="python",
    ),
)


def _config(name: str, about: str, versions: tuple[str, ...] = IN_3_0) -> Field:
    return keeps(name, OBJECT, about, versions=versions)


_KEEPS: Final = (
    keeps("instanceType", TEXT, "Which kind of instances it has.", "e1", versions=IN_2_0),
    acts("caPort", Whole("", always(0, 65_535)), "Where a custom runtime listens.", versions=IN_2_0, key=""),
    keeps("cpu", NUMBER, "How many CPUs an instance has.", versions=_SINCE_2021),
    keeps("diskSize", WHOLE, "How many MB of disk an instance has.", versions=(V2021,)),
    keeps("diskSize", WHOLE, "How many MB of disk an instance has.", 512, versions=IN_3_0),
    keeps("gpuMemorySize", WHOLE, "How many MB of GPU memory an instance has.", versions=(V2021,)),
    keeps("instanceSoftConcurrency", WHOLE, "From how many requests on more instances start.", versions=(V2021,)),
    keeps("internetAccess", FLAG, "Whether it reaches the internet.", True, versions=IN_3_0),
    keeps("role", TEXT, "The role whose keys it has.", "", versions=IN_3_0),
    acts("customContainerConfig", OBJECT, "The image of a container, and how it is started.", key=""),
    _config("customDNS", "Its name servers.", _SINCE_2021),
    _config("customHealthCheckConfig", "How a program is asked whether it is well.", (V2021,)),
    acts(RUNTIME_KEY, OBJECT, "How a custom runtime is started.", versions=_SINCE_2021, key=""),
    _config("gpuConfig", "Which GPU an instance has."),
    _config("juiceFsConfig", "Which JuiceFS file systems it has."),
    _config("logConfig", "Where its logs go."),
    _config("microSandboxConfig", "How its sandbox is made."),
    _config("nasConfig", "Which NAS file systems it has."),
    _config("ossMountConfig", "Which buckets it has as directories."),
    _config("polarFsConfig", "Which PolarFS file systems it has."),
    _config("tracingConfig", "Where its traces go."),
    _config("vpcConfig", "In which VPC it is."),
    keeps("disableInjectCredentials", TEXT, "Which keys it does not get.", versions=IN_3_0),
    keeps("instanceIsolationMode", TEXT, "With whom it shares an instance.", versions=IN_3_0),
    keeps("resourceGroupId", TEXT, "Its resource group.", versions=IN_3_0),
    keeps("sessionAffinity", TEXT, "Which requests go to the same instance.", versions=IN_3_0),
    keeps("sessionAffinityConfig", TEXT, "How long they do.", versions=IN_3_0),
    keeps("disableOndemand", FLAG, "Whether only provisioned instances run it.", versions=IN_3_0),
    keeps("enableLongLiving", FLAG, "Whether its instances live long.", versions=IN_3_0),
    acts("idleTimeout", WHOLE, "How many seconds an instance without work is kept.", versions=IN_3_0, key=""),
)
_LAYERS: Final = acts(
    "layers",
    Layers(),
    "Shared directories under /opt: directories of this machine, or ARNs.",
    "layers",
    default=(),
    written=Texts("directories or ARNs", each=LINE),
)
_CODE_HELP: Final = "Directory or zip of the handler's files, absolute or relative to this file; or {zipFile: BASE64}."


def _frozen(name: str, about: str, *fields: Field) -> Table:
    """What a version freezes of a function, as a file says it."""
    keys = (field for field in (*_RUNS, *_HOOKS, *_PROGRAM, _LAYERS) if field.key and field.name != "handler")
    return Table(name, about, code(_CODE_HELP), *keys, _described(), KEPT, *fields)


FROZEN: Final = _frozen(
    "Frozen",
    "A published version of a 3.0 function: what differs from what the function is now.",
    said("handler", SAID_HANDLER, "What is called.", "handler"),
    said(
        "whole",
        FLAG,
        "Whether this is all of it: handler and code apart, nothing is as it is now.",
        "whole",
        default=False,
    ),
)


def _versions(table: Table, about: str, only: str = "") -> Field:
    return said("versions", Named(table, "version", NUMBERS), about, "versions", only=only, default={})


def _by_qualifier(name: str, table: Table, about: str, attribute: str, **more: Any) -> Field:
    return said(name, Nested(table, by="qualifier"), about, attribute, **more)


FUNCTION: Final = Table(
    "Function",
    "One function.",
    *_HEAD,
    _described(),
    *_RUNS,
    *_HOOKS,
    *_PROGRAM,
    shows("codeSize", WHOLE, "The size of its package in bytes."),
    shows("codeChecksum", TEXT, "The CRC-64 of its package."),
    *_KEEPS,
    shows("tags", OBJECT, "Its tags; it can be created with some.", versions=IN_3_0),
    _LAYERS,
    shows("layersArnV2", Texts("ARNs"), "The ARNs of its layers.", versions=(V2021,)),
    shows("invocationRestriction", OBJECT, "Why nobody may invoke it, if so.", versions=IN_3_0),
    shows("state", TEXT, "Always Active.", versions=IN_3_0),
    shows("lastUpdateStatus", TEXT, "Always Successful.", versions=IN_3_0),
    *TIMES,
    code(_CODE_HELP),
    KEPT,
    said(
        "reservedConcurrency", COUNT, "How many instances it may have, which are for it alone.", "reserved_concurrency"
    ),
    _by_qualifier("asyncInvokeConfig", ASYNC, "Retries and destinations.", "asynchronous"),
    said("triggers", Named(TRIGGER, "trigger"), "What else invokes the function.", "triggers", default={}),
    _versions(FROZEN, "Published versions (3.0).", "3.0"),
    aliases("3.0"),
    _by_qualifier("provisionConfig", PROVISION, "Instances that are always there.", "provision"),
    _by_qualifier(
        "scalingConfig", SCALING, "Instances that are always there, in newer words (3.0).", "scaling", only="3.0"
    ),
    _by_qualifier(
        "onDemandConfig", ON_DEMAND, "How many instances a qualifier may have (2.0).", "on_demand", only="2.0"
    ),
    said("eventSources", Nested(EVENT_SOURCE, many=True), "Event sources; FC's API shows them.", "sources"),
    tags("3.0"),
    vpcs("3.0"),
    said("disabled", TEXT, "Why nobody may invoke it, if so (3.0).", "disabled", only="3.0"),
    source="wire-api §3, wire-api §4, wire-api §5",
)

SERVICE_VERSION: Final = Table(
    "ServiceVersion",
    "A published version of a 2.0 service; without ``functions`` it has all that the service has now.",
    said("functions", Named(FROZEN, "function"), "Its functions: what differs from what they are now.", "functions"),
    DESCRIPTION,
    KEPT,
)
SERVICE: Final = Table(
    "Service",
    "One service of FC 2.0.",
    shows("serviceName", NAME, "Its name.", versions=IN_2_0),
    shows("serviceId", TEXT, "Its id.", versions=IN_2_0),
    keeps("description", TEXT, DESCRIPTION.about, "", versions=IN_2_0, key="description"),
    keeps("role", TEXT, "The role whose keys its functions have.", "", versions=IN_2_0),
    keeps("logConfig", OBJECT, "Where its logs go.", {"project": "", "logstore": ""}, versions=IN_2_0),
    keeps("vpcConfig", OBJECT, "In which VPC its functions are.", versions=IN_2_0),
    keeps("nasConfig", OBJECT, "Which NAS file systems its functions have.", versions=IN_2_0),
    keeps("internetAccess", FLAG, "Whether its functions reach the internet.", True, versions=IN_2_0),
    keeps("ossMountConfig", OBJECT, "Which buckets its functions have as directories.", versions=(V2021,)),
    keeps("tracingConfig", OBJECT, "Where its traces go.", versions=IN_2_0),
    *(replace(time, versions=IN_2_0) for time in TIMES),
    code(_CODE_HELP),
    said("functions", Named(FUNCTION, "function"), "Its functions.", "functions", default={}),
    _versions(SERVICE_VERSION, "Published versions."),
    aliases(),
    tags(),
    vpcs(),
    KEPT,
    source="wire-api §3",
)
FUNCTIONS_3_0: Final = Names(
    FUNCTION_3_0.pattern,
    "a name has at most 128 letters, digits, '_', '-' and '$', and does not begin with a digit, '-' or '$'",
)
"""What the functions of a file can be called that are in no service."""
