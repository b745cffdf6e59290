"""Sends reports to destinations."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol, assert_never

from fcemu.core.destinations import (
    MNS_MESSAGE_BYTES,
    Destination,
    FunctionDestination,
    QueueDestination,
    TopicDestination,
    report,
)
from fcemu.core.errors import FCError
from fcemu.core.facts import Delivered, DeliveryFailed
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import Invocation, State
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.journal import Journal


class AcceptReport(Protocol):
    """Accepts a report as an asynchronous invocation of a destination function; raises ``FCError``."""

    def __call__(self, destination: FunctionDestination, body: bytes, cause: Invocation) -> Invocation: ...


class Deliveries:
    """Reports each finished asynchronous invocation once. Called with the baton held.

    A delivery that fails is a fact and is not tried again; the invocation's state does not change
    (retry-and-destinations §3.4).
    """

    def __init__(
        self,
        settings: Settings,
        chance: Chance,
        journal: Journal,
        asked_of: Callable[[Invocation], AsyncSettings],
        accept: AcceptReport,
    ) -> None:
        self._settings: Final = settings
        self._chance: Final = chance
        self._journal: Final = journal
        self._asked_of: Final = asked_of
        self._accept: Final = accept

    def report(self, invocation: Invocation, now: datetime) -> None:
        """Tell the destination of ``invocation``, which has just ended, if its settings name one."""
        destination = self._destination(invocation)
        if destination is None:
            return
        accepted = invocation.accepted
        body = report(
            ref=accepted.function,
            qualifier=accepted.qualifier,
            account=self._settings.account,
            request_id=invocation.id,
            executions=invocation.executions,
            request_payload=accepted.payload,
            ending=invocation.ending(),
            now=now,
        )
        self._send(destination, body, invocation, now)

    def _destination(self, invocation: Invocation) -> Destination | None:
        """ASSUMED: expiry is reported as a failure; stopped and invalid invocations are not reported (§3.3)."""
        match invocation.state:
            case State.SUCCEEDED:
                return self._asked_of(invocation).on_success
            case State.FAILED | State.EXPIRED:
                return self._asked_of(invocation).on_failure
            case _:
                return None

    def _send(self, destination: Destination, body: bytes, invocation: Invocation, now: datetime) -> None:
        match destination:
            case FunctionDestination():
                try:
                    message_id = self._accept(destination, body, invocation).id
                except FCError as refused:
                    depth = invocation.accepted.depth
                    row = f" (destination {depth + 1} in a row: is there a loop?)" if depth else ""
                    self._failed(destination, f"{refused}{row}", invocation, now)
                    return
            case QueueDestination() | TopicDestination():
                if len(body) > MNS_MESSAGE_BYTES:
                    reason = f"the report has {len(body)} bytes, MNS takes {MNS_MESSAGE_BYTES}"
                    self._failed(destination, reason, invocation, now)
                    return
                message_id = self._chance.message_id()
            case unreachable:
                assert_never(unreachable)
        self._journal.record(Delivered(now, invocation.id, str(destination), message_id, body), invocation)

    def _failed(self, destination: Destination, reason: str, invocation: Invocation, now: datetime) -> None:
        self._journal.record(DeliveryFailed(now, invocation.id, str(destination), reason), invocation)
