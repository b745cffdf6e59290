"""Time in a Node.js handler: what reads it, what waits for it, and what real things do meanwhile."""

import socket
import threading
from datetime import UTC, datetime

import pytest
from fakes import ask, s
from patience import WAIT_SECONDS

from fcemu.core.settings import Settings

START = datetime(2036, 3, 5, 2, 6, 7, 250000, tzinfo=UTC)
MILLISECONDS = int(START.timestamp() * 1000)

WALL = {
    "Date.now()": MILLISECONDS,
    "+new Date()": MILLISECONDS,
    "new Date(5).getTime()": 5,
    "new Date('2020-01-01').toISOString()": "2020-01-01T00:00:00.000Z",
    "Date()": "Wed Mar 05 2036 02:06:07 GMT+0000 (Coordinated Universal Time)",
    "Date.UTC(2020, 1)": 1580515200000,
    "new Date().toISOString()": "2036-03-05T02:06:07.250Z",
    "new Date() instanceof Date": True,
    "Object.prototype.toString.call(new Date())": "[object Date]",
    "new (class Stamp extends Date {})().getTime()": MILLISECONDS,
    "new (new Date().constructor)().getTime()": MILLISECONDS,
    "structuredClone(new Date()).getTime()": MILLISECONDS,
    "JSON.stringify(new Date())": '"2036-03-05T02:06:07.250Z"',
    "new Date().getTimezoneOffset()": 0,
    "new Intl.DateTimeFormat('en', {dateStyle: 'short'}).format()": "3/5/36",
    "new Intl.DateTimeFormat('en', {year: 'numeric'}).formatToParts()[0].value": "2036",
    "performance.timeOrigin": MILLISECONDS,
    "require('perf_hooks').performance === performance": True,
}
ELAPSED = {
    "performance.now()": 1000,
    "Number(process.hrtime.bigint()) / 1e6": 1000,
    "process.hrtime()[0] * 1000": 1000,
    "process.uptime() * 1000": 1000,
    "Date.now()": 1000,
}
WAITS = {
    "new Promise((go) => setTimeout(go, 3_600_000))": 3600,
    "new Promise((go) => require('timers').setTimeout(go, 3_600_000))": 3600,
    "require('timers/promises').setTimeout(3_600_000)": 3600,
    "require('util').promisify(setTimeout)(3_600_000)": 3600,
    "require('timers/promises').scheduler.wait(3_600_000)": 3600,
    "import('node:timers/promises').then(({ setTimeout }) => setTimeout(3_600_000))": 3600,
    "new Promise((go) => setTimeout(go, 3_600_000).unref())": 3600,
    "new Promise((go) => AbortSignal.timeout(3_600_000).addEventListener('abort', go))": 3600,
    "Promise.resolve(Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_600_000))": 3600,
    "new Promise((go) => setTimeout(go))": 0.001,
    "new Promise((go) => setTimeout(go, 1.9))": 0.001,
    "new Promise((go) => setTimeout(go, -5))": 0.001,
    "new Promise((go) => setTimeout(go, '250'))": 0.25,
    "new Promise(setImmediate)": 0,
    "new Promise(process.nextTick)": 0,
    "new Promise((go) => require('fs').readFile(__filename, go))": 0,
}


def evaluator(body: str) -> str:
    return f"exports.handler = async (event) => {{ {body} }};"


def test_what_reads_the_time_of_day_reads_virtual_time(node):
    function = node(evaluator("return JSON.parse(event).map((text) => eval(text));"), settings=Settings(start=START))
    assert dict(zip(WALL, function.value(list(WALL)), strict=True)) == WALL


def test_what_measures_time_measures_virtual_time(node):
    function = node(
        evaluator(
            """
            const read = () => JSON.parse(event).map((text) => eval(text));
            const before = read();
            await new Promise((go) => setTimeout(go, 1000));
            return read().map((after, at) => after - before[at]);
            """
        )
    )
    told = dict(zip(ELAPSED, function.value(list(ELAPSED)), strict=True))
    assert told == pytest.approx(ELAPSED)


def test_what_waits_waits_in_virtual_time(node):
    function = node(evaluator("const a = performance.now(); await eval(`${event}`); return performance.now() - a;"))
    told = {wait: function.value(wait.encode()) / 1000 for wait in WAITS}
    assert told == pytest.approx(WAITS)
    assert function.warnings == []


def test_differences_of_hrtime_are_virtual(node):
    function = node(
        evaluator(
            "const a = process.hrtime(); await new Promise((go) => setTimeout(go, 1500)); return process.hrtime(a);"
        )
    )
    assert function.value() == [1, 500_000_000]


def test_the_console_measures_virtual_time(node):
    function = node(
        evaluator("console.time('x'); await new Promise((go) => setTimeout(go, 1500)); console.timeEnd('x');")
    )
    assert "[verbose] x: 1500.000ms\n" in function.run().output


# Timers.


def test_timers_run_in_the_order_in_which_they_fall_due_and_equal_ones_in_that_in_which_they_were_made(node):
    function = node(
        evaluator(
            """
            const ran = [];
            const say = (name, go) => { ran.push([name, Date.now() - begun]); go(); };
            const at = (ms) => new Promise((go) => setTimeout(say, ms, ms, go));
            const begun = Date.now();
            await Promise.all([at(30), at(10), at(20), at(10)]);
            return ran;
            """
        )
    )
    assert function.value() == [[10, 10], [10, 10], [20, 20], [30, 30]]


def test_microtasks_run_between_two_timers_of_the_same_instant(node):
    function = node(
        evaluator(
            """
            const ran = [];
            setTimeout(() => { ran.push('a'); Promise.resolve().then(() => ran.push('a, later')); }, 5);
            setTimeout(() => ran.push('b'), 5);
            await new Promise((go) => setTimeout(go, 6));
            return ran;
            """
        )
    )
    assert function.value() == ["a", "a, later", "b"]


def test_a_timer_can_be_cleared_refreshed_and_asked(node):
    function = node(
        evaluator(
            """
            const ran = [];
            const cleared = setTimeout(() => ran.push('cleared'), 5);
            clearTimeout(cleared);
            const byNumber = setTimeout(() => ran.push('by number'), 5);
            clearTimeout(+byNumber);
            clearTimeout(undefined); clearTimeout(null); clearTimeout(999_999);
            const refreshed = setTimeout(() => ran.push(Date.now() - begun), 100);
            const begun = Date.now();
            setTimeout(() => refreshed.refresh(), 50);
            const quiet = setTimeout(() => {}, 10).unref();
            const told = [refreshed.hasRef(), quiet.hasRef(), quiet.ref().hasRef()];
            await new Promise((go) => setTimeout(go, 500));
            return [ran, told];
            """
        )
    )
    assert function.value() == [[150], [True, False, True]]


def test_an_interval_ticks_until_it_is_cleared(node):
    function = node(
        """
        exports.handler = (event, context, callback) => {
          const begun = Date.now(), ticks = [];
          const interval = setInterval(() => {
            ticks.push(Date.now() - begun);
            if (ticks.length === 3) { clearInterval(interval); callback(null, ticks); }
          }, 60_000);
        };
        """
    )
    assert function.value() == [60_000, 120_000, 180_000]


def test_an_interval_of_promises_ticks_until_it_is_left(node):
    function = node(
        evaluator(
            """
            const begun = Date.now(), ticks = [];
            for await (const value of require('timers/promises').setInterval(60_000, 'x')) {
              ticks.push([value, Date.now() - begun]);
              if (ticks.length === 2) break;
            }
            return ticks;
            """
        )
    )
    assert function.value() == [["x", 60_000], ["x", 120_000]]


def test_a_wait_can_be_aborted(node):
    function = node(
        evaluator(
            """
            const begun = Date.now(), abort = new AbortController();
            setTimeout(() => abort.abort(), 1000);
            try {
              await require('timers/promises').setTimeout(60_000, null, { signal: abort.signal });
            } catch (error) {
              return [error.name, error.code, Date.now() - begun];
            }
            """
        )
    )
    assert function.value() == ["AbortError", "ABORT_ERR", 1000]


def test_the_context_of_asynchronous_calls_survives_a_timer(node):
    function = node(
        evaluator(
            """
            const { AsyncLocalStorage } = require('async_hooks');
            const storage = new AsyncLocalStorage();
            return storage.run('mine', () => new Promise((go) => setTimeout(() => go(storage.getStore()), 1000)));
            """
        )
    )
    assert function.returned() == b"mine"


def test_a_sleep_is_a_fact_of_the_journal(node):
    function = node(evaluator("await new Promise((go) => setTimeout(go, 90_000)); return 1;"))
    function.run()
    assert function.sleeps == [(0, 90)]


def test_an_instance_is_frozen_between_two_attempts(node):
    function = node(
        """
        let ticks = 0;
        exports.handler = (event, context, callback) => {
          if (!ticks) setInterval(() => { ticks += 1; }, 1000);
          setTimeout(() => callback(null, ticks), 3500);
        };
        """
    )
    assert function.value() == 3
    function.emulator.wait(function.emulator.advance(s(100)))
    later = function.value()
    assert later < 10, "what fell due while it was frozen is one tick, not a hundred"


def test_time_flows_for_a_handler_on_a_flowing_clock(node):
    function = node(
        evaluator("const a = Date.now(); await new Promise((go) => setTimeout(go, 50_000)); return Date.now() - a;"),
        settings=Settings(rate=500.0),
    )
    assert 50_000 <= function.value() < 500_000


def test_time_passes_for_a_busy_handler_on_a_flowing_clock(node):
    function = node(
        evaluator("const a = Date.now(); while (Date.now() < a + 2000); return Date.now() - a;"),
        settings=Settings(rate=100.0),
    )
    assert function.value() >= 2000


# Real things.


class Listener:
    """A server that takes connections and answers when it is told to."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.taken: list[socket.socket] = []
        self.came = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            while True:
                self.taken.append(self.socket.accept()[0])
                self.came.set()
        except OSError:
            return

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for each in self.taken:
            each.close()
        self._thread.join()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.close()


CONNECTED = """
    const socket = require('net').connect(Number(event.toString()), '127.0.0.1');
    await new Promise((go) => socket.on('connect', go));
"""


def test_real_io_takes_no_virtual_time(node, listener):
    function = node(
        evaluator(
            f"{CONNECTED} const a = Date.now();return new Promise((go) => socket.on('data', () => go(Date.now() - a)));"
        )
    )
    invocation = function.emulator.accept(ask("f", str(listener.port).encode()))
    moving = function.emulator.run_until_idle(None)
    assert listener.came.wait(WAIT_SECONDS)
    listener.taken[0].sendall(b"x")
    function.emulator.wait(moving)
    assert invocation.attempts[0].outcome.payload == b"0"


def test_a_timer_beside_a_silent_socket_is_jumped_to_after_the_grace_and_the_journal_says_so(node, listener):
    function = node(
        evaluator(
            f"{CONNECTED} const a = Date.now();"
            "await new Promise((go) => setTimeout(go, 60_000)); return Date.now() - a;"
        ),
        settings=Settings(io_grace=s(0.05)),
    )
    assert function.value(listener.port) == 60_000
    (text,) = function.warnings
    assert text.startswith("the event loop of the handler jumped 60 s ahead over outstanding I/O: 1 TCP")


def test_a_deadline_beside_a_silent_server_strikes_in_virtual_time(node, listener):
    function = node(
        evaluator(
            """
            const a = Date.now();
            try {
              await fetch(`http://127.0.0.1:${event}/`, { signal: AbortSignal.timeout(30_000) });
            } catch (error) {
              return [error.name, Date.now() - a];
            }
            """
        ),
        settings=Settings(io_grace=s(0.05)),
    )
    assert function.value(listener.port) == ["TimeoutError", 30_000]


def test_a_loop_of_immediates_does_not_hold_up_a_timer_for_ever(node):
    function = node(
        evaluator(
            """
            let done = false;
            setTimeout(() => { done = true; }, 60_000);
            while (!done) await new Promise(setImmediate);
            return 1;
            """
        ),
        settings=Settings(io_grace=s(0.05)),
    )
    assert function.value() == 1
