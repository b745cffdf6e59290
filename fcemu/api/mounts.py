"""A mount is another service's API on the same port, such as that of MNS."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple

from fcemu.api.wire import Answer, WireRequest

Handler = Callable[..., Awaitable[Any]]
"""What answers a request of fcemu's own API, under the name of its route (``own_api/routes.py``). It gets the request,
the parameters of the path in their order, and the records of the query and the body, where the route has them. It
returns what the route answers, or an answer that is written already."""
Found = tuple[Callable[[WireRequest], Awaitable[Answer]], Callable[[WireRequest, Exception], Answer]]
"""What answers a request, and what writes the answer when that fails."""


class Mount(NamedTuple):
    """A service: it answers all paths whose first segment is one of ``prefixes``.

    ``find`` gets a method, the segments of a path, and the query. ``own``: what answers its routes in fcemu's own API,
    by their names.
    """

    prefixes: Collection[str]
    find: Callable[[str, list[str], Mapping[str, str]], Found]
    own: Mapping[str, Handler]
