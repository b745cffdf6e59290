"""Handlers under /_fcemu/: what a test arranges: faults, stubs, definitions."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fcemu.api import problems
from fcemu.api.mounts import Handler
from fcemu.api.problems import Problem, Reader, json_answer, not_found, not_yet, read_members, read_object
from fcemu.api.state import Parts, ServerState
from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.errors import FCError
from fcemu.core.facts import text_or_base64, time_text
from fcemu.core.kinds import LAYERS
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.stubs import Step, StubCall, error_named
from fcemu.engine import faults
from fcemu.engine.emulator import Emulator
from fcemu.engine.faults import Fault, Trouble
from fcemu.engine.ports import StandIn

_BODY_BYTES: Final = 1024 * 1024


class BadDefinition(ValueError):
    """A definition that cannot be used; ``problems`` are all that is wrong with it, each with ``path``, ``message`` and
    ``hints``."""

    def __init__(self, text: str, problems: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.problems = problems


class SetupRoutes:
    """Answers for faults, stubs and definitions."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state
        self.routes: Final[dict[tuple[str, str], Handler]] = {
            ("GET", "/faults"): self._list_faults,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._remove_faults,
            ("GET", "/stubs/{function}"): self._stub_calls,
            ("PUT", "/stubs/{function}"): self._put_stub,
            ("DELETE", "/stubs/{function}"): self._remove_stub,
            ("GET", "/definition"): self._show_definition,
            ("POST", "/definition"): self._add_definition,
            ("GET", "/code/{function}"): self._show_code,
            ("GET", "/layers/{layer}/{version}"): self._show_layer,
        }

    # Faults.

    async def _list_faults(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        return json_answer([_fault_record(fault) for fault in request.emulator.setup.faults()])

    async def _add_fault(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        readers: dict[str, Reader] = {
            "fault": problems.one_of(*_FAULTS),
            "function": problems.function_name,
            "times": problems.whole,
            "status": problems.whole,
            "when": problems.one_of(*faults.WHEN),
            "by": problems.duration,
            "again": problems.duration,
        }
        given = read_object(await request.body(_BODY_BYTES), readers)
        for name in ("fault", "function"):
            if name not in given:
                raise Problem(400, "invalid-body", f"the field {name!r} is missing")
        name, emulator = given.pop("fault"), request.emulator
        ref, times = _defined(emulator, given.pop("function")), given.pop("times", 1)
        try:
            return json_answer(_fault_record(emulator.setup.add_fault(ref, _trouble(name, given), times)))
        except ValueError as wrong:
            raise Problem(400, "invalid-field", str(wrong), field=str(wrong).partition(":")[0]) from None

    async def _remove_faults(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        number = read_members(query, {"n": problems.count}, "parameter").get("n")
        setup = request.emulator.setup
        chosen = [fault for fault in setup.faults() if number in (None, fault.number)]
        if number is not None and not chosen:
            raise not_found("fault", str(number), [str(fault.number) for fault in setup.faults()])
        for fault in chosen:
            setup.remove_fault(fault)
        return Answer(204, status_line(204))

    # Stubs.

    async def _stub_calls(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        stub = _stub(request.emulator, path)[1]
        return json_answer([_call_record(call) for call in stub.calls])

    async def _put_stub(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        given = read_object(await request.body(_BODY_BYTES), {"steps": _steps})
        if "steps" not in given:
            raise Problem(400, "invalid-body", "the field 'steps' is missing")
        ref = _function(request.emulator, path)
        request.emulator.setup.stub(ref, self._parts("stubs").stub(given["steps"]), alone=True)
        return Answer(204, status_line(204))

    async def _remove_stub(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        ref, _ = _stub(request.emulator, path)
        request.emulator.setup.unstub(ref)
        return Answer(204, status_line(204))

    # Definitions.

    async def _show_definition(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        return json_answer(self._parts("definitions").defined(request.emulator))

    async def _add_definition(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        document, parts = read_object(await request.body(_BODY_BYTES), None), self._parts("definitions")
        try:
            parts.define(request.emulator, document)
        except BadDefinition as bad:
            raise Problem(400, "invalid-definition", str(bad), problems=bad.problems) from None
        return json_answer(parts.defined(request.emulator))

    async def _show_code(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        """The code of a function as a zip: where GetFunctionCode points to."""
        qualifier = read_members(query, {"qualifier": problems.text}, "parameter").get("qualifier") or LATEST
        ref, control = _function(request.emulator, path), request.emulator.control
        try:
            data = control.zip_of(control.function(ref, qualifier).code)
        except (FCError, OSError) as missing:
            raise Problem(404, "not-found", f"there is no code of {ref}: {missing}") from None
        return Answer(200, f"{status_line(200)}Content-Type: application/zip\r\n", data)

    async def _show_layer(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        """The content of a version of a layer as a zip: where its location points to."""
        read_members(query, {}, "parameter")
        control, name, version = request.emulator.control, path["layer"], path["version"]
        try:
            data = control.zip_of(
                control.get(LAYERS, (name, int(version) if version.isdecimal() else 0)).package.directory
            )
        except (FCError, OSError) as missing:
            raise Problem(404, "not-found", f"there is no version {version} of layer {name}: {missing}") from None
        return Answer(200, f"{status_line(200)}Content-Type: application/zip\r\n", data)

    def _parts(self, what: str) -> Parts:
        if self._state.parts is None:
            raise not_yet(f"{what} of this server")
        return self._state.parts


_FAULTS: Final[Mapping[str, tuple[Callable[..., Trouble], Mapping[str, Any]]]] = {
    "throttle": (faults.throttle, {}),
    "fail": (faults.fail, {"status": 500}),
    "crash": (faults.crash, {"when": "after"}),
    "delay": (faults.delay, {"by": None}),
    "deliver_twice": (faults.deliver_twice, {"again": problems.seconds(0)}),
}
"""Each fault with its arguments; ``None``: it must be given."""


def _trouble(name: str, given: Mapping[str, Any]) -> Trouble:
    """Raises ``Problem``, ``ValueError``."""
    make, arguments = _FAULTS[name]
    for argument in given:
        if argument not in arguments:
            takes = ", ".join(["fault", "function", "times", *arguments])
            raise Problem(400, "invalid-field", f"{name} takes no {argument!r}; it takes {takes}", field=argument)
    chosen = {**arguments, **given}
    missing = [argument for argument, value in chosen.items() if value is None]
    if missing:
        raise Problem(400, "invalid-body", f"{name} needs the field {missing[0]!r}")
    return make(**chosen)


def _fault_record(fault: Fault) -> dict[str, Any]:
    head = {"n": fault.number, "fault": fault.name, "function": str(fault.function)}
    return head | fault.words() | {"times": fault.times, "struck": fault.struck}


def _call_record(call: StubCall) -> dict[str, Any]:
    return {
        "payload": text_or_base64(call.payload),
        "at": time_text(call.at),
        "request_id": call.request_id,
        "attempt": call.attempt,
    }


def _steps(value: Any) -> list[Step]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of one or more steps")
    return [_step(number, each) for number, each in enumerate(value, 1)]


def _step(number: int, value: Any) -> Step:
    readers: dict[str, Reader] = {
        "returns": lambda value: value,
        "raises": _raised,
        "seconds": problems.not_negative,
        "logs": problems.text,
        "status": problems.whole,
    }
    if not isinstance(value, dict):
        raise Problem(400, "invalid-field", f"step {number}: found {problems.found(value)}, expected an object")
    try:
        return Step(**read_members(value, readers, "field"))
    except Problem as wrong:
        raise Problem(wrong.status, wrong.kind, f"step {number}: {wrong.detail}", **wrong.more) from None
    except ValueError as wrong:
        raise Problem(400, "invalid-field", f"step {number}: {wrong}") from None


def _raised(value: Any) -> Exception:
    expected = '{"errorType": text, "errorMessage": text}'
    if not isinstance(value, dict) or not {"errorType"} <= value.keys() <= {"errorType", "errorMessage"}:
        raise ValueError(expected)
    name, message = value["errorType"], value.get("errorMessage", "")
    if not (isinstance(name, str) and isinstance(message, str) and name and "\0" not in name):
        raise ValueError(expected)
    return error_named(name, message)


def _function(emulator: Emulator, path: Mapping[str, str]) -> FunctionRef:
    """Raises ``Problem``."""
    try:
        ref = problems.function_name(path["function"])
    except ValueError:
        raise not_found("function", path["function"], _names(emulator)) from None
    return _defined(emulator, ref)


def _defined(emulator: Emulator, ref: FunctionRef) -> FunctionRef:
    if str(ref) not in (known := _names(emulator)):
        raise not_found("function", str(ref), known)
    return ref


def _names(emulator: Emulator) -> list[str]:
    return [str(function.ref) for function in emulator.functions()]


def _stub(emulator: Emulator, path: Mapping[str, str]) -> tuple[FunctionRef, StandIn]:
    ref = _function(emulator, path)
    stub = emulator.setup.stub_of(ref)
    if stub is None:
        raise Problem(404, "not-found", f"there is no stub of {ref}")
    return ref, stub
