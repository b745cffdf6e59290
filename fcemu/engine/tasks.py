"""FC's task mode finds, lists and stops asynchronous invocations; which of them are tasks, the journal says."""

from typing import Final

from fcemu.core import tasks
from fcemu.core.errors import InvalidArgument, ResourceThrottled
from fcemu.core.facts import StopAsked, Stopped
from fcemu.core.invocation import Invocation, Recorded, State, Summary
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import HUNG_UP
from fcemu.engine.movers import Movers
from fcemu.engine.world import World


class Tasks:
    """FC's task mode over the journal. Methods may be called from any thread unless they say otherwise.

    ASSUMED: fcemu finds a task through no other qualifier than the one with which it was submitted, and keeps its id
    taken for the whole function (async-invocation §4, task-mode §4.2).
    """

    def __init__(self, world: World, movers: Movers) -> None:
        self._baton: Final = world.baton
        self._clock: Final = world.clock
        self._catalog: Final = world.catalog
        self._journal: Final = world.journal
        self._settings: Final = world.settings
        self._movers: Final = movers

    def find(self, ref: FunctionRef, qualifier: str, task_id: str) -> Invocation:
        """The task of that id, read from the store where it is kept there alone. Raises what ``Catalog.find`` raises,
        ``StatefulAsyncInvocationNotFound`` (2.0) or ``AsyncTaskNotFound`` (3.0)."""
        with self._baton:
            return self._journal.whole(self._find(ref, qualifier, task_id))

    def page(self, ref: FunctionRef, qualifier: str, query: tasks.Query) -> tasks.Page:
        """A part of the list of a function's tasks. Raises what ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            there = self._journal.tasks.get(ref, {}).values()
            return tasks.page((task for task in there if self._shows(task, qualifier)), query)

    def functions(self) -> list[tuple[FunctionRef, str]]:
        """The functions of 2.0 in task mode, each with the qualifier, in order of name and qualifier."""
        with self._baton:
            found = [
                (function.ref, qualifier)
                for function in self._catalog
                for qualifier, asked in self._catalog.asynchronous.of(function.ref).items()
                if function.ref.service is not None and asked.task_mode
            ]
        return sorted(found, key=lambda one: (one[0].service or "", one[0].name, one[1]))

    def stop(self, ref: FunctionRef, qualifier: str, task_id: str) -> None:
        """Stop a task: at once what is not running, else as soon as the clock moves.

        Raises what ``find`` raises, ``InvalidArgument`` for a task that has ended. Nothing happens to one that is
        being stopped.
        """
        with self._baton:
            self._stop(self._find(ref, qualifier, task_id))

    def stop_invocation(self, invocation: Recorded) -> None:
        """Stop any asynchronous invocation, a task or not. Raises ``InvalidArgument``."""
        with self._baton:
            self._stop(invocation)

    def hang_up(self, invocation: Invocation) -> None:
        """Whoever waited for the answer of a synchronous invocation is gone: it is canceled. Repeatable.

        Source: timers-and-instances §3.5. ASSUMED: fcemu lets an invocation that a handler called continue, because it
        cannot know at which virtual instant that handler's connection was closed (timers-and-instances §3.5).
        """
        with self._baton:
            if invocation.accepted.root != invocation.id or invocation.finished or self._movers.closing.closed:
                return
            if invocation.state is not State.STOPPING:
                self._cancel(invocation, HUNG_UP)

    def claim(self, ref: FunctionRef, task_id: str) -> None:
        """Called with the baton held before a task is submitted that its caller named.

        Raises ``InvalidArgument``, ``StatefulAsyncInvocationAlreadyExists`` (2.0) or ``AsyncTaskAlreadyExists`` (3.0).
        """
        tasks.check_task_id(ref, task_id)
        there = self._journal.tasks.get(ref, {}).get(task_id)
        if there is not None and self._is_kept(there):
            raise tasks.already_exists(ref, task_id)

    def _find(self, ref: FunctionRef, qualifier: str, task_id: str) -> Recorded:
        self._catalog.find(ref, qualifier)
        task = self._journal.tasks.get(ref, {}).get(task_id)
        if task is None or not self._shows(task, qualifier):
            raise tasks.not_found(ref, task_id)
        return task

    def _shows(self, task: Recorded, qualifier: str) -> bool:
        return task.qualifier == qualifier and self._is_kept(task)

    def _is_kept(self, task: Recorded) -> bool:
        return tasks.is_kept(task, self._clock.shown(), self._settings.task_retention)

    def _stop(self, invocation: Recorded) -> None:
        """ASSUMED: fcemu answers the stop of a task that is being stopped with success (task-mode §4.4)."""
        if invocation.synchronous:
            raise InvalidArgument("a synchronous invocation can not be stopped")
        if isinstance(invocation, Summary) or invocation.finished:
            raise tasks.cannot_stop(invocation)
        if invocation.state is State.STOPPING:
            return
        if self._movers.closing.closed:
            raise ResourceThrottled("the emulator is closed")
        self._cancel(invocation, "stopped as asked")

    def _cancel(self, invocation: Invocation, why: str) -> None:
        busy = self._movers.parking.in_flight or self._movers.goals
        now = self._clock.now() if busy else self._clock.shown()
        runs = invocation.state is State.RUNNING
        self._journal.record(StopAsked(now, invocation.id), invocation)
        if runs:
            self._movers.ending.halt(invocation, now, why)
        else:
            self._journal.record(Stopped(now, invocation.id), invocation)
