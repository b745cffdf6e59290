"""What an attempt comes to: values, errors, load errors, exits; and what the handler is given."""

import json

import pytest
from runtimes.fake_clock import EXITED, FakeClock

from fcemu.core.functions import Function
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Returned
from fcemu.runtimes import runtime_named
from fcemu.runtimes.python_inline import PythonInline

ECHO = "def handler(event, context): return event"


def document(finish):
    assert isinstance(finish.outcome, FunctionError)
    assert finish.outcome.error_type == "UnhandledInvocationError"
    return json.loads(finish.outcome.document)


def test_the_event_is_the_bytes_of_the_request(define):
    code = define("def handler(event, context): return repr(event)")
    assert code.returned(b"\xff{") == repr(b"\xff{")
    assert code.returned() == "b''"


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("b'\\xff'", b"\xff"),
        ("'tür'", "tür".encode()),
        ("''", b""),
        ("None", b"null"),
        ("True", b"true"),
        ("3", b"3"),
        ("{'b': 1, 'a': 'ü'}", b'{\n    "a": "\\u00fc",\n    "b": 1\n}'),
        ("[]", b"[]"),
        ("Decimal('1.50')", b"1.5"),
        ("datetime(2026, 1, 2, 3)", b'"2026-01-02T03:00:00"'),
        ("[date(2026, 1, 2)]", b'[\n    "2026-01-02"\n]'),
        ("Order()", b'{\n    "id": 7\n}'),
    ],
)
def test_what_a_handler_returns_is_sent_by_fcs_rules(define, expression, body):
    code = define(f"""
        from datetime import date, datetime
        from decimal import Decimal

        class Order:
            def to_json(self): return {{"id": 7}}

        def handler(event, context):
            return {expression}
    """)
    assert code.run().outcome == Returned(body)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{1}", "{1} is not JSON serializable"),
        ("{'a': b'x'}", "b'x' is not JSON serializable"),
        ("object()", "<object object at 0x7f0000000000> is not JSON serializable"),
        ("{1: 1, 'a': 1}", "'<' not supported between instances of 'str' and 'int'"),
    ],
)
def test_what_is_not_json_is_a_type_error_without_a_trace(define, expression, message):
    finish = define(f"def handler(event, context): return {expression}").run()
    assert document(finish) == {"errorMessage": message, "errorType": "TypeError"}


def test_an_async_handler_is_not_one(define):
    finish = define("async def handler(event, context): pass").run()
    text = "<coroutine object handler at 0x7f0000000000> is not JSON serializable"
    assert document(finish) == {"errorMessage": text, "errorType": "TypeError"}


def test_an_exception_becomes_fcs_document(define):
    code = define("""
        def check(width):
            raise ValueError("too wide, by far")

        def handler(event, context):
            check(9)
    """)
    finish = code.run()
    assert finish.outcome == FunctionError(
        "UnhandledInvocationError",
        b"""{
    "errorMessage": "too wide, by far",
    "errorType": "ValueError",
    "stackTrace": [
        [
            "File \\"/code/index.py\\"",
            "line 6",
            "in handler",
            "check(9)"
        ],
        [
            "File \\"/code/index.py\\"",
            "line 3",
            "in check",
            "raise ValueError(\\"too wide, by far\\")"
        ]
    ]
}""",
        "ValueError",
    )
    assert type(finish.exception) is ValueError
    assert not finish.broken


def test_the_document_is_logged_as_an_error(define):
    code = define("def handler(event, context):\n    print('first')\n    1 / 0")
    finish = code.run()
    assert finish.output == f"first\n2026-01-01T00:00:00.000Z req-1 [ERROR] {finish.outcome.document.decode()}\n"


def test_each_failure_has_its_own_document_and_line_in_the_log(define):
    failing = """
        def handler(event, context):
            here = "{}"
            raise [ValueError, KeyError][int(event)](here and "one") if event else ValueError("two")
    """
    codes = [define(failing.format("first")), define(failing.format("second"))]
    texts = [[code.run(event) for code in codes for _ in range(2)] for event in (b"0", b"1", b"")]
    told = [json.loads(each.outcome.document) for group in texts for each in group]
    assert [(one["errorType"], one["errorMessage"]) for one in told] == [
        *[("ValueError", "one")] * 4,
        *[("KeyError", "'one'")] * 4,
        *[("ValueError", "two")] * 4,
    ]
    for each in (each for group in texts for each in group):
        assert each.output == f"2026-01-01T00:00:00.000Z req-1 [ERROR] {each.outcome.document.decode()}\n"


def test_a_path_in_a_line_of_source_is_shown_in_the_log_of_each_failure(define):
    code = define("def handler(event, context):\n    raise ValueError('HERE/data')  # and again")
    path = code.directory / "index.py"
    path.write_text(path.read_text().replace("HERE", str(code.directory)))
    logs = [code.run().output for _ in range(2)]
    assert logs[0] == logs[1]
    assert "/code/data" in logs[0]
    assert str(code.directory) not in logs[0]


def test_no_path_of_this_machine_gets_into_a_document(define):
    code = define("""
        import json, os, time
        HERE = os.path.dirname(__file__)

        def handler(event, context):
            if event == b"file":
                open(os.path.join(HERE, "data", "no.json"))
            if event == b"library":
                json.loads("{")
            if event == b"emulator":
                time.sleep(-1)
            from collections import nothing
    """)
    opened = document(code.run(b"file"))
    assert opened["errorMessage"] == "[Errno 2] No such file or directory: '/code/data/no.json'"
    library = document(code.run(b"library"))
    assert [frame[0] for frame in library["stackTrace"]] == [
        'File "/code/index.py"',
        'File "/usr/local/lib/python3.10/json/__init__.py"',
        'File "/usr/local/lib/python3.10/json/decoder.py"',
        'File "/usr/local/lib/python3.10/json/decoder.py"',
    ]
    assert [frame[2] for frame in document(code.run(b"emulator"))["stackTrace"]] == ["in handler"]
    missing = document(code.run())["errorMessage"]
    assert (
        missing == "cannot import name 'nothing' from 'collections' (/usr/local/lib/python3.10/collections/__init__.py)"
    )


def test_an_exception_that_cannot_be_printed_is_still_one(define):
    code = define("""
        class Broken(Exception):
            def __str__(self): raise RuntimeError
        def handler(event, context): raise Broken
    """)
    assert document(code.run())["errorMessage"] == "<unprintable Broken object>"


@pytest.mark.parametrize(
    ("files", "handler", "error_type", "message"),
    [
        ({}, "index", "InvalidHandleName", "Invalid handler 'index'"),
        ({}, "index.handler", "ImportModuleError", "Unable to import module 'index'"),
        (
            {"index.py": "import no_such_module"},
            "index.handler",
            "ImportModuleError",
            "Unable to import module 'index'",
        ),
        ({"index.py": "def"}, "index.handler", "UserCodeSyntaxError", "Syntax error in module 'index'"),
        ({"index.py": "int('x')"}, "index.handler", "InvalidHandleName", "Invalid handler 'index'"),
        ({"index.py": "1 / 0"}, "index.handler", "UserCodeError", "Module initialization error: 'division by zero'"),
        ({"index.py": ""}, "index.run", "HandlerNotFound", "Handler 'run' is missing on module 'index'"),
        ({"json.py": ECHO}, "json.handler", "HandlerNotFound", "Handler 'handler' is missing on module 'json'"),
        ({"jobs/index.py": ECHO}, "jobs.index.handler", "ImportModuleError", "Unable to import module 'jobs.index'"),
        ({"index.py": ECHO}, "jobs/index.handler", "ImportModuleError", "Unable to import module 'jobs/index'"),
    ],
)
def test_code_that_does_not_load_is_a_function_error(define, files, handler, error_type, message):
    code = define(handler=handler)
    for name, text in files.items():
        code.write(name, text)
    for _ in range(2):
        found = document(code.run())
        assert (found["errorType"], found["errorMessage"]) == (error_type, message)
        assert all(isinstance(line, str) for line in found["stackTrace"])
        assert str(code.directory) not in json.dumps(found)


def test_the_trace_of_a_load_error_is_the_exceptions_own_lines(define):
    code = define("import no_such_module")
    assert document(code.run())["stackTrace"] == ["ModuleNotFoundError: No module named 'no_such_module'"]
    syntax = define("x = 1\ndef f(:\n").run()
    assert document(syntax)["stackTrace"][:3] == ['File "/code/index.py"', "line 2", "def f(:"]
    assert isinstance(syntax.exception, SyntaxError)


def test_loading_is_tried_again_with_the_next_attempt(define):
    code = define("import helper\ndef handler(event, context): return helper.VALUE")
    assert document(code.run())["errorType"] == "ImportModuleError"
    code.write("helper.py", "VALUE = 'there now'")
    assert code.returned() == "there now"


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"index.py": ECHO}, "index.handler"),
        ({"test/pkg/main.py": ECHO, "test/__init__.py": "", "test/pkg/__init__.py": ""}, "test.pkg.main.handler"),
        ({"jobs/nightly.py": ECHO}, "jobs/nightly.handler"),
        ({"jobs/pkg/main.py": ECHO, "jobs/pkg/__init__.py": ""}, "jobs/pkg.main.handler"),
        ({"app.py": "class App:\n    def __call__(self, event, context): return event\napp = App()"}, "app.app"),
    ],
)
def test_the_handler_string_finds_the_function(define, files, handler):
    code = define(handler=handler)
    for name, text in files.items():
        code.write(name, text)
    assert code.returned(b"x") == "x"


def test_a_handler_in_a_directory_cannot_import_its_neighbours(define):
    code = define(handler="jobs/nightly.handler")
    code.write("jobs/nightly.py", "def handler(event, context): import sibling")
    code.write("jobs/sibling.py", "")
    assert document(code.run())["errorType"] == "ModuleNotFoundError"


def test_python312_takes_directories_without_init(define):
    code = define(handler="jobs.index.handler", runtime="python3.12")
    code.write("jobs/index.py", ECHO)
    assert code.returned(b"x") == "x"


def test_globals_live_on_from_attempt_to_attempt(define):
    code = define("count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count")
    assert [code.returned() for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.parametrize("statement", ["raise SystemExit", "raise KeyboardInterrupt", "raise GeneratorExit", "exit(3)"])
def test_ending_the_process_ends_the_instance_only(define, statement):
    code = define(f"def handler(event, context):\n    print('so far')\n    {statement}")
    finish = code.run()
    assert (finish.outcome, finish.broken, finish.output) == (EXITED, True, "so far\n")


def test_ending_the_process_while_loading_is_the_same(define):
    assert define("raise SystemExit").run().broken


def test_an_abandoned_attempt_is_halted_and_its_finally_runs(define):
    code = define("""
        import time
        def handler(event, context):
            try:
                time.sleep(60)
            except Exception:
                print("never")
            finally:
                print("cleaned up")
    """)
    finish = code.run(clock=FakeClock(ends_after=10))
    assert (finish.outcome, finish.broken, finish.output) == (Halted("abandoned"), True, "cleaned up\n")


def test_each_attempt_has_a_context_of_its_own(define):
    code = define("""
        import contextvars
        seen = contextvars.ContextVar("seen", default="nothing")
        def handler(event, context):
            before = seen.get()
            seen.set("the last attempt")
            return before
    """)
    assert [code.returned() for _ in range(2)] == ["nothing", "nothing"]


CONTEXT = """
    def handler(event, context):
        return eval(event)
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("context.request_id + context.requestId", "req-1req-1"),
        ("[context.region, context.account_id]", ["cn-hangzhou", "1234567890123456"]),
        ("context.credentials.access_key_id", "STS.req-1.2"),
        ("context.credentials.accessKeyId == context.credentials.access_key_id", True),
        ("context.credentials.accessKeySecret == context.credentials.access_key_secret", True),
        ("context.credentials.securityToken == context.credentials.security_token", True),
        ("[context.function.name, context.function.handler]", ["shop", "index.handler"]),
        ("[context.function.memory, context.function.timeout]", [512, "3"]),
        ("[context.service.name, context.service.qualifier, context.service.version_id]", ["mall", "prod", "7"]),
        ("[context.service.log_project, context.service.log_store]", ["", ""]),
        ("context.retry_count", "1"),
        ("[context.tracing.span_baggages, context.tracing.parseOpenTracingBaggages()]", [{}, {}]),
        ("context.logger", None),
        ("context.getLogger().name", "root"),
    ],
)
def test_the_context_up_to_python310(define, expression, value):
    code = define(CONTEXT, ref=FunctionRef("shop", "mall"), runtime="python3.9")
    given = {"attempt": 2, "retry_count": 1, "qualifier": "prod", "version": "7"}
    returned = code.returned(expression.encode(), **given)
    assert (returned if isinstance(value, str) else json.loads(returned)) == value


def test_the_context_as_json_text(define):
    code = define(CONTEXT)
    text = json.loads(code.returned(b"context.to_json()"))
    keys = ["requestId", "credentials", "function", "service", "region", "accountId", "retryCount", "tracing"]
    assert list(text) == keys
    assert text["service"]["name"] == ""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("hasattr(context, 'credentials') or hasattr(context, 'service')", False),
        ("[context.function.version_id, context.function.qualifier]", ["LATEST", "LATEST"]),
        ("context.function.timeout", 3),
        ("[context.log_project, context.log_store]", ["", ""]),
        ("context.logger.name", "root"),
    ],
)
def test_the_context_of_python312_is_smaller(define, expression, value):
    returned = define(CONTEXT, runtime="python3.12").returned(expression.encode())
    assert (returned if isinstance(value, str) else json.loads(returned)) == value


def test_a_handler_may_write_to_its_context(define):
    code = define("def handler(event, context):\n    context.region = 'here'\n    return context.region")
    assert code.returned() == "here"


def test_local_time_follows_tz(define):
    text = "from datetime import datetime\ndef handler(event, context): return datetime.now()"
    assert define(text).returned() == '"2026-01-01T00:00:00"'
    assert define(text, environment={"TZ": "Asia/Shanghai"}).returned() == '"2026-01-01T08:00:00"'


def test_a_zone_that_code_sets_holds_for_all_attempts(define):
    code = define("""
        import os, time
        os.environ["TZ"] = "Asia/Shanghai"
        time.tzset()
        def handler(event, context): return time.localtime().tm_hour
    """)
    assert [code.returned() for _ in range(2)] == ["8", "8"]
    assert code.runtime.start(code.function, "i-2").run(code.call()).outcome == Returned(b"8")


def test_runtimes_are_known_by_fcs_names():
    assert runtime_named("python3.10") is PythonInline
    with pytest.raises(ValueError, match=r"runtime 'php7.2' is not supported yet; expected one of python3, "):
        runtime_named("php7.2")


def test_closing_a_runtime_twice_closes_it_once(runtime, define):
    other = PythonInline()
    other.close()
    other.close()
    assert define(ECHO).returned(b"still open") == "still open"


def test_a_function_may_change_between_attempts(runtime, define):
    code = define("def handler(event, context): return context.function.memory")
    code.function = Function(ref=FunctionRef("shop"), handler="index.handler", code=str(code.directory), memory_mb=1024)
    assert code.returned() == "1024"
