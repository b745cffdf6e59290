"""An emulator is made when something first asks for it: nothing that a test sees depends on when that is."""

import json
import os
import sys
import threading
import urllib.request

import pytest
from plugin.conftest import ORDERS
from plugin.test_forks import forked

from fcemu import host
from fcemu.testing import LocalEmulator, always
from fcemu.testing.suite import Suite


@pytest.fixture
def suite(tmp_path):
    suite = Suite(tmp_path, {}.get)
    yield suite
    suite.close()


@pytest.fixture
def made(monkeypatch):
    """The engines that are made."""
    made, make = [], host.emulator_of

    def remember(*args, **kwargs):
        made.append(make(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(host, "emulator_of", remember)
    return made


def opened(suite, tmp_path, **options):
    emulator = suite.open(tmp_path, {"definition": str(ORDERS), **options}, {}, shared=True)
    assert isinstance(emulator, LocalEmulator), emulator
    return emulator


def get(emulator, path):
    with urllib.request.urlopen(emulator.url + path) as answer:
        return json.load(answer)


def functions(emulator):
    """What FC's API tells of the functions, ids and times included."""
    services = get(emulator, "/2021-04-06/services")["services"]
    return [services, *(get(emulator, f"/2021-04-06/services/{one['serviceName']}/functions") for one in services)]


def test_a_test_that_asks_for_nothing_makes_none(suite, tmp_path, made):
    emulator = opened(suite, tmp_path)
    assert emulator.env["FCEMU_URL"] == emulator.url
    emulator.check()
    suite.end(emulator)
    assert made == []


def test_a_request_makes_it_and_handles_find_the_same(suite, tmp_path, made):
    emulator = opened(suite, tmp_path)
    assert get(emulator, "/_fcemu/clock")["now"] == "2026-01-01T00:00:00.000000Z"
    emulator.function("orders/charge").invoke_async({"card": "good"})
    assert len(get(emulator, "/_fcemu/invocations")) == 1
    suite.end(emulator)
    assert len(made) == 1


def test_threads_and_requests_that_ask_at_the_same_moment_make_one(suite, tmp_path, made):
    emulator, start = opened(suite, tmp_path), threading.Barrier(6)

    def accept():
        start.wait()
        emulator.function("orders/charge").invoke_async({"card": "good"})

    def ask():
        start.wait()
        get(emulator, "/_fcemu/clock")

    threads = [threading.Thread(target=does) for does in (accept, ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(emulator.invocations)) == (1, 3)
    suite.end(emulator)


def test_one_that_has_ended_before_anything_asked_is_closed_and_nothing_has_happened_in_it(suite, tmp_path):
    emulator = opened(suite, tmp_path)
    suite.end(emulator)
    assert (emulator.timeline(), list(emulator.journal), emulator.now) == ("", [], emulator.started)
    with pytest.raises(RuntimeError, match="closed"):
        emulator.advance(1)


def test_a_property_is_looked_at_when_it_is_added_although_nothing_else_has_asked(suite, tmp_path):
    emulator = opened(suite, tmp_path)
    with pytest.raises(AssertionError, match="always"):
        emulator.properties.add(always(lambda: False))
    suite.end(emulator)


@pytest.mark.skipif(sys.platform != "linux", reason="forks a process with threads")
def test_a_forked_process_cannot_make_the_one_of_its_parent(suite, tmp_path):
    emulator = opened(suite, tmp_path)
    assert "emulators do not survive a fork" in forked(lambda: emulator.now)
    suite.end(emulator)


# What tests share.


def test_ids_and_times_are_those_of_an_emulator_that_shares_nothing(suite, tmp_path):
    first, second = opened(suite, tmp_path), None
    told = functions(first)
    suite.end(first)
    second = opened(suite, tmp_path)
    assert functions(second) == told
    second.reset()
    assert functions(second) == told
    suite.end(second)
    with LocalEmulator(ORDERS, rate=1e-9) as alone:  # made at once, by itself
        assert [one["serviceId"] for one in functions(alone)[0]] == [one["serviceId"] for one in told[0]]
    other = opened(suite, tmp_path, seed=1)
    assert functions(other) != told
    suite.end(other)


def test_what_a_test_changes_of_its_definition_is_not_there_in_the_next_test(suite, tmp_path):
    before = opened(suite, tmp_path)
    told, url = functions(before), f"{before.url}/2021-04-06/services/orders"

    def send(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method)) as answer:
            return answer.status

    send("POST", "/versions", {})
    send("POST", "/aliases", {"aliasName": "live", "versionId": "1"})
    send("PUT", "/functions/charge", {"timeout": 7})
    send("DELETE", "/functions/receipt")
    before.add("more", lambda event, context: None)
    assert functions(before) != told
    suite.end(before)
    after = opened(suite, tmp_path)
    assert functions(after) == told
    assert get(after, "/2021-04-06/services/orders/versions")["versions"] == []
    suite.end(after)


def test_a_file_that_has_changed_is_read_again(suite, tmp_path):
    path = tmp_path / "fcemu.yaml"
    (tmp_path / "index.py").write_text("def handler(event, context): pass")
    for number, name in enumerate(("one", "two")):
        path.write_text(f"functions:\n  {name}: {{handler: index.handler, code: .}}\n")
        os.utime(path, (number, number))
        emulator = suite.open(tmp_path, {"definition": "fcemu.yaml"}, {}, shared=True)
        assert isinstance(emulator, LocalEmulator), emulator
        assert [one["functionName"] for one in get(emulator, "/2023-03-30/functions")["functions"]] == [name]
        suite.end(emulator)


def test_options_that_are_equal_for_python_are_told_apart(suite, tmp_path):
    suite.end(opened(suite, tmp_path, seed=1))
    wrong = suite.open(tmp_path, {"definition": str(ORDERS), "seed": True}, {}, shared=True)
    assert str(wrong).startswith("option seed: ")
