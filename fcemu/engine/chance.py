"""The one source of everything FC leaves open: calm, or scripted; the only place that draws random numbers."""

import hashlib
import random
from datetime import datetime, timedelta

from fcemu.core.generation import Generation, IdStyle
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import Refusal
from fcemu.engine.faults import Crash, Delay, DeliverTwice, Faults, Refuse, When


class Chance:
    """Answers calmly: no faults. Ids are drawn from the seed, so the same seed and requests give the same ids."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._bits = random.Random(seed).getrandbits
        self._talk = random.Random(f"{seed}/talk").getrandbits

    def request_id(self, generation: Generation, now: datetime) -> str:
        """A request id in the generation's form (async-invocation §1.4); 3.0 ids carry the virtual second."""
        if generation.ids is IdStyle.UUID:
            return _uuid(self._bits(128))
        bits = self._bits(80)
        return f"1-{int(now.timestamp()):08x}-{bits >> 48:08x}-{bits & 0xFFFF_FFFF_FFFF:012x}"

    def instance_id(self, generation: Generation, now: datetime) -> str:
        """An instance id in the generation's form (async-invocation §6.1)."""
        if generation.ids is IdStyle.UUID:
            return _uuid(self._bits(128))
        return f"c-{int(now.timestamp()):08x}-{self._bits(80):020x}"

    def message_id(self) -> str:
        """The id of a message in a queue or topic."""
        return f"{self._bits(128):032X}"

    def resource_id(self, what: str) -> str:
        """The id of something that is defined. It follows from the seed and from what it is for, so that a definition
        changes no other draw."""
        return _uuid(int.from_bytes(hashlib.md5(f"{self.seed} {what}".encode(), usedforsecurity=False).digest()))

    def version(self, shares: dict[str, float]) -> str:
        """Which version an alias with weights leads to this time; ``shares`` add up to about 1, in order."""
        drawn = self._bits(53) / (1 << 53) * sum(shares.values())
        reached = 0.0
        for version, share in shares.items():
            reached += share
            if drawn < reached:
                return version
        return next(reversed(shares))

    def talk_id(self) -> str:
        """The id of a request to MNS. Drawn beside all else: how often a consumer polls is a matter of real time."""
        return f"{self._talk(96):024X}"

    def hold_up(self, invocation: Invocation) -> timedelta | None:
        """By how much the attempt that is due starts late; asked once for each attempt."""
        return None

    def refusal(self, invocation: Invocation) -> Refusal | None:
        """Whether the platform refuses the attempt that is about to start."""
        return None

    def dies(self, invocation: Invocation, when: When) -> bool:
        """Whether the instance of the running attempt dies at this moment."""
        return False

    def again(self, invocation: Invocation) -> timedelta | None:
        """After what time the queue, which did not hear that the attempt ended, delivers once more."""
        return None


class Scripted(Chance):
    """Answers what a test said by faults; where it said nothing, as ``otherwise`` does."""

    def __init__(self, otherwise: Chance, faults: Faults) -> None:
        self._otherwise = otherwise
        self._strike = faults.strike
        self._there = faults.there
        """Asked first, because nearly always there are none, and an attempt asks five times."""

    def request_id(self, generation: Generation, now: datetime) -> str:
        return self._otherwise.request_id(generation, now)

    def instance_id(self, generation: Generation, now: datetime) -> str:
        return self._otherwise.instance_id(generation, now)

    def message_id(self) -> str:
        return self._otherwise.message_id()

    def resource_id(self, what: str) -> str:
        return self._otherwise.resource_id(what)

    def version(self, shares: dict[str, float]) -> str:
        return self._otherwise.version(shares)

    def talk_id(self) -> str:
        return self._otherwise.talk_id()

    def hold_up(self, invocation: Invocation) -> timedelta | None:
        if self._there and (fault := self._strike(invocation.accepted.function, Delay)):
            return fault.by
        return self._otherwise.hold_up(invocation)

    def refusal(self, invocation: Invocation) -> Refusal | None:
        if self._there and (fault := self._strike(invocation.accepted.function, Refuse)):
            return fault.outcome
        return self._otherwise.refusal(invocation)

    def dies(self, invocation: Invocation, when: When) -> bool:
        if self._there and self._strike(invocation.accepted.function, Crash, when):
            return True
        return self._otherwise.dies(invocation, when)

    def again(self, invocation: Invocation) -> timedelta | None:
        if self._there and (fault := self._strike(invocation.accepted.function, DeliverTwice)):
            return fault.again
        return self._otherwise.again(invocation)


def _uuid(bits: int) -> str:
    text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
