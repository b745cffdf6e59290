"""Suites of users, run by a pytest of their own."""

import textwrap
from pathlib import Path

import pytest
from other_plugins import OTHERS
from patience import CHILD_SECONDS

ORDERS = Path(__file__).parent.parent.parent / "fixtures" / "orders"


@pytest.fixture
def suite(pytester):
    """Run the given text as a test file beside a copy of fixtures/orders."""
    target = pytester.path / "orders"
    target.mkdir()
    for file in ORDERS.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())

    def run(text, *arguments, ini="", plugins=(), stdin=pytester.CLOSE_STDIN):
        pytester.makepyfile(test_it="import pytest\n" + textwrap.dedent(text))
        if ini:
            pytester.makeini("[pytest]\n" + textwrap.dedent(ini))
        without = [f"-pno:{name}" for name in ("cacheprovider", *OTHERS) if name not in plugins]
        command = [pytester._getpytestargs(), without, arguments]
        return pytester.run(*[word for part in command for word in part], timeout=CHILD_SECONDS, stdin=stdin)

    return run
