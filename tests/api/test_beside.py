"""What clients read leaves no trace, and what of theirs is refused only the fact that says so: the rest of the journal
is the same with and without it."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api.harness import Reply
from api.plane import SERVICE, VERSIONS, Plane, code
from api.test_fuzz import begin, requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.core.facts import Refused, to_json

FULL = os.environ.get("FCEMU_EFFORT") == "full"
Request = tuple[str, str, bytes | None, dict[str, str]]
Ask = Callable[..., Reply]

FC3 = "/2023-03-30/functions"
FC2 = f"/2016-08-15/services/{SERVICE}/functions"
ASYNC = {"x-fc-invocation-type": "Async"}


def document(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


# The scenario: whatever draws an id, or draws by chance.

STEPS: tuple[Request, ...] = (
    ("POST", f"{FC3}/resize/invocations?qualifier=both", b"1", ASYNC | {"x-fc-async-delay": "5"}),
    ("POST", f"{FC3}/resize/invocations?qualifier=both", b"2", {}),
    ("POST", f"{FC2}/resize/invocations", b"3", ASYNC | {"x-fc-stateful-async-invocation-id": "task"}),
    ("POST", "/queues/mail/messages", b"<Message><MessageBody>aGk=</MessageBody></Message>", {}),
    ("POST", f"/_fcemu/triggers/{SERVICE}%2Fresize/pictures/fire", document(object="a.png", bucket="b"), {}),
    ("POST", "/_fcemu/clock/advance", document(by=3), {}),
    ("POST", f"{FC3}/resize/invocations?qualifier=both", b"4", ASYNC),
    ("POST", f"{FC3}", document(functionName="late", runtime="python3.10", handler="index.handler", code=code()), {}),
    ("POST", f"{FC3}/late/invocations", b"5", {}),
    ("POST", "/_fcemu/clock/run-until-idle", b"{}", {}),
)

# What comes between: reads of all operations that there are, and what is refused. A GET by the proxy path invokes.

READS = requests().filter(lambda request: request[0] in ("GET", "HEAD") and "/proxy/" not in request[1])
REFUSED = st.sampled_from(
    [
        ("POST", f"{FC3}/nobody/invocations", b"", {}),
        ("POST", f"{FC3}/resize/invocations?qualifier=nowhere", b"", ASYNC),
        ("POST", f"{FC3}/resize/invocations?qualifier=both", b"x" * 200_000, ASYNC),
        ("POST", f"{FC3}/resize/invocations?qualifier=both", b"", ASYNC | {"x-fc-async-delay": "-1"}),
        ("POST", f"{FC3}/closed/invocations", b"", {}),
        ("POST", f"{FC2}/resize/invocations", b"", ASYNC | {"x-fc-async-delay": "soon"}),
        ("POST", f"{FC2}/nobody/invocations", b"", {}),
        ("POST", FC3, document(functionName="resize", runtime="python3.10", handler="a.b", code=code()), {}),
        ("POST", FC3, b"{", {}),
        ("PUT", f"{FC3}/resize", document(timeout=-1), {}),
        ("DELETE", f"{FC3}/nobody", None, {}),
        ("POST", f"/2021-04-06/services/{SERVICE}/functions", document(functionName="a b"), {}),
        ("BREW", f"{FC3}/resize", None, {}),
        ("GET", "/2023-03-30/nothing", None, {}),
        ("GET", "/queues/mail/messages?peekonly=true", None, {}),
        ("GET", "/queues/nobody/messages", None, {}),
        ("POST", "/queues/mail/messages", b"<Message></Message>", {}),
        ("POST", "/queues/mail/messages", b"<", {}),
        ("POST", f"/_fcemu/triggers/{SERVICE}%2Fresize/pictures/fire", document(object="a.txt", bucket="b"), {}),
        ("POST", f"/_fcemu/triggers/{SERVICE}%2Fresize/pictures/fire", document(colour="red"), {}),
        ("POST", "/_fcemu/triggers/closed/pictures/fire", document(object="a.png", bucket="b"), {}),
        ("POST", "/_fcemu/clock/advance", document(by=-3), {}),
        ("GET", "/_fcemu/journal", None, {}),
        ("GET", "/_fcemu/timeline", None, {}),
        ("GET", "/_fcemu/definition", None, {}),
    ]
)
BETWEEN = st.lists(st.one_of(REFUSED, READS), max_size=4)


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    plane = Plane()
    yield plane
    plane.close()


def played(plane: Plane, between: Callable[[Ask], object]) -> list[str]:
    """The journal of the scenario, without refused requests; ``between`` is called before each step."""
    arrange(plane)
    with plane.client() as ask:
        for method, path, body, headers in STEPS:
            between(ask)
            reply = ask(method, path, body, **headers)
            assert reply.status < 300, (path, reply.body)
    assert plane.emulator is not None
    return [json.dumps(to_json(fact)) for fact in plane.emulator.journal if not isinstance(fact, Refused)]


def arrange(plane: Plane) -> None:
    begin(plane)
    plane.version = VERSIONS[-1]
    plane.ok("POST", plane.owned("versions"), {"description": "two"})
    weights = {"aliasName": "both", "versionId": "1", "additionalVersionWeight": {"2": 0.5}}
    plane.ok("POST", plane.owned("aliases"), weights)
    plane.make("closed")
    only_pictures = {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "", "suffix": ".png"}}}
    trigger = {"triggerName": "pictures", "triggerType": "oss", "triggerConfig": json.dumps(only_pictures)}
    plane.ok("POST", plane.functions("closed", "triggers"), trigger)
    plane.ok("POST", plane.functions("closed", "invoke", "disable"), {"reason": "closed"})
    plane.version = VERSIONS[0]
    plane.ok("POST", plane.functions("resize", "triggers"), trigger)
    plane.ok("PUT", plane.functions("resize", "async-invoke-config"), {"statefulInvocation": True})
    plane.version = VERSIONS[-1]
    assert plane.request("PUT", "/queues/mail", b"<Queue></Queue>").status < 300


@settings(
    max_examples=500 if FULL else 15,
    deadline=None,
    derandomize=not FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_reads_and_refusals_between_the_requests_of_a_scenario_change_no_byte_of_the_rest_of_the_journal(
    plane: Plane, data: Any
) -> None:
    def between(ask: Ask) -> None:
        for method, path, body, headers in data.draw(BETWEEN):
            named = {name: value.encode("latin-1") for name, value in headers.items()}
            reply = ask(method, path, body, **named)
            passed = b'"request_id":null' in reply.body  # an event that its trigger's filter lets pass by
            assert method in ("GET", "HEAD") or reply.status >= 400 or passed, (method, path, reply.body)

    assert played(plane, between) == played(plane, lambda ask: None)
