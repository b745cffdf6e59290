"""The journal as text for people: one line a fact, with virtual times."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from fcemu.core.facts import Accepted, Changed, Fact, InstanceFact, MailFact
from fcemu.core.times import offset


class Timeline:
    """Writes facts as lines ``+200.5 s  orders/charge (1)  attempt 2 starts``, as they come.

    Times count from ``started``. Invocations of one function are numbered in the order of acceptance. Facts that come
    together are aligned; later ones stand in the columns of the earlier ones, which widen as they need to. ``names``:
    how many invocations have their number at a time; the request id stands for an older one.
    """

    def __init__(self, started: datetime, names: int | None = None) -> None:
        self._started: Final = started
        self._most: Final = names
        self._names: Final[dict[str, str]] = {}
        self._counts: Final[dict[str, int]] = {}
        self._widths: tuple[int, ...] = (0, 0)

    def lines(self, facts: Iterable[Fact]) -> list[str]:
        """The lines of the facts that follow those written before."""
        rows = [self.row(fact) for fact in facts]
        when, who = self._widths = tuple(
            max([width, *(len(row[column]) for row in rows)]) for column, width in enumerate(self._widths)
        )
        return [f"{at:<{when}}  {name:<{who}}  {what}" for at, name, what in rows]

    def name_of(self, request_id: str) -> str:
        """What an invocation is called here: ``orders/charge (1)``, else its request id."""
        return self._names.get(request_id) or request_id

    def row(self, fact: Fact) -> tuple[str, str, str]:
        """When it happened, to whom, and what, of the fact that follows those written before."""
        if isinstance(fact, Accepted):
            function = str(fact.function)
            self._counts[function] = self._counts.get(function, 0) + 1
            self._names[fact.request_id] = f"{function} ({self._counts[function]})"
            if self._most is not None and len(self._names) > self._most:
                del self._names[next(iter(self._names))]
            what = fact.line(self._started, self._names.get(fact.root, ""))
        else:
            what = fact.line(self._started)
        who = self._names.get(fact.request_id) or fact.request_id
        if isinstance(fact, Changed):
            who = "(definition)"
        elif isinstance(fact, InstanceFact):
            who = str(fact.function)
        elif not who and isinstance(fact, MailFact):
            who = fact.destination
        return offset(fact.at, self._started), who, what


def render(facts: Iterable[Fact], started: datetime) -> str:
    """All the facts as one text; ``""`` when there are none."""
    return "\n".join(Timeline(started).lines(facts))
