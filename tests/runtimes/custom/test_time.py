"""Virtual time in programs of any language, through libfaketime where it is installed."""

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from runtimes.custom.conftest import server

from fcemu.core.settings import Settings
from fcemu.handler.system import PRELOADS
from fcemu.runtimes import faketime

START = datetime(2036, 3, 5, 2, 6, 7, 250000, tzinfo=UTC)
NOW = server("def answer(server, body): return 200, {}, [time.time(), time.strftime('%Z')]")

with_library = pytest.mark.skipif(
    faketime.library() is None and (not PRELOADS or os.environ.get("CI") != "true"),
    reason="libfaketime is not installed: apt install faketime",
)


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setenv(faketime.VARIABLE, "off")
    faketime.library.cache_clear()
    yield
    monkeypatch.undo()
    faketime.library.cache_clear()


@with_library
@pytest.mark.parametrize(
    ("rate", "virtual"), [(0, "its sleeps and monotonic clocks are real"), (100, "its sleeps are virtual")]
)
def test_each_instance_says_what_of_time_is_virtual_for_it(custom, rate, virtual):
    function = custom(NOW, settings=Settings(start=START, rate=rate))
    seconds, zone = function.value()
    assert (seconds >= START.timestamp() - 1e-5, zone) == (True, "UTC")
    (said,) = function.warnings
    assert said.startswith("f: its program sees virtual time through libfaketime")
    assert said.endswith(virtual)


@with_library
def test_at_real_speed_a_program_sees_exactly_the_clocks_time_and_its_jumps(custom):
    function = custom(NOW, settings=Settings(start=START, rate=1.0))

    def difference():
        seen = function.value()[0]
        return function.emulator.clock.now().timestamp() - seen

    assert 0 <= difference() < 5
    function.emulator.wait(function.emulator.advance(timedelta(days=30)))
    assert 0 <= difference() < 5


@with_library
def test_what_a_program_starts_sees_virtual_time_too(custom):
    program = server(
        """
        import subprocess
        def answer(server, body): return 200, {}, subprocess.run(["date", "+%s"], capture_output=True).stdout
        """
    )
    assert custom(program, settings=Settings(start=START)).returned().strip() == str(int(START.timestamp())).encode()


def test_without_the_library_a_program_sees_real_time_and_the_journal_says_what_to_install(custom, without_library):
    function = custom(NOW, settings=Settings(start=START))
    assert function.value()[0] < START.timestamp()
    (text,) = function.warnings
    assert text.startswith(
        "f: its program sees real time, and its sleeps are real: fcemu did not find libfaketime: install"
    )


def test_a_library_that_does_not_do_it_is_not_taken_for_one(custom, monkeypatch, tmp_path):
    (tmp_path / "libfaketimeMT.so.1").write_bytes(b"not a library")
    monkeypatch.setenv(faketime.VARIABLE, str(tmp_path / "libfaketimeMT.so.1"))
    faketime.library.cache_clear()
    try:
        assert faketime.library() is None
    finally:
        monkeypatch.undo()
        faketime.library.cache_clear()


@pytest.fixture
def of_the_package(monkeypatch):
    """The library that the extra brings, whatever the system has."""
    package = pytest.importorskip("libfaketime")
    path = Path(package.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
    monkeypatch.setattr(faketime, "_PLACES", ())
    faketime.library.cache_clear()
    yield str(path)
    monkeypatch.undo()
    faketime.library.cache_clear()


def test_the_library_of_the_extra_shows_the_time_of_a_paused_clock(custom, of_the_package):
    assert faketime.library() == of_the_package
    function = custom(NOW, settings=Settings(start=START))
    assert function.value()[0] == pytest.approx(START.timestamp(), abs=1e-5)
    assert "its sleeps and monotonic clocks are real" in function.warnings[0]


def test_where_the_library_of_the_extra_cannot_let_sleeps_flow_a_program_sees_real_time(custom, of_the_package):
    function = custom(NOW, settings=Settings(start=START, rate=100.0))
    assert function.value()[0] < START.timestamp()
    assert "cannot run sleeps at 100 times real speed, but Debian's version can" in function.warnings[0]


def elf(*segments: int, wide: bool = True) -> bytes:
    """The head of a program with these kinds of segments and no sections."""
    bits, head, segment = (2, "<HHIQQQIHHHHHH", "<I52x") if wide else (1, "<HHIIIIIHHHHHH", "<I28x")
    size, entry = struct.calcsize(head) + 16, struct.calcsize(segment)
    fields = struct.pack(head, 2, 62, 1, 0, size, 0, 0, size, entry, len(segments), 64, 0, 0)
    kinds = b"".join(struct.pack(segment, kind) for kind in segments)
    return b"\x7fELF" + bytes([bits, 1]) + bytes(10) + fields + kinds


@pytest.mark.parametrize("wide", [True, False])
def test_a_program_that_is_linked_statically_is_recognised(tmp_path, monkeypatch, wide):
    monkeypatch.setattr(faketime, "library", lambda: "libfaketime")
    for name, content in {
        "static": elf(1, 1, wide=wide),
        "shared": elf(6, 3, 1, wide=wide),
        "script": b"#!/bin/sh\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o755)
    said = {name: faketime.why_real(f"./{name}", str(tmp_path)) for name in ("static", "shared", "script")}
    assert "linked statically" in (said["static"] or "")
    assert (said["shared"], said["script"]) == (None, None)
