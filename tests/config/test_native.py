from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fcemu.config import read_mapping
from fcemu.config.parse import parse
from fcemu.config.problems import DefinitionError, Report
from fcemu.config.reading import read
from fcemu.config.schema import FILE
from fcemu.core.destinations import FunctionDestination, QueueDestination, TopicDestination
from fcemu.core.names import FunctionRef


def shape(text):
    report = Report("f")
    made = read(parse(text, report), FILE, report)
    report.check()
    return made


def function(line, top=""):
    """The shape of a function with one more line, or the problems with it."""
    return shape(f"{top}\nfunctions: {{f: {{handler: a.b, {line}}}}}")["functions"]["f"]


def of_service(line):
    """The same, of 2.0."""
    return shape(f"services: {{s: {{functions: {{f: {{handler: a.b, {line}}}}}}}}}")["services"]["s"]["functions"]["f"]


def settings(line, top=""):
    (made,) = function(f"asyncInvokeConfig: {{{line}}}", top)["asynchronous"]
    return made


def emulator(line):
    return shape(f"emulator: {{{line}}}")["emulator"]


def problems(make, line, **more):
    with pytest.raises(DefinitionError) as caught:
        make(line, **more)
    return [f"{each.key}: {each.message}" if each.key else each.message for each in caught.value.problems]


def hints(make, line):
    with pytest.raises(DefinitionError) as caught:
        make(line)
    return [hint for each in caught.value.problems for hint in each.hints if not hint.startswith("allowed")]


RELAXED = "emulator: {limits: relaxed}"


# Values that are right


@pytest.mark.parametrize(
    ("make", "line", "field", "value"),
    [
        (function, "timeout: 1", "timeout", timedelta(seconds=1)),
        (function, "timeout: 86400", "timeout", timedelta(days=1)),
        (function, "timeout: +5", "timeout", timedelta(seconds=5)),
        (function, "memorySize: 128", "memory_mb", 128),
        (function, "memorySize: 32768", "memory_mb", 32768),
        (function, "runtime: python3", "runtime", "python3"),
        (function, "runtime: python3.12", "runtime", "python3.12"),
        (settings, "maxAsyncRetryAttempts: 0", "max_retries", 0),
        (settings, "maxAsyncRetryAttempts: 8", "max_retries", 8),
        (settings, "maxAsyncEventAgeInSeconds: 1", "max_age", timedelta(seconds=1)),
        (settings, "maxAsyncEventAgeInSeconds: 604800", "max_age", timedelta(days=7)),
        (settings, "onSuccess: function:audit", "on_success", FunctionDestination(FunctionRef("audit"))),
        (
            settings,
            "onSuccess: 'function:shop/receipt:stable'",
            "on_success",
            FunctionDestination(FunctionRef("receipt", "shop"), "stable"),
        ),
        (settings, "onFailure: queue:failed", "on_failure", QueueDestination("failed")),
        (settings, "onFailure: topic:failed", "on_failure", TopicDestination("failed")),
        (settings, "onFailure: 'acs:mns:cn-hangzhou::/queues/q/messages'", "on_failure", QueueDestination("q")),
        (settings, "onFailure: 'acs:fc:::functions/f'", "on_failure", FunctionDestination(FunctionRef("f"))),
        (emulator, "seed: 0", "seed", 0),
        (emulator, "seed: 7", "seed", 7),
        (emulator, "limits: relaxed", "limits", "relaxed"),
        (emulator, "retrySeconds: [0, 0.5, 1e1, 2.]", "retry_seconds", (0, 0.5, 10, 2)),
        (emulator, "retryServerErrors: false", "retry_server_errors", False),
        (emulator, "ageExcludesDelay: yes", "age_excludes_delay", True),
        (emulator, "destinationDepth: 0", "destination_depth", 0),
        (emulator, "watchdogSeconds: 0.1", "watchdog", 0.1),
        (emulator, "graceSeconds: 0", "grace_seconds", 0),
        (emulator, "ioGraceSeconds: 2.5", "io_grace_seconds", 2.5),
    ],
)
def test_a_right_value_is_read(make, line, field, value):
    assert make(line)[field] == value


def test_a_key_that_is_not_there_says_nothing():
    made = function("")
    assert made == {"handler": "a.b"}
    assert settings("") == {}


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("'2026-01-01T00:00:00Z'", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01 08:00:00.5+08:00", datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_the_clocks_start_is_an_instant_in_utc(written, moment):
    start = emulator(f"clock: {{start: {written}}}")["clock"]["start"]
    assert (start, start.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("word", "word"),
        ("'yes'", "yes"),
        ("true", "true"),
        ("False", "false"),
        ("1", "1"),
        ("-7", "-7"),
        ("0", "0"),
        ("0.25", "0.25"),
        ("1234567890123456", "1234567890123456"),
        ("''", ""),
        ("'${HOME}/x'", "${HOME}/x"),
        ("!!str 1.10", "1.10"),
    ],
)
def test_scalars_become_the_text_that_fcs_tool_makes_of_them(written, text):
    assert function(f"environmentVariables: {{A: {written}}}")["environment"] == {"A": text}


def test_relaxed_limits_allow_more_wherever_they_stand_in_the_file():
    assert settings("maxAsyncEventAgeInSeconds: 2592000", top=RELAXED)["max_age"] == timedelta(days=30)
    assert function("memorySize: 100", top=RELAXED)["memory_mb"] == 100
    after = shape("functions: {f: {handler: a.b, memorySize: 1}}\n" + RELAXED)
    assert after["functions"]["f"]["memory_mb"] == 1
    assert problems(settings, "maxAsyncEventAgeInSeconds: 2592001", top=RELAXED) == [
        "maxAsyncEventAgeInSeconds: expected a whole number of seconds from 1 to 2592000, got 2592001"
    ]


# Values that are wrong

SECONDS = "timeout: expected a whole number of seconds from 1 to 86400, got "
MEMORY = "memorySize: expected a whole number of MB from 128 to 32768 in steps of 64, got "
ISO = "start: expected a date and time with a zone, such as 2026-01-01T00:00:00Z, got "
LIST = "retrySeconds: expected a list of one or more values, each a number of seconds from 0 to 2592000, got "
TARGET = "write function:NAME, queue:NAME, topic:NAME, eventbus:NAME or an ARN"


@pytest.mark.parametrize(
    ("make", "line", "message"),
    [
        (function, "timeout: fast", SECONDS + "'fast'"),
        (function, "timeout: 0", SECONDS + "0"),
        (function, "timeout: -1", SECONDS + "-1"),
        (function, "timeout: 86401", SECONDS + "86401"),
        (function, "timeout: 1.5", SECONDS + "1.5"),
        (function, "timeout: '10'", SECONDS + "'10'"),
        (function, "timeout: 1:30", SECONDS + "1:30, which YAML reads as a number"),
        (function, "timeout: 010", SECONDS + "010, which YAML reads as an octal number"),
        (function, "timeout: 0x10", SECONDS + "0x10, which YAML reads as a number"),
        (function, "timeout: 1e1", SECONDS + "1e1"),
        (function, "timeout: yes", SECONDS + "yes, which YAML reads as true"),
        (function, "timeout: ", SECONDS + "nothing"),
        (function, "timeout: ~", SECONDS + "nothing (~)"),
        (function, "timeout: [3]", SECONDS + "a list"),
        (function, "timeout: {}", SECONDS + "an empty map"),
        (function, f"timeout: {'9' * 5000}", SECONDS + "9" * 59 + "…"),
        (function, "memorySize: 64", MEMORY + "64"),
        (function, "memorySize: 32832", MEMORY + "32832"),
        (function, "memorySize: 129", MEMORY + "129"),
        (function, "runtime: pyton3", "runtime: expected a runtime of FC, got 'pyton3'"),
        (function, "runtime: 3.10", "runtime: expected a runtime of FC, got 3.10"),
        (function, "code: 1", "code: expected the path of a directory or a zip, got 1"),
        (function, "code: ''", "code: expected the path of a directory or a zip, got ''"),
        (function, "code: []", "code: expected the path of a directory or a zip, or a map, got an empty list"),
        (function, "code: {}", "nothing says where the files are in code of f"),
        (function, "code: {src: x, zipFile: eA==}", "'zipFile' cannot be combined with 'src'"),
        (function, "onDemandConfig: {maximumInstanceCount: 1}", "'onDemandConfig' is for functions of 2.0"),
        (function, "preFreeze: a.b", "'preFreeze' is for functions of 2.0"),
        (of_service, "versions: {'1': {}}", "'versions' is for functions of 3.0"),
        (of_service, "aliases: {live: LATEST}", "'aliases' is for functions of 3.0"),
        (of_service, "tags: {a: b}", "'tags' is for functions of 3.0"),
        (
            function,
            "environmentVariables: A=1",
            "environmentVariables: expected a map from names to strings, got 'A=1'",
        ),
        (settings, "maxAsyncRetryAttempts: 9", "maxAsyncRetryAttempts: expected a whole number from 0 to 8, got 9"),
        (settings, "maxAsyncRetryAttempts: -1", "maxAsyncRetryAttempts: expected a whole number from 0 to 8, got -1"),
        (
            settings,
            "maxAsyncEventAgeInSeconds: 604801",
            "maxAsyncEventAgeInSeconds: expected a whole number of seconds from 1 to 604800, got 604801",
        ),
        (settings, "onSuccess: audit", f"onSuccess: 'audit' is not a destination; {TARGET}"),
        (settings, "onFailure: 'queue:'", f"onFailure: 'queue:' is not a destination; {TARGET}"),
        (
            settings,
            "onFailure: {destination: x}",
            f"onFailure: expected a destination: {TARGET.removeprefix('write ')}, got a map",
        ),
        (emulator, "deliverTo: x", "deliverTo: expected a map from destinations to URLs, got 'x'"),
        (emulator, "deliverTo: {'queue:': 'http://a/'}", f"deliverTo: 'queue:' is not a destination; {TARGET}"),
        (
            emulator,
            "deliverTo: {'function:f': 'http://a/'}",
            "deliverTo: 'function:f' is a function, which is invoked; write queue:NAME, topic:NAME or eventbus:NAME",
        ),
        (
            emulator,
            "deliverTo: {'queue:q': 'localhost'}",
            "deliverTo: 'localhost' is not a URL; write it like http://127.0.0.1:8080/hook",
        ),
        (
            emulator,
            "deliverTo: {'queue:q': 7}",
            "queue:q: expected a URL like http://127.0.0.1:8080/hook, got 7",
        ),
        (settings, f"onFailure: queue:{'q' * 507}", "onFailure: expected at most 512 characters, got 513"),
        (emulator, "seed: -1", "seed: expected a whole number from 0 to 9223372036854775807, got -1"),
        (emulator, "limits: lax", "limits: expected strict or relaxed, got 'lax'"),
        (emulator, "limits: off", "limits: expected strict or relaxed, got off, which YAML reads as false"),
        (emulator, "retrySeconds: []", LIST + "an empty list"),
        (emulator, "retrySeconds: 1", LIST + "1"),
        (emulator, "retrySeconds: [1, -1]", "retrySeconds: expected a number of seconds from 0 to 2592000, got -1"),
        (
            emulator,
            "retrySeconds: [.inf]",
            "retrySeconds: expected a number of seconds from 0 to 2592000, got .inf, which YAML reads as a number",
        ),
        (emulator, "retryServerErrors: 'true'", "retryServerErrors: expected true or false, got 'true'"),
        (emulator, "retryServerErrors: 1", "retryServerErrors: expected true or false, got 1"),
        (emulator, "destinationDepth: 1001", "destinationDepth: expected a whole number from 0 to 1000, got 1001"),
        (
            emulator,
            "watchdogSeconds: 0",
            "watchdogSeconds: expected a number of seconds above 0 and at most 86400, got 0",
        ),
        (emulator, "graceSeconds: -0.1", "graceSeconds: expected a number of seconds from 0 to 86400, got -0.1"),
        (emulator, "clock: 0", "clock: expected a map, got 0"),
        (emulator, "clock: {rate: -1}", "rate: expected a number from 0 to 1000000, got -1"),
        (
            emulator,
            "clock: {rate: .nan}",
            "rate: expected a number from 0 to 1000000, got .nan, which YAML reads as a number",
        ),
        (emulator, "clock: {start: 2026-01-01}", ISO + "2026-01-01"),
        (emulator, "clock: {start: 2026-01-01T00:00:00}", ISO + "2026-01-01T00:00:00"),
        (emulator, "clock: {start: now}", ISO + "'now'"),
        (emulator, "clock: {start: 0001-01-01T00:00:00+14:00}", ISO + "0001-01-01T00:00:00+14:00"),
        (shape, "accountId: 1234567890123456", "accountId: expected digits, got 1234567890123456"),
        (shape, "accountId: 0123", "accountId: expected digits, got 0123, which YAML reads as an octal number"),
        (shape, "accountId: 'me'", "accountId: expected digits, got 'me'"),
        (shape, "region: no", "region: expected a string, got no, which YAML reads as false"),
        (shape, "region: ''", "region: expected a string, got ''"),
        (shape, "functions: []", "functions: expected a map of functions by name, got an empty list"),
        (shape, "functions: {f: a.b}", "f: expected a map, got 'a.b'"),
        (shape, "functions: {f: }", "f: expected a map, got nothing"),
        (shape, "functions: {f: {}}", "handler is missing in function f"),
        (shape, "functions: {1f: {handler: a.b}}", "'1f' is not a valid function name"),
        (shape, "functions: {a.b: {handler: a.b}}", "'a.b' is not a valid function name"),
        (shape, "services: {-s: {}}", "'-s' is not a valid service name"),
        (shape, "services: {s: {functions: {f: {}}}}", "handler is missing in function s/f"),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_what_was_found(make, line, message):
    assert problems(make, line) == [message]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("FC_X", "'FC_X' is not a valid variable name: it is reserved for FC"),
        ("_X", "'_X' is not a valid variable name"),
        ("1X", "'1X' is not a valid variable name"),
        ("A-B", "'A-B' is not a valid variable name"),
        ("''", "'' is not a valid variable name"),
        ("no", "expected a string as the key, got no, which YAML reads as false"),
    ],
)
def test_the_name_of_a_variable_follows_fcs_rules(name, said):
    assert problems(function, f"environmentVariables: {{{name}: x}}") == [said]


def test_2_0_reserves_its_old_names_of_credentials_and_3_0_does_not():
    line = "environmentVariables: {topic: x, securityToken: y}"
    assert function(line)["environment"] == {"topic": "x", "securityToken": "y"}
    assert problems(shape, f"services: {{s: {{functions: {{f: {{handler: a.b, {line}}}}}}}}}") == [
        "'topic' is not a valid variable name: it is reserved for FC",
        "'securityToken' is not a valid variable name: it is reserved for FC",
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("yes", "yes, which YAML reads as true"),
        ("1.10", "1.10"),
        ("1.0", "1.0"),
        ("017", "017, which YAML reads as an octal number"),
        ("0x1F", "0x1F, which YAML reads as a number"),
        ("1_000", "1_000, which YAML reads as a number"),
        ("1e3", "1e3"),
        ("+1", "+1"),
        ("2026-01-01", "2026-01-01"),
        ("", "nothing"),
        ("[a]", "a list"),
    ],
)
def test_a_value_of_which_tools_make_different_texts_needs_quotes(written, said):
    assert problems(function, f"environmentVariables: {{A: {written}}}") == [f"A: expected a string, got {said}"]


def test_what_no_environment_can_hold_is_refused():
    (problem,) = problems(function, 'environmentVariables: {A: "a\\0"}')
    assert problem.startswith("A: expected a string without NUL and lone surrogate characters, got 'a")
    with pytest.raises(DefinitionError, match="got 'a\\\\ud800'"):
        read_mapping({"functions": {"f": {"handler": "a.b", "environmentVariables": {"A": "a\ud800"}}}}, Path())


def test_a_value_that_is_refused_already_is_passed_over_in_silence():
    assert (
        problems(emulator, "retrySeconds: [1, !x 2], seed: !x 7, clock: !x {}")
        == ["the tag !x is not allowed: a definition is plain data"] * 3
    )


@pytest.mark.parametrize(
    ("length", "top", "most"), [(4095, "", 4096), (4096, "", 4096), (1024 * 1024, RELAXED, 1024 * 1024)]
)
def test_the_variables_of_a_function_have_a_limit_of_bytes(length, top, most):
    line = f"environmentVariables: {{A: {'é' * (length // 2)}{'x' * (length % 2)}}}"
    if length + 1 <= most:
        assert len(function(line, top=top)["environment"]["A"].encode()) == length
    else:
        said = f"environmentVariables: the names and values have {length + 1} bytes; at most {most} are allowed"
        assert problems(function, line, top=top) == [said]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("auth: {verify: maybe}", "verify: expected true or false, got 'maybe'"),
        ("auth: {accessKeys: LTAIme}", "accessKeys: expected a map from access keys to their secrets, got 'LTAIme'"),
        ("auth: {accessKeys: {LTAIme: 7}}", "LTAIme: expected a string, got 7"),
        ("auth: {keys: {}}", "unknown key 'keys' in auth of emulator"),
    ],
)
def test_who_may_ask_is_said_by_a_flag_and_texts(line, message):
    assert problems(emulator, line) == [message]


# Keys


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[{asyncTask: true}, {qualifier: LATEST}]", "asyncInvokeConfig: qualifier 'LATEST' appears more than once"),
        ("[{qualifier: a}, {qualifier: b}, {qualifier: a}]", "asyncInvokeConfig: qualifier 'a' appears more than once"),
        ("{qualifier: not/one}", "qualifier: expected a version or an alias, got 'not/one'"),
        ("[stable]", "asyncInvokeConfig: expected a map, got 'stable'"),
        ("[]", "asyncInvokeConfig: expected a map, got an empty list"),
    ],
)
def test_settings_by_qualifier_name_each_qualifier_once(line, problem):
    assert problems(function, f"asyncInvokeConfig: {line}") == [problem]


@pytest.mark.parametrize(
    ("make", "key", "hint"),
    [
        # alike
        (function, "timeuot", "did you mean 'timeout'?"),
        (settings, "maxRetryAttempts", "did you mean 'maxAsyncRetryAttempts'?"),
        (function, "trigger", "did you mean 'triggers'?"),
        (function, "enviroment", "did you mean 'environmentVariables'?"),
        (emulator, "retryServerError", "did you mean 'retryServerErrors'?"),
        # foreign words
        (settings, "retries", "did you mean 'maxAsyncRetryAttempts'?"),
        (settings, "maxRetry", "did you mean 'maxAsyncRetryAttempts'?"),
        (settings, "destination", "did you mean 'onSuccess' or 'onFailure'?"),
        (settings, "destinationConfig", "did you mean 'onSuccess' or 'onFailure'?"),
        (settings, "statefulInvocation", "did you mean 'asyncTask'?"),
        (function, "env", "did you mean 'environmentVariables'?"),
        (function, "Environment", "did you mean 'environmentVariables'?"),
        (function, "memory", "did you mean 'memorySize'?"),
        (function, "codeUri", "did you mean 'code'?"),
        (function, "CodeUri", "did you mean 'code'?"),
        (function, "AsyncConfiguration", "did you mean 'asyncInvokeConfig'?"),
        (function, "name", "the key above is the name"),
        (function, "functionName", "the key above is the name"),
        (function, "retries", "did you mean 'maxAsyncRetryAttempts'? it belongs one level down, in asyncInvokeConfig"),
        # wrong case
        (function, "Timeout", "did you mean 'timeout'? (keys are case-sensitive)"),
        (function, "Triggers", "did you mean 'triggers'? (keys are case-sensitive)"),
        # wrong level
        (settings, "timeout", "'timeout' belongs one level up, in function f"),
        (settings, "memory", "did you mean 'memorySize'? it belongs one level up, in function f"),
        (settings, "region", "'region' belongs further up, at the top level"),
        (function, "onFailure", "'onFailure' belongs one level down, in asyncInvokeConfig"),
        (function, "region", "'region' belongs further up, at the top level"),
        (emulator, "rate", "'rate' belongs one level down, in clock"),
        (emulator, "region", "'region' belongs one level up, at the top level"),
        (shape, "stub", "did you mean 'stubs'?"),
        (shape, "seed", "'seed' belongs one level down, in emulator"),
        (shape, "handler", "'handler' belongs further down, in functions.NAME"),
        (shape, "triggers", "'triggers' belongs further down, in functions.NAME"),
        # nothing like it
        (function, "deadLetters", None),
        (shape, "name", None),
    ],
)
def test_an_unknown_key_comes_with_the_best_hint_there_is(make, key, hint):
    given_hints = hints(make, f"{key}: x")
    assert given_hints[:1] == ([hint] if hint else [])


def test_what_is_allowed_is_listed_by_the_alphabet():
    with pytest.raises(DefinitionError) as caught:
        settings("deadLetters: x")
    assert str(caught.value) == (
        "f:2:51: unknown key 'deadLetters' in asyncInvokeConfig of f\n"
        "  allowed: asyncTask, maxAsyncEventAgeInSeconds, maxAsyncRetryAttempts, onFailure, onSuccess, qualifier"
    )


@pytest.mark.parametrize("key", ["Timeout", "TIMEOUT"])
def test_the_value_of_a_key_in_the_wrong_case_is_looked_at_as_well(key):
    assert problems(function, f"{key}: fast") == [f"unknown key '{key}' in function f", SECONDS + "'fast'"]
    assert problems(function, f"{key}: fast, timeout: 3") == [f"unknown key '{key}' in function f"]


@pytest.mark.parametrize("key", ["Handler", "handlr"])
def test_a_misspelt_handler_is_not_missing_as_well(key):
    assert problems(shape, f"functions: {{f: {{{key}: a.b}}}}") == [f"unknown key '{key}' in function f"]


def test_all_problems_are_told_at_once():
    assert problems(shape, "regio: x\naccountId: x\nfunctions: {f: {timeout: x}, g: {handler: 1}}\nstubs: 1") == [
        "unknown key 'regio' at the top level",
        "accountId: expected digits, got 'x'",
        "handler is missing in function f",
        SECONDS + "'x'",
        "handler: expected module.function, got 1",
        "stubs: expected a map of stubs by name, got 1",
    ]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("timeout: '10'", "write it without quotes"),
        ("timeout: fast", None),
        ("code: 2026", "put quotes around it: '2026'"),
        ("code: on", "put quotes around it: 'on'"),
        ("runtime: pythn3.9", "did you mean 'python3.9'?"),
        ("environmentVariables: {A: }", "write '' for an empty string"),
    ],
)
def test_a_wrong_value_comes_with_what_to_do(line, hint):
    assert hints(function, line) == ([hint] if hint else [])


def test_a_function_that_is_a_text_is_shown_as_a_map():
    assert hints(shape, "functions: {f: a.b}") == ["write f: {handler: a.b}"]


def test_a_bound_of_instances_is_not_said_twice(tmp_path):
    bounds = {"reservedConcurrency": 1, "onDemandConfig": {"maximumInstanceCount": 1}}
    said = {"services": {"s": {"functions": {"f": {"handler": "a.b", **bounds}}}}}
    with pytest.raises(DefinitionError) as caught:
        read_mapping(said, tmp_path)
    says = "reservedConcurrency and onDemandConfig of LATEST set the same limit; write only one"
    assert [(each.path, each.message) for each in caught.value.problems if "Config" in each.message] == [
        ("services.s.functions.f", says)
    ]
