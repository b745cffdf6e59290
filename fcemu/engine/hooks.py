"""Some hooks run outside of an attempt: the initializer of a provisioned instance, and pre-stop of any instance."""

from datetime import datetime

from fcemu.core.keys import Keys
from fcemu.core.names import Account
from fcemu.core.outcome import FunctionError, Ran, Returned
from fcemu.engine.instances import Place
from fcemu.engine.ports import Call
from fcemu.engine.runs import NEVER, CodeRun


class HookRun(CodeRun):
    """A hook: it parks as an attempt does, and has no invocation. A clock that it is given counts its timeout."""

    def __init__(self, place: Place, name: str, request_id: str, account: Account, keys: Keys, now: datetime) -> None:
        super().__init__(place, now, NEVER)
        pool = place.pool
        self.name = f"{name} of instance {place.id} of {pool.function.ref}"
        self.call = Call(
            pool.function,
            pool.key[1],
            pool.version,
            account,
            place.id,
            request_id,
            0,
            0,
            b"",
            self,
            user_code=self,
            keys=keys,
            failed=self.fail,
        )

    @property
    def title(self) -> str:
        return f"the {self.name}"


def why_failed(outcome: Ran) -> str:
    """``""`` when a hook has succeeded."""
    match outcome:
        case Returned():
            return ""
        case FunctionError(error_type, _, name):
            return name or error_type
        case _:
            return "it was ended"
