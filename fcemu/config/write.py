"""Core definitions -> native form: the other way round."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.languages import CUSTOM_RUNTIMES
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import start_of


def native_form(
    services: Iterable[Service],
    functions: Iterable[Function],
    async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings],
) -> dict[str, Any]:
    """Definitions as a mapping that ``read_mapping`` reads; ``code`` is absolute. Only what is set is written of the
    asynchronous settings."""
    document: dict[str, Any] = {"functions": {}, "services": {service.name: {"functions": {}} for service in services}}
    asked: dict[FunctionRef, dict[str, AsyncSettings]] = {}
    for (ref, qualifier), settings in async_settings.items():
        asked.setdefault(ref, {})[qualifier] = settings
    for function in functions:
        service = function.ref.service
        owner = document if service is None else document["services"].setdefault(service, {"functions": {}})
        owner["functions"][function.ref.name] = _function(function, asked.get(function.ref, {}))
    return document


def _function(function: Function, asked: Mapping[str, AsyncSettings]) -> dict[str, Any]:
    written: dict[str, Any] = {
        "handler": function.handler,
        "code": function.code,
        "runtime": function.runtime,
        "timeout": _seconds(function.timeout),
        "memorySize": function.memory_mb,
        "environmentVariables": dict(function.environment),
    }
    config = start_of(function) if function.runtime in CUSTOM_RUNTIMES else None
    if config is not None:
        written |= {"command": list(config.command), "port": config.port}
    if function.python:
        written["python"] = function.python
    if settings := [_settings(*each) for each in asked.items()]:
        written["asyncInvokeConfig"] = settings[0] if len(settings) == 1 else settings
    return written


def _settings(qualifier: str, asked: AsyncSettings) -> dict[str, Any]:
    """What is set for one qualifier."""
    settings = {
        "qualifier": None if qualifier == LATEST else qualifier,
        "maxAsyncRetryAttempts": asked.max_retries,
        "maxAsyncEventAgeInSeconds": None if asked.max_age is None else _seconds(asked.max_age),
        "onSuccess": None if asked.on_success is None else str(asked.on_success),
        "onFailure": None if asked.on_failure is None else str(asked.on_failure),
        "asyncTask": asked.task_mode,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())
