"""Functions from a few lines of JavaScript, in real Node.js processes under a real emulator."""

import json
import shutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import CREW, ask, s

from fcemu import host
from fcemu.core.catalog import Catalog
from fcemu.core.facts import Slept, Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.http import HttpRequest
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator


@pytest.fixture(scope="session", autouse=True)
def _node() -> None:
    assert shutil.which("node"), "these tests need Node.js: apt install nodejs"


class WithHttp:
    """A runtime whose calls come from an HTTP trigger, when ``http()`` says so."""

    def __init__(self, runtime: Any, http: Callable[[], HttpRequest | None]) -> None:
        self._runtime, self._http = runtime, http

    def start(self, function: Function, instance_id: str) -> Any:
        instance = self._runtime.start(function, instance_id)
        if hasattr(instance, "run"):
            run = instance.run
            instance.run = lambda call: run(replace(call, http=self._http()))
        return instance


class Node:
    """Function ``f`` over a directory of files."""

    def __init__(self, directory: Path, files: dict[str, str], settings: Settings, **function: Any) -> None:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        given = {"runtime": "nodejs20", "handler": "index.handler", "timeout": s(7200), **function}
        ref = given.setdefault("ref", FunctionRef("f"))
        catalog = Catalog()
        catalog.add(Function(code=str(directory), **given))
        catalog.set_async(ref, AsyncSettings(max_retries=0))
        self.ref = ref
        self.runtimes = host.Runtimes({})
        self.emulator = Emulator(
            settings=settings, catalog=catalog, runtimes=self._runtime, chance=Chance(0), crew=CREW
        )
        self.http: HttpRequest | None = None

    def _runtime(self, name: str) -> Any:
        return WithHttp(self.runtimes(name), lambda: self.http)

    def run(self, payload: object = b"") -> Any:
        """The only attempt of an invocation, after nothing was due any more."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        invocation = self.emulator.accept(ask(str(self.ref), data))
        self.emulator.wait(self.emulator.run_until_idle(None))
        (attempt,) = invocation.attempts
        return attempt

    def returned(self, payload: object = b"") -> bytes:
        attempt = self.run(payload)
        assert attempt.word == "returned", f"{attempt}\n{self.emulator.explain()}"
        body: bytes = attempt.outcome.payload
        return body

    def run_http(self, http: HttpRequest, body: bytes) -> Any:
        """The outcome of an attempt for the request of an HTTP trigger."""
        self.http = http
        return self.run(body).outcome

    def value(self, payload: object = b"") -> Any:
        return json.loads(self.returned(payload))

    def failure(self, payload: object = b"") -> tuple[str, dict[str, Any]]:
        """FC's type of the error, and its document."""
        outcome = self.run(payload).outcome
        return outcome.error_type, json.loads(outcome.document)

    def facts(self, kind: type) -> list[Any]:
        return [fact for fact in self.emulator.journal if isinstance(fact, kind)]

    @property
    def warnings(self) -> list[str]:
        return [fact.text for fact in self.facts(Warned)]

    @property
    def sleeps(self) -> list[tuple[float, float]]:
        started = self.emulator.clock.started
        return [
            ((fact.at - started).total_seconds(), (fact.until - started).total_seconds()) for fact in self.facts(Slept)
        ]

    def close(self) -> None:
        self.emulator.close()
        self.runtimes.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """``node("exports.handler = …", files={…}, settings=Settings(), **function)``."""
    made: list[Node] = []

    def node(
        text: str = "", files: dict[str, str] | None = None, settings: Settings | None = None, **function: Any
    ) -> Node:
        directory = tmp_path / f"code{len(made)}"
        directory.mkdir()
        every = {**({"index.js": text} if text else {}), **(files or {})}
        made.append(Node(directory.resolve(), every, settings or Settings(), **function))
        return made[-1]

    yield node
    for one in made:
        one.close()
