"""Forgetting: what ended long ago, by the virtual clock, is kept no more, where a store is to forget."""

from datetime import datetime, timedelta
from typing import Final

from fcemu.core.facts import Changed, Delivered, Fact, HookRan, InstanceProvisioned, InstanceStopped
from fcemu.core.mail_facts import MessageDeleted, MessageReceived, MessageSent, VisibilityChanged
from fcemu.engine.journal import Journal
from fcemu.engine.ports import Store

_NEWS: Final = (Changed, HookRan, InstanceProvisioned, InstanceStopped)
"""Nothing follows from them after a restart: definitions are kept beside facts, instances are gone."""
_USES: Final = (MessageReceived, VisibilityChanged, MessageDeleted)


def forget_old(store: Store, now: datetime, keep: timedelta) -> None:
    """Let a store forget, before anybody has folded it, what ended earlier than ``keep`` ago, and make room.

    Messages of queues stay as long as a consumer may get them, whatever became of what they report; those of topics
    and buses go with time. ASSUMED: all of it, because FC names a time for the records of tasks only.
    Raises ``StoreError``.
    """
    journal = Journal()
    journal.keep_elsewhere(store.read)
    journal.fold(store.facts(), store.begin)
    journal.let_all_go()
    before = now - keep
    gone = journal.forget(before)
    waiting = _waiting(journal, now)
    for n, fact in journal.numbered(store.begin):
        if fact.at <= before and _is_over(fact, journal, waiting):
            gone.append(n - 1)
    store.forget(gone)
    store.compact()


def _waiting(journal: Journal, now: datetime) -> set[str]:
    """The ids of all messages that a consumer may still get."""
    found: set[str] = set()
    for address in journal.messages:
        kind, _, name = address.partition(":")
        if kind == "queue":
            found.update(message.id for message in journal.mail.queue(name).waiting(now))
    return found


def _is_over(fact: Fact, journal: Journal, waiting: set[str]) -> bool:
    if isinstance(fact, _USES):
        return fact.message_id not in waiting
    if isinstance(fact, MessageSent | Delivered):
        is_reported = fact.request_id not in journal.invocations or isinstance(fact, MessageSent)
        return is_reported and fact.message_id not in waiting
    return isinstance(fact, _NEWS)
