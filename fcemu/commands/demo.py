"""demo: one deferred invocation that fails twice, and four virtual minutes in an instant."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shlex import quote
from time import perf_counter
from typing import Final

from fcemu.client import Client
from fcemu.commands.printing import program

DEFINITION: Final = Path(__file__).parent.parent / "templates" / "demo"
DELAY: Final = timedelta(seconds=200)


def run(say: Callable[[str], None]) -> None:
    """Start an emulator, invoke over HTTP, move the clock, and tell it line by line."""
    from fcemu.testing import LocalEmulator

    with LocalEmulator(DEFINITION) as emulator:
        client = Client(emulator.url)
        say(f"An emulator of Function Compute now listens on {emulator.url}. It has two functions:")
        say("'charge', which fails twice and then sleeps 30 s, and 'receipt', which gets a report of its success.")
        say("")
        begin, before = perf_counter(), client.clock().now
        client.invoke("charge", b'{"order": 7}', asynchronous=True, delay=DELAY)
        say("1. charge is invoked asynchronously, with x-fc-async-delay: 200   (InvokeFunction 2023-03-30)")
        now = client.run_until_idle().now
        took = perf_counter() - begin
        say("2. the clock is moved until nothing is left to do                 (POST /_fcemu/clock/run-until-idle)")
        say("3. this is what happened, in virtual time:")
        say("")
        for line in client.timeline().splitlines():
            say(f"   {line}")
        say("")
        say(f"virtual time  {(now - before).total_seconds():.15g} s")
        say(f"real time     {took:.3f} s")
        say("")
        say("Next, let any FC SDK call the same two functions:")
        say("")
        say(f"{program()} serve {quote(_shown(DEFINITION))}")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
