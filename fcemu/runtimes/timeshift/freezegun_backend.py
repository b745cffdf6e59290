"""freezegun, the declared dependency: the classes that replace ``datetime`` and ``date``."""

import copyreg
import datetime as module
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final, Self, SupportsIndex

from freezegun import api

from fcemu.runtimes.timeshift import freezers, readings
from fcemu.runtimes.timeshift.freezers import FROZEN
from fcemu.runtimes.timeshift.switch import CLOCK

REAL_DATETIME: Final = api.real_datetime
REAL_DATE: Final = api.real_date


class _OneTypeOfDate(api.FakeDatetimeMeta):
    """For ``isinstance`` the replaced class and the real one are the same; subclasses of users' are themselves."""

    def __instancecheck__(self, instance: Any) -> bool:  # type: ignore[override]
        return isinstance(instance, _REAL[self]) if self in _REAL else type.__instancecheck__(self, instance)

    def __subclasscheck__(self, subclass: type) -> bool:  # type: ignore[override]
        return issubclass(subclass, _REAL[self]) if self in _REAL else type.__subclasscheck__(self, subclass)

    def __eq__(self, other: object) -> bool:
        return self is other or _BY_ID.get(id(self)) is other

    def __hash__(self) -> int:
        """Tables by type, e.g. SQLAlchemy's and sqlite3's, find the replaced class where the real one is written."""
        return type.__hash__(_BY_ID.get(id(self), self))


_REAL: Final[dict[type, type]] = {}
_BY_ID: Final[dict[int, type]] = {}


class VirtualDate(api.FakeDate, metaclass=_OneTypeOfDate):
    """``datetime.date`` while the switch is installed."""

    __add__ = REAL_DATE.__add__
    __sub__ = REAL_DATE.__sub__

    @classmethod
    def today(cls) -> Self:
        clock = CLOCK.get()
        if clock is not None:
            return readings.today(clock, cls)  # type: ignore[no-any-return]
        if FROZEN:
            return super().today()  # type: ignore[return-value]
        now = _real_now()
        return cls(now.year, now.month, now.day)

    @classmethod
    def fromtimestamp(cls, timestamp: float, /) -> Self:
        if CLOCK.get() is not None:
            return readings.date_from_timestamp(cls, timestamp)  # type: ignore[no-any-return]
        return super().fromtimestamp(timestamp)

    def __repr__(self) -> str:
        text = super().__repr__()
        return f"datetime.{text}" if type(self) in _REAL else text  # as the real classes print themselves

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Callable[[type], Any]) -> Any:
        """pydantic knows the real classes by identity; it builds its models from this."""
        return handler(_REAL[VirtualDatetime if VirtualDatetime in cls.__mro__ else VirtualDate])

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
        if clock is not None:
            return readings.now(clock, cls, tz)  # type: ignore[no-any-return]
        if FROZEN:
            return super().now(tz)  # type: ignore[return-value]
        return (_plain_now if cls is VirtualDatetime else _bound_now(None, cls))(tz)  # type: ignore[no-any-return]

    @classmethod
    def today(cls) -> Self:
        return cls.now()

    @classmethod
    def utcnow(cls) -> Self:
        clock = CLOCK.get()
        if clock is not None:
            return readings.utcnow(clock, cls)  # type: ignore[no-any-return]
        if FROZEN:
            return super().utcnow()  # type: ignore[return-value]
        if sys.version_info >= (3, 12):  # the original would name this line as the caller
            text = "datetime.datetime.utcnow() is deprecated; use datetime.datetime.now(datetime.UTC)"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return cls.now(module.UTC).replace(tzinfo=None)
        else:  # noqa: RET505 (mypy would call what follows unreachable)
            return (_plain_utcnow if cls is VirtualDatetime else _bound_utcnow(None, cls))()  # type: ignore[no-any-return]

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: module.tzinfo | None = None) -> Self:
        if CLOCK.get() is not None:
            return readings.from_timestamp(cls, timestamp, tz)  # type: ignore[no-any-return]
        if FROZEN:
            return super().fromtimestamp(timestamp, tz)  # type: ignore[return-value]
        return (_plain_from if cls is VirtualDatetime else _bound_from(None, cls))(timestamp, tz)  # type: ignore[no-any-return]

    def timestamp(self) -> float:
        if CLOCK.get() is not None:
            return readings.timestamp(self)
        return super().timestamp() if FROZEN else REAL_DATETIME.timestamp(self)

    def astimezone(self, tz: module.tzinfo | None = None) -> Self:
        if CLOCK.get() is not None:
            return readings.as_timezone(self, tz)  # type: ignore[no-any-return]
        return super().astimezone(tz) if FROZEN else REAL_DATETIME.astimezone(self, tz)  # type: ignore[return-value]

    def date(self) -> VirtualDate:
        return VirtualDate(self.year, self.month, self.day)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _as_standard(self, REAL_DATETIME.__reduce_ex__(self, protocol))


_real_now: Final[Any] = REAL_DATETIME.now
_bound_now, _bound_utcnow, _bound_from = (
    REAL_DATETIME.__dict__[name].__get__ for name in ("now", "utcnow", "fromtimestamp")
)
_plain_now, _plain_utcnow, _plain_from = (
    bound(None, VirtualDatetime) for bound in (_bound_now, _bound_utcnow, _bound_from)
)
_BY_ID.update({id(VirtualDate): REAL_DATE, id(VirtualDatetime): REAL_DATETIME})
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


class FreezegunBackend:
    """Implements ``Backend``: two classes are replaced, the functions of ``time`` are called as they are."""

    def __init__(self) -> None:
        self.exchanged: Final = ()
        self.travelling: Final = ()
        self.real: Final[dict[str, Any]] = {}
        self.classes: Final = (
            ("datetime", REAL_DATETIME, VirtualDatetime, api.FakeDatetime),
            ("date", REAL_DATE, VirtualDate, api.FakeDate),
        )

    def register(self) -> None:
        """Make pickle and freezegun itself know our classes; repeatable."""
        copyreg.pickle(REAL_DATETIME, _reduce_real_datetime)
        copyreg.pickle(REAL_DATE, _reduce_real_date)
        freezers.ignore_ours()

    def unregister(self) -> None:
        """Undo ``register``, as far as it can be seen; a freezer that is still active keeps what it needs."""
        if FROZEN:
            copyreg.pickle(REAL_DATETIME, api.pickle_fake_datetime)
            copyreg.pickle(REAL_DATE, api.pickle_fake_date)
        else:
            copyreg.dispatch_table.pop(REAL_DATETIME, None)
            copyreg.dispatch_table.pop(REAL_DATE, None)
        freezers.ignore_ours_no_longer()

    def enter(self) -> None:
        """Nothing more is needed while an attempt runs."""

    def leave(self) -> None:
        """Nor is anything to be put back."""
