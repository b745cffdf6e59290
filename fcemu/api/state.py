"""ServerState: what a server answers for, and the ways from other threads to its loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from fcemu.api.wakeups import Wakeups
from fcemu.core.stubs import Step
from fcemu.engine.emulator import Emulator
from fcemu.engine.ports import StandIn

if TYPE_CHECKING:
    import ssl

CONNECTIONS_WAITING: Final = 1024
"""How many connections the system keeps that the server has not taken yet."""
Reset = Callable[[Mapping[str, object]], None]


class BadDefinition(ValueError):
    """A definition that cannot be used; ``problems`` are all that is wrong with it, each with ``path``, ``message`` and
    ``hints``."""

    def __init__(self, text: str, problems: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.problems = problems


class Tls(Protocol):
    """What a server presents to clients that speak TLS."""

    @property
    def pem(self) -> str:
        """What such a client has to trust."""

    def server_context(self) -> "ssl.SSLContext":
        """With certificates for whatever name a client asks for."""


class Parts(Protocol):
    """What the layers that this one does not know do for it."""

    def define(self, emulator: Emulator, document: Mapping[str, Any]) -> None:
        """Add a definition in native form to what is defined. Raises ``BadDefinition``."""

    def defined(self, emulator: Emulator) -> dict[str, Any]:
        """All that is defined, in native form."""

    def said(self) -> Mapping[str, Any]:
        """The options by which the emulator was made, by their names."""

    def problems(self) -> list[dict[str, Any]]:
        """What is odd in the definition that the emulator was made with, each with ``path``, ``message``, ``hints``."""

    def path(self) -> str | None:
        """The file of the definition that the emulator was made with; ``None`` where there is none, or several."""

    def stub(self, steps: Sequence[Step]) -> StandIn:
        """What runs a function by steps instead of its code."""


class News:
    """Tells one stream on the event loop that the journal has grown, or that it should end."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups: Final = wakeups
        self._told = False
        self.heard: Final = asyncio.Event()
        """Clear it, look at the journal, then wait for it."""
        self.stopped = False

    def tell(self) -> None:
        """There is a new fact; called on any thread."""
        if not self._told:
            self._told = True
            self._wakeups.call(self._hear)

    def stop(self) -> None:
        """There will be none; called on any thread."""
        self.stopped = True
        self.tell()

    def _hear(self) -> None:
        self._told = False
        self.heard.set()


class ServerState:
    """What a server answers for. Emulator, ``reset`` and ``parts`` may be exchanged from any thread at any time.

    ``reset`` puts a new emulator here, made like the one before but for the options it is given (``seed``, ``start``).
    ``parts``: what defines and stubs functions. ``tls``: what the port presents when it is spoken to in TLS; made when
    that happens.
    """

    wakeups: Wakeups
    """There once the server listens."""

    def __init__(
        self,
        emulator: Emulator | None = None,
        *,
        version: str = "unknown",
        reset: Reset | None = None,
        parts: Parts | None = None,
        tls: Callable[[], Tls] | None = None,
    ) -> None:
        self.version: Final = version
        self.tls: Final = tls
        self._emulator = emulator
        self._make: Callable[[], object] | None = None
        """Makes the emulator that is expected here, and puts it here."""
        self.reset = reset
        self.parts = parts
        self.streams: Final[set[News]] = set()
        """What tells the clients that listen to the journal."""

    @property
    def emulator(self) -> Emulator | None:
        """The emulator that answers. Without one, the server refuses every request with 503."""
        if self._make is not None:
            self._make()
        return self._emulator

    @property
    def is_expected(self) -> bool:
        """Whether nothing has asked for the emulator yet, so that it is not made."""
        return self._make is not None

    def put(self, emulator: Emulator | None, reset: Reset | None) -> None:
        """From now on ``emulator`` answers, and what listens to the one before ends."""
        self.reset = reset
        self._emulator = emulator
        self._make = None
        self.end_streams()

    def expect(self, make: Callable[[], object]) -> None:
        """From now on an emulator answers that ``make`` makes, and ``put``s here, when something first asks for it."""
        self.put(None, None)
        self._make = make

    def end_streams(self) -> None:
        """Let every stream end; called on any thread."""
        for news in list(self.streams):
            news.stop()
