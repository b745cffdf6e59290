"""``Paths`` finds what belongs to a method and a path; targets are split into segments and a query."""

from collections.abc import Iterable
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, unquote

T = TypeVar("T")

ANY_METHOD: Final = "*"
REST: Final = "{path…}"
"""The last segment of a pattern that takes all segments that are left, also none."""


def split_target(target: str) -> tuple[list[str], dict[str, str]]:
    """The segments of a raw path, at least one, split before they are decoded; and the query, in which the first of
    several values counts."""
    path, _, query = target.partition("#")[0].partition("?")
    segments = [unquote(segment) for segment in path.split("/")[1:]] or [""]
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, value)
    return segments, found


def behind(target: str, count: int) -> tuple[list[str], str]:
    """The first ``count`` segments of a target as they were sent, and the target that is left behind them.

    The query is cut off before the path is split: what stands in it, slashes too, is never a part of the path.
    """
    path, question, query = target.partition("?")
    segments = path.split("/", count + 1)[1:]
    rest = "".join(segments[count:])
    return segments[:count], f"/{rest}{question}{query}"


class Paths(Generic[T]):
    """Finds what belongs to a method and a path among patterns like ``/services/{service}/functions``."""

    def __init__(self, patterns: Iterable[tuple[str, str, T]] = ()) -> None:
        self._patterns: list[tuple[str, list[str], T]] = [
            (method, path.split("/")[1:], value) for method, path, value in patterns
        ]

    def find(self, method: str, segments: list[str]) -> tuple[T, dict[str, str]] | None:
        """What belongs to ``method`` and the path, with its parameters; none of them is empty."""
        for wanted, pattern, value in self._patterns:
            if wanted in (method, ANY_METHOD):
                parameters = _match(pattern, segments)
                if parameters is not None:
                    return value, parameters
        return None

    def methods(self, segments: list[str]) -> list[str]:
        """Which methods the path has."""
        return [method for method, pattern, _ in self._patterns if _match(pattern, segments) is not None]


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if pattern[-1] == REST:
        if len(segments) < len(pattern) - 1:
            return None
        pattern, segments = pattern[:-1], segments[: len(pattern) - 1]
    if len(pattern) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            if not segment:
                return None
            parameters[wanted[1:-1]] = segment
        elif wanted != segment:
            return None
    return parameters
