"""Random scenarios for the checks of the search: what happens, by a number, and which answers chance gives to it.

As a program, it prints the digest of the journal of each scenario: ``scenarios.py FROM TO``.
"""

import hashlib
import json
import os
import random
import re
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from fcemu.config import read_mapping
from fcemu.core.script import Script
from fcemu.host import LocalHost
from fcemu.testing import FCError, LocalEmulator
from fcemu.testing.exploring import Story, governed

DEFINITION = {
    "functions": {
        "f": {
            "handler": "index.f",
            "asyncInvokeConfig": {
                "onSuccess": "function:g",
                "onFailure": "queue:failed",
                "maxAsyncRetryAttempts": 2,
            },
        },
        "g": {"handler": "index.g", "triggers": {"often": {"timer": "@every 1m"}}},
    },
    "services": {
        "s": {
            "functions": {
                "h": {
                    "handler": "index.h",
                    "timeout": 5,
                    "asyncInvokeConfig": [
                        {"asyncTask": True, "onFailure": "queue:failed"},
                        {"qualifier": "live", "maxAsyncEventAgeInSeconds": 30, "onSuccess": "function:g"},
                    ],
                }
            },
            "versions": {"1": {}, "2": {}},
            "aliases": {"live": {"version": "1", "additionalVersionWeight": {"2": 0.4}}},
        }
    },
}
HANDLERS = '''
import time

def f(event, context):
    """Sleep, or fail at the first attempt, as the number says."""
    number = int(event)
    if number % 3 == 0:
        time.sleep(1 + number % 2)
    if number % 5 == 0 and context.retry_count == 0:
        raise ValueError("once")
    return number

def g(event, context):
    print(len(event))

def h(event, context):
    """Fail each time, or take longer than it may."""
    number = int(event)
    if number % 4 == 0:
        time.sleep(number)
    if number % 7 == 0:
        raise RuntimeError("always")
    return {"at": time.time()}
'''


@contextmanager
def ready():
    """A host, and the handlers in the working directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.py").write_text(HANDLERS, encoding="utf-8")
        os.chdir(folder)
        host = LocalHost()
        try:
            yield host, read_mapping(DEFINITION, Path(folder))
        finally:
            host.close()
            os.chdir(before)


def journal(host, definition, number, script, **more):
    """The lines of the journal of a scenario, answered by a script, or as the options say where there is none."""
    chance = random.Random(number)
    with governed(Story(script)) if script is not None else nullcontext():
        options = {"seed": number, "intercept": False, "strict": False, "cold_start_seconds": number % 2}
        emulator = LocalEmulator(definition, server=host, **options | more)
    try:
        for step in range(chance.randint(1, 4)):
            match chance.randrange(6):
                case 0 | 1 | 2:
                    emulator.function("f").invoke_async(str(chance.randrange(30)), delay=chance.randrange(3))
                case 3:
                    live = emulator.function("s/h", "live")
                    live.invoke_async(str(chance.randrange(30)), delay=chance.randrange(3))
                case 4:
                    emulator.function("s/h").invoke_async(str(chance.randrange(30)), task_id=f"task-{step}")
                case 5:
                    with suppress(FCError):  # a seeded chance refuses synchronous invocations, too
                        emulator.function("g").invoke("now")
            if chance.random() < 0.3:
                emulator.advance(chance.randrange(70))
            if chance.random() < 0.1 and (task := emulator.invocations[-1]).kind == "async" and not task.ended:
                task.stop()
        emulator.run_until_idle()
        return list(emulator._engine.journal.lines())
    finally:
        emulator.close()


def points(number):
    """Where the answers of a scenario are not calm ones."""
    chance = random.Random(f"points {number}")
    return {chance.randrange(60): chance.randint(1, 9) for _ in range(chance.randrange(6))}


def untraced(line):
    """A fact without what Pythons write in their own ways: tracebacks."""
    return json.dumps(_untraced(json.loads(line)), sort_keys=True)


_TRACE = re.compile(r'Traceback \(most recent call last\)|\\*"stackTrace\\*":')


def _untraced(value):
    match value:
        case dict():
            return {name: _untraced(one) for name, one in value.items()}
        case list():
            return [_untraced(one) for one in value]
        case str() if found := _TRACE.search(value):
            return value[: found.start()]
    return value


def digest(lines):
    return hashlib.sha256("\n".join(map(untraced, lines)).encode()).hexdigest()[:16]


def features(lines):
    """What a test could assert about a run: each a function of its journal."""
    facts = list(map(json.loads, lines))
    kinds = Counter(fact["kind"] for fact in facts)
    return {
        "attempts": kinds["Started"],
        "instances": kinds["InstanceStarted"],
        "order": [fact["function"] for fact in facts if fact["kind"] == "Started"],
        "end": facts[-1]["at"],
        "reports": kinds["Delivered"],
        "ends": {kind: kinds[kind] for kind in ("Succeeded", "Failed", "Expired", "Stopped")},
    }


def main(first, last):
    with ready() as (host, definition):
        for number in range(first, last):
            print(number, digest(journal(host, definition, number, Script(points=points(number)))), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
