"""These protocols say what the engine needs from outside, such as ``Runtime`` and ``Store``, and what it hands out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Protocol

from fcemu.core.errors import StoreError
from fcemu.core.facts import Delivered, Fact
from fcemu.core.functions import Function, Package
from fcemu.core.http import HttpRequest
from fcemu.core.invocation import Invocation
from fcemu.core.keys import PREDICTABLE, Credentials, Keys
from fcemu.core.names import Account
from fcemu.core.outcome import Ran, Refusal
from fcemu.core.output import Output
from fcemu.core.stubs import StubCall
from fcemu.core.values import dataclass
from fcemu.handler.clock import Abandoned as Abandoned
from fcemu.handler.clock import HandlerClock
from fcemu.handler.clock import Held as Held
from fcemu.handler.clock import Waiting as Waiting


class Inbox(Protocol):
    """A queue, as the consumers that wait for its messages see it. Called with the baton held."""

    @property
    def name(self) -> str: ...

    def next_message(self, now: datetime) -> datetime | None:
        """When the next message becomes visible; ``now`` where one is, ``None`` where none does."""

    def take(self, at_most: int, now: datetime) -> list[Any]:
        """Receive messages that are visible, for one consumer."""


class Consumers(Protocol):
    """All consumers that wait on the clock for messages. Called with the baton held."""

    def wait(self, inbox: Inbox, at_most: int, end: datetime, then: Callable[[list[Any]], None]) -> Callable[[], None]:
        """Let a consumer wait until ``end`` at most: ``then`` gets messages, none at the end, once.

        Returns what ends the wait early, without ``then``; repeatable.
        """

    def look(self, now: datetime) -> None:
        """There may be messages for those who wait, or the next one may become visible at another instant."""


class Mail(Protocol):
    """Queues, topics and buses, where messages arrive. Called with the baton held."""

    def refuses(self, destination: str, body: bytes) -> str | None:
        """Why a report cannot be delivered there, if there is a reason."""

    def arrives(self, arrival: Any, invocation: Invocation | None) -> None:
        """A message has arrived: consumers of a queue may get it, a topic passes it on."""


class Messages(Protocol):
    """What facts come to at queues, topics and buses. Called with the baton held."""

    def folds(self) -> Mapping[type[Any], Callable[[Any], None]]:
        """What takes over a fact, by its kind."""

    def shorten(self, fact: Delivered, place: int) -> None:
        """The body of a report leaves memory, because the fact at this place in the journal is kept elsewhere. To be
        called for one report after the other, in the order in which they were delivered."""

    def waiting(self, now: datetime) -> set[str]:
        """The ids of the messages that a consumer may still get."""


class ShownTime(Protocol):
    """The file that shows virtual time to child processes (``engine/dial.py``)."""

    @property
    def fd(self) -> int:
        """Its file descriptor, which is not to be closed."""

    @property
    def path(self) -> str:
        """Its name, where a child cannot inherit the descriptor; else empty."""

    @property
    def rate(self) -> float:
        """Virtual seconds per real second; 0 while the clock is paused."""


class AttemptClock(HandlerClock, Protocol):
    """The virtual clock of one attempt as its runtime sees it."""

    def dial(self) -> ShownTime:
        """What shows this time to child processes."""

    def exited(self) -> Ran:
        """The outcome of a handler that ends its process now."""


def unowned(error: BaseException) -> None:
    """In place of ``Call.failed`` where no emulator owns a thread: the error ends the thread."""
    raise error


@dataclass(slots=True)
class Call:
    """One attempt, as a runtime sees it. ``retry_count`` counts only attempts that ran before this one.

    ``output`` is where the runtime keeps what the handler writes, so that an attempt that never comes back still has
    its log.
    """

    function: Function
    qualifier: str
    version: str
    account: Account
    instance_id: str
    request_id: str
    attempt: int
    retry_count: int
    payload: bytes
    clock: AttemptClock
    output: Output = field(default_factory=Output)
    http: HttpRequest | None = None
    """What came to the HTTP trigger, where the invocation is one of it; its body is the payload."""
    user_code: AbstractContextManager[object] = nullcontext()
    """Entered by a runtime whose handlers run on the calling thread, while they do: an attempt that is to end is
    interrupted there, and nowhere else on that thread."""
    undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext
    """While it is open the calling thread is not interrupted there either: for what must not be left half done."""
    keys: Keys = PREDICTABLE
    """What makes the credentials."""
    failed: Callable[[BaseException], None] = unowned
    """Gets what is raised by a thread or a poller that works for the attempt beside the thread that runs it. That
    closes the emulator. On any thread, without the baton."""

    @property
    def credentials(self) -> Credentials:
        """The attempt's temporary keys: by them the emulator recognises a handler that calls back."""
        return self.keys.of(self.request_id, self.attempt)

    @property
    def access_key_id(self) -> str:
        """The id among them."""
        return self.credentials.access_key_id


@dataclass(slots=True)
class Finish:
    """What a runtime reports of one attempt.

    ``output`` is what the handler wrote and logged, without FC's marker lines. ``exception`` is the object the
    handler raised, or the ``Abandoned`` that ended it, where the runtime has it (inline); it never enters the journal.
    ``lines``: what a child tells instead of an exception, as ``file:line in function``, the outermost first, where the
    outcome does not. ``broken``: the instance must not be used again.
    """

    outcome: Ran
    output: str = ""
    exception: BaseException | None = None
    broken: bool = False
    lines: Sequence[str] = ()


class Instance(Protocol):
    """A warm place where attempts of one function run, one at a time."""

    def run(self, call: Call) -> Finish:
        """Run one attempt to its end on the calling thread; never raises."""

    def begin(self, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> bool:
        """Begin an attempt on the calling thread without waiting for it; ``False``: it cannot, and nothing happened.

        Later ``run`` is to be called for it, which then goes on: ``soon``, which calls it, when it will return at once,
        ``long`` when it will take a while; one of them, once, on any thread that does not have the baton.
        """

    def initialize(self, call: Call) -> Finish:
        """Run the initializer now, on the calling thread, before any attempt; never raises."""

    def pre_stop(self, call: Call) -> Finish:
        """Run the hook before ``stop``, on the calling thread, where the function has one; never raises."""

    def answers_beside(self) -> bool:
        """Whether it runs its pre-stop hook while an attempt runs in it; else that attempt has to end before."""

    def stop(self) -> None:
        """Give the instance up. Not called while an attempt runs in it."""

    def interrupt(self) -> bool:
        """The attempt that runs in it is over before it has come back: end what it computes.

        On any thread, at once. ``False``: what it runs are threads of this process, which the engine interrupts.
        """

    def held_up(self) -> bool:
        """Whether the handler outside this process waits for something real while other threads of it wait for virtual
        time to pass, which stands still meanwhile. On any thread."""

    def debugged(self) -> bool:
        """Whether the attempt that runs in it waits for a debugger outside this process, or for its user. On any
        thread."""

    def line(self) -> str | None:
        """On which line of its code the handler outside this process is, as ``file:line in function``, ``""`` where it
        does not tell; ``None``: it runs on threads of this process. On any thread."""


class Runtime(Protocol):
    """Knows how to start instances of functions."""

    def start(self, function: Function, instance_id: str) -> Instance | Refusal:
        """A new instance, or why the platform has none (503)."""

    def close(self) -> None:
        """Undo what the runtime changed in this process; called once all instances have stopped."""


class Packages(Protocol):
    """Where uploaded code is unpacked, and what makes a package of a directory."""

    def unpack(self, data: bytes) -> Package:
        """Unpack a zip. Raises ``ValueError`` that says what is wrong with it: no zip, too large, a path or a link
        that leads out of it."""

    def is_uploaded(self, directory: str) -> bool:
        """Whether the directory holds an uploaded zip, and goes with this process."""

    def checksum(self, data: bytes) -> str:
        """The CRC-64 of a zip, in decimal digits (wire-api §2.8)."""

    def describe(self, directory: str) -> Package:
        """The package that a directory would be. Raises ``OSError``."""

    def describe_small(self, directory: str) -> Package | None:
        """The same where it is made within a moment, else ``None``. Raises ``OSError``."""

    def zip_of(self, directory: str) -> bytes:
        """The zip that was unpacked there, or that the directory makes. Raises ``OSError``."""


class Store(Protocol):
    """Keeps facts beyond the end of the process: a row each, notes beside them, uploaded zips.

    Used by who holds the baton, but for ``read``. Every method may raise ``StoreError``.
    """

    @property
    def outlasts(self) -> bool:
        """Whether what is kept is not in this process's memory."""

    @property
    def keep(self) -> timedelta | None:
        """For how long, by the virtual clock, it keeps what has ended; ``None``: for ever."""

    @property
    def begin(self) -> int:
        """How many of the first facts are forgotten, and were removed."""

    @property
    def down(self) -> float:
        """Real seconds between the last ``write`` of the process before and the opening by this one."""

    def facts(self) -> Iterator[Fact]:
        """All facts from ``begin`` on, in order, as they were when the store was opened."""

    def read(self, places: Iterable[int]) -> list[Fact]:
        """The facts in these places, counted from 0, in this order, which is ascending. On any thread."""

    def newest(self, most: int) -> list[Fact]:
        """The last facts, at most so many."""

    def notes(self) -> dict[str, Any]:
        """JSON values by name; empty when nothing was kept yet."""

    def code(self, sha256: str) -> bytes:
        """An uploaded zip."""

    def write(self, after: int, facts: Sequence[Fact], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        """Keep, in one transaction, the facts that follow the first ``after``, notes in place of those of the same
        names, and zips by the SHA-256 of each. Nothing of it is kept when it raises."""

    def forget(self, places: Sequence[int]) -> None:
        """Keep ``FORGOTTEN`` in these places."""

    def compact(self) -> None:
        """Give back the room of what is forgotten."""

    def clear(self) -> None:
        """Forget everything."""

    def damaged(self, how: str) -> StoreError:
        """The error for what was kept and cannot be read; it says where that is, and what to do now."""

    def close(self) -> None:
        """Give the file up; repeatable."""


class Overflow(Protocol):
    """Takes what has left memory, for as long as the process lives. Every method may be called on any thread, and may
    raise ``StoreError``."""

    def take(self, after: int, facts: Sequence[Fact], ended: Sequence[tuple[str, bytes]]) -> None:
        """Take the facts that follow the first ``after``, all of which are here already, and of invocations that end
        with them the ids, each with where its facts are (``Invocation.places``), in place of what is here of that
        id."""

    def read(self, places: Iterable[int]) -> list[Fact]:
        """The facts in these places, counted from 0, in this order, which is ascending."""

    def find(self, request_id: str) -> tuple[list[Fact], bytes] | None:
        """The facts of an invocation, and where they are; ``None`` where its id is not here."""

    def accepted(self, after: int = -1) -> Iterator[tuple[list[Fact], bytes]]:
        """The same of each invocation whose id is here and that was accepted after this place, in the order of
        acceptance."""


class StandIn(Runtime, Protocol):
    """A runtime that stands in for the own one of a function: a stub, or a callable of a test."""

    def refuses(self, request_id: str, attempt: int) -> Refusal | None:
        """Why the attempt that is about to start does not run, if it does not; asked once for each, in their order."""

    @property
    def calls(self) -> Sequence[StubCall]:
        """The attempts that ran, in the order in which they started."""


class Post(Protocol):
    """Posts a body to a URL."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        """Wait, in real time, for the answer; returns why that failed, ``None`` for any 2xx. Raises nothing."""
