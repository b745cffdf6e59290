"""What the clients under test are asked for, and what they give back, whatever their language."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

ACCOUNT, REGION = "1234567890123456", "cn-hangzhou"


@dataclass(frozen=True)
class Asked:
    """One operation. ``call``: its name in the client's API version; ``path``: what stands in the path, by FC's names
    and in order; ``event``: the payload of an invocation."""

    call: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    event: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Answered:
    """What came back: ``document`` or ``text`` with headers in lower case; of an error its ``status`` and ``code``."""

    document: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    code: str = ""
    message: str = ""

    @property
    def is_error(self) -> bool:
        return bool(self.code)


class Client(Protocol):
    """An SDK, as its users have it."""

    def ask(self, asked: Asked) -> Answered: ...

    def close(self) -> None: ...
