"""A test that uses the fixture, against one with a session-wide aiohttp server and a state swap."""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from common import ROOT, in_turn, sized

FEW, MANY = sized((1, 3), (100, 1100), (100, 2100))
ROUNDS = sized(1, 5, 9)

OURS = """
import pytest
{get}
@pytest.mark.parametrize("n", range({n}))
@pytest.mark.fcemu({definition!r})
def test_it(fcemu, n):
    {body}
"""
NOTHING = "pass"
DEFERRED = """invocation = fcemu.function("orders/charge").invoke_async({"card": "good"}, delay=200)
    fcemu.advance(200)
    assert invocation.status == "Succeeded"
"""
REQUEST = 'get(fcemu.port, "/_fcemu/health")'
BARE_REQUEST = 'get(server.port, "/")'
GET = """
from http.client import HTTPConnection

def get(port, path):
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    assert connection.getresponse().status == 200
    connection.close()
"""
BASELINE = """
import asyncio, threading
import pytest
from aiohttp import web
{get}
class State:
    pass

@pytest.fixture(scope="session")
def server():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start():
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def answer(request):
        return web.json_response({{"status": "ok"}})

    holder = State()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    holder.port = runner.addresses[0][1]
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
def test_it(server, state, n):
    {body}
"""
PLUGIN = "fcemu.pytest_plugin"
"""The name under which pytest has fcemu's plugin."""
OTHERS = sorted({plugin.name for plugin in entry_points(group="pytest11")} - {PLUGIN})
BARE = [f"-pno:{name}" for name in ("cacheprovider", *OTHERS)]
"""Without the plugins of others, which would add to the baseline."""
MODULES = "import sys, types\nfor n in range(1000):\n    sys.modules[f'loaded_{n}'] = types.ModuleType(f'loaded_{n}')\n"


def seconds(text: str, **values: object) -> float:
    """What one run of pytest over that text takes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(text.format(get=GET, **values))
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
    """Print four ratios."""
    definition = str(ROOT / "fixtures/orders")
    questions = (
        ("a test with the fixture", NOTHING, NOTHING, False),
        ("the same with one deferred invocation that is run", DEFERRED, NOTHING, False),
        ("the same with one HTTP request", REQUEST, BARE_REQUEST, False),
        ("a test with the fixture and 1,000 more modules loaded", NOTHING, NOTHING, True),
    )
    for question, ours, bare, modules in sized(questions[1:3], questions, questions):
        mine = partial(per_test, OURS, definition=definition, modules=modules, body=ours)
        in_turn(question, mine, partial(per_test, BASELINE, modules=modules, body=bare), ROUNDS, "s")


if __name__ == "__main__":
    main()
