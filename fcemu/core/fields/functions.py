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
_HANDLER_HELP: Final = (
    "Names what FC calls, as DIRECTORY/MODULE.FUNCTION below the code directory; a custom runtime has none."
)

HOOK: Final = Table(
    "Hook",
    "A hook runs at one point in the life of an instance. A string in place of the map is its handler.",
    acts(
        "handler",
        HANDLER,
        "Names what FC calls, like the handler of a function; without it, FC calls nothing.",
        written=SAID_HANDLER,
    ),
    acts(
        "timeout",
        HOOK_TIMEOUT,
        "Limits how long the hook may run.",
        default=round(DEFAULT_HOOK_TIMEOUT.total_seconds()),
    ),
    source="runtimes §2",
)
_HOOK: Final = Nested(HOOK, "handler")


def _described() -> Field:
    """The description of what has no attribute for it."""
    return keeps("description", TEXT, DESCRIPTION.about, "", key="description")


_HEAD: Final = (
    shows("functionName", FUNCTION_3_0, "Names the function."),
    shows("functionId", TEXT, "Identifies the function."),
    shows("functionArn", TEXT, "Gives the ARN of the function.", versions=IN_3_0),
)
_RUNS: Final = (
    acts(
        "runtime",
        _RUNTIME,
        "Names the runtime of FC for which the function is written.",
        "runtime",
        default=DEFAULT_RUNTIME,
    ),
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
        "Limits how long one attempt may run.",
        "timeout",
        default=round(DEFAULT_TIMEOUT.total_seconds()),
    ),
    acts(
        "memorySize",
        Whole("MB", lambda limits: (limits.memory_min_mb, limits.memory_max_mb), 64),
        "Sets the memory of an instance.",
        "memory_mb",
        default=DEFAULT_MEMORY_MB,
    ),
    acts("environmentVariables", Variables(), "Sets environment variables of the handler.", "environment", default={}),
    acts(
        "instanceConcurrency",
        Whole("", lambda limits: (1, limits.instance_concurrency_max)),
        "Limits how many requests one instance takes at a time.",
        "instance_concurrency",
        default=1,
    ),
)
_HOOKS: Final = (
    acts(
        "initializer",
        HANDLER,
        "Runs once in each new instance.",
        "initializer",
        versions=IN_2_0,
        written=_HOOK,
    ),
    acts(
        "initializationTimeout",
        HOOK_TIMEOUT,
        "Limits how long the initializer may run.",
        "initialization_timeout",
        versions=IN_2_0,
        key="",
    ),
    acts(
        "initializer",
        _HOOK,
        "Runs once in each new instance.",
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
        "Starts a custom runtime, in the code directory.",
        "command",
        inside=RUNTIME_KEY,
        default=DEFAULT_COMMAND,
        runs_in="custom",
    ),
    said(
        "port",
        Whole("", always(1, 65_535)),
        "Names the port on which a custom runtime listens.",
        "port",
        inside=RUNTIME_KEY,
        default=DEFAULT_PORT,
        runs_in="custom",
    ),
    said(
        "python",
        Text("the path of a program", printable=True, empty=False),
        "Names the Python that runs the function in a process, such as .venv/bin/python.",
        "python",
        default="the emulator's own",
        runs_in="python",
    ),
)


def _config(name: str, about: str, versions: tuple[str, ...] = IN_3_0) -> Field:
    return keeps(name, OBJECT, about, versions=versions)


_KEEPS: Final = (
    keeps("instanceType", TEXT, "Chooses the kind of its instances.", "e1", versions=IN_2_0),
    acts(
        "caPort",
        Whole("", always(0, 65_535)),
        "Names the port on which a custom runtime listens.",
        versions=IN_2_0,
        key="",
    ),
    keeps("cpu", NUMBER, "Sets how many CPUs an instance has.", versions=_SINCE_2021),
    keeps("diskSize", WHOLE, "Sets how many MB of disk an instance has.", versions=(V2021,)),
    keeps("diskSize", WHOLE, "Sets how many MB of disk an instance has.", 512, versions=IN_3_0),
    keeps("gpuMemorySize", WHOLE, "Sets how many MB of GPU memory an instance has.", versions=(V2021,)),
    keeps(
        "instanceSoftConcurrency",
        WHOLE,
        "Sets the number of requests from which more instances start.",
        versions=(V2021,),
    ),
    keeps("internetAccess", FLAG, "Decides whether the function reaches the internet.", True, versions=IN_3_0),
    keeps("role", TEXT, "Names the role whose keys the function gets.", "", versions=IN_3_0),
    acts("customContainerConfig", OBJECT, "Names the image of a container, and how to start it.", key=""),
    _config("customDNS", "Names its name servers.", _SINCE_2021),
    _config("customHealthCheckConfig", "Describes how FC checks the health of a program.", (V2021,)),
    acts(RUNTIME_KEY, OBJECT, "Describes how to start a custom runtime.", versions=_SINCE_2021, key=""),
    _config("gpuConfig", "Chooses the GPU of an instance."),
    _config("juiceFsConfig", "Mounts JuiceFS file systems."),
    _config("logConfig", "Says where its logs go."),
    _config("microSandboxConfig", "Describes its sandbox."),
    _config("nasConfig", "Mounts NAS file systems."),
    _config("ossMountConfig", "Mounts buckets as directories."),
    _config("polarFsConfig", "Mounts PolarFS file systems."),
    _config("tracingConfig", "Says where its traces go."),
    _config("vpcConfig", "Puts the function into a VPC."),
    keeps("disableInjectCredentials", TEXT, "Withholds keys from the function.", versions=IN_3_0),
    keeps("instanceIsolationMode", TEXT, "Decides which requests share an instance.", versions=IN_3_0),
    keeps("resourceGroupId", TEXT, "Names its resource group.", versions=IN_3_0),
    keeps("sessionAffinity", TEXT, "Decides which requests go to the same instance.", versions=IN_3_0),
    keeps("sessionAffinityConfig", TEXT, "Describes for how long they go to the same instance.", versions=IN_3_0),
    keeps("disableOndemand", FLAG, "Decides whether only provisioned instances run the function.", versions=IN_3_0),
    keeps("enableLongLiving", FLAG, "Decides whether its instances live long.", versions=IN_3_0),
    acts("idleTimeout", WHOLE, "Sets how many seconds FC keeps an instance without work.", versions=IN_3_0, key=""),
)
_LAYERS: Final = acts(
    "layers",
    Layers(),
    "Puts shared directories under /opt, from directories of this machine or ARNs of layers.",
    "layers",
    default=(),
    written=Texts("directories or ARNs", each=LINE),
)
_CODE_HELP: Final = (
    "Names the directory or zip with the handler's files, absolute or relative to this file; or {zipFile: BASE64}."
)


def _frozen(name: str, about: str, *fields: Field) -> Table:
    """What a version freezes of a function, as a file says it."""
    keys = (field for field in (*_RUNS, *_HOOKS, *_PROGRAM, _LAYERS) if field.key and field.name != "handler")
    return Table(name, about, code(_CODE_HELP), *keys, _described(), KEPT, *fields)


FROZEN: Final = _frozen(
    "Frozen",
    "A published version of a 3.0 function says what differs from the function as it is now.",
    said("handler", SAID_HANDLER, "Names what FC calls.", "handler"),
    said(
        "whole",
        FLAG,
        "Says that nothing but handler and code comes from the function as it is now.",
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
    "A function runs code for each invocation.",
    *_HEAD,
    _described(),
    *_RUNS,
    *_HOOKS,
    *_PROGRAM,
    shows("codeSize", WHOLE, "Gives the size of its package in bytes."),
    shows("codeChecksum", TEXT, "Gives the CRC-64 of its package."),
    *_KEEPS,
    shows("tags", OBJECT, "Lists its tags, which a request that creates it may set.", versions=IN_3_0),
    _LAYERS,
    shows("layersArnV2", Texts("ARNs"), "Lists the ARNs of its layers.", versions=(V2021,)),
    shows("invocationRestriction", OBJECT, "Tells why the function may not be invoked, if so.", versions=IN_3_0),
    shows("state", TEXT, "Is always Active.", versions=IN_3_0),
    shows("lastUpdateStatus", TEXT, "Is always Successful.", versions=IN_3_0),
    *TIMES,
    code(_CODE_HELP),
    KEPT,
    said(
        "reservedConcurrency",
        COUNT,
        "Reserves this many instances for the function, which cannot have more.",
        "reserved_concurrency",
    ),
    _by_qualifier(
        "asyncInvokeConfig", ASYNC, "Sets retries and destinations of asynchronous invocations.", "asynchronous"
    ),
    said("triggers", Named(TRIGGER, "trigger"), "Lists what else invokes the function.", "triggers", default={}),
    _versions(FROZEN, "Lists the published versions (3.0).", "3.0"),
    aliases("3.0"),
    _by_qualifier("provisionConfig", PROVISION, "Keeps a number of instances always ready.", "provision"),
    _by_qualifier(
        "scalingConfig",
        SCALING,
        "Keeps a number of instances always ready, in the newer form (3.0).",
        "scaling",
        only="3.0",
    ),
    _by_qualifier(
        "onDemandConfig", ON_DEMAND, "Limits how many instances a qualifier may have (2.0).", "on_demand", only="2.0"
    ),
    said("eventSources", Nested(EVENT_SOURCE, many=True), "Lists event sources, which FC's API shows.", "sources"),
    tags("3.0"),
    vpcs("3.0"),
    said("disabled", TEXT, "Tells why the function may not be invoked, if so (3.0).", "disabled", only="3.0"),
    source="wire-api §3, wire-api §4, wire-api §5",
)

SERVICE_VERSION: Final = Table(
    "ServiceVersion",
    "A published version of a 2.0 service has, without ``functions``, all that the service has now.",
    said(
        "functions",
        Named(FROZEN, "function"),
        "Lists its functions, with what differs from them as they are now.",
        "functions",
    ),
    DESCRIPTION,
    KEPT,
)
SERVICE: Final = Table(
    "Service",
    "A service of FC 2.0 groups functions.",
    shows("serviceName", NAME, "Names the service.", versions=IN_2_0),
    shows("serviceId", TEXT, "Identifies the service.", versions=IN_2_0),
    keeps("description", TEXT, DESCRIPTION.about, "", versions=IN_2_0, key="description"),
    keeps("role", TEXT, "Names the role whose keys its functions get.", "", versions=IN_2_0),
    keeps("logConfig", OBJECT, "Says where its logs go.", {"project": "", "logstore": ""}, versions=IN_2_0),
    keeps("vpcConfig", OBJECT, "Puts its functions into a VPC.", versions=IN_2_0),
    keeps("nasConfig", OBJECT, "Mounts NAS file systems in its functions.", versions=IN_2_0),
    keeps("internetAccess", FLAG, "Decides whether its functions reach the internet.", True, versions=IN_2_0),
    keeps("ossMountConfig", OBJECT, "Mounts buckets as directories in its functions.", versions=(V2021,)),
    keeps("tracingConfig", OBJECT, "Says where its traces go.", versions=IN_2_0),
    *(replace(time, versions=IN_2_0) for time in TIMES),
    code(_CODE_HELP),
    said("functions", Named(FUNCTION, "function"), "Lists its functions.", "functions", default={}),
    _versions(SERVICE_VERSION, "Lists the published versions."),
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
