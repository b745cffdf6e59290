"""What attempts leave behind in memory."""

import gc
from pathlib import Path

import pytest

from fcemu.testing import LocalEmulator

ATTEMPTS = 50


@pytest.mark.parametrize("body", ["return event", "raise ValueError('no')"])
def test_attempts_that_are_over_leave_nothing_for_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("fcemu.engine.traces.KEPT", 1)
    (tmp_path / "index.py").write_text(f"def handler(event, context):\n    {body}\n")
    definition = {"functions": {"f": {"handler": "index.handler", "code": str(tmp_path)}}}
    with LocalEmulator(definition, strict=False) as emulator:
        function = emulator.function("f")
        function.invoke_async(b"x")
        emulator.run_until_idle()
        gc.collect()
        gc.disable()
        try:
            for _ in range(ATTEMPTS):
                function.invoke_async(b"x")
            emulator.run_until_idle()
            assert gc.collect() < ATTEMPTS
        finally:
            gc.enable()
