"""Run in a process of its own: reads everything of ``subject.py`` in a handler and outside; prints JSON.

Arguments: the backend, the zone of the handler. The zone of the process is its ``TZ``.
"""

import importlib.util
import json
import sys
import warnings
from contextvars import Context
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from runtimes.fake_clock import FakeClock

from fcemu.runtimes import timeshift
from fcemu.runtimes.timeshift import zone_named

VIRTUAL = datetime(2036, 3, 5, 2, 6, 7, 250000, tzinfo=UTC)
"""The day before in New York, where the process is."""


def load(name):
    """A module of its own from ``subject.py``."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("subject.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plain(value):
    """JSON that means the same whatever class the value has."""
    if isinstance(value, float | int):
        return value
    return value.isoformat()


def answers(module):
    """What a module reads now; what fails names its error."""
    found = {}
    for name, (_, read) in module.READS.items():
        try:
            found[name] = plain(read())
        except Exception as error:  # a row that breaks must not hide the others
            found[name] = f"{type(error).__name__}: {error}"
    return found


def in_handler(module, zone):
    clock = FakeClock(VIRTUAL - timedelta(seconds=5.25))
    clock.elapsed = timedelta(seconds=5.25)

    def enter():
        timeshift.CLOCK.set(clock)
        timeshift.ZONE.set(zone_named(zone))
        timeshift.enter()
        try:
            return answers(module)
        finally:
            timeshift.leave()

    return Context().run(enter)


def main(backend, zone):
    warnings.simplefilter("ignore", DeprecationWarning)  # utcnow
    early, adopted = load("early"), load("adopted")
    before = answers(early)
    timeshift.install(backend)
    timeshift.adopt(adopted)
    late = load("late")
    modules = {"early": early, "adopted": adopted, "late": late}
    answer = {
        "backend": timeshift.backend_in_force(),
        "kinds": {name: kind for name, (kind, _) in late.READS.items()},
        "before": before,
        "inside": {name: in_handler(module, zone) for name, module in modules.items()},
        "outside": {name: answers(module) for name, module in modules.items()},
    }
    timeshift.uninstall()
    answer["after"] = {name: answers(module) for name, module in modules.items()}
    print(json.dumps(answer))


if __name__ == "__main__":
    assert date.today().year < VIRTUAL.year
    main(*sys.argv[1:])
