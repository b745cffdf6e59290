"""What a process that is forked from the test's can do with its emulators: nothing, and it learns so at once."""

import os
import sys
import time
import traceback
import warnings
from http.client import HTTPConnection

import pytest
from patience import CHILD_SECONDS

from fcemu.testing import ForkedError, LocalEmulator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process with threads")


def forked(act):
    """What ``act()`` returns in a forked process, as text."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons: this process has threads
        pid = os.fork()
    if pid == 0:
        try:
            text = str(act())
        except BaseException:
            text = traceback.format_exc()
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return text


@pytest.fixture
def emulator():
    with LocalEmulator("", strict=False) as emulator:
        emulator.add("double", lambda event, context: 2 * int(event))
        yield emulator


USES = {
    "function": lambda emulator, double, invocation: emulator.function("double"),
    "invoke": lambda emulator, double, invocation: double.invoke(2),
    "invoke_async": lambda emulator, double, invocation: double.invoke_async(2),
    "result": lambda emulator, double, invocation: invocation.result(),
    "stop": lambda emulator, double, invocation: invocation.stop(),
    "advance": lambda emulator, double, invocation: emulator.advance(1),
    "run_until_idle": lambda emulator, double, invocation: emulator.run_until_idle(),
    "run_next": lambda emulator, double, invocation: emulator.run_next(),
    "explain": lambda emulator, double, invocation: emulator.explain(),
    "add": lambda emulator, double, invocation: emulator.add("other", lambda event, context: event),
    "stub": lambda emulator, double, invocation: double.stub("x"),
    "reset": lambda emulator, double, invocation: emulator.reset(),
    "restart": lambda emulator, double, invocation: emulator.restart(),
    "queue": lambda emulator, double, invocation: emulator.queue("mail").send("x"),
    "sleep": lambda emulator, double, invocation: sleeps(emulator),
}


def sleeps(emulator):
    with emulator.virtual_time():
        time.sleep(1)


@pytest.mark.parametrize("use", USES)
@pytest.mark.timeout(CHILD_SECONDS)
def test_what_needs_the_emulator_is_refused_at_once(emulator, use):
    double = emulator.function("double")
    invocation = double.invoke_async(1, delay=5)

    def act():
        with pytest.raises(ForkedError, match=r"do not survive a fork.*over HTTP.*'spawn'"):
            USES[use](emulator, double, invocation)
        return "refused"

    assert forked(act) == "refused"
    assert invocation.result() == 2


def test_what_has_happened_can_be_read(emulator):
    invocation = emulator.function("double").invoke_async(1)
    assert forked(lambda: (invocation.status, "Accepted" in [fact.kind for fact in emulator.journal])) == str(
        ("Enqueued", True)
    )


def test_the_emulator_can_be_reached_over_http(emulator):
    def act():
        connection = HTTPConnection(emulator.host, emulator.port, timeout=CHILD_SECONDS)
        connection.request("POST", "/2023-03-30/functions/double/invocations", b"21")
        return connection.getresponse().read()

    assert forked(act) == "b'42'"


def test_a_forked_process_closes_nothing_that_is_not_its_own(emulator):
    def act():
        with emulator:
            pass
        emulator.close()
        return "closed"

    assert forked(act) == "closed"
    assert emulator.function("double").invoke(4).json() == 8


def test_a_forked_process_can_make_emulators_of_its_own(emulator):
    def act():
        with LocalEmulator("") as own:
            nap = own.add("nap", lambda event, context: time.sleep(2))
            nap.invoke_async()
            own.run_until_idle()
            return own.seconds(own.now)

    emulator.function("double").invoke(1)  # so that there are threads that do not survive
    assert forked(act) == "2.0"


def test_what_a_handler_forks_has_real_time_and_ends(emulator):
    def forks(event, context):
        def act():
            time.sleep(0.001)
            return time.time() > 1_767_225_600 + 1000

        return forked(act)

    assert emulator.add("forks", forks).invoke().text == "True"
