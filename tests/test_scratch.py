"""What this process needs on disk goes with it, also when it is killed; what was left behind even so is swept."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest
from runtimes.test_kills import wait_until

from fcemu import scratch
from fcemu.scratch import Scratch


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._sweep.cache_clear()
    yield tmp_path
    scratch._sweep.cache_clear()


def test_a_scratch_directory_is_deleted_with_what_is_in_it(temporary):
    made = Scratch("fcemu-x-")
    (temporary / os.path.basename(made.path) / "file").write_text("x")
    made.close()
    made.close()
    assert os.listdir(temporary) == []


def test_a_directory_of_a_killed_process_goes_with_it_whatever_its_name(tmp_path):
    temporary = tmp_path / "a b\nc-\udcff"
    temporary.mkdir()
    end = "open(a.path + '/file', 'w').close(); os.kill(os.getpid(), 9)"
    program = f"import os, fcemu.scratch as s; a = s.Scratch('fcemu-x-'); s.Scratch('fcemu-x-').close(); {end}"
    run = subprocess.run([sys.executable, "-c", program], env=os.environ | {"TMPDIR": str(temporary)})
    assert run.returncode == -signal.SIGKILL
    wait_until(lambda: os.listdir(temporary) == [])


def test_directories_that_were_left_behind_even_so_are_swept_and_no_others(temporary):
    left = str(temporary / "fcemu-x-left")
    os.mkdir(left)
    (temporary / "fcemu-x-being-made").mkdir()
    used, other = Scratch("fcemu-x-"), Scratch("fcemu-y-")
    for one in (left, used.path, other.path):
        os.utime(one, (0, 0))
    scratch._sweep.cache_clear()
    another = Scratch("fcemu-x-")
    assert not os.path.exists(left)
    assert all(os.path.isdir(one.path) for one in (used, another, other))
    assert (temporary / "fcemu-x-being-made").is_dir()
    for one in (used, another, other):
        one.close()


def test_a_process_that_ends_leaves_nothing_behind(temporary):
    program = "import fcemu.scratch as s; a = s.Scratch('fcemu-x-')"
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"TMPDIR": str(temporary)})
    assert os.listdir(temporary) == []
