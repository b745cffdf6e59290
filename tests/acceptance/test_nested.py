"""A handler that invokes another function through an unmodified SDK waits for it, and time may move meanwhile."""

import textwrap

import pytest

from fcemu.testing import LocalEmulator

SLOW = """
import time

def handler(event, context):
    time.sleep(100)
    return event + b" at last"
"""

FC2 = """
import os
import fc2

def handler(event, context):
    keys = context.credentials
    client = fc2.Client(
        endpoint=os.environ["FCEMU_URL"],
        accessKeyID=keys.access_key_id,
        accessKeySecret=keys.access_key_secret,
        securityToken=keys.security_token,
    )
    return client.invoke_function("films", "slow", payload=event).data
"""

OPEN_FC2 = """
import os
from alibabacloud_fc_open20210406.client import Client
from alibabacloud_fc_open20210406.models import InvokeFunctionHeaders, InvokeFunctionRequest
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

def handler(event, context):
    keys = context.credentials
    config = Config(
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
        endpoint=os.environ["FCEMU_URL"].removeprefix("http://"),
        protocol="http",
    )
    request = InvokeFunctionRequest(body=event)
    answer = Client(config).invoke_function_with_options(
        "films", "slow", request, InvokeFunctionHeaders(), RuntimeOptions()
    )
    return answer.body
"""

FC3 = """
import os
from alibabacloud_fc20230330.client import Client
from alibabacloud_fc20230330.models import InvokeFunctionHeaders, InvokeFunctionRequest
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions

def handler(event, context):
    config = Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        security_token=os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"],
        endpoint=os.environ["FCEMU_URL"].removeprefix("http://"),
        protocol="http",
    )
    request = InvokeFunctionRequest(body=event)
    answer = Client(config).invoke_function_with_options("slow", request, InvokeFunctionHeaders(), RuntimeOptions())
    return answer.body.read()
"""


@pytest.fixture
def emulator(tmp_path):
    for name, text in (("slow", SLOW), ("caller2", FC2), ("caller21", OPEN_FC2), ("caller3", FC3)):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    settings = {"timeout": 300, "code": str(tmp_path)}
    slow = {"handler": "slow.handler", **settings}
    definition = {
        "functions": {"slow": slow, "caller": {"handler": "caller3.handler", **settings}},
        "services": {
            "films": {
                "functions": {
                    "slow": slow,
                    "caller": {"handler": "caller2.handler", **settings},
                    "open-caller": {"handler": "caller21.handler", **settings},
                }
            }
        },
    }
    with LocalEmulator(definition) as emulator:
        yield emulator


@pytest.mark.parametrize("name", ["caller", "films/caller", "films/open-caller"])
def test_the_caller_waits_as_long_as_its_callee_sleeps(emulator, name):
    reply = emulator.function(name).invoke("done")
    assert (reply.error, reply.text) == (None, "done at last")
    assert emulator.now == emulator.at("+100s")
    assert [(one.function, one.status) for one in emulator.invocations] == [
        (name, "Succeeded"),
        (name.replace("open-", "").replace("caller", "slow"), "Succeeded"),
    ]
    assert "was called without" not in emulator.timeline()


@pytest.mark.parametrize("name", ["caller", "films/caller", "films/open-caller"])
def test_a_deferred_caller_does_so_too(emulator, name):
    invocation = emulator.function(name).invoke_async("done", delay=200)
    assert invocation.result() == "done at last"
    assert invocation.ended == emulator.at("+300s")
