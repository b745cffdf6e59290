"""The suite whose failures ``test_failures.py`` looks at: the handlers, and a failing test for each."""

HANDLERS = """\
import json
import os
import sys
import threading
import time

from shop import prices

LOCK = threading.Lock()


def key_error(event, context):
    print("charging", event.decode())
    order = json.loads(event)
    return order["email"]


def chained(event, context):
    try:
        return prices.price("apple")
    except KeyError as missing:
        raise ValueError("the catalogue has no apple") from missing


async def asynchronous(event, context):
    return "done"


def generator(event, context):
    yield "done"


def one_parameter(event):
    return event


def not_json(event, context):
    return {"order": object()}


def sys_exit(event, context):
    sys.exit(3)


def os_exit(event, context):
    os._exit(3)


def sleeps(event, context):
    time.sleep(60)


def loop(event, context):
    while True:
        pass


def lock(event, context):
    with LOCK:
        with LOCK:
            return "never"


def recursion(event, context):
    return recursion(event, context)


def reads_url(event, context):
    return os.environ["URL"]


def good(event, context):
    return "good"
"""

PRICES = """\
PRICES = {"pear": 2}


def price(name):
    return PRICES[name]
"""

BROKEN = """\
def handler(event, context)
    return "broken"
"""

NEEDS_STRIPE = """\
import json

import strype


def handler(event, context):
    return "paid"
"""

NODE = """\
exports.handler = async (event, context) => {
  return total(JSON.parse(event));
};

function total(order) {
  return order.items.length;
}
"""

FUNCTIONS = {
    name: {"handler": f"shop/handlers.{name}", "runtime": "python3.12", "code": ".", "timeout": 3}
    for name in (
        "key_error",
        "chained",
        "asynchronous",
        "generator",
        "one_parameter",
        "not_json",
        "sys_exit",
        "os_exit",
        "sleeps",
        "loop",
        "lock",
        "recursion",
        "reads_url",
        "good",
        "missing_handler",
    )
} | {
    "broken": {"handler": "shop/broken.handler", "runtime": "python3.12", "code": "."},
    "stripe": {"handler": "shop/needs_stripe.handler", "runtime": "python3.12", "code": "."},
    "node": {"handler": "shop/index.handler", "runtime": "nodejs20", "code": "."},
    "old": {
        "handler": "shop/handlers.good",
        "runtime": "python3.12",
        "code": ".",
        "asyncInvokeConfig": {"maxAsyncEventAgeInSeconds": 1},
    },
}

TESTS = """\
import time
import unittest
import urllib.error
import urllib.request

import pytest

from fcemu.testing import LocalEmulator


def fails(fcemu, name, payload="{}"):
    assert fcemu.function(name).invoke(payload).error is None


def test_key_error(fcemu):
    invocation = fcemu.function("key_error").invoke_async({"order": 7})
    fcemu.run_until_idle()
    assert invocation.status == "Succeeded"


def test_represented(fcemu):
    invocation = fcemu.function("key_error").invoke_async({"order": 7})
    fcemu.run_until_idle()
    assert invocation is None


def test_chained(fcemu):
    assert fcemu.function("chained").invoke("{}").result() == 2


def test_missing_module(fcemu):
    fails(fcemu, "stripe")


def test_syntax_error(fcemu):
    fails(fcemu, "broken")


def test_missing_handler(fcemu):
    fails(fcemu, "missing_handler")


def test_asynchronous(fcemu):
    fails(fcemu, "asynchronous")


def test_generator(fcemu):
    fails(fcemu, "generator")


def test_one_parameter(fcemu):
    fails(fcemu, "one_parameter")


def test_not_json(fcemu):
    fails(fcemu, "not_json")


def test_sys_exit(fcemu):
    fails(fcemu, "sys_exit")


def test_sleeps(fcemu):
    fails(fcemu, "sleeps")


@pytest.mark.fcemu(watchdog=1)
def test_loop(fcemu):
    fails(fcemu, "loop")


@pytest.mark.fcemu(watchdog=1)
def test_lock(fcemu):
    fails(fcemu, "lock")


def test_recursion(fcemu):
    fails(fcemu, "recursion")


@pytest.mark.fcemu(runtime="process")
def test_in_a_process(fcemu):
    fails(fcemu, "key_error")


@pytest.mark.fcemu(runtime="process")
def test_sys_exit_in_a_process(fcemu):
    fails(fcemu, "sys_exit")


def test_node(fcemu):
    fails(fcemu, "node")


def test_expired(fcemu):
    invocation = fcemu.function("old").invoke_async("x", delay=5)
    fcemu.run_until_idle()
    assert invocation.status == "Succeeded"


def test_throttled(fcemu):
    fcemu.faults.throttle("good")
    fcemu.function("good").invoke("x")


def test_nobody_looked(fcemu):
    fcemu.function("key_error").invoke_async({"order": 7})
    fcemu.run_until_idle()


def test_nobody_looked_at_the_reply(fcemu):
    fcemu.function("key_error").invoke({"order": 7})


def test_refused(fcemu):
    fcemu.function("good").invoke_async(delay="2h")


def test_swallowed(fcemu):
    request = urllib.request.Request(fcemu.url + "/2023-03-30/functions/chrage/invocations", data=b"{}")
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as refused:
        refused.close()
    assert fcemu.function("good").invocations


def test_nobody_moved_the_clock(fcemu):
    invocation = fcemu.function("good").invoke_async("x", delay="1h")
    assert invocation.attempts[0].outcome == "returned"


def test_no_reply_yet(fcemu):
    assert fcemu.function("good").invoke_async("x").reply.text == "good"


def test_never_true(fcemu):
    invocation = fcemu.function("good").invoke_async("x")
    fcemu.run_until(lambda: invocation.status == "Failed")


def test_variable_is_missing(fcemu):
    fails(fcemu, "reads_url")


@pytest.fixture(scope="module")
def shared():
    with LocalEmulator(".", strict=False) as emulator:
        yield emulator


def test_emulator_of_a_module(shared):
    fails(shared, "key_error")


def test_that_does_not_use_it():
    assert False


class TestCase(unittest.TestCase):
    def test_emulator_of_unittest(self):
        emulator = self.enterContext(LocalEmulator(".", strict=False))
        self.assertEqual(emulator.function("key_error").invoke("{}").error, None)


@pytest.fixture(scope="module")
def wide(fcemu):
    return fcemu


def test_wide(wide):
    pass
"""
