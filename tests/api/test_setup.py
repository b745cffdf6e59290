"""fcemu's own API: faults, stubs, definitions."""

import json
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from api.harness import Reply
from patience import WAIT_SECONDS

from fcemu.config import read_mapping
from fcemu.testing import LocalEmulator

CHARGE = quote("orders/charge", safe="")


@pytest.fixture
def code(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return 'own code'\n")
    return tmp_path


def definition(code, **settings):
    return {"handler": "index.handler", "code": str(code), **settings}


@pytest.fixture
def emulator(code):
    service = {"orders": {"functions": {"charge": definition(code, timeout=60)}}}
    with LocalEmulator({"services": service}, strict=False) as emulator:
        yield emulator


@pytest.fixture
def ask(emulator):
    """``ask(method, path, document)``: a reply."""

    def ask(method, path, document=None):
        connection = HTTPConnection(emulator.host, emulator.port, timeout=WAIT_SECONDS)
        connection.request(method, f"/_fcemu{path}", None if document is None else json.dumps(document))
        response = connection.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return reply

    return ask


@pytest.fixture
def good(ask):
    """The same for answers that must be good: their document."""

    def good(*request):
        reply = ask(*request)
        assert 200 <= reply.status < 300, reply.body
        return reply.json() if reply.body else None

    return good


@pytest.fixture
def refused(ask):
    """The same for problems: status, type and detail."""

    def refused(*request):
        reply = ask(*request)
        assert reply.headers["content-type"] == "application/problem+json"
        document = reply.json()
        return reply.status, document["type"], document["detail"]

    return refused


def run(emulator):
    invocation = emulator.function("orders/charge").invoke_async()
    emulator.run_until_idle()
    return [(attempt.outcome, emulator.seconds(attempt.started)) for attempt in invocation.attempts]


# Faults.


@pytest.mark.parametrize(
    ("asked", "answered", "attempts"),
    [
        ({"fault": "throttle", "times": 2}, {}, [("throttled", 0), ("throttled", 0.5), ("returned", 1.5)]),
        ({"fault": "fail"}, {"status": 500}, [("system error", 0), ("returned", 0.5)]),
        ({"fault": "fail", "status": 503}, {}, [("system error", 0), ("returned", 0.5)]),
        ({"fault": "crash"}, {"when": "after"}, [("function error", 0), ("returned", 0.5)]),
        ({"fault": "crash", "when": "before"}, {}, [("function error", 0), ("returned", 0.5)]),
        ({"fault": "delay", "by": "1m"}, {"by": 60}, [("returned", 60)]),
        ({"fault": "delay", "by": 1.5}, {}, [("returned", 1.5)]),
        ({"fault": "deliver_twice"}, {"again": 0}, [("returned", 0), ("returned", 0)]),
        ({"fault": "deliver_twice", "again": "2s"}, {"again": 2}, [("returned", 0), ("returned", 2)]),
    ],
)
def test_a_fault_is_asked_for_strikes_and_is_listed(emulator, good, asked, answered, attempts):
    asked = {"function": "orders/charge", **asked}
    fault = good("POST", "/faults", asked)
    assert fault == {"n": 1, "times": 1, "struck": 0} | asked | answered
    assert run(emulator) == attempts
    assert good("GET", "/faults") == [fault | {"struck": asked.get("times", 1)}]


def test_faults_are_removed_by_number_or_all(emulator, good, refused):
    for fault in ("throttle", "crash", "fail"):
        good("POST", "/faults", {"fault": fault, "function": "orders/charge"})
    assert good("DELETE", "/faults?n=2") is None
    assert [fault["n"] for fault in good("GET", "/faults")] == [1, 3]
    assert refused("DELETE", "/faults?n=2") == (404, "not-found", "there is no fault '2'; known: 1, 3")
    assert good("DELETE", "/faults") is None
    assert good("GET", "/faults") == []
    assert run(emulator) == [("returned", 0)]


def test_a_fault_that_came_over_http_and_never_struck_fails_the_check(code):
    with LocalEmulator({"functions": {"f": definition(code)}}) as emulator:
        connection = HTTPConnection(emulator.host, emulator.port, timeout=WAIT_SECONDS)
        connection.request("POST", "/_fcemu/faults", json.dumps({"fault": "throttle", "function": "f"}))
        assert connection.getresponse().read()
        connection.close()
        with pytest.raises(AssertionError, match="these faults never occurred:\n  throttle"):
            emulator.check()
        assert emulator.function("f").invoke_async().result() == "own code"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"function": "orders/charge"}, (400, "invalid-body", "the field 'fault' is missing")),
        ({"fault": "throttle"}, (400, "invalid-body", "the field 'function' is missing")),
        (
            {"fault": "throttel", "function": "orders/charge"},
            (
                400,
                "invalid-field",
                "field 'fault': expected throttle, fail, crash, delay or deliver_twice, got \"throttel\" (a string)",
            ),
        ),
        (
            {"fault": "throttle", "function": "orders/chargee"},
            (404, "not-found", "there is no function 'orders/chargee'; did you mean 'orders/charge'?"),
        ),
        (
            {"fault": "throttle", "function": "a b"},
            (
                400,
                "invalid-field",
                "field 'function': expected the name of a function, 'name' or 'service/name', got \"a b\" (a string)",
            ),
        ),
        (
            {"fault": "throttle", "function": "orders/charge", "when": "after"},
            (400, "invalid-field", "throttle takes no 'when'; it takes fault, function, times"),
        ),
        ({"fault": "delay", "function": "orders/charge"}, (400, "invalid-body", "delay needs the field 'by'")),
        (
            {"fault": "delay", "function": "orders/charge", "by": -1},
            (400, "invalid-field", "by: expected a duration above 0, got -1 s"),
        ),
        (
            {"fault": "fail", "function": "orders/charge", "status": 404},
            (400, "invalid-field", "status: expected 500 or 503, got 404"),
        ),
        (
            {"fault": "crash", "function": "orders/charge", "times": 0},
            (400, "invalid-field", "times: expected a whole number above 0, got 0"),
        ),
    ],
)
def test_what_is_no_fault_is_refused_and_named(good, refused, body, expected):
    assert refused("POST", "/faults", body) == expected
    assert good("GET", "/faults") == []


# Stubs.


def test_a_stub_is_put_called_and_removed(emulator, good, refused):
    steps = [
        {"raises": {"errorType": "Declined", "errorMessage": "no money"}},
        {"status": 429},
        {"returns": {"ok": True}, "seconds": 2, "logs": "half way"},
    ]
    assert good("PUT", f"/stubs/{CHARGE}", {"steps": steps}) is None
    invocation = emulator.function("orders/charge").invoke_async({"order": 7})
    assert invocation.result() == {"ok": True}
    assert [attempt.outcome for attempt in invocation.attempts] == ["function error", "throttled", "returned"]
    assert type(invocation.attempts[0].exception).__name__ == "Declined"
    assert "half way\n" in invocation.attempts[2].logs
    ids = {"payload": '{"order":7}', "request_id": invocation.request_id}
    assert good("GET", f"/stubs/{CHARGE}") == [
        {**ids, "at": "2026-01-01T00:00:00.000000Z", "attempt": 1},
        {**ids, "at": "2026-01-01T00:00:01.000000Z", "attempt": 3},
    ]
    assert good("DELETE", f"/stubs/{CHARGE}") is None
    assert emulator.function("orders/charge").invoke().text == "own code"
    for method in ("GET", "DELETE"):
        assert refused(method, f"/stubs/{CHARGE}") == (404, "not-found", "there is no stub of orders/charge")


def test_the_error_of_a_stub_is_fcs_document(emulator, good):
    good("PUT", f"/stubs/{CHARGE}", {"steps": [{"raises": {"errorType": "E", "errorMessage": "m"}}]})
    reply = emulator.function("orders/charge").invoke()
    assert reply.error == "UnhandledInvocationError"
    assert reply.json() == {"errorMessage": "m", "errorType": "E"}


def test_another_stub_takes_the_place_of_all_before_it(emulator, good):
    charge = emulator.function("orders/charge")
    handle = charge.stub("of the test")
    charge.invoke()
    for text in ("one", "two"):
        good("PUT", f"/stubs/{CHARGE}", {"steps": [{"returns": text}]})
    assert charge.invoke().text == "two"
    assert len(good("GET", f"/stubs/{CHARGE}")) == 1
    handle.remove()
    good("DELETE", f"/stubs/{CHARGE}")
    assert charge.invoke().text == "own code"


def test_a_callable_is_no_stub_and_outlives_those_that_cover_it(emulator, good, refused):
    function = emulator.add("f", lambda event, context: "callable")
    assert refused("GET", "/stubs/f")[2] == "there is no stub of f"
    good("PUT", "/stubs/f", {"steps": [{}]})
    assert function.invoke().text == "null"
    good("DELETE", "/stubs/f")
    assert function.invoke().text == "callable"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (None, (400, "invalid-field", "field 'steps': expected a list of one or more steps, got null")),
        ([], (400, "invalid-field", "field 'steps': expected a list of one or more steps, got [] (a list)")),
        ([{}, 7], (400, "invalid-field", "step 2: expected an object, got 7 (a number)")),
        (
            [{"return": 1}],
            (
                400,
                "unknown-field",
                "step 1: there is no field 'return'; did you mean 'returns'? "
                "Expected: returns, raises, seconds, logs, status",
            ),
        ),
        ([{"status": 404}], (400, "invalid-field", "step 1: status: expected 200, 429, 500 or 503, got 404")),
        (
            [{"status": 429, "returns": 1}],
            (400, "invalid-field", "step 1: an attempt that is refused with 429 does not run; leave out returns"),
        ),
        (
            [{"raises": "E"}],
            (
                400,
                "invalid-field",
                'step 1: field \'raises\': expected {"errorType": STRING, "errorMessage": STRING}, got "E" (a string)',
            ),
        ),
        (
            [{"seconds": "2"}],
            (400, "invalid-field", "step 1: field 'seconds': expected a number, got \"2\" (a string)"),
        ),
    ],
)
def test_what_is_no_step_is_refused_and_named(refused, steps, expected):
    assert refused("PUT", f"/stubs/{CHARGE}", {"steps": steps}) == expected


def test_a_stub_needs_a_function_that_is_defined(refused):
    known = "there is no function 'orders/charg'; did you mean 'orders/charge'?"
    assert refused("PUT", "/stubs/orders%2Fcharg", {"steps": [{}]}) == (404, "not-found", known)
    assert refused("GET", "/stubs/a%20b")[:2] == (404, "not-found")
    assert refused("PUT", f"/stubs/{CHARGE}", {}) == (400, "invalid-body", "the field 'steps' is missing")


# Definitions.


def test_what_is_defined_is_shown_in_native_form_and_read_back_the_same(emulator, good, code):
    asked = {
        "maxAsyncRetryAttempts": 0,
        "maxAsyncEventAgeInSeconds": 60,
        "onSuccess": "function:orders/charge:LATEST",
        "onFailure": "queue:declined",
    }
    more = {
        "functions": {
            "audit": definition(code, memorySize=1024, environmentVariables={"A": "1"}, asyncInvokeConfig=asked)
        }
    }
    shown = good("POST", "/definition", more)
    assert shown == good("GET", "/definition")
    assert shown == {
        "functions": {
            "audit": {
                "handler": "index.handler",
                "code": str(code),
                "runtime": "python3.10",
                "timeout": 3,
                "memorySize": 1024,
                "environmentVariables": {"A": "1"},
                "asyncInvokeConfig": asked | {"onSuccess": "function:orders/charge"},
            }
        },
        "services": {
            "orders": {
                "functions": {
                    "charge": {
                        "handler": "index.handler",
                        "code": str(code),
                        "runtime": "python3.10",
                        "timeout": 60,
                        "memorySize": 512,
                    }
                }
            }
        },
    }
    again = read_mapping(shown, code)
    services, functions, asked_of = emulator._engine.setup.defined()
    assert sorted(again.functions, key=lambda one: one.ref.name) == sorted(functions, key=lambda one: one.ref.name)
    assert again.services == services
    assert dict(again.async_settings) == asked_of
    assert good("POST", "/definition", shown) == shown
    assert emulator.function("audit").invoke_async().result() == "own code"


def test_a_definition_that_is_wrong_is_refused_with_all_its_problems(ask, code):
    wrong = {"functions": {"f": definition(code, timout=3), "g": definition("nowhere")}}
    reply = ask("POST", "/definition", wrong)
    document = reply.json()
    assert (reply.status, document["type"]) == (400, "invalid-definition")
    assert [problem["path"] for problem in document["problems"]] == [
        "functions.f.timout",
        "functions.g.code",
    ]
    assert document["problems"][0]["hints"][0].startswith("did you mean 'timeout'?")
    assert ask("GET", "/definition").json()["functions"] == {}


def test_a_definition_cannot_change_the_options_of_a_running_emulator(refused):
    status, kind, text = refused("POST", "/definition", {"emulator": {"seed": 7}})
    assert (status, kind) == (400, "invalid-definition")
    assert text == "a definition that is added cannot change the options of the emulator: seed"


def test_a_server_without_the_parts_says_so(served):
    for method, path in (("GET", "/definition"), ("POST", "/definition"), ("PUT", "/stubs/echo")):
        reply = served.request(method, f"/_fcemu{path}", b'{"steps": [{}]}')
        assert (reply.status, reply.json()["type"]) == (501, "not-supported-yet")
