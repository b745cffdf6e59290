"""Suites of users whose tests are searched, run by a pytest of their own."""

import textwrap

import pytest
from other_plugins import OTHERS
from patience import CHILD_SECONDS


@pytest.fixture
def suite(pytester):
    """Run the given text as a test file, in a process of its own; without a text, the one that is there."""

    def run(text, *arguments, plugins=(), ini=""):
        if text is not None:
            pytester.makepyfile(test_it="import pytest\n" + textwrap.dedent(text))
        if ini:
            pytester.makeini("[pytest]\n" + textwrap.dedent(ini))
        without = [f"-pno:{name}" for name in ("cacheprovider", *OTHERS) if name not in plugins]
        command = [*pytester._getpytestargs(), *without, *arguments]
        return pytester.run(*command, timeout=CHILD_SECONDS)

    return run
