"""Handlers under /_fcemu/: what was delivered to queues, topics and buses; sending to a queue."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fcemu.api import problems
from fcemu.api.mounts import Handler
from fcemu.api.problems import Problem, json_answer, not_found, read_members, read_object
from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.destinations import MAIL_KINDS
from fcemu.core.facts import text_or_base64, time_text
from fcemu.engine.emulator import Emulator
from fcemu.mns.errors import MNSError
from fcemu.mns.facts import Arrival
from fcemu.mns.mail import Sending
from fcemu.mns.queue import Queue, Received
from fcemu.mns.topic import Topic

_BODY_BYTES: Final = 1024 * 1024
_PLURALS: Final = {kind: "eventbuses" if kind == "eventbus" else f"{kind}s" for kind in MAIL_KINDS}


def message_record(message: Arrival | Received) -> dict[str, Any]:
    """One message of a queue, topic or bus; ``request_id`` is the invocation that it reports, null for one that a
    client sent. What is waiting in a queue has ``visible`` and ``dequeue_count`` as well."""
    record: dict[str, Any] = {
        "message_id": message.message_id,
        "at": time_text(message.at),
        "request_id": message.request_id or None,
        "body": text_or_base64(message.body),
    }
    if isinstance(message, Received):
        record |= {"visible": time_text(message.visible), "dequeue_count": message.dequeue_count}
    return record


async def _messages(kind: str, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    given = read_members(query, {"waiting": problems.flag} if kind == Queue.WORD else {}, "parameter")
    emulator, name = request.emulator, path["name"]
    address = _address(emulator, kind, name)
    messages: Sequence[Arrival | Received] = (
        emulator.queues.waiting(name) if given.get("waiting") else emulator.mail.arrived(address)
    )
    emulator.read_outside.update(message.request_id for message in messages)
    return json_answer([message_record(message) for message in messages])


async def _clear(kind: str, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    read_members(query, {}, "parameter")
    request.emulator.mail.clear(_address(request.emulator, kind, path["name"]))
    return Answer(204, status_line(204))


async def _send(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    readers = {"body": _bytes, "delay_seconds": problems.whole, "priority": problems.whole}
    return await _put(Queue.WORD, request.emulator.queues.send, readers, request, path, query)


async def _publish(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    """Subscribed queues get it, and functions with a trigger on the topic."""
    readers = {"body": _bytes, "tag": problems.text}
    return await _put(Topic.WORD, request.emulator.topics.publish, readers, request, path, query)


async def _put(
    kind: str,
    put: Callable[[str, Sending], Arrival | Received],
    readers: Mapping[str, problems.Reader],
    request: WireRequest,
    path: Mapping[str, str],
    query: Mapping[str, str],
) -> Answer:
    read_members(query, {}, "parameter")
    given = read_object(await request.body(_BODY_BYTES), readers)
    if "body" not in given:
        raise Problem(400, "invalid-body", 'expected the field body: the message as text, or {"base64": …}')
    _address(request.emulator, kind, path["name"])
    try:
        return json_answer(message_record(put(path["name"], Sending(**given))))
    except MNSError as refused:
        raise Problem(400, "invalid-field", refused.message) from None


def _address(emulator: Emulator, kind: str, name: str) -> str:
    starts = f"{kind}:"
    known = [one.removeprefix(starts) for one in emulator.mail.addresses() if one.startswith(starts)]
    if name not in known:
        raise not_found(kind, name, known)
    return f"{kind}:{name}"


def _bytes(value: Any) -> bytes:
    """Text, or ``{"base64": …}``."""
    if isinstance(value, str):
        return value.encode()
    try:
        if isinstance(value, dict) and value.keys() == {"base64"}:
            return base64.b64decode(value["base64"], validate=True)
    except (TypeError, ValueError, binascii.Error):
        pass
    raise ValueError('text, or {"base64": …}')


ROUTES: Final[Mapping[tuple[str, str], Handler]] = {
    ("POST", "/queues/{name}/messages"): _send,
    ("POST", "/topics/{name}/messages"): _publish,
    **{("GET", f"/{plural}/{{name}}/messages"): partial(_messages, kind) for kind, plural in _PLURALS.items()},
    **{("DELETE", f"/{plural}/{{name}}/messages"): partial(_clear, kind) for kind, plural in _PLURALS.items()},
}
"""By method and path below ``/_fcemu``."""
