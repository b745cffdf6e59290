"""Every option that the documents give can be said in each way: the ini file, the marker, a keyword."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pytest_plugin
from fcemu.options import OF_EMULATORS, OPTIONS
from fcemu.testing import LocalEmulator
from fcemu.testing.suite import Suite

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "fixture.md"
SAMPLES = {
    "access_keys": ("LTAI1:s1 LTAI2:s2", {"LTAI1": "s1", "LTAI2": "s2"}),
    "account_id": ("42", "42"),
    "allow_host": ("a.example, b.example", ["a.example", "b.example"]),
    "chance": ("seeded", "seeded"),
    "clock": ("follow", "follow"),
    "data": ("kept.db", "kept.db"),
    "data_keep": ("2d", "2d"),
    "data_sync": ("full", "full"),
    "definition": ("app", "app"),
    "deliver_to": ("queue:q=http://127.0.0.1:9/hook", {"queue:q": "http://127.0.0.1:9/hook"}),
    "delivery_retry_seconds": ("1 2", [1, 2]),
    "limits": ("relaxed", "relaxed"),
    "python": ("/bin/sh", "/bin/sh"),
    "region": ("cn-beijing", "cn-beijing"),
    "retry_seconds": ("1, 2.5", [1, 2.5]),
    "runtime": ("process", "process"),
    "start": ("2027-05-05T00:00:00Z", datetime(2027, 5, 5, tzinfo=UTC)),
    "strict": ("idle", "idle"),
    "throttle_mode": ("backoff", "backoff"),
    "while_down": ("catch-up", "catch-up"),
}
"""Of the options that are neither flags nor numbers: text of the ini file and value of one that is not the default."""
OF_DATA = {"data_keep", "data_sync", "while_down"}
"""Options that count only beside ``data``."""
BADLY = {name: "x y" for name in OPTIONS if name not in {"account_id", "region"}}
BADLY |= {name: "x y" for name in OF_EMULATORS if name not in {"allow_host", "data", "definition", "python"}}
PYTHONS_OWN_WORDS = ("invalid literal", "could not convert", "isoformat", "Error", "<class")


def documented():
    """The names in the first column of the page's table of options."""
    table = PAGE.read_text().partition("\n## Options\n")[2].partition("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def sample(name):
    """The text and the value by which the tests give the option: one that is not its default."""
    if name in SAMPLES:
        return SAMPLES[name]
    takes = OPTIONS[name].takes if name in OPTIONS else (bool,)
    if takes != (bool,):
        return "7", 7
    with LocalEmulator() as plain:
        if name in {"intercept", "isolate"}:
            return "true", True
        default = getattr(plain._settings, name)
    return str(not default).lower(), not default


def state(emulator):
    """All that options come to."""
    recipe = emulator._recipe
    chosen = (emulator._strict, recipe.process, recipe.python, recipe.isolate, emulator._clock)
    return (
        emulator._settings,
        chosen,
        recipe.data,
        emulator._redirection is not None,
        emulator._host.server.guard._allowed,
        len(emulator._engine.functions()),
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project with a definition."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "fcemu.yaml").write_text("functions: {f: {handler: f.handler}}\n")
    (tmp_path / "app" / "f.py").write_text("def handler(event, context):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_suite(place, ini, options):
    """What an emulator of a test run with that ini file and that marker comes to, or what is wrong."""
    suite = Suite(place, lambda name: ini.get(name, ""), pytest_plugin.INI_OPTIONS)
    emulator = suite.open(place, options, {}, shared=False)
    if isinstance(emulator, str):
        return emulator
    try:
        return state(emulator)
    finally:
        emulator.close()


def test_the_page_the_plugin_and_the_program_know_the_same_options():
    assert documented() == {*OPTIONS, *OF_EMULATORS}
    assert sorted(documented()) == list(pytest_plugin.INI_OPTIONS)


@pytest.mark.parametrize("name", sorted(documented()))
def test_an_option_acts_the_same_in_the_ini_file_in_a_marker_and_as_a_keyword(place, name):
    text, value = sample(name)
    beside = {"data": "kept.db"} if name in OF_DATA else {}
    plain = of_suite(place, beside, {})
    with LocalEmulator(**beside, **{name: value}) as emulator:
        by_keyword = state(emulator)
    by_ini = of_suite(place, {**beside, name: text}, {})
    by_marker = of_suite(place, beside, {name: value})
    assert by_ini == by_marker == by_keyword
    assert by_ini != plain


def test_all_of_them_together_are_taken_from_the_ini_file_and_from_the_marker(suite, pytester):
    samples = {name: sample(name) for name in documented() - {"clock", "definition", "intercept", "runtime", "python"}}
    text = """
        from pathlib import Path

        @pytest.mark.fcemu("")
        def test_it(fcemu):
            chosen = (fcemu._strict, fcemu._recipe.isolate, fcemu._settings, fcemu._recipe.data)
            Path("said").write_text(repr(chosen))
    """
    ini = "\n".join(f"fcemu_{name} = {text}" for name, (text, _) in samples.items())
    suite(text, "--strict-config", "-Werror", ini=ini).assert_outcomes(passed=1)
    by_ini = (pytester.path / "said").read_text()
    for kept in pytester.path.glob("kept.db*"):
        kept.unlink()
    values = {name: value for name, (_, value) in samples.items()}
    marked = text.replace('fcemu("")', f'fcemu("", **{values!r})').replace(
        "from pathlib", "import datetime\n        from pathlib"
    )
    suite(marked, "--strict-config", "-Werror").assert_outcomes(passed=1)
    assert (pytester.path / "said").read_text() == by_ini


@pytest.mark.parametrize("name", sorted(BADLY))
def test_bad_text_of_the_ini_file_is_refused_by_the_options_name_in_our_own_words(place, name):
    said = of_suite(place, {"data": "kept.db", name: BADLY[name]}, {})
    assert isinstance(said, str)
    assert name in said
    assert not [word for word in PYTHONS_OWN_WORDS if word in said]


def test_a_misspelt_option_gets_the_closest_of_all_options():
    with pytest.raises(ValueError, match=r"there is no option 'stict'; did you mean 'strict'\?") as refused:
        LocalEmulator(stict="idle")
    assert set(re.findall(r"\w+", str(refused.value).partition("Options: ")[2])) == documented()
    with pytest.raises(ValueError, match=r"there is no option 'xyz'\. Options: "):
        LocalEmulator(xyz=1)
