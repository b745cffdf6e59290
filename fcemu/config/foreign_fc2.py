"""Both older tools write functions of FC 2.0; these tables say what differs from FC's API of 2021-04-06.

Funcraft's keys come here in lower camel case.
"""

from collections.abc import Iterable
from typing import Final

from fcemu.config.foreign import (
    At,
    Rules,
    Translation,
    around,
    code_path,
    each_of,
    elsewhere,
    entry,
    inside,
    is_nothing,
    kept_only,
    loose,
    program,
    rules_of,
    same,
    text,
    variables,
)
from fcemu.config.problems import Mark
from fcemu.config.tree import Entry, Kind, Node, Scalar, Table
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.functions import FUNCTION, HOOK
from fcemu.core.fields.functions import SERVICE as SERVICE_OF_2_0
from fcemu.core.fields.rows import V2021

MEMORY_MB: Final = "128"
"""What the older tools fill in. Source: yaml-formats §2.1 and §3.1."""


def _health(each: Entry, at: At) -> Iterable[Entry]:
    """FC 3.0 has it inside ``customRuntimeConfig``."""
    if (health := at.translation.table(each.value, each.key.text)) is not None:
        inner = Table(health.place, (entry("healthCheckConfig", loose(health)),))
        at.kept.append(entry("customRuntimeConfig", inner))
    return ()


_HOOK: Final = rules_of(HOOK, V2021)
_DESTINATION: Final[Rules] = {"onSuccess": same("onSuccess"), "onFailure": same("onFailure")}
_FUNCTION: Final = rules_of(
    FUNCTION,
    V2021,
    Handler=same("handler"),
    caPort=same("port"),
    codeUri=code_path,
    environmentVariables=variables,
    asyncConfiguration=inside("asyncInvokeConfig", rules_of(ASYNC, V2021, destination=around(_DESTINATION))),
    instanceLifecycleConfig=around({hook: inside(hook, _HOOK) for hook in ("preFreeze", "preStop", "initializer")}),
    customRuntimeConfig=program({}),
    customHealthCheckConfig=_health,
    **each_of(elsewhere, "name", "initializer", "initializationTimeout", "ossBucket", "ossKey"),
)
SERVICE: Final = rules_of(SERVICE_OF_2_0, V2021, name=elsewhere, **each_of(kept_only, "vpcBinding", "policies"))


def function_entries(translation: Translation, function: Table, name: str, runtime: str | None) -> list[Entry]:
    """All of a function but its triggers. ``runtime``: what holds where the file says none, if anything does."""
    made = [*_initializer(function), *translation.settings(function, _FUNCTION, f"in function {name}")]
    written = {each.key.text for each in made}
    defaults = {"memorySize": MEMORY_MB} | ({"runtime": runtime, "handler": "index.handler"} if runtime else {})
    made += [entry(key, text(function.place, value)) for key, value in defaults.items() if key not in written]
    return made


def _initializer(function: Table) -> Iterable[Entry]:
    """The handler and its time are two keys of the function. They win over those in ``instanceLifecycleConfig``."""
    handler, timeout = function.get("initializer"), function.get("initializationTimeout")
    if handler is not None and not is_nothing(handler):
        inner = [entry("handler", loose(handler))]
        if timeout is not None and not is_nothing(timeout):
            inner.append(entry("timeout", loose(timeout)))
        yield entry("initializer", Table(handler.place, tuple(inner)))


def route_value(
    function: Node | None, service: Node | None, more: list[Entry], at: Mark, own: tuple[str, str]
) -> Table:
    """A route; without names it leads to the project's ``own`` service and function."""
    words = [
        node.text if isinstance(node, Scalar) and node.kind is not Kind.NOTHING and node.text else default
        for node, default in zip((service, function), own, strict=True)
    ]
    place = function.place if function is not None else at
    return Table(at, (entry("function", text(place, "/".join(words)), place), *more))
