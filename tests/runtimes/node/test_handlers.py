"""How a Node.js handler is found, called, and what becomes of what it returns or throws (runtimes §3)."""

import json
import os
import signal

import pytest
from fakes import s
from rules import rule

from fcemu.core.capacity import PROVISION
from fcemu.core.facts import HookRan
from fcemu.core.http import HttpRequest
from fcemu.core.names import FunctionRef
from fcemu.core.resource_types import CAPACITIES

HANDLED, UNHANDLED = "HandledInvocationError", "UnhandledInvocationError"


# Styles.


@pytest.mark.parametrize(
    "style",
    [
        "exports.handler = (event, context, callback) => callback(null, event);",
        "exports.handler = async (event) => event;",
        "exports.handler = (event) => new Promise((resolve) => setImmediate(() => resolve(event)));",
        "exports.handler = async (event, context, callback) => { await null; callback(null, event); };",
        "module.exports.handler = function (event, context, callback) { process.nextTick(callback, null, event); };",
    ],
)
def test_every_style_of_handler_returns_its_value(node, style):
    assert node(style).returned(b"\x00\xffevent") == b"\x00\xffevent"


VALUES = {
    "null": b"",
    "undefined": b"",
    "'text'": b"text",
    "'Grüße'": "Grüße".encode(),
    "17": b"17",
    "false": b"false",
    "{b: [1, 2], a: 'x'}": b'{"b":[1,2],"a":"x"}',
    "Buffer.from([0, 255])": b"\x00\xff",
    "new Uint8Array([1, 2])": b"\x01\x02",
}


def test_what_a_value_becomes(node):
    function = node("exports.handler = (event, context, callback) => callback(null, eval(`(${event})`));")
    assert {value: function.returned(value.encode()) for value in VALUES} == VALUES


def test_only_the_first_call_of_the_callback_counts(node):
    function = node("exports.handler = (e, c, done) => { done(null, 'first'); done(null, 'second'); done('third'); };")
    assert function.returned() == b"first"


def test_what_a_handler_does_after_its_callback_in_the_same_turn_still_happens(node):
    function = node("exports.handler = (e, c, done) => { done(null, 'x'); process.stdout.write('after\\n'); };")
    attempt = function.run()
    assert attempt.outcome.payload == b"x"
    assert "after\n" in attempt.output


def test_up_to_nodejs16_the_value_of_an_async_handler_is_ignored_and_it_times_out(node):
    function = node("exports.handler = async (event) => 'never seen';", runtime="nodejs16")
    attempt = function.run()
    assert attempt.word == "timed out"


def test_a_handler_that_never_calls_back_times_out_at_its_virtual_instant(node):
    attempt = node("exports.handler = () => {};").run()
    assert attempt.word == "timed out"
    assert (attempt.ended - attempt.started).total_seconds() == 7200


def test_a_handler_may_wait_for_all_that_it_has_begun(node):
    function = node(
        """
        exports.handler = (event, context, callback) => {
          context.waitsForEmptyEventLoopBeforeCallback = true;
          setTimeout(() => process.stdout.write('at the end\\n'), 60_000);
          callback(null, 'x');
        };
        """
    )
    attempt = function.run()
    assert "at the end\n" in attempt.output
    assert (attempt.ended - attempt.started).total_seconds() == 60


# Modules.

MODULES = '{"type": "module"}'


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"index.mjs": "export const handler = async (event) => event;"}, "index.handler"),
        ({"index.js": "export const handler = async (e) => e;", "package.json": MODULES}, "index.handler"),
        ({"index.mjs": "export default { handler: async (event) => event };"}, "index.handler"),
        ({"index.cjs": "exports.handler = async (event) => event;", "package.json": MODULES}, "index.handler"),
        ({"jobs/nightly.js": "exports.run = async (event) => event;"}, "jobs/nightly.run"),
        ({"a.b.js": "exports.run = async (event) => event;"}, "a.b.run"),
    ],
)
def test_handlers_of_every_kind_of_module(node, files, handler):
    assert node(files=files, handler=handler).returned(b"here") == b"here"


def test_a_module_finds_its_siblings_and_its_packages(node):
    function = node(
        "const {one} = require('./lib/one'); const two = require('two'); exports.handler = async () => [one, two];",
        files={"lib/one.js": "exports.one = 1;", "node_modules/two/index.js": "module.exports = 2;"},
    )
    assert function.value() == [1, 2]


def test_the_working_directory_is_that_of_the_code(node):
    function = node(
        "exports.handler = async () => require('fs').readFileSync('data.txt', 'utf8');", files={"data.txt": "data"}
    )
    assert function.returned() == b"data"


def test_loading_may_take_virtual_time(node):
    function = node(
        files={
            "index.mjs": """
            import { setTimeout } from 'node:timers/promises';
            await setTimeout(5000);
            export const handler = async () => 'loaded';
            """
        }
    )
    attempt = function.run()
    assert attempt.outcome.payload == b"loaded"
    assert (attempt.ended - attempt.started).total_seconds() == 5


@pytest.mark.parametrize(
    ("handler", "files", "name", "message"),
    [
        ("index", {}, "InvalidHandlerName", "Invalid handler 'index'"),
        ("nowhere.handler", {}, "ImportModuleError", "Module '/code/nowhere' is missing."),
        ("index.other", {}, "HandlerNotFound", "Handler 'other' is missing on module 'index'"),
        ("index.number", {}, "HandlerNotFound", "Handler 'number' is missing on module 'index'"),
        ("broken.handler", {"broken.js": "exports.handler = ("}, "UserCodeSyntaxError", "Unexpected end of input"),
        ("lost.handler", {"lost.js": "require('not-there');"}, "ImportModuleError", "Cannot find module 'not-there'"),
        ("lost.handler", {"lost.mjs": "import 'not-there';"}, "ImportModuleError", "Cannot find package 'not-there'"),
        ("fails.handler", {"fails.js": "throw new RangeError('at load');"}, "RangeError", "at load"),
    ],
)
def test_what_cannot_be_loaded_is_a_function_error_with_fcs_name(node, handler, files, name, message):
    function = node("exports.handler = async () => 1; exports.number = 1;", files=files, handler=handler)
    error_type, document = function.failure()
    assert error_type == UNHANDLED
    assert document["errorType"] == name
    assert document["errorMessage"].startswith(message)
    assert function.failure()[1]["errorType"] == name, "it is tried again"


# Errors.


def test_an_error_that_is_given_to_the_callback_is_handled(node):
    error_type, document = node("exports.handler = (e, c, done) => done(new Error('oops'));").failure()
    assert error_type == HANDLED
    assert document == {
        "errorMessage": "oops",
        "errorType": "Error",
        "stackTrace": ["Error: oops", "    at exports.handler (/code/index.js:1:40)"],
    }


def test_what_is_no_error_is_its_text(node):
    assert node("exports.handler = (e, c, done) => done('declined');").failure() == (
        HANDLED,
        {"errorMessage": "declined"},
    )


@pytest.mark.parametrize(
    "style",
    [
        "exports.handler = () => { throw new TypeError('oops'); };",
        "exports.handler = async () => { throw new TypeError('oops'); };",
        "exports.handler = () => Promise.reject(new TypeError('oops'));",
        "exports.handler = () => { setTimeout(() => { throw new TypeError('oops'); }, 1000); };",
        "exports.handler = () => { setImmediate(() => Promise.reject(new TypeError('oops'))); };",
        "exports.handler = () => { new (require('events'))().emit('error', new TypeError('oops')); };",
    ],
)
def test_what_nobody_catches_is_unhandled(node, style):
    error_type, document = node(style).failure()
    assert (error_type, document["errorMessage"], document["errorType"]) == (UNHANDLED, "oops", "TypeError")
    assert document["stackTrace"][0] == "TypeError: oops"
    assert all("node_main" not in line and "node:" not in line for line in document["stackTrace"])


def test_up_to_nodejs16_what_nobody_catches_has_a_longer_name(node):
    function = node("exports.handler = () => { throw new TypeError('oops'); };", runtime="nodejs16")
    assert function.failure()[1]["errorType"] == "FunctionUnhandledError: TypeError"


@rule("wire-api §9", "from SDK")
@pytest.mark.parametrize("runtime", ["nodejs4.4", "nodejs6"])
def test_in_the_oldest_runtimes_what_nobody_catches_ends_the_process(node, runtime):
    function = node("exports.handler = () => { throw new TypeError('oops'); };", runtime=runtime)
    error_type, document = function.failure()
    assert (error_type, list(document)) == (UNHANDLED, ["errorMessage"])
    assert document["errorMessage"].startswith("Process exited unexpectedly before completing request")
    told = node("exports.handler = (event, context, callback) => callback('told');", runtime=runtime)
    assert told.failure() == (HANDLED, {"errorMessage": "told"})
    assert node("exports.other = 1;", runtime=runtime).failure()[1]["errorMessage"] != document["errorMessage"]


def test_an_error_outside_of_the_handlers_promise_takes_its_instance_with_it(node):
    function = node(
        """
        let n = 0;
        exports.handler = (event, context, callback) => {
          n += 1;
          if (event.length) callback(null, n);
          else setTimeout(() => { throw 1; }, 1);
        };
        """
    )
    assert function.returned(b"x") == b"1"
    assert function.run().outcome.error_type == UNHANDLED
    assert function.returned(b"x") == b"1"


def test_a_value_that_json_cannot_hold_is_a_function_error(node):
    error_type, document = node("exports.handler = async () => { const a = {}; a.a = a; return a; };").failure()
    assert error_type == UNHANDLED
    assert document["errorType"] == "TypeError"
    assert "circular" in document["errorMessage"]


def test_an_instance_that_ends_itself_is_reported_as_in_fc(node):
    error_type, document = node("exports.handler = () => process.kill(process.pid, 'SIGKILL');").failure()
    assert error_type == UNHANDLED
    assert document["errorMessage"].startswith("Process exited unexpectedly before completing request (duration: 0ms")


def test_an_instance_that_died_between_two_attempts_is_replaced_without_a_failure(node):
    function = node("exports.handler = async () => process.pid;")
    first = function.value()
    os.kill(first, signal.SIGKILL)
    while os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.sched_yield()
    assert function.value() != first
    assert function.warnings == [
        "the process of this instance had ended since its last attempt; a new process replaced it"
    ]


# Context, console.


def test_the_context_is_that_of_the_documents(node):
    function = node(
        "exports.handler = async (e, context) => { context.logger.info('x'); delete context.logger; return context; };",
        ref=FunctionRef("resize", "media"),
        memory_mb=256,
    )
    context = function.value()
    request_id = context["requestId"]
    assert context == {
        "requestId": request_id,
        "credentials": {
            "accessKeyId": f"STS.{request_id}.1",
            "accessKeySecret": f"secret-of-STS.{request_id}.1",
            "securityToken": f"token-of-STS.{request_id}.1",
        },
        "function": {"name": "resize", "handler": "index.handler", "memory": 256, "timeout": 7200},
        "service": {"name": "media", "logProject": "", "logStore": "", "qualifier": "LATEST", "versionId": "LATEST"},
        "region": "cn-hangzhou",
        "accountId": "1234567890123456",
        "retryCount": 0,
        "tracing": {"openTracingSpanContext": "", "openTracingSpanBaggages": {}, "jaegerEndpoint": ""},
        "waitsForEmptyEventLoopBeforeCallback": False,
    }


def test_the_console_writes_lines_with_time_request_and_level(node):
    function = node(
        """
        exports.handler = async (event, context) => {
          console.log('an %s', 'object', {a: 1});
          console.info('two\\nlines');
          console.warn('w'); console.error('e'); console.debug('d');
          console.setLogLevel('warn');
          console.info('not seen'); console.error('seen');
          return context.requestId;
        };
        """
    )
    attempt = function.run()
    start = f"2026-01-01T00:00:00.000Z {attempt.outcome.payload.decode()}"
    assert attempt.output.split("\n") == [
        f"{start} [verbose] load code for handler:index.handler",
        f"{start} [verbose] an object {{ a: 1 }}",
        f"{start} [info] two\rlines",
        f"{start} [warn] w",
        f"{start} [error] e",
        f"{start} [debug] d",
        f"{start} [error] seen",
        "",
    ]


# Hooks.


def test_an_initializer_runs_once_for_each_instance_before_the_handler(node):
    function = node(
        """
        let ready = 0;
        exports.initialize = (context, callback) => { ready += 1; setTimeout(callback, 2000); };
        exports.handler = async () => ready;
        """,
        initializer="index.initialize",
    )
    first = function.run()
    assert first.outcome.payload == b"1"
    assert (first.ended - first.started).total_seconds() == 2
    assert "FC Initialize Start RequestId: " in first.output
    assert function.returned() == b"1"


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        ("exports.initialize = (context, callback) => callback(new Error('no database'));", "no database"),
        ("exports.initialize = async () => { throw new Error('no database'); };", "no database"),
        ("exports.initialize = () => {};", "Function initialization timed out after 3 seconds"),
    ],
)
def test_an_initializer_that_fails_fails_the_invocation_and_the_next_instance_tries_again(node, initializer, message):
    function = node(f"{initializer} exports.handler = async () => 1;", initializer="index.initialize")
    for _ in range(2):
        error_type, document = function.failure()
        assert error_type == "InitializationError"
        assert document["errorMessage"].startswith(message)
    first, second = (invocation.attempts[0] for invocation in function.emulator.journal.invocations.values())
    assert first.instance_id != second.instance_id


@pytest.mark.parametrize(
    ("hook", "says", "failed"),
    [
        ("(context, callback) => { console.log('leaving'); setTimeout(callback, 2000); }", "leaving", False),
        ("async () => { throw new Error('no'); }", "", True),
        ("() => {}", "", True),
    ],
)
def test_the_hook_before_an_instance_is_stopped_runs_when_it_was_idle(node, hook, says, failed):
    function = node(f"exports.leave = {hook}; exports.handler = async () => 1;", pre_stop="index.leave")
    attempt = function.run()
    function.emulator.wait(function.emulator.advance(s(310)))
    (ran,) = (fact for fact in function.emulator.journal if isinstance(fact, HookRan))
    assert (ran.hook, ran.instance_id) == ("pre-stop", attempt.instance_id)
    assert says in ran.output
    assert ("Error: Unhandled PreStop error" in ran.output) == failed


def test_the_initializer_of_a_provisioned_instance_runs_before_there_is_work(node):
    function = node(
        """
        let ready = 0;
        exports.initialize = (context, callback) => { ready += 1; setTimeout(callback, 2000); };
        exports.handler = async () => ready;
        """,
        initializer="index.initialize",
    )
    function.emulator.control.put(CAPACITIES, (PROVISION, function.ref, "LATEST"), {"kept": {"target": 1}})
    function.emulator.wait(function.emulator.run_until_idle(None))
    (ran,) = (fact for fact in function.emulator.journal if isinstance(fact, HookRan))
    attempt = function.run()
    assert (ran.hook, ran.error, attempt.instance_id) == ("initializer", "", ran.instance_id)
    assert (attempt.outcome.payload, attempt.ended - attempt.started) == (b"1", s(0))


# HTTP handlers of 2.0.

REQUEST = HttpRequest(
    method="PUT",
    path="/orders/7 a",
    target="/2016-08-15/proxy/shop/web/orders/7%20a?x=1&y=2&y=3",
    headers=(("Content-Type", "text/plain"), ("X-Two", "a"), ("x-two", "b")),
    queries={"x": "1", "y": ["2", "3"]},
    client_ip="10.1.2.3",
)


def answered(node, text, body=b"body", http=REQUEST, **function):
    """What one attempt answers that a trigger has sent."""
    made = node(text, ref=FunctionRef("web", "shop"), **function)
    return made.run_http(http, body)


def test_an_http_handler_gets_the_request_and_answers_it(node):
    outcome = answered(
        node,
        """
        exports.handler = (req, resp, context) => {
          const { method, path, url, headers, queries, clientIP } = req;
          const chunks = [];
          req.on('data', (chunk) => chunks.push(chunk));
          req.on('end', () => {
            resp.setStatusCode(201);
            resp.setHeader('X-Kind', 'order');
            resp.setHeader('Set-Cookie', ['a=1', 'b=2']);
            resp.setHeader('gone', 'x'); resp.deleteHeader('Gone');
            const body = Buffer.concat(chunks).toString();
            resp.send(JSON.stringify({ method, path, url, headers, queries, clientIP, body, same: String(req.body),
              has: [resp.hasHeader('x-kind'), resp.hasHeader('gone')], header: req.getHeader('content-TYPE') }));
          });
        };
        """,
    )
    assert (outcome.http.status, outcome.http.headers) == (
        201,
        (("X-Kind", "order"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
    )
    assert json.loads(outcome.payload) == {
        "method": "PUT",
        "path": "/orders/7 a",
        "url": "/2016-08-15/proxy/shop/web/orders/7%20a?x=1&y=2&y=3",
        "headers": {"content-type": "text/plain", "x-two": "a,b"},
        "queries": {"x": "1", "y": ["2", "3"]},
        "clientIP": "10.1.2.3",
        "body": "body",
        "same": "body",
        "has": [True, False],
        "header": "text/plain",
    }


RAW_BODY = """
    const getRawBody = require('raw-body');
    exports.handler = (req, resp, context) => {
      getRawBody(req, async (error, body) => {
        const { Readable } = require('stream');
        const stream = () => Readable.from([Buffer.from('ab'), Buffer.from('c')]);
        const limited = { encoding: true, limit: '1kb' };
        const told = [await getRawBody(stream(), 'utf-8'), await getRawBody(stream(), limited)];
        for (const options of [{ limit: 2 }, { length: 7 }]) {
          await getRawBody(stream(), options).catch(({ type, statusCode }) => told.push(type, statusCode));
        }
        resp.send(JSON.stringify([error, Buffer.isBuffer(body), String(body), ...told]));
      });
    };
    """


def test_raw_body_is_there_as_in_fc(node):
    told = [None, True, "body", "abc", "abc", "entity.too.large", 413, "request.size.invalid", 400]
    assert json.loads(answered(node, RAW_BODY).payload) == told


def test_a_raw_body_of_the_codes_own_goes_first(node):
    files = {"node_modules/raw-body/index.js": "module.exports = (req, then) => then(null, 'its own');"}
    text = "exports.handler = (req, resp) => require('raw-body')(req, (error, body) => resp.send(body));"
    assert answered(node, text, files=files).payload == b"its own"


def test_an_http_handler_may_send_a_stream(node):
    outcome = answered(
        node, "exports.handler = (req, resp) => resp.send(require('stream').Readable.from(['a', Buffer.from('b')]));"
    )
    assert (outcome.http.status, outcome.payload) == (200, b"ab")


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        ("resp.setStatusCode('200')", "statusCode must be an integer"),
        ("resp.setHeader('x', 1)", "header value must be a string or an array of strings"),
        ("resp.send({})", "data must be a string, a Buffer or a stream.Readable"),
    ],
)
def test_misuse_of_the_response_is_a_function_error(node, misuse, message):
    outcome = answered(node, f"exports.handler = (req, resp) => {{ {misuse}; }};")
    assert outcome.error_type == UNHANDLED
    assert json.loads(outcome.document)["errorMessage"] == message


def test_an_http_function_that_is_invoked_without_a_trigger_gets_the_event(node):
    function = node("exports.handler = (event, context, callback) => callback(null, event);", ref=FunctionRef("w", "s"))
    assert function.returned(b"event") == b"event"
