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
    "``asyncInvokeConfig`` decides what happens to asynchronous invocations. A list of such maps has settings for each "
    "``qualifier``.",
    shows("service", NAME, "Names the service.", versions=IN_2_0),
    shows("function", NAME, "Names the function.", versions=IN_2_0),
    shows(
        "qualifier",
        TEXT,
        "Names the version or alias that the settings are for.",
        versions=IN_2_0,
        attribute="qualifier",
        key="qualifier",
        written=QUALIFIER,
        default=LATEST,
    ),
    shows("functionArn", TEXT, "Gives the ARN of the function.", versions=IN_3_0),
    *TIMES,
    acts("onSuccess", Target(), "Names where FC reports a success.", "on_success", inside="destinationConfig"),
    acts("onFailure", Target(), "Names where FC reports a failure.", "on_failure", inside="destinationConfig"),
    acts(
        "maxAsyncEventAgeInSeconds",
        Duration(lambda limits: (1, limits.event_age_max_seconds)),
        "Limits how old an event may become.",
        "max_age",
        default=round(DEFAULT_EVENT_AGE.total_seconds()),
    ),
    acts(
        "maxAsyncRetryAttempts",
        Whole("", lambda limits: (0, limits.retry_attempts_max)),
        "Limits how often FC retries a failed attempt.",
        "max_retries",
        default=DEFAULT_RETRIES,
    ),
    acts(
        "asyncTask",
        FLAG,
        "Switches task mode on, in which each invocation has a record that can be listed and stopped.",
        "task_mode",
        default=False,
        names={V2016: _STATEFUL, V2021: _STATEFUL},
    ),
    source="async-invocation §7",
)
