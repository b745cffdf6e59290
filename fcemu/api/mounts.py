"""What the server knows of a route of fcemu's own API, and of another service's API on the same port."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple

from fcemu.api.wire import Answer, Stream, WireRequest

Handler = Callable[[WireRequest, Mapping[str, str], Mapping[str, str]], Awaitable[Answer | Stream]]
"""What answers a request of fcemu's own API; it gets the parameters of the path, and the query."""
Found = tuple[Callable[[WireRequest], Awaitable[Answer]], Callable[[WireRequest, Exception], Answer]]
"""What answers a request, and what writes the answer when that fails."""


class Mount(NamedTuple):
    """A service: it answers all paths whose first segment is one of ``prefixes``.

    ``find`` gets a method, the segments of a path, and the query. ``own``: its routes in fcemu's own API, by method and
    path below ``/_fcemu``.
    """

    prefixes: Collection[str]
    find: Callable[[str, list[str], Mapping[str, str]], Found]
    own: Mapping[tuple[str, str], Handler]
