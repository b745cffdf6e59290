"""Properties: what must hold after every fact of a story, and what must come true."""

from collections.abc import Callable, Sized
from datetime import datetime, timedelta
from typing import Final

from fcemu.core.timeline import render
from fcemu.core.times import later, parse_duration
from fcemu.core.values import value
from fcemu.engine.emulator import Emulator
from fcemu.testing.records import Duration

Predicate = Callable[[], object]
Effect = Callable[[], int | Sized]


class Property:
    """What a test demands of a story. ``name`` stands in failures."""

    name: str

    def broken(self, now: datetime) -> str:
        """After a fact: why it does not hold, ``""`` if it does."""
        return ""

    def missed(self, now: datetime) -> str:
        """At the end: why it does not hold, ``""`` if it does."""
        return self.broken(now)

    def begin(self, now: datetime) -> None:
        """The story begins."""


class Always(Property):
    """See ``always``."""

    def __init__(self, predicate: Predicate) -> None:
        self.name = f"always({_named(predicate)})"
        self._predicate: Final = predicate

    def broken(self, now: datetime) -> str:
        return "" if self._predicate() else "it is false"


class Eventually(Property):
    """See ``eventually``."""

    def __init__(self, predicate: Predicate, within: timedelta) -> None:
        self.name = f"eventually({_named(predicate)}, within={within.total_seconds():g} s)"
        self._predicate: Final = predicate
        self._within: Final = within
        self._end: datetime | None = None
        self._true = False

    def begin(self, now: datetime) -> None:
        self._end = later(now, self._within)

    def broken(self, now: datetime) -> str:
        if not self._true and self._end is not None:
            if now > self._end:
                return f"it did not become true by {self._end.isoformat()}"
            self._true = bool(self._predicate())
        return ""

    def missed(self, now: datetime) -> str:
        late = self.broken(now)
        return late or ("" if self._true else f"it is not true, and the run ends at {now.isoformat()}")


class ExactlyOnce(Property):
    """See ``exactly_once``."""

    def __init__(self, effect: Effect) -> None:
        self.name = f"exactly_once({_named(effect)})"
        self._effect: Final = effect

    def _times(self) -> int:
        found = self._effect()
        return found if isinstance(found, int) else len(found)

    def broken(self, now: datetime) -> str:
        times = self._times()
        return f"it has happened {times} times" if times > 1 else ""

    def missed(self, now: datetime) -> str:
        times = self._times()
        return "" if times == 1 else f"it has happened {times} times"


def always(predicate: Predicate) -> Property:
    """``predicate()`` is true after every fact."""
    return Always(predicate)


def eventually(predicate: Predicate, within: Duration = "30d") -> Property:
    """``predicate()`` is true after some fact, at most ``within`` after the property was added. Raises
    ``ValueError``."""
    span = parse_duration(within)
    if span < timedelta(0):
        raise ValueError(f"within: expected a duration of 0 or more, got {within!r}")
    return Eventually(predicate, span)


def exactly_once(effect: Effect) -> Property:
    """``effect()``, a number or something with a length, is never more than 1, and 1 at the end."""
    return ExactlyOnce(effect)


@value
class Broken:
    """A property that did not hold: why, and at which fact."""

    name: str
    why: str
    where: str


class Properties:
    """The properties of one emulator. They are looked at after every fact; the first that breaks is kept with that
    fact, and raised by the move that came to it, else by ``check()``."""

    def __init__(self) -> None:
        self._all: Final[list[Property]] = []
        self._engine: Emulator | None = None
        self._follows = False
        self._broken: Broken | None = None

    def begin(self, engine: Emulator) -> None:
        """Look at the facts of ``engine`` from now on, which a reset or a restart has made."""
        self._engine, self._follows = engine, False
        if self._all:
            self._follow()

    def add(self, one: Property) -> None:
        """Demand ``one`` from now on, which must hold at this moment as well. A predicate runs on the emulator's
        threads in the middle of what happens: it looks, and changes nothing."""
        assert self._engine is not None
        one.begin(self._engine.clock.shown())
        self._all.append(one)
        self._follow()
        self._look()
        self.demand()

    def _follow(self) -> None:
        if not self._follows and self._engine is not None:
            self._follows = True
            self._engine.after_each_fact(self._look)

    def _look(self) -> None:
        """Look at all of them, after a fact."""
        engine = self._engine
        assert engine is not None
        now = engine.clock.now()
        for one in self._all if self._broken is None else ():
            why = _why(one.broken, now)
            if why:
                self._broken = Broken(one.name, why, self._last_fact(engine))
                return

    def _last_fact(self, engine: Emulator) -> str:
        facts = engine.journal
        return (
            f"fact {len(facts)}: {render(facts, engine.clock.started).splitlines()[-1]}" if facts else "the beginning"
        )

    def demand(self, *, at_end: bool = False) -> None:
        """Raise ``AssertionError`` for the first property that broke; ``at_end``: also for one that never came true."""
        __tracebackhide__ = True
        engine = self._engine
        if self._broken is None and at_end and self._all and engine is not None:
            now = engine.clock.shown()
            for one in self._all:
                why = _why(one.missed, now)
                if why:
                    self._broken = Broken(one.name, why, "the end")
                    break
        if self._broken is not None:
            broken, self._broken = self._broken, None
            self._all.clear()  # one failure is told once
            raise AssertionError(f"property {broken.name} broke at {broken.where}: {broken.why}")


def _why(look: Callable[[datetime], str], now: datetime) -> str:
    try:
        return look(now)
    except Exception as error:  # what a test's predicate raises is told as its property's failure
        return f"it raised {type(error).__name__}: {error}"


def _named(predicate: Callable[..., object]) -> str:
    return getattr(predicate, "__name__", None) or repr(predicate)
