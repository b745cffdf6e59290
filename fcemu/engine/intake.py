"""The intake makes invocations of requests, firing timers, events and reports, or refuses them."""

from datetime import timedelta
from typing import Final

from fcemu.core.destinations import FunctionDestination
from fcemu.core.errors import EntityTooLarge, FCError, InvalidArgument, ResourceThrottled
from fcemu.core.facts import Accepted, Warned
from fcemu.core.functions import AsyncSettings, Function, takes_events
from fcemu.core.http import HttpRequest
from fcemu.core.http_events import event_of
from fcemu.core.invocation import Invocation
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.tasks import no_task
from fcemu.core.triggers import Trigger
from fcemu.core.values import value
from fcemu.engine.callers import Callers, Then
from fcemu.engine.clock import later
from fcemu.engine.goals import Answered
from fcemu.engine.movers import Movers
from fcemu.engine.plans import Plan, Plans
from fcemu.engine.runs import Run
from fcemu.engine.tasks import Tasks
from fcemu.engine.world import World

_NO_DELAY: Final = timedelta(0)
_BEHIND: Final = frozenset({"destination", "trigger"})
"""Sources of invocations that lie one step behind the invocation that caused them."""


@value
class Asked:
    """A request to invoke a function. ``access_key_id`` is who signed it; a handler is recognised by its own.

    ``delay``: from the request to the first attempt, for asynchronous invocations. ``task_mode``: this invocation
    becomes a task also where the function's settings do not say so; ``task_id``: what the caller calls it. ``http``:
    the request that came to an HTTP trigger; ``payload`` is its body. ``request_id``: what the caller wants to be the
    id of the invocation.
    """

    ref: FunctionRef
    payload: bytes = b""
    qualifier: str = LATEST
    delay: timedelta = _NO_DELAY
    source: str = "api"
    access_key_id: str = ""
    task_id: str = ""
    task_mode: bool = False
    http: HttpRequest | None = None
    request_id: str = ""


class Intake:
    """Opens invocations. Every method is called with the baton held."""

    def __init__(self, world: World, plans: Plans, movers: Movers, callers: Callers, tasks: Tasks) -> None:
        self._settings: Final = world.settings
        self._limits: Final = world.settings.limits
        self._catalog: Final = world.catalog
        self._chance: Final = world.chance
        self._keys: Final = world.keys
        self._clock: Final = world.clock
        self._journal: Final = world.journal
        self._plans: Final = plans
        self._movers: Final = movers
        self._callers: Final = callers
        self._tasks: Final = tasks
        self.caused: Final[dict[str, int]] = {}
        """How many invocations each first request has caused."""
        self._ids_are_chosen = False
        """Whether a caller has ever said what the id of its invocation is to be."""

    def accept(self, asked: Asked) -> Invocation:
        """See ``Emulator.accept``."""
        delay_max = self._limits.delay_max
        if not _NO_DELAY <= asked.delay <= delay_max:
            raise InvalidArgument.choice(
                "AsyncDelay", f"[0, {delay_max.total_seconds():.0f}]", f"{asked.delay.total_seconds():g}"
            )
        plan = self._plan(asked, self._limits.async_payload_bytes)
        caller = self.caller(asked.access_key_id) if asked.access_key_id else None
        invocation = self._open(plan.resolved.function, asked, caller.invocation if caller else None, plan.asked)
        if self._clock.rate and not asked.delay:
            self._movers.start_at_once(invocation, invocation.accepted.at, plan)
        else:
            self._movers.put(invocation.due, invocation)
        return invocation

    def invoke(self, asked: Asked, then: Then) -> Invocation:
        """See ``Emulator.invoke``."""
        plan = self._plan(asked, self._limits.sync_payload_bytes)
        caller = self.caller(asked.access_key_id) if asked.access_key_id else None
        invocation = self._open(plan.resolved.function, asked, caller.invocation if caller else None, None)
        # Who waits is known before anything starts, at any rate: the clock may be paused while they wait.
        is_nested = caller is not None and not caller.over
        self._callers.expect(invocation, then, nested=is_nested)
        if caller is not None and is_nested:
            self._movers.ending.nest(caller, invocation)
        elif self._movers.outside.errands:
            self._movers.outside.lend(invocation)
        if self._clock.rate:
            self._movers.start_at_once(invocation, invocation.accepted.at, plan)
        else:
            self._movers.put(invocation.due, invocation)
            if not is_nested:  # a goal: it comes last, so that one thread sets out to move the clock, and not two
                self._movers.post(Answered(invocation))
        return invocation

    def fire(self, trigger: Trigger, event: bytes) -> Invocation:
        """A time trigger fires, whatever has become of its function."""
        asked = Asked(trigger.function, event, trigger.qualifier, source="timer")
        settings = self._catalog.async_settings(trigger.function, trigger.qualifier)
        return self._put(self._open(self._catalog.function(trigger.function), asked, None, settings))

    def take_event(self, trigger: Trigger, event: bytes, *, source: str, cause: Invocation | None) -> Invocation:
        """Another service fires a trigger; ``cause``: the invocation whose message did it."""
        asked = Asked(trigger.function, event, trigger.qualifier, source=source)
        if cause is not None:
            self._check_depth(cause)
        plan = self._plan(asked, self._limits.async_payload_bytes)
        return self._put(self._open(plan.resolved.function, asked, cause, plan.asked))

    def take_report(self, destination: FunctionDestination, body: bytes, cause: Invocation) -> Invocation:
        """The report of ``cause`` is for a function."""
        self._check_depth(cause)
        plan = self._plans.plan(destination.ref, destination.qualifier)
        if len(body) > self._limits.async_payload_bytes:
            raise EntityTooLarge(self._limits.async_payload_bytes)
        asked = Asked(destination.ref, body, destination.qualifier, source="destination")
        return self._put(self._open(plan.resolved.function, asked, cause, plan.asked))

    def caller(self, access_key_id: str) -> Run | None:
        """The attempt that runs now and has these credentials."""
        credentials = self._keys.read(access_key_id)
        if credentials is None:
            return None
        runs = self._movers.parking.runs
        return next((run for run in runs if (run.invocation.id, run.number) == credentials), None)

    def _put(self, invocation: Invocation) -> Invocation:
        self._movers.put(invocation.due, invocation)
        return invocation

    def _open(
        self, function: Function, asked: Asked, cause: Invocation | None, settings: AsyncSettings | None
    ) -> Invocation:
        """``settings``: those of the qualifier, ``None`` for a synchronous invocation.

        ASSUMED: fcemu does not give a request id that an invocation has already to another one, which gets an id of its
        own (async-invocation §1.4)."""
        if self._movers.closing.closed:
            raise ResourceThrottled("the emulator is closed")
        is_task = settings is not None and (asked.task_mode or settings.task_mode)
        if is_task and asked.task_id:
            self._tasks.claim(function.ref, asked.task_id)
        if cause is None:
            now = self._clock.shown()
        else:
            self._count_caused(cause.accepted.root)
            now = self._clock.now()
        request_id, known = asked.request_id, self._journal.invocations
        self._ids_are_chosen = self._ids_are_chosen or bool(request_id)
        # An id that is made here is a new one unless a caller has chosen it before. To ask for those that have left
        # memory takes as long as half of an invocation.
        taken = known if self._ids_are_chosen else known.here
        while not request_id or request_id in taken:
            request_id = self._chance.request_id(function.generation, now)
        root, depth = request_id, 0
        if cause is not None:
            root, depth = cause.accepted.root, cause.accepted.depth + (asked.source in _BEHIND)
        payload, http = asked.payload, asked.http
        if http is not None and takes_events(function):
            payload, http = event_of(http, payload, request_id, now, self._settings.account), None
        invocation = self._journal.open(
            Accepted(
                now,
                request_id,
                function.ref,
                asked.qualifier,
                settings is None,
                asked.source,
                payload,
                later(now, asked.delay) if asked.delay else now,
                root,
                depth,
                (asked.task_id or request_id) if is_task else "",
                http,
            )
        )
        if asked.task_id and settings is not None and not is_task:
            self._journal.record(Warned(now, request_id, 0, no_task(function.ref, asked.task_id)), invocation)
        return invocation

    def is_task(self, asked: Asked) -> bool:
        """Whether an asynchronous invocation that is asked for like this becomes a task."""
        return bool(asked.task_mode or self._catalog.async_settings(asked.ref, asked.qualifier).task_mode)

    # What is refused.

    def _plan(self, asked: Asked, at_most: int) -> Plan:
        """What the invocation needs. Raises ``FunctionInvocationDisabled`` for a function that nobody may invoke now,
        ``EntityTooLarge`` for a payload of more than ``at_most`` bytes, and what ``Plans.plan`` raises.

        ASSUMED: fcemu still runs what was accepted before its function was disabled, and disables published versions
        together with their function (wire-api §5).
        """
        plan = self._plans.plan(asked.ref, asked.qualifier)
        if asked.ref.service is None:  # in 2.0 nothing is disabled, and a version outlives its function
            function = plan.resolved.function if asked.qualifier == LATEST else self._catalog.function(asked.ref)
            if (reason := function.disabled) is not None:
                text = f"the invocation of function '{asked.ref}' is disabled" + (f": {reason}" if reason else "")
                raise FCError("FunctionInvocationDisabled", text)
        if len(asked.payload) > at_most:
            raise EntityTooLarge(at_most)
        return plan

    def _count_caused(self, root: str) -> None:
        caused = self.caused.get(root, 0) + 1
        if caused > self._settings.caused_at_most:
            raise FCError(
                "TooManyRequests",
                f"the request {root} has caused {caused - 1} invocations already; the usual reason is a loop of "
                "functions that invoke each other, or of destinations",
            )
        self.caused[root] = caused

    def _check_depth(self, cause: Invocation) -> None:
        depth = cause.accepted.depth + 1
        if depth > self._settings.destination_depth:
            raise FCError(
                "TooManyRequests",
                f"{depth} destinations in a row; the emulator follows {self._settings.destination_depth} "
                "(destinationDepth), because a loop of destinations would never become idle",
            )
