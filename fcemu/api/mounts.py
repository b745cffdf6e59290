"""A route says what answers a request; a mount is another service's API on the same port, such as that of MNS."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fcemu.core.values import value

if TYPE_CHECKING:
    from fcemu.api.wire import Answer, Response, WireRequest

Handle = Callable[["WireRequest"], Awaitable["Response"]]
"""Answers a request."""
Handler = Callable[..., Awaitable[Any]]
"""What answers a request of fcemu's own API, under the name of its route (``own_api/routes.py``). It gets the request,
the parameters of the path in their order, and the records of the query and the body, where the route has them. It
returns what the route answers, or an answer that is written already."""


@value
class Route:
    """What answers a request, and what writes the answer when that fails.

    ``any_page``: pages of others may send it, as they may call HTTP triggers. ``tokenless``: it tells nothing.
    ``signed``: its signature is verified where the emulator wants that. ``visited``: it tells nothing to those who open
    it in a browser, wherever the link was.
    """

    handle: Handle
    refuse: "Callable[[WireRequest, Exception], Answer]"
    any_page: bool = False
    tokenless: bool = False
    signed: bool = False
    visited: bool = False


@value
class Mount:
    """A service: it answers all paths whose first segment is one of ``prefixes``.

    ``find`` gets a method, the segments of a path, and the query. ``own``: what answers its routes in fcemu's own API,
    by their names.
    """

    prefixes: Collection[str]
    find: Callable[[str, list[str], Mapping[str, str]], Route]
    own: Mapping[str, Handler]


def late(module: str, name: str) -> Callable[..., Any]:
    """The function or class ``name`` of a module, which is imported when it is first called.

    Most servers are never asked for most of what they can answer, and a start imports nothing for that.
    """

    @cache
    def found() -> Callable[..., Any]:
        called: Callable[..., Any] = getattr(import_module(module), name)
        return called

    return lambda *given: found()(*given)
