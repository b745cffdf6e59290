"""Mutants: which other values a setting of a function is tried with, to see whether a test notices."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.fc_kinds import Target
from fcemu.core.fields.kinds import Duration, Whole, Wrong
from fcemu.core.fields.rows import Field
from fcemu.core.limits import Limits

_RETRIES: Final = ASYNC.field("maxAsyncRetryAttempts")
_DESTINATIONS: Final = tuple(key for key, field in ASYNC.keys.items() if isinstance(field.in_file, Target))


def other_values(field: Field, value: Any, beside: Mapping[str, Any], limits: Limits) -> list[Any]:
    """The values that a setting is tried with in place of ``value``, as plain data; ``None``: it is left out.

    Those of which tests should notice most come first: no retries before one more, no destination before another one,
    half of a time before the least. ``beside``: the other values of the same map. All are legal within ``limits``. The
    list is empty for settings that say nothing of retries, times or destinations.
    """
    tried = dict.fromkeys(_tried(field, value, beside, limits))
    return [one for one in tried if one is None or (one != value and _is_legal(field, one, limits))]


def _tried(field: Field, value: Any, beside: Mapping[str, Any], limits: Limits) -> Iterator[Any]:
    match field.in_file:
        case Target():
            yield None
            yield from (beside[key] for key in _DESTINATIONS if key in beside)
        case Duration(bounds):
            least, _ = bounds(limits)
            yield from (max(least, value // 2), least) if value > least else (2 * value,)
        case Whole(bounds=bounds) if field is _RETRIES and bounds is not None:
            least, most = bounds(limits)
            yield from (least, value + 1 if value < most else value - 1)


def _is_legal(field: Field, value: Any, limits: Limits) -> bool:
    kind = field.in_file
    return isinstance(kind, Duration | Target | Whole) and not isinstance(kind.read(value, limits), Wrong)
