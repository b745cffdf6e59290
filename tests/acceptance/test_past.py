"""What has ended leaves memory, for a data file or a temporary one, and nobody who asks for it notices."""

import gc
import json
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime
from itertools import count, islice
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from acceptance.control import Api

from fcemu.api.history import invocation_record
from fcemu.api.metrics import text_of
from fcemu.core.errors import StoreError
from fcemu.core.facts import FORGOTTEN, Failed
from fcemu.core.invocation import Summary
from fcemu.core.names import FunctionRef
from fcemu.engine import journal as journals
from fcemu.engine.emulator import Asked
from fcemu.stores.sqlite import SqliteStore
from fcemu.testing import LocalEmulator

HANDLERS = """
def twice(event, context):
    if context.retry_count == "0":
        raise ValueError("not yet")
    print("now")
    return b"\\xff" + event

def echo(event, context):
    return event

def never(event, context):
    raise ValueError("never")
"""


def definition(folder, **more):
    (folder / "index.py").write_text(HANDLERS)
    functions = {
        "twice": {"asyncInvokeConfig": {"onSuccess": "queue:done", "asyncTask": True}},
        "echo": {"asyncInvokeConfig": {"onSuccess": "queue:done", "asyncTask": True}},
        "never": {"asyncInvokeConfig": {"onFailure": "function:twice", "maxAsyncRetryAttempts": 1}},
    }
    for name, each in functions.items():
        each |= {"handler": f"index.{name}", "code": str(folder)}
    return {"functions": functions, **more}


@pytest.fixture
def short_memory(monkeypatch):
    monkeypatch.setattr(journals, "TAIL", 10)
    monkeypatch.setattr(journals, "_PORTION", 10)
    monkeypatch.setattr(journals, "_SPARE", 2)


def in_a_file(folder):
    return {"data": folder / "a.db"}


def in_memory(folder):
    return {"in_memory": 5}


def live(emulator):
    """Half a day: tasks, failures, synchronous calls, a consumer, and something that has not ended."""
    for n in range(30):
        emulator.function("twice").invoke_async({"n": n}, delay=n, task_id=f"t{n}")
        emulator.function("never").invoke_async({"n": n}, delay=n)
        emulator.function("twice").invoke({"n": n})
        emulator.advance(5)
    emulator.run_until_idle()
    got = []
    emulator._engine.queues.receive("done", 3, 0, got.extend)
    emulator._engine.queues.delete("done", got[0].handle)
    emulator.function("twice").invoke_async("late", delay=3600)
    emulator._engine.save()


def seen(emulator):
    """All that there is to ask, but for when."""
    engine, journal = emulator._engine, emulator._engine.journal
    histories = journal.histories(journal.invocations.values())
    return {
        "timeline": emulator.timeline(),
        "lines": list(journal.lines()),
        "parts": [journal[7], journal[-3], *journal[3:25:4], *journal[-4:], *journal[1:3]],
        "records": [
            invocation_record(journal.whole(one), histories[one.id], 512, 64.0, lambda *_: None)
            for one in journal.invocations.values()
        ],
        "messages": [(one.body, one.at) for one in emulator.queue("done").messages],
        "waiting": [(one.body, one.at) for one in emulator.queue("done").waiting],
        "metrics": text_of(engine)[0],
        "tasks": Api(emulator)("GET", "/functions/twice/async-tasks?limit=100&includePayload=true"),
        "last": emulator.function("twice").invocation("t3").result(),
        "events": [[event.detail for event in one.events] for one in emulator.invocations],
    }


@pytest.mark.parametrize("options", [in_a_file, in_memory])
def test_what_has_left_memory_is_as_it_was(options, tmp_path, short_memory):
    whole = definition(tmp_path)
    with (
        LocalEmulator(whole, strict=False) as plain,
        LocalEmulator(whole, strict=False, **options(tmp_path)) as kept,
    ):
        for emulator in (plain, kept):
            live(emulator)
        invocations = kept._engine.journal.invocations.values()
        assert sum(isinstance(one, Summary) for one in invocations) > 80
        journal = kept._engine.journal
        assert len(journal) - journal._tail.gone < 60
        first = seen(plain)
        assert seen(kept) == first
        kept.restart()
        again = seen(kept)
        for same in first.keys() - {"tasks"}:
            assert again[same] == first[same], same
        kept.run_until_idle()
        assert kept.invocations[-1].status == "Succeeded"


@pytest.mark.parametrize("options", [in_a_file, in_memory])
def test_a_report_that_comes_late_joins_an_invocation_that_had_left_memory(options, tmp_path, short_memory):
    posted = definition(tmp_path, emulator={"deliverTo": {"queue:done": "http://127.0.0.1:9/"}})
    posted["emulator"]["deliveryRetrySeconds"] = [600]
    with LocalEmulator(posted, strict=False, **options(tmp_path)) as emulator:
        first = emulator.function("twice").invoke_async("x")
        emulator.advance(60)
        for _ in range(20):
            emulator.function("never").invoke()
        emulator._engine.save()
        journal = emulator._engine.journal
        core = journal.invocations[first.request_id]
        assert isinstance(core, Summary)
        before = [type(fact).__name__ for fact in emulator._engine.journal.histories([core])[core.id]]
        emulator.run_until_idle()
        assert [type(one).__name__ for one in journal.whole(core).deliveries] == ["DeliveryFailed", "DeliveryFailed"]
        after = [type(fact).__name__ for fact in emulator._engine.journal.histories([core])[core.id]]
        assert after[: len(before)] == before
        assert after[-1] == "DeliveryFailed"


def test_a_closed_emulator_still_reads_its_file_unless_another_one_has_it(tmp_path, short_memory):
    whole = definition(tmp_path)
    with LocalEmulator(whole, strict=False, data=tmp_path / "a.db") as first:
        live(first)
        said = first.timeline()
    assert first.timeline() == said
    with LocalEmulator(whole, strict=False, data=tmp_path / "a.db"), pytest.raises(StoreError, match="is in use by"):
        first.timeline()


def test_an_invocation_that_has_ended_leaves_less_than_a_kilobyte_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "TAIL", 100)
    tasks = count()

    def live_often(emulator):
        for n in islice(tasks, 1000):
            emulator.function("echo").invoke_async({"n": n, "text": "x" * 2000}, task_id=f"t{n}")
        emulator.run_until_idle()
        emulator._engine.save()

    with LocalEmulator(definition(tmp_path), data=tmp_path / "a.db") as emulator:
        tracemalloc.start()
        try:
            live_often(emulator)  # what is bounded has its size
            before = tracemalloc.get_traced_memory()[0]
            live_often(emulator)
            each = (tracemalloc.get_traced_memory()[0] - before) / 1000
        finally:
            tracemalloc.stop()
        assert {one.status for one in emulator.invocations} == {"Succeeded"}
    assert each < 1024


def rows(path):
    """How many facts a file has, and their bytes."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*), sum(length(fact)) FROM facts").fetchone()


def test_what_ended_longer_ago_than_data_keep_is_forgotten_in_memory_and_in_the_file(tmp_path, short_memory):
    path = tmp_path / "a.db"
    options = {"strict": False, "data": path, "data_keep": "1d"}
    with LocalEmulator(definition(tmp_path), **options) as emulator:
        live(emulator)
        first = emulator.invocations[0].request_id, emulator.invocations[1].request_id
        many = len(emulator.invocations)
        emulator.advance("2d")
        for n in range(20):
            emulator.function("echo").invoke_async({"n": n})
            emulator.advance(60)
        emulator._engine.save()
        assert len(emulator.invocations) < many / 2
        with pytest.raises(LookupError):
            emulator.invocation(first[1])
        kinds = {fact.kind for fact in emulator.journal if fact.request_id in first}
        assert kinds == {"Delivered", "MessageReceived", "MessageDeleted"}  # what queues know goes at the next start
        assert emulator.queue("done").messages[0].json()["requestContext"]["requestId"]  # a consumer may want it
        waiting = [(one.body, one.at) for one in emulator.queue("done").waiting]
        before = [one.request_id for one in emulator.invocations]
    with LocalEmulator(definition(tmp_path), **options) as emulator:
        assert [one.request_id for one in emulator.invocations] == before[-len(emulator.invocations) :]
        assert [(one.body, one.at) for one in emulator.queue("done").waiting] == waiting
        emulator.advance("6d")  # nobody may receive these messages any more
        there = emulator.function("echo").invoke_async("x", delay=3600)
    count_before, _ = rows(path)
    for calls in range(2):
        with LocalEmulator(definition(tmp_path), **options) as emulator:
            assert len(emulator.invocations) == 1 + calls
            assert emulator.invocations[0].request_id == there.request_id
            assert emulator.journal[0].kind == "Accepted"
            assert emulator.queue("done").messages == []
            assert len(emulator._engine.journal) >= count_before
            emulator.function("echo").invoke("y")
            emulator._engine.save()
    assert rows(path)[0] < 20
    with LocalEmulator(definition(tmp_path), **options) as emulator:
        emulator.run_until_idle()
        assert emulator.invocation(there.request_id).status == "Succeeded"


def test_a_report_on_its_way_is_not_forgotten(tmp_path, short_memory):
    posted = definition(tmp_path, emulator={"deliverTo": {"queue:done": "http://127.0.0.1:9/"}})
    posted["emulator"]["deliveryRetrySeconds"] = [36_000]
    options = {"strict": False, "data": tmp_path / "a.db", "data_keep": "1h"}
    with LocalEmulator(posted, **options) as emulator:
        first = emulator.function("twice").invoke_async("x")
        emulator.advance("5h")
        for _ in range(20):
            emulator.function("never").invoke()
        emulator._engine.save()
        emulator.restart()
        assert [fact.kind for fact in emulator.journal if fact.request_id == first.request_id][-1] == "DeliveryStarted"
        emulator.run_until_idle()
        assert emulator.journal[-1].kind == "DeliveryFailed"


def test_a_file_that_forgot_most_of_what_it_had_becomes_small(tmp_path):
    store = SqliteStore(tmp_path / "a.db")
    facts = [Failed(datetime(2026, 1, 1, tzinfo=UTC), f"r{n}", "x" * 1000) for n in range(2000)]
    store.write(0, facts, {}, {})
    store.forget(range(1990))
    store.compact()
    assert (store.begin, list(store.facts())) == (1990, facts[1990:])
    assert store.read([0, 5, 1995]) == [FORGOTTEN, FORGOTTEN, facts[1995]]
    store.forget(range(1990, 2000))
    store.compact()
    store.close()
    assert (tmp_path / "a.db").stat().st_size < 100_000
    store = SqliteStore(tmp_path / "a.db")
    assert (store.begin, list(store.facts())) == (1999, [FORGOTTEN])
    store.close()


def test_a_time_to_keep_that_is_none_is_refused():
    with pytest.raises(ValueError, match="option data_keep: expected a duration"):
        LocalEmulator(data="x.db", data_keep=-1)


@pytest.mark.parametrize("path", ["/_fcemu/invocations", "/_fcemu/timeline", "/_fcemu/queues/done/messages"])
def test_what_cannot_be_read_back_is_an_error_that_names_the_file(tmp_path, short_memory, path):
    with LocalEmulator(definition(tmp_path), strict=False, data=tmp_path / "a.db") as emulator:
        live(emulator)
        store = emulator._engine._movers.saving._store
        store._db.execute("UPDATE facts SET fact = 'no JSON' WHERE n < 100")
        with pytest.raises(HTTPError) as refused:
            urlopen(emulator.url + path)
    assert refused.value.code == 500
    assert b"a.db is damaged: facts cannot be read" in refused.value.read()


def got(emulator, path):
    with urlopen(f"{emulator.url}{path}") as answer:
        return json.load(answer)


def test_the_list_of_invocations_goes_on_from_what_has_left_memory(tmp_path, short_memory):
    whole = definition(tmp_path)
    with LocalEmulator(whole, strict=False) as plain, LocalEmulator(whole, strict=False, in_memory=5) as kept:
        for emulator in (plain, kept):
            live(emulator)
        ids = [one.request_id for one in plain.invocations]
        asked = [f"?after={ids[n]}&limit=9" for n in (0, 40, len(ids) - 20, len(ids) - 3)]
        asked += ["", "?limit=3", "?function=never&status=Failed", "?task_id=t7", "?status=Enqueued"]
        answers = [got(emulator, f"/_fcemu/invocations{query}") for query in asked for emulator in (plain, kept)]
        assert answers[0::2] == answers[1::2]
        for request_id in (ids[0], ids[-1]):
            path = f"/_fcemu/invocations/{request_id}"
            assert got(kept, path) == got(plain, path)
        assert list(kept._engine.journal.invocations) == ids
        assert len(kept._engine.journal.invocations) == len(ids)
        kept.reset()
        assert kept.invocations == []
        assert kept.timeline() == ""


def test_without_a_file_an_invocation_that_ended_long_ago_leaves_nothing_in_memory(tmp_path):
    def live_often(engine):
        for n in range(1000):
            engine.accept(Asked(FunctionRef("plain"), b"%d" % n))
            engine.wait(engine.run_until_idle(None))
        gc.collect()

    whole = definition(tmp_path)
    whole["functions"]["plain"] = {"handler": "index.echo", "code": str(tmp_path)}
    with LocalEmulator(whole, strict=False, in_memory=100) as emulator:
        tracemalloc.start()
        try:
            live_often(emulator._engine)  # what is bounded has its size
            before = tracemalloc.get_traced_memory()[0]
            live_often(emulator._engine)
            each = (tracemalloc.get_traced_memory()[0] - before) / 1000
        finally:
            tracemalloc.stop()
        assert {one.status for one in emulator.invocations} == {"Succeeded"}
    assert each < 64  # a summary alone has some 450 bytes; so many are whole between two portions


def test_of_what_ended_well_long_ago_nobody_knows_any_more_who_has_read_it(tmp_path, short_memory):
    with LocalEmulator(definition(tmp_path), in_memory=5) as emulator:
        failed = emulator.function("never").invoke_async("x")
        emulator.run_until_idle()
        read = [failed.request_id]
        for n in range(30):
            read.append(emulator.function("echo").invoke_async({"n": n}).request_id)
            emulator.run_until_idle()
            got(emulator, f"/_fcemu/invocations/{read[-1]}")
        got(emulator, f"/_fcemu/invocations/{failed.request_id}")
        for _ in range(60):
            emulator.function("echo").invoke("y")
        assert emulator._engine.read_outside & {*read} == {failed.request_id}
        emulator.check()


def test_what_cannot_be_written_to_the_temporary_file_stays_in_memory(tmp_path, short_memory, caplog):
    with LocalEmulator(definition(tmp_path), strict=False, in_memory=5) as emulator:
        function, journal = emulator.function("echo"), emulator._engine.journal
        for n in range(20):
            function.invoke({"n": n})
        database = journal.invocations.overflow._db
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={pages}")
        for n in range(20, 60):
            function.invoke({"n": n, "text": "x" * 5000})
        assert "database or disk is full" in caplog.text
        assert "the option in_memory" in caplog.text
        database.execute("PRAGMA max_page_count=1000000")
        for n in range(60, 80):
            function.invoke({"n": n})
        assert sum(isinstance(one, Summary) for one in journal.invocations.values()) > 60
        assert [one.json()["n"] for one in emulator.invocations] == list(range(80))
        assert [one.result()["n"] for one in emulator.invocations] == list(range(80))
