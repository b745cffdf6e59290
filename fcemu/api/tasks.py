"""Task mode on the wire: its headers, its records, and the handlers that get, list and stop tasks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from multidict import CIMultiDictProxy, istr

from fcemu.api.asking import Asking
from fcemu.api.shapes import Shape, Shows
from fcemu.api.wire import Answer
from fcemu.core.errors import InvalidArgument
from fcemu.core.invocation import Invocation, State
from fcemu.core.names import function_arn
from fcemu.core.paging import page_of, read_token, write_token
from fcemu.core.tasks import Cursor, Query, Record, record
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

        ASSUMED: where the function is not in task mode the id is not looked at, so that it may be anything.
        ASSUMED: ``false`` is the same as no switch: it does not make a task of a function in task mode a plain one.
        """
        switch = headers.get(self.enable_header, "").strip() if self.enable_header else ""
        if switch.lower() not in ("", "true", "false"):
            raise InvalidArgument.choice("StatefulAsyncInvocationEnable", "true | false", switch)
        return headers.get(self.id_header, "").strip(), switch.lower() == "true"


def _events(task: Record, asking: Asking) -> list[dict[str, Any]]:
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
"""Source: task-mode §3.2, §4.2. ASSUMED: an empty list is ``[]``."""


def get_task(asking: Asking) -> Answer:
    task = asking.request.emulator.tasks.find(asking.ref, asking.qualifier, asking.path["id"])
    return asking.answer(asking.dialect.tasks.shape.write(_read(asking, task), asking))


def list_tasks(asking: Asking) -> Answer:
    """The payload is left empty unless ``includePayload`` is true."""
    words, with_payload = asking.dialect.tasks, asking.flag("includePayload")
    emulator = asking.request.emulator
    page = emulator.tasks.page(asking.ref, asking.qualifier, _query(asking))
    records = [_read(asking, emulator.journal.whole(task)) for task in page.tasks]
    written = [words.shape.write(each if with_payload else replace(each, payload=""), asking) for each in records]
    document = {words.list_key: written or words.empty, **words.ends_with}
    if page.next is not None:
        document["nextToken"] = write_token(page.next.text())
    return asking.answer(document)


def stop_task(asking: Asking) -> Answer:
    """ASSUMED: 204 in every version, although a page of 2016-08-15 prints an empty 200 (task-mode §4.4)."""
    asking.request.emulator.tasks.stop(asking.ref, asking.qualifier, asking.path["id"])
    return asking.answer()


def list_task_functions(asking: Asking) -> Answer:
    """The functions of 2.0 that are in task mode, by qualifier."""
    page = page_of(asking.request.emulator.tasks.functions(), asking.wanted)
    data = [
        {"serviceName": ref.service, "functionName": ref.name, "qualifier": qualifier} for ref, qualifier in page.items
    ]
    return asking.answer({"data": data, "nextToken": write_token(page.next)})


def _read(asking: Asking, task: Invocation) -> Record:
    """The record, which somebody has now looked at."""
    asking.request.emulator.read_outside.add(task.id)
    return record(task)


def _query(asking: Asking) -> Query:
    """Raises ``InvalidArgument``."""
    query, prefix = asking.query, asking.dialect.tasks.prefix
    status, order = query.get("status", ""), query.get("sortOrderByTime", "").lower() or "desc"
    if status and status not in {str(state) for state in State}:
        raise InvalidArgument.choice("Status", " | ".join(State), status)
    if order not in ("asc", "desc"):
        raise InvalidArgument.choice("SortOrderByTime", "asc | desc", query["sortOrderByTime"])
    token = query.get("nextToken", "")
    return Query(
        status=State(status) if status else None,
        prefix=query.get(prefix, ""),
        begin_ms=asking.whole("startedTimeBegin"),
        end_ms=asking.whole("startedTimeEnd"),
        newest_first=order == "desc",
        limit=asking.wanted.limit,
        after=Cursor.parse(read_token(token)) if token else None,
    )


HANDLERS: Final = {handler.__name__: handler for handler in (get_task, list_tasks, stop_task, list_task_functions)}
