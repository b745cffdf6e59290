"""Makes ``os.environ`` a view by context: inside a handler it is the environment of its instance."""

import functools
import os
import subprocess
from collections.abc import Iterator
from typing import Any, Final

from fcemu.runtimes.running import RUNNING, Running


class ContextEnvironment(os._Environ[str]):
    """The class of ``os.environ`` while runtimes are open; outside of handlers it does what it always did."""

    def real_get(self, name: str) -> str | None:
        """The process's variable."""
        try:
            return super().__getitem__(name)
        except KeyError:
            return None

    def __getitem__(self, key: str) -> str:
        running = RUNNING.get()
        if running is None:
            return super().__getitem__(key)
        self.encodekey(key)  # refuses what is not text
        value = running.environment.get(key, running.call, running.namespace, self.real_get)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: str) -> None:
        running = RUNNING.get()
        if running is None:
            super().__setitem__(key, value)
        else:
            self.encodekey(key)
            self.encodevalue(value)
            running.environment.write(key, value, running.namespace)

    def __delitem__(self, key: str) -> None:
        running = RUNNING.get()
        if running is None:
            super().__delitem__(key)
        else:
            self[key]  # raises KeyError
            running.environment.write(key, None, running.namespace)

    def __iter__(self) -> Iterator[str]:
        running = RUNNING.get()
        return super().__iter__() if running is None else iter(self._names(running))

    def __len__(self) -> int:
        running = RUNNING.get()
        return super().__len__() if running is None else len(self._names(running))

    def _names(self, running: Running) -> list[str]:
        return running.environment.names(running.namespace, super().__iter__())

    def __repr__(self) -> str:
        return super().__repr__() if RUNNING.get() is None else f"environ({dict(self)!r})"


_popen: Final = subprocess.Popen.__init__


@functools.wraps(_popen)
def _popen_in_view(self: Any, *args: Any, **kwargs: Any) -> None:
    """A child process without an environment of its own gets the handler's, not the process's."""
    env_position = 10
    if RUNNING.get() is not None and len(args) <= env_position and kwargs.get("env") is None:
        kwargs["env"] = os.environ.copy()
    _popen(self, *args, **kwargs)


def install() -> None:
    """Make ``os.environ`` a view. The object stays the same, so every reference to it is one."""
    os.environ.__class__ = ContextEnvironment
    subprocess.Popen.__init__ = _popen_in_view  # type: ignore[method-assign]


def uninstall() -> None:
    """Undo ``install``."""
    os.environ.__class__ = os._Environ
    if subprocess.Popen.__init__ is _popen_in_view:
        subprocess.Popen.__init__ = _popen  # type: ignore[method-assign]
