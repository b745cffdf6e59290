"""The runtimes behind one server, each made when the first function needs it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, cast

from fcemu.config import Definition
from fcemu.core.functions import DEFAULT_RUNTIME
from fcemu.core.names import FunctionRef
from fcemu.core.stubs import Handler, step_of
from fcemu.engine.at_rest import AtRest
from fcemu.engine.emulator import Emulator
from fcemu.engine.ports import StandIn
from fcemu.runtimes import CodeRuntime, runtime_named

if TYPE_CHECKING:
    from fcemu.packages import UnpackedPackages
    from fcemu.runtimes.debugging import Debugging
    from fcemu.runtimes.python_inline import PythonInline


class Runtimes:
    """The runtimes behind one server, made when the first function needs them.

    ``extra_environment``: what handlers see besides FC's variables. ``debugging``: which function waits for a debugger.
    ``loop``: the one that serves requests, where the runtimes are to use it, too. ``pass_env``: patterns of variables
    of this process that handlers in other processes get beside what programs need; ``None``: they get all.
    """

    def __init__(
        self,
        extra_environment: Mapping[str, str],
        debugging: "Debugging | None" = None,
        loop: asyncio.AbstractEventLoop | None = None,
        pass_env: Sequence[str] | None = None,
    ) -> None:
        self._loop = loop
        self._pass_env = pass_env
        self._extra = dict(extra_environment)
        self._debugging = debugging
        self._made: dict[tuple[str, bool, str], CodeRuntime] = {}
        self._known: dict[tuple[str, bool, bool, str], CodeRuntime] = {}
        """The same by all that was asked for: each emulator of a suite asks anew for the runtimes of its functions."""
        self._packages: UnpackedPackages | None = None

    def __call__(self, name: str, *, isolate: bool = False, process: bool = False, python: str = "") -> CodeRuntime:
        """The runtime that runs functions whose ``runtime`` is ``name``; raises ``ValueError``. ``isolate``: each of
        its instances imports its modules anew. ``process``: Python handlers run in processes of their own, by
        ``python``, if not by the Python of this process."""
        asked = (name, isolate, process, python)
        known = self._known.get(asked)
        if known is not None:
            return known
        make = runtime_named(
            name,
            process=process,
            python=python,
            debugging=self._debugging,
            loop=self._loop,
            pass_env=self._pass_env,
        )
        which = (getattr(make, "func", make).__name__, isolate, python)
        runtime = self._made.get(which)
        if runtime is None:
            runtime = self._made[which] = make(self._extra, isolate=isolate)
        self._known[asked] = runtime
        return runtime

    def stub(self, steps: Sequence[object]) -> StandIn:
        """What runs a function by steps instead of its code. Raises ``ValueError``."""
        from fcemu.runtimes.stub import Stub

        return Stub([step_of(step) for step in steps], cast("PythonInline", self(DEFAULT_RUNTIME)))

    def added(self, name: str, handler: Handler, settings: Mapping[str, object]) -> tuple[Definition, StandIn]:
        """The definition of a function that is a callable, and what runs it. Raises ``DefinitionError``,
        ``ValueError``."""
        from fcemu.config import read_function
        from fcemu.runtimes.stub import code_of

        if not callable(handler):
            raise ValueError(f"handler: expected a callable that takes (event, context), got {handler!r}")
        code, handler_name = code_of(handler)
        return read_function(FunctionRef.parse(name), settings, handler_name, code), self.stub([handler])

    def module_of(self, emulator: Emulator, ref: FunctionRef, *, isolate: bool, process: bool) -> ModuleType:
        """The module of a function's handler, to change it in a test; loads it when needed, and raises what that
        raises. Raises ``LookupError`` where there is no such module."""
        from fcemu.runtimes.stub import Stub

        added = emulator.setup.added(ref)
        if isinstance(added, Stub):
            if added.module is None:
                raise LookupError(f"{ref} was added as a callable that belongs to none of your modules")
            return added.module
        function = emulator.function(ref)
        runtime = self(function.runtime, isolate=isolate, process=process)
        return runtime.module_of(function, AtRest(lambda: emulator.clock), emulator.settings.account)

    def packages(self) -> "UnpackedPackages":
        """Where uploaded code is."""
        if self._packages is None:
            from fcemu.packages import UnpackedPackages

            self._packages = UnpackedPackages()
        return self._packages

    def forget(self, directories: Collection[str]) -> None:
        """Code in these directories was changed: handlers of this process import it anew."""
        for runtime in self._made.values():
            for directory in directories:
                runtime.forget(directory)

    def close(self) -> None:
        """Close what was made."""
        if self._packages is not None:
            self._packages.close()
        for runtime in self._made.values():
            runtime.close()
        self._made.clear()
        self._known.clear()
