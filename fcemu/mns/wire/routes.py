"""MNS's HTTP API: queues and topics for real MNS clients, on the same port and the same clock.

Any account and any key are accepted. Source of paths, documents and codes: MNS's API reference of 2015-06-06, read
2026-11, and what its clients send.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from fcemu.api.dialect import Paths
from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.errors import AccessDenied, EntityTooLarge, FCError
from fcemu.mns.errors import (
    InvalidMNSArgument,
    InvalidRequestURL,
    MessageNotExist,
    MissingReceiptHandle,
    MissingVisibilityTimeout,
    MNSAccessDenied,
    MNSError,
    ServiceUnavailable,
)
from fcemu.mns.mail import Sending
from fcemu.mns.queue import MOST_IN_BATCH, Received
from fcemu.mns.wire import forms
from fcemu.mns.wire.xml import Element, Fields, read_xml, write_xml

if TYPE_CHECKING:
    from fcemu.api.wakeups import Wakeups

PREFIXES: Final = frozenset({"queues", "topics"})
"""How the paths of MNS begin."""
PAUSED_POLL_SECONDS: Final = 0.5
"""Real seconds after which a long poll ends that a paused clock does not reach the end of."""

_BODY_BYTES: Final = 1024 * 1024
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
        """A whole number of the query; raises ``InvalidMNSArgument``."""
        text = self.query.get(name.lower())
        return None if text is None else forms.whole(name, text)

    async def body(self) -> bytes:
        """The body, which can be read once; raises ``EntityTooLarge``."""
        return await self.request.body(_BODY_BYTES)

    async def document(self, *roots: str) -> Element:
        """The body as a document; raises ``MalformedXML``."""
        return read_xml(await self.body(), *roots)

    async def attributes(self, root: str) -> Element:
        """The same where the body may be empty, because everything in it has a default."""
        data = await self.body()
        return read_xml(data, root) if data.strip() else Element(root)

    def answer(self, status: int, root: str = "", fields: Fields | None = None, location: str = "") -> Answer:
        """An answer with MNS's headers, and a document if it has a root."""
        head = (
            f"{status_line(status)}x-mns-request-id: {self.emulator.new_talk_id()}\r\nx-mns-version: 2015-06-06\r\n"
            + (f"Location: {location}\r\n" if location else "")
            + ("Content-Type: text/xml;charset=utf-8\r\n" if root else "")
        )
        return Answer(status, head, write_xml(root, fields or []) if root else b"")


Handler = Callable[[Call], Awaitable[Answer]]
Route = tuple[Callable[[WireRequest], Awaitable[Answer]], Callable[[WireRequest, Exception], Answer]]


class MNS:
    """Answers MNS's clients. ``wakeups`` brings messages from the engine's threads to those who wait for them."""

    def __init__(self, wakeups: "Wakeups") -> None:
        self._wakeups: Final = wakeups
        self.routes: Final[Mapping[tuple[str, str], Handler]] = {
            ("GET", "/queues"): _list_queues,
            ("PUT", "/queues/{name}"): _put_queue,
            ("GET", "/queues/{name}"): _show_queue,
            ("DELETE", "/queues/{name}"): _delete_queue,
            ("POST", "/queues/{name}/messages"): _send,
            ("GET", "/queues/{name}/messages"): self._receive,
            ("PUT", "/queues/{name}/messages"): _change_visibility,
            ("DELETE", "/queues/{name}/messages"): _delete_messages,
            ("GET", "/topics"): _list_topics,
            ("PUT", "/topics/{name}"): _put_topic,
            ("GET", "/topics/{name}"): _show_topic,
            ("DELETE", "/topics/{name}"): _delete_topic,
            ("POST", "/topics/{name}/messages"): _publish,
            ("GET", "/topics/{name}/subscriptions"): _list_subscriptions,
            ("PUT", "/topics/{name}/subscriptions/{subscription}"): _put_subscription,
            ("GET", "/topics/{name}/subscriptions/{subscription}"): _show_subscription,
            ("DELETE", "/topics/{name}/subscriptions/{subscription}"): _unsubscribe,
        }
        """By method and path."""
        self._paths: Final = Paths((method, path, handler) for (method, path), handler in self.routes.items())

    def find(self, method: str, segments: list[str], query: Mapping[str, str]) -> Route:
        """What answers a request, and what writes the answer when that fails."""
        found = self._paths.find(method, segments)

        def handle(request: WireRequest) -> Awaitable[Answer]:
            if found is None:
                raise InvalidRequestURL(f"there is no {method} /{'/'.join(segments)} in MNS")
            handler, path = found
            return handler(Call(request, path, query))

        return handle, _refusal

    async def _receive(self, call: Call) -> Answer:
        many = "numofmessages" in call.query
        number = call.number("numOfMessages")
        at_most = 1 if number is None else number
        if call.is_set("peekonly"):
            return _messages(call, call.emulator.queues.peek(call.name, at_most), many, peeked=True)
        wait = call.number("waitseconds")
        return _messages(call, await self._wait(call, at_most, wait), many, peeked=False)

    async def _wait(self, call: Call, at_most: int, wait_seconds: int | None) -> list[Received]:
        """Receive, waiting on the virtual clock. A paused one may never get to the end, so that the wait ends early;
        a client that polls in a loop asks again."""
        request, emulator, wakeups = call.request, call.emulator, self._wakeups
        got = wakeups.future()
        then = partial(wakeups.resolve, got)
        give_up = emulator.queues.receive(call.name, at_most, wait_seconds, then)
        if give_up is None:
            messages: list[Received] = await got
            return messages
        request.end()  # a clock that jumps need not wait for who only waits
        try:
            while not (await asyncio.wait({got}, timeout=PAUSED_POLL_SECONDS))[0] and emulator.rate:
                pass
        finally:
            give_up()
        await asyncio.sleep(0)  # what was received just before the wait ended is on its way to this loop already
        return got.result() if got.done() else []


def _listed(call: Call, what: str, names: list[str], of: Callable[[str], Fields]) -> Answer:
    """A page of queues or topics: their URLs, and what ``of`` tells of them where that is asked for."""
    page, marker = forms.page(names, call.request.headers)
    shown: Fields = []
    for name in page:
        url: Fields = [(f"{what}URL", call.url(f"{what.lower()}s", name))]
        shown.append((what, url + (of(name) if forms.with_meta(call) else [])))
    return call.answer(200, f"{what}s", [*shown, ("NextMarker", marker)])


# Queues.


async def _list_queues(call: Call) -> Answer:
    queues = call.emulator.queues
    return _listed(call, "Queue", queues.names(), lambda name: forms.of_queue(queues.show(name)))


async def _put_queue(call: Call) -> Answer:
    change = forms.queue_change(await call.attributes("Queue"))
    if call.is_set("metaoverride"):
        call.emulator.queues.change(call.name, change)
        return call.answer(204)
    made = call.emulator.queues.create(call.name, change)
    return call.answer(201 if made else 204, location=call.url("queues", call.name))


async def _show_queue(call: Call) -> Answer:
    return call.answer(200, "Queue", forms.of_queue(call.emulator.queues.show(call.name)))


async def _delete_queue(call: Call) -> Answer:
    call.emulator.queues.drop(call.name)
    return call.answer(204)


# Messages.


async def _send(call: Call) -> Answer:
    document = await call.document("Message", "Messages")
    if document.name == "Message":
        return call.answer(201, "Message", _sent(call, forms.sending(document)))
    sendings = [forms.sending(each) for each in document.all("Message")]
    _check_batch("Message", len(sendings))
    call.emulator.queues.show(call.name)  # whether there is such a queue is asked once
    answers: Fields = []
    good = True
    for sending in sendings:
        try:
            answers.append(("Message", _sent(call, sending)))
        except MNSError as refused:
            good = False
            answers.append(("Message", forms.of_error(refused)))
    # ASSUMED: 500 when some of a batch were refused, as MNS's own clients expect.
    return call.answer(201 if good else 500, "Messages", answers)


def _sent(call: Call, sending: Sending) -> Fields:
    return forms.of_sent(call.emulator.queues.send(call.name, sending))


def _messages(call: Call, messages: list[Received], many: bool, *, peeked: bool) -> Answer:
    if not messages:
        raise MessageNotExist(f"no message of the queue {call.name!r} can be received now")
    call.emulator.read_outside.update(message.request_id for message in messages)
    found = [forms.of_message(message, peeked=peeked) for message in messages]
    if not many:
        return call.answer(200, "Message", found[0])
    return call.answer(200, "Messages", [("Message", each) for each in found])


async def _delete_messages(call: Call) -> Answer:
    handle = call.query.get("receipthandle")
    if handle is not None:
        call.emulator.queues.delete(call.name, handle)
        return call.answer(204)
    data = await call.body()
    if not data.strip():
        raise MissingReceiptHandle("expected the parameter ReceiptHandle, or a document ReceiptHandles")
    handles = [each.text for each in read_xml(data, "ReceiptHandles").all("ReceiptHandle")]
    _check_batch("ReceiptHandle", len(handles))
    call.emulator.queues.show(call.name)
    wrong: Fields = []
    for handle in handles:
        try:
            call.emulator.queues.delete(call.name, handle)
        except MNSError as refused:
            wrong.append(("Error", [*forms.of_error(refused), ("ReceiptHandle", handle)]))
    # ASSUMED: 404 when some of a batch were refused.
    return call.answer(404, "Errors", wrong) if wrong else call.answer(204)


async def _change_visibility(call: Call) -> Answer:
    handle, seconds = call.query.get("receipthandle"), call.number("VisibilityTimeout")
    if not handle:
        raise MissingReceiptHandle("expected the parameter ReceiptHandle")
    if seconds is None:
        raise MissingVisibilityTimeout("expected the parameter VisibilityTimeout")
    changed = call.emulator.queues.change_visibility(call.name, handle, seconds)
    return call.answer(200, "ChangeVisibility", forms.of_visibility(changed))


def _check_batch(what: str, found: int) -> None:
    if not 1 <= found <= MOST_IN_BATCH:
        raise InvalidMNSArgument(f"expected 1 to {MOST_IN_BATCH} elements {what}, found {found}")


# Topics.


async def _list_topics(call: Call) -> Answer:
    topics = call.emulator.topics
    return _listed(call, "Topic", topics.names(), lambda name: forms.of_topic(topics.show(name)))


async def _put_topic(call: Call) -> Answer:
    change = forms.topic_change(await call.attributes("Topic"))
    if call.is_set("metaoverride"):
        call.emulator.topics.change(call.name, change)
        return call.answer(204)
    made = call.emulator.topics.create(call.name, change)
    return call.answer(201 if made else 204, location=call.url("topics", call.name))


async def _show_topic(call: Call) -> Answer:
    return call.answer(200, "Topic", forms.of_topic(call.emulator.topics.show(call.name)))


async def _delete_topic(call: Call) -> Answer:
    call.emulator.topics.drop(call.name)
    return call.answer(204)


async def _publish(call: Call) -> Answer:
    sending = forms.sending(await call.document("Message"))
    return call.answer(201, "Message", forms.of_published(call.emulator.topics.publish(call.name, sending)))


async def _list_subscriptions(call: Call) -> Answer:
    names = sorted(each.name for each in call.emulator.topics.show(call.name).subscriptions)
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
    made = topics.subscribe(call.name, forms.wanted(name, document))
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
        case EntityTooLarge():
            refused = InvalidMNSArgument(error.message)
        case AccessDenied():
            refused = MNSAccessDenied(error.message)
        case FCError():
            refused = InvalidMNSArgument(error.message)
            if error.status >= 500:
                refused = ServiceUnavailable(error.message)
        case _:
            _LOG.error("%s %s failed", request.method, request.target, exc_info=error)
            refused = MNSError()
    request_id = request.emulator.new_talk_id() if request.is_served else ""
    head = (
        f"{status_line(refused.status)}x-mns-request-id: {request_id}\r\nx-mns-version: 2015-06-06\r\n"
        "Content-Type: text/xml;charset=utf-8\r\n"
    )
    error_fields: Fields = [
        ("Code", refused.code),
        ("Message", refused.message),
        ("RequestId", request_id or "none"),
        ("HostId", request.base_url),
    ]
    return Answer(refused.status, head, write_xml("Error", error_fields))
