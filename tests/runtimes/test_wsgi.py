"""HTTP functions of FC 2.0: WSGI applications, Flask among them, inline and in a process."""

import json
import textwrap

import pytest
from runtimes.fake_clock import FakeClock

from fcemu.core.functions import Function
from fcemu.core.http import HttpRequest
from fcemu.core.names import Account, FunctionRef
from fcemu.core.outcome import FunctionError
from fcemu.engine.ports import Call
from fcemu.runtimes.python_inline import PythonInline
from fcemu.runtimes.python_process import PythonProcess

PLAIN = """
import json

def handler(environ, start_response):
    wanted = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR",
        "HTTP_X_NAME", "HTTP_X_FC_FUNCTION_HANDLER", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME",
        "fc.request_uri", "STAGE")
    told = {key: environ.get(key) for key in wanted}
    told["body"] = environ["wsgi.input"].read().decode()
    told["request_id"] = environ["fc.context"].request_id
    told["hidden"] = [key for key in environ if key.startswith("HTTP_X_FC_") and key != "HTTP_X_FC_FUNCTION_HANDLER"]
    write = start_response("201 Created", [("X-Twice", "1"), ("X-Twice", "2")])
    write(b"[")
    return [json.dumps(told), b"]"]
"""
FLASK = """
import flask

app = flask.Flask(__name__)

@app.post("/orders/<int:number>")
def order(number):
    answer = flask.jsonify(number=number, wanted=flask.request.args.getlist("want"), body=flask.request.json)
    answer.set_cookie("seen", "yes")
    return answer, 202

@app.get("/broken")
def broken():
    raise RuntimeError("out of order")
"""


@pytest.fixture(scope="module", params=[PythonInline, PythonProcess])
def runtime(request):
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def ask(runtime, tmp_path):
    """``ask(code, handler, method, target, headers, body)``: how one attempt of an HTTP function ends."""
    instances = []

    def ask(code, handler, method, target, headers=(), body=b""):
        (tmp_path / "index.py").write_text(textwrap.dedent(code))
        ref = FunctionRef("site", "shop")
        function = Function(ref=ref, handler=handler, code=str(tmp_path), environment={"STAGE": "test"})
        instances.append(runtime.start(function, "i-1"))
        request = HttpRequest(method=method, path=target.partition("?")[0], target=target, headers=tuple(headers))
        call = Call(function, "LATEST", "LATEST", Account(), "i-1", "req-1", 1, 0, body, FakeClock(), http=request)
        return instances[-1].run(call)

    yield ask
    for instance in instances:
        instance.stop()


def test_an_application_gets_the_request_as_fc_writes_it(ask):
    headers = [("X-Name", "a"), ("x-name", "b"), ("x-fc-secret", "1"), ("Content-Type", "text/plain")]
    finish = ask(PLAIN, "index.handler", "PUT", "/a b?c=%20d", headers, b"body")
    assert finish.outcome.http.status == 201
    assert finish.outcome.http.headers == (("X-Twice", "1"), ("X-Twice", "2"))
    assert json.loads(finish.outcome.payload) == [
        {
            "REQUEST_METHOD": "PUT",
            "PATH_INFO": "/a b",
            "QUERY_STRING": "c=%20d",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "4",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_X_NAME": "a,b",
            "HTTP_X_FC_FUNCTION_HANDLER": "index.handler",
            "SERVER_NAME": "FCRUNTIME",
            "SERVER_PORT": "9000",
            "SCRIPT_NAME": "",
            "fc.request_uri": "/a b?c=%20d",
            "STAGE": "test",
            "body": "body",
            "request_id": "req-1",
            "hidden": [],
        }
    ]


def test_a_flask_application_is_a_handler(ask):
    headers = [("Content-Type", "application/json")]
    finish = ask(FLASK, "index.app", "POST", "/orders/7?want=a&want=b", headers, b'{"x": 1}')
    answer = finish.outcome.http
    assert answer.status == 202
    assert json.loads(finish.outcome.payload) == {"number": 7, "wanted": ["a", "b"], "body": {"x": 1}}
    assert dict(answer.headers)["Set-Cookie"] == "seen=yes; Path=/"
    missing = ask(FLASK, "index.app", "GET", "/nowhere")
    assert missing.outcome.http.status == 404


def test_what_a_flask_application_logs_of_an_error_is_in_the_log(ask):
    finish = ask(FLASK, "index.app", "GET", "/broken")
    assert finish.outcome.http.status == 500
    assert "RuntimeError: out of order" in finish.output


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("def handler(environ, start_response): raise KeyError('x')", "KeyError"),
        ("def handler(environ, start_response): return []", "NotAnswered"),
    ],
)
def test_an_application_that_fails_is_a_function_error(ask, code, name):
    outcome = ask(code, "index.handler", "GET", "/").outcome
    assert isinstance(outcome, FunctionError)
    assert (outcome.error_type, outcome.name) == ("UnhandledInvocationError", name)
