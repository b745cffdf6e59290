"""Names of functions, qualifiers and resources: parse, check, print."""

import re
from typing import Final, NamedTuple

from fcemu.core.values import dataclass

LATEST: Final = "LATEST"
"""The qualifier a caller means when none is given. Source: FC docs, "InvokeFunction"."""

NAME: Final = "[A-Za-z_][A-Za-z0-9_-]{0,127}"
"""ASSUMED: fcemu applies the rule that FC documents for the names of triggers to services and functions as well
(errors-and-limits §4)."""
FUNCTION_3_0: Final = "[A-Za-z_][A-Za-z0-9_$-]{0,127}"
"""Also ``service$function``, which FC's own converter makes of a function of 2.0. Source: yaml-formats §4."""
FUNCTION: Final = f"{NAME}/{NAME}|{FUNCTION_3_0}"
"""A function of any generation, as ``FunctionRef`` writes it."""
_NAME: Final = re.compile(NAME)
_FUNCTION: Final = re.compile(FUNCTION)


def is_name(text: str) -> bool:
    """Whether ``text`` can name a service, a function of 2.0, a queue or a topic."""
    return _NAME.fullmatch(text) is not None


class FunctionRef(NamedTuple):
    """Which function: 2.0 functions live in a service, 3.0 functions have ``service`` ``None``.

    A tuple, because it is looked up all the time, and Python hashes and compares tuples itself.
    """

    name: str
    service: str | None = None

    @classmethod
    def parse(cls, text: str) -> "FunctionRef":
        """Read ``name`` or ``service/name``; raises ``ValueError`` for anything else."""
        if not _FUNCTION.fullmatch(text):
            raise ValueError(f"{text!r} is not the name of a function; write 'name', or 'service/name' for 2.0")
        service, slash, name = text.rpartition("/")
        return cls(name, service if slash else None)

    def __str__(self) -> str:
        return self.name if self.service is None else f"{self.service}/{self.name}"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose emulator this is: the account id and the region that appear in ARNs and in a handler's context."""

    id: str = "1234567890123456"
    region: str = "cn-hangzhou"


def function_arn(ref: FunctionRef, qualifier: str, account: Account) -> str:
    """The function's ARN; a qualifier other than ``LATEST`` is part of it.

    Source: retry-and-destinations §2. ASSUMED: fcemu writes a qualifier of 3.0 after a slash in the ARN of a function
    (async-invocation §7).
    """
    head = f"acs:fc:{account.region}:{account.id}:"
    if ref.service is None:
        return f"{head}functions/{ref.name}" + ("" if qualifier == LATEST else f"/{qualifier}")
    service = ref.service if qualifier == LATEST else f"{ref.service}.{qualifier}"
    return f"{head}services/{service}/functions/{ref.name}"
