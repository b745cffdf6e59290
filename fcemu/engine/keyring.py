"""The keyring knows which access keys are good now, and what has been signed with them."""

from datetime import datetime
from typing import Final

from fcemu.core.keys import Nonces, Signer
from fcemu.engine import real
from fcemu.engine.intake import Intake
from fcemu.engine.world import World


class Keyring:
    """Finds the signer of a request. Methods may be called from any thread, ``use`` from one only."""

    def __init__(self, world: World, intake: Intake) -> None:
        self._settings: Final = world.settings
        self._keys: Final = world.keys
        self._clock: Final = world.clock
        self._baton: Final = world.baton
        self._intake: Final = intake
        self._nonces: Final = Nonces()

    def signer(self, access_key_id: str) -> Signer | None:
        """Who has an access key that the settings name, or the attempt that runs and has it; ``None`` for others.

        A caller from outside has real time or the emulator's: tests freeze time and let the emulator follow. An attempt
        has the emulator's, except that programs of custom runtimes may read real time.
        """
        known = self._settings.access_keys.get(access_key_id)
        if known is not None:
            return Signer(known, self._now())
        with self._baton:
            run = self._intake.caller(access_key_id)
        if run is None:
            return None
        sees_real_time = run.plan.resolved.function.runtime.startswith("custom")
        return Signer(self._keys.secret_of(access_key_id), self._now() if sees_real_time else self._virtual())

    def use(self, access_key_id: str, nonce: str, date: datetime) -> bool:
        """Whether a nonce is used for the first time; it counts as used afterwards."""
        return self._nonces.use(access_key_id, nonce, date, self._now())

    def _virtual(self) -> tuple[datetime, ...]:
        return self._clock.now(), self._clock.shown()

    def _now(self) -> tuple[datetime, ...]:
        return real.now(), *self._virtual()
