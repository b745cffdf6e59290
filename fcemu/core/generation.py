"""FC2 and FC3: every behaviour that differs between them, as data."""

from enum import Enum
from typing import Final

from fcemu.core.values import dataclass

V2016: Final = "2016-08-15"
V2021: Final = "2021-04-06"
V2023: Final = "2023-03-30"
VERSIONS: Final = (V2016, V2021, V2023)
"""The versions of FC's API: the first two have the generation ``FC2``, the third has ``FC3``."""


class IdStyle(Enum):
    """How a generation writes request and instance ids (async-invocation §1.4)."""

    UUID = "uuid"
    TIMED = "timed"


@dataclass(frozen=True, slots=True)
class Generation:
    """How a function behaves because of the product generation it was created in.

    ``retried_refusals``: the statuses of attempts that never ran and are retried with back-off. Both generations
    retry all three; the English FC 3.0 page of 2026 prints "No retry" for 500 and 503, the Chinese original and
    every 2.0 page do not (retry-and-destinations §1). ``Settings.retry_server_errors`` selects the other reading.
    """

    name: str
    ids: IdStyle
    versions_belong_to: str
    retried_refusals: frozenset[int]

    def __str__(self) -> str:
        return self.name


FC2: Final = Generation(
    name="FC2",
    ids=IdStyle.UUID,
    versions_belong_to="service",
    retried_refusals=frozenset({429, 500, 503}),
)
FC3: Final = Generation(
    name="FC3",
    ids=IdStyle.TIMED,
    versions_belong_to="function",
    retried_refusals=frozenset({429, 500, 503}),
)
