"""Typed client of fcemu's own API: the CLI and RemoteEmulator use it."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from types import NoneType
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

from fcemu.own_api import routes
from fcemu.own_api.codec import decode, encode
from fcemu.own_api.records import (
    Account,
    Clock,
    Explanation,
    Fact,
    Fault,
    Fired,
    Function,
    Health,
    Invocation,
    Message,
    Move,
    ProblemDocument,
    Queue,
    StubCall,
    Timer,
    Topic,
)
from fcemu.own_api.routes import Route

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
        self.token: Final = (os.environ.get("FCEMU_TOKEN") if token is None else token) or ""
        self._headers: Final = {"Authorization": f"Bearer {self.token}"} if self.token else {}

    # The clock.

    def health(self) -> Health:
        """The server's word that it is there, and its version."""
        return self._ask(routes.SHOW_HEALTH)

    def clock(self) -> Clock:
        """The clock now."""
        return self._ask(routes.SHOW_CLOCK)

    def set_clock(self, *, rate: float | None = None, autojump: bool | None = None) -> Clock:
        """Change how the clock runs; ``rate`` 0 pauses it."""
        return self._ask(routes.CHANGE_CLOCK, body={"rate": rate, "autojump": autojump})

    def advance(self, by: float | timedelta | str) -> Move:
        """Move forward by seconds, or by text like ``1h30m``; returns when all that fell due has run."""
        return self._move(routes.ADVANCE, {"by": by} if isinstance(by, str) else {"seconds": _seconds(by)})

    def to(self, instant: datetime | str) -> Move:
        """Move to an aware ``datetime``, to ISO text with an offset, or to ``+200s`` from the start."""
        return self._move(routes.ADVANCE, {"to": _text(instant)})

    def run_next(self) -> Move:
        """Move to the next due instant."""
        return self._move(routes.RUN_NEXT, {})

    def run_until_idle(self, at_most: float | timedelta | None = None) -> Move:
        """Move until no work is left; a ``not-idle`` error after ``at_most`` seconds of virtual time."""
        limit = None if at_most is None else _seconds(at_most)
        return self._move(routes.RUN_UNTIL_IDLE, {"at_most_seconds": limit})

    def explain(self) -> Explanation:
        """Why time is not moving."""
        return self._ask(routes.EXPLAIN)

    def reset(self, *, seed: int | None = None, start: datetime | str | None = None) -> Clock:
        """Begin anew as the emulator's definition and options made it; returns the new clock."""
        return self._ask(routes.RESET, body={"seed": seed, "start": None if start is None else _text(start)})

    # What happened.

    def timeline(self, form: str | None = None) -> str:
        """The journal as text, one line per fact; ``""`` when nothing happened. ``form``: ``chrome`` or ``otlp``, which
        are JSON for trace viewers."""
        return self._ask(routes.SHOW_TIMELINE, query={"format": form})

    def journal(self, *, after: int = 0, function: str | None = None, follow: bool = False) -> Iterator[Fact]:
        """The facts behind position ``after``, one by one; with ``follow`` also those to come, until the emulator is
        reset or stops. Raises ``ClientError`` behind the last fact that could be kept, where that failed."""
        asked = {"after": after, "function": function, "follow": 1 if follow else None}
        path = _path(routes.FOLLOW_JOURNAL, (), asked)
        with self._exchange("GET", path, seconds=None if follow else _ANSWER_SECONDS) as answer:
            for line in answer:
                yield self._read(path, _fact_or_problem, line)

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
        asked = {"function": function, "status": status, "task_id": task_id, "after": after, "limit": limit}
        return self._ask(routes.LIST_INVOCATIONS, query=asked)

    def invocation(self, request_id: str) -> Invocation:
        """The record of one invocation."""
        return self._ask(routes.SHOW_INVOCATION, request_id)

    def stop(self, request_id: str) -> Invocation:
        """Stop an asynchronous invocation; its record, which is Stopping where it ran."""
        return self._ask(routes.STOP_INVOCATION, request_id, body={})

    def rerun(
        self,
        request_id: str,
        *,
        payload: bytes | None = None,
        delay: float | timedelta | None = None,
        task_id: str | None = None,
    ) -> str:
        """Accept the event of an invocation again, or ``payload`` in its place; the request id of the new one."""
        seconds = None if delay is None else _seconds(delay)
        asked = {"payload": payload, "delay_seconds": seconds, "task_id": task_id}
        return self._ask(routes.RERUN_INVOCATION, request_id, body=asked).request_id

    # What is defined.

    def account(self) -> Account:
        """Whose the functions are, and a key that is good."""
        return self._ask(routes.SHOW_ACCOUNT)

    def functions(self) -> list[Function]:
        """The functions with their triggers, in the order of definition."""
        return self._ask(routes.LIST_FUNCTIONS)

    def timers(self) -> list[Timer]:
        """The time triggers."""
        return self._ask(routes.LIST_TIMERS)

    def queues(self) -> list[Queue]:
        """The queues, sorted by name."""
        return self._ask(routes.LIST_QUEUES)

    def topics(self) -> list[Topic]:
        """The topics, sorted by name."""
        return self._ask(routes.LIST_TOPICS)

    # What a test arranges.

    def faults(self) -> list[Fault]:
        """All faults."""
        return self._ask(routes.LIST_FAULTS)

    def add_fault(self, fault: str, function: str, **fields: Any) -> Fault:
        """Let trouble strike the next attempts of a function; ``fields`` are those of the route."""
        return self._ask(routes.ADD_FAULT, body={"fault": fault, "function": function, **fields})

    def remove_faults(self, number: int | None = None) -> None:
        """Remove one fault, or all."""
        self._ask(routes.REMOVE_FAULTS, query={"n": number})

    def put_stub(self, function: str, steps: Sequence[Mapping[str, Any]]) -> None:
        """Put steps in place of a function's code."""
        self._ask(routes.PUT_STUB, function, body={"steps": steps})

    def stub_calls(self, function: str) -> list[StubCall]:
        """The attempts that reached the function's stub."""
        return self._ask(routes.SHOW_STUB, function)

    def remove_stub(self, function: str) -> None:
        """Let the function's code run again."""
        self._ask(routes.REMOVE_STUB, function)

    # Messages.

    def messages(self, address: str, *, waiting: bool = False) -> list[Message]:
        """What was delivered to ``queue:NAME``, ``topic:NAME`` or ``eventbus:NAME``, in order; of a queue with
        ``waiting`` only what no consumer has deleted yet."""
        kind, name = _mailbox(address)
        return self._ask(routes.LIST_MESSAGES[kind], name, query={"waiting": 1 if waiting else None})

    def clear(self, address: str) -> None:
        """Throw away what was delivered there."""
        kind, name = _mailbox(address)
        self._ask(routes.CLEAR_MESSAGES[kind], name)

    def send(self, queue: str, body: bytes, *, delay: float | timedelta | None = None) -> Message:
        """Put a message into a queue; ``delay`` in whole seconds, ``None``: the queue's own."""
        seconds = None if delay is None else _seconds(delay)
        if seconds is not None and seconds == int(seconds):
            seconds = int(seconds)
        return self._ask(routes.SEND_MESSAGE, queue, body={"body": body, "delay_seconds": seconds})

    def publish(self, topic: str, body: bytes, *, tag: str | None = None) -> Message:
        """Publish a message to a topic."""
        return self._ask(routes.PUBLISH_MESSAGE, topic, body={"body": body, "tag": tag})

    def fire_timer(self, timer: str) -> str:
        """Fire ``[service/]function/trigger`` now; the request id of its invocation."""
        function, _, name = timer.rpartition("/")
        return self._ask(routes.FIRE_TIMER, function, name).request_id

    def fire(self, trigger: str, fields: Mapping[str, Any]) -> Fired:
        """Fire ``[service/]function/trigger`` now, with what is said of its event."""
        function, _, name = trigger.rpartition("/")
        return self._ask(routes.FIRE_TRIGGER, function, name, body=fields)

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

    def _move(self, route: Route[Move], body: Mapping[str, Any]) -> Move:
        """Moves take as long as the handlers that they run; the server says when that is hopeless."""
        return self._ask(route, body=body, seconds=None)

    def _ask(
        self,
        route: Route[Told],
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = _ANSWER_SECONDS,
    ) -> Told:
        """What a route answers, read as its record. Of ``query`` and ``body``, what is ``None`` is left out where the
        route has a record for it."""
        target, data, headers = _path(route, path, query), None, {}
        if body is not None:
            data = json.dumps(encode(body if route.takes is dict else _given(body))).encode()
            headers = {"Content-Type": routes.JSON}
        with self._exchange(route.method, target, data, headers, seconds=seconds) as answer:
            told = answer.read()
        if route.answers is NoneType:
            return cast(Told, None)
        read = bytes.decode if route.answers is str else partial(self._read, target, partial(decode, route.answers))
        return cast(Told, read(told))

    def _read(self, path: str, read: Callable[[Any], Told], data: bytes) -> Told:
        try:
            told = json.loads(data)
        except ValueError:
            raise ClientError(f"{self.url} answers {path}, but not with JSON; is it an emulator?") from None
        try:
            return read(told)
        except ValueError:
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
                f"no emulator at {self.url}: connection refused. Start one with 'fcemu serve', or name its URL with "
                "--url or FCEMU_URL"
            ) from None
        except (OSError, HTTPException, UnicodeError) as broken:
            why = str(broken) or type(broken).__name__
            raise ClientError(
                f"cannot talk to {self.url}: {why}. Is an emulator running there? Name its URL with --url or FCEMU_URL"
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


def _path(route: Route[Any], path: Sequence[str], query: Mapping[str, Any] | None) -> str:
    parameters = dict(zip(route.parameters, (quote(each, safe="") for each in path), strict=True))
    asked = urlencode(_given(query or {}))
    return f"{routes.PREFIX}{route.path.format(**parameters)}{'?' if asked else ''}{asked}"


def _mailbox(address: str) -> tuple[str, str]:
    kind, _, name = address.partition(":")
    if kind not in routes.PLURALS or not name:
        raise ClientError(f"{address!r} is not an address of messages; write queue:NAME, topic:NAME or eventbus:NAME")
    return kind, name


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(duration: float | timedelta) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def _text(instant: datetime | str) -> str:
    return instant if isinstance(instant, str) else instant.isoformat()


def _fact_or_problem(told: Any) -> Fact:
    """Raises ``ClientError`` for the problem with which a journal ends that could not be kept."""
    if isinstance(told, dict) and "n" not in told and "detail" in told:
        problem: ProblemDocument = decode(ProblemDocument, told)
        raise ClientError(problem.detail, status=problem.status, code=problem.type)
    fact: Fact = decode(Fact, told)
    return fact
