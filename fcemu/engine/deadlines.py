"""This module keeps the timeouts of attempts on a flowing clock, where each attempt has one and hardly one strikes."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final, Protocol


class Deadlined(Protocol):
    """An attempt. ``left``: its thread has come back."""

    left: bool
    deadline: datetime

    @property
    def over(self) -> bool: ...

    @property
    def timeout(self) -> timedelta: ...


class Deadlines:
    """Attempts by the length of their timeouts, each in the order in which the timeouts strike.

    A heap would hold hundreds of thousands of attempts that are over.
    """

    __slots__ = ("by_timeout",)

    def __init__(self) -> None:
        self.by_timeout: Final[dict[timedelta, deque[Deadlined]]] = {}

    def watch(self, run: Deadlined) -> bool:
        """Let the timeout of an attempt strike that has just begun, or begins anew; whether it is the first of its
        length."""
        runs = self.by_timeout.get(run.timeout)
        if runs is None:
            self.by_timeout[run.timeout] = deque([run])
            return True
        while runs and runs[0].over:
            runs.popleft()
        runs.append(run)
        return len(runs) == 1

    def forget(self, run: Deadlined) -> None:
        """The attempt gets another deadline."""
        runs = self.by_timeout.get(run.timeout)
        if runs is not None and run in runs:
            runs.remove(run)

    def first(self) -> Deadlined | None:
        """The attempt whose timeout strikes first."""
        found: Deadlined | None = None
        for runs in self.by_timeout.values():
            while runs and (runs[0].over or runs[0].left):
                runs.popleft()
            if runs and (found is None or runs[0].deadline < found.deadline):
                found = runs[0]
        return found

    def pop(self) -> Deadlined:
        """Take out ``first()``, which there is."""
        run = self.first()
        assert run is not None, "the caller has seen it"
        return self.by_timeout[run.timeout].popleft()

    def clear(self) -> None:
        """The clock was paused."""
        self.by_timeout.clear()
