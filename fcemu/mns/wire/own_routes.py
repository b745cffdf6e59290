"""Handlers under /_fcemu/: what was delivered to queues, topics and buses; sending to a queue."""

import base64
import binascii
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fcemu.api import problems
from fcemu.api.history import Handler
from fcemu.api.problems import Problem, json_answer, not_found, read_members, read_object
from fcemu.api.records import message_record
from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.destinations import MAIL_KINDS
from fcemu.engine.emulator import Emulator
from fcemu.mns.errors import MNSError
from fcemu.mns.mail import Sending

_BODY_BYTES: Final = 1024 * 1024
_PLURALS: Final = {kind: "eventbuses" if kind == "eventbus" else f"{kind}s" for kind in MAIL_KINDS}


def routes() -> dict[tuple[str, str], Handler]:
    """By method and path below ``/_fcemu``."""
    found: dict[tuple[str, str], Handler] = {
        ("POST", "/queues/{name}/messages"): _send,
        ("POST", "/topics/{name}/messages"): _publish,
    }
    for kind, plural in _PLURALS.items():
        found["GET", f"/{plural}/{{name}}/messages"] = partial(_messages, kind)
        found["DELETE", f"/{plural}/{{name}}/messages"] = partial(_clear, kind)
    return found


async def _messages(kind: str, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    given = read_members(query, {"waiting": problems.flag} if kind == "queue" else {}, "parameter")
    emulator = request.emulator
    address = _address(emulator, kind, path["name"])
    if given.get("waiting"):
        messages = [(one.request_id, message_record(one)) for one in emulator.queues.waiting(path["name"])]
    else:
        messages = [(one.request_id, message_record(one)) for one in emulator.mail.arrived(address)]
    emulator.read_outside.update(request_id for request_id, _ in messages)
    return json_answer([record for _, record in messages])


async def _clear(kind: str, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    read_members(query, {}, "parameter")
    request.emulator.mail.clear(_address(request.emulator, kind, path["name"]))
    return Answer(204, status_line(204))


async def _send(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    read_members(query, {}, "parameter")
    readers = {"body": _bytes, "delay_seconds": problems.whole, "priority": problems.whole}
    given = read_object(await request.body(_BODY_BYTES), readers)
    if "body" not in given:
        raise Problem(400, "invalid-body", 'expected the field body: the message as text, or {"base64": …}')
    emulator = request.emulator
    _address(emulator, "queue", path["name"])
    try:
        return json_answer(message_record(emulator.queues.send(path["name"], Sending(**given))))
    except MNSError as refused:
        raise Problem(400, "invalid-field", refused.message) from None


async def _publish(request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> Answer:
    """Subscribed queues get it, and functions with a trigger on the topic."""
    read_members(query, {}, "parameter")
    given = read_object(await request.body(_BODY_BYTES), {"body": _bytes, "tag": problems.text})
    if "body" not in given:
        raise Problem(400, "invalid-body", 'expected the field body: the message as text, or {"base64": …}')
    emulator = request.emulator
    _address(emulator, "topic", path["name"])
    try:
        return json_answer(message_record(emulator.topics.publish(path["name"], Sending(**given))))
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
