"""Handlers under /_fcemu/account, /_fcemu/functions and /_fcemu/timers: what is defined now, and whose it is."""

from typing import Final

from fcemu.api.resource_shapes import trigger_url
from fcemu.api.wire import WireRequest
from fcemu.core import functions as core
from fcemu.core.triggers import HTTP, TIMER, Trigger, read_timer
from fcemu.engine.emulator import Emulator
from fcemu.own_api import records

_UPCOMING: Final = 3


async def show_account(request: WireRequest) -> records.Account:
    """Without keys of its own, an emulator takes any."""
    settings = request.emulator.settings
    key = next(iter(settings.access_keys.items()), ("test", "test"))
    return records.Account(settings.account.id, settings.account.region, *key)


async def list_functions(request: WireRequest) -> list[records.Function]:
    """In the order of definition."""
    return functions_of(request.emulator, request.base_url)


async def list_timers(request: WireRequest) -> list[records.Timer]:
    """In the order of definition."""
    return [_timer(request.emulator, trigger) for trigger in request.emulator.control.timers()]


def functions_of(emulator: Emulator, base_url: str) -> list[records.Function]:
    """The functions of an emulator whose server has that URL, in the order of definition."""
    triggers = emulator.triggers.all()
    return [
        _function(
            emulator,
            function,
            [_trigger(emulator, each, base_url) for each in triggers if each.function == function.ref],
        )
        for function in emulator.functions()
    ]


def _function(emulator: Emulator, function: core.Function, triggers: list[records.Trigger]) -> records.Function:
    asked = emulator.control.async_settings(function.ref)
    return records.Function(
        name=str(function.ref),
        generation="3.0" if function.ref.service is None else "2.0",
        runtime=function.runtime,
        handler=function.handler,
        timeout=function.timeout.total_seconds(),
        memory_mb=function.memory_mb,
        task_mode=bool(asked.task_mode),
        on_success=None if asked.on_success is None else str(asked.on_success),
        on_failure=None if asked.on_failure is None else str(asked.on_failure),
        stubbed=emulator.setup.stub_of(function.ref) is not None,
        triggers=triggers,
    )


def _trigger(emulator: Emulator, trigger: Trigger, base_url: str) -> records.Trigger:
    upcoming = emulator.upcoming(trigger.function, trigger.name, 1) if trigger.kind == TIMER else []
    return records.Trigger(
        name=trigger.name,
        kind=trigger.kind,
        qualifier=trigger.qualifier,
        source_arn=trigger.source_arn,
        url=trigger_url(trigger, base_url) if trigger.kind == HTTP else None,
        next=next(iter(upcoming), None),
        fields=[
            records.EventField(name, field.kind, field.about, default is None, default)
            for name, (field, default) in emulator.triggers.form(trigger).items()
        ],
    )


def _timer(emulator: Emulator, trigger: Trigger) -> records.Timer:
    timer, upcoming = read_timer(trigger.config), emulator.upcoming(trigger.function, trigger.name, _UPCOMING)
    return records.Timer(
        function=str(trigger.function),
        trigger=trigger.name,
        qualifier=trigger.qualifier,
        cron=trigger.config["cronExpression"],
        enabled=timer.enabled,
        payload=timer.payload,
        next=next(iter(upcoming), None),
        upcoming=upcoming,
    )
