"""Whoever looks for the text of an error finds what to do: every one has a section of the page on troubleshooting."""

import re
from pathlib import Path

import pytest

import fcemu.testing
from fcemu.core.errors import CODES
from fcemu.own_api.problems import PROBLEMS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^### (.*)$", PAGE, re.MULTILINE))
ERRORS = [
    name
    for name in fcemu.testing.__all__
    if isinstance(thing := getattr(fcemu.testing, name), type) and issubclass(thing, BaseException)
]


@pytest.fixture
def collected(monkeypatch):
    """The module that collects the texts."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import messages

    return messages


def test_every_section_that_a_text_leads_to_exists_and_every_section_has_a_text(collected):
    assert {row.section for row in collected.HELP} == SECTIONS


def test_the_texts_that_people_see_are_collected(collected):
    """Those that follow ``raise``, those that a function hands on, and those of what a definition has wrong."""
    found = list(collected.messages())
    assert len(found) > 400
    leads = {(message.module, message.function): collected.section_of(message) for message in found}
    assert leads["testing/checking.py", "demand_noticed"] == "A failure went unnoticed"
    assert leads["testing/coroutines.py", "blocks"] == "A call would block an event loop or a handler"
    assert leads["commands/serve.py", "_why"] == "The server does not start"
    assert leads["testing/records.py", "of"] == "A name is not known"
    assert leads["config/parse.py", "_merged"] == "A definition has problems"


def test_each_text_has_a_row_and_each_row_is_the_first_that_fits_some_text(collected):
    rows = {message: collected.row_of(message) for message in collected.messages()}
    assert [message for message, row in rows.items() if row is None] == [], "docs/messages.py: add a row to HELP"
    assert set(collected.HELP) - set(rows.values()) == set()


@pytest.mark.parametrize("code", CODES)
def test_troubleshooting_explains_each_code_of_fc(code):
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("kind", PROBLEMS)
def test_troubleshooting_explains_each_type_of_problem(kind):
    assert f"`{kind}`" in PAGE


@pytest.mark.parametrize("name", ERRORS)
def test_troubleshooting_explains_each_exception_that_tests_can_catch(name):
    assert f"`{name}`" in PAGE
