"""Every option can be said in each of its places, acts there, and is refused in the same words where it is absurd."""

import json
import os
import re
import subprocess
import sys
import textwrap
from datetime import datetime
from operator import attrgetter
from pathlib import Path

import pytest
from option_samples import text_of, value_of
from running import good, wrong

import fcemu.commands.exec
import fcemu.commands.serve
from fcemu import host
from fcemu.config import DefinitionError, emulator_block, read_mapping
from fcemu.core.option_kinds import Anything, Flag, Number, Text, Texts, Waits, Words
from fcemu.core.options import (
    BLOCK,
    EXEC,
    EXPLORING,
    FIXTURE,
    INI,
    OPTIONS,
    PLACES,
    SERVE,
    VARIABLE,
    options_in,
)
from fcemu.core.settings import Settings, settings_of
from fcemu.engine.chance import CHANCES
from fcemu.testing import LocalEmulator
from fcemu.testing.suite import Suite

ROOT = Path(__file__).parent.parent
CLOCK = [name for name, option in OPTIONS.items() if option.path.startswith("emulator.clock")]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A directory with a definition, and no variable that is an option."""
    for name in [name for name in os.environ if name.startswith("FCEMU_")]:
        monkeypatch.delenv(name)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "fcemu.yaml").write_text("functions: {f: {handler: f.handler}}\n")
    (tmp_path / "app" / "f.py").write_text("def handler(event, context):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expected(name):
    """What an option comes to in ``Settings``; of others the checked value."""
    option = OPTIONS[name]
    value = option.check(value_of(name))
    return option.kind.enter(value) if option.field else value


OF_HOSTS = {"data", "data_sync", "data_keep", "while_down", "isolate", "runtime", "python"}


def in_recipe(recipe, name):
    """What an option of the host comes to."""
    match name:
        case "data":
            return str(recipe.data.path)
        case "data_sync" | "data_keep" | "while_down":
            return getattr(recipe.data, name.removeprefix("data_"))
        case "runtime":
            return "process" if recipe.process else "inline"
    return getattr(recipe, name)


def in_emulator(emulator, name):
    """What an option of a test comes to."""
    if OPTIONS[name].field:
        return attrgetter(OPTIONS[name].field)(emulator._settings)
    if name in OF_HOSTS:
        return in_recipe(emulator._configured.recipe, name)
    match name:
        case "intercept":
            return emulator._redirection is not None
        case "allow_host":
            return sorted(emulator._host._thread._allowed)
        case "definition":
            return "app" if emulator._engine.functions() else ""
        case "env":
            return host.choices_of(emulator._configured.options).environment
    return emulator._configured.options[name]


def in_plan(plan, name):
    """What an option of a command comes to."""
    if OPTIONS[name].field:
        return attrgetter(OPTIONS[name].field)(settings_of(plan.options()))
    if name in OF_HOSTS:
        return in_recipe(host.Recipe.of(plan.definition, plan.options), name)
    return plan[name]


def beside(name):
    """Options without which it does not count."""
    return {"data": "kept.db"} if name in ("data_sync", "data_keep", "while_down") else {}


@pytest.fixture
def plans(monkeypatch):
    """The plans of commands that would run now."""
    made = []
    monkeypatch.setattr(fcemu.commands.serve, "run", lambda plan, stderr: made.append(plan))
    monkeypatch.setattr(fcemu.commands.exec, "run", lambda execution, stderr: made.append(execution.plan))
    return made


def command(name, arguments):
    return ["serve", *arguments] if name == SERVE else ["exec", *arguments, "--", "true"]


def said(option, text):
    """An option on the command line."""
    if isinstance(option.kind, Flag):
        return [f"--{option.command}" if text == "yes" else f"--no-{option.command}"]
    return [f"--{option.command}", text]


# Where it is said.


@pytest.mark.parametrize("name", [name for name in options_in(FIXTURE) if name not in {*EXPLORING, "repeat"}])
def test_an_option_is_a_keyword_and_in_the_ini_file_what_it_is_in_a_marker(place, name):
    for shared in (False, True):
        ini = {name: text_of(name)} if OPTIONS[name].may(INI) else {}
        for in_ini, marked in [({}, {name: value_of(name)}), (ini, {})][: 1 + bool(ini)]:
            suite = Suite(place, {**beside(name), **in_ini}.get)
            emulator = suite.open(place, marked, {}, shared=shared)
            assert not isinstance(emulator, str), emulator
            assert in_emulator(emulator, name) == expected(name)
            emulator.close()
            suite.close()
    if name != "definition":
        with LocalEmulator(**beside(name), **{name: value_of(name)}) as emulator:
            assert in_emulator(emulator, name) == expected(name)


def block(name, value):
    """A definition that says it."""
    for key in reversed(OPTIONS[name].key.split(".")):
        value = {key: value}
    return value


@pytest.mark.parametrize("name", options_in(BLOCK))
def test_an_option_stands_in_a_definition_and_acts_behind_a_command_and_in_a_test(place, plans, name):
    (place / "fcemu.yaml").write_text(json.dumps(block(name, value_of(name)), default=datetime.isoformat))
    good("check", "--strict", ".")
    good("serve", ".")
    assert in_plan(plans[0], name) == expected(name)
    with LocalEmulator(".") as emulator:
        assert (in_emulator(emulator, name) == expected(name)) is (name not in CLOCK)


@pytest.mark.parametrize("where", [SERVE, EXEC])
def test_every_option_is_on_the_command_line_and_a_variable(plans, where):
    for name, option in options_in(where).items():
        more = [word for other, text in beside(name).items() for word in said(OPTIONS[other], text)]
        good(*command(where, [*more, *said(option, text_of(name))]))
        good(*command(where, more), env={option.variable: text_of(name)})
        assert [in_plan(plan, name) for plan in plans] == [expected(name)] * 2, name
        plans.clear()


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.kind.several])
def test_lists_and_maps_may_be_said_in_parts(plans, name):
    parts = text_of(name).replace(",", " ").split()
    good(*command(SERVE, [word for part in parts for word in said(OPTIONS[name], part)]))
    assert in_plan(plans[0], name) == expected(name)


@pytest.mark.parametrize("name", [name for name, option in options_in(BLOCK).items() if option.may(SERVE)])
def test_the_command_line_wins_over_the_variable_and_that_over_the_definition(place, plans, name):
    option = OPTIONS[name]
    other = {"definition": "", "region": "other", "python": "/bin/cat", "account_id": "43", "allow_host": "c.example"}
    if isinstance(option.kind, Flag | Words):
        usual = settings_of({})
        default = attrgetter(option.field)(usual) if option.field else option.default
        other[name] = {True: "yes", False: "no"}.get(default, next(iter(option.kind.words), ""))
    elif option.kind.several and name != "allow_host":
        return  # the same way
    text = other.get(name, "2028-01-01T00:00:00Z" if name == "start" else "8")
    file = block(name, OPTIONS[name].kind.read(text))
    (place / "fcemu.yaml").write_text(json.dumps(file))
    good("serve", ".", env={option.variable: text_of(name)})
    good("serve", ".", *said(option, text_of(name)), env={option.variable: text})
    good("serve", ".")
    first, second, third = (in_plan(plan, name) for plan in plans)
    assert first == second == expected(name) != third


def test_what_is_said_where_it_cannot_be_is_refused(place):
    for name, option in OPTIONS.items():
        for where, why in option.not_in.items():
            assert where in PLACES
            assert re.fullmatch(r"([A-Zpf]|exec|serve).*\.", why)
        if not option.may(FIXTURE):
            with pytest.raises(
                ValueError, match=f"option {name} cannot be set here. {re.escape(option.not_in[FIXTURE])}"
            ):
                LocalEmulator(**{name: value_of(name)})
        if not option.may(BLOCK):
            with pytest.raises(DefinitionError, match=r"unknown key|expected a map"):
                read_mapping(block(name, value_of(name)), place)
        if not option.may(SERVE) and name != "definition":
            assert "No such option" in wrong(2, "serve", f"--{option.command}=x")
        assert option.may(VARIABLE) or not (option.may(SERVE) or option.may(EXEC))


# What is refused.


ODD = {
    Number: ["nan", "inf", "-inf", "-1", "1e300", "-1e300", "", " ", "x", "1_0", "9" * 400],
    Waits: ["nan", "1 inf", "-1", "1e300", "x"],
    Flag: ["", "perhaps", "2"],
    Words: ["", "perhaps", "1"],
    Texts: [],
}


def odd_of(option):
    return next((texts for kind, texts in ODD.items() if isinstance(option.kind, kind)), [""])


def without_found(text):
    return re.search(r"expected .*?(?=, got)", " ".join(text.split()))[0]


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if odd_of(option) != [""]])
def test_an_absurd_value_is_refused_by_name_and_in_the_same_words_everywhere(place, name):
    option = OPTIONS[name]
    for text in odd_of(option):
        told = []
        with pytest.raises(ValueError, match=f"option {name}: expected") as refused:
            option.read(text)
        told.append(str(refused.value))
        if option.may(INI):
            told.append(Suite(place, {name: text}.get).open(place, {}, {}, shared=False))
            assert told[-1].startswith(f"option {name}: ")
        for where in (SERVE, EXEC):
            if option.may(where):
                if not isinstance(option.kind, Flag):
                    told.append(wrong(2, *command(where, [f"--{option.command}={text}"])))
                told.append(wrong(2, *command(where, []), env={option.variable: text}))
                assert all(f"--{option.command}" in one for one in told[-1 if isinstance(option.kind, Flag) else -2 :])
        if option.may(BLOCK):
            with pytest.raises(DefinitionError, match=re.escape(option.key.rpartition(".")[2])) as refused:
                read_mapping(block(name, option.kind.read(text)), place)
            if not isinstance(option.kind, Waits):  # of a list, the number that is wrong is named
                told.append(str(refused.value))
        assert {without_found(one) for one in told} == {f"expected {option.kind.expected}"}, told
        assert not [one for one in told if "Traceback" in one or "could not convert" in one]


@pytest.mark.parametrize("name", options_in(FIXTURE))
def test_a_value_of_another_type_is_refused_by_the_name_of_its_option(name):
    if not isinstance(OPTIONS[name].kind, Anything):
        for value in (object(), None, {1: 2}, b"x", [[]]):
            with pytest.raises(ValueError, match=f"option {name}: expected"):
                LocalEmulator(**{name: value})


def test_text_that_no_name_can_be_is_refused_by_name():
    for option in OPTIONS.values():
        if isinstance(option.kind, Text) and option.kind.pattern != ".*":
            assert f"--{option.command}" in wrong(2, "serve", f"--{option.command}=", "--region=x\ny")


# The rows.


def test_each_row_sets_a_field_of_settings_or_is_read_by_name():
    settings = Settings()
    fields = {option.field for option in OPTIONS.values()} - {""}
    assert all(attrgetter(field)(settings) is not NotImplemented for field in fields)
    assert len(fields) == sum(option.field != "" for option in OPTIONS.values())


def test_each_row_has_a_sentence_for_people():
    for option in OPTIONS.values():
        assert re.fullmatch(r"[A-Z].*[.]", option.help), option.name
        assert option.kind.expected


def test_the_words_of_chance_are_those_that_the_engine_has():
    assert OPTIONS["chance"].kind.words == tuple(CHANCES)


def test_the_block_has_the_keys_of_the_rows_and_no_others():
    tables = dict(zip(("emulator", "emulator.clock", "emulator.auth"), emulator_block.OF_OPTIONS, strict=True))
    keys = {f"{way}.{name}" for way, table in tables.items() for name in table.keys} - tables.keys()
    assert keys == {option.key for option in options_in(BLOCK).values()} - {"region", "accountId"}


ADDED = """
    import sys
    sys.path[:0] = [{docs!r}, {tests!r}]
    from fcemu.core import options
    from fcemu.core.option_kinds import Whole
    options.OPTIONS["caused_at_most"] = options.Option(
        Whole(1, 20_000), "How many invocations one request may cause.", "caused_at_most", field="caused_at_most"
    )

    from click.testing import CliRunner
    from fcemu import cli
    from fcemu.commands import serve
    from fcemu.config import read_mapping
    from fcemu.config.json_schema import json_schema
    from fcemu.core.settings import settings_of
    from fcemu.testing import LocalEmulator
    from fcemu.testing.suite import Suite
    from pathlib import Path
    import generate

    plans = []
    serve.run = lambda plan, stderr: plans.append(plan)
    with LocalEmulator(caused_at_most=7) as emulator:
        assert emulator._settings.caused_at_most == 7
    emulator = Suite(Path(), {{"caused_at_most": "7"}}.get).open(Path(), {{}}, {{}}, shared=False)
    assert emulator._settings.caused_at_most == 7
    emulator.close()
    definition = read_mapping({{"emulator": {{"causedAtMost": 7}}}}, Path())
    assert settings_of(definition.options).caused_at_most == 7
    for arguments, env in ((["--caused-at-most", "7"], {{}}), ([], {{"FCEMU_CAUSED_AT_MOST": "7"}})):
        assert CliRunner().invoke(cli.main, ["serve", *arguments], env=env).exit_code == 0
        assert settings_of(plans.pop().options()).caused_at_most == 7
    refused = CliRunner().invoke(cli.main, ["exec", "--caused-at-most", "0", "--", "true"])
    assert "expected a whole number from 1 to 20000, got 0" in refused.output, refused.output
    schema = json_schema()["$defs"]["Emulator"]["properties"]["causedAtMost"]
    assert schema["anyOf"][0]["maximum"] == 20_000 and schema["default"] == 10_000
    for page in (generate.fixture, generate.all_options, generate.command_line, generate.definition):
        assert "How many invocations one request may cause." in page(), page
"""


def test_a_row_that_is_added_is_an_option_in_every_place_and_on_every_page(place):
    program = textwrap.dedent(ADDED).format(docs=str(ROOT / "docs"), tests=str(ROOT / "tests"))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=place)
    assert run.returncode == 0, run.stderr
