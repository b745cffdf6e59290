"""The mount of MNS: what the server has to know of it before the first request for it comes."""

from functools import partial
from typing import Any, Final

from fcemu.api.mounts import Mount, late
from fcemu.own_api import routes

_OWN: Final[tuple[routes.Route[Any], ...]] = (
    *(routes.LIST_QUEUES, routes.LIST_TOPICS, routes.SEND_MESSAGE, routes.PUBLISH_MESSAGE),
    *routes.LIST_MESSAGES.values(),
    *routes.CLEAR_MESSAGES.values(),
)
"""The routes of fcemu's own API that show and change queues, topics and buses."""

MNS: Final = Mount(
    prefixes=("queues", "topics"),
    find=late("fcemu.mns.wire.routes", "find"),
    own={route.name: partial(late("fcemu.mns.wire.own_routes", "answer"), route.name) for route in _OWN},
)
"""MNS, for the server."""
