"""An errand is something outside the emulator that the clock waits for: a report that is posted to a URL, or a hook."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fcemu.engine.runs import CodeRun


class Errand:
    """Falls due like an attempt; ``go`` then runs without the baton, on one of the emulator's threads, while the clock
    waits for it, and ``done`` gets what came of it, with the baton held."""

    over: Final = False

    def __init__(
        self,
        title: str,
        go: Callable[[], str | None],
        done: Callable[[str | None, datetime], None],
        run: CodeRun | None = None,
    ) -> None:
        self._title: Final = title
        self.go: Final = go
        """Does it, in real time, and raises nothing; returns why it failed, ``None`` when it did not."""
        self.done: Final = done
        self.run: Final = run
        """The code of a user that runs then, for which the clock waits while a strand of it runs."""
        self.counted = False

    def fall_due(self, now: datetime) -> "Errand":
        """It sets out."""
        return self

    def __str__(self) -> str:
        return self._title
