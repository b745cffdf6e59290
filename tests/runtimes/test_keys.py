"""The temporary keys of an attempt in the environment variables of its process."""

import textwrap

import pytest
from systems import needs

from fcemu.testing import LocalEmulator

CODE = """
import json, os, subprocess, sys

KEY = "ALIBABA_CLOUD_ACCESS_KEY_ID"

def of_a_program():
    program = f"import os; print(os.environ.get({KEY!r}))"
    return subprocess.check_output([sys.executable, "-c", program], text=True).strip()

def handler(event, context):
    own = context.credentials.access_key_id
    seen = [os.environ.get(KEY), of_a_program()]
    exec(event)
    return json.dumps([own, *seen])
"""


@pytest.fixture
def seen(tmp_path):
    """``seen("code")``: the key of an attempt, the variable in its process, and the one in a program that it starts.
    Then it runs the code. All attempts run in the same instance."""
    (tmp_path / "index.py").write_text(textwrap.dedent(CODE))
    definition = {"functions": {"f": {"handler": "index.handler", "code": str(tmp_path), "timeout": 600}}}
    with LocalEmulator(definition, runtime="process") as emulator:
        yield lambda code: emulator.function("f").invoke(code).json()


def test_each_attempt_has_its_own_keys_in_its_process_and_in_programs_that_it_starts(seen):
    attempts = [seen("") for _ in range(3)]
    assert len({key for key, _, _ in attempts}) == 3
    assert all(key == here == there for key, here, there in attempts)


@pytest.mark.parametrize(("code", "left"), [("os.environ[KEY] = 'mine'", "mine"), ("del os.environ[KEY]", None)])
def test_a_variable_that_the_code_has_changed_or_deleted_stays_so(seen, code, left):
    seen("")
    seen(code)
    assert [seen("")[1:] for _ in range(2)] == [[left, str(left)]] * 2


def test_a_variable_that_the_code_has_put_back_follows_the_attempts_again(seen):
    seen("before = dict(os.environ); os.environ.clear(); os.environ.update(before)")
    for key, here, there in (seen("") for _ in range(2)):
        assert key == here == there


@needs("LIMITS")
def test_keys_of_earlier_attempts_take_no_memory(python_with_freezegun):
    program = """
        import os, resource, subprocess, sys
        from fcemu.handler.child.keys import Keys

        def renew(times):
            for number in range(times):
                keys.renew([f"{number:0100000}" if number % 1000 == 0 else f"{number:01000}"])
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        os.environ["KEY"] = f"{0:0100000}"
        keys = Keys({"KEY": 0})
        before = renew(1001)
        print(renew(20_001) - before < 10_000)
        seen = subprocess.check_output([sys.executable, "-c", "import os; print(os.environ['KEY'])"], text=True)
        print(seen.strip() == os.environ["KEY"] == f"{20_000:0100000}")
    """
    assert python_with_freezegun(program) == "True\nTrue\n"
