"""Options in suites of users: the ini file, the marker, ``fcemu_options``, the factory, and what is wrong there."""

import re

import pytest
from option_samples import text_of, value_of

from fcemu.core.options import EXPLORING, FIXTURE, INI, OPTIONS, options_in
from fcemu.testing import LocalEmulator

TOGETHER = [name for name in options_in(INI) if name not in {"clock", "definition", *EXPLORING}]
"""All options that can be said at once: a clock that follows cannot be kept, the suites name a definition, and a search
is not an emulator's."""
SAYS = """
    from dataclasses import replace
    from pathlib import Path
    {before}
    def test_it(fcemu{more}):
        {make}
        recipe, parts = fcemu._configured.recipe, (fcemu._configured.strict, fcemu._redirection is not None)
        said = [fcemu._settings, recipe.data, recipe.isolate, recipe.process, recipe.python, *parts]
        Path("said").write_text(repr([*said, sorted(fcemu._host._thread._allowed)]))
"""


def test_options_are_the_same_in_the_ini_file_in_a_marker_in_fcemu_options_and_of_a_factory(suite, pytester):
    values = {name: value_of(name) for name in TOGETHER}
    options = f"import datetime\n    OPTIONS = {values!r}\n"
    said = []
    for ini, before, make in [
        ("\n".join(f"fcemu_{name} = {text_of(name)}" for name in TOGETHER), "@pytest.mark.fcemu('')", "pass"),
        ("", options + "    @pytest.mark.fcemu('', **OPTIONS)", "pass"),
        ("", options + "    fcemu_options = pytest.fixture(lambda: OPTIONS, name='fcemu_options')", "pass"),
        ("", options, "fcemu.close(); fcemu = fcemu_factory('', **OPTIONS)"),
    ]:
        text = SAYS.format(before=before, make=make, more=", fcemu_factory" if "factory" in make else "")
        (pytester.path / "tox.ini").write_text("[pytest]\n")
        suite(text, "--strict-config", "-Werror", ini=ini).assert_outcomes(passed=1)
        said.append((pytester.path / "said").read_text())
        for kept in pytester.path.glob("kept.db*"):
            kept.unlink()
    assert len(set(said)) == 1
    assert "seed=7" in said[0]


def test_pytests_command_line_wins_over_the_marker_and_a_marker_over_the_ini_file(suite):
    text = """
        @pytest.mark.fcemu("", idle_seconds=6)
        class TestAll:
            @pytest.mark.fcemu(seed=6)
            def test_it(self, fcemu):
                assert (fcemu.seed, fcemu._settings.idle.seconds, fcemu._settings.cold_start.seconds) == (7, 6, 5)
    """
    ini = "fcemu_seed = 5\nfcemu_idle_seconds = 5\nfcemu_cold_start_seconds = 5"
    suite(text, "--fcemu-seed=7", ini=ini).assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--fcemu-seed=x", "--fcemu-seed=-1", "--fcemu-runtime=jvm"])
def test_pytests_command_line_is_refused_before_the_first_test(suite, option):
    result = suite("def test_it(fcemu): pass", option)
    name = option.partition("=")[0].removeprefix("--fcemu-")
    result.stderr.fnmatch_lines([f"*option {name}: expected {OPTIONS[name].kind.expected}, got *"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_an_option_without_a_value_in_the_ini_file_is_refused_by_name(suite):
    result = suite("def test_it(fcemu): pass", ini="fcemu_seed =")
    result.stdout.fnmatch_lines(["*option seed: expected a whole number *, got ''"])


def test_a_misspelt_option_gets_the_closest_of_all_options():
    with pytest.raises(ValueError, match=r"there is no option 'stict'; did you mean 'strict'\?") as refused:
        LocalEmulator(stict="idle")
    assert set(re.findall(r"\w+", str(refused.value).partition("Options: ")[2])) == {*options_in(FIXTURE)}
    with pytest.raises(ValueError, match=r"there is no option 'xyz'\. Options: "):
        LocalEmulator(xyz=1)


@pytest.mark.parametrize("name", EXPLORING)
def test_an_emulator_by_itself_cannot_search(name):
    with pytest.raises(ValueError, match=f"option {name}: pytest can run a test again, but an emulator cannot"):
        LocalEmulator(**{name: 1 if name != "exhaust_retries" else True})
