"""fcemu's own routes under /_fcemu/: health, clock, reset; what happened is in history.py, what is
arranged in setup.py."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from fcemu.api import metrics, problems, timers, triggers
from fcemu.api.dialect import ANY_METHOD, Paths
from fcemu.api.history import History, one_invocation, records
from fcemu.api.mounts import Handler
from fcemu.api.problems import Problem, json_answer, not_yet, read_members, read_object
from fcemu.api.setup import SetupRoutes
from fcemu.api.state import Reset, ServerState
from fcemu.api.wakeups import resolve
from fcemu.api.wire import Answer, Stream, WireRequest, status_line
from fcemu.core.errors import AccessDenied, EntityTooLarge, FCError, InvalidArgument
from fcemu.core.facts import time_text
from fcemu.core.times import parse_instant
from fcemu.engine.emulator import ClosedError, Emulator, NotIdle
from fcemu.engine.goals import Goal

PREFIX: Final = "_fcemu"
TOKENLESS: Final = (["health"], ["ca.pem"])
"""The paths below it whose answers tell nothing, so that they need no token."""

LATER: Final = {
    (ANY_METHOD, "/"): "the page",
    (ANY_METHOD, "/openapi.json"): "the OpenAPI document",
}
"""What later versions bring: refused by name, never ignored."""

_BODY_BYTES: Final = 1024 * 1024
_LONGEST_MOVE_SECONDS: Final = 30 * 86400
_LOOK_SECONDS: Final = 0.5
_LOG: Final = logging.getLogger("fcemu.api")


class Control:
    """Answers what is under ``/_fcemu/`` for the emulator that ``state`` has."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state
        self._resetting: Final = threading.Lock()
        own: dict[tuple[str, str], Handler] = {
            ("GET", "/health"): self._health,
            ("GET", "/ca.pem"): self._authority,
            ("GET", "/clock"): self._show_clock,
            ("PATCH", "/clock"): self._change_clock,
            ("POST", "/clock/advance"): self._advance,
            ("POST", "/clock/run-until-idle"): self._run_until_idle,
            ("POST", "/clock/run-next"): self._run_next,
            ("POST", "/reset"): self._reset,
            ("GET", "/metrics"): metrics.show,
            ("POST", "/invocations/{id}/stop"): self._stop,
        }
        later = {pattern: _later(what) for pattern, what in LATER.items()}
        self.routes: Final[Mapping[tuple[str, str], Handler]] = (
            own
            | History(state).routes
            | {pattern: handler for mount in state.mounts for pattern, handler in mount.own.items()}
            | dict(timers.ROUTES)
            | dict(triggers.ROUTES)
            | SetupRoutes(state).routes
            | later
        )
        """By method and path below ``/_fcemu``."""
        self._paths: Final = Paths((method, path, handler) for (method, path), handler in self.routes.items())

    def find(
        self, method: str, segments: list[str], query: Mapping[str, str]
    ) -> Callable[[WireRequest], Awaitable[Answer | Stream]]:
        """What answers a request; a path that does not exist is answered too."""
        segments = segments or [""]
        found = self._paths.find(method, segments)
        if found is not None:
            handler, parameters = found
            return lambda request: handler(request, parameters, query)
        path = f"/{PREFIX}/{'/'.join(segments)}"
        methods = self._paths.methods(segments)
        if methods:
            problem = Problem(405, "method-not-allowed", f"{path} takes {', '.join(methods)}, not {method}")
        else:
            problem = Problem(404, "not-found", f"there is nothing at {path}")
        return _always(problem)

    # Health and reset.

    async def _health(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        return json_answer({"status": "ok", "version": self._state.version})

    async def _authority(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        if self._state.tls is None:
            raise Problem(404, "not-found", "this server does not speak TLS")
        head = f"{status_line(200)}Content-Type: application/x-pem-file\r\n"
        return Answer(200, head, self._state.tls().pem.encode())

    async def _reset(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        started = request.emulator.clock.started
        options = await _object(
            request,
            seed=problems.within("seed"),
            start=problems.instant_text(lambda text: parse_instant(text, started)),
        )
        if self._state.reset is None:
            raise not_yet("resetting this emulator")
        try:  # closing the old emulator waits for its handlers, in real time
            await asyncio.to_thread(self._reset_in_turn, self._state.reset, options)
        except ValueError as wrong:
            raise Problem(400, "invalid-field", str(wrong)) from None
        return json_answer(_clock(self._state.emulator or request.emulator))

    def _reset_in_turn(self, reset: Reset, options: Mapping[str, object]) -> None:
        """A reset ends even if its client has hung up; the next one waits for it."""
        with self._resetting:
            reset(options)

    async def _stop(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        """Answers with the record, which is Stopping where the invocation ran."""
        read_members(query, {}, "parameter")
        await _object(request)
        invocation = one_invocation(request.emulator, path["id"])
        try:
            request.emulator.tasks.stop_invocation(invocation)
        except InvalidArgument as refused:
            raise Problem(409, "cannot-stop", refused.message) from None
        return await records(request.emulator, invocation)

    # The clock.

    async def _show_clock(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        read_members(query, {}, "parameter")
        return json_answer(_clock(request.emulator))

    async def _change_clock(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        emulator = request.emulator
        given = await _object(request, rate=problems.within("rate"), autojump=problems.truth)
        if "rate" in given:
            emulator.rate = given["rate"]
        if "autojump" in given:
            emulator.autojump = given["autojump"]
        return json_answer(_clock(emulator))

    async def _advance(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        emulator = request.emulator
        started = emulator.clock.started
        given = await _object(
            request,
            seconds=problems.seconds,
            by=problems.duration,
            to=problems.instant_text(lambda text: parse_instant(text, started)),
        )
        if len(given) != 1:
            names = ", ".join(given) or "none of them"
            raise Problem(400, "invalid-body", f"found {names}; expected exactly one of the fields seconds, by, to")
        ((name, value),) = given.items()
        advance = emulator.advance_to if name == "to" else emulator.advance
        try:
            return await self._move(emulator, partial(advance, value))
        except ValueError as refused:
            if name != "to" and value.total_seconds() >= 0:
                raise Problem(400, "invalid-field", f"field {name!r}: {refused}", field=name) from None
            raise Problem(409, "backwards", str(refused), explain=emulator.explain().text) from None

    async def _run_until_idle(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        given = await _object(request, at_most_seconds=problems.not_negative_seconds)
        at_most = given.get("at_most_seconds", problems.seconds(_LONGEST_MOVE_SECONDS))
        return await self._move(request.emulator, partial(request.emulator.run_until_idle, at_most))

    async def _run_next(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        await _object(request)
        return await self._move(request.emulator, request.emulator.run_next)

    async def _move(self, emulator: Emulator, begin: Callable[[], Goal]) -> Answer:
        """Move the clock and answer when all that fell due has run. Raises ``Problem``, and what ``begin`` raises."""
        after = len(emulator.journal)
        try:
            goal = begin()
            await self._until(emulator, goal)
            if goal.error is not None:
                raise goal.error
        except NotIdle as not_idle:
            summary, _, explanation = str(not_idle).partition("\n")
            raise Problem(409, "not-idle", summary, explain=explanation) from None
        except ClosedError as closed:
            raise Problem(409, "closed", str(closed)) from None
        now = time_text(emulator.clock.shown())
        return json_answer({"now": now, "after": after, "facts": len(emulator.journal) - after})

    async def _until(self, emulator: Emulator, goal: Goal) -> None:
        """Wait for ``goal`` without blocking the event loop; a clock that is stuck in real time is a ``Problem``."""
        reached = asyncio.get_running_loop().create_future()
        goal.when_reached(partial(self._state.wakeups.call, resolve, reached, None))
        patience = emulator.new_patience()
        try:
            while not (await asyncio.wait({reached}, timeout=min(_LOOK_SECONDS, emulator.patience)))[0]:
                if patience.is_over():
                    detail = f"no progress for {emulator.patience:g} real seconds"
                    raise Problem(409, "clock-stuck", detail, explain=emulator.explain().text)
        finally:
            if not goal.reached:
                emulator.forget(goal)


def refusal(request: WireRequest, error: Exception) -> Answer:
    """An error as a problem document. What is no ``Problem`` and no ``FCError`` is a defect, and is logged."""
    match error:
        case Problem():
            return error.answer()
        case EntityTooLarge():
            return Problem(413, "too-large", error.message).answer()
        case FCError():
            kind = "invalid-request" if error.status < 500 else "unavailable"
            if isinstance(error, AccessDenied):
                kind = "access-denied"
            return Problem(error.status, kind, error.message).answer()
    _LOG.error("%s %s failed", request.method, request.target, exc_info=error)
    return Problem(500, "internal-error", "the emulator failed; its log says how").answer()


def _later(what: str) -> Handler:
    async def handler(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
        raise not_yet(what)

    return handler


def _always(problem: Problem) -> Callable[[WireRequest], Awaitable[Answer]]:
    async def answer(request: WireRequest) -> Answer:
        return problem.answer()

    return answer


async def _object(request: WireRequest, **readers: problems.Reader) -> dict[str, Any]:
    return read_object(await request.body(_BODY_BYTES), readers)


def _clock(emulator: Emulator) -> dict[str, Any]:
    due = emulator.next_due()
    return {
        "now": time_text(emulator.clock.shown()),
        "started": time_text(emulator.clock.started),
        "rate": emulator.rate,
        "autojump": emulator.autojump,
        "next_due": None if due is None else time_text(due),
        "in_flight": emulator.in_flight,
        "behind": emulator.behind.total_seconds(),
    }
