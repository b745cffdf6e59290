"""The shapes of services and functions, with all that belongs to them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from fcemu.config.kinds import (
    Duration,
    Key,
    Named,
    Names,
    Nested,
    Plain,
    Shape,
    Target,
    Text,
    Texts,
    Whole,
    Written,
    seconds_of,
)
from fcemu.config.tree import Scalar
from fcemu.config.trigger_shapes import DESCRIPTION, QUALIFIER, TriggerShape
from fcemu.core.functions import (
    DEFAULT_EVENT_AGE,
    DEFAULT_MEMORY_MB,
    DEFAULT_RETRIES,
    DEFAULT_RUNTIME,
    DEFAULT_TIMEOUT,
)
from fcemu.core.names import LATEST
from fcemu.core.options import UNBOUNDED
from fcemu.core.programs import DEFAULT_COMMAND, DEFAULT_PORT
from fcemu.core.values import dataclass

_HANDLER: Final = Written("module.function")
_PROGRAM: Final = Written("the path of a program")
TEXT: Final = Text()
_RETRIES: Final = Whole("", lambda limits: (0, limits.retry_attempts_max))
_EVENT_AGE: Final = Duration(lambda limits: (1, limits.event_age_max_seconds))
_TIMEOUT: Final = Duration(lambda limits: (1, limits.timeout_max_seconds))
_MEMORY: Final = Whole("MB", lambda limits: (limits.memory_min_mb, limits.memory_max_mb), strict_step=64)
_HOOK_TIMEOUT: Final = Duration(lambda _: (1, 300))
_CONCURRENCY: Final = Whole("", lambda _: (1, 200))
_COUNT: Final = Whole("", lambda _: (0, UNBOUNDED))
_PORT: Final = Whole("", lambda _: (1, 65_535))
VERSIONS: Final = Names(r"[1-9][0-9]{0,9}", "versions are numbered from '1'")

# Keys that several shapes have.

KEPT: Final = Key(
    "kept", Plain.FREE, "Settings of FC that have no effect here, by FC's names; FC's API shows them.", {}
)
_TAGS: Final = Key("tags", Plain.TAGS, "Tags by key; FC's API shows them.", {})
_VPCS: Final = Key("vpcBindings", Texts("ids of VPCs", free=True), "VPCs bound to it; FC's API shows them.", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeShape(Shape):
    """Where files are; a text alone is the directory, or the zip."""

    one_of: ClassVar[tuple[str, ...]] = ("src", "zipFile")
    none_says: ClassVar[str] = "nothing says where the files are"
    src: Annotated[
        Scalar | None,
        Key(
            "src",
            Written("the path of a directory or a zip"),
            "A directory or a zip, absolute or relative to this file.",
        ),
    ] = None
    zip_file: Annotated[
        Scalar | None, Key("zipFile", Written("a zip in base64"), "A zip, as FC's API takes it: in base64.")
    ] = None
    unchecked: Annotated[
        bool | None,
        Key("unchecked", Plain.FLAG, "Whether handlers may be missing from it until they are called.", False),
    ] = None

    @property
    def written(self) -> Scalar:
        """The one of the two that is there, with its place."""
        there = self.src or self.zip_file
        assert there is not None, "a shape that contradicts itself is not made"
        return there


_CODE_HELP: Final = "Directory or zip of the handler's files, absolute or relative to this file; or {zipFile: BASE64}."
CODE: Final = Key("code", Nested(CodeShape, "src"), _CODE_HELP)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncShape(Shape):
    """``asyncInvokeConfig``: what happens to asynchronous invocations. A list of such maps has settings by
    ``qualifier``."""

    qualifier: Annotated[Scalar | None, QUALIFIER] = None
    task_mode: Annotated[
        bool | None,
        Key(
            "asyncTask",
            Plain.FLAG,
            "Task mode: each invocation has a record that can be listed and stopped.",
            False,
        ),
    ] = None
    max_retries: Annotated[
        int | None, Key("maxAsyncRetryAttempts", _RETRIES, "How often a failed attempt is repeated.", DEFAULT_RETRIES)
    ] = None
    max_age: Annotated[
        timedelta | None,
        Key("maxAsyncEventAgeInSeconds", _EVENT_AGE, "How old an event may become.", seconds_of(DEFAULT_EVENT_AGE)),
    ] = None
    on_success: Annotated[Target | None, Key("onSuccess", Plain.TARGET, "Where a success is reported.")] = None
    on_failure: Annotated[Target | None, Key("onFailure", Plain.TARGET, "Where a failure is reported.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookShape(Shape):
    """A lifecycle hook; a text alone is its handler."""

    handler: Annotated[Scalar, Key("handler", _HANDLER, "What is called, as a function's handler.", required=True)]
    timeout: Annotated[timedelta | None, Key("timeout", _HOOK_TIMEOUT, "How long it may run.", 3)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsShape(Shape):
    """What a version freezes of a function."""

    code: Annotated[CodeShape | None, CODE] = None
    runtime: Annotated[
        str | None, Key("runtime", Plain.RUNTIME, "Which of FC's runtimes it is written for.", DEFAULT_RUNTIME)
    ] = None
    timeout: Annotated[
        timedelta | None, Key("timeout", _TIMEOUT, "How long one attempt may run.", seconds_of(DEFAULT_TIMEOUT))
    ] = None
    memory_mb: Annotated[int | None, Key("memorySize", _MEMORY, "Memory of an instance.", DEFAULT_MEMORY_MB)] = None
    environment: Annotated[
        Mapping[str, str] | None, Key("environmentVariables", Plain.VARIABLES, "What os.environ has besides.", {})
    ] = None
    initializer: Annotated[
        HookShape | None,
        Key("initializer", Nested(HookShape, "handler"), "Runs once for each new instance."),
    ] = None
    pre_freeze: Annotated[
        HookShape | None,
        Key("preFreeze", Nested(HookShape, "handler"), "Runs before an instance is frozen (2.0).", only="2.0"),
    ] = None
    pre_stop: Annotated[
        HookShape | None,
        Key("preStop", Nested(HookShape, "handler"), "Runs before an instance is stopped."),
    ] = None
    instance_concurrency: Annotated[
        int | None,
        Key("instanceConcurrency", _CONCURRENCY, "How many requests one instance takes at a time.", 1),
    ] = None
    command: Annotated[
        tuple[str, ...] | None,
        Key(
            "command",
            Texts("texts"),
            "How a custom runtime is started, in the code directory.",
            DEFAULT_COMMAND,
            runs_in="custom",
        ),
    ] = None
    python: Annotated[
        Scalar | None,
        Key(
            "python",
            _PROGRAM,
            "Which Python runs it in a process, such as .venv/bin/python.",
            "that of the emulator",
            runs_in="python",
        ),
    ] = None
    port: Annotated[
        int | None, Key("port", _PORT, "Where a custom runtime listens.", DEFAULT_PORT, runs_in="custom")
    ] = None
    layers: Annotated[
        tuple[str, ...] | None,
        Key(
            "layers",
            Texts("directories or ARNs"),
            "Shared directories under /opt: directories of this machine, or ARNs.",
            (),
        ),
    ] = None
    description: Annotated[str | None, DESCRIPTION] = None
    kept: Annotated[Mapping[str, object] | None, KEPT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenShape(SettingsShape):
    """A published version of a 3.0 function: what differs from what the function is now."""

    handler: Annotated[Scalar | None, Key("handler", _HANDLER, "What is called.")] = None
    whole: Annotated[
        bool | None,
        Key("whole", Plain.FLAG, "Whether this is all of it: handler and code apart, nothing is as it is now.", False),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasShape(Shape):
    """A name for a version; a text alone is the version."""

    version: Annotated[Scalar, Key("version", Plain.QUALIFIER, "Which version: its number, or LATEST.", required=True)]
    weights: Annotated[
        Mapping[str, float] | None,
        Key("additionalVersionWeight", Plain.WEIGHTS, "Which share of the invocations other versions get.", {}),
    ] = None
    description: Annotated[str | None, DESCRIPTION] = None
    kept: Annotated[Mapping[str, object] | None, KEPT] = None


_ALIASES_KEY: Final = Key("aliases", Named(AliasShape, "alias", short="version"), "Names for versions.", {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionShape(Shape):
    """``provisionConfig``: instances of a qualifier that are there whether there is work or not."""

    qualifier: Annotated[Scalar | None, QUALIFIER] = None
    target: Annotated[int | None, Key("target", _COUNT, "How many.", 0)] = None
    default_target: Annotated[int | None, Key("defaultTarget", _COUNT, "How many, in newer words (3.0).", 0)] = None
    cpu: Annotated[bool | None, Key("alwaysAllocateCPU", Plain.FLAG, "Kept; FC's API shows it.")] = None
    gpu: Annotated[bool | None, Key("alwaysAllocateGPU", Plain.FLAG, "Kept; FC's API shows it.")] = None
    schedule: Annotated[object | None, Key("scheduledActions", Plain.FREE, "Kept; FC's API shows them.")] = None
    policies: Annotated[object | None, Key("targetTrackingPolicies", Plain.FREE, "Kept; FC's API shows them.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingShape(Shape):
    """``scalingConfig``: the same in the newest words (3.0)."""

    qualifier: Annotated[Scalar | None, QUALIFIER] = None
    least: Annotated[int | None, Key("minInstances", _COUNT, "How many instances are there at least.", 0)] = None
    pool: Annotated[str | None, Key("residentPoolId", Plain.PAYLOAD, "Kept; FC's API shows it.")] = None
    dispatch: Annotated[str | None, Key("requestDispatchPolicy", Plain.PAYLOAD, "Kept; FC's API shows it.")] = None
    on_demand: Annotated[bool | None, Key("enableOnDemandScaling", Plain.FLAG, "Kept; FC's API shows it.")] = None
    mixed: Annotated[bool | None, Key("enableMixMode", Plain.FLAG, "Kept; FC's API shows it.")] = None
    horizontal: Annotated[object | None, Key("horizontalScalingPolicies", Plain.FREE, "Kept; FC's API shows them.")] = (
        None
    )
    schedule: Annotated[object | None, Key("scheduledPolicies", Plain.FREE, "Kept; FC's API shows them.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandShape(Shape):
    """``onDemandConfig``: a bound of instances by qualifier (2.0)."""

    qualifier: Annotated[Scalar | None, QUALIFIER] = None
    most: Annotated[
        int, Key("maximumInstanceCount", _COUNT, "How many instances it may have, if not provisioned.", required=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShape(Shape):
    """One of ``eventSources``: where events come from that a trigger of another product brings."""

    source_arn: Annotated[str, Key("sourceArn", Plain.PAYLOAD, "Its ARN.", required=True)]
    qualifier: Annotated[Scalar | None, QUALIFIER] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShape(SettingsShape):
    """One function."""

    handler: Annotated[
        Scalar | None,
        Key(
            "handler",
            _HANDLER,
            "What is called: DIRECTORY/MODULE.FUNCTION below the code directory; a custom runtime has none.",
            required=True,
            not_for=("custom", "micro-sandbox"),
        ),
    ] = None
    reserved_concurrency: Annotated[
        int | None, Key("reservedConcurrency", _COUNT, "How many instances it may have, which are for it alone.")
    ] = None
    asynchronous: Annotated[
        tuple[AsyncShape, ...] | None,
        Key("asyncInvokeConfig", Nested(AsyncShape, by="qualifier"), "Retries and destinations."),
    ] = None
    triggers: Annotated[
        Mapping[str, TriggerShape] | None,
        Key("triggers", Named(TriggerShape, "trigger"), "What else invokes the function.", {}),
    ] = None
    versions: Annotated[
        Mapping[str, FrozenShape] | None,
        Key("versions", Named(FrozenShape, "version", VERSIONS), "Published versions (3.0).", {}, only="3.0"),
    ] = None
    aliases: Annotated[Mapping[str, AliasShape] | None, _ALIASES_KEY._replace(only="3.0")] = None
    provision: Annotated[
        tuple[ProvisionShape, ...] | None,
        Key("provisionConfig", Nested(ProvisionShape, by="qualifier"), "Instances that are always there."),
    ] = None
    scaling: Annotated[
        tuple[ScalingShape, ...] | None,
        Key(
            "scalingConfig",
            Nested(ScalingShape, by="qualifier"),
            "Instances that are always there, in newer words (3.0).",
            only="3.0",
        ),
    ] = None
    on_demand: Annotated[
        tuple[OnDemandShape, ...] | None,
        Key(
            "onDemandConfig",
            Nested(OnDemandShape, by="qualifier"),
            "How many instances a qualifier may have (2.0).",
            only="2.0",
        ),
    ] = None
    sources: Annotated[
        tuple[SourceShape, ...] | None,
        Key("eventSources", Nested(SourceShape, many=True), "Event sources; FC's API shows them."),
    ] = None
    tags: Annotated[Mapping[str, str] | None, _TAGS._replace(only="3.0")] = None
    vpcs: Annotated[tuple[str, ...] | None, _VPCS._replace(only="3.0")] = None
    disabled: Annotated[
        str | None, Key("disabled", Plain.PAYLOAD, "Why nobody may invoke it, if so (3.0).", only="3.0")
    ] = None

    def contradiction(self) -> str:
        """One bound, said twice."""
        said = self.reserved_concurrency is not None
        usual = any(one.qualifier is None or one.qualifier.text == LATEST for one in self.on_demand or ())
        return "reservedConcurrency is onDemandConfig of LATEST: write one of them" if usual and said else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVersionShape(Shape):
    """A published version of a 2.0 service; without ``functions`` it has all that the service has now."""

    functions: Annotated[
        Mapping[str, FrozenShape] | None,
        Key("functions", Named(FrozenShape, "function"), "Its functions: what differs from what they are now."),
    ] = None
    description: Annotated[str | None, DESCRIPTION] = None
    kept: Annotated[Mapping[str, object] | None, KEPT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceShape(Shape):
    """One service of FC 2.0."""

    code: Annotated[CodeShape | None, CODE] = None
    functions: Annotated[
        Mapping[str, FunctionShape] | None, Key("functions", Named(FunctionShape, "function"), "Its functions.", {})
    ] = None
    versions: Annotated[
        Mapping[str, ServiceVersionShape] | None,
        Key("versions", Named(ServiceVersionShape, "version", VERSIONS), "Published versions.", {}),
    ] = None
    aliases: Annotated[Mapping[str, AliasShape] | None, _ALIASES_KEY] = None
    tags: Annotated[Mapping[str, str] | None, _TAGS] = None
    vpcs: Annotated[tuple[str, ...] | None, _VPCS] = None
    description: Annotated[str | None, DESCRIPTION] = None
    kept: Annotated[Mapping[str, object] | None, KEPT] = None
