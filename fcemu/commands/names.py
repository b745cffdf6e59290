"""Names that a running emulator knows, as arguments of commands: a shell completes them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import click

from fcemu.commands.options import ParamType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from fcemu.client import Client

_NEWEST: Final = 100
"""How many request ids a shell offers."""


class Name(ParamType[str]):
    """A name of one kind; ``known`` asks the emulator for all of them, for the shell only."""

    def __init__(self, metavar: str, known: "Callable[[Client], Iterable[str]]") -> None:
        self.name = metavar
        self._known: Final = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The word of the kind, as it is."""
        return self.name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Nothing where no emulator answers."""
        from click.shell_completion import CompletionItem

        from fcemu.client import ClientError

        try:
            known = list(self._known(_emulator(ctx)))
        except ClientError:
            return []
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def _emulator(ctx: click.Context) -> "Client":
    """The emulator that the command line so far speaks of. Raises ``ClientError``."""
    import os

    from fcemu.client import DEFAULT_URL, Client

    context: click.Context | None = ctx
    while context is not None:
        said = context.params.get("emulator")
        if isinstance(said, Client):
            return said
        context = context.parent
    return Client(os.environ.get("FCEMU_URL") or DEFAULT_URL)


def _triggers(emulator: "Client", kinds: Callable[[str], bool]) -> list[str]:
    return [
        f"{function.name}/{trigger.name}"
        for function in emulator.functions()
        for trigger in function.triggers
        if kinds(trigger.kind)
    ]


FUNCTION: Final = Name("FUNCTION", lambda emulator: [each.name for each in emulator.functions()])
QUEUE: Final = Name("QUEUE", lambda emulator: [each.name for each in emulator.queues()])
TOPIC: Final = Name("TOPIC", lambda emulator: [each.name for each in emulator.topics()])
TIMER: Final = Name("FUNCTION/TRIGGER", lambda emulator: _triggers(emulator, "timer".__eq__))
TRIGGER: Final = Name("FUNCTION/TRIGGER", lambda emulator: _triggers(emulator, lambda kind: kind != "http"))
REQUEST_ID: Final = Name(
    "REQUEST_ID", lambda emulator: [each.request_id for each in emulator.invocations()[: -_NEWEST - 1 : -1]]
)
FAULT_NUMBER: Final = Name("N", lambda emulator: [str(each.n) for each in emulator.faults()])
