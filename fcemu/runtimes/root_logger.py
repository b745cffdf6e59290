"""Makes the root logger a view by context: inside a handler it is preset as FC presets it."""

import logging
from contextlib import suppress
from contextvars import Context
from typing import Any, Final, cast

from fcemu.handler.logs import Format
from fcemu.runtimes.running import RUNNING, Running


class PresetHandler(logging.Handler):
    """The one handler that FC's runtime puts on the root logger: writes to the output of the attempt that logs."""

    def emit(self, record: logging.LogRecord) -> None:
        running = RUNNING.get()
        if running is not None:
            try:
                running.write(self.format(record) + "\n")
            except Exception:
                self.handleError(record)


class RootLogger(logging.RootLogger):
    """The class of the root logger while runtimes are open. What a handler sets stays with its code directory."""

    @property
    def level(self) -> int:
        outside: int = vars(self)["level"]
        running = RUNNING.get()
        if running is None:
            return outside
        own = running.namespace.state.log_level
        return min(outside, logging.INFO) if own is None else own

    @level.setter
    def level(self, level: int) -> None:
        running = RUNNING.get()
        if running is None:
            vars(self)["level"] = level
        else:
            running.namespace.state.log_level = level

    @property
    def handlers(self) -> list[logging.Handler]:
        running = RUNNING.get()
        if running is None:
            return outside_handlers(self)
        state = running.namespace.state
        if state.log_handlers is None:
            state.log_handlers = [_preset()]
        return state.log_handlers

    @handlers.setter
    def handlers(self, handlers: list[logging.Handler]) -> None:
        running = RUNNING.get()
        if running is None:
            vars(self)["handlers"] = handlers
        else:
            running.namespace.state.log_handlers = handlers


def outside_handlers(root: logging.Logger) -> list[logging.Handler]:
    """The root logger's handlers as the test knows them."""
    handlers: list[logging.Handler] = vars(root)["handlers"]
    return handlers


def _preset() -> logging.Handler:
    handler = PresetHandler()
    handler.setFormatter(Format(lambda: cast(Running, RUNNING.get()).call.request_id))
    return handler


_root_class: Final[list[type[logging.RootLogger]]] = []
_is_enabled: Final = logging.Logger.isEnabledFor
_call_handlers: Final = logging.Logger.callHandlers


def _is_enabled_here(self: logging.Logger, level: int) -> bool:
    """Loggers remember the answer; a handler's must not be remembered for the test, nor the other way round."""
    if RUNNING.get() is None:
        return _is_enabled(self, level)
    return not self.disabled and level > self.manager.disable and level >= self.getEffectiveLevel()


def _call_handlers_here(self: logging.Logger, record: logging.LogRecord) -> None:
    """Outside handlers of the root logger (caplog's among them) get what handlers log, too, as outsiders. What they
    raise is no business of the code that logs: caplog's raises for a message that cannot be formatted, FC's does not.
    """
    _call_handlers(self, record)
    if RUNNING.get() is not None and _reaches_root(self):
        for handler in outside_handlers(logging.root):
            if record.levelno >= handler.level:
                with suppress(Exception):
                    Context().run(handler.handle, record)


def _reaches_root(logger: logging.Logger) -> bool:
    at: Any = logger
    while at.parent is not None and at.propagate:
        at = at.parent
    return at is logging.root


def install() -> None:
    """Make the root logger a view."""
    _root_class.append(type(logging.root))
    logging.root.__class__ = RootLogger
    logging.Logger.isEnabledFor = _is_enabled_here  # type: ignore[method-assign]
    logging.Logger.callHandlers = _call_handlers_here  # type: ignore[method-assign]


def uninstall() -> None:
    """Undo ``install``."""
    logging.root.__class__ = _root_class.pop()
    if logging.Logger.isEnabledFor is _is_enabled_here:
        logging.Logger.isEnabledFor = _is_enabled  # type: ignore[method-assign]
    if logging.Logger.callHandlers is _call_handlers_here:
        logging.Logger.callHandlers = _call_handlers  # type: ignore[method-assign]
