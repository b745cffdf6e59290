"""Calling a handler and the hooks of its instance, and FC's name and document for what they raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from fcemu.handler.bounded import Bounded, Late
from fcemu.handler.call import Call
from fcemu.handler.context import context_for
from fcemu.handler.documents import error_document, load_error_document, payload_of
from fcemu.handler.hooks import INITIALIZE, PRE_FREEZE, PRE_STOP, end_line, late_initializer, start_line
from fcemu.handler.loading import Handler, LoadFailed, Modules, handler_of
from fcemu.handler.time.switch import CLOCK
from fcemu.handler.wsgi import Answer, ask


def call_handler(modules: Modules, call: Call, given: Handler | None = None) -> tuple[bytes, Answer | None]:
    """The body for what the handler returned; and status and headers, if it is an HTTP function of 2.0.

    ``given`` runs instead of what the handler string names. Raises what the handler raises, and ``LoadFailed``.
    """
    __tracebackhide__ = True
    function = call.function
    handler = given or handler_of(modules, function)
    context = context_for(call)
    if call.http is not None and function.ref.service is not None:
        answer = ask(handler, call.http, call.payload, context, function.handler)
        return answer.body, answer
    return payload_of(handler(call.payload, context)), None


def failure_of(error: Exception, call: Call) -> tuple[str, bytes]:
    """FC's name and document for what ``call_handler`` raised."""
    if isinstance(error, LoadFailed):
        return error.name, load_error_document(error.name, error.message, error.__cause__, call.function)
    return type(error).__name__, error_document(error, call.function)


class NotInitialized(Exception):
    """The initializer failed; its instance is to be given up (runtimes §1.5)."""

    def __init__(self, name: str, document: bytes) -> None:
        super().__init__(name)
        self.name = name
        self.document = document


def initialize(modules: Modules, call: Call, write: Callable[[str], object]) -> None:
    """Run the initializer of an instance, before its first handler. Raises ``NotInitialized``, and what ends processes.

    The time it takes is that of the attempt (timers-and-instances §3.4).
    """
    function = call.function
    seconds = function.initialization_timeout.total_seconds()
    write(start_line(INITIALIZE, call.request_id))
    failed = True
    call.clock.prepare(seconds)
    try:
        _call_hook(modules, call, function.initializer, seconds)
        failed = False
        call.clock.begin_handler()
    except Late:
        document = json.dumps({"errorMessage": late_initializer(seconds)}).encode()
        raise NotInitialized("FunctionTimeoutError", document) from None
    except Exception as error:
        raise NotInitialized(*failure_of(error, call)) from error
    finally:
        write(end_line(INITIALIZE, call.request_id, failed=failed))


def pre_freeze(modules: Modules, call: Call, write: Callable[[str], object]) -> None:
    """Run the hook before an instance is frozen; what it comes to changes nothing.

    ASSUMED: fcemu runs the pre-freeze hook inside the attempt, whose time it takes; in FC it is not part of the
    duration (runtimes §1.5).
    """
    _call_quietly(modules, call, write, PRE_FREEZE, call.function.pre_freeze, call.function.pre_freeze_timeout)


def pre_stop(modules: Modules, call: Call, write: Callable[[str], object]) -> None:
    """Run the hook before an instance is stopped; what it comes to changes nothing."""
    _call_quietly(modules, call, write, PRE_STOP, call.function.pre_stop, call.function.pre_stop_timeout)


def _call_quietly(
    modules: Modules, call: Call, write: Callable[[str], object], hook: str, name: str, timeout: timedelta
) -> None:
    failed = True
    write(start_line(hook, call.request_id))
    with suppress(Exception, Late):
        _call_hook(modules, call, name, timeout.total_seconds(), ends=hook != PRE_STOP)
        failed = False
    write(end_line(hook, call.request_id, failed=failed))


def _call_hook(modules: Modules, call: Call, name: str, seconds: float, *, ends: bool = True) -> None:
    """Raises ``Late`` when it takes longer than ``seconds``. ``ends``: whether the hook is part of an attempt."""
    clock = Bounded(call.clock, seconds, ends=ends)
    before = CLOCK.set(clock)
    try:
        hook = handler_of(modules, call.function, name)
        context: Any = context_for(call)
        context.function.handler = name
        hook(context)
    finally:
        CLOCK.reset(before)
    if clock.left() < 0:
        raise Late
