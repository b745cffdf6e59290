"""Environment, output and logs of a handler: its own view of what the process has once."""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from contextvars import Context

import pytest
from runtimes.fake_clock import FakeClock

from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError

EVAL = """
    import os, subprocess, sys
    def handler(event, context):
        return eval(event)
"""
DO = """
    import logging, os, subprocess, sys
    def handler(event, context):
        exec(event)
"""


def read(code, expression, **settings):
    return json.loads(code.returned(f"[{expression}]".encode(), **settings))[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FC_FUNCTION_NAME", "shop"),
        ("FC_FUNCTION_HANDLER", "index.handler"),
        ("FC_FUNCTION_MEMORY_SIZE", "512"),
        ("FC_REGION", "cn-hangzhou"),
        ("FC_ACCOUNT_ID", "1234567890123456"),
        ("FC_INSTANCE_ID", "i-1"),
        ("FC_FUNCTION_VERSION", "7"),
        ("FC_VER_ID", None),
        ("FC_SERVICE_NAME", None),
        ("FC_QUALIFIER", None),
        ("accessKeyID", None),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.req-1.2"),
        ("FCEMU_URL", "http://emulator"),
        ("COLOUR", "blue"),
        ("FC_FOO", None),
    ],
)
def test_the_environment_of_a_handler(define, monkeypatch, name, value):
    monkeypatch.setenv("FC_FOO", "from the test")
    monkeypatch.setenv("COLOUR", "red")
    code = define(EVAL, environment={"COLOUR": "blue", "FC_FOO": "reserved"})
    for expression in (f"os.environ.get({name!r})", f"os.getenv({name!r})", f"dict(os.environ).get({name!r})"):
        assert read(code, expression, attempt=2, version="7") == value
    assert read(code, f"{name!r} in os.environ", attempt=2) is (value is not None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("FC_SERVICE_NAME", "mall"), ("FC_QUALIFIER", "prod"), ("FC_VER_ID", "LATEST"), ("accessKeyID", "STS.req-1.1")],
)
def test_functions_of_2_0_have_more(define, name, value):
    code = define(EVAL, ref=FunctionRef("shop", "mall"), runtime="python3.9")
    assert read(code, f"os.environ[{name!r}]", qualifier="prod") == value


def test_the_code_path_is_a_directory_that_code_can_read(define):
    code = define("import os\ndef handler(event, context): return sorted(os.listdir(os.environ['FC_FUNC_CODE_PATH']))")
    assert "index.py" in json.loads(code.returned())


def test_the_keys_are_the_attempts(define):
    code = define(EVAL)
    keys = "[os.environ['ALIBABA_CLOUD_ACCESS_KEY_ID'], os.environ['ALIBABA_CLOUD_SECURITY_TOKEN']]"
    assert read(code, keys, attempt=1) == ["STS.req-1.1", "token-of-STS.req-1.1"]
    assert read(code, keys, attempt=2) == ["STS.req-1.2", "token-of-STS.req-1.2"]


def test_variables_of_the_test_reach_the_handler(define, monkeypatch):
    code = define(EVAL)
    assert read(code, "os.environ.get('LATE')") is None
    monkeypatch.setenv("LATE", "now")
    assert read(code, "os.environ.get('LATE')") == "now"
    monkeypatch.delenv("LATE")
    assert read(code, "'LATE' in os.environ") is False


def test_reserved_names_of_the_outside_are_hidden(define, monkeypatch):
    monkeypatch.setenv("_FC_SECRET", "1")
    monkeypatch.setenv("FC_RUNTIME_VERSION", "kept")
    names = set(read(define(EVAL), "[name for name in os.environ if name.startswith(('FC_', '_FC_'))]"))
    assert {"FC_RUNTIME_VERSION", "FC_REGION", "FC_FUNCTION_NAME"} <= names
    assert "_FC_SECRET" not in names


def test_what_a_handler_writes_stays_in_its_instance(define, monkeypatch):
    monkeypatch.setenv("TEST_OWNS", "1")
    code = define("""
        import os
        os.environ["WRITTEN_WHEN_LOADED"] = "all"
        def handler(event, context):
            seen = [os.environ.get(name) for name in ("TEST_OWNS", "WRITTEN", "WRITTEN_WHEN_LOADED")]
            os.environ["WRITTEN"] = "here"
            os.environ.pop("TEST_OWNS", None)
            assert "TEST_OWNS" not in os.environ and "TEST_OWNS" not in os.environ.copy()
            assert len(os.environ) == len(list(os.environ)) == len(dict(os.environ))
            return seen
    """)
    other = code.runtime.start(code.function, "i-2")
    assert json.loads(code.returned()) == ["1", None, "all"]
    assert json.loads(code.returned()) == [None, "here", "all"]
    assert json.loads(other.run(code.call()).outcome.payload) == ["1", None, "all"]
    assert os.environ["TEST_OWNS"] == "1"
    assert "WRITTEN" not in os.environ
    assert "WRITTEN_WHEN_LOADED" not in os.environ


def test_the_environment_takes_text_only(define):
    code = define("import os\ndef handler(event, context): exec(event)")
    for statement in (b"os.environ['A'] = 1", b"os.environ[1]", b"os.environ[1] = 'a'"):
        assert code.run(statement).outcome.name == "TypeError"
    assert code.run(b"del os.environ['NO_SUCH']").outcome.name == "KeyError"


def test_a_child_process_gets_the_view(define):
    child = "subprocess.check_output([sys.executable, '-c', 'import os; print(os.environ[\"COLOUR\"])'], text=True)"
    code = define(EVAL, environment={"COLOUR": "blue"})
    assert read(code, child) == "blue\n"
    assert read(code, child.replace("text=True", "text=True, env={'COLOUR': 'green'}")) == "green\n"


def test_a_child_of_the_test_gets_the_tests(define, monkeypatch):
    monkeypatch.setenv("COLOUR", "red")
    define(EVAL, environment={"COLOUR": "blue"}).returned(b"1")
    program = "import os; print(os.environ['COLOUR'])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "red\n"


def test_prints_go_to_the_attempt_and_to_the_test(define, capsys):
    code = define("""
        import sys
        def handler(event, context):
            print("one", 2)
            print("three", file=sys.stderr)
            sys.stdout.writelines(["four\\n"])
            sys.stdout.buffer.write(b"\\xff five\\n")
    """)
    for _ in range(2):
        assert code.run().output == "one 2\nthree\nfour\n\udcff five\n"
    print("of the test")
    captured = capsys.readouterr()
    assert captured.out.count("one 2\n") == captured.out.count("four\n") == 2
    assert captured.out.endswith("of the test\n")
    assert captured.err == "three\n" * 2


def test_a_new_stream_of_the_test_is_used(define, monkeypatch):
    code = define("def handler(event, context): print('hello')")
    for _ in range(3):
        stream = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            assert code.run().output == "hello\n"
        assert stream.getvalue() == "hello\n"


def test_a_logger_may_keep_the_stream_of_an_earlier_test(define, monkeypatch):
    code = define("import sys\nout = sys.stdout\ndef handler(event, context): out.write('hello')")
    first = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", first)
        code.run()
    first.close()
    second = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", second)
        assert code.run().output == "hello"
    assert second.getvalue() == "hello"


class Raises(io.TextIOBase):
    """A stream that takes nothing."""

    def write(self, text):
        raise ValueError("no")

    def flush(self):
        raise OSError("not even this")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def unread_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return io.FileIO(writing, "w")


STREAMS = {
    "usual": io.StringIO,
    "none": lambda: None,
    "closed": closed,
    "raises": Raises,
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True),
    "latin": lambda: io.TextIOWrapper(io.BytesIO(), "latin-1"),
    "full disk": lambda: io.TextIOWrapper(io.FileIO("/dev/full", "w"), "utf-8", write_through=True),
    "unread pipe": lambda: io.TextIOWrapper(unread_pipe(), "utf-8", write_through=True),
}
WRITES = r"""
import logging, subprocess, sys, threading
def handler(event, context):
    print("中文", flush=True)
    print("\udcff", file=sys.stderr)
    sys.stdout.writelines(["a", "b\n"])
    sys.stdout.buffer.write("é\n".encode())
    sys.stdout.buffer.flush()
    sys.stdout.flush()
    logging.warning("警告")
    logging.warning("%d", "no number")
    own = __import__("io").TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    own.write("wrapped\n")
    own.close()
    thread = threading.Thread(target=print, args=("in a thread",))
    thread.start()
    thread.join()
    subprocess.run(["true"], stdout=sys.stdout.fileno())
    with sys.stdout as out:
        out.write("still here\n")
    sys.stdout.reconfigure(encoding="ascii")
    return [sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.closed, sys.stderr.writable()]
"""


def dispose(stream):
    """What is left in its buffer cannot be written either."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream.close()


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_the_streams_of_the_test_do_not_decide_what_becomes_of_a_handler(define, monkeypatch, caplog, name, kind):
    code = define(WRITES)
    stream = STREAMS[kind]()
    with monkeypatch.context() as patch:
        patch.setattr(sys, name, stream)
        finish = code.run()
        assert getattr(sys, name) is stream
    dispose(stream)
    assert finish.exception is None
    assert json.loads(finish.outcome.payload) == ["utf-8", False, False, True]
    lines = finish.output.splitlines()
    assert lines[:5] == ["中文", "\udcff", "ab", "é", "2026-01-01T00:00:00.000Z req-1 [WARNING] 警告"]
    assert "--- Logging error ---" in lines
    assert lines[-3:] == ["wrapped", "in a thread", "still here"]


def test_what_the_alphabet_of_the_tests_stream_does_not_have_is_escaped_there(define, monkeypatch):
    code = define("def handler(event, context): print('中文')")
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert code.run().output == "中文\n"
    assert stream.buffer.getvalue() == b"\\u4e2d\\u6587\n"


ASSIGNS = r"""
import contextlib, io, sys, time
def handler(event, context):
    print("before")
    if event == b"assign":
        sys.stdout = io.StringIO()
        print("kept by the handler")
        time.sleep(1)
        return sys.stdout.getvalue()
    if event == b"put back":
        before = sys.stdout
        sys.stdout = io.StringIO()
        print("hidden")
        before.write("past it\n")
        sys.stdout = before
    if event == b"redirect":
        with contextlib.redirect_stdout(io.StringIO()) as out:
            print("hidden")
            time.sleep(1)
            print("still hidden")
        return out.getvalue()
    if event == b"wrap":
        sys.stdout = Loud(sys.stdout)
    if event == b"none":
        sys.stdout = None
        print("nowhere")
    if event == b"original":
        sys.stdout = sys.__stdout__
    if event == b"close":
        sys.stdout.close()
    print("after")
class Loud:
    def __init__(self, stream): self.stream = stream
    def write(self, text): return self.stream.write(text.upper())
    def flush(self): pass
"""


@pytest.mark.parametrize(
    ("event", "output"),
    [
        ("assign", "before\n"),
        ("put back", "before\npast it\nafter\n"),
        ("redirect", "before\n"),
        ("wrap", "before\nAFTER\n"),
        ("none", "before\n"),
        ("original", "before\nafter\n"),
        ("close", "before\nafter\n"),
    ],
)
def test_a_handler_that_assigns_a_stream_does_not_take_the_tests_output_away(define, monkeypatch, event, output):
    code = define(ASSIGNS)
    seen = io.StringIO()

    class Clock(FakeClock):
        def sleep(self, seconds):
            Context().run(print, "the test, meanwhile")
            super().sleep(seconds)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", seen)
        assert code.run(event.encode(), Clock()).output == output
        print("the test")
        assert sys.stdout is seen
        assert code.runtime.start(code.function, "i-2").run(code.call(b"plain")).output == "before\nafter\n"
    assert "hidden" not in seen.getvalue()
    assert seen.getvalue().count("the test, meanwhile\n") == (event in ("assign", "redirect"))
    assert seen.getvalue().endswith("the test\nbefore\nafter\n")


def test_what_a_handler_assigns_stays_with_its_instance_and_what_a_module_assigns_with_its_code(define):
    code = define("""
        import io, sys
        def handler(event, context):
            if event: sys.stdout = io.StringIO()
            print("seen")
    """)
    assert [code.run(event).output for event in (b"", b"1", b"")] == ["seen\n", "", ""]
    module = define("""
        import io, sys
        sys.stderr = kept = io.StringIO()
        def handler(event, context):
            print("one", file=sys.stderr)
            return kept.getvalue()
    """)
    other = module.runtime.start(module.function, "i-2")
    assert module.returned() == "one\n"
    assert other.run(module.call()).outcome.payload == b"one\none\n"


def test_one_write_is_cut_at_128_kilobytes(define):
    code = define("def handler(event, context): print('é' * 100_000)")
    output = code.run().output
    assert len(output.encode()) == 128 * 1024 + 1


def test_output_is_there_while_the_attempt_runs(define):
    code = define("import time\ndef handler(event, context):\n    print('so far')\n    time.sleep(1)")
    seen = []

    class Clock(FakeClock):
        def sleep(self, seconds):
            seen.append("".join(call.output))

    call = code.call(clock=Clock())
    code.instance.run(call)
    assert seen == ["so far\n"]


def test_logs_have_fcs_format_and_virtual_time(define, caplog):
    code = define("""
        import logging, time
        def handler(event, context):
            logging.debug("not shown")
            time.sleep(15.92)
            context.getLogger().info("paid %s", 3)
            logging.getLogger("shop.cart").warning("empty")
            try:
                1 / 0
            except ZeroDivisionError:
                logging.exception("oops")
    """)
    lines = code.run().output.splitlines()
    assert lines[:4] == [
        "2026-01-01T00:00:15.920Z req-1 [INFO] paid 3",
        "2026-01-01T00:00:15.920Z req-1 [WARNING] empty",
        "2026-01-01T00:00:15.920Z req-1 [ERROR] oops",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert [record.getMessage() for record in caplog.records] == ["paid 3", "empty", "oops"]
    assert caplog.records[0].created == 1767225615.92


def test_the_level_is_info_unless_a_lower_one_is_set(define, caplog):
    code = define("import logging\ndef handler(event, context):\n    logging.debug('fine')\n    logging.info('coarse')")
    with caplog.at_level(logging.ERROR):
        assert code.run().output.endswith("[INFO] coarse\n")
    with caplog.at_level(logging.DEBUG):
        assert code.run().output.count("req-1") == 2


def test_a_level_that_code_sets_holds_for_its_code_only(define):
    verbose = define("""
        import logging
        logging.getLogger().setLevel(logging.DEBUG)
        def handler(event, context): logging.debug("fine")
    """)
    other = define("import logging\ndef handler(event, context): logging.debug('fine')")
    before = logging.getLogger().level
    for _ in range(2):
        assert verbose.run().output == "2026-01-01T00:00:00.000Z req-1 [DEBUG] fine\n"
        assert other.run().output == ""
        assert logging.getLogger().level == before
        assert not logging.getLogger("elsewhere").isEnabledFor(logging.DEBUG)


def test_outside_of_handlers_logging_is_as_it_was(define, caplog):
    logger = logging.getLogger("shop.outside")
    assert not logger.isEnabledFor(logging.INFO)
    code = define("""
        import logging
        def handler(event, context):
            logging.basicConfig(level=logging.DEBUG)
            logging.getLogger("shop.outside").info("in a handler")
    """)
    handlers = list(logging.getLogger().handlers)
    assert code.run().output.count("in a handler") == 1
    assert logging.getLogger().handlers == handlers
    assert not logger.isEnabledFor(logging.INFO)
    logger.info("in the test")
    assert [record.getMessage() for record in caplog.records] == ["in a handler"]


def test_code_may_replace_the_preset_handler(define):
    code = define("""
        import logging, sys
        root = logging.getLogger()
        for preset in root.handlers[:]:
            root.removeHandler(preset)
        logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
        def handler(event, context): logging.info("mine")
    """)
    handlers = list(logging.getLogger().handlers)
    assert [code.run().output for _ in range(2)] == ["INFO mine\n"] * 2
    assert logging.getLogger().handlers == handlers


def test_a_handler_of_the_test_does_not_write_into_the_attempt(define, monkeypatch, capsys):
    code = define("import logging\ndef handler(event, context): logging.info('once')")
    code.run()
    console = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(console)
    try:
        assert code.run().output.count("once") == 1
    finally:
        logging.getLogger().removeHandler(console)
    assert capsys.readouterr().err == "once\n"


def test_a_logger_that_does_not_propagate_stays_silent(define, caplog):
    code = define("""
        import logging
        quiet = logging.getLogger("shop.quiet")
        quiet.propagate = False
        quiet.addHandler(logging.NullHandler())
        def handler(event, context): quiet.info("nothing")
    """)
    assert code.run().output == ""
    assert caplog.records == []


def test_load_errors_keep_what_was_written_before(define):
    finish = define("print('loading')\n1 / 0").run()
    assert isinstance(finish.outcome, FunctionError)
    assert finish.output.startswith("loading\n2026-01-01T00:00:00.000Z req-1 [ERROR] {")
