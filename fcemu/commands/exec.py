"""exec: an emulator for as long as one command runs."""

import asyncio
from collections.abc import Sequence

from fcemu import host
from fcemu.client import Client, ClientError
from fcemu.commands.command import new_command
from fcemu.commands.log import Writer
from fcemu.commands.serve import LOG, Plan, environment, prepare, served, tell_intercepted, warn_of_others, watched
from fcemu.commands.waiting import telling_who_waits
from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Execution:
    """What to run beside which emulator."""

    plan: Plan
    words: Sequence[str]


def run(execution: Execution, stderr: Writer) -> int:
    """The status of the command. Raises ``CannotListen``, ``CannotStart``, and ``ValueError`` for wrong options."""
    prepare(execution.plan)
    with asyncio.Runner(loop_factory=host.ServerLoop) as runner:
        return runner.run(_run(execution, stderr))


async def _run(execution: Execution, stderr: Writer) -> int:
    async with (
        new_command(execution.words) as command,
        served(execution.plan, narrate_on=stderr if execution.plan["verbose"] else None) as running,
        telling_who_waits(running.server, LOG.warning),
        environment(execution.plan, running) as variables,
        watched(execution.plan, running),
    ):
        warn_of_others(execution.plan, running)
        tell_intercepted(execution.plan, variables)
        status = await command.run(variables)
        if execution.plan["timeline"] == "always" or (execution.plan["timeline"] in ("failed", "all") and status):
            LOG.info("%s", await asyncio.to_thread(_what_happened, running.client))
        return status


def _what_happened(client: Client) -> str:
    try:
        timeline, explanation = client.timeline(), client.explain().text
    except ClientError as error:  # the command may have ended the emulator's use, such as by filling its disk
        return f"fcemu: no timeline: {error}"
    return f"fcemu timeline:\n{timeline.rstrip() or 'nothing happened'}\n\n{explanation}"
