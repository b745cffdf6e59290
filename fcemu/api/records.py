"""Invocations and facts as the JSON of fcemu's own API; pure functions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from fcemu.core.answers import recorded_answer_of
from fcemu.core.facts import Delivered, DeliveryFailed, Fact, text_or_base64, time_text
from fcemu.core.invocation import Attempt, Invocation
from fcemu.core.logs import log_of
from fcemu.core.outcome import FunctionError, TimedOut
from fcemu.core.tasks import events


def invocation_record(
    invocation: Invocation, history: Iterable[Fact], memory_mb: int, memory_used_mb: float
) -> dict[str, Any]:
    """All that is known of an invocation, in the words of the fixture; ``history``: its facts. ``due`` is when the
    next attempt may start; ``ended`` and ``reply`` are null before the end."""
    accepted = invocation.accepted
    return {
        "request_id": invocation.id,
        "task_id": accepted.task_id or None,
        "function": str(accepted.function),
        "qualifier": accepted.qualifier,
        "kind": "sync" if accepted.synchronous else "async",
        "source": accepted.source,
        "status": str(invocation.state),
        "accepted": time_text(accepted.at),
        "due": time_text(invocation.due),
        "ended": _time(invocation.ended),
        "reason": invocation.reason,
        "caused_by": None if accepted.root == accepted.request_id else accepted.root,
        "payload": text_or_base64(accepted.payload),
        "attempts": [
            _attempt(attempt, log_of(attempt, invocation.id, memory_mb, memory_used_mb))
            for attempt in invocation.attempts
        ],
        "deliveries": [_delivery(delivery) for delivery in invocation.deliveries],
        "events": [
            {"status": str(event.status), "at": time_text(event.at), "detail": event.detail}
            for event in events(history)
        ],
        "reply": _reply(invocation),
    }


def _attempt(attempt: Attempt, log: str) -> dict[str, Any]:
    outcome = attempt.outcome
    return {
        "number": attempt.number,
        "started": time_text(attempt.started),
        "ended": _time(attempt.ended),
        "outcome": attempt.word,
        "error": outcome.error_type if isinstance(outcome, FunctionError | TimedOut) else None,
        "instance_id": attempt.instance_id,
        "logs": log,
    }


def _reply(invocation: Invocation) -> dict[str, Any] | None:
    """What a synchronous caller got, or would have got, from the last attempt."""
    answer = recorded_answer_of(invocation)
    if answer is None:
        return None
    return {"status_code": answer.status, "error": answer.error, "body": text_or_base64(answer.body)}


def _delivery(delivery: Delivered | DeliveryFailed) -> dict[str, Any]:
    record: dict[str, Any] = {"at": time_text(delivery.at), "destination": delivery.destination}
    match delivery:
        case Delivered():
            return record | {"message_id": delivery.message_id, "body": text_or_base64(delivery.body)}
        case DeliveryFailed():
            return record | {"reason": delivery.reason}


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)
