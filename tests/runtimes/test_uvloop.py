"""uvloop in a handler, inline and in a process: asyncio's loop, which waits in virtual time, stands in for it."""

import asyncio
import json
import textwrap
from functools import partial

import pytest
from fakes import CREW, ask, s

from fcemu import host
from fcemu.core.catalog import Catalog
from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.runtimes import timeshift

uvloop = pytest.importorskip("uvloop")

STANDS_IN = (
    "the handler made a loop of uvloop; asyncio's own loop runs instead, because uvloop waits in real time and does "
    "not see the virtual clock"
)
HEAD = """
import asyncio, subprocess, sys, time
async def nap():
    started = time.time()
    try:
        await asyncio.wait_for(asyncio.sleep(100), 40)
    except asyncio.TimeoutError:
        return time.time() - started
def handler(event, context):
    import uvloop
    return run(uvloop)
"""
BODIES = {
    "run": "def run(uvloop): return uvloop.run(nap())",
    "run twice": "def run(uvloop): return uvloop.run(nap()) + uvloop.run(nap())",
    "a name of a module": "from uvloop import run as start\ndef run(_): return start(nap())",
    "a runner": """
        def run(uvloop):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(nap())
        """,
    "a loop": """
        def run(uvloop):
            loop = uvloop.Loop()
            assert isinstance(loop, uvloop.Loop)
            try:
                return loop.run_until_complete(nap())
            finally:
                loop.close()
        """,
    "a policy": """
        async def main():
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=subprocess.PIPE)
            assert (await process.communicate())[0] == b"1\\n"
            return await nap()
        def run(uvloop):
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
            try:
                return asyncio.run(main())
            finally:
                asyncio.set_event_loop_policy(None)
        """,
}


@pytest.fixture(scope="module")
def runtimes():
    made = host.Runtimes({"FCEMU_URL": "http://emulator"})
    yield made
    made.close()


@pytest.fixture
def attempted(runtimes, tmp_path):
    """``attempted(code, how)``: the only attempt, and the warnings about it."""
    made = []

    def attempted(code, how):
        (tmp_path / "index.py").write_text(code)
        catalog, ref = Catalog(), FunctionRef("f")
        function = Function(ref=ref, handler="index.handler", code=str(tmp_path), timeout=s(600), runtime="python3.10")
        catalog.add(function)
        catalog.set_async(ref, AsyncSettings(max_retries=0))
        kind = partial(runtimes, process=how == "process")
        made.append(
            Emulator(settings=Settings(watchdog=s(5)), catalog=catalog, runtimes=kind, chance=Chance(0), crew=CREW)
        )
        invocation = made[-1].accept(ask("f"))
        made[-1].wait(made[-1].run_until_idle(None))
        (attempt,) = invocation.attempts
        assert attempt.word == "returned", attempt
        return attempt, [fact.text for fact in made[-1].journal if isinstance(fact, Warned)]

    yield attempted
    for emulator in made:
        emulator.close()


@pytest.mark.parametrize("how", ["inline", "process"])
@pytest.mark.parametrize("name", BODIES)
def test_uvloop_waits_in_virtual_time_and_the_timeline_says_once_what_runs_instead(attempted, name, how):
    attempt, warnings = attempted(HEAD + textwrap.dedent(BODIES[name]), how)
    took = 80 if name == "run twice" else 40
    assert json.loads(attempt.outcome.payload) == pytest.approx(took)
    assert (attempt.ended - attempt.started).total_seconds() == pytest.approx(took, abs=1e-4)
    assert [text for text in warnings if "uvloop" in text] == [STANDS_IN]


async def kind():
    return type(asyncio.get_running_loop())


def test_outside_of_handlers_uvloop_is_untouched(attempted):
    timeshift.uninstall()
    usual = {name: vars(uvloop.Loop).get(name) for name in ("__new__", "run_forever")}
    attempted(HEAD + BODIES["run"], "inline")
    assert uvloop.run(kind()) is uvloop.Loop
    timeshift.uninstall()
    assert {name: vars(uvloop.Loop).get(name) for name in usual} == usual
    assert uvloop.run(kind()) is uvloop.Loop


def test_a_loop_that_was_made_outside_of_handlers_is_real_and_the_timeline_says_so(attempted):
    uvloop.loop_of_the_test = loop = uvloop.new_event_loop()
    try:
        _, warnings = attempted(
            "import uvloop, asyncio\n"
            "def handler(event, context):\n"
            "    for _ in range(2):\n"
            "        uvloop.loop_of_the_test.run_until_complete(asyncio.sleep(0))\n",
            "inline",
        )
    finally:
        del uvloop.loop_of_the_test
        loop.close()
    assert warnings == [
        "the handler runs a loop of uvloop that was made outside of handlers; its waits are real, because uvloop does "
        "not see the virtual clock"
    ]
