"""What attempts leave behind in memory when they are over."""

from collections.abc import Callable
from pathlib import Path

import pytest

ATTEMPTS = 50


@pytest.mark.parametrize("body", ["return event", "raise ValueError('no')"])
def test_attempts_that_are_over_leave_nothing_for_the_garbage_collector(
    tmp_path: Path, python: Callable[[str], str], body: str
) -> None:
    """In a process of its own: libraries that other tests have imported add circles of theirs to each thread."""
    (tmp_path / "index.py").write_text(f"def handler(event, context):\n    {body}\n")
    found = python(f"""
        import gc
        from fcemu.engine import traces
        from fcemu.testing import LocalEmulator

        traces.KEPT = 1
        definition = {{"functions": {{"f": {{"handler": "index.handler", "code": {str(tmp_path)!r}}}}}}}
        with LocalEmulator(definition, strict=False) as emulator:
            function = emulator.function("f")
            function.invoke_async(b"x")
            emulator.run_until_idle()
            gc.collect()
            gc.disable()
            for _ in range({ATTEMPTS}):
                function.invoke_async(b"x")
            emulator.run_until_idle()
            print(gc.collect())
    """)
    assert int(found) < ATTEMPTS


@pytest.mark.parametrize("host", ["LocalHost()", "None"])
def test_an_emulator_that_is_closed_leaves_nothing_for_the_garbage_collector(
    python: Callable[[str], str], host: str
) -> None:
    """Also where it has run something, with a host of its own or another's: a suite makes thousands of them."""
    found = python(f"""
        import gc
        from fcemu.host import LocalHost
        from fcemu.testing import LocalEmulator
        from fcemu.testing.taking_part import begin_test

        host = {host}

        def emulate():
            emulator = LocalEmulator(server=host)
            function = emulator.add("f", lambda event, context: event, asyncInvokeConfig={{"onSuccess": "queue:q"}})
            function.invoke_async("x")
            emulator.run_until_idle()
            assert len(emulator.queue("q").messages) == 1
            emulator.close()
            begin_test()

        for _ in range(3):
            emulate()
        gc.collect()
        gc.disable()
        emulate()
        print(gc.collect())
    """)
    assert int(found) < 20, "an engine has some 200 objects that the collector looks at"
