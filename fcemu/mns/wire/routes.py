"""MNS's HTTP API serves real MNS clients, on the same port and the same clock as FC's.

Any account and any key are accepted. Source of paths, documents and codes: MNS's API reference of 2015-06-06, read
2026-11, and what its clients send.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from fcemu.api.mounts import Route
from fcemu.api.paths import Paths
from fcemu.api.wakeups import resolve
from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.errors import AccessDenied, FCError
from fcemu.mns.collection import Collection
from fcemu.mns.errors import MNSError, invalid
from fcemu.mns.mail import Sending
from fcemu.mns.queue import MOST_IN_BATCH, Received
from fcemu.mns.wire import forms
from fcemu.mns.xml import Element, Fields, read_xml, write_xml

PAUSED_POLL_SECONDS: Final = 0.5
"""Real seconds after which a long poll ends that a paused clock does not reach the end of."""

_BODY_BYTES: Final = 1024 * 1024
_NOT_UNDERSTOOD: Final = frozenset(
    {"AccessDenied", "InvalidRequestURL", "MalformedXML", "InternalError", "ServiceUnavailable"}
)
"""Codes of requests that are broken, name no operation or may not ask for it, and of failures of the emulator itself:
these are no facts."""
_LOG: Final = logging.getLogger("fcemu.api")


class Call:
    """One request: its path's parameters, and its query by names in small letters, because clients disagree on them."""

    def __init__(self, request: WireRequest, path: Mapping[str, str], query: Mapping[str, str]) -> None:
        self.request: Final = request
        self.emulator: Final = request.emulator
        self.path: Final = path
        self.query: Final = {name.lower(): value for name, value in query.items()}

    @property
    def name(self) -> str:
        """The queue or topic."""
        return self.path["name"]

    def url(self, *path: str) -> str:
        """The URL of a resource."""
        return "/".join([self.request.base_url, *path])

    def is_set(self, name: str) -> bool:
        """Whether a flag of the query is set."""
        return self.query.get(name, "").lower() == "true"

    def number(self, name: str) -> int | None:
        """A whole number of the query; raises ``MNSError``."""
        text = self.query.get(name.lower())
        return None if text is None else forms.whole(name, text)

    async def body(self) -> bytes:
        """The body, which can be read once; raises ``EntityTooLarge``."""
        return await self.request.body(_BODY_BYTES)

    async def document(self, *roots: str) -> Element:
        """The body as a document; raises ``MNSError``."""
        return read_xml(await self.body(), *roots)

    def answer(self, status: int, root: str = "", fields: Fields | None = None, location: str = "") -> Answer:
        """An answer with MNS's headers, and a document if it has a root."""
        return _answer(status, self.emulator.new_talk_id(), root, fields or [], location)


Handler = Callable[[Call], Awaitable[Answer]]


def _answer(status: int, request_id: str, root: str, fields: Fields, location: str = "") -> Answer:
    head = (
        f"{status_line(status)}x-mns-request-id: {request_id}\r\nx-mns-version: 2015-06-06\r\n"
        + (f"Location: {location}\r\n" if location else "")
        + ("Content-Type: text/xml;charset=utf-8\r\n" if root else "")
    )
    return Answer(status, head, write_xml(root, fields) if root else b"")


# Queues and topics.


class Kind(NamedTuple):
    """Queues or topics in MNS's words: how their paths begin, the root of their documents, who answers, and what is
    told of one."""

    plural: str
    root: str
    collection: Callable[[Call], Collection[Any]]
    tell: Callable[..., Fields]


_KINDS: Final = (
    Kind("queues", "Queue", lambda call: call.emulator.queues, forms.of_queue),
    Kind("topics", "Topic", lambda call: call.emulator.topics, forms.of_topic),
)


async def _list(kind: Kind, call: Call) -> Answer:
    found, headers = kind.collection(call), call.request.headers
    page, marker = forms.page(found.names(), headers)
    with_meta = headers.get("x-mns-with-meta", "").lower() == "true"
    shown: Fields = []
    for name in page:
        url: Fields = [(f"{kind.root}URL", call.url(kind.plural, name))]
        shown.append((kind.root, url + (found.show(name, kind.tell) if with_meta else [])))
    return call.answer(200, f"{kind.root}s", [*shown, ("NextMarker", marker)])


async def _put(kind: Kind, call: Call) -> Answer:
    """Everything in the document has a default, so it may be missing."""
    data = await call.body()
    document = read_xml(data, kind.root) if data.strip() else Element(kind.root)
    found = kind.collection(call)
    given = forms.attributes(document, found.kind.BOUNDS)
    if call.is_set("metaoverride"):
        found.change(call.name, **given)
        return call.answer(204)
    made = found.create(call.name, **given)
    return call.answer(201 if made else 204, location=call.url(kind.plural, call.name))


async def _show(kind: Kind, call: Call) -> Answer:
    return call.answer(200, kind.root, kind.collection(call).show(call.name, kind.tell))


async def _delete(kind: Kind, call: Call) -> Answer:
    kind.collection(call).drop(call.name)
    return call.answer(204)


# Messages.


async def _receive(call: Call) -> Answer:
    number = call.number("numOfMessages")
    at_most, peeked = 1 if number is None else number, call.is_set("peekonly")
    if peeked:
        messages = call.emulator.queues.peek(call.name, at_most)
    else:
        messages = await _wait(call, at_most, call.number("waitseconds"))
    if not messages:
        raise MNSError("MessageNotExist", f"no message of the queue {call.name!r} can be received now")
    call.emulator.read_outside.update(message.request_id for message in messages)
    found = [forms.of_message(message, peeked=peeked) for message in messages]
    if number is None:
        return call.answer(200, "Message", found[0])
    return call.answer(200, "Messages", [("Message", each) for each in found])


async def _wait(call: Call, at_most: int, wait_seconds: int | None) -> list[Received]:
    """Receive, waiting on the virtual clock. A paused one may never get to the end, so that the wait ends early; a
    client that polls in a loop asks again."""
    request, emulator, loop = call.request, call.emulator, asyncio.get_running_loop()
    got: asyncio.Future[list[Received]] = loop.create_future()

    def then(messages: list[Received]) -> None:
        """Called on any thread."""
        with suppress(RuntimeError):  # the loop is closed, and with it who waits
            loop.call_soon_threadsafe(resolve, got, messages)

    give_up = emulator.queues.receive(call.name, at_most, wait_seconds, then)
    if give_up is None:
        return await got
    request.end()  # a clock that jumps need not wait for who only waits
    try:
        while not (await asyncio.wait({got}, timeout=PAUSED_POLL_SECONDS))[0] and emulator.rate:
            pass
    finally:
        give_up()
    await asyncio.sleep(0)  # what was received just before the wait ended is on its way to this loop already
    return got.result() if got.done() else []


async def _send(call: Call) -> Answer:
    document = await call.document("Message", "Messages")
    if document.name == "Message":
        return call.answer(201, "Message", _sent(call, forms.sending(document)))
    sendings = [forms.sending(each) for each in document.all("Message")]
    _check_batch("Message", len(sendings))
    call.emulator.queues.check(call.name)  # whether there is such a queue is asked once
    answers: Fields = []
    good = True
    for sending in sendings:
        try:
            answers.append(("Message", _sent(call, sending)))
        except MNSError as refused:
            good = False
            answers.append(("Message", forms.of_error(refused)))
    # ASSUMED: fcemu answers 500 when it refuses some messages of a batch, as MNS's own clients expect.
    return call.answer(201 if good else 500, "Messages", answers)


def _sent(call: Call, sending: Sending) -> Fields:
    return forms.of_sent(call.emulator.queues.send(call.name, sending))


async def _delete_messages(call: Call) -> Answer:
    handle = call.query.get("receipthandle")
    if handle is not None:
        call.emulator.queues.delete(call.name, handle)
        return call.answer(204)
    data = await call.body()
    if not data.strip():
        raise MNSError("MissingReceiptHandle", "expected the parameter ReceiptHandle, or a document ReceiptHandles")
    handles = [each.text for each in read_xml(data, "ReceiptHandles").all("ReceiptHandle")]
    _check_batch("ReceiptHandle", len(handles))
    call.emulator.queues.check(call.name)
    wrong: Fields = []
    for handle in handles:
        try:
            call.emulator.queues.delete(call.name, handle)
        except MNSError as refused:
            wrong.append(("Error", [*forms.of_error(refused), ("ReceiptHandle", handle)]))
    # ASSUMED: fcemu answers 404 when it refuses to delete some messages of a batch.
    return call.answer(404, "Errors", wrong) if wrong else call.answer(204)


async def _change_visibility(call: Call) -> Answer:
    handle, seconds = call.query.get("receipthandle"), call.number("VisibilityTimeout")
    if not handle:
        raise MNSError("MissingReceiptHandle", "expected the parameter ReceiptHandle")
    if seconds is None:
        raise MNSError("MissingVisibilityTimeout", "expected the parameter VisibilityTimeout")
    changed = call.emulator.queues.change_visibility(call.name, handle, seconds)
    return call.answer(200, "ChangeVisibility", forms.of_visibility(changed))


def _check_batch(what: str, found: int) -> None:
    if not 1 <= found <= MOST_IN_BATCH:
        raise invalid(f"expected 1 to {MOST_IN_BATCH} elements {what}, got {found}")


# Topics.


async def _publish(call: Call) -> Answer:
    sending = forms.sending(await call.document("Message"))
    return call.answer(201, "Message", forms.of_sent(call.emulator.topics.publish(call.name, sending)))


async def _list_subscriptions(call: Call) -> Answer:
    names = call.emulator.topics.show(call.name, lambda topic, now: sorted(topic.subscriptions))
    page, marker = forms.page(names, call.request.headers)
    shown: Fields = [("Subscription", [("SubscriptionURL", _subscription_url(call, name))]) for name in page]
    return call.answer(200, "Subscriptions", [*shown, ("NextMarker", marker)])


async def _put_subscription(call: Call) -> Answer:
    topics, name = call.emulator.topics, call.path["subscription"]
    document = await call.document("Subscription")
    if call.is_set("metaoverride"):
        strategy = document.get("NotifyStrategy")
        if strategy is not None:
            topics.change_subscription(call.name, name, strategy)
        return call.answer(204)
    made = topics.subscribe(call.name, forms.subscription(name, document))
    return call.answer(201 if made else 204, location=_subscription_url(call, name))


async def _show_subscription(call: Call) -> Answer:
    found = call.emulator.topics.subscription(call.name, call.path["subscription"])
    account = call.emulator.settings.account
    return call.answer(200, "Subscription", forms.of_subscription(call.name, found, account))


async def _unsubscribe(call: Call) -> Answer:
    call.emulator.topics.unsubscribe(call.name, call.path["subscription"])
    return call.answer(204)


def _subscription_url(call: Call, name: str) -> str:
    return call.url("topics", call.name, "subscriptions", name)


# Errors.


def _refusal(request: WireRequest, error: Exception) -> Answer:
    """An error as MNS writes it. What is neither MNS's nor about the body is a defect, and is logged."""
    match error:
        case MNSError():
            refused = error
        case AccessDenied():
            refused = MNSError("AccessDenied", error.message)
        case FCError() if error.status >= 500:
            refused = MNSError("ServiceUnavailable", error.message)
        case FCError():
            refused = invalid(error.message)
        case _:
            _LOG.error("%s %s failed", request.method, request.target, exc_info=error)
            refused = MNSError("InternalError", "the emulator failed; its log says how")
    request_id = request.emulator.new_talk_id() if request.is_served else ""
    is_understood = refused.code not in _NOT_UNDERSTOOD
    request.tell_refused(refused.code, refused.message, request_id, is_understood=is_understood)
    fields: Fields = [
        ("Code", refused.code),
        ("Message", refused.message),
        ("RequestId", request_id or "none"),
        ("HostId", request.base_url),
    ]
    return _answer(refused.status, request_id, "Error", fields)


# All of it.

ROUTES: Final[Mapping[tuple[str, str], Handler]] = {
    **{("GET", f"/{kind.plural}"): partial(_list, kind) for kind in _KINDS},
    **{("PUT", f"/{kind.plural}/{{name}}"): partial(_put, kind) for kind in _KINDS},
    **{("GET", f"/{kind.plural}/{{name}}"): partial(_show, kind) for kind in _KINDS},
    **{("DELETE", f"/{kind.plural}/{{name}}"): partial(_delete, kind) for kind in _KINDS},
    ("POST", "/queues/{name}/messages"): _send,
    ("GET", "/queues/{name}/messages"): _receive,
    ("PUT", "/queues/{name}/messages"): _change_visibility,
    ("DELETE", "/queues/{name}/messages"): _delete_messages,
    ("POST", "/topics/{name}/messages"): _publish,
    ("GET", "/topics/{name}/subscriptions"): _list_subscriptions,
    ("PUT", "/topics/{name}/subscriptions/{subscription}"): _put_subscription,
    ("GET", "/topics/{name}/subscriptions/{subscription}"): _show_subscription,
    ("DELETE", "/topics/{name}/subscriptions/{subscription}"): _unsubscribe,
}
"""By method and path."""
_PATHS: Final = Paths((method, path, handler) for (method, path), handler in ROUTES.items())


def find(method: str, segments: list[str], query: Mapping[str, str]) -> Route:
    """What answers a request, and what writes the answer when that fails."""
    found = _PATHS.find(method, segments)

    def handle(request: WireRequest) -> Awaitable[Answer]:
        if found is None:
            raise MNSError("InvalidRequestURL", f"there is no {method} /{'/'.join(segments)} in MNS")
        handler, path = found
        return handler(Call(request, path, query))

    return Route(handle, _refusal)
