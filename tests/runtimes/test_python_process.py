"""What only the process runtime has: interpreters, layers, threads over a pipe, freedom from the emulator's process."""

import json
import os
import signal
import sys
import textwrap
import venv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import CREW, ask, s
from systems import needs

from fcemu.core.catalog import Catalog
from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings, Function, LayerRef
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.runtimes.python_process import PythonProcess
from fcemu.testing import LocalEmulator

START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = "import asyncio, json, os, queue, socket, subprocess, sys, threading, time\n"


@pytest.fixture(scope="module")
def runtime():
    made = PythonProcess()
    yield made
    made.close()


@pytest.fixture
def attempt(runtime, tmp_path):
    """``attempt("def handler(event, context): …", settings=None, **function)``: how its only attempt ends."""
    made = []

    def attempt(code, payload=b"", settings=None, **function):
        (tmp_path / "index.py").write_text(HEAD + textwrap.dedent(code))
        catalog, ref = Catalog(), FunctionRef("f")
        given = {"timeout": s(600), "code": str(tmp_path), **function}
        catalog.add(Function(ref=ref, handler="index.handler", **given))
        catalog.set_async(ref, AsyncSettings(max_retries=0))
        emulator = Emulator(
            settings=settings or Settings(),
            catalog=catalog,
            runtimes=lambda _: runtime,
            chance=Chance(0),
            crew=CREW,
        )
        made.append(emulator)
        invocation = emulator.accept(ask("f", payload))
        emulator.wait(emulator.run_until_idle(None))
        return invocation.attempts[0]

    attempt.emulators = made
    yield attempt
    for emulator in made:
        emulator.close()


@pytest.fixture
def returned(attempt):
    """The value that the only attempt returns, and the virtual seconds it took."""

    def returned(*args, **more):
        ended = attempt(*args, **more)
        if isinstance(ended.outcome, FunctionError):
            raise AssertionError(ended.outcome.document.decode())
        assert ended.word == "returned", ended
        return json.loads(ended.outcome.payload), (ended.ended - ended.started).total_seconds()

    return returned


# Whose Python, and what it finds.


def test_the_childs_python_has_nothing_of_the_emulator(returned):
    value, _ = returned("def handler(event, context): return [n for n in sys.modules if n.startswith('fcemu.')]")
    assert value == []


def test_a_function_has_the_packages_of_its_own_python(returned, tmp_path):
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "only_there.py").write_text("value = 7\n")
    code = "import only_there\ndef handler(event, context): return [only_there.value, sys.prefix]"
    value, _ = returned(code, python=str(tmp_path / "env" / "bin" / "python"))
    assert value == [7, str(tmp_path / "env")]


def test_a_program_that_is_no_python_is_named(attempt):
    outcome = attempt("", python="/bin/true").outcome
    assert outcome.name == "FunctionNotStarted"
    assert "/bin/true did not run the handler; it must be Python 3.9 or later" in outcome.document.decode()


def test_a_program_that_is_gone_is_a_refusal_that_names_it(attempt, tmp_path):
    outcome = attempt("", python=str(tmp_path / "gone")).outcome
    assert outcome.code == "FunctionNotStarted"
    assert f"f should run on {tmp_path / 'gone'}, which is not a program" in outcome.message


def test_modules_are_found_in_the_code_then_in_layers_then_in_the_interpreter(returned, tmp_path):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for layer, directory in (("one", "python"), ("two", f"python/lib/{version}/site-packages"), ("two", "python")):
        (tmp_path / layer / directory).mkdir(parents=True, exist_ok=True)
    (tmp_path / "one/python/shared.py").write_text("value = 'of layer one'\n")
    (tmp_path / "two/python/shared.py").write_text("value = 'of layer two'\n")
    (tmp_path / f"two/python/lib/{version}/site-packages/packaged.py").write_text("value = 'packaged'\n")
    (tmp_path / "own.py").write_text("value = 'own'\n")
    (tmp_path / "two/python/own.py").write_text("value = 'of layer two'\n")
    layers = tuple(LayerRef(arn=name, directory=str(tmp_path / name)) for name in ("one", "two"))
    code = "import own, packaged, shared\ndef handler(e, c): return [own.value, packaged.value, shared.value]"
    value, _ = returned(code, layers=layers)
    assert value == ["own", "packaged", "of layer one"]


def test_a_file_of_the_code_replaces_a_standard_module_unless_fc_has_loaded_that(returned, tmp_path):
    (tmp_path / "queue.py").write_text("mine = True\n")
    (tmp_path / "json.py").write_text("raise AssertionError('FC has loaded json before it looks for code')\n")
    (tmp_path / "index.py").write_text("")
    code = "import queue\ndef handler(event, context): return [queue.mine, json.__name__, os.getcwd(), sys.path[0]]"
    value, _ = returned(code)
    assert value == [True, "json", str(tmp_path), str(tmp_path)]


# Time, over a pipe.


def test_threads_that_sleep_overlap_and_wake_each_other(returned):
    value, took = returned("""
        def handler(event, context):
            told, ready = [], threading.Event()
            def sleeper(seconds):
                time.sleep(seconds)
                told.append([seconds, time.monotonic()])
                if seconds == 3: ready.set()
            threads = [threading.Thread(target=sleeper, args=(n,)) for n in (5, 1, 3)]
            for thread in threads: thread.start()
            told.append([ready.wait(60), time.monotonic()])
            for thread in threads: thread.join()
            return told
        """)
    assert value == [[1, 1.0], [3, 3.0], [True, 3.0], [5, 5.0]]
    assert took == 5


def test_queues_pools_and_loops_wait_in_virtual_time(returned):
    value, took = returned("""
        from concurrent.futures import ThreadPoolExecutor
        async def both():
            return await asyncio.gather(asyncio.sleep(40, "a"), asyncio.to_thread(time.sleep, 30))
        def handler(event, context):
            waiting = queue.Queue()
            threading.Timer(10, waiting.put, ["put"]).start()
            first = waiting.get(timeout=20)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(time.sleep, [10, 10, 10]))
            return [first, asyncio.run(both())]
        """)
    assert value == ["put", ["a", None]]
    assert took == 10 + 20 + 40


def test_a_wait_that_nobody_can_end_is_ended_by_the_timeout(attempt):
    ended = attempt("def handler(event, context): threading.Event().wait()", timeout=s(50))
    assert (ended.word, ended.ended - ended.started) == ("timed out", timedelta(seconds=50))


def test_a_loop_waits_for_its_sockets_in_real_time(returned):
    value, took = returned("""
        async def talk():
            left, right = socket.socketpair()
            reader, writer = await asyncio.open_connection(sock=left)
            threading.Thread(target=right.sendall, args=(b"hello",)).start()
            said = await asyncio.wait_for(reader.readexactly(5), 100)
            writer.close()
            right.close()
            return said.decode()
        def handler(event, context): return [asyncio.run(talk())]
        """)
    assert (value, took) == (["hello"], 0)


def test_a_thread_left_behind_that_sleeps_is_ended_and_one_that_waits_is_taken_over(runtime, tmp_path, attempt):
    attempt("""
        told, work = [], queue.Queue()
        def sleeper():
            try: time.sleep(1000)
            finally: told.append("ended")
        def worker():
            while True: told.append(work.get())
        def handler(event, context):
            if event == b"first":
                for target in (sleeper, worker): threading.Thread(target=target, daemon=True).start()
                return
            work.put("worked")
            time.sleep(1)
            return sorted(told)
        """)
    emulator = attempt.emulators[-1]
    values = []
    for payload in (b"first", b"second"):
        invocation = emulator.accept(ask("f", payload))
        emulator.wait(emulator.run_until_idle(None))
        values.append(json.loads(invocation.attempts[0].outcome.payload))
    assert values == [None, ["ended", "worked", "worked"]]  # the attempt in ``attempt`` has put one as well


def test_one_thread_sleeps_while_another_computes_on_a_flowing_clock(returned):
    value, took = returned(
        """
        def handler(event, context):
            done = threading.Event()
            def sleeper():
                time.sleep(50)
                done.set()
            threading.Thread(target=sleeper).start()
            while not done.is_set(): pass
            return time.monotonic() >= 50
        """,
        settings=Settings(rate=1000.0),
    )
    assert value is True
    assert took >= 50


def test_a_thread_of_which_nothing_is_known_sleeps_really_and_is_named(attempt):
    ended = attempt("""
        import _thread
        def handler(event, context):
            done = _thread.allocate_lock()
            done.acquire()
            clock = {}
            def run():
                context_of_handler.run(time.sleep, 0.01)
                done.release()
            import contextvars
            context_of_handler = contextvars.copy_context()
            _thread.start_new_thread(run, ())
            done.acquire()
        """)
    assert ended.word == "returned"
    warned = [fact.text for fact in attempt.emulators[-1].journal if isinstance(fact, Warned)]
    assert warned == ["a thread that the handler did not start with threading.Thread slept 0.01 real seconds"]


def test_processes_that_a_handler_forks_or_starts_have_real_time_and_write_to_the_log(attempt):
    ended = attempt("""
        def handler(event, context):
            before = time.time()
            pid = os.fork()
            if pid == 0:
                print("forked", time.time() > before + 1000, flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            subprocess.run(["echo", "started"], check=True)
        """)
    assert ended.word == "returned", ended
    assert ended.output.splitlines() == ["forked True", "started"]


# A handler that calls back.


def test_time_moves_for_the_callee_and_the_caller_sees_it(tmp_path):
    (tmp_path / "index.py").write_text(
        textwrap.dedent("""
        import json, os, time, urllib.request

        def handler(event, context):
            if event == b"callee":
                time.sleep(100)
                return "slept"
            url = os.environ["FCEMU_URL"] + "/2023-03-30/functions/f/invocations"
            key = os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"]
            headers = {"Authorization": f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders=host,Signature=0"}
            before = time.time()
            request = urllib.request.Request(url, b"callee", headers)
            said = urllib.request.urlopen(request).read().decode()
            return [said, time.time() - before]
        """)
    )
    definition = {"functions": {"f": {"handler": "index.handler", "code": str(tmp_path), "timeout": 600}}}
    with LocalEmulator(definition, runtime="process") as emulator:
        assert emulator.function("f").invoke("caller").json() == ["slept", 100.0]


# What handlers may come to.


@pytest.mark.parametrize(
    ("body", "name", "says"),
    [
        ("return (n for n in [1])", "TypeError", "is not JSON serializable"),
        ("return {1, 2}", "TypeError", "is not JSON serializable"),
        ("return handler(event, context)", "RecursionError", "maximum recursion depth exceeded"),
        ("raise SyntaxError('mine')", "SyntaxError", "mine"),
        ("import nowhere", "ModuleNotFoundError", "nowhere"),
    ],
)
def test_what_a_handler_cannot_return_or_raises_is_a_function_error(attempt, body, name, says):
    outcome = attempt(f"def handler(event, context): {body}").outcome
    document = json.loads(outcome.document)
    assert (outcome.name, document["errorType"]) == (name, name)
    assert says in document["errorMessage"]
    assert {frame[0] for frame in document.get("stackTrace", [])} <= {'File "/code/index.py"'}


def test_an_async_handler_is_none_as_in_fc(attempt):
    outcome = attempt("async def handler(event, context): return 1").outcome
    assert outcome.name == "TypeError"
    assert b"coroutine" in outcome.document


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", "raise SystemExit(0)", "os.abort()", "quit()"])
def test_what_ends_a_process_ends_the_instance(attempt, body):
    outcome = attempt(f"def handler(event, context): {body}").outcome
    assert outcome.name == "ProcessExited"


def test_a_handler_that_closes_its_standard_streams_works_on(attempt):
    ended = attempt("""
        def handler(event, context):
            print("before")
            sys.stdout.close()
            os.close(2)
            return "done"
        """)
    assert (ended.outcome.payload, ended.output) == (b"done", "before\n")


def test_the_trace_of_an_error_has_the_code_only(attempt):
    ended = attempt("""
        import logging
        def inner(): raise LookupError("nothing")
        def handler(event, context):
            logging.getLogger().warning("about to fail")
            inner()
        """)
    document = json.loads(ended.outcome.document)
    assert [frame[:3] for frame in document["stackTrace"]] == [
        ['File "/code/index.py"', "line 7", "in handler"],
        ['File "/code/index.py"', "line 4", "in inner"],
    ]
    assert "[WARNING] about to fail\n" in ended.output


@needs("FORKS")
def test_a_template_that_was_killed_is_replaced(runtime, returned):
    code = "def handler(event, context): return os.getppid()"
    first, _ = returned(code)
    os.kill(first, signal.SIGKILL)
    while Path(f"/proc/{first}/stat").exists() and " Z " not in Path(f"/proc/{first}/stat").read_text():
        os.sched_yield()
    second, _ = returned(code)
    assert second != first


# The process as FC has it.


@pytest.mark.parametrize("memory_mb", [128, 512])
def test_as_many_threads_can_be_started_as_in_fc_with_any_memory(returned, memory_mb):
    code = """
        from concurrent.futures import ThreadPoolExecutor

        def handler(event, context):
            with ThreadPoolExecutor(300) as pool:
                return sum(pool.map(lambda _: time.sleep(1) or 1, range(300)))
        """
    assert returned(code, memory_mb=memory_mb) == (300, 1)


def test_threads_make_no_room_for_a_single_large_request(attempt):
    code = """
        def handler(event, context):
            threads = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(100)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            bytearray(2 << 30)
        """
    assert attempt(code, memory_mb=128).outcome.name == "FunctionOOMError"


def test_a_warning_of_a_handler_is_in_the_log_where_python_shows_it(attempt):
    code = """
        import warnings

        def handler(event, context):
            warnings.warn("seen")
            warnings.warn("not seen", DeprecationWarning)
        """
    output = attempt(code).output
    assert ": UserWarning: seen\n" in output
    assert "not seen" not in output


def test_closing_an_emulator_gives_back_what_showed_its_clock(attempt):
    def shown():
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return sum("fcemu-clock" in os.readlink(link) for link in links if os.path.lexists(link))

    before = shown()
    attempt("def handler(event, context): return b''")
    assert shown() > before
    attempt.emulators[0].close()
    assert shown() == before


def test_a_thread_left_behind_that_swallows_its_end_waits_for_ever(runtime, tmp_path, attempt):
    attempt("""
        told = []
        def sleeper():
            while True:
                try: time.sleep(1000)
                except BaseException as error: told.append(type(error).__name__)
        def handler(event, context):
            if event == b"first": threading.Thread(target=sleeper).start()
            elif event == b"second":
                while len(told) < 2: os.sched_yield()
                for _ in range(1000): os.sched_yield()
            return told
        """)
    emulator = attempt.emulators[-1]
    values = []
    for payload in (b"first", b"second"):
        invocation = emulator.accept(ask("f", payload))
        emulator.wait(emulator.run_until_idle(None))
        values.append(json.loads(invocation.attempts[0].outcome.payload))
    assert values == [[], ["Abandoned", "Abandoned"]]


EMPTY = {
    "an empty context": "contextvars.Context().run(time.sleep, 5)",
    "a read in an empty context": "time.sleep(5); assert contextvars.Context().run(time.monotonic) == 5",
    "a thread from an empty context": "threads(contextvars.Context().run)",
    "a task with its own context": "asyncio.run(tasks())",
    "a wait in an empty context": "contextvars.Context().run(threading.Event().wait, 5)",
    "greenlets": "greenlets()",
}


@pytest.mark.parametrize("how", EMPTY)
def test_contexts_that_know_nothing_have_virtual_time(returned, how):
    if how == "greenlets":
        pytest.importorskip("greenlet")
    value, took = returned(f"""
        import contextvars
        def threads(run):
            thread = threading.Thread(target=time.sleep, args=(5,))
            run(thread.start)
            thread.join()
        async def tasks():
            async def nap(): await asyncio.sleep(5); time.sleep(0); return time.time()
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.create_task(nap(), context=contextvars.Context()) for _ in range(3)))
        def greenlets():
            from greenlet import greenlet
            first = greenlet(lambda: (time.sleep(2), second.switch()))
            second = greenlet(lambda: time.sleep(3))
            first.switch()
        def handler(event, context):
            {EMPTY[how]}
            return time.time()
        """)
    assert (value, took) == (1767225605.0, 5)
