"""What this process needs on disk goes with it; what killed processes left behind is swept."""

import os
import subprocess
import sys
import tempfile

import pytest

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


def test_directories_of_killed_processes_are_swept_and_no_others(temporary):
    end = "os.kill(os.getpid(), 9)"
    program = f"import os, fcemu.scratch as s; a = s.Scratch('fcemu-x-'); print(a.path, flush=True); {end}"
    environment = os.environ | {"TMPDIR": str(temporary)}
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    left = run.stdout.decode().strip()
    assert os.path.isdir(left)
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
