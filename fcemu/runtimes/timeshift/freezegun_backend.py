"""freezegun, the declared dependency: the classes that replace ``datetime`` and ``date``, and a test's own freezer."""

import copyreg
import datetime as module
import sqlite3
import sys
import warnings
from typing import Any, Final, Self, SupportsIndex

import freezegun.config
from freezegun import api

from fcemu.runtimes.timeshift.originals import NAMES
from fcemu.runtimes.timeshift.switch import CLOCK
from fcemu.runtimes.timeshift.zones import ZONE

FROZEN: Final = api.freeze_factories
"""Not empty while a test has frozen time by itself."""
FAKES: Final = {name: getattr(api, f"fake_{name}") for name in NAMES if hasattr(api, f"fake_{name}")}
"""What freezegun answers meanwhile."""
REAL_DATETIME: Final = api.real_datetime
REAL_DATE: Final = api.real_date
FROZEN_DATETIME: Final = api.FakeDatetime
FROZEN_DATE: Final = api.FakeDate

_IGNORED: Final = [
    "fcemu.engine.real",
    "fcemu.runtimes.timeshift.originals",
    "fcemu.runtimes.timeshift.zones",
    "fcemu.runtimes.timeshift.freezegun_backend",
]
"""Modules that a freezer leaves alone. Not all of fcemu: freezegun also answers with real time whatever is called
within five frames of an ignored module, and our switch and the tests' callbacks must get frozen time."""


class _OneTypeOfDate(api.FakeDatetimeMeta):
    """For ``isinstance`` the replaced class and the real one are the same; subclasses of users' are themselves."""

    def __instancecheck__(self, instance: Any) -> bool:  # type: ignore[override]
        return isinstance(instance, _REAL[self]) if self in _REAL else type.__instancecheck__(self, instance)

    def __subclasscheck__(self, subclass: type) -> bool:  # type: ignore[override]
        return issubclass(subclass, _REAL[self]) if self in _REAL else type.__subclasscheck__(self, subclass)


_REAL: Final[dict[type, type]] = {}


class VirtualDate(api.FakeDate, metaclass=_OneTypeOfDate):
    """``datetime.date`` while the switch is installed."""

    __add__ = REAL_DATE.__add__
    __sub__ = REAL_DATE.__sub__

    @classmethod
    def today(cls) -> Self:
        if CLOCK.get() is None:
            return super().today() if FROZEN else super(api.FakeDate, cls).today()  # type: ignore[return-value]
        today = VirtualDatetime.now()
        return cls(today.year, today.month, today.day)

    @classmethod
    def fromtimestamp(cls, timestamp: float, /) -> Self:
        if CLOCK.get() is None:
            return super().fromtimestamp(timestamp)
        day = REAL_DATETIME.fromtimestamp(timestamp, ZONE.get())
        return cls(day.year, day.month, day.day)

    def __repr__(self) -> str:
        text = super().__repr__()
        return f"datetime.{text}" if type(self) in _REAL else text  # as the real classes print themselves

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _as_standard(self, super().__reduce_ex__(protocol))


class VirtualDatetime(api.FakeDatetime, VirtualDate, metaclass=_OneTypeOfDate):
    """``datetime.datetime`` while the switch is installed."""

    __add__ = REAL_DATETIME.__add__
    __radd__ = REAL_DATETIME.__radd__
    __sub__ = REAL_DATETIME.__sub__  # type: ignore[assignment]

    def __repr__(self) -> str:
        text = REAL_DATETIME.__repr__(self)
        return f"datetime.{text}" if type(self) in _REAL else text

    @classmethod
    def now(cls, tz: module.tzinfo | None = None) -> Self:
        clock = CLOCK.get()
        if clock is None:
            if FROZEN:
                return super().now(tz)  # type: ignore[return-value]
            return _plain_now(tz) if cls is VirtualDatetime else super(api.FakeDatetime, cls).now(tz)
        moment = clock.now().astimezone(ZONE.get() if tz is None else tz)
        return cls.combine(moment.date(), moment.time() if tz is None else moment.timetz())

    @classmethod
    def today(cls) -> Self:
        return cls.now()

    @classmethod
    def utcnow(cls) -> Self:
        if CLOCK.get() is not None:
            return cls.now(module.UTC).replace(tzinfo=None)
        if FROZEN:
            return super().utcnow()  # type: ignore[return-value]
        if sys.version_info >= (3, 12):  # the original would name this line as the caller
            text = "datetime.datetime.utcnow() is deprecated; use datetime.datetime.now(datetime.UTC)"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return cls.now(module.UTC).replace(tzinfo=None)
        else:  # noqa: RET505 (mypy would call what follows unreachable)
            return super(api.FakeDatetime, cls).utcnow()

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: module.tzinfo | None = None) -> Self:
        real = super(api.FakeDatetime, cls).fromtimestamp
        if CLOCK.get() is not None:
            return real(timestamp, ZONE.get()).replace(tzinfo=None) if tz is None else real(timestamp, tz)
        return super().fromtimestamp(timestamp, tz) if FROZEN else real(timestamp, tz)  # type: ignore[return-value]

    def timestamp(self) -> float:
        if self.tzinfo is None and CLOCK.get() is not None:
            return REAL_DATETIME.timestamp(self.replace(tzinfo=ZONE.get()))
        return super().timestamp() if FROZEN else REAL_DATETIME.timestamp(self)

    def astimezone(self, tz: module.tzinfo | None = None) -> Self:
        if CLOCK.get() is not None:
            aware = self.replace(tzinfo=ZONE.get()) if self.tzinfo is None else self
            return REAL_DATETIME.astimezone(aware, ZONE.get() if tz is None else tz)
        return super().astimezone(tz) if FROZEN else REAL_DATETIME.astimezone(self, tz)  # type: ignore[return-value]

    def date(self) -> VirtualDate:
        return VirtualDate(self.year, self.month, self.day)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _as_standard(self, REAL_DATETIME.__reduce_ex__(self, protocol))


_plain_now: Final[Any] = REAL_DATETIME.__dict__["now"].__get__(None, VirtualDatetime)
_REAL.update({VirtualDate: REAL_DATE, VirtualDatetime: REAL_DATETIME})
for _virtual, _real in _REAL.items():
    _virtual.__name__ = _virtual.__qualname__ = _real.__name__
    _virtual.__module__ = "datetime"  # pickles then look as if made by the real class
    _virtual.min, _virtual.max = _virtual(1, 1, 1), _virtual(9999, 12, 31)  # type: ignore[attr-defined]
VirtualDatetime.max = VirtualDatetime(*REAL_DATETIME.max.timetuple()[:6], REAL_DATETIME.max.microsecond)


def _as_standard(moment: module.date, reduced: Any) -> Any:
    """A pickle that names ``datetime.datetime``, whichever class stands there when it is read."""
    if type(moment) not in _STANDARD:
        return reduced
    _make, *rest = reduced
    return (getattr(module, "datetime" if isinstance(moment, REAL_DATETIME) else "date"), *rest)


_STANDARD: Final = (VirtualDatetime, VirtualDate, REAL_DATETIME, REAL_DATE)


def _reduce_real_datetime(moment: module.datetime) -> Any:
    return _as_standard(moment, REAL_DATETIME.__reduce_ex__(moment, 4))


def _reduce_real_date(day: module.date) -> Any:
    return _as_standard(day, REAL_DATE.__reduce_ex__(day, 4))


def register() -> None:
    """Make pickle, SQLite and freezegun itself know our classes; repeatable."""
    copyreg.pickle(REAL_DATETIME, _reduce_real_datetime)
    copyreg.pickle(REAL_DATE, _reduce_real_date)
    sqlite3.register_adapter(VirtualDate, REAL_DATE.isoformat)
    sqlite3.register_adapter(VirtualDatetime, lambda moment: moment.isoformat(" "))
    freezegun.config.configure(extend_ignore_list=_IGNORED)


def unregister() -> None:
    """Undo ``register``, as far as it can be seen; a freezer that is still active keeps what it needs."""
    if FROZEN:
        copyreg.pickle(REAL_DATETIME, api.pickle_fake_datetime)
        copyreg.pickle(REAL_DATE, api.pickle_fake_date)
    else:
        copyreg.dispatch_table.pop(REAL_DATETIME, None)
        copyreg.dispatch_table.pop(REAL_DATE, None)
    settings = freezegun.config.settings
    settings.default_ignore_list = [name for name in settings.default_ignore_list if name not in _IGNORED]
