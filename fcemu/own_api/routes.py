"""The routes of fcemu's own API: one row for each. Server, client, OpenAPI document and reference page read them."""

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fcemu.own_api import records
from fcemu.own_api.records import Nothing

T = TypeVar("T")

PREFIX: Final = "/_fcemu"
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"
_CONTENT: Final[Mapping[Any, tuple[str, ...]]] = {str: ("text/plain",), bytes: ("application/zip",)}
"""In what routes answer that say nothing else, by what they answer; all else is JSON."""


class Route(NamedTuple, Generic[T]):
    """One route. ``name`` is the operation's in the OpenAPI document, and that of the server's function for it.

    ``path`` is below ``/_fcemu``. ``answers``: a record, a list of records, text, bytes, or nothing (then 204); what
    is told in ``LINES`` or ``EVENTS`` is a record each time. ``content``: the types of what is answered, the usual one
    first. ``query`` and ``takes``: the records of the parameters and of the body; ``takes`` ``dict``: any object;
    ``takes_one``: exactly one field of it. ``problems``: those that only some routes have. ``tokenless``: its answer
    tells nothing, so it needs no token.
    """

    name: str
    method: str
    path: str
    answers: type[T]
    help: str
    content: tuple[str, ...]
    query: type[Any]
    takes: type[Any] | None
    takes_one: bool
    problems: tuple[str, ...]
    tokenless: bool

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def all_problems(self) -> Iterator[str]:
        """The types of all problems that it may answer."""
        yield from ("access-denied", "invalid-request", "unknown-parameter", "internal-error", "unavailable")
        if self.parameters:
            yield "not-found"
        if self.query is not Nothing:
            yield "invalid-parameter"
        if self.takes is not None:
            yield from ("invalid-json", "too-large")
        if self.takes not in (None, dict):
            yield from ("invalid-body", "unknown-field", "invalid-field")
        yield from self.problems


ROUTES: Final[list[Route[Any]]] = []
"""All of them, in the order of the reference page."""
PATH_PARAMETERS: Final[Mapping[str, str]] = {
    "id": "The request id of an invocation, or at least its first 8 characters, where no other id begins with them.",
    "name": "The name of a queue, topic or event bus; a topic of RocketMQ is `INSTANCE/TOPIC`, percent-encoded.",
    "function": "The name of a function: `name`, or `service/name` percent-encoded.",
    "trigger": "The name of a trigger of the function.",
    "layer": "The name of a layer.",
    "version": "The number of a version.",
}
"""What stands in a path."""
PLURALS: Final = {"queue": "queues", "topic": "topics", "eventbus": "eventbuses"}
"""How paths call the kinds of addresses that have messages."""


def _row(
    name: str,
    request: str,
    answers: type[T],
    help: str,  # noqa: A002 (as click calls it)
    *,
    content: tuple[str, ...] = (),
    query: type[Any] = Nothing,
    takes: type[Any] | None = None,
    takes_one: bool = False,
    problems: tuple[str, ...] = (),
    tokenless: bool = False,
) -> Route[T]:
    method, path = request.split()
    content = content or _CONTENT.get(answers, (JSON,))
    route = Route(name, method, path, answers, help, content, query, takes, takes_one, problems, tokenless)
    ROUTES.append(route)
    return route


# The server.

SHOW_HEALTH: Final = _row(
    "show_health", "GET /health", records.Health, "tells that the server is running", tokenless=True
)
SHOW_DOCUMENT: Final = _row(
    "show_document",
    "GET /openapi.json",
    dict[str, Any],
    "answers a document of OpenAPI 3.1 that describes this API; `fcemu openapi` prints it",
)
SHOW_AUTHORITY: Final = _row(
    "show_authority",
    "GET /ca.pem",
    str,
    "answers the certificate that a client must trust to speak TLS to this port; it is made for the run and valid only "
    "for FC's hosts and loopback",
    content=("application/x-pem-file",),
    problems=("not-found",),
    tokenless=True,
)
SHOW_PAGE: Final = _row(
    "show_page",
    "GET /",
    str,
    "answers [the page](../howto/page.md) as one document. A browser that opens this address gets it without a token; "
    "the page asks this API for all that it shows",
    content=("text/html",),
)
RESET: Final = _row(
    "reset",
    "POST /reset",
    records.Clock,
    "restarts from the definition and the options; answers the new clock",
    takes=records.NewStart,
)

# The clock.

_MOVE: Final = ("not-idle", "clock-stuck", "closed")
SHOW_CLOCK: Final = _row("show_clock", "GET /clock", records.Clock, "answers the clock")
CHANGE_CLOCK: Final = _row(
    "change_clock", "PATCH /clock", records.Clock, "changes how the clock runs", takes=records.ClockChange
)
ADVANCE: Final = _row(
    "advance",
    "POST /clock/advance",
    records.Move,
    "moves the clock: by a number of seconds, by a duration like `3h`, or to an instant like `2026-01-01T00:00:00Z`; "
    "answers once all that fell due has run",
    takes=records.Advance,
    takes_one=True,
    problems=("backwards", *_MOVE),
)
RUN_NEXT: Final = _row(
    "run_next",
    "POST /clock/run-next",
    records.Move,
    "moves to the next due instant",
    takes=Nothing,
    problems=_MOVE,
)
RUN_UNTIL_IDLE: Final = _row(
    "run_until_idle",
    "POST /clock/run-until-idle",
    records.Move,
    "moves until no work is left",
    takes=records.IdleBound,
    problems=_MOVE,
)

# What happened.

SHOW_METRICS: Final = _row(
    "show_metrics", "GET /metrics", str, "answers [metrics](instances.md#metrics) for Prometheus"
)
EXPLAIN: Final = _row("explain", "GET /explain", records.Explanation, "tells why time does not move")
FOLLOW_JOURNAL: Final = _row(
    "follow_journal",
    "GET /journal",
    records.Fact,
    "answers the facts, one JSON object per line; with `Accept: text/event-stream`, answers server-sent events, which "
    "continue unless `follow=0`. Where the emulator cannot keep the next facts (the disk is full), the stream ends "
    "with a problem in place of a fact, as an event `problem`",
    content=(LINES, EVENTS),
    query=records.WhichFacts,
)
SHOW_TIMELINE: Final = _row(
    "show_timeline",
    "GET /timeline",
    str,
    "answers the journal for people, as text; with `format=chrome` as JSON for the trace viewers of Chrome and "
    "Perfetto, and with `format=otlp` as the JSON of OTLP, which needs `fcemu[otlp]`",
    content=("text/plain", JSON),
    query=records.TimelineForm,
    problems=("unavailable",),
)
LIST_INVOCATIONS: Final = _row(
    "list_invocations",
    "GET /invocations",
    list[records.Invocation],
    "lists whole records in order of acceptance, with attempts, logs, events and deliveries; `status` may be in any "
    "letter case",
    query=records.WhichInvocations,
)
SHOW_INVOCATION: Final = _row("show_invocation", "GET /invocations/{id}", records.Invocation, "answers one record")
STOP_INVOCATION: Final = _row(
    "stop_invocation",
    "POST /invocations/{id}/stop",
    records.Invocation,
    "stops an asynchronous invocation, whether it is a task or not; answers its record, which is `Stopping` if it was "
    "running",
    takes=Nothing,
    problems=("cannot-stop",),
)

RETELL_INVOCATION: Final = _row(
    "retell_invocation",
    "GET /invocations/{id}/test",
    str,
    (
        "answers [a test for pytest](../howto/page.md#copy-as-test) that makes the same happen again and asserts that "
        "it did"
    ),
    content=("text/x-python",),
    problems=("not-retold", "not-supported-yet"),
)
RERUN_INVOCATION: Final = _row(
    "rerun_invocation",
    "POST /invocations/{id}/rerun",
    records.Accepted,
    "accepts the event of an invocation again, as an asynchronous invocation of the same function and qualifier that "
    "runs when the clock moves; a task gets a new record, under the given id or else under its request id",
    takes=records.Rerun,
    problems=("invalid-field", "too-large"),
)

# What is defined.

SHOW_ACCOUNT: Final = _row(
    "show_account",
    "GET /account",
    records.Account,
    "answers account, region and an access key, which a client of FC needs; `fcemu env` prints them as variables",
)
LIST_FUNCTIONS: Final = _row(
    "list_functions",
    "GET /functions",
    list[records.Function],
    "lists the functions in the order of definition, with their triggers",
)
LIST_TIMERS: Final = _row(
    "list_timers", "GET /timers", list[records.Timer], "lists the time triggers with their next firings"
)
LIST_QUEUES: Final = _row(
    "list_queues",
    "GET /queues",
    list[records.Queue],
    "lists the queues that are defined, that a client made, or that received a message",
)
LIST_TOPICS: Final = _row(
    "list_topics",
    "GET /topics",
    list[records.Topic],
    "lists the topics with the queues and triggers that receive their messages",
)

# Messages: lists and clearings by kind of address.

LIST_MESSAGES: Final = {
    kind: _row(
        f"list_{kind}_messages", f"GET /{PLURALS[kind]}/{{name}}/messages", list[records.Message], about, query=query
    )
    for kind, about, query in (
        (
            "queue",
            "lists what was delivered there, consumed or not; with `waiting=1`, only what no consumer has deleted",
            records.WhichMessages,
        ),
        ("topic", "lists what was delivered there", Nothing),
        ("eventbus", "lists the CloudEvents that were delivered there, with the report under `data`", Nothing),
    )
}
SEND_MESSAGE: Final = _row(
    "send_message",
    "POST /queues/{name}/messages",
    records.Message,
    "sends a message; answers it",
    takes=records.NewMessage,
)
PUBLISH_MESSAGE: Final = _row(
    "publish_message",
    "POST /topics/{name}/messages",
    records.Message,
    "publishes a message to subscribed queues and to functions with a trigger on the topic; answers it",
    takes=records.Publication,
)
CLEAR_MESSAGES: Final = {
    kind: _row(
        f"clear_{kind}_messages",
        f"DELETE /{plural}/{{name}}/messages",
        NoneType,
        "removes all messages, also for consumers; the facts stay",
    )
    for kind, plural in PLURALS.items()
}

# What a test arranges.

LIST_FAULTS: Final = _row("list_faults", "GET /faults", list[records.Fault], "lists all faults")
ADD_FAULT: Final = _row(
    "add_fault",
    "POST /faults",
    records.Fault,
    "adds a fault in the words of [the fixture](fixture.md#faults): `throttle`, `fail` (`status`), `crash` (`when`), "
    "`delay` (`by`) or `deliver_twice` (`again`); answers it",
    takes=records.NewFault,
    problems=("not-found",),
)
REMOVE_FAULTS: Final = _row(
    "remove_faults",
    "DELETE /faults",
    NoneType,
    "removes all faults, or the one that the parameter `n` names",
    query=records.WhichFaults,
    problems=("not-found",),
)
SHOW_STUB: Final = _row(
    "show_stub", "GET /stubs/{function}", list[records.StubCall], "lists the calls of the function's stub"
)
PUT_STUB: Final = _row(
    "put_stub",
    "PUT /stubs/{function}",
    NoneType,
    "puts [steps](fixture.md#stubs) in place of the function's code and of earlier stubs",
    takes=records.Stub,
)
REMOVE_STUB: Final = _row("remove_stub", "DELETE /stubs/{function}", NoneType, "lets the function's code run again")
SHOW_DEFINITION: Final = _row(
    "show_definition",
    "GET /definition",
    dict[str, Any],
    "answers all that is defined, in [native form](definition.md); saved as `fcemu.yaml`, it defines the same again, "
    "including uploaded code",
)
LIST_PROBLEMS: Final = _row(
    "list_problems",
    "GET /definition/problems",
    list[records.DefinitionProblem],
    "lists the warnings about the definition with which the emulator was started",
)
ADD_DEFINITION: Final = _row(
    "add_definition",
    "POST /definition",
    dict[str, Any],
    "adds a definition in native form, which replaces what has the same names; paths count from the server's working "
    "directory. The answer is all that is defined. Its `emulator:` block cannot change the options",
    takes=dict,
    problems=("invalid-definition",),
)
SHOW_CODE: Final = _row(
    "show_code",
    "GET /code/{function}",
    bytes,
    "answers the code of a function as a zip. `GetFunctionCode` points here",
    query=records.WhichCode,
)
SHOW_LAYER: Final = _row(
    "show_layer", "GET /layers/{layer}/{version}", bytes, "answers the content of a layer as a zip"
)
FIRE_TIMER: Final = _row(
    "fire_timer",
    "POST /timers/{function}/{trigger}/fire",
    records.Accepted,
    "fires a time trigger now; the invocation runs when the clock moves",
)
FIRE_TRIGGER: Final = _row(
    "fire_trigger",
    "POST /triggers/{function}/{trigger}/fire",
    records.Fired,
    "fires a trigger of another service now. It takes [fields of the event]"
    '(../howto/triggers.md#events-of-other-services), such as `{"object": "in/a.csv"}`, or `{"payload"}` with text or '
    "JSON. If the trigger's filter does not match the event, nothing is invoked, the request id is null, and the "
    "reason says why",
    takes=dict,
    problems=("invalid-field",),
)
