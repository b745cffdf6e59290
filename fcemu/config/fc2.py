"""Functions of FC 2.0 as both older tools write them -> native form. Funcraft's keys come here in lower camel case."""

from typing import Final

from fcemu.config.code_uri import local_code
from fcemu.config.problems import Mark, quoted
from fcemu.config.translate import Rules, Translation, as_texts, entry, is_nothing, loose, text
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table
from fcemu.config.triggers import source_of_2, trigger_of

MEMORY_MB: Final = "128"
"""What the older tools fill in. Source: yaml-formats §2.1 and §3.1."""

FUNCTION: Final = Rules(
    same={
        "runtime": "runtime",
        "handler": "handler",
        "Handler": "handler",
        "timeout": "timeout",
        "memorySize": "memorySize",
        "instanceConcurrency": "instanceConcurrency",
        "description": "description",
        "layers": "layers",
        "caPort": "port",
    },
    read=frozenset(
        {
            *("name", "codeUri", "initializer", "initializationTimeout", "instanceLifecycleConfig"),
            *("environmentVariables", "asyncConfiguration", "customRuntimeConfig", "customHealthCheckConfig"),
        }
    ),
    kept=frozenset(
        {
            *("instanceSoftConcurrency", "instanceType", "gpuMemorySize", "cpu", "diskSize", "customDNS"),
        }
    ),
    carried=frozenset({"customContainerConfig"}),
    silent=frozenset({"ossBucket", "ossKey"}),
)
SERVICE: Final = Rules(
    same={"description": "description"},
    read=frozenset({"name"}),
    kept=frozenset(
        {
            *("role", "internetAccess", "tracingConfig", "logConfig", "vpcConfig", "nasConfig", "ossMountConfig"),
            *("vpcBinding", "policies"),
        }
    ),
)
_ASYNC: Final = Rules(
    same={
        "maxAsyncEventAgeInSeconds": "maxAsyncEventAgeInSeconds",
        "maxAsyncRetryAttempts": "maxAsyncRetryAttempts",
        "statefulInvocation": "asyncTask",
    },
    read=frozenset({"destination"}),
)
_DESTINATION: Final = Rules(same={"onSuccess": "onSuccess", "onFailure": "onFailure"})
_LIFECYCLE: Final = Rules(read=frozenset({"preFreeze", "preStop", "initializer"}))
_HOOK: Final = Rules(same={"handler": "handler", "timeout": "timeout"})
_RUNTIME: Final = Rules(read=frozenset({"command", "args"}))


def function_entries(
    translation: Translation, function: Table, kept: list[Entry], name: str, runtime: str | None
) -> list[Entry]:
    """All of a function but its triggers. ``runtime``: what holds where the file says none, if anything does."""
    where = f"in function {name}"
    made = translation.entries(function, FUNCTION, where, kept)
    made += local_code(translation.report, function, "codeUri")
    if not is_nothing(variables := function.get("environmentVariables")) and variables is not None:
        made.append(entry("environmentVariables", as_texts(loose(variables)), variables.place))
    made += _asynchronous(translation, function, where)
    made += _hooks(translation, function, where)
    made += _command(translation, function, where)
    health = translation.table(function.get("customHealthCheckConfig"), "customHealthCheckConfig")
    if health is not None:  # what FC 3.0 has inside customRuntimeConfig
        inner = Table(health.place, (entry("healthCheckConfig", loose(health)),))
        kept.append(entry("customRuntimeConfig", inner))
    written = {each.key.text for each in made}
    defaults = {"memorySize": MEMORY_MB} | ({"runtime": runtime, "handler": "index.handler"} if runtime else {})
    made += [entry(key, text(function.place, value)) for key, value in defaults.items() if key not in written]
    return made


def _asynchronous(translation: Translation, function: Table, where: str) -> list[Entry]:
    config = translation.table(function.get("asyncConfiguration"), "asyncConfiguration")
    if config is None:
        return []
    made = translation.entries(config, _ASYNC, f"in asyncConfiguration {where}")
    destination = translation.table(config.get("destination"), "destination")
    if destination is not None:
        made += translation.entries(destination, _DESTINATION, f"in destination {where}")
    return [entry("asyncInvokeConfig", Table(config.place, tuple(made)))]


def _hooks(translation: Translation, function: Table, where: str) -> list[Entry]:
    made: list[Entry] = []
    initializer = function.get("initializer")
    if initializer is not None and not is_nothing(initializer):
        inner = [entry("handler", loose(initializer))]
        timeout = function.get("initializationTimeout")
        if timeout is not None and not is_nothing(timeout):
            inner.append(entry("timeout", loose(timeout)))
        made.append(entry("initializer", Table(initializer.place, tuple(inner))))
    config = translation.table(function.get("instanceLifecycleConfig"), "instanceLifecycleConfig")
    if config is None:
        return made
    translation.entries(config, _LIFECYCLE, f"in instanceLifecycleConfig {where}")
    for word in ("preFreeze", "preStop", "initializer"):
        hook = translation.table(config.get(word), word)
        if hook is not None and not (word == "initializer" and made):
            made.append(entry(word, Table(hook.place, tuple(translation.entries(hook, _HOOK, f"in {word} {where}")))))
    return made


def _command(translation: Translation, function: Table, where: str) -> list[Entry]:
    config = translation.table(function.get("customRuntimeConfig"), "customRuntimeConfig")
    if config is None:
        return []
    translation.entries(config, _RUNTIME, f"in customRuntimeConfig {where}")
    words = [
        *translation.items(config.get("command"), "command"),
        *translation.items(config.get("args"), "args"),
    ]
    return [entry("command", loose(Items(config.place, tuple(words))))] if words else []


def trigger_entry(
    translation: Translation, name: Scalar, kind: Scalar, config: Table, more: list[Entry], where: str, region: str
) -> Entry | None:
    """One trigger of a 2.0 function, which has the place of its events among its settings."""
    settings, source = source_of_2(kind.text, config, region, translation.account_id)
    said = {each.key.text for each in more}
    extra = [each for each in source if each.key.text not in said]
    value = trigger_of(translation, kind, settings, [*more, *extra], name.place, where)
    return None if value is None else Entry(Scalar(name.place, name.text), value)


def add_trigger(translation: Translation, triggers: dict[str, Entry], made: Entry | None, where: str) -> None:
    """Collect triggers by name; two of one name are a problem."""
    if made is None:
        return
    if made.key.text in triggers:
        translation.report.add(made.key.place, f"trigger {quoted(made.key.text)} again {where}")
    triggers.setdefault(made.key.text, made)


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
