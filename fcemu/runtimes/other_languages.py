"""What the runtimes of other languages than Python have in common: their code has no module in this process."""

from types import ModuleType

from fcemu.core.functions import Function
from fcemu.core.names import Account
from fcemu.engine.ports import AttemptClock


class OtherLanguage:
    """Implements what ``CodeRuntime`` has beside ``Runtime``."""

    def module_of(self, function: Function, clock: AttemptClock, account: Account) -> ModuleType:
        """Raises ``LookupError``."""
        text = f"{function.ref} runs in a process of its own ({function.runtime}), so its module is not here"
        raise LookupError(text)

    def forget(self, code: str) -> None:
        """Nothing of a code directory is kept here."""
