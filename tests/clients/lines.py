"""A client in another language: a child that reads what it is asked as a line of JSON, and writes a line back."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from clients.asked import Answered, Asked

CACHE = Path(
    os.environ.get("FCEMU_TESTS") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fcemu-tests")
)
"""Where ``.ci/run`` puts what is not ours and what is compiled."""


def missing(what: str) -> NoReturn:
    """Skips the test loudly; fails it where all must be there."""
    text = f"{what}; .ci/run installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


class Lines:
    """The child."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
            encoding="utf-8",
        )

    def ask(self, asked: Asked) -> Answered:
        return Answered(**self.exchange(asked.as_json()))

    def exchange(self, document: Any) -> Any:
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(document) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, f"the client ended with {self._child.wait()}"
        return json.loads(line)

    def close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            pipe.close()
        assert self._child.wait(10) == 0
