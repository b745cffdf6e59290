"""The contract of both backends: in a handler every read is virtual, except what is real on purpose; outside none is.

Each backend reads in a process of its own, in New York, with a handler in UTC and one in Tokyo.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from runtimes.contract.reading import VIRTUAL
from runtimes.contract.subject import DAY, ELAPSED, INSTANT, LOCAL, READS
from runtimes.contract.subject import UTC as IN_UTC

from fcemu.backends import FREEZEGUN, TIME_MACHINE
from fcemu.runtimes.timeshift.known import ANYWHERE, BEFORE, OUTSIDE, TABLE, real_on_purpose

ROOT = Path(__file__).parents[3]
PROCESS_ZONE = "America/New_York"
MODULES = {"late": {ANYWHERE}, "adopted": {ANYWHERE, BEFORE}, "early": {ANYWHERE, BEFORE, OUTSIDE}}
"""Loaded with the replacements in force; loaded before, below a code directory; loaded before, elsewhere: which rows of
the table hold there."""


@pytest.fixture(scope="module", params=[FREEZEGUN, TIME_MACHINE])
def backend(request):
    return request.param


@pytest.fixture(scope="module", params=["UTC", "Asia/Tokyo"])
def zone(request):
    return request.param


@pytest.fixture(scope="module")
def read(backend, zone):
    """Everything that was read, and when it was."""
    environment = {**os.environ, "TZ": PROCESS_ZONE, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, str(Path(__file__).with_name("reading.py")), backend, zone]
    begin = datetime.now(UTC)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["backend"] == backend
    return {**answer, "from": begin, "to": datetime.now(UTC)}


def is_virtual(name, value, zone):
    """Whether a value is the virtual instant; what has no fractions of a second may lack them, ids may count up."""
    kind, _ = READS[name]
    if kind == ELAPSED:
        return value == 5.25
    local = VIRTUAL.astimezone(ZoneInfo(zone))
    if kind == DAY:
        return value == local.date().isoformat()
    behind = VIRTUAL - instant(kind, value, zone)
    return timedelta(microseconds=-1) <= behind < timedelta(seconds=1)


def instant(kind, value, zone):
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC if kind == IN_UTC else ZoneInfo(zone))
        return moment.astimezone(UTC)
    return datetime.fromtimestamp(value, UTC)


def real_rows(backend, module):
    return {name for row in real_on_purpose(backend) if row.where in MODULES[module] for name in row.reads}


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", READS)
def test_in_a_handler_a_read_is_virtual_unless_the_table_says_it_is_not(read, backend, zone, module, name):
    value = read["inside"][module][name]
    if isinstance(value, str):
        datetime.fromisoformat(value)  # an error would be a text too
    assert is_virtual(name, value, zone) is (name not in real_rows(backend, module)), value


@pytest.mark.parametrize("when", ["outside", "after"])
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", READS)
def test_outside_of_handlers_a_read_is_real(read, when, module, name):
    kind, _ = READS[name]
    value, before = read[when][module][name], read["before"][name]
    took = (read["to"] - read["from"]).total_seconds()
    if kind == ELAPSED:
        assert before <= value <= before + took
    elif kind == DAY:
        days = {read[end].astimezone(ZoneInfo(PROCESS_ZONE)).date().isoformat() for end in ("from", "to")}
        assert value in days
    else:
        assert read["from"] - timedelta(seconds=1) <= instant(kind, value, PROCESS_ZONE) <= read["to"]


def test_the_table_names_reads_of_the_contract_only():
    assert {name for row in TABLE for name in row.reads} <= READS.keys()
    assert {INSTANT, LOCAL, ELAPSED, DAY, IN_UTC} == {kind for kind, _ in READS.values()}
