"""The one source of everything FC leaves open: calm, for now; the only place that draws random numbers."""

import random
from datetime import datetime

from fcemu.core.generation import Generation, IdStyle
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import Refusal


class Chance:
    """Answers calmly: no faults. Ids are drawn from the seed, so the same seed and requests give the same ids."""

    def __init__(self, seed: int = 0) -> None:
        self._bits = random.Random(seed).getrandbits

    def request_id(self, generation: Generation, now: datetime) -> str:
        """A request id in the generation's form (async-invocation §1.4); 3.0 ids carry the virtual second."""
        if generation.ids is IdStyle.UUID:
            return self._uuid()
        bits = self._bits(80)
        return f"1-{int(now.timestamp()):08x}-{bits >> 48:08x}-{bits & 0xFFFF_FFFF_FFFF:012x}"

    def instance_id(self, generation: Generation, now: datetime) -> str:
        """An instance id in the generation's form (async-invocation §6.1)."""
        if generation.ids is IdStyle.UUID:
            return self._uuid()
        return f"c-{int(now.timestamp()):08x}-{self._bits(80):020x}"

    def message_id(self) -> str:
        """The id of a message in a queue or topic."""
        return f"{self._bits(128):032X}"

    def refusal(self, invocation: Invocation) -> Refusal | None:
        """Whether the platform refuses the attempt that is about to start."""
        return None

    def _uuid(self) -> str:
        bits = self._bits(128) & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
