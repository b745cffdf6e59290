"""These handlers of routes under ``/_fcemu/`` list queues, topics and buses, show what was delivered, and send."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from fcemu.api.mounts import Handler
from fcemu.api.wire import WireRequest
from fcemu.core.triggers import topic_of
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


async def _queues(request: WireRequest) -> list[records.Queue]:
    queues = request.emulator.queues
    return [queues.show(name, _queue_record) for name in queues.names()]


def _queue_record(queue: Queue, now: datetime) -> records.Queue:
    counts = queue.counts(now)
    return records.Queue(queue.name, len(queue.arrived), counts.active, counts.inactive, counts.delayed)


async def _topics(request: WireRequest) -> list[records.Topic]:
    emulator = request.emulator
    listening = [(topic_of(each), f"{each.function}/{each.name}") for each in emulator.triggers.all()]

    def record(topic: Topic, _: datetime) -> records.Topic:
        subscriptions = [
            records.Subscription(each.name, each.queue, each.filter_tag) for each in topic.subscriptions.values()
        ]
        triggers = [trigger for name, trigger in listening if name == topic.name]
        return records.Topic(topic.name, len(topic.arrived), subscriptions, triggers)

    return [emulator.topics.show(name, record) for name in emulator.topics.names()]


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


_HANDLERS: Final[Mapping[str, Handler]] = {
    routes.LIST_QUEUES.name: _queues,
    routes.LIST_TOPICS.name: _topics,
    routes.SEND_MESSAGE.name: _send,
    routes.PUBLISH_MESSAGE.name: _publish,
    **{route.name: partial(_list, kind) for kind, route in routes.LIST_MESSAGES.items()},
    **{route.name: partial(_clear, kind) for kind, route in routes.CLEAR_MESSAGES.items()},
}
"""By the names of their routes."""


async def answer(name: str, request: WireRequest, *given: object) -> Any:
    """What the route of that name answers."""
    return await _HANDLERS[name](request, *given)
