"""What a test arranges: callables, definitions, modules, SDK clients, stubs, faults; what check() says of them."""

import json
import sys
import textwrap
import time
from datetime import datetime, timedelta
from urllib.request import urlopen

import pytest
from patience import CHILD_SECONDS

from fcemu.config import DefinitionError
from fcemu.runtimes.namespace import PLACES
from fcemu.testing import FCError, InvocationFailed, LocalEmulator, Step, UnknownName


def native(code, **functions):
    return {"functions": {name: {"handler": handler, "code": str(code)} for name, handler in functions.items()}}


@pytest.fixture
def shop(tmp_path):
    """A folder with a handler that counts how often its module was imported."""
    (tmp_path / "charging.py").write_text(
        textwrap.dedent("""
            import os

            PRICE = 7
            CALLS = []


            def charge(event, context):
                CALLS.append(context.request_id)
                return {"price": PRICE, "calls": len(CALLS)}


            def refund(event, context):
                raise ValueError("nothing to refund")
        """)
    )
    yield tmp_path
    sys.modules.pop("charging", None)


@pytest.fixture
def emulator(shop):
    with LocalEmulator(native(shop, charge="charging.charge", refund="charging.refund")) as emulator:
        yield emulator


class Declined(Exception):
    pass


# Callables.


def test_a_callable_becomes_a_function_with_settings_by_fcs_names(emulator):
    def mail(event, context):
        time.sleep(600)
        print("sent", context.function.name)
        return {"to": json.loads(event)["to"], "at": datetime.now().isoformat()}

    function = emulator.add(
        "shop/mail", mail, timeout=900, memorySize=1024, asyncInvokeConfig={"onSuccess": "queue:sent"}
    )
    invocation = function.invoke_async({"to": "a@b"}, delay=60)
    assert invocation.result() == {"to": "a@b", "at": "2026-01-01T00:11:00"}
    assert "sent mail" in invocation.attempts[0].logs
    assert "Memory Size: 1024 MB" in invocation.attempts[0].logs
    assert len(emulator.queue("sent").messages) == 1
    assert function.name == "shop/mail"


def test_the_exception_of_a_callable_is_the_cause_of_what_result_raises(emulator):
    error = Declined("no money")

    def handler(event, context):
        raise error

    function = emulator.add("f", handler, asyncInvokeConfig={"maxAsyncRetryAttempts": 1})
    invocation = function.invoke_async()
    with pytest.raises(InvocationFailed, match="1 retries used up") as failed:
        invocation.result()
    assert failed.value.__cause__ is error
    assert failed.value.invocation == invocation
    assert [attempt.exception for attempt in invocation.attempts] == [error, error]
    assert function.invoke().error == "UnhandledInvocationError"


def test_the_exception_of_a_files_handler_is_the_cause_as_well(emulator):
    with pytest.raises(InvocationFailed) as failed:
        emulator.function("refund").invoke_async().result()
    assert str(failed.value.__cause__) == "nothing to refund"


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"timout": 5}, DefinitionError, "unknown key 'timout' in function f[\\s\\S]*did you mean 'timeout'"),
        ({"timeout": "5"}, DefinitionError, "functions.f.timeout"),
        ({"code": "."}, ValueError, "f: leave out code: the callable is the code"),
    ],
)
def test_settings_that_are_wrong_are_named_and_nothing_is_added(emulator, settings, error, text):
    with pytest.raises(error, match=text):
        emulator.add("f", lambda event, context: None, **settings)
    with pytest.raises(UnknownName):
        emulator.function("f")


def test_only_a_callable_can_be_added(emulator):
    with pytest.raises(ValueError, match="handler: expected a callable that takes \\(event, context\\), got 'index"):
        emulator.add("f", "index.handler")
    with pytest.raises(ValueError, match="'a b' is not the name of a function"):
        emulator.add("a b", lambda event, context: None)


def test_a_callable_takes_the_place_of_a_function_and_a_definition_that_of_a_callable(emulator, shop):
    charge = emulator.function("charge")
    emulator.add("charge", lambda event, context: "callable")
    assert charge.invoke().text == "callable"
    emulator.define(native(shop, charge="charging.charge"))
    assert charge.invoke().json()["price"] == 7


def test_reset_makes_the_emulator_again_as_its_options_made_it(emulator):
    emulator.add("f", lambda event, context: None)
    emulator.function("charge").stub("stubbed")
    emulator.faults.throttle("charge")
    emulator.reset()
    with pytest.raises(UnknownName):
        emulator.function("f")
    assert emulator.function("charge").invoke().json()["price"] == 7
    assert [fact.kind for fact in emulator.journal].count("FaultStruck") == 0


# Definitions.


def test_a_definition_adds_and_replaces_while_others_keep_their_instances(emulator, shop):
    first = emulator.function("charge").invoke()
    assert emulator.function("refund").invoke().error is not None
    emulator.define(
        {"services": {"more": {"functions": {"charge": {"handler": "charging.charge", "code": str(shop)}}}}}
    )
    emulator.define(native(shop, refund="charging.charge"))
    assert emulator.function("more/charge").invoke().json()["price"] == 7
    assert emulator.function("refund").invoke().error is None
    assert emulator.function("charge").invoke().headers["x-fc-instance-id"] == first.headers["x-fc-instance-id"]


def test_a_definition_replaces_the_asynchronous_settings_too(emulator, shop):
    definition = native(shop, refund="charging.refund")
    definition["functions"]["refund"]["asyncInvokeConfig"] = {"maxAsyncRetryAttempts": 0}
    emulator.define(definition)
    once = emulator.function("refund").invoke_async()
    emulator.run_until_idle()
    emulator.define(native(shop, refund="charging.refund"))
    again = emulator.function("refund").invoke_async()
    emulator.run_until_idle()
    assert [len(one.attempts) for one in (once, again)] == [1, 4]


def test_what_is_accepted_already_runs_as_defined_when_it_is_due(emulator):
    invocation = emulator.function("charge").invoke_async(delay=60)
    emulator.add("charge", lambda event, context: "new")
    assert invocation.result() == "new"


def test_a_definition_cannot_change_the_options_of_a_running_emulator(emulator, shop):
    definition = native(shop, other="charging.charge")
    emulator.define(definition | {"emulator": {"seed": 0, "clock": {"rate": 9}}})
    with pytest.raises(ValueError, match="cannot change the options of the emulator: seed, destination_depth"):
        emulator.define(definition | {"emulator": {"seed": 7, "destinationDepth": 3}})


def test_a_definition_is_looked_for_beside_the_test_then_at_the_rootdir_then_where_we_are(pytester, shop, emulator):
    for place in ("suite/near", "far"):
        folder = pytester.path / place
        folder.mkdir(parents=True)
        (folder / "index.py").write_text(f"def handler(event, context): return {place!r}\n")
        (folder / "fcemu.yaml").write_text(f"functions: {{{folder.name}: {{handler: index.handler}}}}\n")
    (pytester.path / "suite" / "test_it.py").write_text(
        textwrap.dedent("""
            def test_it(fcemu):
                for name in ("near", "far"):
                    fcemu.define(name)
                    assert fcemu.function(name).invoke().text.endswith(name)
        """)
    )
    pytester.makeini("[pytest]\n")
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "suite", timeout=CHILD_SECONDS).assert_outcomes(passed=1)
    emulator.define(pytester.path / "far")
    assert emulator.function("far").invoke().text == "far"


# Modules.


def test_the_module_of_a_handler_can_be_monkeypatched_before_it_first_ran(emulator, monkeypatch):
    charge = emulator.function("charge")
    monkeypatch.setattr(charge.module, "PRICE", 1)
    assert charge.invoke().json()["price"] == 1
    assert emulator.function("refund").module is charge.module


def test_the_module_of_a_callable_is_where_it_is_written(emulator):
    def handler(event, context):
        return None

    assert emulator.add("f", handler).module is sys.modules[__name__]
    with pytest.raises(LookupError, match="f was added as a callable that belongs to none of your modules"):
        _ = emulator.add("f", print).module


def test_a_module_that_cannot_be_loaded_says_why(emulator, shop):
    (shop / "wrong.py").write_text("import time\ntime.sleep(2)\n\ndef handler(event, context):\n    pass\n")
    emulator.define(native(shop, wrong="wrong.handler"))
    with pytest.raises(RuntimeError, match="this code sleeps 2 s while it is loaded outside of an attempt"):
        _ = emulator.function("wrong").module
    assert emulator.function("wrong").invoke_async().result() is None


def test_modules_are_shared_with_the_test_and_between_instances(shop, monkeypatch):
    monkeypatch.syspath_prepend(str(shop))
    import charging

    with LocalEmulator(native(shop, charge="charging.charge")) as emulator:
        charge = emulator.function("charge")
        assert charge.module is charging
        emulator.faults.crash(charge)
        assert charge.invoke().error
        assert charge.invoke().json()["calls"] == 2
    assert len(charging.CALLS) == 2


def test_isolated_modules_are_imported_anew_for_each_instance_and_not_shared_with_the_test(shop, monkeypatch):
    monkeypatch.syspath_prepend(str(shop))
    import charging

    places = len(PLACES)
    with LocalEmulator(native(shop, charge="charging.charge"), isolate=True) as emulator:
        charge = emulator.function("charge")
        assert [charge.invoke().json()["calls"] for _ in range(2)] == [1, 2]
        emulator.faults.crash(charge)
        assert charge.invoke().error
        assert charge.invoke().json()["calls"] == 1
        assert len(PLACES) == places + 1
        with pytest.raises(LookupError, match="with isolate=True each instance of charge has a module of its own"):
            _ = charge.module
    assert len(PLACES) == places
    assert charging.CALLS == []


def test_the_option_isolate_is_a_truth_value(shop):
    with pytest.raises(ValueError, match="option isolate: expected true or false, got 'yes'"):
        LocalEmulator(native(shop), isolate="yes")


# Clients.


@pytest.fixture
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("_no_proxies")
def test_the_client_of_2016_reaches_the_emulator(emulator):
    emulator.add("media/echo", lambda event, context: event)
    client = emulator.client("2016-08-15")
    assert client.invoke_function("media", "echo", payload=b"hello").data == b"hello"


@pytest.mark.usefixtures("_no_proxies")
@pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")
def test_the_client_of_2023_reaches_the_emulator(emulator):
    from alibabacloud_fc20230330.models import InvokeFunctionRequest

    emulator.add("echo", lambda event, context: event)
    response = emulator.client("2023-03-30").invoke_function("echo", InvokeFunctionRequest(body=b"hello"))
    assert response.body.read() == b"hello"


@pytest.mark.usefixtures("_no_proxies")
def test_the_client_of_2021_reaches_the_emulator(emulator):
    from alibabacloud_fc_open20210406.models import InvokeFunctionRequest

    emulator.add("media/echo", lambda event, context: event)
    request = InvokeFunctionRequest(body=b"hello")
    assert emulator.client("2021-04-06").invoke_function("media", "echo", request).body == b"hello"


def test_an_sdk_that_is_not_installed_is_named(emulator, monkeypatch):
    for name in ("alibabacloud_fc_open20210406", "alibabacloud_fc_open20210406.client"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="pip install alibabacloud-fc-open20210406"):
        emulator.client("2021-04-06")
    with pytest.raises(ValueError, match="expected 2016-08-15, 2021-04-06 or 2023-03-30, got '2023'"):
        emulator.client("2023")


# Stubs.


def test_a_stub_takes_a_functions_place_until_it_is_removed(emulator):
    charge = emulator.function("charge")
    with charge.stub(
        Declined("no money"), Step(status=503), Step(returns={"ok": True}, seconds=2, logs="done")
    ) as stub:
        invocation = charge.invoke_async({"order": 7}, delay=10)
        assert invocation.result() == {"ok": True}
        assert [(a.outcome, emulator.seconds(a.started)) for a in invocation.attempts] == [
            ("function error", 10),
            ("system error", 10.5),
            ("returned", 11),
        ]
        assert isinstance(invocation.attempts[0].exception, Declined)
        assert "done\n" in invocation.attempts[2].logs
        assert [(call.json(), emulator.seconds(call.at), call.attempt) for call in stub.calls] == [
            ({"order": 7}, 10, 1),
            ({"order": 7}, 11, 3),
        ]
        assert {call.request_id for call in stub.calls} == {invocation.request_id}
    assert charge.invoke().json()["price"] == 7
    assert len(stub.calls) == 2


def test_the_exception_of_a_stub_is_the_cause_of_what_result_raises(emulator):
    error = Declined("no money")
    charge = emulator.function("charge")
    charge.stub(Step(raises=error, seconds=1))
    with pytest.raises(InvocationFailed, match="no money") as failed:
        charge.invoke_async().result()
    assert failed.value.__cause__ is error


def test_a_step_longer_than_the_functions_timeout_times_out(emulator):
    charge = emulator.function("charge")
    stub = charge.stub(Step(returns=1, seconds=60))
    invocation = charge.invoke_async()
    emulator.run_until_idle()
    assert {attempt.outcome for attempt in invocation.attempts} == {"timed out"}
    assert len(stub.calls) == 4


def test_a_synchronous_caller_gets_what_a_stub_says(emulator):
    charge = emulator.function("charge")
    charge.stub(Step(status=429), "text", lambda event, context: event + b"!")
    with pytest.raises(FCError, match="ResourceExhausted"):
        charge.invoke()
    assert [charge.invoke(b"x").body for _ in range(3)] == [b"text", b"x!", b"x!"]


def test_the_last_stub_covers_those_before(emulator):
    charge = emulator.function("charge")
    outer = charge.stub("outer")
    inner = charge.stub("inner")
    assert charge.invoke().text == "inner"
    outer.remove()
    assert charge.invoke().text == "inner"
    inner.remove()
    inner.remove()
    assert charge.invoke().json()["price"] == 7
    assert [len(stub.calls) for stub in (outer, inner)] == [0, 2]


def test_a_stub_of_a_callable_gives_way_to_it(emulator):
    function = emulator.add("f", lambda event, context: "callable")
    with function.stub("stub"):
        emulator.add("f", lambda event, context: "other")
        assert function.invoke().text == "stub"
    assert function.invoke().text == "other"


def test_a_stub_without_steps_only_remembers_its_calls(emulator):
    stub = emulator.function("charge").stub()
    assert emulator.function("charge").invoke({"a": 1}).json() is None
    assert [call.json() for call in stub.calls] == [{"a": 1}]


def test_a_stubbed_destination_gets_the_report(emulator):
    emulator.define({})
    emulator.add("work", lambda event, context: "done", asyncInvokeConfig={"onSuccess": "function:charge"})
    stub = emulator.function("charge").stub()
    emulator.function("work").invoke_async()
    emulator.run_until_idle()
    assert [call.json()["responsePayload"] for call in stub.calls] == ["done"]


# Faults.


def test_faults_take_names_and_handles_and_strike(emulator):
    charge = emulator.function("charge")
    asked = [
        emulator.faults.delay("charge", "5s"),
        emulator.faults.throttle(charge),
        emulator.faults.fail(charge, 503),
        emulator.faults.crash("charge", when="before"),
        emulator.faults.deliver_twice("charge", again="10s"),
    ]
    invocation = charge.invoke_async()
    emulator.run_until_idle()
    assert [(a.outcome, emulator.seconds(a.started)) for a in invocation.attempts] == [
        ("throttled", 5),
        ("system error", 5.5),
        ("function error", 6.5),
        ("returned", 16.5),
    ]
    assert [fault.struck for fault in asked] == [1] * 5
    struck = [fact.data["fault"] for fact in emulator.journal if fact.kind == "FaultStruck"]
    assert struck == ["delay", "throttle", "fail", "crash before", "deliver_twice"]
    assert "attempt 3 meets a fault: crash before" in emulator.timeline()


def test_a_lost_result_is_a_retry_and_the_handler_ran_twice(emulator):
    charge = emulator.function("charge")
    emulator.faults.crash(charge)
    invocation = charge.invoke_async()
    assert invocation.result() == {"price": 7, "calls": 2}
    assert invocation.attempts[0].error == "UnhandledInvocationError"
    assert invocation.attempts[0].exception is None


def test_a_fault_for_an_unknown_function_names_the_closest(emulator):
    with pytest.raises(UnknownName, match="did you mean 'charge'"):
        emulator.faults.throttle("chargee")


def test_a_fault_that_never_struck_fails_the_check_unless_it_is_removed(emulator):
    fault = emulator.faults.crash("charge", when="sleeping", times=2)
    with pytest.raises(
        AssertionError, match="these faults never occurred:\n  crash\\('charge', when='sleeping', times=2\\)"
    ):
        emulator.check()
    fault.remove()
    emulator.check()


def test_a_fault_that_struck_once_of_twice_is_good_enough(emulator):
    fault = emulator.faults.throttle("charge", times=2)
    with pytest.raises(FCError):
        emulator.function("charge").invoke()
    assert fault.struck == 1
    emulator.check()


def test_a_lenient_emulator_does_not_mind():
    with LocalEmulator({}, strict=False) as emulator:
        emulator.faults.throttle(emulator.add("f", lambda event, context: None))


def test_the_fixture_fails_a_test_whose_fault_never_struck(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.fcemu("", isolate=False)
        def test_never(fcemu):
            fcemu.faults.throttle(fcemu.add("f", lambda event, context: None))

        @pytest.mark.fcemu("")
        def test_struck(fcemu):
            f = fcemu.add("f", lambda event, context: 1)
            fault = fcemu.faults.throttle(f)
            assert f.invoke_async().result() == 1
            assert fault.struck == 1

        def test_isolated_by_the_ini_file(fcemu):
            with pytest.raises(LookupError, match="isolate"):
                fcemu.function("g").module
    """)
    pytester.path.joinpath("index.py").write_text("def handler(event, context): return 1\n")
    pytester.path.joinpath("fcemu.yaml").write_text("functions: {g: {handler: index.handler}}\n")
    pytester.makeini("[pytest]\nfcemu_isolate = true\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=CHILD_SECONDS)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*these faults never occurred:", "*  throttle('f', times=1)"])


# Twice the same.


def test_faults_stubs_and_callables_give_the_same_timeline_every_time(shop):
    def day():
        with LocalEmulator(native(shop, charge="charging.charge"), seed=7, strict=False) as emulator:
            charge = emulator.function("charge")
            charge.stub(Declined("x"), Step(returns=1, seconds=2), lambda event, context: 3)
            work = emulator.add("work", lambda event, context: charge.name)
            for fault in (emulator.faults.throttle, emulator.faults.deliver_twice, emulator.faults.crash):
                fault(charge, times=2)
                fault(work)
            for n in range(6):
                (charge, work)[n % 2].invoke_async(delay=n)
            emulator.run_until_idle()
            return emulator.timeline()

    assert day() == day()


# Stubs of a definition.

STUBBED = {
    "functions": {"f": {"handler": "nowhere.handler", "asyncInvokeConfig": {"maxAsyncRetryAttempts": 2}}},
    "stubs": {
        "f": {
            "steps": [
                {"raises": {"errorType": "Declined", "errorMessage": "no money"}, "seconds": 2},
                {"status": 429},
                {"returns": {"paid": True}, "logs": "at last"},
            ]
        }
    },
}


def test_steps_of_a_definition_run_in_place_of_code_that_need_not_be_there():
    with LocalEmulator(STUBBED) as emulator:
        invocation = emulator.function("f").invoke_async({"order": 7})
        assert invocation.result() == {"paid": True}
        first, _, last = invocation.attempts
        assert [each.outcome for each in invocation.attempts] == ["function error", "throttled", "returned"]
        assert (first.ended - first.started, type(first.exception).__name__) == (timedelta(seconds=2), "Declined")
        assert "at last\n" in last.logs


def test_steps_of_a_definition_begin_anew_with_a_reset():
    with LocalEmulator(STUBBED) as emulator:
        for _ in range(2):
            assert emulator.function("f").invoke().json()["errorType"] == "Declined"
            emulator.reset()


def test_steps_of_a_definition_that_is_added_take_the_place_of_the_code(shop):
    with LocalEmulator(native(shop, charge="charging.charge")) as emulator:
        emulator.define(STUBBED)
        assert emulator.function("f").invoke().json()["errorType"] == "Declined"
        with pytest.raises(DefinitionError, match="this stub names the function 'charg', which is not defined"):
            emulator.define({"stubs": {"charg": {"steps": {"returns": 1}}}})


def test_what_is_stubbed_can_be_written_and_read_again():
    with LocalEmulator(STUBBED) as emulator:
        emulator.add("g", lambda event, context: None)
        emulator.function("g").stub(lambda event, context: 1)
        written = defined_over_http(emulator)
        assert written["stubs"] == STUBBED["stubs"]
        with LocalEmulator({"functions": {"f": written["functions"]["f"]}, "stubs": written["stubs"]}) as again:
            assert again.function("f").invoke().json()["errorType"] == "Declined"


def defined_over_http(emulator):
    with urlopen(f"{emulator.url}/_fcemu/definition", timeout=CHILD_SECONDS) as answer:
        return json.loads(answer.read())
