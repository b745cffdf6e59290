"""What a custom runtime is asked, what its answers mean, and how its program starts and ends (runtimes §4)."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import s
from rules import rule
from runtimes.custom.conftest import PYTHON, server

from fcemu.core.facts import HookRan
from fcemu.core.functions import Function
from fcemu.core.http import HttpRequest
from fcemu.core.http_events import checked
from fcemu.core.names import Account, FunctionRef
from fcemu.core.outcome import SystemFailed
from fcemu.core.settings import Settings
from fcemu.engine.at_rest import AtRest
from fcemu.engine.ports import Call
from fcemu.runtimes.custom import CustomRuntime
from fcemu.runtimes.listening import free_port, give_back

TELL = server(
    """
    def answer(server, body):
        return 200, {}, [server.command, server.path, dict(server.headers), body.decode()]
    """
)


# What it is asked.


def test_an_event_is_a_post_to_invoke_with_the_common_headers(custom):
    function = custom(TELL, ref=FunctionRef("resize", "media"), memory_mb=256, timeout=s(60))
    attempt = function.run(b"event")
    method, path, headers, body = json.loads(attempt.outcome.payload)
    request_id = headers["x-fc-request-id"]
    assert (method, path, body, headers["Content-Type"]) == ("POST", "/invoke", "event", "application/octet-stream")
    assert {name: text for name, text in headers.items() if name.startswith("x-fc-")} == {
        "x-fc-request-id": request_id,
        "x-fc-access-key-id": f"STS.{request_id}.1",
        "x-fc-access-key-secret": f"secret-of-STS.{request_id}.1",
        "x-fc-security-token": f"token-of-STS.{request_id}.1",
        "x-fc-function-name": "resize",
        "x-fc-function-handler": "index.handler",
        "x-fc-function-memory": "256",
        "x-fc-function-timeout": "60",
        "x-fc-service-name": "media",
        "x-fc-region": "cn-hangzhou",
        "x-fc-account-id": "1234567890123456",
        "x-fc-qualifier": "LATEST",
        "x-fc-version-id": "LATEST",
        "x-fc-retry-count": "0",
        "x-fc-control-path": "/invoke",
    }


REQUEST = HttpRequest(
    method="PUT",
    path="/orders/7 a",
    target="/orders/7%20a?x=1",
    headers=(("Host", "shop.example"), ("X-Mine", "yes"), ("X-Fc-Secret", "no"), ("Connection", "close")),
)


def test_the_request_of_an_http_trigger_arrives_as_the_client_sent_it(custom):
    function = custom(TELL)
    function.http = REQUEST
    outcome = function.run(b"body").outcome
    method, path, headers, body = json.loads(outcome.payload)
    assert (method, path, body) == ("PUT", "/orders/7%20a?x=1", "body")
    assert (headers["Host"], headers["X-Mine"], headers["x-fc-control-path"]) == ("shop.example", "yes", "/http-invoke")
    assert (headers["x-fc-client-ip"], headers["x-fc-base-path"]) == ("127.0.0.1", "/")
    assert not {"X-Fc-Secret", "Connection"} & headers.keys()


def test_the_answer_to_an_http_trigger_goes_to_the_client_with_status_and_headers(custom):
    function = custom(
        server(
            """
            def answer(server, body):
                return 418, {"X-Kind": "teapot", "Server": "mine", "x-fc-internal": "1"}, b"short"
            """
        )
    )
    function.http = REQUEST
    outcome = function.run().outcome
    answer = checked(outcome.http)
    assert (outcome.payload, answer.status, answer.headers) == (b"short", 418, (("X-Kind", "teapot"),))


def test_a_failure_that_is_answered_to_an_http_trigger_goes_to_the_client_too(custom):
    function = custom(server("def answer(server, body): return 404, {'x-fc-status': '404'}, b'not here'"))
    function.http = REQUEST
    outcome = function.run().outcome
    assert (outcome.error_type, outcome.document, outcome.http.status) == ("HandledInvocationError", b"not here", 404)


@pytest.mark.parametrize(
    ("status", "header", "word", "error_type"),
    [
        (200, {}, "returned", None),
        (200, {"x-fc-status": "200"}, "returned", None),
        (404, {"x-fc-status": "404"}, "function error", "HandledInvocationError"),
        (200, {"X-Fc-Status": "404"}, "function error", "HandledInvocationError"),
        (500, {}, "returned", None),
    ],
)
def test_success_and_failure_are_told_by_a_header(custom, status, header, word, error_type):
    attempt = custom(server(f"def answer(server, body): return {status}, {header}, b'answer'")).run()
    assert (attempt.word, getattr(attempt.outcome, "error_type", None)) == (word, error_type)
    assert getattr(attempt.outcome, "payload", b"") + getattr(attempt.outcome, "document", b"") == b"answer"


ANSWERS = """
class Pieces(Server):
    def do_POST(self):
        if self.rfile.read(int(self.headers["Content-Length"])) == b"chunks":
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
            self.wfile.write(b"3\\r\\nabc\\r\\n2\\r\\nde\\r\\n0\\r\\n\\r\\n")
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nto the end")
            self.close_connection = True

ThreadingHTTPServer(("0.0.0.0", port()), Pieces).serve_forever()
"""


def test_answers_may_come_in_pieces_or_end_with_the_connection(custom):
    function = custom(server(serving=ANSWERS))
    assert [function.returned(one) for one in (b"chunks", b"rest", b"chunks")] == [b"abcde", b"to the end", b"abcde"]


# Hooks.

HOOKS = server(
    """
    asked = []

    def answer(server, body):
        asked.append(server.command + " " + server.path)
        print(asked[-1], flush=True)
        return 200, {}, asked
    """
)


def test_the_hooks_are_requests_of_their_own(custom):
    given = {"initializer": "true", "pre_freeze": "true", "pre_stop": "true"}
    timeouts = {"pre_freeze_timeout": s(90), "pre_stop_timeout": s(90)}
    function = custom(HOOKS, ref=FunctionRef("f", "s"), **given, **timeouts)
    assert function.value() == ["POST /initialize", "POST /invoke"]
    assert function.value() == ["POST /initialize", "POST /invoke", "GET /pre-freeze", "POST /invoke"]
    function.emulator.wait(function.emulator.advance(timedelta(seconds=310)))
    (ran,) = [fact for fact in function.emulator.journal if isinstance(fact, HookRan)]
    assert "GET /pre-stop" in ran.output.splitlines()


def test_an_emulator_that_closes_ends_a_program_that_is_busy_with_a_hook(custom, tmp_path, monkeypatch):
    temporary, told = tmp_path / "temporary", tmp_path / "told"
    temporary.mkdir()
    os.mkfifo(told)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    program = server(
        f"""
        def answer(server, body):
            if server.path == "/pre-stop":
                open({str(told)!r}, "w").write(str(os.getpid()))
                time.sleep(1000)
            return 200, {{}}, b""
        """
    )
    function = custom(program, pre_stop="true", pre_stop_timeout=s(90))
    function.run()
    function.emulator.advance(timedelta(seconds=310))
    stat = Path(f"/proc/{told.read_text()}/stat")
    function.close()
    assert not stat.exists()
    assert list(temporary.iterdir()) == []


# Its start.


def test_without_a_command_the_file_bootstrap_is_started(custom):
    program = f"#!{sys.executable}\n" + server("def answer(server, body): return 200, {}, os.getcwd().encode()")
    function = custom(files={"bootstrap": program}, command=[])
    assert function.returned() == function.function.code.encode()


def test_a_command_may_say_code_for_the_code_directory(custom):
    assert custom(TELL, command=[sys.executable, "/code/server.py"]).value()[1] == "/invoke"


def test_a_program_that_listens_at_a_fixed_port_works(custom):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    function = custom(server(serving=f"serve(at={port})"), config={"port": port})
    assert function.returned(b"here") == b"here"


def test_a_second_instance_of_a_program_with_a_fixed_port_says_what_to_change(custom):
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        function = custom(server(serving=f"serve(at={port})"), config={"port": port})
        attempt = function.run()
    assert attempt.outcome.error_type == "CAExited"
    assert (
        f"port {port} is in use: a program that listens on FC_CUSTOM_LISTEN_PORT" in attempt.outcome.document.decode()
    )
    assert "Address already in use" in attempt.output


def test_a_program_that_only_this_machine_reaches_works_with_a_warning(custom):
    function = custom(server(serving="serve(host='127.0.0.1')"))
    assert function.returned(b"here") == b"here"
    assert "f listens on 127.0.0.1; FC reaches a program only if it listens on 0.0.0.0" in function.warnings


def test_it_is_asked_only_when_its_health_check_succeeds(custom):
    function = custom(
        server(
            """
            asked = []
            def answer(server, body):
                asked.append(server.path)
                return (503 if server.path == "/health" and len(asked) < 3 else 200), {}, asked
            """
        ),
        config={"healthCheckConfig": {"httpGetUrl": "/health"}},
    )
    assert function.value() == ["/health", "/health", "/health", "/invoke"]


@pytest.mark.parametrize(
    ("files", "command", "code", "says"),
    [
        ({}, ["./nowhere"], "CAFileNotFound", "nowhere: No such file or directory"),
        ({}, [], "CAFileNotFound", "bootstrap: No such file or directory"),
        (
            {"bootstrap": "#!/no/such/interpreter\n"},
            [],
            "CAFileNotFound",
            "the program named in its first line is missing",
        ),
        ({"bootstrap": "echo no first line"}, [], "CAFileNotFound", "make it executable: chmod +x bootstrap"),
        ({"bootstrap": "#!/bin/sh\necho sorry; exit 3\n"}, [], "CAExited", "It ended with exit code 3."),
        ({"bootstrap": "#!/bin/sh\nkill -9 $$\n"}, [], "CAExited", "It ended with signal 9."),
    ],
)
def test_a_program_that_cannot_be_started_is_named_by_fcs_codes(custom, files, command, code, says):
    attempt = custom(files=files, command=command).run()
    assert attempt.outcome.error_type == code
    assert says in attempt.outcome.document.decode()
    assert ("sorry" in attempt.output) == ("sorry" in str(files))


def test_a_program_that_never_listens_is_ended_by_the_watchdog(custom):
    function = custom(command=["sleep", "1000"], settings=Settings(watchdog=timedelta(seconds=0.5)))
    attempt = function.run()
    assert attempt.word == "timed out"
    assert "made no progress for 0.5 real seconds" in function.warnings[0]


def test_a_container_runs_its_command_here_and_without_one_is_refused_with_advice(custom):
    assert custom(TELL, runtime="custom-container").value()[1] == "/invoke"
    assert custom(
        TELL, runtime="custom-container", kept={"customContainerConfig": {"command": json.dumps(PYTHON)}}
    ).run()
    container = Function(ref=FunctionRef("f"), handler="x", code=".", runtime="custom-container")
    refused = CustomRuntime().start(container, "i")
    assert isinstance(refused, SystemFailed)
    assert "write 'command'" in refused.message


# Its end.


def test_in_2_0_such_an_end_is_reported_as_of_a_built_in_runtime(custom):
    function = custom(server("def answer(server, body): os._exit(7)"), ref=FunctionRef("f", "s"))
    error_type, message = function.failure()
    assert error_type == "UnhandledInvocationError"
    assert message.startswith("Process exited unexpectedly before completing request (duration: ")


def test_a_connection_that_is_cut_without_an_end_is_a_failure(custom):
    program = server("def answer(server, body): server.connection.shutdown(2); raise ConnectionResetError")
    assert "It closed the connection without an answer" in custom(program).failure()[1]


def test_a_program_that_has_died_between_two_attempts_is_started_again(custom):
    function = custom(server("def answer(server, body): return 200, {}, os.getpid()"))
    first = function.value()
    os.kill(first, signal.SIGKILL)
    while os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.sched_yield()
    assert function.value() != first
    assert (
        "the program of this instance had ended since its last attempt; a new program replaced it" in function.warnings
    )


def test_a_program_gets_time_to_end_by_itself(custom, tmp_path):
    told = tmp_path / "told"
    program = server(
        serving=f"""
        def leave(*_):
            open({str(told)!r}, "w").write("goodbye")
            os._exit(0)
        signal.signal(signal.SIGTERM, leave)
        serve()
        """
    )
    function = custom(program)
    function.run()
    function.close()
    assert told.read_text() == "goodbye"


def test_what_a_program_has_started_ends_with_it(custom):
    program = server(
        """
        import subprocess
        helper = subprocess.Popen(["sleep", "1000"])
        def answer(server, body): return 200, {}, helper.pid
        """
    )
    function = custom(program)
    helper = function.value()
    function.close()
    stat = Path(f"/proc/{helper}/stat")
    while stat.exists() and " Z " not in stat.read_text():
        os.sched_yield()


@pytest.mark.parametrize("ends", ["", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_no_program_outlives_a_process_that_forgets_to_close_its_emulator_or_is_killed(tmp_path, ends):
    (tmp_path / "server.py").write_text(server("def answer(server, body): return 200, {}, os.getpid()"))
    forgetful = f"""
from fcemu.testing import LocalEmulator

functions = {{"f": {{"runtime": "custom", "command": {PYTHON}}}}}
emulator = LocalEmulator({{"code": {str(tmp_path)!r}, "functions": functions}})
print(emulator.function("f").invoke().text, flush=True)
{ends}
"""
    done = subprocess.run([sys.executable, "-c", forgetful], capture_output=True, text=True, check=not ends)
    stat = Path(f"/proc/{int(done.stdout)}/stat")
    while stat.exists() and " Z " not in stat.read_text():
        os.sched_yield()


# Several at a time.


BOTH = server(
    """
    both, froze = threading.Barrier(2), []
    def answer(server, body):
        if server.path == "/pre-freeze":
            froze.append(server.path)
        elif body == b"froze":
            return 200, {}, froze
        else:
            both.wait()
        return 200, {}, body
    """
)


@pytest.fixture
def side_by_side(custom):
    """``run(*names)``: what attempts with these payloads return that run in one instance at the same time."""
    function = custom(BOTH, pre_freeze="true", ref=FunctionRef("f", "s"))
    instance = function.runtime.start(function.function, "i")
    clock = AtRest(lambda: function.emulator.clock)

    def run(name):
        call = Call(function.function, "LATEST", "LATEST", Account(), "i", name, 1, 0, name.encode(), clock)
        return instance.run(call).outcome.payload

    with ThreadPoolExecutor() as pool:
        yield lambda *names: list(pool.map(run, names))
    instance.stop()


@rule("timers-and-instances §3.2", "documented")
def test_an_instance_is_frozen_once_after_the_last_of_several_attempts(side_by_side):
    side_by_side("one", "two")
    side_by_side("three", "four")
    assert side_by_side("froze") == [b'["/pre-freeze", "/pre-freeze"]']


def test_programs_that_start_at_the_same_time_get_different_ports_that_no_connection_gets():
    ports = [free_port() for _ in range(1000)]
    for port in ports:
        give_back(port)
    assert len(set(ports)) == 1000
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports) < first


def test_another_process_does_not_get_a_port_that_is_given_here():
    given = free_port()
    candidates = [str(port) for port in range(given, given + 20)]
    ask = "import sys; from fcemu.runtimes import listening; listening._next = iter(map(int, sys.argv[1:]))"
    command = [sys.executable, "-c", f"{ask}; print(listening.free_port())", *candidates]
    try:
        other = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        give_back(given)
    assert other.stdout.strip() in candidates[1:]


def test_a_port_that_is_in_use_is_given_to_nobody():
    given = free_port()
    give_back(given)
    with ExitStack() as used:
        for port in range(given + 1, given + 6):
            with suppress(OSError):  # somebody else uses it
                used.enter_context(socket.socket()).bind(("0.0.0.0", port))
        later = [free_port() for _ in range(5)]
    for port in later:
        give_back(port)
    assert not set(later) & set(range(given + 1, given + 6))


# Other languages.

NODE_SERVER = """
const http = require('node:http');
http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    console.log('asked', request.url);
    const name = request.headers['x-fc-function-name'];
    response.end(JSON.stringify([request.url, Buffer.concat(chunks).toString(), name]));
  });
}).listen(process.env.FC_CUSTOM_LISTEN_PORT, '0.0.0.0');
"""


def test_a_plain_http_server_in_node(custom):
    function = custom(files={"server.js": NODE_SERVER}, command=["node", "server.js"])
    attempt = function.run(b"event")
    assert json.loads(attempt.outcome.payload) == ["/invoke", "event", "f"]
    assert attempt.output == "asked /invoke\n"


SHELL_SERVER = """#!/bin/sh
# One connection after the other, with nothing but a shell and a program that joins it to a socket.
exec "$PYTHON" -c '
import os, socket, subprocess
listening = socket.create_server(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])))
while True:
    connection, _ = listening.accept()
    subprocess.run(["sh", "answer.sh"], stdin=connection, stdout=connection)
    connection.close()
'
"""
SHELL_ANSWER = """
read -r line || exit 0
length=0
while read -r name value && [ "$name" != "$(printf '\\r')" ] && [ -n "$name" ]; do
  case "$name" in [Cc]ontent-[Ll]ength:) length=$(printf %s "$value" | tr -d '\\r') ;; esac
done
body=$(head -c "$length")
echo "asked by $body" >&2
printf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nhello, %s' "$body"
"""


def test_a_shell_script(custom):
    function = custom(
        files={"bootstrap": SHELL_SERVER, "answer.sh": SHELL_ANSWER}, command=[], environment={"PYTHON": sys.executable}
    )
    attempt = function.run(b"shell")
    assert attempt.outcome.payload == b"hello, shell"
    assert attempt.output == "asked by shell\n"


GO_SERVER = """
package main

import (
    "bufio"
    "net"
    "os"
    "strconv"
    "strings"
    "time"
)

func answer(connection net.Conn) {
    reader := bufio.NewReader(connection)
    length := 0
    for {
        line, err := reader.ReadString(10)
        if err != nil {
            return
        }
        line = strings.ToLower(strings.TrimSpace(line))
        if strings.HasPrefix(line, "content-length:") {
            length, _ = strconv.Atoi(strings.TrimSpace(line[15:]))
        }
        if line == "" {
            break
        }
    }
    body := make([]byte, length)
    reader.Read(body)
    text := string(body) + " " + strconv.Itoa(time.Now().Year())
    connection.Write([]byte("HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n" + text))
    connection.Close()
}

func main() {
    listener, err := net.Listen("tcp", "0.0.0.0:" + os.Getenv("FC_CUSTOM_LISTEN_PORT"))
    if err != nil {
        panic(err)
    }
    for {
        connection, _ := listener.Accept()
        go answer(connection)
    }
}
"""
"""Without ``net/http``, which takes a minute to compile where Go has not done so before."""


@pytest.mark.skipif(
    not shutil.which("go") and os.environ.get("CI") != "true", reason="Go is not installed: apt install golang-go"
)
def test_a_go_program_works_and_is_said_to_see_real_time(custom, tmp_path):
    (tmp_path / "main.go").write_text(GO_SERVER)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    subprocess.run(
        ["go", "build", "-o", "server", "main.go"], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    function = custom(command=[str(tmp_path / "server")], settings=Settings())
    body = function.returned(b"go")
    assert body.startswith(b"go 20")
    assert "its program sees real time" in function.warnings[0]
    assert "Go program" in function.warnings[0] or "libfaketime was not found" in function.warnings[0]
