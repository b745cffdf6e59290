"""Every folder of fixtures/foreign is read as its expected.yaml says, with its warnings, and its handlers run."""

import json
from pathlib import Path

import pytest
import yaml

from fcemu.config import Choices, DefinitionError, composed, native_text, read_definition, read_mapping
from fcemu.testing import LocalEmulator

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOREIGN = sorted((FIXTURES / "foreign").iterdir())
NATIVE = sorted(file for file in FIXTURES.glob("*/fcemu.yaml"))


def file_of(folder):
    return next(folder / name for name in ("s.yaml", "template.yml") if (folder / name).exists())


def story_of(folder):
    return json.loads((folder / "calls.json").read_text())


def read(folder, **more):
    return read_definition(file_of(folder), Choices(**story_of(folder).get("choices", {}), variables={}), **more)


def catalogue(definition):
    return {
        "services": definition.services,
        "functions": {function.ref: function for function in definition.functions},
        "settings": dict(definition.async_settings),
        "extras": definition.extras,
        "options": dict(definition.options),
    }


def test_there_is_a_folder_for_each_feature_of_each_format():
    assert {folder.name.rpartition("-")[0] for folder in FOREIGN} >= {"devs-3", "devs-1", "funcraft"}
    assert len(FOREIGN) >= 20


@pytest.mark.parametrize("folder", FOREIGN, ids=lambda folder: folder.name)
def test_a_foreign_file_is_shown_in_the_expected_native_form(folder):
    assert native_text(read(folder, thorough=True)) == (folder / "expected.yaml").read_text()


@pytest.mark.parametrize("folder", FOREIGN, ids=lambda folder: folder.name)
def test_what_is_odd_about_it_is_said_with_its_place(folder, monkeypatch):
    monkeypatch.chdir(folder)
    definition = read_definition(
        Path(file_of(folder).name), Choices(**story_of(folder).get("choices", {}), variables={})
    )
    assert [str(warning) for warning in definition.warnings] == _paragraphs((folder / "warnings.txt").read_text())


def _paragraphs(text):
    """Warnings, whose hints are indented."""
    found = []
    for line in text.splitlines():
        if line.startswith("  ") and found:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


@pytest.mark.parametrize("folder", FOREIGN, ids=lambda folder: folder.name)
def test_the_native_form_of_a_foreign_file_gives_the_same_catalogue(folder):
    assert catalogue(read_definition(folder / "expected.yaml")) == catalogue(read(folder))


@pytest.mark.parametrize("file", NATIVE, ids=lambda file: file.parent.name)
def test_the_native_form_of_a_native_file_gives_the_same_catalogue(file):
    definition = read_definition(file)
    again = read_mapping(yaml.safe_load(native_text(definition)), file.parent)
    assert catalogue(again) == catalogue(definition)


@pytest.mark.parametrize("folder", FOREIGN, ids=lambda folder: folder.name)
def test_its_handlers_run(folder):
    story = story_of(folder)
    assert story["calls"]
    with LocalEmulator(folder / "expected.yaml" if "choices" in story else file_of(folder)) as emulator:
        for name, (event, answer) in story["calls"].items():
            reply = emulator.function(name).invoke(event)
            assert reply.error is None
            assert (reply.json() if not isinstance(answer, str) else reply.text) == answer


def test_an_asynchronous_invocation_of_an_s_yaml_reports_where_it_says():
    with LocalEmulator(FIXTURES / "foreign" / "devs-3-async" / "s.yaml", strict=False) as emulator:
        charge = emulator.function("charge")
        good, declined = charge.invoke_async({"order": 7}), charge.invoke_async({"order": 8, "price": 1})
        emulator.run_until_idle()
        assert (good.status, declined.status, len(declined.attempts)) == ("Succeeded", "Failed", 2)
        [receipt] = emulator.function("receipt").invocations
        assert receipt.result() == 7
        assert [message.invocation for message in emulator.queue("declined").messages] == [declined]
        assert [message.invocation for message in emulator.eventbus("receipts").messages] == [receipt]


def test_a_service_and_its_functions_have_no_name_of_two_words():
    for service, function in (("a$b", "f"), ("s", "a$b")):
        services = {service: {"functions": {function: {"handler": "a.b"}}}}
        with pytest.raises(DefinitionError, match=r"'a\$b' is not a valid (service|function) name"):
            read_mapping({"services": services}, FIXTURES)


def test_a_timer_of_a_template_fires():
    with LocalEmulator(FIXTURES / "foreign" / "funcraft-events" / "template.yml") as emulator:
        emulator.advance("2h")
        fired = emulator.function("events/all").invocations
        assert [emulator.seconds(one.accepted) for one in fired] == [3600, 7200]
        assert json.loads(fired[0].json()["payload"]) == {"window": "1h"}


def test_the_region_that_was_chosen_wins_over_that_of_an_env_file():
    definition = read_definition(FIXTURES / "foreign" / "funcraft-dotenv", Choices(region="cn-beijing", variables={}))
    assert dict(definition.options) == {"region": "cn-beijing", "account_id": "4242424242424242"}
    assert definition.extras.triggers[0].source_arn == "acs:oss:cn-beijing:4242424242424242:pictures"


def test_an_account_of_an_env_file_that_is_none_is_a_problem_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("ACCOUNT_ID=me\n")
    Path("template.yml").write_text("Transform: Aliyun::Serverless-2018-04-03\nResources: {}\n")
    with pytest.raises(DefinitionError, match=r"^\.env:1:1: accountId: expected digits, got 'me'$"):
        read_definition(Path())


def test_several_files_are_one_definition():
    orders, smallest = read_definition(FIXTURES / "orders"), read(FIXTURES / "foreign" / "devs-3-smallest")
    whole = composed([orders, smallest])
    assert [str(function.ref) for function in whole.functions] == ["orders/charge", "orders/receipt", "greet"]
    assert dict(whole.options) == dict(smallest.options)


def test_a_function_that_two_files_define_is_a_problem():
    orders = read_definition(FIXTURES / "orders")
    with pytest.raises(DefinitionError, match=r"function orders/charge is already defined in .*orders/fcemu\.yaml"):
        composed([orders, orders])
