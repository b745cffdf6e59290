"""Hears what the emulator says to a child whose strands are all parked."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Mapping
from typing import Any, Final

from fcemu.handler.child.channel import Channel
from fcemu.handler.child.own_threads import start_own
from fcemu.handler.polls import POLLIN, AnyBell, new_bell, new_poll


class Listener:
    """A thread of its own that reads the channel while the emulator knows the child as parked, and only then."""

    def __init__(self, channel: Channel, heard: Callable[[Mapping[str, Any]], object]) -> None:
        """``heard`` gets each frame's header, on the thread that listens."""
        self._channel: Final = channel
        self._heard: Final = heard
        self._gate: Final = allocate_lock()
        self._gate.acquire()
        self._bell: AnyBell | None = None
        self.parked = False
        """Whether the emulator knows the child as parked. Whoever hears that it is not says so here."""

    def prepare(self) -> None:
        """The child is about to say that it parks. Raises ``RuntimeError`` where there is no thread to listen."""
        if self._bell is None:
            self._bell = new_bell()
            start_own(self._listen_for_ever)
        self.parked = True

    def listen(self) -> None:
        """It has said so."""
        if self._gate.locked():
            self._gate.release()

    def stop(self) -> None:
        """The child goes on by itself."""
        self.parked = False
        assert self._bell is not None, "made when it parked"
        self._bell.ring()

    def _listen_for_ever(self) -> None:
        bell = self._bell
        assert bell is not None, "made before"
        poll = new_poll()
        for each in (self._channel, bell):
            poll.register(each, POLLIN)
        while True:
            self._gate.acquire()
            while self.parked:
                ready = [] if self._channel.has_more() else [fd for fd, _ in poll.poll()]
                if bell.fileno() in ready:
                    bell.hush()
                elif self.parked:
                    header, _ = self._channel.receive()
                    self._heard(header)
