"""How another process gives orders to a pytest that it has started: a line of JSON each, and one for each answer.

Both ends are here: ``Ordered`` is the pytest as its parent sees it, ``opened`` is what the plugin has in that process.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, Final


class Ordered:
    """A pytest that takes orders. It learns of them by an option of the plugin."""

    def __init__(self, arguments: Sequence[str], option: str, output: IO[bytes], **how: Any) -> None:
        """``output`` gets what pytest prints; ``how``: more for ``Popen``."""
        heard, orders = os.pipe()
        answers, said = os.pipe()
        self._orders: Final = open(orders, "w", encoding="utf-8")  # noqa: SIM115 (closed by its owner)
        self.answers: Final = open(answers, encoding="utf-8")  # noqa: SIM115 (the same)
        self.process: Final = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments, f"{option}={heard},{said}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(heard, said),
            **how,
        )
        os.close(heard)
        os.close(said)

    def tell(self, order: object) -> None:
        """Give an order."""
        with suppress(BrokenPipeError):  # it has ended, which the answer says
            write(self._orders, order)

    def answer(self) -> Any:
        """What it answers next; ``None`` where it has ended instead."""
        line = self.answers.readline()
        return json.loads(line) if line else None

    def dismiss(self) -> None:
        """There are no more orders."""
        with suppress(BrokenPipeError):
            self._orders.close()


def opened(descriptors: str) -> tuple[IO[str], IO[str]]:
    """The orders and the answers. ``descriptors``: the numbers of the two open files, as the option says them."""
    orders, answers = map(int, descriptors.split(","))
    return open(orders, encoding="utf-8"), open(answers, "w", encoding="utf-8")


def write(file: IO[str], value: object) -> None:
    """Write one line."""
    print(json.dumps(value, separators=(",", ":")), file=file, flush=True)
