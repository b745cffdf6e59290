"""Tells the timeline of what a handler starts in this process that goes by real time: alarms, foreign contexts.

Waits in a context that knows nothing of its clock are in ``switch.py``. In a child all of these are virtual.
"""

import asyncio
import signal
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Iterator
from typing import Any, Final

from fcemu.handler.time.replacements import Patch
from fcemu.handler.time.switch import CLOCK

_REAL_TIMER: Final = getattr(signal, "ITIMER_REAL", None)
_TASK: Final = (
    "the handler made a task with a context of its own, without its clock; waits and reads of the time are real there"
)
_ALARM: Final = "the handler set an alarm with signal.{}, which counts real time and does not interrupt virtual waits"


def real_waits() -> Iterator[Patch]:
    """What tells of tasks with a context of their own, and of alarms; they go on as before."""
    yield Patch(BaseEventLoop, "create_task", BaseEventLoop.create_task, _telling_of_task(BaseEventLoop.create_task))
    for name, place in (("alarm", 0), ("setitimer", 1)):
        original = getattr(signal, name, None)  # Windows has neither
        if original is not None:
            yield Patch(signal, name, original, _telling_of_alarm(name, original, place))


def _telling_of_task(original: Callable[..., asyncio.Task[Any]]) -> Callable[..., asyncio.Task[Any]]:
    def create_task(self: BaseEventLoop, coro: Any, **keywords: Any) -> asyncio.Task[Any]:
        context = keywords.get("context")
        if context is not None:
            clock = CLOCK.get()
            if clock is not None and CLOCK.is_unset_in(context):
                clock.warn(_TASK, once=True)
        return original(self, coro, **keywords)

    create_task.__doc__ = original.__doc__
    return create_task


def _telling_of_alarm(name: str, original: Callable[..., Any], place: int) -> Callable[..., Any]:
    """``place``: of the seconds among the arguments; 0 of them ends an alarm."""

    def set_alarm(*args: Any) -> Any:
        clock = CLOCK.get()
        if clock is not None and len(args) > place and args[place] and (not place or args[0] == _REAL_TIMER):
            clock.warn(_ALARM.format(name), once=True)
        return original(*args)

    set_alarm.__name__ = set_alarm.__qualname__ = name
    set_alarm.__doc__ = original.__doc__
    return set_alarm
