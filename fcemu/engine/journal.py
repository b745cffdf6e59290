"""The ordered record of facts: append, read, follow, fold."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, cast, overload

from fcemu.core.facts import Accepted, Delivered, Fact, InstanceFact, InvocationFact, OutsideFact, to_json
from fcemu.core.invocation import Invocation
from fcemu.core.mail import Mail
from fcemu.core.mail_facts import MailFact
from fcemu.core.names import FunctionRef
from fcemu.core.queues import Arrival

_OUTSIDE: Final[frozenset[type[Any]]] = frozenset({*OutsideFact.__args__, *MailFact.__args__})


class Journal(Sequence[Fact]):
    """All facts in order, and what they come to: invocations by id, messages by destination.

    Whatever is asked of the emulator's past is answered from here; there is no second bookkeeping.
    """

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._append = self._facts.append
        self.invocations: dict[str, Invocation] = {}
        self.tasks: dict[FunctionRef, dict[str, Invocation]] = {}
        """The tasks of each function by their ids, in the order of submission; of one id, the newest."""
        self.mail = Mail()
        self.messages: dict[str, list[Arrival]] = self.mail.arrived
        """What was delivered to each destination (``queue:declined``), in order."""
        self._followers: list[Callable[[], None]] = []

    def record(self, fact: InvocationFact, invocation: Invocation | None = None) -> None:
        """Append ``fact`` and fold it in. ``invocation`` is the one it belongs to, looked up when not given.

        Raises ``ImpossibleMove`` before anything changes.
        """
        if invocation is None:
            invocation = self.invocations[fact.request_id]
        invocation.apply(fact)
        self._append(fact)
        if type(fact) is Delivered:
            self.mail.deliver(fact)
        for follower in self._followers:
            follower()

    def open(self, accepted: Accepted) -> Invocation:
        """Append the fact that begins an invocation."""
        invocation = Invocation(accepted)
        self._append(accepted)
        self.invocations[accepted.request_id] = invocation
        if accepted.task_id:
            there = self.tasks.setdefault(accepted.function, {})
            there.pop(accepted.task_id, None)
            there[accepted.task_id] = invocation
        for follower in self._followers:
            follower()
        return invocation

    def histories(self, invocations: Iterable[Invocation]) -> dict[str, Sequence[Fact]]:
        """The facts of each of these invocations by its id; those of tasks are at hand, the others are looked for in
        one walk through the journal."""
        found: dict[str, Sequence[Fact]] = {}
        others: dict[str, list[Fact]] = {}
        for invocation in invocations:
            if invocation.history is None:
                found[invocation.id] = others[invocation.id] = []
            else:
                found[invocation.id] = invocation.history
        for fact in self._facts if others else ():
            if fact.request_id in others:
                others[fact.request_id].append(fact)
        return found

    def note(self, fact: OutsideFact | MailFact) -> None:
        """Append what happened outside of any invocation, and fold it in."""
        self._append(fact)
        if not isinstance(fact, OutsideFact):
            self.mail.apply(fact)
        for follower in self._followers:
            follower()

    def function_of(self, index: int) -> FunctionRef | None:
        """Whose function a fact is about; ``None`` when it belongs to no invocation."""
        fact = self._facts[index]
        if isinstance(fact, InstanceFact):
            return fact.function
        invocation = self.invocations.get(fact.request_id)
        return None if invocation is None else invocation.accepted.function

    def follow(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Call ``follower`` after each new fact, with the baton held; returns what ends it."""
        self._followers.append(follower)

        def end() -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return end

    def fold(self, facts: Iterable[Fact]) -> None:
        """Take over the facts of another journal, as after a restart."""
        outside = _OUTSIDE
        for fact in facts:
            kind = type(fact)
            if kind is Accepted:
                self.open(cast(Accepted, fact))
            elif kind in outside:
                self.note(cast(OutsideFact | MailFact, fact))
            else:
                self.record(cast(InvocationFact, fact))

    def lines(self, after: int = 0) -> Iterator[str]:
        """The facts after position ``after`` as one JSON object each: ``n``, ``at``, ``kind``, ``request_id``,
        ``function`` (``""`` outside of invocations), ``attempt``, ``data``."""
        for n in range(after, len(self._facts)):
            yield self.line(n)

    def line(self, index: int) -> str:
        """One fact as JSON; ``index`` counts from 0, the printed ``n`` from 1."""
        return json.dumps(self.entry(index), ensure_ascii=False, separators=(",", ":"))

    def entry(self, index: int) -> dict[str, object]:
        """One fact as plain JSON values."""
        function = self.function_of(index)
        named = "" if function is None else str(function)
        return {"n": index + 1} | to_json(self._facts[index]) | {"function": named}

    def __len__(self) -> int:
        return len(self._facts)

    @overload
    def __getitem__(self, index: int) -> Fact: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fact]: ...
    def __getitem__(self, index: int | slice) -> Fact | list[Fact]:
        return self._facts[index]
