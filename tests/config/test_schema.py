import re
from dataclasses import fields
from datetime import timedelta
from typing import get_type_hints

import pytest

from fcemu.config.emulator_shapes import EmulatorShape
from fcemu.config.function_shapes import (
    AliasShape,
    AsyncShape,
    CodeShape,
    FrozenShape,
    FunctionShape,
    HookShape,
    OnDemandShape,
    ProvisionShape,
    ScalingShape,
    ServiceShape,
    ServiceVersionShape,
    SourceShape,
    TriggerShape,
)
from fcemu.config.kinds import Duration, Number, Plain, Whole, below, expected, keys_of
from fcemu.config.native import RUN_HERE
from fcemu.config.problems import Place
from fcemu.config.schema import (
    ALIASES,
    DomainShape,
    FileShape,
    LayerShape,
    LayerVersionShape,
    RaisesShape,
    RouteShape,
    StepShape,
    StubShape,
)
from fcemu.config.tree import Kind, Scalar
from fcemu.config.values import scalar
from fcemu.core.functions import DEFAULT_RUNTIME, RUNTIMES
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.settings import Settings
from fcemu.core.triggers import KINDS

SHAPES = [FileShape, *(shape for _, _, shape in below(FileShape))]
SETTINGS_OF_TRIGGERS = {shape for _, _, shape in below(TriggerShape)}
"""Those are FC's words; ``tests/config/test_trigger_settings.py`` has them."""
EVERY_KEY = [
    pytest.param(shape, key, id=f"{shape.__name__}.{key.name}")
    for shape in dict.fromkeys(SHAPES)
    for key in keys_of(shape).values()
]


SETTINGS = {
    "python",
    *("code", "runtime", "timeout", "memorySize", "environmentVariables", "initializer", "preFreeze", "preStop"),
    *("instanceConcurrency", "command", "port", "layers", "description", "kept", "handler"),
}


def test_the_file_has_the_keys_that_the_format_promises():
    assert {shape: set(keys_of(shape)) for shape in SHAPES if shape not in SETTINGS_OF_TRIGGERS} == {
        FileShape: {
            "region",
            "accountId",
            "vars",
            "expand",
            "code",
            "functions",
            "services",
            "customDomains",
            "emulator",
            "layers",
            "stubs",
        },
        CodeShape: {"src", "zipFile", "unchecked"},
        LayerShape: {"versions", "public"},
        LayerVersionShape: {"code", "compatibleRuntime", "description", "license"},
        StubShape: {"steps"},
        StepShape: {"returns", "raises", "seconds", "logs", "status"},
        RaisesShape: {"errorType", "errorMessage"},
        ServiceShape: {
            *("code", "functions", "versions", "aliases", "description", "kept", "tags", "vpcBindings"),
        },
        ServiceVersionShape: {"functions", "description", "kept"},
        FunctionShape: {
            *(*SETTINGS, "reservedConcurrency", "asyncInvokeConfig", "triggers", "versions", "aliases", "tags"),
            *("provisionConfig", "scalingConfig", "onDemandConfig", "eventSources", "vpcBindings", "disabled"),
        },
        ProvisionShape: {
            *("qualifier", "target", "defaultTarget", "alwaysAllocateCPU", "alwaysAllocateGPU", "scheduledActions"),
            "targetTrackingPolicies",
        },
        ScalingShape: {
            *("qualifier", "minInstances", "residentPoolId", "requestDispatchPolicy", "enableOnDemandScaling"),
            *("enableMixMode", "horizontalScalingPolicies", "scheduledPolicies"),
        },
        OnDemandShape: {"qualifier", "maximumInstanceCount"},
        SourceShape: {"sourceArn", "qualifier"},
        FrozenShape: {*SETTINGS, "whole"},
        HookShape: {"handler", "timeout"},
        AsyncShape: {
            *("qualifier", "asyncTask", "maxAsyncRetryAttempts", "maxAsyncEventAgeInSeconds", "onSuccess", "onFailure"),
        },
        TriggerShape: {
            *(*TriggerShape.one_of, "payload", "enable", "qualifier", "authType", "description", "sourceArn"),
            *("invocationRole", "kept"),
        },
        AliasShape: {"version", "additionalVersionWeight", "description", "kept"},
        DomainShape: {"protocol", "routes", "kept"},
        RouteShape: {"function", "qualifier", "methods", "rewriteConfig"},
        EmulatorShape: {
            *("auth", "clock", "seed", "limits", "retrySeconds", "retryServerErrors", "ageExcludesDelay"),
            *("destinationDepth", "watchdogSeconds", "graceSeconds", "ioGraceSeconds"),
            *("deliverTo", "deliveryRetrySeconds", "taskRetentionSeconds", "strictRuntimes"),
            *("throttleMode", "idleSeconds", "coldStartSeconds", "instanceLimit", "instancesPerMinute"),
            *("chance", "runtime", "python", "isolate", "allowHost", "intercept"),
        },
        keys_of(EmulatorShape)["clock"].value.shape: {"rate", "start", "autojump"},
        keys_of(EmulatorShape)["auth"].value.shape: {"verify", "accessKeys"},
    }


def test_triggers_are_of_the_kinds_that_the_core_knows():
    assert set(TriggerShape.one_of) == set(KINDS)


@pytest.mark.parametrize("shape", dict.fromkeys(SHAPES), ids=lambda shape: shape.__name__)
def test_each_field_is_a_key(shape):
    assert [key.field for key in keys_of(shape).values()] == [field.name for field in fields(shape)]


@pytest.mark.parametrize(("shape", "key"), EVERY_KEY)
def test_each_key_has_a_help_text_and_only_a_required_one_must_be_there(shape, key):
    assert re.fullmatch(r"[A-Z].*\.", key.about)
    is_always_there = type(None) not in getattr(get_type_hints(shape)[key.field], "__args__", ())
    assert (key.required and not key.not_for) == is_always_there


@pytest.mark.parametrize(("shape", "key"), EVERY_KEY)
def test_a_documented_default_is_a_value_that_may_be_written(shape, key):
    if isinstance(key.value, Whole | Duration | Number) and key.default is not None:
        value = scalar(key.value, Scalar(Place(1, 1), str(key.default), Kind.NUMBER), STRICT)
        assert value == (timedelta(seconds=key.default) if isinstance(key.value, Duration) else key.default)
    if key.value is Plain.RUNTIME:
        assert key.default in RUNTIMES


def test_what_runs_here_is_a_runtime_of_fc():
    assert set(RUN_HERE) <= set(RUNTIMES)


def test_documented_defaults_are_those_of_the_core():
    emulator = keys_of(EmulatorShape)
    settings = Settings()
    assert emulator["retrySeconds"].default == (0.5, 1, 2, 4, 8, 16, 32, 64)
    assert emulator["watchdogSeconds"].default == settings.watchdog.total_seconds()
    assert emulator["destinationDepth"].default == settings.destination_depth
    assert keys_of(FunctionShape)["runtime"].default == DEFAULT_RUNTIME
    assert keys_of(FunctionShape)["timeout"].default == 3
    assert keys_of(AsyncShape)["maxAsyncEventAgeInSeconds"].default == 86400


def test_every_alias_names_words_of_the_schema_and_is_none_itself():
    words = frozenset[str]().union(*(keys_of(shape) for shape in SHAPES))
    assert not words & set(ALIASES)
    assert {native for natives in ALIASES.values() for native in natives} <= words


def test_the_nearest_shapes_come_first():
    depths = [depth for _, depth, _ in below(FileShape)]
    assert depths == sorted(depths)
    ways = [way for way, _, _ in below(FileShape)]
    assert ways[:4] == ["code", "emulator", "functions.NAME", "services.NAME"]
    assert "services.NAME.versions.NAME.functions.NAME.preStop" in ways


@pytest.mark.parametrize(
    ("key", "strict", "relaxed"),
    [
        ("timeout", "whole seconds 1-86400", "whole seconds 1-86400"),
        ("memorySize", "whole MB 128-32768 in steps of 64", "whole MB 1-32768"),
    ],
)
def test_a_value_is_described_with_the_limits_in_force(key, strict, relaxed):
    kind = keys_of(FunctionShape)[key].value
    assert (expected(kind, STRICT), expected(kind, RELAXED)) == (strict, relaxed)
