"""These handlers of routes under ``/_fcemu/`` show what was delivered, and send to a queue."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fcemu.api.mounts import Handler
from fcemu.api.wire import WireRequest
from fcemu.engine.emulator import Emulator
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import Arrival
from fcemu.mns.mail import Sending
from fcemu.mns.queue import Queue, Received
from fcemu.mns.topic import Topic
from fcemu.own_api import records, routes
from fcemu.own_api.codec import given_in
from fcemu.own_api.problems import Problem, not_found


def _record(message: Arrival | Received) -> records.Message:
    waiting: dict[str, Any] = {}
    if isinstance(message, Received):
        waiting = {"visible": message.visible, "dequeue_count": message.dequeue_count}
    return records.Message(message.message_id, message.at, message.request_id or None, message.body, **waiting)


async def _list(
    kind: str, request: WireRequest, name: str, which: records.WhichMessages | None = None
) -> list[records.Message]:
    emulator = request.emulator
    address = _address(emulator, kind, name)
    messages: Sequence[Arrival | Received] = (
        emulator.queues.waiting(name) if which is not None and which.waiting else emulator.mail.arrived(address)
    )
    emulator.read_outside.update(message.request_id for message in messages)
    return [_record(message) for message in messages]


async def _clear(kind: str, request: WireRequest, name: str) -> None:
    request.emulator.mail.clear(_address(request.emulator, kind, name))


async def _send(request: WireRequest, name: str, new: records.NewMessage) -> records.Message:
    return _put(Queue.WORD, request.emulator.queues.send, request, name, new)


async def _publish(request: WireRequest, name: str, new: records.Publication) -> records.Message:
    """Subscribed queues get it, and functions with a trigger on the topic."""
    return _put(Topic.WORD, request.emulator.topics.publish, request, name, new)


def _put(
    kind: str,
    put: Callable[[str, Sending], Arrival | Received],
    request: WireRequest,
    name: str,
    new: records.NewMessage | records.Publication,
) -> records.Message:
    _address(request.emulator, kind, name)
    try:
        return _record(put(name, Sending(**given_in(new))))
    except MNSError as refused:
        raise Problem("invalid-field", refused.message) from None


def _address(emulator: Emulator, kind: str, name: str) -> str:
    starts = f"{kind}:"
    known = [one.removeprefix(starts) for one in emulator.mail.addresses() if one.startswith(starts)]
    if name not in known:
        raise not_found(kind, name, known)
    return f"{kind}:{name}"


HANDLERS: Final[Mapping[str, Handler]] = {
    routes.SEND_MESSAGE.name: _send,
    routes.PUBLISH_MESSAGE.name: _publish,
    **{route.name: partial(_list, kind) for kind, route in routes.LIST_MESSAGES.items()},
    **{route.name: partial(_clear, kind) for kind, route in routes.CLEAR_MESSAGES.items()},
}
"""By the names of their routes."""
