"""An invocation takes the way that the contributors' page shows, and each step is where the page says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

from way import STEPS  # noqa: E402 (beside the documents)

INDEX = """
def handler(event, context):
    if context.retry_count == "0":
        raise ValueError("not yet")
    return b"done"
"""
PROGRAM = """
import sys, threading
from http.client import HTTPConnection
from pathlib import Path
import fcemu

PACKAGE = str(Path(fcemu.__file__).parent)
calls = []

def note(frame, event, arg):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(PACKAGE):
        calls.append(code.co_filename[len(PACKAGE) + 1 :] + " " + code.co_qualname)

threading.setprofile(note)  # before there is any thread
from fcemu.testing import LocalEmulator

function = {"handler": "index.handler", "code": sys.argv[1], "asyncInvokeConfig": {"onSuccess": "queue:done"}}
with LocalEmulator({"functions": {"f": function}}) as emulator:
    connection = HTTPConnection(emulator.url.removeprefix("http://"))
    later = {"x-fc-invocation-type": "Async", "x-fc-async-delay": "200"}
    connection.request("POST", "/2023-03-30/functions/f/invocations", b"x", later)
    assert connection.getresponse().status == 202
    emulator.advance(3600)
    assert len(emulator.queue("done").messages) == 1
print(*calls, sep="\\n")
"""


def test_an_invocation_goes_from_step_to_step(tmp_path):
    (tmp_path / "index.py").write_text(INDEX)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    way = iter(done.stdout.splitlines())
    missed = [step for step in STEPS if step.function and f"{step.file} {step.function}" not in way]
    assert missed == [], "a step that is no longer taken, or not after the step before it"
