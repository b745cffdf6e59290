"""``OwnRoutes`` finds what answers a request under /_fcemu/, and itself answers for health, document and reset.

The clock is in ``moves.py``, what happened in ``history.py``, what is arranged in ``setup.py``. These modules are
imported for the first request that they answer.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache, partial
from typing import Any, Final

from fcemu.api.mounts import Handler, Mount, late
from fcemu.api.own_answers import BODY_BYTES, answer_of, problem_answer, read_body
from fcemu.api.paths import Paths
from fcemu.api.state import Reset, ServerState
from fcemu.api.wire import Answer, Stream, WireRequest
from fcemu.core.errors import AccessDenied, EntityTooLarge, FCError
from fcemu.engine.closing import ClosedError
from fcemu.own_api import records, routes
from fcemu.own_api.codec import given_in, instant_after, read_member, read_record
from fcemu.own_api.problems import Problem, not_yet
from fcemu.own_api.routes import ROUTES, Route

PREFIX: Final = routes.PREFIX.removeprefix("/")
PAGE: Final[tuple[list[str], ...]] = ([], [""])
"""The paths below it that are the page's."""
TOKENLESS: Final = [route.path.split("/")[1:] for route in ROUTES if route.tokenless]
"""The paths below it whose answers tell nothing, so that they need no token."""
_HERE: Final = ("show_health", "show_document", "retell_invocation", "show_authority", "reset")
_BY_FUNCTIONS: Final[Mapping[str, Handler]] = {
    "show_account": late("fcemu.api.defined", "show_account"),
    "list_functions": late("fcemu.api.defined", "list_functions"),
    "list_timers": late("fcemu.api.defined", "list_timers"),
    "show_metrics": late("fcemu.api.metrics", "show_metrics"),
    "show_page": late("fcemu.api.page", "show_page"),
    "fire_timer": late("fcemu.api.triggers", "fire_timer"),
    "fire_trigger": late("fcemu.api.triggers", "fire_trigger"),
}
"""What answers a route, by its name."""
_BY_METHODS: Final[Mapping[Callable[..., object], tuple[str, ...]]] = {
    late("fcemu.api.history", "History"): (
        *("follow_journal", "show_timeline", "explain"),
        *("list_invocations", "show_invocation", "stop_invocation", "rerun_invocation"),
    ),
    late("fcemu.api.moves", "Moves"): ("show_clock", "change_clock", "advance", "run_next", "run_until_idle"),
    late("fcemu.api.setup", "SetupRoutes"): (
        *("list_faults", "add_fault", "remove_faults", "show_stub", "put_stub", "remove_stub"),
        *("show_definition", "list_problems", "add_definition", "show_code", "show_layer"),
    ),
}
"""The names of routes that an object answers which has the server's state."""
_LOG: Final = logging.getLogger("fcemu.api")


class OwnRoutes:
    """Answers what is under ``/_fcemu/`` for the emulator that ``state`` has."""

    def __init__(self, state: ServerState, mounts: Collection[Mount]) -> None:
        self._state: Final = state
        self._resetting: Final = threading.Lock()
        handlers: dict[str, Handler] = {name: getattr(self, name) for name in _HERE}
        handlers |= _BY_FUNCTIONS
        for make, names in _BY_METHODS.items():
            part = cache(partial(make, state))
            handlers |= {name: partial(_by_method, part, name) for name in names}
        for mount in mounts:
            handlers |= mount.own
        if lost := [route.name for route in ROUTES if route.name not in handlers]:
            raise LookupError(f"routes of /{PREFIX}/ without a handler: {', '.join(lost)}")
        self._paths: Final = Paths((route.method, route.path, (route, handlers[route.name])) for route in ROUTES)

    def find(
        self, method: str, segments: list[str], query: Mapping[str, str]
    ) -> Callable[[WireRequest], Awaitable[Answer | Stream]]:
        """What answers a request; a path that does not exist is answered too."""
        segments = segments or [""]
        found = self._paths.find(method, segments)
        if found is not None:
            (route, handler), path = found
            return lambda request: _answer(route, handler, list(path.values()), query, request)
        path_text = f"/{PREFIX}/{'/'.join(segments)}"
        methods = self._paths.methods(segments)
        if methods:
            return _always(Problem("method-not-allowed", f"{path_text} takes {', '.join(methods)}, not {method}"))
        return _always(Problem("not-found", f"there is nothing at {path_text}"))

    async def show_health(self, request: WireRequest) -> records.Health:
        return records.Health(status="ok", version=self._state.version)

    async def show_document(self, request: WireRequest) -> dict[str, Any]:
        from fcemu.own_api.openapi import document  # no start of a server needs it

        return document(self._state.version)

    async def retell_invocation(self, request: WireRequest, request_id: str) -> str:
        from fcemu.api.retold import Retold  # nor this: what writes tests takes 2 ms and 0.5 MB

        return await Retold(self._state).retell_invocation(request, request_id)

    async def show_authority(self, request: WireRequest) -> str:
        if self._state.tls is None:
            raise Problem("not-found", "this server does not speak TLS")
        return self._state.tls().pem

    async def reset(self, request: WireRequest, new: records.NewStart) -> records.Clock:
        options = given_in(new)
        if new.start is not None:
            options["start"] = read_member("start", new.start, instant_after(request.emulator.clock.started), "field")
        if self._state.reset is None:
            raise not_yet("resetting this emulator")
        try:  # closing the old emulator waits for its handlers, in real time
            await asyncio.to_thread(self._reset_in_turn, self._state.reset, options)
        except ValueError as wrong:
            raise Problem("invalid-field", str(wrong)) from None
        from fcemu.api.moves import clock_record

        return clock_record(self._state.emulator or request.emulator)

    def _reset_in_turn(self, reset: Reset, options: Mapping[str, object]) -> None:
        """A reset ends even if its client has hung up; the next one waits for it."""
        with self._resetting:
            reset(options)


async def _by_method(part: Callable[[], object], name: str, request: WireRequest, *given: object) -> Any:
    return await getattr(part(), name)(request, *given)


async def _answer(
    route: Route[Any], handler: Handler, path: list[str], query: Mapping[str, str], request: WireRequest
) -> Answer | Stream:
    """Give the handler what the route takes, and write what it answers. Raises ``Problem``, and what the handler
    raises."""
    given = [*path, read_record(route.query, query, "parameter")]
    if route.takes is not None:
        given.append(read_body(route, await request.body(BODY_BYTES)))
    told = await handler(request, *(each for each in given if not isinstance(each, records.Nothing)))
    return told if isinstance(told, Answer | Stream) else answer_of(route, told)


def refusal(request: WireRequest, error: Exception) -> Answer:
    """An error as a problem document. What is no ``Problem`` and no ``FCError`` is a defect, and is logged."""
    match error:
        case Problem():
            return problem_answer(error)
        case EntityTooLarge():
            return problem_answer(Problem("too-large", error.message))
        case AccessDenied():
            return problem_answer(Problem("access-denied", error.message, error.status))
        case FCError():
            kind = "invalid-request" if error.status < 500 else "unavailable"
            return problem_answer(Problem(kind, error.message, error.status))
        case ClosedError():
            return problem_answer(Problem("closed", str(error)))
    _LOG.error("%s %s failed", request.method, request.target, exc_info=error)
    return problem_answer(Problem("internal-error", "the emulator failed; its log says how"))


def _always(problem: Problem) -> Callable[[WireRequest], Awaitable[Answer]]:
    async def answer(request: WireRequest) -> Answer:
        return problem_answer(problem)

    return answer
