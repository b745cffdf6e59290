"""Limits that are written and cannot be reached are odd, and said with their place."""

from pathlib import Path

import pytest

from fcemu.config import read_definition


@pytest.fixture
def warnings(tmp_path, monkeypatch):
    """What is odd about a function of a file, or about a whole file."""
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text("def b(event, context): ...\n")

    def read(function, top="", name="fcemu.yaml", whole="{top}\nfunctions: {{f: {{handler: a.b, {function}}}}}\n"):
        Path(name).write_text(whole.format(top=top, function=function))
        return [str(one).partition(" warning: ")[2] for one in read_definition(Path(name)).warnings]

    return read


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            "reservedConcurrency: 301",
            "reservedConcurrency: the function never gets 301 instances: the account allows 300",
        ),
        ("provisionConfig: {target: 400}", "provisionConfig: the function never gets 400 instances"),
        ("provisionConfig: [{defaultTarget: 400}]", "provisionConfig: the function never gets 400 instances"),
        ("scalingConfig: {minInstances: 301}", "scalingConfig: the function never gets 301 instances"),
        (
            "instanceConcurrency: 2",
            "instanceConcurrency: an instance never takes 2 requests at a time: instances of python3.10 take one",
        ),
        (
            "asyncInvokeConfig: {maxAsyncEventAgeInSeconds: 3}",
            (
                "maxAsyncEventAgeInSeconds: retry 3 never happens: it is due "
                "after 3.5 s, when the event has already expired"
            ),
        ),
    ],
)
def test_a_limit_that_cannot_be_reached_is_odd(warnings, function, message):
    [said] = warnings(function)
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("function", "top"),
    [
        ("reservedConcurrency: 300", ""),
        ("reservedConcurrency: 400", "emulator: {instanceLimit: 400}"),
        ("reservedConcurrency: 400", "emulator: {limits: relaxed}"),
        ("scalingConfig: {minInstances: 0}", "emulator: {instanceLimit: 0}"),
        ("instanceConcurrency: 1", ""),
        ("asyncInvokeConfig: {maxAsyncEventAgeInSeconds: 4}", ""),
        ("asyncInvokeConfig: {maxAsyncEventAgeInSeconds: 1, maxAsyncRetryAttempts: 1}", ""),
        ("asyncInvokeConfig: {maxAsyncEventAgeInSeconds: 1, maxAsyncRetryAttempts: 0}", ""),
        ("asyncInvokeConfig: {maxAsyncEventAgeInSeconds: 1}", "emulator: {retrySeconds: [0.1]}"),
    ],
)
def test_what_can_be_reached_is_not(warnings, function, top):
    assert warnings(function, top) == []


def test_the_last_wait_repeats_and_lists_have_places_of_their_own(warnings):
    settings = "asyncInvokeConfig: [{maxAsyncRetryAttempts: 1}, {qualifier: LATEST1, maxAsyncEventAgeInSeconds: 5}]"
    function = f"{settings}, versions: {{'1': {{}}}}, aliases: {{LATEST1: '1'}}"
    [said] = warnings(function, "emulator: {retrySeconds: [1, 2.5]}")
    assert said.startswith("maxAsyncEventAgeInSeconds: retry 3 never happens: it is due after 6 s")


def test_services_and_other_formats_are_looked_at_in_their_own_words(warnings):
    service = "{top}services: {{s: {{functions: {{f: {{handler: a.b, {function}}}}}}}}}\n"
    [said] = warnings("reservedConcurrency: 999", whole=service)
    assert said.startswith("reservedConcurrency: the function never gets 999 instances")
    template = (
        "{top}Transform: Aliyun::Serverless-2018-04-03\nResources: {{s: {{Type: Aliyun::Serverless::Service, f: {{"
        "Type: Aliyun::Serverless::Function, "
        "Properties: {{Handler: a.b, Runtime: python3, CodeUri: ., {function}}}}}}}}}\n"
    )
    [said] = warnings("InstanceConcurrency: 9", name="template.yml", whole=template)
    assert said == "InstanceConcurrency: an instance never takes 9 requests at a time: instances of python3 take one"
