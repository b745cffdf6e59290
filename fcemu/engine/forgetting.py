"""Forgetting: what ended long ago, by the virtual clock, is kept no more, where a store is to forget."""

from datetime import datetime, timedelta
from typing import Final

from fcemu.core.facts import Changed, Delivered, Fact, HookRan, InstanceProvisioned, InstanceStopped, InvocationFact
from fcemu.engine.journal import Journal
from fcemu.engine.ports import Messages, Store

_NEWS: Final = (Changed, HookRan, InstanceProvisioned, InstanceStopped)
"""Nothing follows from them after a restart: definitions are kept beside facts, instances are gone."""


def forget_old(store: Store, now: datetime, keep: timedelta, messages: Messages) -> None:
    """Let a store forget, before anybody has folded it, what ended earlier than ``keep`` ago, and make room.

    Messages of queues stay as long as a consumer may get them, whatever became of what they report; those of topics and
    buses go with time. ``messages`` tells which may still be got: it begins empty and folds what is in the store.
    Raises ``StoreError``. ASSUMED: fcemu forgets all kinds of records after one time, because FC names a time for the
    records of tasks only (async-invocation §4).
    """
    journal = Journal(messages)
    journal.keep_elsewhere(store.read)
    journal.fold(store.facts(), store.begin)
    journal.let_all_go()
    before = now - keep
    gone = journal.forget(before)
    waiting = messages.waiting(now)
    for n, fact in journal.numbered(store.begin):
        if fact.at <= before and _is_over(fact, journal, waiting):
            gone.append(n - 1)
    store.forget(gone)
    store.compact()


def _is_over(fact: Fact, journal: Journal, waiting: set[str]) -> bool:
    if isinstance(fact, Delivered):
        return fact.request_id not in journal.invocations and fact.message_id not in waiting
    if isinstance(fact, InvocationFact):
        return False
    message_id = getattr(fact, "message_id", None)  # what happened to a message goes with it
    return isinstance(fact, _NEWS) or (message_id is not None and message_id not in waiting)
