"""One function over a few lines of code, run by the inline runtime under a real emulator."""

import textwrap
import zlib
from pathlib import Path

from fakes import CREW, ask, s

from fcemu.core.catalog import Catalog
from fcemu.core.facts import Slept, Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.runtimes.python_inline import PythonInline

HEAD = """
import asyncio, concurrent.futures, contextvars, os, queue, sched, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
"""


class Emulated:
    """Functions ``f`` (and others by name) whose ``handler(event, context)`` stands in their code. The same code is the
    same module, loaded once."""

    def __init__(self, runtime: PythonInline, directory: Path, settings: Settings | None, timeout: float, **code: str):
        catalog = Catalog()
        for name, text in code.items():
            ref, code_directory = FunctionRef(name), directory / f"{name}-{zlib.crc32(text.encode())}"
            code_directory.mkdir(exist_ok=True)
            (code_directory / "index.py").write_text(HEAD + textwrap.dedent(text))
            catalog.add(Function(ref=ref, handler="index.handler", code=str(code_directory), timeout=s(timeout)))
            catalog.set_async(ref, AsyncSettings(max_retries=0))
        settings = settings or Settings()
        self.emulator = Emulator(
            settings=settings, catalog=catalog, runtimes=lambda _: runtime, chance=Chance(settings.seed), crew=CREW
        )

    def run(self, name: str = "f", payload: bytes = b""):
        """The first attempt of an invocation that has run until nothing was due any more."""
        invocation = self.emulator.accept(ask(name, payload))
        self.emulator.wait(self.emulator.run_until_idle(None))
        return invocation.attempts[0]

    def returned(self, name: str = "f", payload: bytes = b"") -> str:
        attempt = self.run(name, payload)
        if isinstance(attempt.outcome, FunctionError):
            raise AssertionError(attempt.outcome.document.decode())
        assert attempt.word == "returned", f"{attempt}\n{self.emulator.explain()}"
        return attempt.outcome.payload.decode()

    @property
    def warnings(self) -> list[str]:
        return [fact.text for fact in self.emulator.journal if isinstance(fact, Warned)]

    @property
    def sleeps(self) -> list[tuple[float, float]]:
        """From when to when attempts were parked, in seconds since the start."""
        started = self.emulator.clock.started
        facts = [fact for fact in self.emulator.journal if isinstance(fact, Slept)]
        return [((fact.at - started).total_seconds(), (fact.until - started).total_seconds()) for fact in facts]
