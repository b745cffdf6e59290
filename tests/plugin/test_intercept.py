"""The option ``intercept`` of the fixture: application code with FC's host names in it, and the mocks of others."""

import subprocess
import sys

import pytest

URL = "https://1234567890123456.cn-shanghai.fc.aliyuncs.com/2023-03-30/functions/echo/invocations"
APPLICATION = f"""
    import requests

    SESSION = requests.Session()

    def send(text):
        return SESSION.post({URL!r}, text, timeout=20).text
"""
HEAD = """
    import application

    def echo(event, context):
        return event

"""


def test_it_is_on_and_each_test_has_its_own(suite, pytester):
    pytester.makepyfile(application=APPLICATION)
    suite(f"""{HEAD}
    @pytest.mark.parametrize("n", range(3))
    def test_it(fcemu, n):
        fcemu.add("echo", echo)
        assert application.send(f"hello {{n}}") == f"hello {{n}}"
        assert len(fcemu.invocations) == 1

    def test_handlers_too(fcemu):
        fcemu.add("echo", echo)
        fcemu.add("caller", lambda event, context: application.send(event))
        assert fcemu.function("caller").invoke("from a handler").text == "from a handler"
    """).assert_outcomes(passed=4)


@pytest.mark.parametrize("how", ["marker", "ini", "options"])
def test_it_can_be_turned_off(suite, how):
    marker = "@pytest.mark.fcemu(intercept=False)" if how == "marker" else ""
    fixture = (
        "@pytest.fixture\n    def fcemu_options():\n        return {'intercept': False}" if how == "options" else ""
    )
    suite(
        f"""
    import socket

    {fixture}

    before = socket.getaddrinfo

    {marker}
    def test_it(fcemu):
        assert socket.getaddrinfo is before
        assert "FCEMU_REDIRECT_TO" not in fcemu.env
    """,
        ini="fcemu_intercept = false" if how == "ini" else "",
    ).assert_outcomes(passed=1)


def test_other_emulators_of_a_test_do_not_intercept(suite, pytester):
    pytester.makepyfile(application=APPLICATION)
    suite(f"""{HEAD}
    def test_the_fixture_does(fcemu, fcemu_factory):
        other = fcemu_factory()
        for emulator, name in ((fcemu, "mine"), (other, "other")):
            emulator.add("echo", lambda event, context, name=name: name)
        assert application.send("") == "mine"

    def test_one_that_asks_is_refused_where_the_fixture_does(fcemu, fcemu_factory):
        fcemu_factory(intercept=True)

    def test_the_fixture_leaves_it_to_one_that_does(request):
        from fcemu.testing import LocalEmulator
        with LocalEmulator(intercept=True) as first:
            first.add("echo", lambda event, context: "first")
            request.getfixturevalue("fcemu")
            assert application.send("") == "first"
    """).assert_outcomes(passed=2, failed=1)


def test_mocks_of_http_are_asked_first_and_pass_on_what_they_let_pass(suite, pytester):
    pytester.makepyfile(application=APPLICATION)
    suite(
        f"""{HEAD}
    import httpx
    import responses

    @responses.activate
    def test_responses(fcemu):
        responses.post({URL!r}, body="mocked")
        assert application.send("hello") == "mocked"
        assert fcemu.invocations == []

    @responses.activate
    def test_responses_that_passes(fcemu):
        fcemu.add("echo", echo)
        responses.add_passthru({URL!r})
        assert application.send("hello") == "hello"

    def test_pytest_httpx(fcemu, httpx_mock):
        httpx_mock.add_response(url={URL!r}, text="mocked")
        assert httpx.post({URL!r}, content="hello").text == "mocked"
        assert fcemu.invocations == []

    def test_respx(fcemu, respx_mock):
        respx_mock.post({URL!r}).respond(text="mocked")
        assert httpx.post({URL!r}, content="hello").text == "mocked"
        assert fcemu.invocations == []
    """,
        plugins=("pytest_httpx", "respx"),
    ).assert_outcomes(passed=4)


def test_processes_that_a_test_starts_with_fcemu_env(suite, pytester):
    pytester.makepyfile(
        application=APPLICATION + "\n    if __name__ == '__main__':\n        print(send('from afar'))\n"
    )
    suite("""
    import subprocess, sys

    @pytest.mark.parametrize("n", range(2))
    def test_it(fcemu, fcemu_env, n):
        fcemu.add("echo", lambda event, context: event)
        done = subprocess.run([sys.executable, "application.py"], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("from afar\\n", "")
        assert len(fcemu.invocations) == 1
    """).assert_outcomes(passed=2)


def test_pytest_below_exec_reaches_the_tests_emulator(pytester):
    pytester.makepyfile(
        application=APPLICATION,
        test_it="""
    import application

    def test_it(fcemu):
        fcemu.add("echo", lambda event, context: event)
        assert application.send("hello") == "hello"
        assert len(fcemu.invocations) == 1
    """,
    )
    inner = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "fcemu", "exec", "--intercept", "--", *inner]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
