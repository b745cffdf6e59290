"""``serve --debug``: a client of a debugger attaches to the process of a function, and time stands still for it."""

import asyncio
import shutil
import socket
import sys
import textwrap
import threading
from contextlib import closing, suppress
from datetime import timedelta
from itertools import count

import pytest
from aiohttp import ClientSession
from debug_adapter import DebugAdapterClient
from patience import CHILD_SECONDS
from running import free_port, serving, wrong
from systems import needs

from fcemu.client import ClientError

pytestmark = needs("INHERITS")

HANDLER = """
    import time

    def handler(event, context):
        if event == b"spin":
            while True: pass
        number = int(event)
        before = time.time()
        time.sleep(2)
        return f"{number} {time.time() - before:.0f}"
"""
A_REAL_SECOND = "any(__import__('select').select([], [], [], 1))"


@pytest.fixture
def code(tmp_path):
    (tmp_path / "index.py").write_text(textwrap.dedent(HANDLER))
    (tmp_path / "index.js").write_text(
        "exports.handler = (event, context, callback) => {\n  callback(null, 'js');\n};\n"
    )
    (tmp_path / "fcemu.yaml").write_text(
        textwrap.dedent("""
        emulator: {idleSeconds: 31536000}
        functions:
          f: {handler: index.handler, timeout: 3, memorySize: 128}
          other: {handler: index.handler}
          script: {handler: index.handler, runtime: nodejs20}
          program: {runtime: custom.debian12, command: [./program]}
          canned: {handler: index.handler}
        stubs:
          canned: {steps: {returns: 1}}
        """)
    )
    return tmp_path


class Invoked(threading.Thread):
    """An invocation that waits for its answer on a thread of its own."""

    def __init__(self, client, function, payload):
        super().__init__()
        self._asked = client, function, payload
        self._reply = None
        self.start()

    def run(self):
        client, function, payload = self._asked
        with suppress(ClientError):  # when the test fails, the server ends
            self._reply = client.invoke(function, payload)

    def answer(self):
        self.join(CHILD_SECONDS)
        assert self._reply.error is None or b"timed out" in self._reply.body
        return self._reply.body


def when_it_waits(client, count=1):
    """Wait until an instance waits for a debugger for the ``count``-th time."""
    for fact in client.journal(follow=True):
        if fact.kind == "Warned" and "waits for the client of a debugger" in fact.data["text"]:
            count -= 1
            if not count:
                return


def warnings(client):
    return [fact.data["text"] for fact in client.journal() if fact.kind == "Warned"]


def debugging(code, function, *options):
    port = free_port()
    return port, serving(str(code), "--debug", function, "--debug-port", str(port), *options)


def test_a_handler_stops_in_its_process_and_its_timeout_stands_still_while_a_client_is_attached(code):
    port, server = debugging(code, "f", "--rate", "1000")
    with server as (_, client, _):
        invoked = Invoked(client, "f", b"6")
        when_it_waits(client)
        with closing(DebugAdapterClient(port)) as debugger:
            line = debugger.attach(code / "index.py", "time.sleep(2)")
            stop = debugger.stop()
            assert (stop.reason, stop.name, stop.line) == ("breakpoint", "handler", line)
            much_later = client.clock().now + timedelta(seconds=60)
            while client.clock().now < much_later:
                pass
            assert debugger.evaluate(stop, "number * 1000") == "6000"
            debugger.evaluate(stop, "number = 7")
            debugger.go_on(stop)
            assert invoked.answer().startswith(b"7 ")
            debugger.ask("disconnect")
        assert b"timed out after 3 seconds" in client.invoke("f", b"spin").body


def test_on_a_paused_clock_the_watchdog_waits_and_time_stands_still(code):
    port, server = debugging(code, "f", "--rate", "0", "--watchdog", "0.2")
    with server as (_, client, _):
        invoked = Invoked(client, "f", b"6")
        when_it_waits(client)
        with closing(DebugAdapterClient(port)) as debugger:
            debugger.attach(code / "index.py", "time.sleep(2)")
            stop = debugger.stop()
            assert debugger.evaluate(stop, A_REAL_SECOND) == "False"
            debugger.go_on(stop)
            assert invoked.answer() == b"6 2"
        assert client.clock().now - client.clock().started == timedelta(seconds=2)
        assert len(warnings(client)) == 1


def test_one_instance_at_a_time_is_debugged_and_the_next_one_waits_again(code):
    port, server = debugging(code, "f", "--rate", "1")
    with server as (_, client, _):
        spins = Invoked(client, "f", b"spin")
        when_it_waits(client)
        with closing(DebugAdapterClient(port)) as debugger:
            debugger.attach(code / "index.py", "while True: pass")
            debugger.stop()
            assert client.invoke("f", b"2").body == b"2 2"
            assert "the debugger is attached to another instance of f, not to this one" in warnings(client)[-1]
            debugger.ask("disconnect", terminateDebuggee=False)
        assert b"timed out" in spins.answer()

        beside = Invoked(client, "f", b"2")
        third = Invoked(client, "f", b"3")
        when_it_waits(client, 2)
        with closing(DebugAdapterClient(port)) as debugger:
            debugger.attach(code / "index.py", "time.sleep(2)")
            debugger.go_on(debugger.stop())
            assert {beside.answer(), third.answer()} == {b"2 2", b"3 2"}


async def stop_in_node(port, path, invoked):
    """Be a client of the inspector: stop in the first line of ``path``, look at ``event``, and go on to the answer."""
    async with ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{port}/json")
        target = (await answer.json())[0]["webSocketDebuggerUrl"]
        async with session.ws_connect(target) as socket:
            numbers = count(1)

            async def ask(method, **params):
                await socket.send_json({"id": (number := next(numbers)), "method": method, "params": params})
                return await until(lambda message: message.get("id") == number)

            async def until(is_it):
                while True:
                    message = await socket.receive_json()
                    assert "error" not in message, message
                    if is_it(message):
                        return message.get("params") or message.get("result")

            await ask("Debugger.enable")
            await ask("Debugger.setBreakpointByUrl", url=f"file://{path}", lineNumber=1)
            await ask("Runtime.runIfWaitingForDebugger")
            paused = await until(lambda message: message.get("method") == "Debugger.paused")
            frame = paused["callFrames"][0]["callFrameId"]
            found = await ask("Debugger.evaluateOnCallFrame", callFrameId=frame, expression="String(event)")
            await ask("Debugger.resume")
            return found["result"]["value"], await asyncio.to_thread(invoked.answer)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_a_node_function_stops_for_a_client_of_its_inspector(code):
    port, server = debugging(code, "script", "--rate", "1000")
    with server as (_, client, _):
        invoked = Invoked(client, "script", b"hello")
        when_it_waits(client)
        assert asyncio.run(stop_in_node(port, code / "index.js", invoked)) == ("hello", b"js")


@pytest.mark.parametrize("function", ["f", "script"])
def test_what_waits_for_a_debugger_ends_with_an_emulator_that_is_killed(code, function):
    if function == "script" and shutil.which("node") is None:
        pytest.skip("needs Node.js")
    port, server = debugging(code, function)
    with server as (process, client, _):
        Invoked(client, function, b"1")
        when_it_waits(client)
        socket.create_connection(("127.0.0.1", port)).close()
        process.kill()
        process.wait()
        while is_open(port):
            pass


def is_open(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--debug", "g"), "--debug: there is no function 'g'; the definition has f, other, script, program, canned"),
        (("--debug", "othr"), "there is no function 'othr'; did you mean 'other'?"),
        (("--debug", "program"), "program is a program of its own (custom.debian12); let its command start it under"),
        (
            ("--debug", "canned"),
            "canned is a stub, which runs no code; remove it from the definition's 'stubs'",
        ),
        (("--debug", "f", "--runtime", "inline"), "python -m debugpy --listen 5678 --wait-for-client -m fcemu serve"),
    ],
)
def test_what_cannot_be_debugged_is_wrong_use_and_says_what_to_do(code, options, says):
    assert says in " ".join(wrong(2, "serve", str(code), "--port", "0", *options).split())


def test_a_python_without_debugpy_is_wrong_use(code):
    python = code / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    told = " ".join(wrong(2, "serve", str(code), "--port", "0", "--debug", "f", "--python", str(python)).split())
    assert f"f runs on {python}, which has no debugpy; run '{python} -m pip install debugpy'" in told


def test_a_port_that_somebody_has_is_wrong_use(code):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = " ".join(wrong(2, "serve", str(code), "--port", "0", "--debug", "f", "--debug-port", str(port)).split())
        assert f"port {port} of 127.0.0.1 is not available" in told
        assert "choose another --debug-port" in told
