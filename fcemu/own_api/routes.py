"""The routes of fcemu's own API: one row for each. Server, client, OpenAPI document and reference page read them."""

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fcemu.own_api import records

T = TypeVar("T")

PREFIX: Final = "/_fcemu"
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"
PLAIN: Final = "text/plain"
ZIP: Final = "application/zip"


class Route(NamedTuple, Generic[T]):
    """One route. ``name`` is the operation's in the OpenAPI document, and that of the server's function for it.

    ``path`` is below ``/_fcemu``. ``answers``: a record, a list of records, text, bytes, or nothing (then 204); what
    is told in ``LINES`` or ``EVENTS`` is a record each time. ``query`` and ``takes``: the records of the parameters and
    of the body; ``takes`` ``dict``: any object; ``takes_one``: exactly one field of it. ``problems``: those that only
    some routes have. ``tokenless``: its answer tells nothing, so it needs no token.
    """

    name: str
    method: str
    path: str
    answers: type[T]
    help: str
    query: type[Any] = records.Nothing
    takes: type[Any] | None = None
    problems: tuple[str, ...] = ()
    content: tuple[str, ...] = (JSON,)
    takes_one: bool = False
    tokenless: bool = False

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def all_problems(self) -> Iterator[str]:
        """The types of all problems that it may answer."""
        yield from ("access-denied", "invalid-request", "unknown-parameter", "internal-error", "unavailable")
        if self.query is not records.Nothing:
            yield "invalid-parameter"
        if self.takes is not None:
            yield from ("invalid-json", "too-large")
        if self.takes not in (None, dict):
            yield from ("invalid-body", "unknown-field", "invalid-field")
        yield from self.problems


PATH_PARAMETERS: Final[Mapping[str, str]] = {
    "id": "The request id of an invocation.",
    "name": "The name of a queue, topic or event bus; a topic of RocketMQ is `INSTANCE/TOPIC`, percent-encoded.",
    "function": "`name`, or `service/name` percent-encoded.",
    "trigger": "The name of a trigger of the function.",
    "layer": "The name of a layer.",
    "version": "The number of a version.",
}
"""What stands in a path."""
_MOVE: Final = ("not-idle", "clock-stuck", "closed")

SHOW_HEALTH: Final = Route(
    "show_health", "GET", "/health", records.Health, "whether the server is there", tokenless=True
)
SHOW_DOCUMENT: Final = Route(
    "show_document",
    "GET",
    "/openapi.json",
    dict[str, Any],
    "this API as a document of OpenAPI 3.1; `fcemu openapi` prints it",
)
SHOW_AUTHORITY: Final = Route(
    "show_authority",
    "GET",
    "/ca.pem",
    str,
    "the certificate that a client has to trust to speak TLS to this port: made for the run, and good for FC's hosts "
    "and loopback only",
    problems=("not-found",),
    content=("application/x-pem-file",),
    tokenless=True,
)
SHOW_CLOCK: Final = Route("show_clock", "GET", "/clock", records.Clock, "the clock")
CHANGE_CLOCK: Final = Route(
    "change_clock", "PATCH", "/clock", records.Clock, "changes how the clock runs", takes=records.ClockChange
)
ADVANCE: Final = Route(
    "advance",
    "POST",
    "/clock/advance",
    records.Move,
    "moves the clock: by a number of seconds, by a duration like `3h`, or to an instant like `2026-01-01T00:00:00Z`; "
    "answers when all that fell due has run",
    takes=records.Advance,
    takes_one=True,
    problems=("backwards", *_MOVE),
)
RUN_NEXT: Final = Route(
    "run_next",
    "POST",
    "/clock/run-next",
    records.Move,
    "moves to the next due instant",
    takes=records.Nothing,
    problems=_MOVE,
)
RUN_UNTIL_IDLE: Final = Route(
    "run_until_idle",
    "POST",
    "/clock/run-until-idle",
    records.Move,
    "moves until no work is left",
    takes=records.IdleBound,
    problems=_MOVE,
)
SHOW_METRICS: Final = Route(
    "show_metrics", "GET", "/metrics", str, "[metrics](instances.md#metrics) for Prometheus", content=(PLAIN,)
)
EXPLAIN: Final = Route("explain", "GET", "/explain", records.Explanation, "why time does not move")
FOLLOW_JOURNAL: Final = Route(
    "follow_journal",
    "GET",
    "/journal",
    records.Fact,
    "the facts, one JSON object a line; with `Accept: text/event-stream` server-sent events, which go on unless "
    "`follow=0`. Where the next facts cannot be kept (a full disk), it ends with a problem in place of a fact, as an "
    "event `problem`",
    query=records.WhichFacts,
    content=(LINES, EVENTS),
)
SHOW_TIMELINE: Final = Route(
    "show_timeline",
    "GET",
    "/timeline",
    str,
    "the journal for people, as text",
    query=records.TimelineForm,
    problems=("not-supported-yet",),
    content=(PLAIN,),
)
LIST_INVOCATIONS: Final = Route(
    "list_invocations",
    "GET",
    "/invocations",
    list[records.Invocation],
    "whole records in order of acceptance, with attempts, logs, events and deliveries; `status` in any letter case",
    query=records.WhichInvocations,
)
SHOW_INVOCATION: Final = Route(
    "show_invocation", "GET", "/invocations/{id}", records.Invocation, "one record", problems=("not-found",)
)
STOP_INVOCATION: Final = Route(
    "stop_invocation",
    "POST",
    "/invocations/{id}/stop",
    records.Invocation,
    "stops an asynchronous invocation, a task or not; answers its record, which is `Stopping` where it ran",
    takes=records.Nothing,
    problems=("not-found", "cannot-stop"),
)
PLURALS: Final = {"queue": "queues", "topic": "topics", "eventbus": "eventbuses"}
LIST_MESSAGES: Final[Mapping[str, Route[list[records.Message]]]] = {
    kind: Route(
        f"list_{kind}_messages",
        "GET",
        f"/{plural}/{{name}}/messages",
        list[records.Message],
        {
            "queue": "what was delivered there, consumed or not; with `waiting=1` what no consumer has deleted",
            "topic": "what was delivered there",
            "eventbus": "what was delivered there: CloudEvents, with the report under `data`",
        }[kind],
        query=records.WhichMessages if kind == "queue" else records.Nothing,
        problems=("not-found",),
    )
    for kind, plural in PLURALS.items()
}
"""By kind of address."""
CLEAR_MESSAGES: Final[Mapping[str, Route[None]]] = {
    kind: Route(
        f"clear_{kind}_messages",
        "DELETE",
        f"/{plural}/{{name}}/messages",
        NoneType,
        "empties it, for consumers too; the facts stay" if kind == "queue" else "empties it; the facts stay",
        problems=("not-found",),
    )
    for kind, plural in PLURALS.items()
}
"""By kind of address."""
SEND_MESSAGE: Final = Route(
    "send_message",
    "POST",
    "/queues/{name}/messages",
    records.Message,
    "sends a message; answers it",
    takes=records.NewMessage,
    problems=("not-found",),
)
PUBLISH_MESSAGE: Final = Route(
    "publish_message",
    "POST",
    "/topics/{name}/messages",
    records.Message,
    "publishes a message, to subscribed queues and to functions with a trigger on the topic; answers it",
    takes=records.Publication,
    problems=("not-found",),
)
LIST_FAULTS: Final = Route("list_faults", "GET", "/faults", list[records.Fault], "all faults")
ADD_FAULT: Final = Route(
    "add_fault",
    "POST",
    "/faults",
    records.Fault,
    "adds a fault in the words of [the fixture](fixture.md#faults): `throttle`, `fail` (`status`), `crash` (`when`), "
    "`delay` (`by`) or `deliver_twice` (`again`); answers it",
    takes=records.NewFault,
    problems=("not-found",),
)
REMOVE_FAULTS: Final = Route(
    "remove_faults",
    "DELETE",
    "/faults",
    NoneType,
    "removes all, or the one of the parameter `n`",
    query=records.WhichFaults,
    problems=("not-found",),
)
SHOW_STUB: Final = Route(
    "show_stub",
    "GET",
    "/stubs/{function}",
    list[records.StubCall],
    "the calls of the function's stub",
    problems=("not-found",),
)
PUT_STUB: Final = Route(
    "put_stub",
    "PUT",
    "/stubs/{function}",
    NoneType,
    "puts [steps](fixture.md#stubs) in place of the function's code and of stubs before",
    takes=records.Stub,
    problems=("not-found", "not-supported-yet"),
)
REMOVE_STUB: Final = Route(
    "remove_stub",
    "DELETE",
    "/stubs/{function}",
    NoneType,
    "lets the function's code run again",
    problems=("not-found",),
)
SHOW_DEFINITION: Final = Route(
    "show_definition",
    "GET",
    "/definition",
    dict[str, Any],
    "all that is defined, in [native form](definition.md): saved as `fcemu.yaml`, it makes it again, uploaded code "
    "included",
    problems=("not-supported-yet",),
)
ADD_DEFINITION: Final = Route(
    "add_definition",
    "POST",
    "/definition",
    dict[str, Any],
    "takes a definition in native form and adds it; same names are replaced; paths count from the server's working "
    "directory; answers all that is defined. Its `emulator:` block cannot change the options",
    takes=dict,
    problems=("invalid-definition", "not-supported-yet"),
)
SHOW_CODE: Final = Route(
    "show_code",
    "GET",
    "/code/{function}",
    bytes,
    "the code of a function as a zip. `GetFunctionCode` points here",
    query=records.WhichCode,
    problems=("not-found",),
    content=(ZIP,),
)
SHOW_LAYER: Final = Route(
    "show_layer",
    "GET",
    "/layers/{layer}/{version}",
    bytes,
    "the content of a layer as a zip",
    problems=("not-found",),
    content=(ZIP,),
)
FIRE_TIMER: Final = Route(
    "fire_timer",
    "POST",
    "/timers/{function}/{trigger}/fire",
    records.TimerFired,
    "fires a time trigger now; the invocation runs when the clock moves",
    problems=("not-found",),
)
FIRE_TRIGGER: Final = Route(
    "fire_trigger",
    "POST",
    "/triggers/{function}/{trigger}/fire",
    records.Fired,
    'takes [what is said of the event](../howto/triggers.md#events-of-other-services), `{"object": "in/a.csv"}`, or '
    '`{"payload"}`, text or JSON: fires a trigger of another service now. Where the trigger\'s filter keeps the event '
    "away, nothing is invoked, the request id is null, and the reason says why",
    takes=dict,
    problems=("not-found", "invalid-field"),
)
RESET: Final = Route(
    "reset",
    "POST",
    "/reset",
    records.Clock,
    "begins anew, as the definition and the options made it; answers the new clock",
    takes=records.NewStart,
    problems=("not-supported-yet",),
)

ROUTES: Final[tuple[Route[Any], ...]] = (
    SHOW_HEALTH,
    SHOW_DOCUMENT,
    SHOW_AUTHORITY,
    SHOW_CLOCK,
    CHANGE_CLOCK,
    ADVANCE,
    RUN_NEXT,
    RUN_UNTIL_IDLE,
    SHOW_METRICS,
    EXPLAIN,
    FOLLOW_JOURNAL,
    SHOW_TIMELINE,
    LIST_INVOCATIONS,
    SHOW_INVOCATION,
    STOP_INVOCATION,
    LIST_MESSAGES["queue"],
    SEND_MESSAGE,
    CLEAR_MESSAGES["queue"],
    LIST_MESSAGES["topic"],
    PUBLISH_MESSAGE,
    CLEAR_MESSAGES["topic"],
    LIST_MESSAGES["eventbus"],
    CLEAR_MESSAGES["eventbus"],
    LIST_FAULTS,
    ADD_FAULT,
    REMOVE_FAULTS,
    SHOW_STUB,
    PUT_STUB,
    REMOVE_STUB,
    SHOW_DEFINITION,
    ADD_DEFINITION,
    SHOW_CODE,
    SHOW_LAYER,
    FIRE_TIMER,
    FIRE_TRIGGER,
    RESET,
)
