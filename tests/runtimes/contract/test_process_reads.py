"""The same reads in a process of its own: all are virtual, except what the table says is real on purpose."""

from datetime import timedelta
from pathlib import Path

import pytest
from runtimes.contract.reading import VIRTUAL
from runtimes.contract.subject import READS
from runtimes.contract.test_reads import is_virtual

from fcemu.runtimes.timeshift.known import PROCESS, real_on_purpose
from fcemu.testing import LocalEmulator

HANDLER = """

def handler(event, context):
    import json

    found = {}
    for name, (_, read) in READS.items():
        value = read()
        found[name] = value if isinstance(value, float | int) else value.isoformat()
    return json.dumps(found)
"""


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_in_a_process_a_read_is_virtual_unless_the_table_says_it_is_not(tmp_path, zone, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    (tmp_path / "index.py").write_text(Path(__file__).with_name("subject.py").read_text() + HANDLER)
    function = {
        "handler": "index.handler",
        "code": str(tmp_path),
        "memorySize": 3072,
        "environmentVariables": {} if zone == "UTC" else {"TZ": zone},
    }
    start = (VIRTUAL - timedelta(seconds=5.25)).isoformat()
    with LocalEmulator({"functions": {"f": function}}, runtime="process", start=start) as emulator:
        emulator.advance(5.25)
        read = emulator.function("f").invoke().json()
    assert read.keys() == READS.keys()
    real = {name for name, value in read.items() if not is_virtual(name, value, zone)}
    assert real == {name for row in real_on_purpose(PROCESS) for name in row.reads}
