"""Uploaded zips: what is unpacked, what is refused, and what is real about size and checksum."""

import io
import os
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu import packages
from fcemu.core.limits import STRICT
from fcemu.packages import UnpackedPackages

LINK = (stat.S_IFLNK | 0o777) << 16
Entry = tuple[str, bytes, int]


def zipped(*entries: Entry | tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of ``(name, content, attributes)``; names stand there as they are given."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # names that are there twice
        for name, content, *attributes in entries:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = method
            info.external_attr = attributes[0] if attributes else 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are unpacked; beside it ``outside`` with a file."""
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(made))
    made = tmp_path / "home"
    made.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("untouched")
    return made


@pytest.fixture
def unpacked(home: Path) -> Iterator[UnpackedPackages]:
    opened = UnpackedPackages(replace(STRICT, unpacked_bytes=100_000))
    yield opened
    opened.close()


def test_files_directories_and_executable_bits_are_unpacked(unpacked: UnpackedPackages) -> None:
    data = zipped(
        ("index.py", b"x = 1"), ("bin/", b""), ("bin/run", b"#!", 0o755 << 16), ("deep/er/file", b"", 0), ("a\\b", b"c")
    )
    package = unpacked.unpack(data)
    there = Path(package.directory)
    assert (there / "index.py").read_bytes() == b"x = 1"
    assert os.access(there / "bin/run", os.X_OK)
    assert not os.access(there / "index.py", os.X_OK)
    assert (there / "deep/er/file").is_file()
    assert (there / "a" / "b").read_bytes() == b"c"
    assert package.size_bytes == len(data)


def test_the_checksum_is_the_crc_64_of_oss(unpacked: UnpackedPackages) -> None:
    """The check value of ECMA-182 in its reflected form, as catalogues of checksums print it."""
    assert unpacked.checksum(b"123456789") == str(0x995DC9BBDF1939FA) == "11051210869376104954"
    assert unpacked.checksum(b"") == "0"


def test_the_same_zip_is_unpacked_once_and_another_elsewhere(unpacked: UnpackedPackages) -> None:
    one, other = zipped(("index.py", b"x = 1")), zipped(("index.py", b"x = 2"))
    assert unpacked.unpack(one) == unpacked.unpack(one)
    assert unpacked.unpack(other).directory != unpacked.unpack(one).directory
    assert unpacked.zip_of(unpacked.unpack(one).directory) == one


def test_a_link_that_stays_inside_is_kept(unpacked: UnpackedPackages) -> None:
    links = ("lib/now", b"new", LINK), ("top", b"lib/now/mod.py", LINK), ("gone", b"nowhere", LINK)
    data = zipped(("lib/new/mod.py", b"x = 1"), *links)
    there = Path(unpacked.unpack(data).directory)
    assert (there / "top").read_bytes() == (there / "lib/now/mod.py").read_bytes() == b"x = 1"
    assert os.readlink(there / "gone") == "nowhere"


OUT = b"../../outside"
ESCAPES: dict[str, list[Entry | tuple[str, bytes]]] = {
    "up": [("../up", b"x")],
    "up later": [("a/../../up", b"x")],
    "from the root": [("/up", b"x")],
    "backslashes": [("..\\up", b"x")],
    "a root of backslashes": [("\\up", b"x")],
    "a drive": [("C:/up", b"x")],
    "only dots": [("..", b"x")],
    "a directory": [("../made/", b"")],
    "a link out": [("link", OUT, LINK)],
    "a link to the root": [("link", b"/etc/passwd", LINK)],
    "a link out below backslashes": [("sub\\link", b"../../../outside/file", LINK)],
    "a link of links": [("a", b"b", LINK), ("b", b"c", LINK), ("c", OUT, LINK)],
    "a link that another turns outwards": [
        ("a", b"b/../../../outside", LINK),
        ("b", b"deep/er", LINK),
        ("deep/er/x", b""),
    ],
    "a file over a link": [("link", OUT + b"/file", LINK), ("link", b"written")],
    "a file under a link": [("link", OUT, LINK), ("link/file", b"written")],
    "a directory under a link": [("link", OUT, LINK), ("link/made/", b"")],
    "a file in a directory under a link": [("link", OUT, LINK), ("link/made/file", b"written")],
    "a link under a link": [("link", OUT, LINK), ("link/made", b"x", LINK)],
    "a link in a directory under a link": [("link", OUT, LINK), ("link/made/link", b"x", LINK)],
}


@pytest.mark.parametrize("entries", ESCAPES.values(), ids=ESCAPES)
def test_no_path_and_no_link_leaves_the_directory(unpacked: UnpackedPackages, home: Path, entries: list[Entry]) -> None:
    with pytest.raises(ValueError, match=r"leads out|cannot be unpacked"):
        unpacked.unpack(zipped(*entries))
    assert list(home.iterdir()) == []
    outside = home.parent / "outside"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "untouched"
    beside = {path.name for path in home.parent.iterdir() if path.suffix != ".lock"}  # as filelock makes them
    assert beside == {"home", "outside"}


NAUGHT = b"\0" * 100_001


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (zipped(("big", NAUGHT), method=zipfile.ZIP_DEFLATED), "unpacks to more than 100000 bytes"),
        (zipped(("a", NAUGHT[:60_000]), ("b", NAUGHT[:60_000]), method=zipfile.ZIP_DEFLATED), "unpacks to more than"),
        (zipped(("a", NAUGHT[:60_000]), ("a", NAUGHT[:60_000]), method=zipfile.ZIP_BZIP2), "unpacks to more than"),
        (zipped(("link", b"x" * 100_001, LINK), method=zipfile.ZIP_LZMA), "a link that is not a path"),
    ],
    ids=["one file", "two files", "one file twice", "a link"],
)
def test_a_zip_that_unpacks_to_too_much_is_refused_and_leaves_nothing(
    unpacked: UnpackedPackages, home: Path, data: bytes, text: str
) -> None:
    assert len(data) < 20_000
    with pytest.raises(ValueError, match=text):
        unpacked.unpack(data)
    assert list(home.iterdir()) == []


def test_a_zip_of_very_many_entries_is_refused(unpacked: UnpackedPackages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_ENTRIES", 10)
    with pytest.raises(ValueError, match="the zip has 11 entries; at most 10 are allowed"):
        unpacked.unpack(zipped(*[(f"f{n}", b"") for n in range(11)]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        zipped(("f", b"x" * 100))[:-30],
        zipped(("f", b"x" * 100)).replace(b"x" * 100, b"y" * 100),
        zipped(("f", b"x"), ("f/below", b"y")),
        zipped(("f/below", b"y"), ("f", b"x")),
        zipped(("f", b"x"), ("f", b"g", LINK)),
        zipped(("f", b"f", LINK), ("f", b"f", LINK)),
        zipped(("x" * 300, b"x")),
        zipped(("link", b"a\0b", LINK)),
    ],
    ids="""
nothing|text|cut off|wrong sum|file as directory|directory as file|link over a file|link twice|long|zero byte
""".strip().split("|"),
)
def test_what_cannot_be_unpacked_is_refused_and_leaves_nothing(
    unpacked: UnpackedPackages, home: Path, data: bytes
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpacked.unpack(data)
    assert list(home.iterdir()) == []


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
WHOLE = [zipped(("index.py", b"x = 1\n" * 9), ("d/f", b"y"), ("d/l", b"f", LINK), method=method) for method in METHODS]


@settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.sampled_from(WHOLE),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), min_size=1, max_size=4),
)
def test_a_damaged_zip_is_unpacked_or_refused_and_nothing_else(
    unpacked: UnpackedPackages, home: Path, data: bytes, changes: list[tuple[int, bytes]]
) -> None:
    damaged = bytearray(data)
    for place, new in changes:
        place %= len(damaged)
        damaged[place : place + len(new)] = new
    before = set(home.iterdir())
    try:
        unpacked.unpack(bytes(damaged))
    except ValueError:
        assert set(home.iterdir()) == before


def test_a_directory_becomes_the_same_zip_until_a_file_is_changed(unpacked: UnpackedPackages, tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "__pycache__").mkdir(parents=True)
    (code / "__pycache__" / "index.pyc").write_text("left out")
    (code / "index.py").write_text("x = 1")
    first, data = unpacked.describe(str(code)), unpacked.zip_of(str(code))
    os.utime(code / "index.py", (1, 1))
    assert unpacked.describe(str(code)) == first
    assert unpacked.zip_of(str(code)) == data
    assert (first.checksum, first.size_bytes) == (unpacked.checksum(data), len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["index.py"]
    (code / "index.py").write_text("x = 2")
    assert unpacked.describe(str(code)).checksum != first.checksum


def test_what_was_unpacked_goes_when_it_is_closed(home: Path) -> None:
    opened = UnpackedPackages()
    directory = Path(opened.unpack(zipped(("index.py", b"x = 1"))).directory)
    assert directory.is_dir()
    opened.close()
    opened.close()
    assert not directory.exists()
