"""The journal as text for people: one line a fact, with virtual times; all of it, or what matters most of it."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from fcemu.core.facts import Accepted, Changed, Deviated, Fact, InstanceFact, InvocationFact, MailFact, Refused
from fcemu.core.times import for_people, offset


class Row(NamedTuple):
    """One line, before it is aligned with the others."""

    at: str
    who: str
    what: str


class Timeline:
    """Writes facts as lines ``+200.5 s  orders/charge (1)  attempt 2 starts``, as they come.

    Times count from ``started``. Invocations of one function are numbered in the order of acceptance. Facts that come
    together are aligned; later ones stand in the columns of the earlier ones, which widen as they need to. ``names``:
    how many invocations have their number at a time; the request id stands for an older one.
    """

    def __init__(self, started: datetime, names: int | None = None) -> None:
        self._started: Final = started
        self._most: Final = names
        self.names: Final[OrderedDict[str, str]] = OrderedDict()
        """What the lines call each invocation, by request id; its first entry is removed in no time."""
        self._counts: Final[dict[str, int]] = {}
        self._widths: tuple[int, ...] = (0, 0)

    def lines(self, facts: Iterable[Fact]) -> list[str]:
        """The lines of the facts that follow those written before."""
        return self.aligned([self.row(fact) for fact in facts])

    def aligned(self, rows: Sequence[Row]) -> list[str]:
        """Rows as lines, in the columns of those written before."""
        when, who = self._widths = tuple(
            max([width, *(len(row[column]) for row in rows)]) for column, width in enumerate(self._widths)
        )
        return [f"{at:<{when}}  {name:<{who}}  {what}" for at, name, what in rows]

    def name_of(self, request_id: str) -> str:
        """What an invocation is called here: ``orders/charge (1)``, else its request id."""
        return self.names.get(request_id) or request_id

    def row(self, fact: Fact) -> Row:
        """When it happened, to whom, and what, of the fact that follows those written before."""
        return Row(offset(fact.at, self._started), *self.told(fact))

    def told(self, fact: Fact) -> tuple[str, str]:
        """To whom it happened, and what, of the fact that follows those written before."""
        if isinstance(fact, Accepted):
            self._name(fact)
            return self.names[fact.request_id], fact.line(self._started, self.names.get(fact.root, ""))
        return self._who(fact), fact.line(self._started)

    def _who(self, fact: Fact) -> str:
        who = self.name_of(fact.request_id)
        if isinstance(fact, InvocationFact):
            return who
        if isinstance(fact, Changed):
            return "(definition)"
        if isinstance(fact, Refused):
            return "(refused)"
        if isinstance(fact, Deviated):
            return "(chance)"
        if isinstance(fact, InstanceFact):
            return str(fact.function)
        if not who and isinstance(fact, MailFact):
            return fact.destination
        return who

    def pass_over(self, fact: Fact) -> None:
        """A fact that gets no line."""
        if isinstance(fact, Accepted):
            self._name(fact)

    def _name(self, fact: Accepted) -> None:
        function = str(fact.function)
        self._counts[function] = self._counts.get(function, 0) + 1
        self.names[fact.request_id] = f"{function} ({self._counts[function]})"
        if self._most is not None and len(self.names) > self._most:
            self.names.popitem(last=False)


def render(facts: Iterable[Fact], started: datetime) -> str:
    """All the facts as one text; ``""`` when there are none."""
    return "\n".join(Timeline(started).lines(facts))


LINES: Final = 60
"""Lines of a capped timeline, but for what says how much is left out."""
_LAST: Final = 20
_FIRST: Final = 5


def capped(timeline: Timeline, facts: Iterable[Fact], count: int, matter: Sequence[str], more: str) -> list[str]:
    """The lines of what matters most among ``count`` facts, in their order: the first and the last ones, and those of
    the invocations ``matter``, the most important first. ``more`` says how to see the rest. Long times are written for
    people.

    Rows of one invocation that follow each other and say the same are folded into one.
    """
    chosen = _chosen(list(facts), count, matter) if count > LINES else None
    rows: list[Row] = []
    left_out = 0
    for place, fact in enumerate(facts):
        if chosen is None or place in chosen:
            if left_out:
                rows.append(Row("", "", f"… {left_out:,} more"))
            left_out = 0
            rows.append(Row(*map(for_people, timeline.row(fact))))
        else:
            timeline.pass_over(fact)
            left_out += 1
    lines = [line.strip() if line.lstrip().startswith("…") else line for line in timeline.aligned(_folded(rows))]
    missing = 0 if chosen is None else count - len(chosen)
    return [*lines, f"… {missing:,} more, {more}"] if missing else lines


def _chosen(facts: Sequence[Fact], count: int, matter: Sequence[str]) -> Collection[int]:
    places = [*range(_FIRST), *range(count - _LAST, count)]
    chosen = {place for place in places if 0 <= place < count}
    found: dict[str, list[int]] = {request_id: [] for request_id in matter}
    for place, fact in enumerate(facts):
        if fact.request_id in found:
            found[fact.request_id].append(place)
    for request_id in matter:
        room = LINES - len(chosen)
        if room <= 0:
            break
        chosen.update([place for place in found[request_id] if place not in chosen][-room:])
    return chosen


def _folded(rows: Iterable[Row]) -> list[Row]:
    """Rows without those that repeat the one before; that says how often and until when."""
    folded: list[Row] = []
    times, last = 1, ""

    def close() -> None:
        if times > 1:
            row = folded[-1]
            until = "" if last == row.at else f", the last at {last}"
            folded[-1] = row._replace(what=f"{row.what} ({times} times{until})")

    for row in rows:
        if folded and row[1:] == folded[-1][1:]:
            times, last = times + 1, row.at
            continue
        close()
        times, last = 1, ""
        folded.append(row)
    close()
    return folded
