"""Event loops that a handler runs, in virtual time."""

import json
import textwrap

import pytest
from runtimes.fake_clock import FakeClock

from fcemu.core.outcome import Halted

HANDLER = """
import asyncio, json, socket, threading, time

{body}

def handler(event, context):
    started = time.time()
    value = asyncio.run(main())
    return [value, round(time.time() - started, 6)]
"""


def ran(define, body, **clock_settings):
    clock = FakeClock(**clock_settings)
    code = define(HANDLER.format(body=textwrap.dedent(body)))
    return json.loads(code.returned(clock=clock)), clock


@pytest.mark.parametrize(
    ("body", "value", "seconds"),
    [
        ("async def main(): await asyncio.sleep(30)", None, 30),
        (
            "async def main(): return await asyncio.gather(asyncio.sleep(7), asyncio.sleep(2), asyncio.sleep(7))",
            [None] * 3,
            7,
        ),
        ("async def main():\n for _ in range(10): await asyncio.sleep(0.1)", None, 1),
        (
            """
            async def main():
                try:
                    await asyncio.wait_for(asyncio.sleep(100), 3)
                except asyncio.TimeoutError:
                    return "timeout"
            """,
            "timeout",
            3,
        ),
        (
            """
            async def main():
                async with asyncio.timeout(10):
                    await asyncio.sleep(9.5)
            """,
            None,
            9.5,
        ),
        (
            """
            async def main():
                loop, called = asyncio.get_running_loop(), []
                loop.call_later(4, lambda: called.append(loop.time()))
                started = loop.time()
                await asyncio.sleep(5)
                return called[0] - started
            """,
            4.0,
            5,
        ),
        ("async def main(): return await asyncio.to_thread(lambda: 'from a thread')", "from a thread", 0),
        (
            """
            async def main():
                value = await asyncio.wait_for(asyncio.to_thread(lambda: 4), 60)
                await asyncio.sleep(3)
                return value
            """,
            4,
            3,
        ),
        ("async def main(): await asyncio.to_thread(time.sleep, 8)", None, 8),
    ],
)
def test_waits_are_jumped_over(define, body, value, seconds):
    (got, took), clock = ran(define, body, grace=60.0)
    assert (got, took) == (value, seconds)
    assert clock.warnings == []


def test_a_loop_made_when_the_module_loads_jumps_too(define):
    code = define("""
        import asyncio
        loop = asyncio.new_event_loop()
        def handler(event, context):
            loop.run_until_complete(asyncio.sleep(20))
            if event:
                loop.close()
    """)
    clock = FakeClock()
    code.returned(clock=clock)
    code.returned(b"last", clock=clock)
    assert clock.elapsed.total_seconds() == 40


def test_real_io_is_waited_for_before_a_jump(define):
    body = """
    async def main():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        threading.Thread(target=theirs.sendall, args=(b"hello",)).start()
        data = await asyncio.wait_for(reader.read(5), 60)
        writer.close()
        theirs.close()
        return data.decode()
    """
    (value, took), clock = ran(define, body, grace=60.0)
    assert (value, took) == ("hello", 0)
    assert clock.warnings == []


def test_a_jump_over_outstanding_io_is_reported(define):
    body = """
    async def main():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            await asyncio.wait_for(reader.read(5), 60)
        except asyncio.TimeoutError:
            return "gave up"
        finally:
            writer.close()
            theirs.close()
    """
    (value, took), clock = ran(define, body)
    assert (value, took) == ("gave up", 60)
    assert clock.warnings == [
        "an event loop in the handler jumped 60 s ahead over outstanding I/O: 1 open sockets or pipes"
    ]


def test_a_call_in_a_thread_that_waits_for_its_loop_lets_time_go_on(define):
    body = """
    gate = threading.Event()
    async def main():
        try:
            await asyncio.wait_for(asyncio.to_thread(gate.wait), 60)
        except asyncio.TimeoutError:
            gate.set()
            return "gave up"
    """
    (value, took), clock = ran(define, body)
    assert (value, took) == ("gave up", 60)
    assert clock.warnings == []


def test_an_abandoned_handler_cleans_up_in_its_loop(define):
    code = define(
        HANDLER.format(
            body="""
async def main():
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up")
"""
        )
    )
    finish = code.run(clock=FakeClock(ends_after=10))
    assert (finish.outcome, finish.broken, finish.output) == (Halted("abandoned"), True, "cleaned up\n")


def test_other_users_of_selectors_are_real(define):
    code = define("""
        import selectors, socket
        def handler(event, context):
            ours, theirs = socket.socketpair()
            with selectors.DefaultSelector() as selector, ours, theirs:
                selector.register(ours, selectors.EVENT_READ)
                theirs.send(b"x")
                return len(selector.select(60))
    """)
    clock = FakeClock()
    assert code.returned(clock=clock) == "1"
    assert clock.sleeps == []


WAITS_FOR_REAL_THINGS = """
    import asyncio, concurrent.futures, queue, subprocess, sys, threading, time

    async def child():
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('hi')", stdout=subprocess.PIPE)
        return (await process.communicate())[0].decode().strip()

    def handler(event, context):
        started = time.time()
        value = eval(event)
        return [value, time.time() - started]
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("subprocess.run([sys.executable, '-c', 'print(1)'], timeout=60, capture_output=True).stdout.decode()", "1\n"),
        ("subprocess.Popen([sys.executable, '-c', '']).wait(60)", 0),
        ("asyncio.run(asyncio.wait_for(child(), 60))", "hi"),
        ("concurrent.futures.ThreadPoolExecutor().submit(lambda: 3).result(60)", 3),
    ],
)
def test_what_is_waited_for_really_takes_no_virtual_time(define, expression, value):
    clock = FakeClock(grace=60.0)
    returned = define(WAITS_FOR_REAL_THINGS).returned(expression.encode(), clock=clock)
    assert json.loads(returned) == [value, 0.0]
    assert clock.warnings == []
