"""Refusals: the facts that tell of refused requests, so that they do not look as if nothing had happened."""

from typing import Final

from fcemu.core.facts import Refused
from fcemu.engine.intake import Intake
from fcemu.engine.world import World

TOLD: Final = 1000
"""How many refusals are facts: a client that tries again and again must not fill the journal."""


class Refusals:
    """Records what was refused. Its method may be called on any thread."""

    def __init__(self, world: World, intake: Intake) -> None:
        self._world: Final = world
        self._intake: Final = intake
        self._count = 0

    def note(self, request_id: str, access_key_id: str, what: str, code: str, message: str) -> None:
        """The request ``what``, an invocation or a change, was refused; ``request_id`` is that of its answer."""
        world = self._world
        with world.baton:
            self._count += 1
            if self._count > TOLD + 1 or request_id in world.journal.invocations:
                return  # what was accepted has facts of its own
            now = world.clock.shown()
            if self._count > TOLD:
                text = f"{TOLD:,} refused requests are in the journal; it does not record further ones"
                world.journal.note(Refused(now, "", "", "", "", text))
            else:
                world.journal.note(Refused(now, request_id, self._who(access_key_id), what, code, message))

    def _who(self, access_key_id: str) -> str:
        """Handlers sign with credentials of their own, which only they have."""
        run = self._intake.caller(access_key_id) if access_key_id else None
        return access_key_id if run is None else run.title
