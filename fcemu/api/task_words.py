"""TaskWords: how the API versions write task mode, its headers and its records."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from multidict import CIMultiDictProxy, istr

from fcemu.api.shapes import Shape, Shows, View
from fcemu.core.errors import InvalidArgument
from fcemu.core.names import function_arn
from fcemu.core.tasks import Record
from fcemu.core.times import milliseconds
from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWords:
    """How one API version writes tasks. ``enable_header``: its switch for one request, where it has one.

    ``list_key`` and ``prefix``: what a list is called in its answer, and the parameter that filters ids.
    ``empty``: an empty list; ``ends_with``: what a list has besides on its last page.
    """

    id_header: istr
    shape: Shape
    list_key: str
    prefix: str
    enable_header: istr | None = None
    empty: list[Any] | None = None
    ends_with: Mapping[str, Any]

    def read(self, headers: CIMultiDictProxy[str]) -> tuple[str, bool]:
        """The id that an asynchronous request gives, and whether it asks for task mode. Raises ``InvalidArgument``.

        ASSUMED: fcemu does not look at the id of a task where the function is not in task mode, so that it may be
        anything (async-invocation §4). ASSUMED: fcemu treats the value ``false`` of the header that switches task mode
        on as if the header were missing: it does not make a task of a function in task mode a plain invocation
        (task-mode §1).
        """
        switch = headers.get(self.enable_header, "").strip() if self.enable_header else ""
        if switch.lower() not in ("", "true", "false"):
            raise InvalidArgument.choice("StatefulAsyncInvocationEnable", "true | false", switch)
        return headers.get(self.id_header, "").strip(), switch.lower() == "true"


def _events(task: Record, asking: View) -> list[dict[str, Any]]:
    return [
        {
            "eventId": event.number,
            "status": event.status,
            "timestamp": milliseconds(event.at),
            "eventDetail": event.detail,
        }
        for event in task.events
    ]


_TIMES: Final = (
    Shows("status", lambda task, _: task.status),
    Shows("startedTime", lambda task, _: milliseconds(task.started)),
    Shows("endTime", lambda task, _: 0 if task.ended is None else milliseconds(task.ended)),
    Shows("destinationStatus", lambda task, _: task.goal),
    Shows("alreadyRetriedTimes", lambda task, _: task.retries),
)
_RAN: Final = (
    Shows("instanceId", lambda task, _: task.instance_id),
    Shows("durationMs", lambda task, _: round(task.duration.total_seconds() * 1000)),
    Shows("returnPayload", lambda task, _: task.returned),
    Shows("events", _events),
)
_FC2_FIELDS: Final = (
    Shows("serviceName", lambda task, _: task.function.service),
    Shows("functionName", lambda task, _: task.function.name),
    Shows("qualifier", lambda task, _: task.qualifier),
    Shows("invocationId", lambda task, _: task.task_id),
    Shows("requestId", lambda task, _: task.request_id),
    *_TIMES,
    Shows("invocationErrorMessage", lambda task, _: task.error),
    Shows("invocationPayload", lambda task, _: task.payload),
)
V2016: Final = TaskWords(
    id_header=istr("X-Fc-Stateful-Async-Invocation-Id"),
    shape=Shape.of(*_FC2_FIELDS),
    list_key="invocations",
    prefix="invocationIdPrefix",
    ends_with={},
)
"""Source: task-mode §3.1, §4.2. An empty list is ``null`` there, as the Java SDK's test asserts."""
V2021: Final = replace(
    V2016,
    shape=Shape.of(*_FC2_FIELDS, *_RAN),
    enable_header=istr("X-Fc-Stateful-Async-Invocation-Enable"),
    empty=[],
    ends_with={"nextToken": ""},
)
V2023: Final = TaskWords(
    id_header=istr("X-Fc-Async-Task-Id"),
    shape=Shape.of(
        Shows("taskId", lambda task, _: task.task_id),
        Shows("requestId", lambda task, _: task.request_id),
        Shows("functionArn", lambda task, asking: function_arn(task.function, task.qualifier, asking.account)),
        Shows("qualifier", lambda task, _: task.qualifier),
        *_TIMES,
        Shows("taskErrorMessage", lambda task, _: task.error),
        Shows("taskPayload", lambda task, _: task.payload),
        *_RAN,
    ),
    list_key="tasks",
    prefix="prefix",
    empty=[],
    ends_with={"nextToken": ""},
)
"""Source: task-mode §3.2, §4.2. ASSUMED: fcemu writes an empty list of tasks as ``[]`` in 3.0 (task-mode §4.2)."""
