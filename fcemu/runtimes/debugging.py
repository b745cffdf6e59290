"""Which function is debugged: one of its instances at a time waits for a client at a port."""

import threading
from typing import Final

from fcemu.core.functions import Function
from fcemu.core.names import FunctionRef
from fcemu.runtimes.listening import is_connected


class Debugging:
    """``function``: whose instances wait for a client before their first attempt. ``port``: where, on 127.0.0.1.

    One instance at a time has the port. Others that run beside it are not debugged.
    """

    def __init__(self, function: FunctionRef, port: int) -> None:
        self.function: Final = function
        self.port: Final = port
        self._lock: Final = threading.Lock()
        self._holder: object | None = None

    def take(self, function: Function, instance: object) -> bool:
        """Whether ``instance`` is to be debugged; then it has the port until it gives it back."""
        with self._lock:
            if function.ref != self.function or self._holder not in (None, instance):
                return False
            self._holder = instance
            return True

    def give_back(self, instance: object) -> None:
        """The process of ``instance`` has ended, or is about to; repeatable."""
        with self._lock:
            if self._holder is instance:
                self._holder = None

    def is_attached(self) -> bool:
        """Whether a client is connected now; where the system does not tell, always."""
        return is_connected(self.port) is not False
