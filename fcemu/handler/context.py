"""The context object that FC passes to a handler, by the version of its runtime."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Generic, TypeVar

from fcemu.handler.call import Call, Function

T = TypeVar("T")
_VERSION: Final = re.compile(r"python(\d+)(?:\.(\d+))?")


@cache
def is_newer(runtime: str, version: tuple[int, int]) -> bool:
    """Whether ``runtime`` is Python of at least ``version``. FC's ``python3`` is 3.6."""
    found = _VERSION.fullmatch(runtime)
    return found is not None and (int(found[1]), int(found[2] or 6)) >= version


def context_for(call: Call) -> Context:
    """The context object of the function's runtime."""
    return _context_of(call.function.runtime)(call)


@cache
def _context_of(runtime: str) -> type[Context]:
    return Context312 if is_newer(runtime, (3, 12)) else Context310


class Late(Generic[T]):
    """An attribute that is computed at its first reading and can be overwritten like any other."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__

    def __get__(self, owner: Any, _type: type | None = None) -> T:
        if owner is None:  # asked of the class, as help() does
            return self  # type: ignore[return-value]
        value = self._compute(owner)
        vars(owner)[self._name] = value
        return value


class Credentials:
    """Temporary keys, also under the camelCase names that the runtime's source has."""

    def __init__(self, call: Call) -> None:
        self.access_key_id, self.access_key_secret, self.security_token = call.credentials
        self.accessKeyId = self.access_key_id
        self.accessKeySecret = self.access_key_secret
        self.securityToken = self.security_token


class FunctionMeta:
    """``context.function``. ``timeout`` is a number of seconds, as text up to python3.10 (runtimes §1.3)."""

    def __init__(self, function: Function, timeout: int | str) -> None:
        self.name = function.ref.name
        self.handler = function.handler
        self.memory = function.memory_mb
        self.timeout = timeout


class ServiceMeta:
    """``context.service``. ASSUMED: fcemu gives the context of 3.0, which has no services, a ``service`` with an empty
    ``name`` (runtimes §1.3)."""

    def __init__(self, call: Call) -> None:
        self.name = call.function.ref.service or ""
        self.log_project = ""
        self.log_store = ""
        self.qualifier = call.qualifier
        self.version_id = call.version


class Tracing:
    """``context.tracing``; the emulator traces nothing."""

    def __init__(self) -> None:
        self.span_context = ""
        self.jaeger_endpoint = ""
        self.span_baggages: dict[str, str] = {}

    def parseOpenTracingBaggages(self) -> dict[str, str]:  # noqa: N802 (FC's name)
        """The baggage as a dict."""
        return self.span_baggages


class Context:
    """What all Python runtimes have."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.request_id = call.request_id
        self.region = call.account.region
        self.account_id = call.account.id

    @Late
    def retry_count(self) -> str:
        return str(self._call.retry_count)  # CPython 3.11 takes a page of the stack for that, which a thread keeps

    def getLogger(self) -> logging.Logger:  # noqa: N802 (FC's name)
        """The logger whose records carry this request's id."""
        return logging.getLogger()


class Context310(Context):
    """python3 to python3.10."""

    @Late
    def requestId(self) -> str:  # noqa: N802 (FC's name)
        return self._call.request_id

    @Late
    def credentials(self) -> Credentials:
        return Credentials(self._call)

    @Late
    def function(self) -> FunctionMeta:
        return FunctionMeta(self._call.function, f"{self._call.function.timeout.total_seconds():g}")

    @Late
    def service(self) -> ServiceMeta:
        return ServiceMeta(self._call)

    @Late
    def tracing(self) -> Tracing:
        return Tracing()

    logger: logging.Logger | None = None
    """``None``: instances of the emulator run one attempt at a time."""

    def to_json(self) -> str:
        """JSON text with camelCase keys."""
        credentials, function, service, tracing = self.credentials, self.function, self.service, self.tracing
        return json.dumps(
            {
                "requestId": self.request_id,
                "credentials": {
                    "accessKeyId": credentials.access_key_id,
                    "accessKeySecret": credentials.access_key_secret,
                    "securityToken": credentials.security_token,
                },
                "function": vars(function),
                "service": {
                    "name": service.name,
                    "logProject": service.log_project,
                    "logStore": service.log_store,
                    "qualifier": service.qualifier,
                    "versionId": service.version_id,
                },
                "region": self.region,
                "accountId": self.account_id,
                "retryCount": self.retry_count,
                "tracing": {
                    "spanContext": tracing.span_context,
                    "jaegerEndpoint": tracing.jaeger_endpoint,
                    "spanBaggages": tracing.span_baggages,
                },
            }
        )


class Function312(FunctionMeta):
    """``context.function`` of python3.12, which has no ``service``."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.function, round(call.function.timeout.total_seconds()))
        self.version_id = call.version
        self.qualifier = call.qualifier


class Context312(Context):
    """python3.12: smaller; no credentials, no service.

    ASSUMED: fcemu gives the context of python3.12 ``retry_count`` (text), ``getLogger`` and ``to_json`` as in 3.10; the
    page lists neither (runtimes §1.3).
    """

    log_project = ""
    log_store = ""

    @Late
    def function(self) -> Function312:
        return Function312(self._call)

    @Late
    def logger(self) -> logging.Logger:
        return logging.getLogger()

    def to_json(self) -> str:
        """JSON text with camelCase keys."""
        function = self.function
        return json.dumps(
            {
                "requestId": self.request_id,
                "function": {
                    "name": function.name,
                    "handler": function.handler,
                    "memory": function.memory,
                    "timeout": function.timeout,
                    "versionId": function.version_id,
                    "qualifier": function.qualifier,
                },
                "logProject": self.log_project,
                "logStore": self.log_store,
                "region": self.region,
                "accountId": self.account_id,
                "retryCount": self.retry_count,
            }
        )
