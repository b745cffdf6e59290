"""One table says what follows from each fact, in the order in which it happens."""

from collections.abc import Iterable
from typing import Any

from fcemu.core.facts import (
    Changed,
    Delayed,
    Expired,
    Failed,
    Invalid,
    Redelivered,
    RetryPlanned,
    Stopped,
    Succeeded,
)
from fcemu.engine.callers import Callers
from fcemu.engine.deliveries import Deliveries
from fcemu.engine.dispatcher import Dispatcher
from fcemu.engine.journal import Journal, Reactions
from fcemu.engine.movers import Movers
from fcemu.engine.ports import Mail


def reactions(
    *,
    dispatcher: Dispatcher,
    movers: Movers,
    callers: Callers,
    deliveries: Deliveries,
    mail: Mail,
    journal: Journal,
    arrivals: Iterable[type[Any]],
) -> Reactions:
    """The table. ``Journal.record`` and ``Journal.note`` run it, depth first: what follows from a fact has happened
    before the next thing that follows from the fact before it. It does not go deep, because whatever runs an attempt
    stands on the agenda first.

    ``arrivals``: the facts by which a message arrives. Nothing else frees goals, wakes callers, sends reports, passes
    messages on, lets retries fall due or makes room in memory.
    """
    again = (dispatcher.due_again,)
    defined = (movers.defined,)
    ended = (movers.invocation_ended, callers.answer, deliveries.report, journal.make_room)
    return {
        # There will be another attempt.
        Delayed: again,
        Redelivered: again,
        RetryPlanned: again,
        # An invocation has ended.
        Succeeded: ended,
        Failed: ended,
        Expired: ended,
        Stopped: ended,
        Invalid: ended,
        # A definition has changed.
        Changed: defined,
        # A message has arrived at a queue, a topic or a bus.
        **dict.fromkeys(arrivals, (mail.arrives,)),
    }
