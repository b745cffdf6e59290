"""This module has the table of the asynchronous settings of a qualifier."""

from typing import Final

from fcemu.core.fields.fc_kinds import Target
from fcemu.core.fields.kinds import FLAG, TEXT, Duration, Whole
from fcemu.core.fields.rows import IN_2_0, IN_3_0, V2016, V2021, Table, acts, shows
from fcemu.core.fields.shared import NAME, QUALIFIER, TIMES
from fcemu.core.functions import DEFAULT_EVENT_AGE, DEFAULT_RETRIES
from fcemu.core.names import LATEST

_STATEFUL: Final = "statefulInvocation"

ASYNC: Final = Table(
    "Async",
    "``asyncInvokeConfig``: what happens to asynchronous invocations. A list of such maps has settings by "
    "``qualifier``.",
    shows("service", NAME, "The name of the service.", versions=IN_2_0),
    shows("function", NAME, "The name of the function.", versions=IN_2_0),
    shows(
        "qualifier",
        TEXT,
        "Which version or alias it is for.",
        versions=IN_2_0,
        attribute="qualifier",
        key="qualifier",
        written=QUALIFIER,
        default=LATEST,
    ),
    shows("functionArn", TEXT, "The ARN of the function.", versions=IN_3_0),
    *TIMES,
    acts("onSuccess", Target(), "Where a success is reported.", "on_success", inside="destinationConfig"),
    acts("onFailure", Target(), "Where a failure is reported.", "on_failure", inside="destinationConfig"),
    acts(
        "maxAsyncEventAgeInSeconds",
        Duration(lambda limits: (1, limits.event_age_max_seconds)),
        "How old an event may become.",
        "max_age",
        default=round(DEFAULT_EVENT_AGE.total_seconds()),
    ),
    acts(
        "maxAsyncRetryAttempts",
        Whole("", lambda limits: (0, limits.retry_attempts_max)),
        "How often a failed attempt is repeated.",
        "max_retries",
        default=DEFAULT_RETRIES,
    ),
    acts(
        "asyncTask",
        FLAG,
        "Task mode: each invocation has a record that can be listed and stopped.",
        "task_mode",
        default=False,
        names={V2016: _STATEFUL, V2021: _STATEFUL},
    ),
    source="async-invocation §7",
)
