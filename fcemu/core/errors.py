"""What FC refuses, named by FC's codes; knows no HTTP bodies."""

from collections.abc import Mapping
from typing import Final

from fcemu.core.names import FunctionRef
from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """What belongs to one code of FC's: the HTTP status, and the text with what it names in braces; ``""`` where every
    place that refuses has a text of its own. ``guess``: what of it no page of FC says; ``""``: it is all said."""

    status: int
    text: str = ""
    guess: str = ""


_TAKEN: Final = "ASSUMED: fcemu answers 409 for everything that exists already (errors-and-limits §2.1)."
_ANALOGY: Final = (
    "ASSUMED: fcemu forms the code and its status by analogy with those of other resources (errors-and-limits §2.1)."
)
_GATEWAY: Final = (
    "ASSUMED: fcemu refuses old and repeated signatures with the code, the status and the text of Alibaba Cloud's "
    "gateways, because FC's lists name none (errors-and-limits §2.1)."
)
_TEXT: Final = (
    "ASSUMED: fcemu makes up the text of an error of which FC's pages have the code and the status alone "
    "(errors-and-limits §2.1)."
)
_TASK: Final = "ASSUMED: fcemu makes up the texts for tasks that do not exist, or exist already (async-invocation §4)."
_OWN: Final = "FC has no such code; it is the emulator's own."
_STOPPED: Final = (
    "ASSUMED: fcemu answers 412 for a program that cannot be started, as for one that has ended (runtimes §4.1)."
)

CODES: Final[Mapping[str, Code]] = {
    "AccessDenied": Code(403),
    "AliasAlreadyExists": Code(409, "alias '{name}' of {owner} already exists", _TAKEN),
    "AliasNotFound": Code(404, "alias '{name}' of {owner} does not exist"),
    "ApkDownloadForbidden": Code(400, "", _TEXT),
    "AsyncConfigNotExists": Code(
        404, "async invoke config of function '{function}' and qualifier '{qualifier}' does not exist"
    ),
    "AsyncTaskAlreadyExists": Code(409, "async task '{task}' already exists", _ANALOGY),
    "AsyncTaskNotFound": Code(404, "async task '{task}' does not exist", _TASK),
    "BadResponse": Code(502),
    "CAExited": Code(412),
    "CAFileNotFound": Code(412),
    "ClientClosedRequest": Code(499, "Invocation canceled by client", _TEXT),
    "ClockConflict": Code(400, "", _OWN),
    "ConcurrencyConfigNotFound": Code(
        404, "concurrency config of function '{function}' and qualifier '{qualifier}' does not exist", _ANALOGY
    ),
    "DomainNameAlreadyExists": Code(409, "domain name '{name}' already exists", _TAKEN),
    "DomainNameNotFound": Code(404, "domain name '{name}' does not exist"),
    "EntityTooLarge": Code(400, "payload size exceeds maximum allowed size ({limit} bytes)"),
    "EventSourceNotFound": Code(404, "event source '{arn}' of function '{function}' does not exist", _ANALOGY),
    "ExternalRedirectForbidden": Code(400),
    "FunctionAlreadyExists": Code(409, "function '{name}' already exists{where}", _TAKEN),
    "FunctionInvocationDisabled": Code(
        403,
        "",
        "ASSUMED: fcemu makes up code and status of a disabled function, because no page prints them (wire-api §5).",
    ),
    "FunctionNotEmpty": Code(409, "function '{name}' has active {active}"),
    "FunctionNotFound": Code(404, "function '{name}' does not exist{where}"),
    "FunctionNotStarted": Code(412, "", _STOPPED),
    "InternalServerError": Code(500, "an internal error has occurred. Please retry."),
    "InvalidAccessKeyID": Code(403),
    "InvalidArgument": Code(400),
    "InvalidTimeStamp.Expired": Code(400, "", _GATEWAY),
    "LayerNotFound": Code(404, "layer '{name}' does not exist", _ANALOGY),
    "LayerVersionNotFound": Code(404, "version '{version}' of layer '{name}' does not exist", _ANALOGY),
    "LimitExceededError": Code(
        400,
        "there are {most} {what} already, as many as there may be",
        "ASSUMED: fcemu uses LimitExceededError of 2.0 (errors-and-limits §2.1) in 3.0 as well, with its own text.",
    ),
    "MissingRequiredHeader": Code(400),
    "NotImplemented": Code(501, "", _OWN),
    "OnDemandConfigNotFound": Code(
        404, "on-demand config of function '{function}' and qualifier '{qualifier}' does not exist"
    ),
    "PathNotSupported": Code(400, "'{method}' against '{path}' is not supported"),
    "PreconditionFailed": Code(412, "the resource being modified has been changed"),
    "ProvisionConfigNotFound": Code(
        404, "provision config of function '{function}' and qualifier '{qualifier}' does not exist", _ANALOGY
    ),
    "ResourceExhausted": Code(429),
    "ResourceThrottled": Code(503),
    "ScalingConfigNotFound": Code(
        404, "scaling config of function '{function}' and qualifier '{qualifier}' does not exist", _ANALOGY
    ),
    "ServiceAlreadyExists": Code(409, "service '{name}' already exists", _TAKEN),
    "ServiceNotEmpty": Code(409, "service '{name}' has active {active}"),
    "ServiceNotFound": Code(404, "service '{name}' does not exist"),
    "SignatureNonceUsed": Code(400, "", _GATEWAY),
    "SignatureNotMatch": Code(
        403,
        "The request signature we calculated does not match the signature you provided. "
        "Check your access key and signing method",
    ),
    "StatefulAsyncInvocationAlreadyExists": Code(409, "stateful async invocation '{task}' already exists", _TASK),
    "StatefulAsyncInvocationNotFound": Code(404, "stateful async invocation '{task}' does not exist", _TASK),
    "TooManyRequests": Code(429, "", _OWN),
    "TriggerAlreadyExists": Code(409, "trigger '{name}' already exists", _TAKEN),
    "TriggerNotFound": Code(404, "trigger '{name}'{where} does not exist", _TEXT),
    "VersionNotFound": Code(404, "version '{name}' of {owner} does not exist"),
    "VersionPublishError": Code(
        400,
        "cannot publish a version of {owner}: no changes were made since the last publish",
        "ASSUMED: fcemu makes up code and text for the refusal to publish a version without changes (wire-api §9).",
    ),
    "VpcBindingAlreadyExists": Code(409, "binding of {owner} to VPC '{name}' already exists", _ANALOGY),
    "VpcBindingNotFound": Code(404, "binding of {owner} to VPC '{name}' does not exist", _ANALOGY),
}
"""Source: errors-and-limits §2.1."""


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
        self.status = CODES[code].status
        self.message = message
        self.request_id = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def refused(code: str, **named: object) -> FCError:
    """The error of a code that has one text, with what that names."""
    return FCError(code, CODES[code].text.format_map(named))


class InvalidArgument(FCError):
    """A parameter, header or body that FC does not take."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidArgument", message)

    @classmethod
    def choice(cls, name: str, allowed: str, actual: str) -> "InvalidArgument":
        """The text the live service uses for enum-like values (async-invocation §1.5)."""
        return cls(f"{name} is set to an invalid value (allowed: {allowed}, actual: '{actual}')")


class EntityTooLarge(FCError):
    """An event over the payload limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__("EntityTooLarge", CODES["EntityTooLarge"].text.format(limit=limit_bytes))


class FunctionNotFound(FCError):
    """No such function; the two generations word it differently."""

    def __init__(self, ref: FunctionRef) -> None:
        where = "." if ref.service is None else f" in service '{ref.service}'"
        super().__init__("FunctionNotFound", CODES["FunctionNotFound"].text.format(name=ref.name, where=where))


class MethodNotAllowed(FCError):
    """An HTTP trigger that does not take this method. ASSUMED: fcemu makes up status and code for it
    (http-triggers §1)."""

    def __init__(self, method: str, allowed: str) -> None:
        text = f"the HTTP trigger does not allow the method {method} (allowed: {allowed})"
        super().__init__("InvalidArgument", text)
        self.status = 405


class Unreadable(InvalidArgument):
    """A body that is not what it says or has to be: no JSON, or no gzip."""


class AccessDenied(FCError):
    """The caller may not do that."""

    def __init__(self, message: str) -> None:
        super().__init__("AccessDenied", message)


class SignatureNotMatch(FCError):
    """A request that was not signed with the secret of its access key, or was changed since."""

    def __init__(self) -> None:
        super().__init__("SignatureNotMatch", CODES["SignatureNotMatch"].text)


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
