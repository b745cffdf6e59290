"""These are the errors of MNS, named by its codes; this module knows no XML.

Codes and statuses: MNS's documents, "Error codes", read 2026-11. The texts are the emulator's own.
"""

from collections.abc import Mapping
from typing import Final

STATUSES: Final[Mapping[str, int]] = {
    "AccessDenied": 403,
    "EndpointInvalid": 400,  # the emulator pushes to queues only
    "InternalError": 500,
    "InvalidArgument": 400,
    "InvalidQueueName": 400,
    "InvalidRequestURL": 400,
    "MalformedXML": 400,
    "MessageNotExist": 404,  # nothing can be received now, or a receipt handle is not valid any more
    "MissingReceiptHandle": 400,
    "MissingVisibilityTimeout": 400,
    "QueueAlreadyExist": 409,  # with other attributes, as TopicAlreadyExist and SubscriptionAlreadyExist
    "QueueNotExist": 404,
    "ReceiptHandleError": 400,  # no consumer of the queue ever got that receipt handle
    "ServiceUnavailable": 503,  # there is no emulator that could answer
    "SubscriptionAlreadyExist": 409,
    "SubscriptionNameInvalid": 400,
    "SubscriptionNotExist": 404,
    "TopicAlreadyExist": 409,
    "TopicNameInvalid": 400,
    "TopicNotExist": 404,
}
"""The HTTP status of each code."""


class MNSError(Exception):
    """A request that MNS refuses: ``code``, ``status`` and ``message``."""

    __module__ = "fcemu.testing"  # where users import it from, and what a traceback says

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.status: Final = STATUSES[code]
        self.message: Final = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def invalid(message: str) -> MNSError:
    """The error for a value that MNS does not take."""
    return MNSError("InvalidArgument", message)


def check_between(name: str, value: int, least: int, most: int) -> None:
    """Raises ``MNSError`` for a number out of its range."""
    if not least <= value <= most:
        raise invalid(f"{name}: expected a whole number from {least} to {most}, got {value!r}")
