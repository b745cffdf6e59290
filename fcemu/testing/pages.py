"""What a failing test leaves in the directory of ``--fcemu-report``: its journal, and a page of it."""

import hashlib
import re
from pathlib import Path
from typing import Any, Final

from fcemu import ui
from fcemu.config import native_form
from fcemu.core.json_forms import time_text
from fcemu.core.moments import Moments, to_json
from fcemu.engine.emulator import Emulator
from fcemu.testing.handles import Invocation
from fcemu.testing.taking_part import Part, of_test

_LONGEST_NAME: Final = 200
"""File systems take 255 bytes, suffixes included."""


def leave(directory: Path, test: str, failure: str) -> None:
    """Write ``NAME.html`` and ``NAME.jsonl`` of each emulator that took part in the test that runs now: ``NAME`` is
    what pytest calls the test; of a second emulator it ends with ``.2``. ``failure``: why the test failed."""
    parts, _ = of_test()
    for number, part in enumerate(parts, 1):
        directory.mkdir(parents=True, exist_ok=True)
        name = file_name(test) + (f".{number}" if number > 1 else "")
        lines = "".join(f"{line}\n" for line in part._access.present.journal.lines())
        (directory / f"{name}.jsonl").write_text(lines, encoding="utf-8", errors="backslashreplace")
        page = ui.report(_recorded(part, test, failure))
        (directory / f"{name}.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def file_name(test: str) -> str:
    """What pytest calls a test, as the name of a file."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", test)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"


def _recorded(part: Part, test: str, failure: str) -> dict[str, Any]:
    """All that the page shows: what it would ask of a running emulator otherwise."""
    engine = part._access.present
    journal, moments = engine.journal, Moments(engine.clock.started)
    return {
        "title": f"{test} failed",
        "text": failure,
        "facts": [journal.entry(n, fact) | {"state": to_json(moments.after(fact))} for n, fact in journal.numbered(0)],
        "invocations": {one.id: _traces(Invocation(part._access, one)) for one in journal.invocations.values()},
        "clock": {
            "now": time_text(engine.clock.shown()),
            "started": time_text(engine.clock.started),
            "rate": 0,
            "autojump": False,
        },
        "definition": _definition(engine),
    }


def _traces(invocation: Invocation) -> dict[str, Any]:
    attempts = [{"traceback": each.traceback, "location": each.location} for each in invocation.attempts]
    return {"attempts": attempts}


def _definition(engine: Emulator) -> dict[str, Any]:
    return native_form(*engine.setup.defined(), engine.setup.extras())
