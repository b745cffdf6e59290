"""A whole shape -> definition: what belongs together is looked up, the files that it names are looked for."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from fcemu.config.archives import package_of, uploaded
from fcemu.config.definition import Definition
from fcemu.config.files import Files
from fcemu.config.function_shapes import AliasShape, CodeShape, FrozenShape, FunctionShape, ServiceShape, SettingsShape
from fcemu.config.kinds import Target
from fcemu.config.making import (
    BY_QUALIFIER,
    CUSTOM_HANDLER,
    alias_of,
    capacities_of,
    domain_of,
    function_of,
    kept_of,
    layer_of,
    settings_of,
    text_of,
    trigger_of,
)
from fcemu.config.problems import Report, quoted
from fcemu.config.schema import DomainShape, FileShape
from fcemu.core.defined import Extras
from fcemu.core.destinations import FunctionDestination
from fcemu.core.domains import Domain
from fcemu.core.functions import AsyncSettings, Function, LayerRef, Service
from fcemu.core.layers import LayerVersion, read_layer_arn
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.triggers import Trigger

T = TypeVar("T")


class Written(NamedTuple):
    """A function of the file, with the directory of its code, absolute, and how the file has it."""

    shape: FunctionShape
    code: CodeShape | None


class Definer:
    """Makes core definitions from a shape. Problems go into the report; what has one is left out.

    ``callables``: functions that are code of the test, with the directory of that code. No file is looked for, and
    their services, whose versions and aliases may be anywhere, are not in this shape.
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

    def definition(self, shape: FileShape, path: Path | None) -> Definition:
        """All of it but the options."""
        self._layers = self._layer_versions(shape)
        written = {FunctionRef(name): Written(each, each.code or shape.code) for name, each in _of(shape.functions)}
        for service, inner in _of(shape.services):
            self._files.directory(inner.code or shape.code)
            for name, each in _of(inner.functions):
                written[FunctionRef(name, service)] = Written(each, each.code or inner.code or shape.code)
        self._files.directory(shape.code)
        self._stubbed = frozenset(map(FunctionRef.parse, shape.stubs or ())) | self._callables.keys()
        made = {ref: function for ref, each in written.items() if (function := self._function(ref, each)) is not None}
        services = {name: Service(name, kept_of(each.kept, each.description)) for name, each in _of(shape.services)}
        self._check_destinations(written)
        stubs = {FunctionRef.parse(name): each.steps for name, each in _of(shape.stubs)}
        return Definition(
            services=tuple(services.values()),
            functions=tuple(made.values()),
            async_settings=MappingProxyType(_settings(written)),
            options=MappingProxyType({}),
            path=path,
            extras=self._extras(shape, written, made, services),
            stubs=MappingProxyType({ref: tuple(step.step() for step in steps) for ref, steps in stubs.items()}),
        )

    def _extras(
        self,
        shape: FileShape,
        written: Mapping[FunctionRef, Written],
        made: Mapping[FunctionRef, Function],
        services: Mapping[str, Service],
    ) -> Extras:
        versions = self._versions(shape, written, made, services)
        aliases = self._aliases(shape, versions)
        self._check_qualifiers(written, versions, aliases)
        owned: list[tuple[Owner, FunctionShape | ServiceShape]] = [
            *((Owner.of(ref), each.shape) for ref, each in written.items() if ref.service is None),
            *((Owner("service", name), each) for name, each in _of(shape.services)),
        ]
        return Extras(
            triggers=tuple(self._triggers(written)),
            versions=MappingProxyType(versions),
            aliases=MappingProxyType(aliases),
            domains=tuple(self._domain(name, each, written) for name, each in _of(shape.domains)),
            capacities=tuple(one for ref, each in written.items() for one in capacities_of(ref, each.shape)),
            tags=MappingProxyType({owner: one.tags for owner, one in owned if one.tags}),
            vpcs=MappingProxyType({owner: one.vpcs for owner, one in owned if one.vpcs}),
            sources=MappingProxyType(_sources(written)),
            layers=tuple(self._layers.values()),
        )

    # Functions.

    def _function(self, ref: FunctionRef, written: Written) -> Function | None:
        directory = self._callables.get(ref) or self._files.directory(written.code, f"function {ref}")
        if directory is None:
            return None
        shape = written.shape
        package = uploaded(directory)
        bare = Function(ref=ref, handler=CUSTOM_HANDLER, code=directory, package=package, disabled=shape.disabled)
        function = function_of(bare, shape, shape.handler, self._layer)
        good = ref in self._stubbed or self._files.has_handlers(shape, shape.handler, directory, written.code)
        return self._with_python(function, shape) if good else None

    def _with_python(self, function: Function, shape: SettingsShape) -> Function | None:
        """``None`` after a problem."""
        if shape.python is None:
            return function
        program = self._files.program(shape.python)
        return None if program is None else replace(function, python=program)

    # Layers.

    def _layer_versions(self, shape: FileShape) -> dict[tuple[str, int], LayerVersion]:
        """By name and number, in order."""
        made: dict[tuple[str, int], LayerVersion] = {}
        for name, layer in _of(shape.layers):
            for number, one in sorted(layer.versions.items(), key=lambda each: int(each[0])):
                if (directory := self._files.directory(one.code)) is not None:
                    made[name, int(number)] = layer_of(name, int(number), layer, one, package_of(directory))
        return made

    def _layer(self, text: str) -> LayerRef:
        """An ARN, whose files are there if the layer is in this file; or a directory of this machine, which gets an
        ARN of its name."""
        if not text.startswith("acs:"):
            path = self._files.path(text)
            return LayerRef(f"acs:fc:::layers/{os.path.basename(path)}/versions/1", directory=path)
        layer = self._layers.get(read_layer_arn(text) or ("", 0))
        return LayerRef(text, *(() if layer is None else (layer.package.size_bytes, layer.package.directory)))

    # Destinations.

    def _check_destinations(self, written: Mapping[FunctionRef, Written]) -> None:
        """A destination that nobody defined is odd: it may be defined later, else its reports fail."""
        for ref, each in written.items():
            for one in each.shape.asynchronous or ():
                self._check_destination(ref, "onSuccess", one.on_success, written)
                self._check_destination(ref, "onFailure", one.on_failure, written)

    def _check_destination(
        self, ref: FunctionRef, key: str, target: Target | None, written: Mapping[FunctionRef, Written]
    ) -> None:
        if target is None or not isinstance(target.destination, FunctionDestination):
            return
        asked = target.destination.ref
        if asked not in written:
            hints = self._guess(str(asked), written)
            message = f"there is no function {asked}, to which {ref} reports"
            self._report.warn(target.place, message, *hints, key=key, lacks=str(asked))

    def _guess(self, word: str, written: Mapping[FunctionRef, Written]) -> list[str]:
        near = self._report.closest(word, map(str, written))
        return [f"did you mean {near!r}?"] if near else []

    # Triggers and domains.

    def _triggers(self, written: Mapping[FunctionRef, Written]) -> list[Trigger]:
        return [
            trigger_of(ref, name, trigger)
            for ref, each in written.items()
            for name, trigger in _of(each.shape.triggers)
        ]

    def _domain(self, name: str, shape: DomainShape, written: Mapping[FunctionRef, Written]) -> Domain:
        for path, route in _of(shape.routes):
            ref = FunctionRef.parse(route.function.text)
            if ref not in written:
                message = f"there is no function {ref}, to which {path} of {name} leads"
                hints = self._guess(str(ref), written)
                self._report.warn(route.function.place, message, *hints, key="function", lacks=str(ref))
        return domain_of(name, shape)

    # Versions and aliases.

    def _versions(
        self,
        shape: FileShape,
        written: Mapping[FunctionRef, Written],
        made: Mapping[FunctionRef, Function],
        services: Mapping[str, Service],
    ) -> dict[Owner, tuple[Version, ...]]:
        versions: dict[Owner, tuple[Version, ...]] = {}
        for name, each in _of(shape.functions):
            base = made.get(FunctionRef(name))
            if base is not None and each.versions:
                frozen = [
                    Version({name: self._frozen(base, one)}, None, one.description or "", _numbered(number))
                    for number, one in each.versions.items()
                ]
                versions[Owner.of(base.ref)] = tuple(sorted(frozen, key=_number))
        for name, service in _of(shape.services):
            if service.versions:
                versions[Owner("service", name)] = self._service_versions(service, services[name], made)
        return versions

    def _service_versions(
        self, shape: ServiceShape, service: Service, made: Mapping[FunctionRef, Function]
    ) -> tuple[Version, ...]:
        frozen: list[Version] = []
        now = {ref.name: each for ref, each in made.items() if ref.service == service.name}
        for number, one in _of(shape.versions):
            functions = now
            if one.functions is not None:
                functions = {
                    name: self._frozen(now.get(name) or self._bare(FunctionRef(name, service.name)), each)
                    for name, each in one.functions.items()
                }
            then = service if one.kept is None else replace(service, kept=MappingProxyType(dict(one.kept)))
            frozen.append(Version(functions, then, one.description or "", _numbered(number)))
        return tuple(sorted(frozen, key=_number))

    def _bare(self, ref: FunctionRef) -> Function:
        """A function that only versions have."""
        return Function(ref=ref, handler=CUSTOM_HANDLER, code=self._files.root)

    def _frozen(self, base: Function, shape: FrozenShape) -> Function:
        """A function as a version has it."""
        if shape.whole:
            base = Function(ref=base.ref, handler=base.handler, code=base.code)
        directory = base.code if shape.code is None else self._files.directory(shape.code)
        if directory is None:
            return base
        if shape.code is not None or shape.handler is not None:
            self._files.has_handlers(shape, shape.handler, directory, shape.code)
        described = replace(shape, description=None)  # of the version, not of the function
        frozen = function_of(
            replace(base, code=directory, package=uploaded(directory)), described, shape.handler, self._layer
        )
        return self._with_python(frozen, shape) or frozen

    def _aliases(
        self, shape: FileShape, versions: Mapping[Owner, tuple[Version, ...]]
    ) -> dict[Owner, tuple[Alias, ...]]:
        aliases: dict[Owner, tuple[Alias, ...]] = {}
        owned = [(Owner("function", name), each.aliases) for name, each in _of(shape.functions)]
        owned += [(Owner("service", name), each.aliases) for name, each in _of(shape.services)]
        for owner, named in owned:
            known = {version.id for version in versions.get(owner, ())}
            good = [alias_of(name, each) for name, each in _of(named) if self._leads(owner, name, each, known)]
            if good:
                aliases[owner] = tuple(good)
        return aliases

    def _leads(self, owner: Owner, name: str, shape: AliasShape, known: set[str]) -> bool:
        """Whether there are all versions that an alias names."""
        for version in (shape.version.text, *(shape.weights or {})):
            if version != LATEST and version not in known:
                there = f"there are: {', '.join(sorted(known, key=int))}" if known else f"{owner} has no versions"
                self._report.add(shape.version.place, f"alias {name} leads to version {quoted(version)}", there)
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
            owner = Owner.of(ref)
            known = {version.id for version in versions.get(owner, ())} | {one.name for one in aliases.get(owner, ())}
            said = [one.qualifier for one in each.shape.asynchronous or ()]
            said += [trigger.qualifier for _, trigger in _of(each.shape.triggers)]
            said += [one.qualifier for name in BY_QUALIFIER for one in getattr(each.shape, name) or ()]
            for scalar in said:
                if scalar is not None and scalar.text != LATEST and scalar.text not in known:
                    near = self._report.closest(scalar.text, known)
                    hints = [f"did you mean {near!r}?"] if near else []
                    message = f"{owner} has no version or alias {quoted(scalar.text)}"
                    say(scalar.place, message, *hints, key="qualifier")


def _of(mapping: Mapping[str, T] | None) -> list[tuple[str, T]]:
    return list((mapping or {}).items())


def _settings(written: Mapping[FunctionRef, Written]) -> dict[tuple[FunctionRef, str], AsyncSettings]:
    """Asynchronous settings by function and qualifier."""
    return {
        (ref, text_of(one.qualifier)): settings_of(one)
        for ref, each in written.items()
        for one in each.shape.asynchronous or ()
    }


def _sources(written: Mapping[FunctionRef, Written]) -> dict[tuple[FunctionRef, str], tuple[str, ...]]:
    """ARNs of event sources by function and qualifier."""
    found: dict[tuple[FunctionRef, str], tuple[str, ...]] = {}
    for ref, each in written.items():
        for one in each.shape.sources or ():
            key = (ref, text_of(one.qualifier))
            found[key] = (*found.get(key, ()), one.source_arn)
    return found


def _numbered(number: str) -> Stamp:
    return Stamp(number, UNSTAMPED.created, UNSTAMPED.modified)


def _number(version: Version) -> int:
    return int(version.id)
