"""A test arranges here what it needs before something runs: definitions, stand-ins for code, faults."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fcemu.core.defined import NO_EXTRAS, Extras
from fcemu.core.facts import Deviated
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.names import FunctionRef
from fcemu.core.questions import Deviation
from fcemu.engine.control import Control
from fcemu.engine.faults import Fault, Faults, Trouble
from fcemu.engine.fleet import Fleet
from fcemu.engine.movers import Movers
from fcemu.engine.ports import StandIn
from fcemu.engine.world import World


class Setup:
    """Arranges what happens to attempts that start from now on. Methods may be called from any thread."""

    def __init__(self, world: World, fleet: Fleet, faults: Faults, control: Control, movers: Movers) -> None:
        self._baton: Final = world.baton
        self._clock: Final = world.clock
        self._journal: Final = world.journal
        self._catalog: Final = world.catalog
        self._fleet: Final = fleet
        self._plans: Final = fleet.plans
        self._faults: Final = faults
        self._control: Final = control
        self._movers: Final = movers
        self._added: Final[dict[FunctionRef, StandIn]] = {}
        self.extended = False
        """Whether definitions were added, of which no fact tells."""
        self._stubs: Final[list[StandIn]] = []
        """All stubs there ever were, because no fact tells that an attempt ran one."""

    def deviated(self, deviation: Deviation) -> None:
        """Note what a search has chosen that is about no invocation."""
        with self._baton:
            self._journal.note(Deviated(self._clock.shown(), "", deviation))

    # Definitions.

    def define(
        self,
        services: Iterable[Service],
        functions: Iterable[Function],
        async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings],
        code: Mapping[FunctionRef, StandIn] | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        """Add definitions; those of the same name are replaced, settings included.

        ``code``: what runs the functions that have no files. A stub that stands in for a function stays.
        """
        with self._baton:
            self.extended = True
            for service in services:
                self._catalog.services.put(service.name, service)
            refs = []
            for function in functions:
                refs.append(function.ref)
                self._catalog.add(function)
                self._catalog.forget_settings(function.ref)
                if (old := self._added.pop(function.ref, None)) is not None:
                    self._take_away(function.ref, old)
            for (ref, qualifier), asked in async_settings.items():
                refs.append(ref)
                self._catalog.set_async(ref, asked, qualifier)
            for ref, stand_in in (code or {}).items():
                self._added[ref] = stand_in
                self._put(ref, stand_in, below=True)
            extras.put_into(self._catalog)
            self._fill_layers(refs)
            self._fleet.definitions_changed(refs)
            for owner in extras.owners:
                self._fleet.releases_changed(owner)
            self._control.complete()
            self._movers.pursue()

    def _fill_layers(self, refs: Iterable[FunctionRef]) -> None:
        """A definition may name layers that are not in it, but were published before."""
        for ref in refs:
            function = self._catalog.functions.get(ref)
            if function is not None and function.layers:
                filled = tuple(map(self._catalog.layers.filled, function.layers))
                self._catalog.add(replace(function, layers=filled))

    def defined(
        self,
    ) -> tuple[Sequence[Service], Sequence[Function], Mapping[tuple[FunctionRef, str], AsyncSettings]]:
        """All that is defined now, in the order of definition; the settings are by function and qualifier."""
        with self._baton:
            catalog = self._catalog
            return tuple(catalog.services.values()), list(catalog), dict(catalog.asynchronous.items())

    def extras(self) -> Extras:
        """What is defined beside them."""
        with self._baton:
            return Extras.of(self._catalog)

    def added(self, ref: FunctionRef) -> StandIn | None:
        """What runs a function that was defined without files."""
        with self._baton:
            return self._added.get(ref)

    def all_added(self) -> Mapping[FunctionRef, StandIn]:
        """What runs the functions that were defined without files."""
        with self._baton:
            return dict(self._added)

    def put_back(self, code: Mapping[FunctionRef, StandIn]) -> None:
        """Let the code of an emulator before this one run its functions, where they are still defined."""
        with self._baton:
            for ref, stand_in in code.items():
                if ref in self._catalog.functions:
                    self._added[ref] = stand_in
                    self._put(ref, stand_in, below=True)

    def code_changed(self, directories: Collection[str]) -> list[FunctionRef]:
        """Files in code directories were changed: attempts that start from now on get new instances, those that run go
        on. Returns whose code it is."""
        with self._baton:
            refs = [function.ref for function in self._catalog if os.path.realpath(function.code) in directories]
            self._fleet.definitions_changed(refs)
            return refs

    def set_environment(self, ref: FunctionRef, variables: Mapping[str, str]) -> None:
        """Let attempts of a function that start from now on see these variables, in new instances; published versions
        keep theirs. Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._catalog.add(replace(self._catalog.function(ref), environment=dict(variables)))
            self._fleet.definitions_changed([ref])
            self._movers.pursue()

    # Stubs.

    def stub(self, ref: FunctionRef, stand_in: StandIn, *, alone: bool = False) -> None:
        """Let ``stand_in`` run the attempts of a function; ``alone``: in place of all stubs that it has.

        Raises ``ServiceNotFound`` or ``FunctionNotFound``.
        """
        with self._baton:
            self._catalog.function(ref)
            if alone:
                self._remove_stubs(ref)
            self._put(ref, stand_in)
            self._stubs.append(stand_in)

    def stubbed(self) -> frozenset[tuple[str, int]]:
        """The attempts that ran a stub, by request id and number."""
        with self._baton:
            return frozenset((call.request_id, call.attempt) for stub in self._stubs for call in stub.calls)

    def unstub(self, ref: FunctionRef, stand_in: StandIn | None = None) -> None:
        """Let the function's own code, or the stub before, run again; ``None``: remove all its stubs."""
        with self._baton:
            if stand_in is None:
                self._remove_stubs(ref)
            else:
                self._take_away(ref, stand_in)

    def stub_of(self, ref: FunctionRef) -> StandIn | None:
        """The stub that runs the function's attempts now, if one does."""
        with self._baton:
            there = self._plans.stand_in(ref)
            return None if there is self._added.get(ref) else there

    def _put(self, ref: FunctionRef, stand_in: StandIn, *, below: bool = False) -> None:
        self._plans.put(ref, stand_in, below=below)
        self._fleet.stand_in_changed(ref)

    def _take_away(self, ref: FunctionRef, stand_in: StandIn | None = None) -> None:
        self._plans.take_away(ref, stand_in)
        self._fleet.stand_in_changed(ref)

    def _remove_stubs(self, ref: FunctionRef) -> None:
        self._take_away(ref)
        if ref in self._added:
            self._put(ref, self._added[ref])

    # Faults.

    def add_fault(self, ref: FunctionRef, trouble: Trouble, times: int) -> Fault:
        """Let ``trouble`` strike the next ``times`` attempts of a function that it fits.

        Raises ``ValueError``, ``ServiceNotFound`` or ``FunctionNotFound``.
        """
        with self._baton:
            self._catalog.function(ref)
            return self._faults.add(ref, trouble, times)

    def remove_fault(self, fault: Fault) -> None:
        """Let it strike no more; nothing happens when it is gone already."""
        with self._baton:
            self._faults.remove(fault)

    def faults(self) -> tuple[Fault, ...]:
        """All that were not removed, in order."""
        with self._baton:
            return tuple(self._faults.there)
