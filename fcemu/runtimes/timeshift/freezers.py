"""A test's own freezers, freezegun's ``freeze_time`` and ``time_machine.travel``: finds, reads and moves them."""

import datetime as datetime_module
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from fcemu.backends import follows_freezers
from fcemu.handler.time import readings
from fcemu.handler.time.builtin_classes import Functions, named
from fcemu.handler.time.originals import NAMES
from fcemu.handler.time.switch import CLOCK


def _freezegun() -> Any:
    """freezegun, which must take the original functions before ours stand in their place.

    ``None`` in a process of fcemu's commands, which freezes no time, and where freezegun is not installed.
    """
    if not follows_freezers():
        return None
    try:
        import freezegun
        import freezegun.config
    except ModuleNotFoundError as missing:
        if missing.name != "freezegun":
            raise
        return None
    return freezegun


_FREEZEGUN: Final[Any] = _freezegun()
api: Final[Any] = None if _FREEZEGUN is None else _FREEZEGUN.api
FROZEN: Final[Sequence[Any]] = () if api is None else api.freeze_factories
"""Not empty while ``freeze_time`` is active; the last one governs."""
FAKES: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(api, f"fake_{name}") for name in NAMES if hasattr(api, f"fake_{name}")
}
"""What freezegun answers meanwhile."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_IGNORED: Final = [
    "fcemu.engine.real",
    "fcemu.handler.time.datetimes",
    "fcemu.handler.time.originals",
    "fcemu.handler.time.zones",
    "fcemu.handler.time.readings",
    "fcemu.runtimes.timeshift.freezers",
]
"""Modules that a freezer leaves alone. Not all of fcemu: freezegun also answers with real time whatever is called
within five frames of an ignored module, and our switch and the tests' callbacks must get frozen time."""


def active() -> str | None:
    """Who has frozen the test's time, as a test writes it; ``None`` where nobody has."""
    if FROZEN:
        return "freezegun's freeze_time"
    return "time_machine.travel" if travellers() else None


def travellers() -> Sequence[Any]:
    """The journeys of time-machine that the test is on, without importing it."""
    module = sys.modules.get("time_machine")
    return getattr(module, "traveller_stack", ())


def test_time() -> datetime | None:
    """What a test's freezer shows now, aware, UTC; ``None`` where there is none. Reading moves no freezer."""
    if FROZEN:
        factory: Any = FROZEN[-1]
        frozen = factory() if isinstance(factory, api.TickingDateTimeFactory) else factory.time_to_freeze
        moment: datetime = api.real_datetime.combine(frozen.date(), frozen.time(), UTC)
        return moment
    traveller = _traveller()
    if traveller is None:
        return None
    nanoseconds: int = traveller.time_ns()
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def move_test_time(by: timedelta) -> None:
    """Move the test's freezer; does nothing where there is none."""
    if FROZEN:
        factory: Any = FROZEN[-1]
        if isinstance(factory, api.TickingDateTimeFactory):
            factory.time_to_freeze += by
        elif by:
            factory.tick(by)
    else:
        traveller = _traveller()
        if traveller is not None:
            traveller.shift(by)


def _traveller() -> Any:
    on = travellers()
    return list(on)[-1] if on else None  # a copy, because ours answers a handler with the handler's clock


@contextmanager
def lifted() -> Iterator[None]:
    """The original functions and classes stand in ``time`` and ``datetime``, whatever a freezer has put there.

    time-machine's extension takes what it finds when it is imported for C functions, and would crash later.
    """
    if api is None:
        yield
        return
    originals = {(time, name): getattr(api, f"real_{name}") for name in FAKES}
    originals |= {(datetime_module, "datetime"): api.real_datetime, (datetime_module, "date"): api.real_date}
    present = {(module, name): getattr(module, name) for module, name in originals}
    for (module, name), original in originals.items():
        setattr(module, name, original)
    try:
        yield
    finally:
        for (module, name), value in present.items():
            setattr(module, name, value)


def ignore_ours() -> None:
    """Let freezegun leave alone what must keep real time; repeatable."""
    if _FREEZEGUN is not None:
        _FREEZEGUN.config.configure(extend_ignore_list=_IGNORED)


def ignore_ours_no_longer() -> None:
    """Undo ``ignore_ours``."""
    if _FREEZEGUN is None:
        return
    settings = _FREEZEGUN.config.settings
    settings.default_ignore_list = [name for name in settings.default_ignore_list if name not in _IGNORED]


def fake_functions() -> Functions:
    """What is to stand in freezegun's classes, which are ``datetime`` and ``date`` while a test has frozen its time: in
    a handler they ask its clock."""
    if api is None:
        return {}
    current = CLOCK.get
    fake = {name: vars(api.FakeDatetime)[name] for name in ("now", "utcnow", "fromtimestamp")}
    fake_now, fake_utcnow, fake_from = (one.__func__ for one in fake.values())
    fake_today = vars(api.FakeDate)["today"].__func__
    fake_timestamp, fake_astimezone = vars(api.FakeDatetime)["timestamp"], vars(api.FakeDatetime)["astimezone"]

    def now(cls: Any, tz: tzinfo | None = None) -> Any:
        clock = current()
        return fake_now(cls, tz) if clock is None else readings.now(clock, cls, tz)

    def utcnow(cls: Any) -> Any:
        clock = current()
        return fake_utcnow(cls) if clock is None else readings.utcnow(clock, cls)

    def fromtimestamp(cls: Any, t: float, tz: tzinfo | None = None) -> Any:
        return fake_from(cls, t, tz) if current() is None else readings.from_timestamp(cls, t, tz)

    def timestamp(self: Any) -> Any:
        return fake_timestamp(self) if current() is None else readings.timestamp(self)

    def astimezone(self: Any, tz: tzinfo | None = None) -> Any:
        return fake_astimezone(self, tz) if current() is None else readings.as_timezone(self, tz)

    def today(cls: Any) -> Any:
        clock = current()
        return fake_today(cls) if clock is None else readings.today(clock, cls)

    moments: dict[str, Callable[..., Any]] = {
        "now": now,
        "utcnow": utcnow,
        "fromtimestamp": fromtimestamp,
        "timestamp": timestamp,
        "astimezone": astimezone,
    }
    return named(api.FakeDatetime, moments) | named(api.FakeDate, {"today": today})
