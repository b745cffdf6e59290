"""What threads and pollers of runtimes and of the server raise closes the emulator that they work for."""

import asyncio
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from patience import WAIT_SECONDS
from systems import needs

from fcemu.engine import real
from fcemu.handler.child import own_threads
from fcemu.runtimes import side_threads
from fcemu.runtimes.children import Gone
from fcemu.runtimes.poller import PolledAttempt, Poller
from fcemu.testing import ClosedError, LocalEmulator

HANDLER = "import time\n\ndef handler(event, context):\n    time.sleep(float(event))\n    return event\n"


class Broken(Exception):
    pass


def fails(*of):
    raise Broken("no luck")


@pytest.fixture
def definition(tmp_path):
    (tmp_path / "index.py").write_text(HANDLER)
    (tmp_path / "fcemu.yaml").write_text("functions:\n  f: {handler: index.handler, timeout: 86400}\n")
    return tmp_path / "fcemu.yaml"


@pytest.mark.parametrize("error", [Broken("no luck"), SystemExit("no luck")])
def test_a_thread_beside_an_attempt_tells_what_it_raises(error):
    def job():
        raise error

    failed = []
    side_threads.start("fcemu-test", job, failed.append).join()
    assert failed == [error]


class Call:
    """As much of an attempt as the poller knows."""

    def __init__(self):
        self.errors = []
        self.failed = self.errors.append


class Child:
    closed = False
    polled_by = None

    def __init__(self, has_answered=lambda call: True):
        self.has_answered = has_answered
        self.fd, self.output = 1000, 1001  # nobody has these open


def poll(what, child, send=lambda child, call: True):
    """The errors that an attempt of ``child`` gets when ``what`` is done with the poller, and what is called for it."""
    call, attend = Call(), []
    errand = PolledAttempt(child, call, send, lambda: attend.append("soon"), lambda: attend.append("long"))

    async def run():
        poller = Poller(asyncio.get_running_loop())
        await asyncio.sleep(0)
        what(poller, errand)
        poller.close()

    asyncio.run(run())
    return call.errors, attend


def looked(poller, errand):
    poller.add(errand)
    poller._look_at(errand)


def polled(poller, errand):
    poller.add(errand)
    poller._epoll.close()  # now its ``poll`` raises ``ValueError``
    poller._look()
    poller._loop.remove_reader(0)


@needs("EPOLL")
def test_a_poller_that_fails_to_begin_an_attempt_tells_its_emulator():
    [error], attend = poll(lambda poller, errand: poller.add(errand), Child(), send=fails)
    assert isinstance(error, Broken)
    assert attend == []


@needs("EPOLL")
def test_a_poller_that_fails_to_read_an_answer_tells_the_emulator_of_that_attempt():
    [error], attend = poll(looked, Child(fails))
    assert isinstance(error, Broken)
    assert attend == []


@needs("EPOLL")
def test_a_child_that_is_gone_is_no_failure_of_the_poller():
    def gone(call):
        raise Gone

    assert poll(looked, Child(gone)) == ([], ["soon"])


@needs("EPOLL")
def test_a_poller_that_cannot_poll_tells_the_emulators_of_all_it_has_begun():
    [error], attend = poll(polled, Child())
    assert isinstance(error, ValueError)
    assert attend == []


def test_an_exception_that_leaves_the_loop_of_the_server_closes_its_emulator_and_clients_hear_of_it(definition):
    with LocalEmulator(definition, rate=1) as emulator, ThreadPoolExecutor(1) as callers:
        call = callers.submit(emulator.function("f").invoke, "80000")
        while not emulator._engine.in_flight:
            real.sleep(0.001)
        emulator._host._thread._loop.call_soon_threadsafe(sys.exit, "in a callback")
        with pytest.raises(ClosedError, match="SystemExit: in a callback") as closed:
            call.result(WAIT_SECONDS)
        assert isinstance(closed.value.__cause__, SystemExit)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(
                urllib.request.Request(f"{emulator.url}/2023-03-30/functions/f/invocations", b"0"),
                timeout=WAIT_SECONDS,
            )
        with refused.value:
            assert refused.value.code == 500
            assert b"SystemExit: in a callback" in refused.value.read()


def test_a_thread_of_a_child_that_fails_ends_the_child_with_its_traceback():
    program = (
        "import threading\nfrom fcemu.handler.child import own_threads\n"
        "def fails(): raise LookupError('no luck')\n"
        "own_threads.start_own(fails)\nthreading.Event().wait()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert ended.returncode == own_threads.STATUS
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("LookupError: no luck\n")
