"""Handlers under /_fcemu/: what a test arranges: faults, stubs, definitions."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from fcemu.api.state import BadDefinition, Parts, ServerState
from fcemu.api.wire import WireRequest
from fcemu.core.errors import FCError
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.resource_types import LAYERS
from fcemu.core.stubs import Step, error_named
from fcemu.engine import faults
from fcemu.engine.emulator import Emulator
from fcemu.engine.faults import Fault, Trouble
from fcemu.engine.ports import StandIn
from fcemu.own_api import records
from fcemu.own_api.codec import FUNCTION_NAME, given_in
from fcemu.own_api.problems import Problem, not_found, not_yet


class SetupRoutes:
    """Answers for faults, stubs and definitions."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state

    # Faults.

    async def list_faults(self, request: WireRequest) -> list[records.Fault]:
        return [_fault_record(fault) for fault in request.emulator.setup.faults()]

    async def add_fault(self, request: WireRequest, new: records.NewFault) -> records.Fault:
        emulator, times = request.emulator, 1 if new.times is None else new.times
        ref = _defined(emulator, new.function)
        try:
            return _fault_record(emulator.setup.add_fault(ref, _trouble(new), times))
        except ValueError as wrong:
            raise Problem("invalid-field", str(wrong), field=str(wrong).partition(":")[0]) from None

    async def remove_faults(self, request: WireRequest, which: records.WhichFaults) -> None:
        setup, number = request.emulator.setup, which.n
        chosen = [fault for fault in setup.faults() if number in (None, fault.number)]
        if number is not None and not chosen:
            raise not_found("fault", str(number), [str(fault.number) for fault in setup.faults()])
        for fault in chosen:
            setup.remove_fault(fault)

    # Stubs.

    async def show_stub(self, request: WireRequest, function: str) -> list[records.StubCall]:
        _, stub = _stub(request.emulator, function)
        return [
            records.StubCall(payload=call.payload, at=call.at, request_id=call.request_id, attempt=call.attempt)
            for call in stub.calls
        ]

    async def put_stub(self, request: WireRequest, function: str, stub: records.Stub) -> None:
        steps = [_step(number, each) for number, each in enumerate(stub.steps, 1)]
        ref = _function(request.emulator, function)
        request.emulator.setup.stub(ref, self._parts("stubs").stub(steps), alone=True)

    async def remove_stub(self, request: WireRequest, function: str) -> None:
        ref, _ = _stub(request.emulator, function)
        request.emulator.setup.unstub(ref)

    # Definitions.

    async def show_definition(self, request: WireRequest) -> dict[str, Any]:
        return self._parts("definitions").defined(request.emulator)

    async def list_problems(self, request: WireRequest) -> list[records.DefinitionProblem]:
        return [records.DefinitionProblem(**each) for each in self._parts("definitions").problems()]

    async def add_definition(self, request: WireRequest, document: dict[str, Any]) -> dict[str, Any]:
        parts = self._parts("definitions")
        try:
            parts.define(request.emulator, document)
        except BadDefinition as bad:
            raise Problem("invalid-definition", str(bad), problems=bad.problems) from None
        return parts.defined(request.emulator)

    async def show_code(self, request: WireRequest, function: str, which: records.WhichCode) -> bytes:
        """The code of a function as a zip: where GetFunctionCode points to."""
        ref, control = _function(request.emulator, function), request.emulator.control
        try:
            return control.zip_of(control.function(ref, which.qualifier or LATEST).code)
        except (FCError, OSError) as missing:
            raise Problem("not-found", f"there is no code of {ref}: {missing}") from None

    async def show_layer(self, request: WireRequest, layer: str, version: str) -> bytes:
        """The content of a version of a layer as a zip: where its location points to."""
        control = request.emulator.control
        try:
            number = int(version) if version.isdecimal() else 0
            return control.zip_of(control.get(LAYERS, (layer, number)).package.directory)
        except (FCError, OSError) as missing:
            raise Problem("not-found", f"there is no version {version} of layer {layer}: {missing}") from None

    def _parts(self, what: str) -> Parts:
        return parts_of(self._state, what)


def parts_of(state: ServerState, what: str) -> Parts:
    """What the layers above do for a server. Raises ``Problem`` where they do nothing, as in tests of the server."""
    if state.parts is None:
        raise not_yet(f"{what} of this server")
    return state.parts


_FAULTS: Final[Mapping[str, tuple[Callable[..., Trouble], Mapping[str, Any]]]] = {
    "throttle": (faults.throttle, {}),
    "fail": (faults.fail, {"status": 500}),
    "crash": (faults.crash, {"when": "after"}),
    "delay": (faults.delay, {"by": None}),
    "deliver_twice": (faults.deliver_twice, {"again": timedelta(0)}),
}
"""Each fault with its arguments; ``None``: it must be given."""


def _trouble(new: records.NewFault) -> Trouble:
    """Raises ``Problem``, ``ValueError``."""
    make, arguments = _FAULTS[new.fault]
    given = {name: value for name, value in given_in(new).items() if name not in ("fault", "function", "times")}
    for argument in given:
        if argument not in arguments:
            takes = ", ".join(["fault", "function", "times", *arguments])
            raise Problem("invalid-field", f"{new.fault} takes no {argument!r}; it takes {takes}", field=argument)
    chosen = {**arguments, **given}
    missing = [argument for argument, value in chosen.items() if value is None]
    if missing:
        raise Problem("invalid-body", f"{new.fault} needs the field {missing[0]!r}")
    return make(**chosen)


def _fault_record(fault: Fault) -> records.Fault:
    head: dict[str, Any] = {"n": fault.number, "fault": fault.name, "function": str(fault.function)}
    return records.Fault(**head, **fault.words(), times=fault.times, struck=fault.struck)


def _step(number: int, given: records.Step) -> Step:
    said = given_in(given)
    if given.raises is not None:
        said["raises"] = error_named(given.raises.errorType, given.raises.errorMessage or "")
    try:
        return Step(**said)
    except ValueError as wrong:
        raise Problem("invalid-field", f"step {number}: {wrong}") from None


def _function(emulator: Emulator, function: str) -> FunctionRef:
    """Raises ``Problem``."""
    try:
        ref = FUNCTION_NAME.read(function)
    except ValueError:
        raise not_found("function", function, _names(emulator)) from None
    return _defined(emulator, ref)


def _defined(emulator: Emulator, ref: FunctionRef) -> FunctionRef:
    if str(ref) not in (known := _names(emulator)):
        raise not_found("function", str(ref), known)
    return ref


def _names(emulator: Emulator) -> list[str]:
    return [str(function.ref) for function in emulator.functions()]


def _stub(emulator: Emulator, function: str) -> tuple[FunctionRef, StandIn]:
    ref = _function(emulator, function)
    stub = emulator.setup.stub_of(ref)
    if stub is None:
        raise Problem("not-found", f"there is no stub of {ref}")
    return ref, stub
