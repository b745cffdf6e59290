"""What happened, for trace viewers: Chrome's trace events, and OTLP."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.proto_json.collector.trace.v1.trace_service import ExportTraceServiceRequest
from opentelemetry.proto_json.trace.v1.trace import Span, Status
from own_api.asking import ask
from running import good, wrong

from fcemu.testing import LocalEmulator

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
TRACES = FIXTURES / "flaky" / "traces"
SECOND = 1_000_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FCEMU_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def emulator(monkeypatch):
    with LocalEmulator(FIXTURES / "flaky", strict=False) as emulator:
        monkeypatch.setenv("FCEMU_URL", emulator.url)
        yield emulator


def flaky(emulator):
    invocation = emulator.function("flaky").invoke_async({"failures": 1, "sleep": 30}, delay=200)
    emulator.run_until_idle()
    return invocation


def spans(text):
    """The spans of OTLP by their names, as OpenTelemetry's own reader has them."""
    request = ExportTraceServiceRequest.from_json(text)
    return [span for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]


def named(emulator_spans, name):
    (found,) = [span for span in emulator_spans if span.name == name]
    return found


def seconds(emulator, span):
    epoch = emulator.started.timestamp()
    return span.start_time_unix_nano / 1e9 - epoch, span.end_time_unix_nano / 1e9 - epoch


@pytest.mark.parametrize(("form", "file"), [("chrome", "chrome.json"), ("otlp", "otlp.json")])
def test_the_example_is_what_the_program_prints(emulator, form, file):
    """To write it anew: WRITE_TRACES=1."""
    flaky(emulator)
    told = json.loads(good("trace", "--format", form).stdout)
    if "scopeSpans" in str(told):
        for of in told["resourceSpans"]:
            for scope in of["scopeSpans"]:
                scope["scope"].pop("version")  # it changes with each release
    if os.environ.get("WRITE_TRACES"):
        TRACES.mkdir(exist_ok=True)
        (TRACES / file).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    assert told == json.loads((TRACES / file).read_text())


def test_opentelemetry_reads_the_example():
    """An invocation is a trace; attempts, sleeps and reports are spans on virtual time."""
    found = spans((TRACES / "otlp.json").read_text())
    whole = named(found, "flaky")
    of_it = [span for span in found if span.trace_id == whole.trace_id]
    assert [span.name for span in of_it] == [
        "flaky",
        "waits",
        "attempt 1",
        "waits",
        "attempt 2",
        "sleep",
        "report to function:audit",
    ]
    assert all(span.parent_span_id == whole.span_id for span in of_it if span.name not in ("flaky", "sleep"))
    assert named(of_it, "sleep").parent_span_id == named(of_it, "attempt 2").span_id
    assert len({span.span_id for span in found}) == len(found)
    assert named(of_it, "sleep").end_time_unix_nano - named(of_it, "sleep").start_time_unix_nano == 30 * 10**9
    assert named(of_it, "attempt 1").status.code == Status.StatusCode.STATUS_CODE_ERROR
    assert whole.status.code == Status.StatusCode.STATUS_CODE_OK
    audit = named(found, "audit")
    assert audit.trace_id != whole.trace_id
    assert [(link.trace_id, link.span_id) for link in audit.links] == [(whole.trace_id, whole.span_id)]
    assert audit.kind == Span.SpanKind.SPAN_KIND_CONSUMER


def test_spans_have_virtual_times_and_what_happened_on_the_way(emulator):
    flaky(emulator)
    found = spans(good("trace", "--format", "otlp").stdout)
    assert seconds(emulator, named(found, "flaky")) == pytest.approx((0, 230.5))
    assert seconds(emulator, named(found, "attempt 2")) == pytest.approx((200.5, 230.5))
    assert [event.name for event in named(found, "flaky").events if "retried" in event.name] == [
        "retried after 0.5 s, at +200.5 s"
    ]


def test_what_is_not_over_ends_now(emulator):
    emulator.function("flaky").invoke_async({"sleep": 30}, delay=10)
    emulator.function("flaky").invoke_async({"sleep": 30}, delay=1000)
    emulator.advance(20)
    found = spans(good("trace", "--format", "otlp").stdout)
    running, waiting = [span for span in found if span.name == "flaky"]
    assert seconds(emulator, running) == seconds(emulator, waiting) == (0, 20)
    assert seconds(emulator, named(found, "attempt 1")) == (10, 20)
    (wait,) = [span for span in found if span.trace_id == waiting.trace_id and span.name == "waits"]
    assert seconds(emulator, wait) == (0, 20)


def test_a_sleep_that_is_broken_off_ends_with_its_attempt(emulator):
    stopped = emulator.function("flaky").invoke_async({"sleep": 30})
    emulator.advance(10)
    stopped.stop()
    emulator.run_until_idle()
    found = spans(good("trace", "--format", "otlp").stdout)
    assert seconds(emulator, named(found, "sleep")) == (0, 10)
    assert named(found, "attempt 1").status.message == "stopped: stopped as asked"
    attributes = {each.key: each.value.string_value for each in named(found, "flaky").attributes}
    assert attributes["fcemu.status"] == "Stopped"


def test_chrome_gets_a_process_for_each_function_and_a_thread_for_each_invocation(emulator):
    """The members that the format asks for, and parts that lie within each other, as its viewers need them."""
    flaky(emulator)
    flaky(emulator)
    document = json.loads(good("trace").stdout)
    assert document["displayTimeUnit"] == "ms"
    events = document["traceEvents"]
    names = {(each["pid"], each["tid"]): each["args"]["name"] for each in events if each["ph"] == "M"}
    assert {"flaky", "audit", "flaky (1)", "flaky (2)", "audit (1)"} <= set(names.values())
    by_thread = {}
    for each in events:
        assert {"name", "ph", "pid", "tid"} <= each.keys()
        if each["ph"] == "X":
            assert isinstance(each["ts"], int)
            assert each["dur"] >= 0
            by_thread.setdefault((each["pid"], each["tid"]), []).append((each["ts"], each["ts"] + each["dur"]))
        elif each["ph"] == "i":
            assert each["s"] == "t"
    for parts in by_thread.values():
        for begin, end in parts:
            for other, until in parts:
                assert (
                    end <= other
                    or until <= begin
                    or (begin <= other and until <= end)
                    or (other <= begin and end <= until)
                )
    (sleep, _) = [each for each in events if each["name"] == "sleep"]
    assert (sleep["ts"], sleep["dur"]) == (200.5 * SECOND, 30 * SECOND)
    assert json.loads(good("trace", "--format", "chrome", "--json").stdout) == document


def test_a_report_that_is_posted_takes_its_time(tmp_path):
    (tmp_path / "handler.py").write_text("def f(event, context):\n    return 1\n")
    config = {"onSuccess": "queue:done"}
    definition = {"functions": {"f": {"handler": "handler.f", "code": str(tmp_path), "asyncInvokeConfig": config}}}
    nowhere = {"queue:done": "http://127.0.0.1:1/hook"}
    with LocalEmulator(definition, strict=False, deliver_to=nowhere, delivery_retry_seconds=[10]) as emulator:
        emulator.function("f").invoke_async("x")
        emulator.advance(timedelta(seconds=60))
        text = ask(emulator, "GET", "/_fcemu/timeline?format=otlp").body.decode()
        reports = [span for span in spans(text) if span.name == "report to queue:done"]
        assert reports
        assert any("127.0.0.1:1" in (span.status.message or "") for span in reports)


def test_nothing_that_happened_is_an_empty_trace(emulator):
    assert json.loads(good("trace").stdout)["traceEvents"] == []
    assert spans(good("trace", "--format", "otlp").stdout) == []


def test_a_format_that_there_is_not_is_wrong_use():
    assert "'pdf' is not one of" in wrong(2, "trace", "--format", "pdf")


def test_without_the_encoder_the_emulator_says_what_to_install(emulator, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.json.common.trace_encoder", None)
    assert "pip install 'fcemu[otlp]'" in wrong(1, "trace", "--format", "otlp")
