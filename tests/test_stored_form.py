"""What stands in a ``--data`` file, member by member: a file of any form opens, and the form of today is pinned."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from acceptance.control import Api
from stored_example import FIXTURE, STORED, WHERE, catalog_text, fill, zipped

from fcemu.config import code_of, native_form
from fcemu.core.catalog_json import catalog_from_json, catalog_to_json
from fcemu.core.defined import Extras
from fcemu.core.errors import StoreError
from fcemu.engine.saving import read_kept
from fcemu.packages import UnpackedPackages
from fcemu.stores.sqlite import VERSION, SqliteStore
from fcemu.testing import LocalEmulator

FORMS = sorted(STORED.glob("form-*.sql"))


@pytest.fixture
def code(tmp_path):
    """The code of the definition, in a place of this test."""
    return shutil.copytree(FIXTURE, tmp_path / "code")


def opened(form: Path, path: Path, code: Path) -> SqliteStore:
    """A file as an fcemu of its time has left it."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(form.read_text().replace(WHERE, str(code)))
    return SqliteStore(path)


@pytest.fixture
def packages():
    with closing(UnpackedPackages()) as packages:
        yield packages


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_file_of_every_form_still_says_what_was_defined(form, tmp_path, code, packages):
    with closing(opened(form, tmp_path / "a.db", code)) as store:
        catalog = read_kept(store, packages).catalog
    services, settings = catalog.services.values(), dict(catalog.asynchronous.items())
    said = native_form(services, catalog, settings, Extras.of(catalog), {}, code_of(packages))
    wanted = json.loads((STORED / "definition.json").read_text().replace(WHERE, str(code)))
    del wanted["stubs"]
    assert said == wanted


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_emulator_goes_on_from_a_file_of_every_form(form, tmp_path, code):
    opened(form, tmp_path / "a.db", code).close()
    with LocalEmulator(code, data=tmp_path / "a.db", strict=False) as emulator:
        api = Api(emulator)
        assert emulator.seconds(emulator.now) == 120
        assert emulator.function("made", "live").invoke(b"there").body == b"there"
        assert api("POST", "/functions/made/versions", {})["versionId"] == "3"
        layer = {"code": zipped("words.py", "GOOD = 2\n")}
        assert api("POST", "/layers/more/versions", layer)["version"] == 3
        often = emulator.timer("made/often")
        assert emulator.seconds(often.upcoming(1)[0]) == 660


def test_the_form_of_today_is_the_one_that_this_version_number_stands_for(tmp_path):
    """Where this fails, a member has got another name, or has come, or gone: then the version in ``stores/sqlite.py``
    grows, a migration leads from the old form to the new one, ``stored_example.py`` writes the files of the new one,
    and those of the old one stay."""
    path = tmp_path / "a.db"
    fill(path).close()
    with closing(SqliteStore(path)) as store:
        note = catalog_text(store.notes()["catalog"])
    assert note == (STORED / f"catalog-{VERSION}.json").read_text()


def test_what_is_read_from_a_file_is_written_to_it_again(packages):
    note = json.loads((STORED / f"catalog-{VERSION}.json").read_text())
    kept = {}

    def unpacked(place):
        name = place if isinstance(place, str) else place["sha256"]
        kept[name] = place
        return name

    assert catalog_to_json(catalog_from_json(note, unpacked), kept.__getitem__) == note


@pytest.mark.parametrize("member", ["belongings", "_services"])
def test_a_damaged_file_of_the_first_form_is_said_with_the_member_and_left_as_it_is(member, tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((STORED / "form-1.sql").read_text().replace(f'"{member}":', '"other":'))
    before = path.read_bytes()
    said = re.escape(f"data file {path} is damaged: its note 'catalog' cannot be read: ") + f".*'{member}' is missing"
    with pytest.raises(StoreError, match=said):
        SqliteStore(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert "".join(db.iterdump()).count('"other":') == before.count(b'"other":') == 1
