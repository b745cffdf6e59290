"""Recorded pairs: what each API version is sent and answers, byte for byte but for the date.

A file is a request, a line ``===``, and the answer, or several of them on one connection. Each file has an emulator of
its own with the seed 0, so ids repeat.
"""

import re
from pathlib import Path

import pytest
from api.conftest import echo
from fakes import CREW, FakeRuntime, s

from fcemu.core.catalog import Catalog
from fcemu.core.destinations import QueueDestination
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Throttled
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator

RECORDED = Path(__file__).parent / "recorded"
PAIRS = sorted(RECORDED.rglob("*.http"))


def boom(call):
    call.output.append("about to divide\n")
    raise ValueError("width must be positive")


def slow(call):
    call.output.append("resting …\n")
    call.clock.sleep(2.5)
    return b"rested"


def endless(call):
    call.clock.sleep(3600)


class Unwilling(FakeRuntime):
    """Has no instance for functions whose names say so."""

    def start(self, function, instance_id):
        refusals = {"busy": Throttled(), "full": NO_CAPACITY, "down": INTERNAL_ERROR}
        return refusals.get(function.ref.name) or super().start(function, instance_id)


def emulator():
    handlers = {"echo": echo, "boom": boom, "slow": slow, "endless": endless, "busy": echo, "full": echo, "down": echo}
    handlers |= {f"media/{name}": handler for name, handler in handlers.items()}
    catalog = Catalog()
    for name in handlers:
        catalog.add(Function(ref=FunctionRef.parse(name), handler="index.handler", code="/nowhere", timeout=s(60)))
    catalog.set_async(FunctionRef("boom"), AsyncSettings(on_failure=QueueDestination("declined")))
    runtime = Unwilling(handlers)
    return Emulator(settings=Settings(), catalog=catalog, runtimes=lambda _: runtime, chance=Chance(0), crew=CREW)


def on_the_wire(text: str) -> bytes:
    """Headers with the line ends of HTTP; so has a chunked body."""
    head, _, body = text.rstrip("\n").partition("\n\n")
    wire_body = f"{body}\n\n".replace("\n", "\r\n") if "\nTransfer-Encoding: chunked" in head else body
    return f"{head}\n\n".replace("\n", "\r\n").encode() + wire_body.encode()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.parent.name}/{pair.stem}")
def test_a_recorded_request_gets_the_recorded_answer(pair, serve):
    parts = [on_the_wire(part) for part in pair.read_text(encoding="utf-8").split("\n===\n")]
    answer = serve(emulator()).raw(b"".join(parts[::2]))
    assert re.sub(rb"Date: [^\r]* GMT\r\n", b"", answer).decode() == b"".join(parts[1::2]).decode()
