"""``demand`` refuses a JSON object in which a member is missing or is unknown."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any


def demand(record: Any, members: Collection[str], what: str, *, may: Iterable[str] = ()) -> None:
    """Raise ``ValueError`` that names the member of ``record`` that is missing, or is unknown; ``may`` be missing."""
    if not isinstance(record, Mapping):
        raise ValueError(f"{what}: expected an object, got {type(record).__name__}")
    optional = frozenset(may)
    missing = [name for name in members if name not in record and name not in optional]
    if missing:
        raise ValueError(f"{what}: the member {missing[0]!r} is missing")
    unknown = sorted(record.keys() - {*members, *optional}, key=str)
    if unknown:
        raise ValueError(f"{what}: the member {unknown[0]!r} is unknown")
