"""A test that uses the fixture, against an empty test with a session-wide aiohttp server and a state swap."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import FULL, ROOT, line

FEW, MANY = 100, 2100
ROUNDS = 7 if FULL else 3

OURS = """
import pytest

@pytest.mark.parametrize("n", range({n}))
@pytest.mark.fcemu({definition!r})
def test_it(fcemu, n):
    pass
"""
BARE = """
import asyncio, threading
import pytest
from aiohttp import web

class State:
    pass

@pytest.fixture(scope="session")
def server():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start():
        app = web.Application()
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    holder = State()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield holder
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

@pytest.fixture
def state(server):
    server.state = State()
    yield server.state
    server.state = None

@pytest.mark.parametrize("n", range({n}))
def test_it(state, n):
    pass
"""
MODULES = "import sys, types\nfor n in range(1000):\n    sys.modules[f'loaded_{n}'] = types.ModuleType(f'loaded_{n}')\n"


def seconds(text: str, **values: object) -> float:
    """What one run of pytest over that text takes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(text.format(**values))
        if values.get("modules"):
            (Path(folder) / "conftest.py").write_text(MODULES)
        begin = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:timeout", folder]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": ""})
        return time.perf_counter() - begin


def per_test(text: str, **values: object) -> float:
    """Seconds a test, without what starting pytest takes."""
    return (seconds(text, n=MANY, **values) - seconds(text, n=FEW, **values)) / (MANY - FEW)


def main() -> None:
    """Print two ratios."""
    definition = str(ROOT / "fixtures/orders")
    for what, modules in (("a test with the fixture", False), ("the same with 1,000 more modules loaded", True)):
        pairs = [
            (per_test(OURS, definition=definition, modules=modules), per_test(BARE, modules=modules))
            for _ in range(ROUNDS)
        ]
        line(what, *map(list, zip(*pairs, strict=True)), "s")


if __name__ == "__main__":
    main()
