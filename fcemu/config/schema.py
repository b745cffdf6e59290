"""Its shape, defaults and help texts, as dataclasses: the whole file, from the parts that have modules of their own."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Final

from fcemu.config.emulator_shapes import EmulatorShape, key_of
from fcemu.config.function_shapes import (
    CODE,
    KEPT,
    TEXT,
    VERSIONS,
    CodeShape,
    FunctionShape,
    ServiceShape,
)
from fcemu.config.kinds import Choice, Key, Named, Names, Nested, Number, Plain, Shape, Texts, Whole
from fcemu.config.tree import Scalar
from fcemu.config.trigger_shapes import DESCRIPTION, QUALIFIER
from fcemu.core.domains import NO_ADDRESS
from fcemu.core.names import FUNCTION, FUNCTION_3_0
from fcemu.core.options import OPTIONS, UNBOUNDED
from fcemu.core.stubs import Step, error_named
from fcemu.core.values import dataclass

_DOMAINS: Final = Names(
    NO_ADDRESS + r"[A-Za-z0-9*_-][A-Za-z0-9.*_-]{0,254}", "allowed: a host name, no address and not localhost"
)
_PATHS: Final = Names(r"/[!-~]{0,255}", "allowed: a path that begins with '/', such as /* or /api/*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShape(Shape):
    """Where a path of a domain leads; a text alone is the function."""

    function: Annotated[
        Scalar, Key("function", Plain.FUNCTION, "Name of the function, SERVICE/NAME in 2.0.", required=True)
    ]
    qualifier: Annotated[Scalar | None, QUALIFIER] = None
    methods: Annotated[tuple[str, ...] | None, Key("methods", Plain.METHODS, "Which HTTP methods.", "any")] = None
    rewrite: Annotated[
        Mapping[str, object] | None, Key("rewriteConfig", Plain.FREE, "FC's rules that change the path.", {})
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainShape(Shape):
    """A custom domain."""

    protocol: Annotated[
        str | None, Key("protocol", Choice(("HTTP", "HTTPS", "HTTP,HTTPS")), "How it is reached.", "HTTP")
    ] = None
    routes: Annotated[
        Mapping[str, RouteShape] | None,
        Key("routes", Named(RouteShape, "path", _PATHS, "function"), "Where its paths lead.", {}),
    ] = None
    kept: Annotated[Mapping[str, object] | None, KEPT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersionShape(Shape):
    """One version of a layer; a text alone is its directory, or the zip."""

    code: Annotated[CodeShape, CODE._replace(about="Directory or zip of its files.", required=True)]
    runtimes: Annotated[
        tuple[str, ...] | None, Key("compatibleRuntime", Texts("runtimes", free=True), "For which runtimes it is.", ())
    ] = None
    description: Annotated[str | None, DESCRIPTION] = None
    license: Annotated[str | None, Key("license", Plain.PAYLOAD, "For people.", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShape(Shape):
    """A layer, which functions name by the ARNs of its versions."""

    versions: Annotated[
        Mapping[str, LayerVersionShape],
        Key("versions", Named(LayerVersionShape, "version", VERSIONS, "code"), "Its versions.", required=True),
    ]
    public: Annotated[bool | None, Key("public", Plain.FLAG, "Whether other accounts may use it.", False)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisesShape(Shape):
    """``raises``: the error with which an attempt ends."""

    error_type: Annotated[str, Key("errorType", TEXT, "The name of its class.", required=True)]
    error_message: Annotated[str | None, Key("errorMessage", Plain.PAYLOAD, "Its text.", "")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShape(Shape):
    """What one attempt comes to, in place of the handler's code."""

    returns: Annotated[object | None, Key("returns", Plain.FREE, "What the handler returns.")] = None
    raises: Annotated[RaisesShape | None, Key("raises", Nested(RaisesShape), "The error that it raises instead.")] = (
        None
    )
    seconds: Annotated[
        float | None, Key("seconds", Number("seconds", 0, UNBOUNDED), "How long it takes, in virtual time.", 0)
    ] = None
    logs: Annotated[str | None, Key("logs", Plain.PAYLOAD, "Text for the log of the attempt.", "")] = None
    status: Annotated[
        int | None,
        Key("status", Whole("", lambda _: (200, 503)), "Refuses the attempt with 429, 500 or 503.", 200),
    ] = None

    def step(self) -> Step:
        """The step itself. Raises ``ValueError`` for what contradicts itself."""
        said = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        if self.raises is not None:
            said["raises"] = error_named(self.raises.error_type, self.raises.error_message or "")
        return Step(**said)

    def contradiction(self) -> str:
        """What a step refuses."""
        try:
            self.step()
        except ValueError as wrong:
            return str(wrong)
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StubShape(Shape):
    """One of ``stubs``: what happens in place of a function's code."""

    steps: Annotated[
        tuple[StepShape, ...],
        Key("steps", Nested(StepShape, many=True), "One an attempt; the last one repeats.", required=True),
    ]


_FUNCTIONS_3_0: Final = Names(
    FUNCTION_3_0, "allowed: letters, digits, '_', '-' and '$', not first a digit, '-' or '$', at most 128 characters"
)
_ANY_FUNCTIONS: Final = Names(FUNCTION, "write NAME, or SERVICE/NAME for a function of 2.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShape(Shape):
    """The whole file."""

    region: Annotated[str | None, key_of(OPTIONS["region"])] = None
    account_id: Annotated[str | None, key_of(OPTIONS["account_id"])] = None
    variables: Annotated[Mapping[str, object] | None, Key("vars", Plain.FREE, "Values for ${vars.NAME}.", {})] = None
    expand: Annotated[
        bool | None,
        Key("expand", Plain.FLAG, "Whether ${vars.NAME} and ${env('NAME')} are replaced by values.", True),
    ] = None
    code: Annotated[CodeShape | None, CODE._replace(default=".")] = None
    functions: Annotated[
        Mapping[str, FunctionShape] | None,
        Key("functions", Named(FunctionShape, "function", _FUNCTIONS_3_0), "Functions, 3.0.", {}),
    ] = None
    services: Annotated[
        Mapping[str, ServiceShape] | None, Key("services", Named(ServiceShape, "service"), "Services, 2.0.", {})
    ] = None
    domains: Annotated[
        Mapping[str, DomainShape] | None,
        Key("customDomains", Named(DomainShape, "domain", _DOMAINS), "Host names that lead to functions."),
    ] = None
    layers: Annotated[
        Mapping[str, LayerShape] | None, Key("layers", Named(LayerShape, "layer"), "Layers of this account.", {})
    ] = None
    stubs: Annotated[
        Mapping[str, StubShape] | None,
        Key("stubs", Named(StubShape, "stub", _ANY_FUNCTIONS), "What happens in place of functions' code.", {}),
    ] = None
    emulator: Annotated[
        EmulatorShape | None, Key("emulator", Nested(EmulatorShape), "Settings of the emulator itself.")
    ] = None


ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "asyncConfiguration": ("asyncInvokeConfig",),
    "codeUri": ("code",),
    "destination": ("onSuccess", "onFailure"),
    "destinationConfig": ("onSuccess", "onFailure"),
    "env": ("environmentVariables",),
    "environment": ("environmentVariables",),
    "functionName": (),
    "maxRetry": ("maxAsyncRetryAttempts",),
    "memory": ("memorySize",),
    "name": (),
    "retries": ("maxAsyncRetryAttempts",),
    "serviceName": (),
    "statefulInvocation": ("asyncTask",),
}
"""A foreign word and the native ones for it, in any case; with none, the name that is the key above."""
