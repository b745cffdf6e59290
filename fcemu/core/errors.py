"""The tree of errors, named by FC's codes; knows no HTTP bodies."""

from fcemu.core.generation import Generation
from fcemu.core.names import FunctionRef


class FCError(Exception):
    """A request that FC refuses: ``code``, ``status`` and ``message`` as FC gives them (errors-and-limits §2.1).

    ``request_id`` is filled in when the refusal is answered.
    """

    code: str = "InternalServerError"
    status: int = 500
    error_type: str = ""
    """What the header ``X-Fc-Error-Type`` says beside it; ``""``: there is none."""

    def __init_subclass__(cls) -> None:
        """Where the text begins with the code, a traceback shows the class that a test imports and catches, not one
        that is named like the code: the code would be there twice."""
        super().__init_subclass__()
        if cls.__str__ is FCError.__str__:
            cls.__module__, cls.__qualname__ = "fcemu.testing", "FCError"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InternalServerError(FCError):
    """FC failed. The emulator answers it only for a defect of its own."""

    def __init__(self, message: str = "an internal error has occurred. Please retry.") -> None:
        super().__init__(message)


class InvalidArgument(FCError):
    """A parameter, header or body that FC does not take."""

    code, status = "InvalidArgument", 400

    @classmethod
    def choice(cls, name: str, allowed: str, actual: str) -> "InvalidArgument":
        """The text the live service uses for enum-like values (async-invocation §1.5)."""
        return cls(f"{name} is set to an invalid value (allowed: {allowed}, actual: '{actual}')")


class PathNotSupported(FCError):
    """A method and path that no operation has."""

    code, status = "PathNotSupported", 400

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"'{method}' against '{path}' is not supported")


class EntityTooLarge(FCError):
    """An event over the payload limit."""

    code, status = "EntityTooLarge", 400

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"payload size exceeds maximum allowed size ({limit_bytes} bytes)")


class ServiceNotFound(FCError):
    """No such service (2.0)."""

    code, status = "ServiceNotFound", 404

    def __init__(self, service: str) -> None:
        super().__init__(f"service '{service}' does not exist")


class FunctionNotFound(FCError):
    """No such function; the two generations word it differently."""

    code, status = "FunctionNotFound", 404

    def __init__(self, ref: FunctionRef, generation: Generation) -> None:
        super().__init__(generation.function_not_found.format(name=ref.name, service=ref.service))
        self.ref = ref


class VersionNotFound(FCError):
    """A qualifier of digits that names no version."""

    code, status = "VersionNotFound", 404

    def __init__(self, version: str, owner_kind: str, owner: str) -> None:
        super().__init__(f"version '{version}' of {owner_kind} '{owner}' does not exist")


class AliasNotFound(FCError):
    """A qualifier that names no alias."""

    code, status = "AliasNotFound", 404

    def __init__(self, alias: str, owner_kind: str, owner: str) -> None:
        super().__init__(f"alias '{alias}' of {owner_kind} '{owner}' does not exist")


class Missing(FCError):
    """Something that does not exist; ``what`` is how it is called in the text."""

    status = 404

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} does not exist")


class TriggerNotFound(Missing):
    """ASSUMED text (errors-and-limits §2.1)."""

    code = "TriggerNotFound"


class DomainNameNotFound(Missing):
    """A custom domain that nobody made."""

    code = "DomainNameNotFound"


class AsyncConfigNotExists(Missing):
    """A qualifier without asynchronous settings of its own."""

    code = "AsyncConfigNotExists"


class OnDemandConfigNotFound(Missing):
    """A qualifier without an on-demand configuration."""

    code = "OnDemandConfigNotFound"


class ProvisionConfigNotFound(Missing):
    """A qualifier without provisioned instances. ASSUMED: code by analogy."""

    code = "ProvisionConfigNotFound"


class ConcurrencyConfigNotFound(Missing):
    """A function without reserved concurrency. ASSUMED: code by analogy."""

    code = "ConcurrencyConfigNotFound"


class ScalingConfigNotFound(Missing):
    """A qualifier without a scaling configuration. ASSUMED: code by analogy."""

    code = "ScalingConfigNotFound"


class LayerNotFound(Missing):
    """A layer that nobody published. ASSUMED: code by analogy."""

    code = "LayerNotFound"


class LayerVersionNotFound(Missing):
    """A layer without that version. ASSUMED: code by analogy."""

    code = "LayerVersionNotFound"


class VpcBindingNotFound(Missing):
    """A service or function that is not bound to that VPC. ASSUMED: code by analogy."""

    code = "VpcBindingNotFound"


class EventSourceNotFound(Missing):
    """A function without that event source. ASSUMED: code by analogy."""

    code = "EventSourceNotFound"


class Exists(FCError):
    """Something of that name exists already; ``what`` is how it is called in the text.

    ASSUMED: status 409 for all of them (errors-and-limits §2.1).
    """

    status = 409

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} already exists")


class ServiceAlreadyExists(Exists):
    """A second service of one name."""

    code = "ServiceAlreadyExists"


class FunctionAlreadyExists(FCError):
    """A second function of one name in a service, or among those of 3.0."""

    code, status = "FunctionAlreadyExists", 409

    def __init__(self, ref: FunctionRef) -> None:
        of = "" if ref.service is None else f" in service '{ref.service}'"
        super().__init__(f"function '{ref.name}' already exists{of}")


class TriggerAlreadyExists(Exists):
    """A second trigger of one name."""

    code = "TriggerAlreadyExists"


class AliasAlreadyExists(Exists):
    """A second alias of one name."""

    code = "AliasAlreadyExists"


class DomainNameAlreadyExists(Exists):
    """A second custom domain of one name."""

    code = "DomainNameAlreadyExists"


class VpcBindingAlreadyExists(Exists):
    """A second binding to one VPC. ASSUMED: code by analogy."""

    code = "VpcBindingAlreadyExists"


class NotEmpty(FCError):
    """What is to be deleted still owns something; ``active`` says what."""

    status = 409

    def __init__(self, what: str, active: str) -> None:
        super().__init__(f"{what} has active {active}")


class ServiceNotEmpty(NotEmpty):
    """A service that still has functions, versions or aliases."""

    code = "ServiceNotEmpty"


class FunctionNotEmpty(NotEmpty):
    """A function that still has triggers, or, in 3.0, versions or aliases."""

    code = "FunctionNotEmpty"


class VersionPublishError(FCError):
    """Nothing changed since the newest version. ASSUMED: code and text; FC refuses it (wire-api §9)."""

    code, status = "VersionPublishError", 400

    def __init__(self, owner_kind: str, owner: str) -> None:
        super().__init__(
            f"cannot publish a version of {owner_kind} '{owner}': no changes were made since the last publish"
        )


class PreconditionFailed(FCError):
    """``If-Match`` names another state of the resource than it is in."""

    code, status = "PreconditionFailed", 412

    def __init__(self) -> None:
        super().__init__("the resource being modified has been changed")


class InvocationDisabled(FCError):
    """Somebody disabled the invocation of the function. ASSUMED: code and status; no page prints them."""

    code, status = "FunctionInvocationDisabled", 403

    def __init__(self, ref: FunctionRef, reason: str) -> None:
        super().__init__(f"the invocation of function '{ref}' is disabled" + (f": {reason}" if reason else ""))


class ResourceExhausted(FCError):
    """A concurrency limit is reached; a synchronous caller hears of it at once."""

    code, status = "ResourceExhausted", 429


class LimitExceeded(FCError):
    """One more than there may be. Source: errors-and-limits §2.1, for 2.0. ASSUMED: also in 3.0; the text."""

    code, status = "LimitExceededError", 400

    def __init__(self, what: str, at_most: int) -> None:
        super().__init__(f"there are {at_most} {what} already, as many as there may be")


class MethodNotAllowed(FCError):
    """An HTTP trigger that does not take this method. ASSUMED: status and code (http-triggers §1)."""

    code, status = "InvalidArgument", 405

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"the HTTP trigger does not allow the method {method} (allowed: {allowed})")


class AccessDenied(FCError):
    """The caller may not do that."""

    code, status = "AccessDenied", 403


class MissingRequiredHeader(FCError):
    """A request without a header that it must have."""

    code, status = "MissingRequiredHeader", 400

    def __init__(self, name: str) -> None:
        super().__init__(f"required HTTP header {name} was not specified")


class InvalidAccessKeyID(FCError):
    """An access key that nobody has."""

    code, status = "InvalidAccessKeyID", 403

    def __init__(self, key_id: str) -> None:
        super().__init__(f"invalid access key ID '{key_id}'.")


class SignatureNotMatch(FCError):
    """A request that was not signed with the secret of its access key, or was changed since."""

    code, status = "SignatureNotMatch", 403

    def __init__(self) -> None:
        super().__init__(
            "The request signature we calculated does not match the signature you provided. "
            "Check your access key and signing method"
        )


class NotLetIn(FCError):
    """A caller whom an HTTP trigger does not let in; ``why`` tells what is wrong with its signature.

    Source: http-triggers §1 and §5.3, errors-and-limits §3, which infer status and header from client programs.
    """

    status, error_type = 403, "FCCommonError"

    def __init__(self, why: FCError) -> None:
        super().__init__(why.message)
        self.code = why.code


class BadResponse(FCError):
    """What a function answered to an HTTP request cannot be passed on."""

    code, status = "BadResponse", 502


class ExternalRedirectForbidden(FCError):
    """A function on FC's own host name sends its caller to another one."""

    code, status = "ExternalRedirectForbidden", 400

    def __init__(self, location: str) -> None:
        super().__init__(f"a redirect to another host is forbidden on this host: '{location}'; use a custom domain")


class ApkDownloadForbidden(FCError):
    """A function answers by FC's own public host name with an Android package.

    Source: FC docs, "Why does a public endpoint of an HTTP trigger fail to return an .apk file?". ASSUMED: the text.
    """

    code, status = "ApkDownloadForbidden", 400

    def __init__(self) -> None:
        super().__init__("this host lets no APK file out; use the internal address of the trigger, or a custom domain")


class ClientClosedRequest(FCError):
    """The caller hung up before the function returned. ASSUMED: the text."""

    code, status = "ClientClosedRequest", 499

    def __init__(self) -> None:
        super().__init__("Invocation canceled by client")


class TooManyRequests(FCError):
    """The emulator's guard: one outside request caused more invocations than any program means to."""

    code, status = "TooManyRequests", 429


class ResourceThrottled(FCError):
    """FC has no machines left for the function."""

    code, status = "ResourceThrottled", 503


class CAExited(FCError):
    """The program of a custom runtime cannot be started, or has ended. Source: errors-and-limits §2.1."""

    code, status = "CAExited", 412


class CAFileNotFound(FCError):
    """The program of a custom runtime is missing. Source: errors-and-limits §2.1."""

    code, status = "CAFileNotFound", 412


class FunctionNotStarted(FCError):
    """The function's program cannot be started (runtimes §4.1). ASSUMED: 412, as for the other codes of that kind."""

    code, status = "FunctionNotStarted", 412


class NotImplementedYet(FCError):
    """An operation of FC that the emulator does not have; says so instead of looking like a typo."""

    code, status = "NotImplemented", 501


class StatefulAsyncInvocationNotFound(FCError):
    """No task of that id, or its record is no longer kept (2.0). ASSUMED: the text."""

    code, status = "StatefulAsyncInvocationNotFound", 404

    def __init__(self, task_id: str) -> None:
        super().__init__(f"stateful async invocation '{task_id}' does not exist")


class AsyncTaskNotFound(FCError):
    """No task of that id, or its record is no longer kept (3.0). ASSUMED: the text."""

    code, status = "AsyncTaskNotFound", 404

    def __init__(self, task_id: str) -> None:
        super().__init__(f"async task '{task_id}' does not exist")


class StatefulAsyncInvocationAlreadyExists(FCError):
    """The function has a task of that id (2.0). ASSUMED: the text (async-invocation §4)."""

    code, status = "StatefulAsyncInvocationAlreadyExists", 409

    def __init__(self, task_id: str) -> None:
        super().__init__(f"stateful async invocation '{task_id}' already exists")


class AsyncTaskAlreadyExists(FCError):
    """The function has a task of that id (3.0). ASSUMED: the code, by analogy, and the text (async-invocation §4)."""

    code, status = "AsyncTaskAlreadyExists", 409

    def __init__(self, task_id: str) -> None:
        super().__init__(f"async task '{task_id}' already exists")


class StoreError(FCError):
    """What happened cannot be kept, or what was kept cannot be read; the text names the file, and what to do now."""

    code, status = "InternalServerError", 500

    def __str__(self) -> str:
        return self.message
