"""Handlers: get, list and stop tasks."""

from dataclasses import replace
from typing import Final

from fcemu.api.asking import Asking
from fcemu.api.wire import Answer
from fcemu.core.errors import InvalidArgument
from fcemu.core.invocation import Invocation, State
from fcemu.core.paging import page_of, read_token, write_token
from fcemu.core.tasks import Cursor, Query, Record, record


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
    """ASSUMED: fcemu answers a stop with 204 in every version of the API, although a page of 2016-08-15 prints an empty
    200 (task-mode §4.4)."""
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
