"""The runtimes by the names that functions give, and what all of them can do beside running functions."""

from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from fcemu.core.functions import PYTHON_RUNTIMES, Function
from fcemu.core.languages import CUSTOM_RUNTIMES, NODE_RUNTIMES
from fcemu.core.names import Account
from fcemu.engine.ports import AttemptClock, Runtime

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from fcemu.runtimes.debugging import Debugging


class CodeRuntime(Runtime, Protocol):
    """A runtime that runs the code of functions."""

    def module_of(self, function: Function, clock: AttemptClock, account: Account) -> ModuleType:
        """The module of the function's handler, loaded if it was not; raises what its body raises, and ``LookupError``
        where a test cannot have it."""

    def forget(self, code: str) -> None:
        """The code in this directory was changed: the next attempt loads it anew."""


def runtime_named(
    name: str,
    *,
    process: bool = False,
    python: str = "",
    debugging: "Debugging | None" = None,
    loop: "AbstractEventLoop | None" = None,
    pass_env: Sequence[str] | None = None,
) -> Callable[..., CodeRuntime]:
    """What makes the runtime of functions whose ``runtime`` is ``name``; raises ``ValueError`` for an unknown one.

    ``process``: Python handlers run in processes of their own, as those of other languages always do; ``python``: by
    which Python, if not by this one. ``debugging``: which function waits for a debugger. ``loop``: the one that
    serves requests, if there is one. ``pass_env``: which variables of this process handlers in other processes get
    beside those that programs need; ``None``: all. It is made with variables that handlers get besides FC's, e.g.
    where the emulator listens. Imported when asked for.
    """
    if name in PYTHON_RUNTIMES and process:
        from fcemu.runtimes.python_process import PythonProcess

        return partial(PythonProcess, python=python, debugging=debugging, loop=loop, pass_env=pass_env)
    if name in PYTHON_RUNTIMES:
        from fcemu.runtimes.python_inline import PythonInline

        return PythonInline
    if name in NODE_RUNTIMES:
        from fcemu.runtimes.node import NodeRuntime

        return partial(NodeRuntime, debugging=debugging, pass_env=pass_env)
    if name in CUSTOM_RUNTIMES:
        from fcemu.runtimes.custom import CustomRuntime

        return partial(CustomRuntime, pass_env=pass_env)
    known = ", ".join((*PYTHON_RUNTIMES, *NODE_RUNTIMES, *CUSTOM_RUNTIMES))
    raise ValueError(f"runtime {name!r} is not supported yet; expected one of {known}")
