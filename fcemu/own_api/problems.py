"""Problem: what is answered instead of what was asked; and the table of all problems."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fcemu.core.wording import did_you_mean

PROBLEM_JSON: Final = "application/problem+json"
_WRONG: Final = 400, "the request is wrong; `detail` says what was expected and what was given"
PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "invalid-json": _WRONG,
    "invalid-body": _WRONG,
    "unknown-field": _WRONG,
    "invalid-field": _WRONG,
    "unknown-parameter": _WRONG,
    "invalid-parameter": _WRONG,
    "invalid-definition": (
        400,
        "the definition cannot be used; `problems` lists all problems, each with `path`, `message` and `hints`",
    ),
    "invalid-request": (400, "the request is not valid HTTP, or FC's own rules refuse it"),
    "access-denied": (403, "the request carries no token, or comes [from a web page](#who-may-ask)"),
    "not-found": (404, "there is no such path, invocation, queue, topic, event bus, function, stub or fault"),
    "method-not-allowed": (405, "the path has other methods"),
    "backwards": (409, "the clock does not move backwards"),
    "not-idle": (409, "work was left after `at_most_seconds` of virtual time"),
    "clock-stuck": (409, "a handler made no progress in real time"),
    "cannot-stop": (409, "the invocation has ended, or is synchronous"),
    "not-retold": (409, "no test can make the same happen again; `detail` says why"),
    "closed": (409, "the emulator was reset or stopped in the meantime"),
    "too-large": (413, "the body is larger than 1 MiB"),
    "internal-error": (500, "the emulator failed; its log says how"),
    "not-supported-yet": (501, "a later version will support it"),
    "unavailable": (
        503,
        "there is no emulator behind the server; the status is 500 where the emulator cannot keep what happened",
    ),
}
"""The status of each type of problem, and when it is answered."""


class Problem(Exception):
    """An answer in the form of RFC 9457. ``more`` are further members of its document; ``status``: where it is not the
    one of the table."""

    def __init__(self, kind: str, detail: str, status: int | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.kind: Final = kind
        self.detail: Final = detail
        self.status: Final = PROBLEMS[kind][0] if status is None else status
        self.more: Final = more

    def document(self) -> dict[str, Any]:
        """The members of the answer."""
        title = self.kind.replace("-", " ")
        return {"type": self.kind, "title": title, "detail": self.detail, "status": self.status, **self.more}


def not_yet(what: str) -> Problem:
    """The problem of what is promised and not there yet."""
    return Problem("not-supported-yet", f"not supported yet: {what}")


def unknown(what: str, name: str, known: Iterable[str]) -> Problem:
    """The problem of a member or parameter that the route does not have, with the closest one that it has."""
    question = did_you_mean(name, known)
    hint = f"; {question} Expected" if question else "; expected"
    return about(what, name, "unknown", f"there is no {what} {name!r}{hint}: {', '.join(known) or 'none'}")


def about(what: str, name: str, wrong: str, detail: str) -> Problem:
    """The problem of one member or parameter, which it names."""
    more: dict[str, Any] = {what: name}
    return Problem(f"{wrong}-{what}", detail, **more)


def not_found(what: str, name: str, known: list[str]) -> Problem:
    """The problem of a name that is neither defined nor used, with the closest name that is."""
    question = did_you_mean(name, known)
    hint = f"; {question}" if question else f"; known: {', '.join(known) or 'none'}"
    return Problem("not-found", f"there is no {what} {name!r}{hint}")
