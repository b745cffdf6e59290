"""Custom runtimes: programs of a few lines, really started and asked, under a real emulator."""

import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import CREW, ask, s

from fcemu.core.catalog import Catalog
from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.http import HttpRequest
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.runtimes.custom import CustomRuntime

PYTHON = [sys.executable, "-u", "server.py"]
SERVER = """
import datetime, json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def answer(server, body):
    return 200, {}, body

{handling}

class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        status, headers, answered = answer(self, body)
        answered = answered if isinstance(answered, bytes) else json.dumps(answered).encode()
        self.send_response(status)
        for name, text in [*headers.items(), ("Content-Length", str(len(answered)))]:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(answered)

    do_GET = do_PUT = do_POST

    def log_message(self, *_): pass

def port():
    return int(os.environ["FC_CUSTOM_LISTEN_PORT"])

def serve(host="0.0.0.0", at=None):
    ThreadingHTTPServer((host, at or port()), Server).serve_forever()

{serving}
"""


def server(handling: str = "", serving: str = "serve()") -> str:
    """A program that serves HTTP. ``handling`` may define ``answer(server, body) -> status, headers, body``."""
    program = SERVER.replace("{handling}", textwrap.dedent(handling))
    return program.replace("{serving}", textwrap.dedent(serving))


class Custom:
    """Function ``f`` over a program."""

    def __init__(
        self, directory: Path, files: dict[str, str], settings: Settings, config: dict[str, Any], **function: Any
    ) -> None:
        for name, text in files.items():
            path = directory / name
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        given = {"runtime": "custom.debian12", "handler": "index.handler", "timeout": s(7200), **function}
        self.ref = given.setdefault("ref", FunctionRef("f"))
        key = "customContainerConfig" if given["runtime"] == "custom-container" else "customRuntimeConfig"
        given.setdefault("kept", {key: config})
        self.function = Function(code=str(directory), **given)
        catalog = Catalog()
        catalog.add(self.function)
        catalog.set_async(self.ref, AsyncSettings(max_retries=0))
        self.runtime = CustomRuntime({})
        self.http: HttpRequest | None = None
        self.emulator = Emulator(
            settings=settings, catalog=catalog, runtimes=lambda _: self, chance=Chance(0), crew=CREW
        )

    def start(self, function: Function, instance_id: str) -> Any:
        """As a runtime: the real one, whose calls come from an HTTP trigger, when the test says so."""
        instance: Any = self.runtime.start(function, instance_id)
        if hasattr(instance, "run"):
            run = instance.run
            instance.run = lambda call: run(replace(call, http=self.http))
        return instance

    def run(self, payload: bytes = b"") -> Any:
        """The only attempt of an invocation, after nothing was due any more."""
        invocation = self.emulator.accept(ask(str(self.ref), payload))
        self.emulator.wait(self.emulator.run_until_idle(None))
        (attempt,) = invocation.attempts
        return attempt

    def returned(self, payload: bytes = b"") -> bytes:
        attempt = self.run(payload)
        assert attempt.word == "returned", f"{attempt}\n{self.emulator.explain()}"
        body: bytes = attempt.outcome.payload
        return body

    def value(self, payload: bytes = b"") -> Any:
        return json.loads(self.returned(payload))

    def failure(self, payload: bytes = b"") -> tuple[str, str]:
        """FC's type of the error, and its message."""
        outcome = self.run(payload).outcome
        return outcome.error_type, json.loads(outcome.document)["errorMessage"]

    @property
    def warnings(self) -> list[str]:
        return [fact.text for fact in self.emulator.journal if isinstance(fact, Warned)]

    def close(self) -> None:
        self.emulator.close()
        self.runtime.close()


@pytest.fixture
def custom(tmp_path: Path) -> Iterator[Callable[..., Custom]]:
    """``custom(program, command=[…], port=…, files={…}, settings=Settings(), config={…}, **function)``."""
    made: list[Custom] = []

    def custom(
        program: str = "",
        command: list[str] | None = None,
        files: dict[str, str] | None = None,
        settings: Settings | None = None,
        config: dict[str, Any] | None = None,
        **function: Any,
    ) -> Custom:
        directory = tmp_path / f"code{len(made)}"
        directory.mkdir()
        every = {**({"server.py": program} if program else {}), **(files or {})}
        said = {"command": PYTHON if command is None else command, **(config or {})}
        made.append(Custom(directory.resolve(), every, settings or Settings(), said, **function))
        return made[-1]

    yield custom
    for one in made:
        one.close()
