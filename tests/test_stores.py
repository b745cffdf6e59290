"""The store's file: what is committed is there again, and trouble is said, never hidden."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from core.test_facts import ANY_FACT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.core.errors import StoreError
from fcemu.core.facts import Succeeded, to_json
from fcemu.engine.saving import read_kept
from fcemu.stores import sqlite as stores
from fcemu.stores.memory import MemoryStore
from fcemu.stores.rows import fact_text, read_fact
from fcemu.stores.sqlite import SqliteStore
from fcemu.testing import LocalEmulator

ROOT = Path(__file__).parent.parent
EXAMPLES = 1000 if os.environ.get("FCEMU_EFFORT") == "full" else 100

AT = datetime(2026, 1, 1, tzinfo=UTC)


def done(count):
    return [Succeeded(AT, f"r{n}") for n in range(count)]


def filled(path, count=2000, step=100):
    """A file with facts, closed as a process that is killed leaves it: everything is in the log beside it."""
    store = SqliteStore(path)
    facts = done(count)
    for after in range(0, count, step):
        store.write(after, facts[after : after + step], {"clock": {"now": after}}, {})
    copies = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}
    store.close()
    for name, data in copies.items():
        (path.parent / name).write_bytes(data)
    return facts


@given(st.lists(ANY_FACT, max_size=20), st.dictionaries(st.text(), st.integers() | st.text(), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_facts_and_notes_come_back_as_they_were(tmp_path_factory, facts, notes):
    path = tmp_path_factory.mktemp("store") / "a.db"
    notes = {name.encode("utf-8", "replace").decode(): value for name, value in notes.items()}
    store = SqliteStore(path)
    store.write(0, facts, notes, {})
    store.close()
    again = SqliteStore(path)
    assert list(again.facts()) == facts
    assert {name: again.notes()[name] for name in notes} == notes
    again.close()


@given(ANY_FACT)
def test_the_short_way_of_writing_a_fact_writes_what_the_long_way_does(fact):
    assert json.loads(fact_text(fact)) == json.loads(json.dumps(to_json(fact)))


def test_the_file_and_what_stands_beside_it_are_their_owners_only(tmp_path):
    def modes():
        return {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}

    before = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "a.db")
        store.write(0, done(1), {}, {})
        assert set(modes()) >= {"a.db", "a.db-wal", "a.db-count"}
        assert set(modes().values()) == {0o600}
        store.close()
        for file in tmp_path.iterdir():
            file.chmod(0o666)
        store = SqliteStore(tmp_path / "a.db")
        assert set(modes().values()) == {0o600}
        store.close()
    finally:
        os.umask(before)


def test_what_is_in_the_log_only_is_there(tmp_path):
    facts = filled(tmp_path / "a.db")
    store = SqliteStore(tmp_path / "a.db")
    assert list(store.facts()) == facts
    store.close()


def test_half_a_frame_at_the_end_of_the_log_changes_nothing(tmp_path):
    facts = filled(tmp_path / "a.db")
    with open(tmp_path / "a.db-wal", "ab") as log:
        log.write(os.urandom(2000))
    store = SqliteStore(tmp_path / "a.db")
    assert list(store.facts()) == facts
    store.close()


@pytest.mark.parametrize("left", [0, 0.3, 0.9])
def test_a_log_that_was_cut_off_is_noticed(tmp_path, left):
    filled(tmp_path / "a.db")
    log = tmp_path / "a.db-wal"
    os.truncate(log, int(log.stat().st_size * left))
    with pytest.raises(
        StoreError,
        match=(
            r"2000 facts were committed, but only \d+ are "
            r"there.*make .*a\.db-count an empty"
        ),
    ):
        SqliteStore(tmp_path / "a.db")
    os.truncate(tmp_path / "a.db-count", 0)
    SqliteStore(tmp_path / "a.db").close()


BESIDE = ("a.db-wal", "a.db-count", "a.db-shm")


@pytest.mark.parametrize("gone", [set(some) for n in range(4) for some in combinations(BESIDE, n)], ids=sorted)
@pytest.mark.parametrize("before", ["killed in its first run", "killed in its second run", "closed"])
def test_whatever_is_deleted_beside_the_file_all_facts_are_there_or_it_is_said(tmp_path, before, gone):
    path = tmp_path / "a.db"
    facts = filled(path)
    if before != "killed in its first run":
        with closing(SqliteStore(path)) as store:
            facts = list(store.facts())
    if before == "killed in its second run":
        store = SqliteStore(path)
        store.write(len(facts), done(10), {}, {})
        facts += done(10)
        copies = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
        store.close()
        for name, data in copies.items():
            (tmp_path / name).write_bytes(data)
    for name in gone:
        (tmp_path / name).unlink(missing_ok=True)
    said = ""
    try:
        with closing(SqliteStore(path)) as store:
            assert list(store.facts()) == facts
    except StoreError as error:
        said = str(error)
    if said:
        assert before != "closed"
        assert gone & {"a.db-wal", "a.db-count"}
        assert f"data file {path}" in said
        assert "a.db-count" in said
        (tmp_path / "a.db-count").write_bytes(b"")
        SqliteStore(path).close()


def test_a_copy_of_a_closed_file_can_be_opened_elsewhere(tmp_path):
    facts = filled(tmp_path / "a.db")
    SqliteStore(tmp_path / "a.db").close()
    (tmp_path / "copy.db").write_bytes((tmp_path / "a.db").read_bytes())
    with closing(SqliteStore(tmp_path / "copy.db")) as store:
        assert list(store.facts()) == facts


def objects(given, where=()):
    """All JSON objects in a value whose members are not a user's names, each with its kind and the way to it."""
    if isinstance(given, dict):
        yield str(given.get("$") or given.get("kind") or where[-1:]), where
    inside = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    for name, value in inside:
        if name not in {"queries", "kept", "config"}:
            yield from objects(value, (*where, name))


def changed(given, where, member, *, known):
    """The value without a member of one of its objects, or with one that nobody knows."""
    copy = inside = json.loads(json.dumps(given))
    for name in where:
        inside = inside[name]
    if known:
        del inside[member]
    else:
        inside[member] = 1
    return copy


def changes(given):
    """What is wrong with a value that has one member too few, or too many; each kind of object once."""
    for where in dict(objects(given)).values():
        inside = given
        for name in where:
            inside = inside[name]
        for member in (*inside, "extra"):
            yield member, changed(given, where, member, known=member != "extra")


def test_a_note_that_has_a_member_too_few_or_too_many_is_said_with_the_file_and_the_member(tmp_path):
    path = tmp_path / "a.db"
    with LocalEmulator(ROOT / "fixtures" / "everything", data=path, strict=False) as emulator:
        emulator.advance("1d")
    tried = set()
    with closing(SqliteStore(path)) as store:
        notes, there = store.notes(), len(list(store.facts()))
        assert read_kept(store, None) is not None
        for name in ("clock", "catalog", "given"):
            for member, wrong in changes(notes[name]):
                store.write(there, [], {name: wrong}, {})
                with pytest.raises(StoreError) as said:
                    read_kept(store, None)
                assert f"data file {path} is damaged: its note '{name}' cannot be read" in str(said.value)
                assert f"'{member}'" in str(said.value)
                tried.add((name, member))
            store.write(there, [], {name: notes[name]}, {})
    assert {("clock", "now"), ("catalog", "memory_mb"), ("catalog", "numbers"), ("given", "sha256")} < tried
    for name in ("clock", "catalog", "timers", "starts", "given"):
        without = tmp_path / f"{name}.db"
        with closing(SqliteStore(without)) as store:
            store.write(0, [], {one: value for one, value in notes.items() if one != name}, {})
            with pytest.raises(StoreError, match=f"{without} is damaged: its note '{name}' is missing"):
                read_kept(store, None)


def test_facts_without_any_note_are_no_new_file(tmp_path):
    with closing(SqliteStore(tmp_path / "a.db")) as store:
        assert read_kept(store, None) is None
        store.write(0, done(1), {}, {})
        with pytest.raises(StoreError, match="its note 'clock' is missing"):
            read_kept(store, None)


def test_provisioned_instances_of_a_definition_with_stubs_are_kept_like_all_facts(tmp_path):
    """Their instances start with the emulator: the facts of that come after those that were kept."""
    kinds = []
    for _ in range(3):
        with LocalEmulator(ROOT / "fixtures" / "everything", data=tmp_path / "a.db", strict=False) as emulator:
            assert [fact.n for fact in emulator.journal] == list(range(1, len(emulator.journal) + 1))
            emulator.advance(1)
            before, kinds = kinds, [(fact.n, fact.kind, fact.at) for fact in emulator.journal]
        assert kinds[: len(before)] == before
        assert {"InstanceProvisioned", "HookRan"} <= {kind for _, kind, _ in kinds[len(before) :]}


OPTIONAL = {"http", "seconds", "message", "choice", "time", "milliseconds"}
"""Members that are written only where they say something."""


@given(ANY_FACT)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_fact_that_has_a_member_too_few_or_too_many_is_refused_by_its_name(fact):
    for member, wrong in changes(json.loads(fact_text(fact))):
        if member not in OPTIONAL:
            with pytest.raises((KeyError, ValueError), match=f"'{member}'"):
                read_fact(json.dumps(wrong))


def test_such_a_fact_is_said_with_the_file_and_its_number(tmp_path):
    path = tmp_path / "a.db"
    with closing(SqliteStore(path)) as store:
        store.write(0, done(3), {}, {})
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE facts SET fact = replace(fact, '\"at\"', '\"when\"') WHERE n = 2")
        db.commit()
    with closing(SqliteStore(path)) as store:
        for read in (lambda: list(store.facts()), lambda: store.newest(2)):
            with pytest.raises(StoreError, match=f"{path} is damaged: .*'at' is missing"):
                read()


def test_a_damaged_page_is_said(tmp_path):
    path = tmp_path / "a.db"
    facts = filled(path)
    SqliteStore(path).close()
    said = 0
    for page in range(1, path.stat().st_size // 4096):
        data = bytearray(path.read_bytes())
        data[page * 4096 : page * 4096 + 4096] = b"\x5a" * 4096
        bad = tmp_path / f"bad{page}.db"
        bad.write_bytes(data)
        read, error = _read(bad)
        assert "is damaged" in error or read == (facts, {"now": 1900}), page
        said += bool(error)
    assert said > 10


def _read(path):
    """What is in a file, or what is said of it."""
    try:
        with closing(SqliteStore(path)) as store:
            return (list(store.facts()), store.notes()["clock"]), ""
    except StoreError as error:
        return None, str(error)


def test_a_fact_that_is_missing_is_said(tmp_path):
    path = tmp_path / "a.db"
    filled(path)
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM facts WHERE n = 17")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="fact 17 is missing"):
        list(store.facts())
    store.close()


def test_uploaded_code_that_is_not_what_it_was_is_said(tmp_path):
    store = SqliteStore(tmp_path / "a.db")
    store.write(0, [], {}, {"0" * 64: b"zip"})
    for name, how in (("0" * 64, "not what it was"), ("1" * 64, "missing")):
        with pytest.raises(StoreError, match=how):
            store.code(name)
    store.close()


def test_no_database_another_program_s_database_and_a_directory_are_refused(tmp_path):
    (tmp_path / "text").write_text("some text that is no database, " * 100)
    with pytest.raises(StoreError, match="is not a database; choose another file"):
        SqliteStore(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE notes (a)")
    db.close()
    with pytest.raises(StoreError, match="is a database of another program"):
        SqliteStore(tmp_path / "other.db")
    with pytest.raises(StoreError, match="is a directory; name a file in it"):
        SqliteStore(tmp_path)
    with pytest.raises(StoreError, match="there is no directory"):
        SqliteStore(tmp_path / "nowhere" / "a.db")


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "a.db"
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StoreError, match="written by a newer fcemu"):
        SqliteStore(path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)
    db.close()


def test_a_file_of_an_older_version_is_migrated_step_by_step(tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    filled(path, 100)
    monkeypatch.setattr(stores, "VERSION", stores.VERSION + 2)
    monkeypatch.setitem(
        stores.MIGRATIONS, stores.VERSION - 2, lambda db: db.execute("ALTER TABLE facts ADD COLUMN a DEFAULT 1")
    )
    monkeypatch.setitem(stores.MIGRATIONS, stores.VERSION - 1, lambda db: db.execute("UPDATE facts SET a = a + 1"))
    for _ in range(2):
        store = SqliteStore(path)
        assert store._db.execute("SELECT sum(a) FROM facts").fetchone() == (200,)
        store.close()


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    filled(path, 100)
    with monkeypatch.context() as patch:
        now = stores.VERSION
        patch.setattr(stores, "VERSION", now + 1)
        patch.setitem(stores.MIGRATIONS, now, lambda db: db.execute("DELETE FROM facts") and db.execute("nonsense"))
        with pytest.raises(StoreError, match="cannot be opened"):
            SqliteStore(path)
    store = SqliteStore(path)
    assert len(list(store.facts())) == 100
    store.close()


def test_a_full_disk_keeps_all_or_nothing_and_goes_on_when_there_is_room(tmp_path):
    store = SqliteStore(tmp_path / "a.db")
    facts = done(5000)
    store.write(0, facts[:10], {"a": 1}, {})
    ((pages,),) = store._db.execute("PRAGMA page_count")
    store._db.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StoreError, match="the disk is full"):
        store.write(10, facts[10:], {"a": 2}, {})
    assert (list(store.facts()), store.notes()["a"]) == (facts[:10], 1)
    store._db.execute("PRAGMA max_page_count=1000000")
    store.write(10, facts[10:], {"a": 2}, {})
    assert (list(store.facts()), store.notes()["a"]) == (facts, 2)
    store.close()


def test_a_file_that_nobody_may_write_is_refused(tmp_path):
    path = tmp_path / "a.db"
    SqliteStore(path).close()
    store = SqliteStore(path)
    store._db.execute("PRAGMA query_only=1")
    with pytest.raises(StoreError, match="must be writable"):
        store.write(0, done(1), {}, {})
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everything")
def test_a_file_without_write_permission_is_refused(tmp_path):
    path = tmp_path / "a.db"
    SqliteStore(path).close()
    path.chmod(0o444)
    with pytest.raises(StoreError, match="must be writable"):
        SqliteStore(path)


def test_memory_forgets_what_is_cleared():
    store = MemoryStore()
    store.write(0, done(2), {"a": 1}, {"0": b"z"})
    assert (len(list(store.facts())), store.notes(), store.code("0")) == (2, {"a": 1}, b"z")
    store.clear()
    assert (list(store.facts()), store.notes()) == ([], {})
