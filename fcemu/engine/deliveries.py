"""This module sends the report of each asynchronous invocation that has ended to its destination."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from fcemu.core.destinations import Destination, EventBusDestination, FunctionDestination
from fcemu.core.errors import FCError
from fcemu.core.facts import (
    Delivered,
    DeliveryFailed,
    DeliveryStarted,
    Expired,
    Failed,
    FaultStruck,
    Invalid,
    Stopped,
    Succeeded,
)
from fcemu.core.invocation import Invocation
from fcemu.core.questions import Report
from fcemu.core.reports import envelope, report
from fcemu.core.times import later
from fcemu.engine.callers import Callers
from fcemu.engine.errands import Errand
from fcemu.engine.intake import Intake
from fcemu.engine.movers import Movers
from fcemu.engine.ports import Mail, Post
from fcemu.engine.world import World


class Sent:
    """A report on its way; it stands on the agenda for the instant at which it arrives."""

    over = False

    def __init__(self, deliveries: "Deliveries", started: DeliveryStarted, invocation: Invocation) -> None:
        self._deliveries: Final = deliveries
        self._started: Final = started
        self._invocation: Final = invocation

    def fall_due(self, now: datetime) -> None:
        """It is there."""
        self._deliveries.arrive(self._started, self._invocation, now)

    def __str__(self) -> str:
        return f"report of {self._invocation.accepted.function} {self._invocation.id} to {self._started.destination}"


class Deliveries:
    """Reports each finished asynchronous invocation once. Called with the baton held.

    A delivery that fails is a fact and, unless settings say so, is not tried again; the invocation's state does not
    change (retry-and-destinations §3.4).
    """

    def __init__(self, world: World, movers: Movers, callers: Callers, intake: Intake, mail: Mail, post: Post) -> None:
        self._settings: Final = world.settings
        self._chance: Final = world.chance
        self._catalog: Final = world.catalog
        self._journal: Final = world.journal
        self._agenda: Final = world.agenda
        self._movers: Final = movers
        self._callers: Final = callers
        self._intake: Final = intake
        self._mail: Final = mail
        self._post: Final = post

    def report(self, end: Succeeded | Failed | Expired | Stopped | Invalid, invocation: Invocation) -> None:
        """Tell the destination of an asynchronous invocation, which has just ended, if its settings name one."""
        accepted, now = invocation.accepted, end.at
        if accepted.synchronous or accepted.request_id in self._callers.withdrawn:
            return
        destination = self._destination(invocation)
        if destination is None:
            return
        body = report(invocation, self._settings.account, now)
        fate = self._chance.fate_of(invocation) if self._chance.troubles else None
        if fate is not None:
            word = "report lost" if fate.lost else "report late" if fate.late else "report twice"
            struck = FaultStruck(now, invocation.id, invocation.last_attempt, word, self._chance.told())
            self._journal.record(struck, invocation)
        if isinstance(destination, FunctionDestination):
            if fate is None:
                self._invoke(destination, body, invocation, now)
            else:
                self._befalls(fate, str(destination), "", body, invocation, now)
            return
        if isinstance(destination, EventBusDestination):
            body = envelope(invocation, body, self._settings.account, now)
        address, most = str(destination), destination.MOST_BYTES
        if len(body) > most:
            refused: str | None = f"the report has {len(body)} bytes, {destination.SERVICE} takes {most}"
        else:
            refused = self._mail.refuses(address, body)
        if refused is not None:
            self._failed(address, refused, invocation, now)
            return
        message_id, url = self._chance.message_id(), self._settings.deliver_to.get(address)
        if fate is not None:
            self._befalls(fate, address, message_id, body, invocation, now)
        elif url is None:
            self._journal.record(Delivered(now, accepted.request_id, address, message_id, body), invocation)
        else:
            self._start(DeliveryStarted(now, accepted.request_id, address, message_id, body, now), invocation, url, 0)

    def _befalls(
        self, fate: Report, address: str, message_id: str, body: bytes, invocation: Invocation, now: datetime
    ) -> None:
        """The report does not just arrive: it sets out as often as ``fate`` says, and arrives when that says."""
        if fate.lost:
            self._failed(address, f"lost; sent once more after {fate.late.total_seconds():g} s", invocation, now)
        started = DeliveryStarted(now, invocation.id, address, message_id, body, later(now, fate.late))
        for _ in range(fate.times):
            self._journal.record(started, invocation)
            self._agenda.push(started.due, Sent(self, started, invocation))

    def arrive(self, started: DeliveryStarted, invocation: Invocation, now: datetime) -> None:
        """A report that had set out is there: where it is posted to a URL, it is posted now."""
        self.resume(started, invocation, 0, now)

    def _destination(self, invocation: Invocation) -> Destination | None:
        """ASSUMED: fcemu reports expiry as a failure, and does not report stopped and invalid invocations
        (retry-and-destinations §3.3)."""
        asked = self._catalog.async_settings(invocation.accepted.function, invocation.accepted.qualifier)
        if isinstance(invocation.end, Succeeded):
            return asked.on_success
        return asked.on_failure if isinstance(invocation.end, Failed | Expired) else None

    def _invoke(self, destination: FunctionDestination, body: bytes, invocation: Invocation, now: datetime) -> None:
        try:
            request_id = self._intake.take_report(destination, body, invocation).id
        except FCError as refused:
            depth = invocation.accepted.depth
            row = f" (destination {depth + 1} in a row; check for a loop)" if depth else ""
            self._failed(str(destination), f"{refused}{row}", invocation, now)
            return
        self._journal.record(Delivered(now, invocation.id, str(destination), request_id, body), invocation)

    def _arrives(self, started: DeliveryStarted, invocation: Invocation, now: datetime) -> None:
        fact = Delivered(now, invocation.id, started.destination, started.message_id, started.body)
        self._journal.record(fact, invocation)

    # Posting to a URL.

    def resume(self, started: DeliveryStarted, invocation: Invocation, retry: int, now: datetime) -> None:
        """Post a report that had set out when the emulator ended, and that nobody knows the fate of: once more.

        Where no URL takes the place of its destination any more, it arrives there.
        """
        destination = self._destination(invocation)
        url = self._settings.deliver_to.get(started.destination)
        if str(destination) != started.destination:
            self._gone(started, invocation, now)
        elif isinstance(destination, FunctionDestination):
            self._invoke(destination, started.body, invocation, now)
        elif url is None:
            self._arrives(started, invocation, now)
        else:
            self._post_at(max(started.due, now), started, invocation, url, retry)

    def _gone(self, started: DeliveryStarted, invocation: Invocation, now: datetime) -> None:
        reason = "the emulator ended while the report was on its way, and the function has another destination now"
        self._journal.record(DeliveryFailed(now, invocation.id, started.destination, reason), invocation)

    def _start(self, started: DeliveryStarted, invocation: Invocation, url: str, retry: int) -> None:
        self._journal.record(started, invocation)
        self._post_at(started.due, started, invocation, url, retry)

    def _post_at(self, due: datetime, started: DeliveryStarted, invocation: Invocation, url: str, retry: int) -> None:
        kind = "cloudevents+json" if started.destination.startswith(EventBusDestination.WORD) else "json"
        headers = {
            "Content-Type": f"application/{kind}; charset=utf-8",
            "X-Fc-Request-Id": invocation.id,
            "X-Fcemu-Destination": started.destination,
            "X-Fcemu-Message-Id": started.message_id,
        }
        title = f"report of {invocation.accepted.function} {invocation.id} to {url}"
        done = partial(self._posted, started, invocation, url, retry)
        self._movers.put(due, Errand(title, lambda: self._post(url, started.body, headers), done))

    def _posted(
        self, started: DeliveryStarted, invocation: Invocation, url: str, retry: int, failed: str | None, now: datetime
    ) -> None:
        if failed is None:
            self._arrives(started, invocation, now)
            return
        waits = self._settings.delivery_retry_seconds
        again = later(now, waits[retry]) if retry < len(waits) else None
        if again is not None:
            failed = f"{failed}; tried again after {waits[retry].total_seconds():g} s"
        self._failed(started.destination, failed, invocation, now)
        if again is not None:
            self._start(replace(started, at=now, due=again), invocation, url, retry + 1)

    def _failed(self, address: str, reason: str, invocation: Invocation, now: datetime) -> None:
        self._journal.record(DeliveryFailed(now, invocation.id, address, reason), invocation)
