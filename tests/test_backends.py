"""Which backend replaces the time functions."""

import importlib.util
from importlib import metadata
from types import SimpleNamespace

import pytest

from fcemu import backends


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch):
    monkeypatch.setattr(backends, "_asked", "")
    monkeypatch.delenv("FCEMU_BACKEND", raising=False)
    backends._why_not_time_machine.cache_clear()
    yield
    backends._why_not_time_machine.cache_clear()


def test_time_machine_is_taken_where_it_is_installed_unless_told_otherwise(monkeypatch):
    assert backends.backend_for() == backends.backend_for("auto") == "time-machine"
    monkeypatch.setenv("FCEMU_BACKEND", "freezegun")
    assert backends.backend_for() == "freezegun"
    assert backends.backend_for("time-machine") == "time-machine"


def test_what_a_process_has_chosen_wins_over_its_variable(monkeypatch):
    monkeypatch.setenv("FCEMU_BACKEND", "freezegun")
    assert backends.choose("auto") == "time-machine" == backends.backend_for()


def test_without_time_machine_freezegun_is_taken(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert backends.backend_for() == "freezegun"
    with pytest.raises(ValueError, match=r"fcemu_backend: time-machine is not installed; pip install 'fcemu\[time"):
        backends.backend_for("time-machine")


@pytest.mark.parametrize("installed_by", ["an installer", "something else"])
def test_an_old_time_machine_is_not_taken(monkeypatch, tmp_path, installed_by):
    if installed_by == "an installer":
        (tmp_path / "time_machine-3.2.0.dist-info").mkdir()
    else:
        monkeypatch.setattr(metadata, "version", lambda name: "3.2.0")
    where = SimpleNamespace(origin=str(tmp_path / "time_machine/__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: where)
    assert backends.backend_for() == "freezegun"
    monkeypatch.setenv("FCEMU_BACKEND", "time-machine")
    with pytest.raises(ValueError, match=r"FCEMU_BACKEND: time-machine 3\.2\.0 is too old; fcemu needs 3\.3"):
        backends.backend_for()


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv("FCEMU_BACKEND", "both")
    with pytest.raises(ValueError, match="FCEMU_BACKEND: expected auto, freezegun or time-machine, got 'both'"):
        backends.backend_for()
