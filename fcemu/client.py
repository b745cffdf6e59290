"""Typed client of fcemu's own API: the CLI and RemoteEmulator use it."""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

Told = TypeVar("Told")
DEFAULT_URL: Final = "http://127.0.0.1:9527"

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0
"""How long an answer may take that waits for nothing but the server itself."""


class ClientError(Exception):
    """What was asked did not happen; the text says what, which and what now.

    ``status`` is the answer's, ``None`` when there was no answer; ``code`` is the problem's type (``not-idle``) or FC's
    error code (``FunctionNotFound``); ``explain`` says why time does not move, where the server said it.
    """

    def __init__(self, text: str, *, status: int | None = None, code: str = "", explain: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.explain = explain


class Health(NamedTuple):
    """The server is there."""

    status: str
    version: str


class Clock(NamedTuple):
    """The clock at one moment. ``in_flight``: how many attempts and deliveries it waits for. ``behind``: by how many
    virtual seconds it shows less than its rate asks for."""

    now: datetime
    started: datetime
    rate: float
    autojump: bool
    next_due: datetime | None
    in_flight: int
    behind: float = 0.0


class Move(NamedTuple):
    """What a move of the clock did: ``facts`` new ones, behind position ``after`` of the journal."""

    now: datetime
    after: int
    facts: int


class Explanation(NamedTuple):
    """Why time is not moving; ``text`` says it all."""

    text: str
    in_flight: list[str]
    waiting_for: list[str]
    next_due: datetime | None


class Fact(NamedTuple):
    """One fact of the journal; ``data`` holds what belongs to its ``kind``, as JSON."""

    n: int
    at: datetime
    kind: str
    request_id: str
    function: str
    attempt: int | None
    data: Mapping[str, Any]


class Attempt(NamedTuple):
    """One run of the handler, or one refusal to run it."""

    number: int
    started: datetime
    ended: datetime | None
    outcome: str | None
    error: str | None
    instance_id: str
    logs: str


class Event(NamedTuple):
    """A state that an invocation entered; ``detail`` is JSON text, or ``""``."""

    status: str
    at: datetime
    detail: str


class Delivery(NamedTuple):
    """One report to a destination; ``reason`` is set when it failed, else ``message_id``."""

    at: datetime
    destination: str
    message_id: str | None
    body: bytes
    reason: str | None


class Replied(NamedTuple):
    """What a synchronous caller got, or would have got."""

    status_code: int
    error: str | None
    body: bytes


class Invocation(NamedTuple):
    """All that is known of one invocation. ``caused_by``: the outside request that led to it, if it is not its own."""

    request_id: str
    task_id: str | None
    function: str
    qualifier: str
    kind: str
    source: str
    status: str
    accepted: datetime
    due: datetime
    ended: datetime | None
    reason: str
    caused_by: str | None
    payload: bytes
    attempts: list[Attempt]
    deliveries: list[Delivery]
    events: list[Event]
    reply: Replied | None


class Message(NamedTuple):
    """What was delivered to a queue, topic or bus; ``request_id`` is the invocation that it reports, ``None`` for one
    that a client sent. ``visible`` and ``dequeue_count`` are known of what waits in a queue."""

    message_id: str
    at: datetime
    request_id: str | None
    body: bytes
    visible: datetime | None = None
    dequeue_count: int | None = None


class Fired(NamedTuple):
    """What firing a trigger did: an invocation, or none, and then the ``reason``."""

    request_id: str | None
    reason: str | None


class Reply(NamedTuple):
    """The answer to an invocation. ``error`` is FC's type when the function failed; ``body`` then describes it."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    error: str | None
    request_id: str


class Client:
    """Talks to a running emulator. Every method raises ``ClientError``.

    Proxy variables are ignored: an emulator is local. Each call has a connection of its own, so one client may be used
    by several threads. ``token``: what an emulator wants that is open to other machines; by default FCEMU_TOKEN.
    """

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme == "https":
            raise ClientError(f"{url}: https is not supported yet; write http://HOST:PORT")
        if parts.scheme != "http" or not parts.hostname or not port or parts.query or parts.fragment:
            raise ClientError(f"{url!r} is not the URL of an emulator; write it like {DEFAULT_URL}")
        self.url: Final = f"http://{parts.netloc}{parts.path.rstrip('/')}"
        self._address: Final = (parts.hostname, port)
        self._prefix: Final = parts.path.rstrip("/")
        token = os.environ.get("FCEMU_TOKEN") if token is None else token
        self._headers: Final = {"Authorization": f"Bearer {token}"} if token else {}

    # The clock.

    def health(self) -> Health:
        """The server's word that it is there, and its version."""
        return self._json("GET", "/_fcemu/health", lambda told: Health(told["status"], told["version"]))

    def clock(self) -> Clock:
        """The clock now."""
        return self._json("GET", "/_fcemu/clock", _clock)

    def set_clock(self, *, rate: float | None = None, autojump: bool | None = None) -> Clock:
        """Change how the clock runs; ``rate`` 0 pauses it."""
        asked = {"rate": rate, "autojump": autojump}
        return self._json("PATCH", "/_fcemu/clock", _clock, _given(asked))

    def advance(self, by: float | timedelta | str) -> Move:
        """Move forward by seconds, or by text like ``1h30m``; returns when all that fell due has run."""
        body = {"by": by} if isinstance(by, str) else {"seconds": _seconds(by)}
        return self._move("advance", body)

    def to(self, instant: datetime | str) -> Move:
        """Move to an aware ``datetime``, to ISO text with an offset, or to ``+200s`` from the start."""
        return self._move("advance", {"to": instant if isinstance(instant, str) else instant.isoformat()})

    def run_next(self) -> Move:
        """Move to the next due instant."""
        return self._move("run-next", {})

    def run_until_idle(self, at_most: float | timedelta | None = None) -> Move:
        """Move until no work is left; a ``not-idle`` error after ``at_most`` seconds of virtual time."""
        limit = None if at_most is None else _seconds(at_most)
        return self._move("run-until-idle", _given({"at_most_seconds": limit}))

    def explain(self) -> Explanation:
        """Why time is not moving."""
        return self._json("GET", "/_fcemu/explain", _explanation)

    def reset(self, *, seed: int | None = None, start: datetime | str | None = None) -> Clock:
        """Begin anew as the emulator's definition and options made it; returns the new clock."""
        begin = start.isoformat() if isinstance(start, datetime) else start
        return self._json("POST", "/_fcemu/reset", _clock, _given({"seed": seed, "start": begin}))

    # What happened.

    def timeline(self) -> str:
        """The journal as text, a line a fact; ``""`` when nothing happened."""
        with self._exchange("GET", "/_fcemu/timeline") as answer:
            return answer.read().decode()

    def journal(self, *, after: int = 0, function: str | None = None, follow: bool = False) -> Iterator[Fact]:
        """The facts behind position ``after``, one by one; with ``follow`` also those to come, until the emulator is
        reset or stops. Raises ``ClientError`` behind the last fact that could be kept, where that failed."""
        asked = _given({"after": after, "function": function, "follow": 1 if follow else None})
        path = f"/_fcemu/journal?{urlencode(asked)}"
        with self._exchange("GET", path, seconds=None if follow else _ANSWER_SECONDS) as answer:
            for line in answer:
                yield self._read(line, path, _fact_or_problem)

    def invocations(
        self,
        *,
        function: str | None = None,
        status: str | None = None,
        task_id: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Invocation]:
        """Records in the order of acceptance; ``after`` is a request id."""
        asked = _given({"function": function, "status": status, "task_id": task_id, "after": after, "limit": limit})
        return self._json("GET", f"/_fcemu/invocations?{urlencode(asked)}", _all(_invocation))

    def invocation(self, request_id: str) -> Invocation:
        """The record of one invocation."""
        return self._json("GET", f"/_fcemu/invocations/{quote(request_id, safe='')}", _invocation)

    def stop(self, request_id: str) -> Invocation:
        """Stop an asynchronous invocation; its record, which is Stopping where it ran."""
        return self._json("POST", f"/_fcemu/invocations/{quote(request_id, safe='')}/stop", _invocation, {})

    def messages(self, address: str, *, waiting: bool = False) -> list[Message]:
        """What was delivered to ``queue:NAME``, ``topic:NAME`` or ``eventbus:NAME``, in order; of a queue with
        ``waiting`` only what no consumer has deleted yet."""
        query = "?waiting=1" if waiting else ""
        return self._json("GET", f"{_mailbox_path(address)}{query}", _all(_message))

    def clear(self, address: str) -> None:
        """Throw away what was delivered there."""
        with self._exchange("DELETE", _mailbox_path(address)):
            return

    def send(self, queue: str, body: bytes, *, delay: float | timedelta | None = None) -> Message:
        """Put a message into a queue; ``delay`` in whole seconds, ``None``: the queue's own."""
        asked: dict[str, Any] = {"body": _text_or_base64(body)}
        if delay is not None:
            seconds = _seconds(delay)
            asked["delay_seconds"] = int(seconds) if seconds == int(seconds) else seconds
        return self._json("POST", _mailbox_path(f"queue:{queue}"), _message, asked)

    def fire(self, trigger: str, fields: Mapping[str, Any]) -> Fired:
        """Fire ``[service/]function/trigger`` now, with what is said of its event."""
        function, _, name = trigger.rpartition("/")
        path = f"/_fcemu/triggers/{quote(function, safe='')}/{quote(name, safe='')}/fire"
        return self._json("POST", path, lambda told: Fired(told["request_id"], told["reason"]), dict(fields))

    # FC's own InvokeFunction.

    def invoke(
        self,
        function: str,
        payload: bytes = b"",
        *,
        asynchronous: bool = False,
        delay: float | timedelta = 0,
        qualifier: str | None = None,
        task_id: str | None = None,
    ) -> Reply:
        """Invoke ``name`` as API 2023-03-30 does, ``service/name`` as 2016-08-15 does.

        Function errors are returned (``Reply.error``); what FC refuses is raised. ``delay`` is for asynchronous
        invocations, in whole seconds; so is ``task_id``, which counts only in task mode. A synchronous one returns
        when the function has ended, however long that is.
        """
        headers = {"Content-Type": "application/octet-stream"}
        if asynchronous:
            headers["x-fc-invocation-type"] = "Async"
        if delay:
            headers["x-fc-async-delay"] = f"{_seconds(delay):.15g}"
        if task_id is not None:
            headers["x-fc-stateful-async-invocation-id" if "/" in function else "x-fc-async-task-id"] = task_id
        with self._exchange("POST", _invoke_path(function, qualifier), payload, headers, seconds=None) as answer:
            return Reply(
                status_code=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                body=answer.read(),
                error=answer.getheader("X-Fc-Error-Type"),
                request_id=answer.getheader("X-Fc-Request-Id", ""),
            )

    # HTTP.

    def _move(self, kind: str, body: Mapping[str, Any]) -> Move:
        """Moves take as long as the handlers that they run; the server says when that is hopeless."""
        return self._json("POST", f"/_fcemu/clock/{kind}", _moved, body, seconds=None)

    def _json(
        self,
        method: str,
        path: str,
        read: Callable[[Any], Told],
        body: Mapping[str, Any] | None = None,
        *,
        seconds: float | None = _ANSWER_SECONDS,
    ) -> Told:
        """What ``read`` makes of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        with self._exchange(method, path, data, headers, seconds=seconds) as answer:
            return self._read(answer.read(), path, read)

    def _read(self, data: bytes, path: str, read: Callable[[Any], Told]) -> Told:
        try:
            told = json.loads(data)
        except ValueError:
            raise ClientError(f"{self.url} answers {path} with what is not JSON; is it an emulator?") from None
        try:
            return read(told)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise ClientError(
                f"{self.url} answers {path} with JSON that is not an emulator's; is one of this version running there?"
            ) from None

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float | None = _ANSWER_SECONDS,
    ) -> Iterator[HTTPResponse]:
        """One request and its answer, which is good; ``seconds``: how long each read may take."""
        connection = HTTPConnection(*self._address, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(seconds)
            more = {**(headers or {}), **self._headers, "Connection": "close"}
            connection.request(method, self._prefix + path, body, more)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise self._refused(answer)
            yield answer
        except TimeoutError:
            raise ClientError(f"{self.url} does not answer; is something else listening there?") from None
        except ConnectionRefusedError:
            raise ClientError(
                f"no emulator at {self.url}: connection refused. Start one with 'fcemu serve', or say where it is with "
                "--url or FCEMU_URL"
            ) from None
        except (OSError, HTTPException, UnicodeError) as broken:
            why = str(broken) or type(broken).__name__
            raise ClientError(
                f"cannot talk to {self.url}: {why}. Is an emulator running there? Say where it is with --url or "
                "FCEMU_URL"
            ) from None
        finally:
            connection.close()

    def _refused(self, answer: HTTPResponse) -> ClientError:
        """From a problem document, or from FC's own error body in either form."""
        data = answer.read()
        try:
            told = json.loads(data)
            code = told.get("type") or told.get("Code") or told.get("ErrorCode") or ""
            text = told.get("detail") or told.get("Message") or told.get("ErrorMessage")
            if "type" not in told and code:
                text = f"{code}: {text}"
        except (ValueError, AttributeError):
            told, code, text = {}, "", None
        if not text:
            text = f"{self.url} answers {answer.status} {answer.reason}; is it an emulator?"
        return ClientError(text, status=answer.status, code=code, explain=told.get("explain", ""))


def _invoke_path(function: str, qualifier: str | None) -> str:
    service, _, name = function.rpartition("/")
    if service:
        owner = service if qualifier is None else f"{service}.{qualifier}"
        return f"/2016-08-15/services/{quote(owner, safe='')}/functions/{quote(name, safe='')}/invocations"
    query = "" if qualifier is None else f"?{urlencode({'qualifier': qualifier})}"
    return f"/2023-03-30/functions/{quote(name, safe='')}/invocations{query}"


def _mailbox_path(address: str) -> str:
    kind, _, name = address.partition(":")
    plural = {"queue": "queues", "topic": "topics", "eventbus": "eventbuses"}.get(kind)
    if plural is None or not name:
        raise ClientError(f"{address!r} has no messages; write queue:NAME, topic:NAME or eventbus:NAME")
    return f"/_fcemu/{plural}/{quote(name, safe='')}/messages"


def _message(told: Mapping[str, Any]) -> Message:
    return Message(
        told["message_id"],
        _time(told["at"]),
        told["request_id"],
        _bytes(told["body"]),
        _maybe_time(told.get("visible")),
        told.get("dequeue_count"),
    )


def _text_or_base64(body: bytes) -> Any:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(duration: float | timedelta) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe_time(text: str | None) -> datetime | None:
    return None if text is None else _time(text)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


def _all(read: Callable[[Any], Told]) -> Callable[[Any], list[Told]]:
    def read_all(told: Any) -> list[Told]:
        if not isinstance(told, list):
            raise TypeError("not a list")
        return [read(each) for each in told]

    return read_all


def _moved(told: Mapping[str, Any]) -> Move:
    return Move(_time(told["now"]), told["after"], told["facts"])


def _explanation(told: Mapping[str, Any]) -> Explanation:
    return Explanation(told["text"], told["in_flight"], told["waiting_for"], _maybe_time(told["next_due"]))


def _clock(told: Mapping[str, Any]) -> Clock:
    return Clock(
        now=_time(told["now"]),
        started=_time(told["started"]),
        rate=told["rate"],
        autojump=told["autojump"],
        next_due=_maybe_time(told["next_due"]),
        in_flight=told["in_flight"],
        behind=told["behind"],
    )


def _fact_or_problem(told: Mapping[str, Any]) -> Fact:
    """Raises ``ClientError`` for the problem with which a journal ends that could not be kept."""
    if "n" not in told and "detail" in told:
        raise ClientError(told["detail"], status=told["status"], code=told["type"])
    return _fact(told)


def _fact(told: Mapping[str, Any]) -> Fact:
    return Fact(
        n=told["n"],
        at=_time(told["at"]),
        kind=told["kind"],
        request_id=told["request_id"],
        function=told["function"],
        attempt=told["attempt"],
        data=told["data"],
    )


def _invocation(told: Mapping[str, Any]) -> Invocation:
    reply = told["reply"]
    return Invocation(
        request_id=told["request_id"],
        task_id=told["task_id"],
        function=told["function"],
        qualifier=told["qualifier"],
        kind=told["kind"],
        source=told["source"],
        status=told["status"],
        accepted=_time(told["accepted"]),
        due=_time(told["due"]),
        ended=_maybe_time(told["ended"]),
        reason=told["reason"],
        caused_by=told["caused_by"],
        payload=_bytes(told["payload"]),
        attempts=[_attempt(each) for each in told["attempts"]],
        deliveries=[_delivery(each) for each in told["deliveries"]],
        events=[Event(each["status"], _time(each["at"]), each["detail"]) for each in told["events"]],
        reply=reply and Replied(reply["status_code"], reply["error"], _bytes(reply["body"])),
    )


def _attempt(told: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=told["number"],
        started=_time(told["started"]),
        ended=_maybe_time(told["ended"]),
        outcome=told["outcome"],
        error=told["error"],
        instance_id=told["instance_id"],
        logs=told["logs"],
    )


def _delivery(told: Mapping[str, Any]) -> Delivery:
    return Delivery(
        at=_time(told["at"]),
        destination=told["destination"],
        message_id=told.get("message_id"),
        body=_bytes(told.get("body", "")),
        reason=told.get("reason"),
    )
