"""This event loop serves: it reads the real time and waits in the real ``select``, whatever handlers see.

Functions of asyncio, ``selectors`` and ``select`` are exchanged for the handlers of this process. The server works
without what is exchanged, which would look for a handler's clock several times in each turn of the loop. This module
is imported before anything is exchanged.
"""

import asyncio
import select
import selectors
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fcemu.engine import real
from fcemu.handler.system import EPOLL

_LOOP: Final[Any] = asyncio.SelectorEventLoop

if EPOLL:
    _POLL: Final = select.epoll.poll
    _SELECT: Final = selectors.EpollSelector.select

    class _Epoll:
        """An ``epoll`` whose ``poll`` is the real one."""

        def __init__(self, epoll: select.epoll) -> None:
            self.poll: Final = partial(_POLL, epoll)
            self.register: Final = epoll.register
            self.unregister: Final = epoll.unregister
            self.modify: Final = epoll.modify
            self.fileno: Final = epoll.fileno
            self.close: Final = epoll.close

    class _EpollSelector(selectors.EpollSelector):
        select = _SELECT

        def __init__(self) -> None:
            super().__init__()
            self._selector: Any = _Epoll(self._selector)

    _new_selector: Callable[[], selectors.BaseSelector] = _EpollSelector
else:

    class _OtherSelector(selectors.DefaultSelector):
        select = selectors.DefaultSelector.select

    _new_selector = _OtherSelector


class ServerLoop(asyncio.SelectorEventLoop):
    """An event loop for a server beside handlers."""

    time = staticmethod(real.monotonic)
    create_task = _LOOP.create_task
    _write_to_self = _LOOP._write_to_self

    def __init__(self) -> None:
        super().__init__(_new_selector())
