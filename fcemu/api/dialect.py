"""A dialect lists all that may differ between versions of the API; ``Paths`` finds the operation of a path."""

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final, TypeVar

from multidict import CIMultiDictProxy

from fcemu.api.shapes import Shape
from fcemu.api.task_words import TaskWords
from fcemu.api.wire import trace_id
from fcemu.core.errors import FCError
from fcemu.core.generation import Generation
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Owner
from fcemu.core.values import dataclass

T = TypeVar("T")

_NO_STORAGE: Final = ": fcemu has no object storage; send the code itself as zipFile"
_INSTEAD: Final = {"GetTempBucketToken": _NO_STORAGE, "GetTempCodeBucketToken": _NO_STORAGE}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of FC's API. ``handler`` is the name under which the server finds what answers it; ``""``: the
    emulator does not have the operation. ``effect``: ``acts``, or ``keeps``: it stores and shows, and nothing follows.
    """

    name: str
    method: str
    path: str
    handler: str = ""
    effect: str = "acts"

    @property
    def refusal(self) -> str:
        """What is said where the emulator does not have it, and what to do instead, if anything helps."""
        return f"{self.name} is not supported yet{_INSTEAD.get(self.name, '')}"


def read_operations(table: str) -> tuple[Operation, ...]:
    """Operations from lines of ``name method path [handler [effect]]``."""
    return tuple(Operation(*line.split()) for line in table.strip().splitlines())


@dataclass(frozen=True, slots=True)
class Target:
    """Which function a request is about, and by which qualifier."""

    ref: FunctionRef
    qualifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one API version writes what the emulator knows. Pure functions over plain values.

    ``read_target``: from path parameters and query; so is ``read_qualifier``, where there may be no function.
    ``read_owner``: whose versions a path is about. ``error_fields``: the body of an error, from it and the request
    id. ``extra_headers``: lines that every answer of this version carries, each ended. The shapes are how resources
    are written; ``tasks`` is how task mode is. ``async_list_extras``: what a list of asynchronous settings has
    besides. The kinds of capacity have shapes, keys of their lists, and their own rule for the qualifier.
    ``tags_answer``: whether tagging answers with a body. ``trace_ids``: whether callers choose the ids of their
    requests.
    """

    version: str
    generation: Generation
    operations: tuple[Operation, ...]
    read_target: Callable[[Mapping[str, str], Mapping[str, str]], Target]
    read_owner: Callable[[Mapping[str, str]], Owner]
    read_qualifier: Callable[[Mapping[str, str], Mapping[str, str]], str]
    error_fields: Callable[[FCError, str], dict[str, str]]
    service: Shape
    function: Shape
    alias: Shape
    trigger: Shape
    async_settings: Shape
    tasks: TaskWords
    domain: Shape
    layer: Shape
    capacities: Mapping[str, Shape]
    capacity_lists: Mapping[str, str]
    capacity_qualifier: Callable[[str, Mapping[str, str], Mapping[str, str]], str]
    async_list_extras: Mapping[str, Any] = field(default_factory=dict)
    tags_answer: bool = False
    trace_ids: bool = False
    extra_headers: str = ""

    def chosen_id(self, headers: CIMultiDictProxy[str]) -> str:
        """The id that a caller has chosen for its request, where this version lets callers choose; else ``""``. Raises
        ``InvalidArgument``. Source: async-invocation §1.2."""
        return trace_id(headers) if self.trace_ids else ""

    def error_body(self, error: FCError, request_id: str) -> bytes:
        """The JSON document of an error."""
        text = json.dumps(self.error_fields(error, request_id), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def fc3_error(error: FCError, request_id: str) -> dict[str, str]:
    """The error form of 2021-04-06 and 2023-03-30 (errors-and-limits §2)."""
    return {"RequestId": request_id, "Code": error.code, "Message": error.message}
