"""What FC refuses, named by FC's codes; knows no HTTP bodies."""

from collections.abc import Mapping
from typing import Final

from fcemu.core.generation import Generation
from fcemu.core.names import FunctionRef

STATUSES: Final[Mapping[str, int]] = {
    "AccessDenied": 403,
    "AliasAlreadyExists": 409,
    "AliasNotFound": 404,
    "ApkDownloadForbidden": 400,
    "AsyncConfigNotExists": 404,
    "AsyncTaskAlreadyExists": 409,
    "AsyncTaskNotFound": 404,
    "BadResponse": 502,
    "CAExited": 412,
    "CAFileNotFound": 412,
    "ClientClosedRequest": 499,
    "ClockConflict": 400,
    "ConcurrencyConfigNotFound": 404,
    "DomainNameAlreadyExists": 409,
    "DomainNameNotFound": 404,
    "EntityTooLarge": 400,
    "EventSourceNotFound": 404,
    "ExternalRedirectForbidden": 400,
    "FunctionAlreadyExists": 409,
    "FunctionInvocationDisabled": 403,
    "FunctionNotEmpty": 409,
    "FunctionNotFound": 404,
    "FunctionNotStarted": 412,
    "InternalServerError": 500,
    "InvalidAccessKeyID": 403,
    "InvalidArgument": 400,
    "InvalidTimeStamp.Expired": 400,
    "LayerNotFound": 404,
    "LayerVersionNotFound": 404,
    "LimitExceededError": 400,
    "MissingRequiredHeader": 400,
    "NotImplemented": 501,
    "OnDemandConfigNotFound": 404,
    "PathNotSupported": 400,
    "PreconditionFailed": 412,
    "ProvisionConfigNotFound": 404,
    "ResourceExhausted": 429,
    "ResourceThrottled": 503,
    "ScalingConfigNotFound": 404,
    "ServiceAlreadyExists": 409,
    "ServiceNotEmpty": 409,
    "ServiceNotFound": 404,
    "SignatureNonceUsed": 400,
    "SignatureNotMatch": 403,
    "StatefulAsyncInvocationAlreadyExists": 409,
    "StatefulAsyncInvocationNotFound": 404,
    "TooManyRequests": 429,
    "TriggerAlreadyExists": 409,
    "TriggerNotFound": 404,
    "VersionNotFound": 404,
    "VersionPublishError": 400,
    "VpcBindingAlreadyExists": 409,
    "VpcBindingNotFound": 404,
}
"""The HTTP status of each code (errors-and-limits §2.1). Three are the emulator's own: ``ClockConflict``,
``NotImplemented`` for an operation of FC that it does not have, and ``TooManyRequests``, its guard against endless
loops.

ASSUMED: status 409 for everything that exists already (errors-and-limits §2.1).

ASSUMED: by analogy, the codes of what is not there for provisioned instances, reserved concurrency, scaling, layers,
their versions, VPC bindings and event sources; and those of a VPC binding and a task of 3.0 that are there already.

ASSUMED: code and status of ``FunctionInvocationDisabled``; no page prints them.

ASSUMED: the code of ``VersionPublishError``, and its text; FC refuses it (wire-api §9).

ASSUMED: ``LimitExceededError`` also in 3.0, and its text. Source for 2.0: errors-and-limits §2.1.

ASSUMED: ``InvalidTimeStamp.Expired`` and ``SignatureNonceUsed``, with status and text, are those of Alibaba Cloud's
gateways; FC's lists name none.

ASSUMED: 412 for ``FunctionNotStarted`` (runtimes §4.1), as for ``CAExited`` and ``CAFileNotFound``.

ASSUMED: the texts of tasks that are not there, or are there already (async-invocation §4), of triggers that are not
there, of ``ClientClosedRequest`` and of ``ApkDownloadForbidden``.
"""


class FCError(Exception):
    """A request that FC refuses: ``code``, ``status`` and ``message`` as FC gives them (errors-and-limits §2.1).

    ``request_id`` is filled in when the refusal is answered. The classes below are those that are made in many places,
    or told apart from others.
    """

    __module__ = "fcemu.testing"  # where users import it from, and what a traceback says
    error_type: str = ""
    """What the header ``X-Fc-Error-Type`` says beside it; ``""``: there is none."""

    def __init_subclass__(cls) -> None:
        """Where the text begins with the code, a traceback shows the class that a test imports and catches, not one
        that is named like the code: the code would be there twice."""
        super().__init_subclass__()
        if cls.__str__ is FCError.__str__:
            cls.__module__, cls.__qualname__ = FCError.__module__, FCError.__qualname__

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUSES[code]
        self.message = message
        self.request_id = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def missing(code: str, what: str) -> FCError:
    """The error for something that does not exist; ``what`` is how it is called in the text."""
    return FCError(code, f"{what} does not exist")


def exists(code: str, what: str) -> FCError:
    """The error for something whose name is taken; ``what`` is how it is called in the text."""
    return FCError(code, f"{what} already exists")


def not_empty(code: str, what: str, active: str) -> FCError:
    """The error for what is to be deleted and still owns something; ``active`` says what."""
    return FCError(code, f"{what} has active {active}")


def limit_exceeded(what: str, at_most: int) -> FCError:
    """The error for one more than there may be."""
    return FCError("LimitExceededError", f"there are {at_most} {what} already, as many as there may be")


class InternalServerError(FCError):
    """FC failed. The emulator answers it only for a defect of its own."""

    def __init__(self, message: str = "an internal error has occurred. Please retry.") -> None:
        super().__init__("InternalServerError", message)


class InvalidArgument(FCError):
    """A parameter, header or body that FC does not take."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidArgument", message)

    @classmethod
    def choice(cls, name: str, allowed: str, actual: str) -> "InvalidArgument":
        """The text the live service uses for enum-like values (async-invocation §1.5)."""
        return cls(f"{name} is set to an invalid value (allowed: {allowed}, actual: '{actual}')")


class PathNotSupported(FCError):
    """A method and path that no operation has."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__("PathNotSupported", f"'{method}' against '{path}' is not supported")


class EntityTooLarge(FCError):
    """An event over the payload limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__("EntityTooLarge", f"payload size exceeds maximum allowed size ({limit_bytes} bytes)")


class ServiceNotFound(FCError):
    """No such service (2.0)."""

    def __init__(self, service: str) -> None:
        super().__init__("ServiceNotFound", f"service '{service}' does not exist")


class FunctionNotFound(FCError):
    """No such function; the two generations word it differently."""

    def __init__(self, ref: FunctionRef, generation: Generation) -> None:
        text = generation.function_not_found.format(name=ref.name, service=ref.service)
        super().__init__("FunctionNotFound", text)


class MethodNotAllowed(FCError):
    """An HTTP trigger that does not take this method. ASSUMED: status and code (http-triggers §1)."""

    def __init__(self, method: str, allowed: str) -> None:
        text = f"the HTTP trigger does not allow the method {method} (allowed: {allowed})"
        super().__init__("InvalidArgument", text)
        self.status = 405


class AccessDenied(FCError):
    """The caller may not do that."""

    def __init__(self, message: str) -> None:
        super().__init__("AccessDenied", message)


class SignatureNotMatch(FCError):
    """A request that was not signed with the secret of its access key, or was changed since."""

    def __init__(self) -> None:
        super().__init__(
            "SignatureNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your access key and signing method",
        )


class NotLetIn(FCError):
    """A caller whom an HTTP trigger does not let in; ``why`` tells what is wrong with its signature.

    Source: http-triggers §1 and §5.3, errors-and-limits §3, which infer status and header from client programs.
    """

    error_type = "FCCommonError"

    def __init__(self, why: FCError) -> None:
        super().__init__(why.code, why.message)
        self.status = 403


class ResourceThrottled(FCError):
    """FC has no machines left for the function."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceThrottled", message)


class NotImplementedYet(FCError):
    """An operation of FC that the emulator does not have; says so instead of looking like a typo."""

    def __init__(self, message: str) -> None:
        super().__init__("NotImplemented", message)


class StoreError(FCError):
    """What happened cannot be kept, or what was kept cannot be read; the text names the file, and what to do now."""

    def __init__(self, message: str) -> None:
        super().__init__("InternalServerError", message)

    def __str__(self) -> str:
        return self.message
