"""The ``Definer`` makes core values of what a file says, and looks up the names and files that it refers to."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fcemu.config.archives import package_of
from fcemu.config.definition import Definition
from fcemu.config.files import Files
from fcemu.config.problems import Report, quoted
from fcemu.config.reading import NONE, Said
from fcemu.config.schema import step_of
from fcemu.config.tree import Scalar, Table
from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION, SCALING, Capacity
from fcemu.core.defined import Extras
from fcemu.core.destinations import FunctionDestination
from fcemu.core.domains import Domain, Route
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.rows import Nested
from fcemu.core.fields.triggers import TRIGGER
from fcemu.core.functions import DEFAULT_HOOK_TIMEOUT, HOOKS, AsyncSettings, Function, LayerRef, Service
from fcemu.core.layers import LayerVersion, read_layer_arn
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import config_of
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.triggers import HTTP, METHODS, TIMER, Trigger

CUSTOM_HANDLER: Final = "index.handler"
"""What FC's tools fill in for a custom runtime, which calls no handler by its name."""
LOOKED_UP: Final = frozenset({"layers", "python", "disabled", "code"})
"""What of a function is not as the file has it, or no version has."""
_AS_SAID: Final = tuple(
    field.attribute
    for field in FUNCTION.keys.values()
    if field.attribute in {each.name for each in fields(Function)} - LOOKED_UP and not isinstance(field.in_file, Nested)
)


CAPACITIES: Final = {"provision": PROVISION, "scaling": SCALING, "on_demand": ON_DEMAND}
"""What a file says of a function, and the kind of capacity that each is."""
BY_QUALIFIER: Final = (*CAPACITIES, "sources")
"""What of a function has several values, each with a qualifier."""


class Written(NamedTuple):
    """A function of the file, with the directory of its code, absolute, and how the file has it."""

    said: Said
    code: Said | None


class Definer:
    """Makes core definitions of what a file says. Problems go into the report; what has one is left out.

    ``callables``: functions that are code of the test, with the directory of that code. No file is looked for, and
    their services, whose versions and aliases may be anywhere, are not in what is read here.
    """

    def __init__(
        self,
        report: Report,
        root: Path,
        *,
        is_foreign: bool,
        thorough: bool,
        callables: Mapping[FunctionRef, str] = MappingProxyType({}),
    ) -> None:
        self._report = report
        self._is_foreign = is_foreign
        self._callables = callables
        self._files = Files(report, root, thorough=thorough)
        self._layers: Mapping[tuple[str, int], LayerVersion] = {}
        self._stubbed: frozenset[FunctionRef] = frozenset()
        """Functions whose code does not run, so that it need not be there."""

    def definition(self, said: Said, path: Path | None) -> Definition:
        """All of it but the options."""
        code = said.get("code")
        self._layers = self._layer_versions(said)
        written = {
            FunctionRef(name): Written(each, each.get("code", code))
            for name, each in said.get("functions", NONE).items()
        }
        for service, inner in said.get("services", NONE).items():
            shared = inner.get("code", code)
            self._files.directory(shared)
            for name, each in inner.get("functions", NONE).items():
                written[FunctionRef(name, service)] = Written(each, each.get("code", shared))
        if code is not None:
            self._files.directory(code)
        self._check_stubs(said, written)
        stubs = {FunctionRef.parse(name): each["steps"] for name, each in said.get("stubs", NONE).items()}
        self._stubbed = frozenset({*stubs, *self._callables})
        made = {ref: function for ref, each in written.items() if (function := self._function(ref, each)) is not None}
        services = {name: Service(name, _kept_of(each)) for name, each in said.get("services", NONE).items()}
        self._check_destinations(written)
        return Definition(
            services=tuple(services.values()),
            functions=tuple(made.values()),
            async_settings=MappingProxyType(_settings(written)),
            options=MappingProxyType({}),
            path=path,
            extras=self._extras(said, written, made, services),
            stubs=MappingProxyType({ref: tuple(map(step_of, steps)) for ref, steps in stubs.items()}),
        )

    def _extras(
        self,
        said: Said,
        written: Mapping[FunctionRef, Written],
        made: Mapping[FunctionRef, Function],
        services: Mapping[str, Service],
    ) -> Extras:
        owned = _owners(said)
        versions = self._versions(owned, made, services)
        aliases = self._aliases(owned, versions)
        self._check_qualifiers(written, versions, aliases)
        return Extras(
            triggers=tuple(self._triggers(written)),
            versions=MappingProxyType(versions),
            aliases=MappingProxyType(aliases),
            domains=tuple(self._domain(name, each, written) for name, each in said.get("domains", NONE).items()),
            capacities=tuple(one for ref, each in written.items() for one in self._capacities(ref, each.said)),
            tags=MappingProxyType({owner: one["tags"] for owner, one in owned if one.get("tags")}),
            vpcs=MappingProxyType({owner: one["vpcs"] for owner, one in owned if one.get("vpcs")}),
            sources=MappingProxyType(_sources(written)),
            layers=tuple(self._layers.values()),
        )

    # Functions.

    def _function(self, ref: FunctionRef, written: Written) -> Function | None:
        directory = self._callables.get(ref) or self._files.directory(written.code, ref)
        if directory is None:
            return None
        said, package = written.said, self._files.package(directory)
        bare = Function(ref=ref, handler=CUSTOM_HANDLER, code=directory, package=package, disabled=said.get("disabled"))
        function = _function_of(bare, said, self._layer)
        good = ref in self._stubbed or self._files.has_handlers(said, directory, written.code)
        return self._with_python(function, said) if good else None

    def _with_python(self, function: Function, said: Said) -> Function | None:
        """``None`` after a problem."""
        if "python" not in said:
            return function
        program = self._files.program(said.text("python"))
        return None if program is None else replace(function, python=program)

    # Layers.

    def _layer_versions(self, said: Said) -> dict[tuple[str, int], LayerVersion]:
        """By name and number, in order."""
        made: dict[tuple[str, int], LayerVersion] = {}
        for name, layer in said.get("layers", NONE).items():
            for number, one in sorted(layer.get("versions", NONE).items(), key=lambda each: int(each[0])):
                if (directory := self._files.directory(one["code"])) is not None:
                    own = {key: value for key, value in one.items() if key != "code"}
                    made[name, int(number)] = LayerVersion(
                        name=name,
                        version=int(number),
                        package=package_of(directory),
                        public=layer.get("public", False),
                        **own,
                    )
        return made

    def _layer(self, text: str) -> LayerRef:
        """An ARN, whose files are there if the layer is in this file; or a directory of this machine, which gets an
        ARN of its name."""
        if not text.startswith("acs:"):
            path = self._files.path(text)
            return LayerRef(f"acs:fc:::layers/{os.path.basename(path)}/versions/1", directory=path)
        layer = self._layers.get(read_layer_arn(text) or ("", 0))
        return LayerRef(text, *(() if layer is None else (layer.package.size_bytes, layer.package.directory)))

    # Stubs and destinations.

    def _check_stubs(self, said: Said, written: Mapping[FunctionRef, Written]) -> None:
        """A stub needs a function."""
        stubs, known = said.node.get("stubs"), set(map(str, written))
        for key, _ in stubs.entries if isinstance(stubs, Table) else ():
            if key.text in said.get("stubs", NONE) and key.text not in known:
                hints = self._guess(key.text, written) or ["define it under functions or services"]
                self._report.add(
                    key.place, f"this stub names the function {quoted(key.text)}, which is not defined", *hints
                )

    def _check_destinations(self, written: Mapping[FunctionRef, Written]) -> None:
        """A destination that is not defined is odd: it may be defined later, else its reports fail."""
        for ref, each in written.items():
            for one in each.said.get("asynchronous", ()):
                for key, attribute in (("onSuccess", "on_success"), ("onFailure", "on_failure")):
                    destination = one.get(attribute)
                    if isinstance(destination, FunctionDestination) and destination.ref not in written:
                        message = f"{ref} reports to the function {destination.ref}, which is not defined"
                        self._say_missing(destination.ref, one.text(key), message, key, written)

    def _say_missing(
        self, lacks: FunctionRef, at: Scalar, message: str, key: str, written: Mapping[FunctionRef, Written]
    ) -> None:
        hints = self._guess(str(lacks), written)
        self._report.warn(at.place, message, *hints, key=key, lacks=str(lacks))

    def _guess(self, word: str, written: Mapping[FunctionRef, Written]) -> list[str]:
        near = self._report.closest(word, map(str, written))
        return [f"did you mean {near!r}?"] if near else []

    # Triggers and domains.

    def _triggers(self, written: Mapping[FunctionRef, Written]) -> list[Trigger]:
        return [
            _trigger_of(ref, name, trigger, next(kind for kind in TRIGGER.one_of if kind in trigger))
            for ref, each in written.items()
            for name, trigger in each.said.get("triggers", NONE).items()
        ]

    def _domain(self, name: str, said: Said, written: Mapping[FunctionRef, Written]) -> Domain:
        for path, route in said.get("routes", NONE).items():
            ref = route["function"]
            if ref not in written:
                message = f"{path} of {name} leads to the function {ref}, which is not defined"
                self._say_missing(ref, route.text("function"), message, "function", written)
        routes = tuple(Route(path=path, **route) for path, route in said.get("routes", NONE).items())
        return Domain(name=name, **{**said, "routes": routes})

    # Capacity.

    def _capacities(self, ref: FunctionRef, said: Said) -> Iterator[Capacity]:
        """How many instances a function may have, and how many are always there."""
        if (limit := said.get("reserved_concurrency")) is not None:
            if any(qualifier_of(one) == LATEST for one in said.get("on_demand", ())):
                self._report.add(
                    said.node.place,
                    "reservedConcurrency and onDemandConfig of LATEST set the same limit; write only one",
                )
            # how 3.0 and 2.0 call a bound of running requests (timers-and-instances §2)
            kind, word = (
                (CONCURRENCY, "reservedConcurrency") if ref.service is None else (ON_DEMAND, "maximumInstanceCount")
            )
            yield Capacity(kind, ref, LATEST, MappingProxyType({word: limit}))
        for name, kind in CAPACITIES.items():
            for one in said.get(name, ()):
                yield Capacity(kind, ref, qualifier_of(one), MappingProxyType(one.kept))

    # Versions and aliases.

    def _versions(
        self, owned: list[tuple[Owner, Said]], made: Mapping[FunctionRef, Function], services: Mapping[str, Service]
    ) -> dict[Owner, tuple[Version, ...]]:
        versions: dict[Owner, tuple[Version, ...]] = {}
        for owner, each in owned:
            if not each.get("versions"):
                continue
            if owner.kind == "service":
                numbered = self._service_versions(each, services[owner.name], made)
            elif (base := made.get(FunctionRef(owner.name))) is not None:
                numbered = self._function_versions(each, base)
            else:
                continue
            versions[owner] = tuple(sorted(numbered, key=_number))
        return versions

    def _function_versions(self, said: Said, base: Function) -> Iterator[Version]:
        for number, one in said.get("versions", NONE).items():
            description = one.kept.get("description", "")
            yield Version({base.ref.name: self._frozen(base, one)}, None, description, _numbered(number))

    def _service_versions(
        self, said: Said, service: Service, made: Mapping[FunctionRef, Function]
    ) -> Iterator[Version]:
        now = {ref.name: each for ref, each in made.items() if ref.service == service.name}
        for number, one in said.get("versions", NONE).items():
            functions = now
            if "functions" in one:
                functions = {
                    name: self._frozen(now.get(name) or self._bare(FunctionRef(name, service.name)), each)
                    for name, each in one.get("functions", NONE).items()
                }
            then = replace(service, kept=MappingProxyType(one["kept"])) if "kept" in one else service
            yield Version(functions, then, one.get("description", ""), _numbered(number))

    def _bare(self, ref: FunctionRef) -> Function:
        """A function that only versions have."""
        return Function(ref=ref, handler=CUSTOM_HANDLER, code=self._files.root)

    def _frozen(self, base: Function, said: Said) -> Function:
        """A function as a version has it."""
        if said.get("whole"):
            base = Function(ref=base.ref, handler=base.handler, code=base.code)
        code = said.get("code")
        directory = base.code if code is None else self._files.directory(code)
        if directory is None:
            return base
        if code is not None or "handler" in said:
            self._files.has_handlers(said, directory, code)
        of_function = Said(said.node, said)  # without the description, which is that of the version
        frozen = _function_of(
            replace(base, code=directory, package=self._files.package(directory)), of_function, self._layer
        )
        return self._with_python(frozen, said) or frozen

    def _aliases(
        self, owned: list[tuple[Owner, Said]], versions: Mapping[Owner, tuple[Version, ...]]
    ) -> dict[Owner, tuple[Alias, ...]]:
        aliases: dict[Owner, tuple[Alias, ...]] = {}
        for owner, each in owned:
            known = {version.id for version in versions.get(owner, ())}
            good = [
                Alias(name=name, **one)
                for name, one in each.get("aliases", NONE).items()
                if self._leads(owner, name, one, known)
            ]
            if good:
                aliases[owner] = tuple(good)
        return aliases

    def _leads(self, owner: Owner, name: str, said: Said, known: set[str]) -> bool:
        """Whether there are all versions that an alias names."""
        for version in (said["version"], *said.get("weights", ())):
            if version != LATEST and version not in known:
                there = f"known versions: {', '.join(sorted(known, key=int))}" if known else f"{owner} has no versions"
                at = said.text("version").place
                self._report.add(at, f"alias {name} leads to version {quoted(version)}, which does not exist", there)
                return False
        return True

    def _check_qualifiers(
        self,
        written: Mapping[FunctionRef, Written],
        versions: Mapping[Owner, tuple[Version, ...]],
        aliases: Mapping[Owner, tuple[Alias, ...]],
    ) -> None:
        """A qualifier of settings or triggers that means nothing. Foreign files do not define versions and aliases, so
        there it is odd, not wrong."""
        say = self._report.warn if self._is_foreign else self._report.add
        for ref, each in written.items():
            if ref in self._callables and ref.service is not None:
                continue
            qualified = [one for name in ("asynchronous", *BY_QUALIFIER) for one in each.said.get(name, ())]
            qualified += [trigger for _, trigger in each.said.get("triggers", NONE).items()]
            if all(qualifier_of(one) == LATEST for one in qualified):
                continue
            owner = Owner.of(ref)
            known = {version.id for version in versions.get(owner, ())} | {one.name for one in aliases.get(owner, ())}
            for one in qualified:
                qualifier = qualifier_of(one)
                if qualifier != LATEST and qualifier not in known:
                    near = self._report.closest(qualifier, known)
                    hints = [f"did you mean {near!r}?"] if near else []
                    message = f"{owner} has no version or alias {quoted(qualifier)}"
                    say(one.text("qualifier").place, message, *hints, key="qualifier")


def _owners(said: Said) -> list[tuple[Owner, Said]]:
    """What may have versions, aliases, tags and bindings of its own."""
    functions = [(Owner("function", name), each) for name, each in said.get("functions", NONE).items()]
    return [*functions, *((Owner("service", name), each) for name, each in said.get("services", NONE).items())]


def _settings(written: Mapping[FunctionRef, Written]) -> dict[tuple[FunctionRef, str], AsyncSettings]:
    """Asynchronous settings by function and qualifier."""
    return {
        (ref, qualifier_of(one)): AsyncSettings(**{name: value for name, value in one.items() if name != "qualifier"})
        for ref, each in written.items()
        for one in each.said.get("asynchronous", ())
    }


def _sources(written: Mapping[FunctionRef, Written]) -> dict[tuple[FunctionRef, str], tuple[str, ...]]:
    """ARNs of event sources by function and qualifier."""
    found: dict[tuple[FunctionRef, str], tuple[str, ...]] = {}
    for ref, each in written.items():
        for one in each.said.get("sources", ()):
            key = (ref, qualifier_of(one))
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), one["source_arn"])))
    return found


def _numbered(number: str) -> Stamp:
    return Stamp(number, UNSTAMPED.created, UNSTAMPED.modified)


def _number(version: Version) -> int:
    return int(version.id)


def _function_of(base: Function, said: Said, layer_of: Callable[[str], LayerRef]) -> Function:
    """A function with what a file says; all else as in ``base``."""
    chosen: dict[str, Any] = {name: said[name] for name in _AS_SAID if name in said}
    if "environment" in said:
        chosen["environment"] = MappingProxyType(said["environment"])
    if "layers" in said:
        chosen["layers"] = tuple(map(layer_of, said["layers"]))
    for name, timeout in HOOKS.items():
        if name in said:
            hook = said[name].kept
            chosen[name] = hook.get("handler", "")
            chosen[timeout] = timedelta(seconds=hook["timeout"]) if "timeout" in hook else DEFAULT_HOOK_TIMEOUT
    if (kept := _kept(base, said, chosen.get("runtime", base.runtime))) != base.kept:
        chosen["kept"] = MappingProxyType(kept)
    return replace(base, **chosen)


def _kept(base: Function, said: Said, runtime: str) -> dict[str, Any]:
    """Settings by FC's names, among them what the program of a custom runtime needs."""
    kept = {**base.kept, **said.get("kept", {}), **said.kept}
    if "command" not in said and "port" not in said:
        return kept
    for key, program in config_of(runtime, said.get("command", ()), said.get("port")).items():
        before = kept.get(key)
        kept[key] = {**(before if isinstance(before, dict) else {}), **program}
    return kept


def _kept_of(said: Said) -> Mapping[str, Any]:
    """Settings of a service."""
    return MappingProxyType({**said.get("kept", {}), **said.kept})


def qualifier_of(said: Said) -> str:
    """For which version or alias settings are."""
    return str(said.get("qualifier", LATEST))


def _trigger_of(ref: FunctionRef, name: str, said: Said, kind: str) -> Trigger:
    """A trigger with the settings of its kind in FC's words."""
    own = {key: value for key, value in said.items() if key in ("source_arn", "role", "description", "qualifier")}
    return Trigger(function=ref, name=name, kind=kind, config={**_config(kind, said), **said.get("kept", {})}, **own)


def _config(kind: str, said: Said) -> dict[str, Any]:
    if kind == TIMER:
        payload = {"payload": said["payload"]} if "payload" in said else {}
        return {"cronExpression": said["timer"], "enable": said.get("enable", True), **payload}
    if kind == HTTP:
        return {"authType": said.get("auth_type", "anonymous"), "methods": list(said["http"] or METHODS)}
    settings = said[kind]
    return settings.kept if isinstance(settings, Said) else dict(settings)
