import re
from datetime import timedelta

import pytest

from fcemu.config.emulator_block import AUTH, CLOCK, EMULATOR
from fcemu.config.problems import Place
from fcemu.config.reading import RUN_HERE, expected
from fcemu.config.schema import ALIASES, FILE, RAISES, STEP, STUB, below
from fcemu.config.tree import Kind, Scalar, plain_as
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.capacity import ON_DEMAND, PROVISION, SCALING
from fcemu.core.fields.domains import DOMAIN, ROUTE
from fcemu.core.fields.functions import FROZEN, FUNCTION, HOOK, SERVICE, SERVICE_VERSION
from fcemu.core.fields.kinds import Duration, Number, Whole
from fcemu.core.fields.layers import LAYER, LAYER_VERSION
from fcemu.core.fields.releases import ALIAS
from fcemu.core.fields.rows import ABSENT
from fcemu.core.fields.shared import CODE
from fcemu.core.fields.triggers import EVENT_SOURCE, TRIGGER
from fcemu.core.functions import DEFAULT_RUNTIME, RUNTIMES
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.settings import Settings
from fcemu.core.triggers import KINDS

TABLES = dict.fromkeys([FILE, *(table for _, _, table in below(FILE))])
SETTINGS_OF_TRIGGERS = {table for _, _, table in below(TRIGGER)}
"""Those are FC's words; ``tests/config/test_trigger_settings.py`` has them."""
EVERY_KEY = [
    pytest.param(table, field, id=f"{table.name}.{field.key}") for table in TABLES for field in table.keys.values()
]


SETTINGS = {
    "python",
    *("code", "runtime", "timeout", "memorySize", "environmentVariables", "initializer", "preFreeze", "preStop"),
    *("instanceConcurrency", "command", "port", "layers", "description", "kept", "handler"),
}


def test_the_file_has_the_keys_that_the_format_promises():
    assert {table: set(table.keys) for table in TABLES if table not in SETTINGS_OF_TRIGGERS} == {
        FILE: {
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
        CODE: {"src", "zipFile", "unchecked"},
        LAYER: {"versions", "public"},
        LAYER_VERSION: {"code", "compatibleRuntime", "description", "license"},
        STUB: {"steps"},
        STEP: {"returns", "raises", "seconds", "logs", "status"},
        RAISES: {"errorType", "errorMessage"},
        SERVICE: {
            *("code", "functions", "versions", "aliases", "description", "kept", "tags", "vpcBindings"),
        },
        SERVICE_VERSION: {"functions", "description", "kept"},
        FUNCTION: {
            *(*SETTINGS, "reservedConcurrency", "asyncInvokeConfig", "triggers", "versions", "aliases", "tags"),
            *("provisionConfig", "scalingConfig", "onDemandConfig", "eventSources", "vpcBindings", "disabled"),
        },
        PROVISION: {
            *("qualifier", "target", "defaultTarget", "alwaysAllocateCPU", "alwaysAllocateGPU", "scheduledActions"),
            "targetTrackingPolicies",
        },
        SCALING: {
            *("qualifier", "minInstances", "residentPoolId", "requestDispatchPolicy", "enableOnDemandScaling"),
            *("enableMixMode", "horizontalScalingPolicies", "scheduledPolicies"),
        },
        ON_DEMAND: {"qualifier", "maximumInstanceCount"},
        EVENT_SOURCE: {"sourceArn", "qualifier"},
        FROZEN: {*SETTINGS, "whole"},
        HOOK: {"handler", "timeout"},
        ASYNC: {
            *("qualifier", "asyncTask", "maxAsyncRetryAttempts", "maxAsyncEventAgeInSeconds", "onSuccess", "onFailure"),
        },
        TRIGGER: {
            *(*TRIGGER.one_of, "payload", "enable", "qualifier", "authType", "description", "sourceArn"),
            *("invocationRole", "kept"),
        },
        ALIAS: {"version", "additionalVersionWeight", "description", "kept"},
        DOMAIN: {"protocol", "routes", "kept"},
        ROUTE: {"function", "qualifier", "methods", "rewriteConfig"},
        EMULATOR: {
            *("auth", "clock", "seed", "limits", "retrySeconds", "retryServerErrors", "ageExcludesDelay"),
            *("destinationDepth", "watchdogSeconds", "graceSeconds", "ioGraceSeconds"),
            *("deliverTo", "deliveryRetrySeconds", "taskRetentionSeconds", "strictRuntimes"),
            *("throttleMode", "idleSeconds", "coldStartSeconds", "instanceLimit", "instancesPerMinute"),
            *("chance", "odds", "runtime", "python", "isolate", "allowHost", "intercept", "inMemory"),
        },
        CLOCK: {"rate", "start", "autojump"},
        AUTH: {"verify", "accessKeys"},
    }


def test_triggers_are_of_the_kinds_that_the_core_knows():
    assert set(TRIGGER.one_of) == set(KINDS)


@pytest.mark.parametrize(("table", "field"), EVERY_KEY)
def test_each_key_has_a_help_text(table, field):
    assert re.fullmatch(r"[A-Z].*\.", field.about)


@pytest.mark.parametrize(("table", "field"), EVERY_KEY)
def test_a_documented_default_is_a_value_that_may_be_written(table, field):
    kind = field.in_file
    if isinstance(kind, Whole | Duration | Number) and field.default is not ABSENT:
        number = Scalar(Place(1, 1), str(field.default), Kind.NUMBER)
        value = kind.read(plain_as(number, kind.of, kind.parts), STRICT)
        assert value == (timedelta(seconds=field.default) if isinstance(kind, Duration) else field.default)
    if field.key == "runtime" and table is not EMULATOR:
        assert field.default in RUNTIMES


def test_what_runs_here_is_a_runtime_of_fc():
    assert set(RUN_HERE) <= set(RUNTIMES)


def test_documented_defaults_are_those_of_the_core():
    settings = Settings()
    assert EMULATOR.keys["retrySeconds"].default == (0.5, 1, 2, 4, 8, 16, 32, 64)
    assert EMULATOR.keys["watchdogSeconds"].default == settings.watchdog.total_seconds()
    assert EMULATOR.keys["destinationDepth"].default == settings.destination_depth
    assert FUNCTION.keys["runtime"].default == DEFAULT_RUNTIME
    assert FUNCTION.keys["timeout"].default == 3
    assert ASYNC.keys["maxAsyncEventAgeInSeconds"].default == 86400


def test_every_alias_names_words_of_the_schema_and_is_none_itself():
    words = frozenset[str]().union(*(table.keys for table in TABLES))
    assert not words & set(ALIASES)
    assert {native for natives in ALIASES.values() for native in natives} <= words


def test_the_nearest_tables_come_first():
    depths = [depth for _, depth, _ in below(FILE)]
    assert depths == sorted(depths)
    ways = [way for way, _, _ in below(FILE)]
    assert ways[:4] == ["code", "emulator", "functions.NAME", "services.NAME"]
    assert "services.NAME.versions.NAME.functions.NAME.preStop" in ways


@pytest.mark.parametrize(
    ("key", "strict", "relaxed"),
    [
        ("timeout", "a whole number of seconds from 1 to 86400", "a whole number of seconds from 1 to 86400"),
        ("memorySize", "a whole number of MB from 128 to 32768 in steps of 64", "a whole number of MB from 1 to 32768"),
    ],
)
def test_a_value_is_described_with_the_limits_in_force(key, strict, relaxed):
    value = FUNCTION.keys[key].in_file
    assert (expected(value, STRICT), expected(value, RELAXED)) == (strict, relaxed)
