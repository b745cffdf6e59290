"""The fixture fcemu_env, the ini option of the same name, and the options of the command line."""

import os

import pytest


def test_the_variables_point_a_program_at_the_tests_emulator(suite, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    suite("""
        import os

        OF_CHILDREN = {"FCEMU_REDIRECT_TO", "PYTHONPATH"}

        @pytest.mark.fcemu("orders", account_id="42", region="cn-beijing", intercept=False)
        def test_without_interception_children_are_left_alone(fcemu):
            assert not OF_CHILDREN & set(fcemu.env)

        @pytest.mark.fcemu("orders", account_id="42", region="cn-beijing")
        def test_it(fcemu, fcemu_env):
            assert fcemu_env == fcemu.env
            assert fcemu_env == {name: os.environ[name] for name in fcemu_env}
            assert os.environ["FCEMU_REDIRECT_TO"] == fcemu.endpoint
            assert {name: value for name, value in fcemu_env.items() if name not in OF_CHILDREN} == {
                "FCEMU_URL": fcemu.url,
                "FC_ENDPOINT": fcemu.url,
                "FC_HOST": fcemu.endpoint,
                "MNS_ENDPOINT": fcemu.url,
                "FC_ACCOUNT_ID": "42",
                "ACCOUNT_ID": "42",
                "FC_REGION": "cn-beijing",
                "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
                "ACCESS_KEY_ID": "test",
                "ACCESS_KEY_ID_SECRET": "test",
            }
            assert not {"HTTPS_PROXY", "http_proxy"} & set(os.environ)

        def test_afterwards_all_is_as_before():
            assert "FC_HOST" not in os.environ
            assert os.environ["HTTPS_PROXY"] == os.environ["http_proxy"] == "http://proxy.invalid:3128"

        def test_alone(fcemu_env):
            assert os.environ["FCEMU_URL"] == fcemu_env["FCEMU_URL"]
    """).assert_outcomes(passed=4)


SETTINGS = """
    import os
    ENDPOINT, ACCOUNT = os.environ["FC_ENDPOINT"], os.environ["FC_ACCOUNT_ID"]
"""


@pytest.mark.parametrize("arguments", [[], ["-n2"]], ids=["one process", "xdist"])
def test_the_ini_option_sets_them_before_conftest_files_are_imported(suite, pytester, monkeypatch, arguments):
    monkeypatch.setenv("ALL_PROXY", "http://proxy.invalid:3128")
    pytester.makepyfile(settings=SETTINGS, conftest="import settings")
    suite(
        """
        import os
        import urllib.request
        import settings

        @pytest.mark.parametrize("n", range(4))
        def test_the_url_stays_and_is_the_fixtures(fcemu, n):
            assert settings.ENDPOINT == fcemu.url == os.environ["FCEMU_URL"]
            assert settings.ACCOUNT == fcemu.account_id == "42"
            assert "ALL_PROXY" not in os.environ

        def test_without_an_emulator_it_refuses():
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(settings.ENDPOINT + "/_fcemu/health")
        """,
        *arguments,
        ini="""
            fcemu_env = true
            fcemu_account_id = 42
            pythonpath = .
        """,
        plugins=["xdist"],
    ).assert_outcomes(passed=5)


def test_the_ini_option_reads_the_definition_at_the_rootdir(suite, pytester):
    (pytester.path / "fcemu.yaml").write_text("emulator: {seed: 4}\n")
    suite(
        """
        import os
        HOST = os.environ["FC_HOST"]

        def test_it(fcemu):
            assert (HOST, fcemu.seed) == (fcemu.endpoint, 4)
        """,
        ini="fcemu_env = true",
    ).assert_outcomes(passed=1)


def test_a_run_leaves_no_variables_behind(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    pytester.makeini("[pytest]\nfcemu_env = true")
    pytester.makepyfile("import os\nassert 'FC_HOST' in os.environ")
    before = dict(os.environ)
    pytester.inline_run("--collect-only", "-pno:randomly", "-pno:asyncio")
    assert dict(os.environ) == before


def test_a_wrong_definition_at_the_rootdir_is_a_usage_error(suite, pytester):
    (pytester.path / "fcemu.yaml").write_text("emulatr: {}\n")
    result = suite("def test_it(): pass", ini="fcemu_env = true")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown key 'emulatr'*"])


def test_the_runtime_of_the_command_line_wins(suite, pytester):
    text = """
        import os

        @pytest.mark.fcemu("where", runtime="{marked}")
        def test_it(fcemu):
            pid = fcemu.function("where").invoke().json()
            assert (pid == os.getpid()) is {inline}
    """
    (pytester.path / "where").mkdir()
    (pytester.path / "where" / "index.py").write_text("import os\n\ndef handler(event, context): return os.getpid()\n")
    (pytester.path / "where" / "fcemu.yaml").write_text("functions: {where: {handler: index.handler, code: .}}\n")
    for marked, commanded in (("process", "inline"), ("inline", "process")):
        test = text.format(marked=marked, inline=commanded == "inline")
        suite(test, f"--fcemu-runtime={commanded}").assert_outcomes(passed=1)


def test_a_runtime_that_there_is_not_is_named(suite):
    result = suite("def test_it(fcemu): pass", "--fcemu-runtime=docker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*option runtime: expected inline or process, got 'docker'"])
