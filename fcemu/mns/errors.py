"""What MNS refuses, named by its codes; knows no XML.

Codes and statuses: MNS's documents, "Error codes", read 2026-11. The texts are the emulator's own.
"""

from typing import ClassVar


class MNSError(Exception):
    """A request that MNS refuses: ``code``, ``status`` and ``message``."""

    code: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500

    def __init_subclass__(cls) -> None:
        """As those of ``FCError``: a traceback shows the code once."""
        super().__init_subclass__()
        cls.__module__, cls.__qualname__ = "fcemu.testing", "MNSError"

    def __init__(self, message: str = "the emulator failed; its log says how") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidMNSArgument(MNSError):
    """A value that MNS does not take."""

    code, status = "InvalidArgument", 400

    @classmethod
    def between(cls, name: str, least: int, most: int, found: object) -> "InvalidMNSArgument":
        """A number out of its range."""
        return cls(f"{name}: expected a whole number between {least} and {most}, found {found!r}")


class MNSAccessDenied(MNSError):
    """A caller who may not use the queues and topics."""

    code, status = "AccessDenied", 403


class ServiceUnavailable(MNSError):
    """There is no emulator that could answer."""

    code, status = "ServiceUnavailable", 503


class MalformedXML(MNSError):
    """A body that is not the XML that the operation takes."""

    code, status = "MalformedXML", 400


class InvalidRequestURL(MNSError):
    """A method and path that MNS does not have."""

    code, status = "InvalidRequestURL", 400


class InvalidQueueName(MNSError):
    """A name that a queue cannot have."""

    code, status = "InvalidQueueName", 400


class TopicNameInvalid(MNSError):
    """A name that a topic cannot have."""

    code, status = "TopicNameInvalid", 400


class SubscriptionNameInvalid(MNSError):
    """A name that a subscription cannot have."""

    code, status = "SubscriptionNameInvalid", 400


class EndpointInvalid(MNSError):
    """An endpoint to which the emulator does not push."""

    code, status = "EndpointInvalid", 400


class MissingReceiptHandle(MNSError):
    """A message cannot be named without one."""

    code, status = "MissingReceiptHandle", 400


class MissingVisibilityTimeout(MNSError):
    """The new time-out is what the operation is about."""

    code, status = "MissingVisibilityTimeout", 400


class ReceiptHandleError(MNSError):
    """A receipt handle that this queue has never given to anybody."""

    code, status = "ReceiptHandleError", 400


class MessageNotExist(MNSError):
    """Nothing can be received now; or the message of a receipt handle is not this consumer's any more."""

    code, status = "MessageNotExist", 404


class QueueNotExist(MNSError):
    """No such queue."""

    code, status = "QueueNotExist", 404

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no queue {name!r}: create it, or name it as a destination of a function (queue:{name})"
        )


class TopicNotExist(MNSError):
    """No such topic."""

    code, status = "TopicNotExist", 404

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no topic {name!r}: create it, or name it as a destination of a function (topic:{name})"
        )


class SubscriptionNotExist(MNSError):
    """No such subscription."""

    code, status = "SubscriptionNotExist", 404

    def __init__(self, topic: str, name: str) -> None:
        super().__init__(f"the topic {topic!r} has no subscription {name!r}")


class QueueAlreadyExist(MNSError):
    """A queue of that name has other attributes."""

    code, status = "QueueAlreadyExist", 409


class TopicAlreadyExist(MNSError):
    """A topic of that name has other attributes."""

    code, status = "TopicAlreadyExist", 409


class SubscriptionAlreadyExist(MNSError):
    """A subscription of that name has other attributes."""

    code, status = "SubscriptionAlreadyExist", 409
