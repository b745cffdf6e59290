"""Rerun: the event of an invocation is accepted again."""

from datetime import timedelta

from fcemu.core.asking import read_delay
from fcemu.core.invocation import Invocation, Recorded
from fcemu.core.tasks import no_task
from fcemu.engine.emulator import Asked, Emulator


def rerun(
    emulator: Emulator,
    recorded: Recorded,
    payload: bytes | None = None,
    delay: timedelta = timedelta(0),
    task_id: str = "",
) -> Invocation:
    """Accept what ``recorded`` was asked for again, as an asynchronous invocation of the same function and qualifier,
    with another ``payload`` where one is given; it runs when the clock gets there.

    A request of an HTTP trigger that the function got as it was is handed on again, with ``payload`` as its body. What
    was a task becomes a task, named ``task_id`` or by its request id. Raises ``ValueError`` for a task id that would
    not be looked at, and what ``Emulator.accept`` raises.
    """
    first = emulator.journal.whole(recorded).accepted
    asked = Asked(
        first.function,
        first.payload if payload is None else payload,
        first.qualifier,
        read_delay(f"{delay.total_seconds():.15g}", emulator.settings.limits),
        "api" if first.http is None else "http",
        task_id=task_id,
        task_mode=bool(first.task_id),
        http=first.http,
    )
    if task_id and not emulator.is_task(asked):
        raise ValueError(no_task(asked.ref, task_id))
    return emulator.accept(asked)
