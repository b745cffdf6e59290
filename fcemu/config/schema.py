"""This module has the table of the whole file, with the tables of stubs, which only files have."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fcemu.config.emulator_block import EMULATOR, OF_OPTIONS, field_of, wrong_option
from fcemu.core.fields.domains import DOMAIN, HOSTS
from fcemu.core.fields.functions import FUNCTION, FUNCTIONS_3_0, SERVICE
from fcemu.core.fields.kinds import ANYTHING, FLAG, LINE, OBJECT, TEXT, Number, Whole, always
from fcemu.core.fields.layers import LAYER
from fcemu.core.fields.rows import Named, Names, Nested, Table, said
from fcemu.core.fields.shared import code
from fcemu.core.names import FUNCTION as ANY_FUNCTION
from fcemu.core.options import OPTIONS, UNBOUNDED
from fcemu.core.stubs import Step, error_named

RAISES: Final = Table(
    "Raises",
    "``raises`` describes the error with which an attempt ends.",
    said("errorType", LINE, "Names the class of the error.", "error_type", required=True),
    said("errorMessage", TEXT, "Gives the text of the error.", "error_message", default=""),
)
STEP: Final = Table(
    "Step",
    "A step describes what one attempt does, in place of the handler's code.",
    said("returns", ANYTHING, "Sets the value that the handler returns.", "returns"),
    said("raises", Nested(RAISES), "Makes the handler raise this error instead.", "raises"),
    said(
        "seconds",
        Number("seconds", 0, UNBOUNDED),
        "Sets how long the attempt takes, in virtual time.",
        "seconds",
        default=0,
    ),
    said("logs", TEXT, "Writes this text to the log of the attempt.", "logs", default=""),
    said("status", Whole("", always(200, 503)), "Refuses the attempt with 429, 500 or 503.", "status", default=200),
)
STUB: Final = Table(
    "Stub",
    "An item of ``stubs`` replaces the code of a function by steps.",
    said(
        "steps",
        Nested(STEP, many=True),
        "Lists the steps, one for each attempt; the last one repeats.",
        "steps",
        required=True,
    ),
)
FILE: Final = Table(
    "File",
    "The file describes what an emulator runs.",
    field_of(OPTIONS["region"]),
    field_of(OPTIONS["account_id"]),
    said("vars", OBJECT, "Sets values for ${vars.NAME}.", "variables", default={}),
    said(
        "expand",
        FLAG,
        "Decides whether fcemu replaces ${vars.NAME} and ${env('NAME')} by values.",
        "expand",
        default=True,
    ),
    code(
        (
            "Names the directory or zip with the handler's files, absolute or relative to this file; or "
            "{zipFile: BASE64}."
        ),
        default=".",
    ),
    said("functions", Named(FUNCTION, "function", FUNCTIONS_3_0), "Defines functions of 3.0.", "functions", default={}),
    said(
        "services",
        Named(SERVICE, "service"),
        "Defines services of 2.0, with their functions.",
        "services",
        default={},
    ),
    said("customDomains", Named(DOMAIN, "domain", HOSTS), "Leads host names to functions.", "domains"),
    said("layers", Named(LAYER, "layer"), "Defines layers of this account.", "layers", default={}),
    said(
        "stubs",
        Named(STUB, "stub", Names(ANY_FUNCTION, "write NAME, or SERVICE/NAME for a function of 2.0")),
        "Replaces the code of functions by steps.",
        "stubs",
        default={},
    ),
    said("emulator", Nested(EMULATOR), "Configures the emulator itself.", "emulator"),
)


def step_of(values: Mapping[str, Any]) -> Step:
    """A step of a stub. Raises ``ValueError`` for what contradicts itself."""
    values = {name: value for name, value in values.items() if value is not None}
    if raises := values.get("raises"):
        values["raises"] = error_named(raises["error_type"], raises.get("error_message", ""))
    return Step(**values)


def _wrong_step(values: Mapping[str, Any]) -> str:
    try:
        step_of(values)
    except ValueError as wrong:
        return str(wrong)
    return ""


CONTRADICTIONS: Final[Mapping[Table, Callable[[Mapping[str, Any]], str]]] = {
    STEP: _wrong_step,
    **dict.fromkeys(OF_OPTIONS, wrong_option),
}
"""What values of one map contradict each other in; empty when they do not."""


def below(table: Table) -> Iterator[tuple[str, int, Table]]:
    """The tables inside a table, nearest first: the way there, how many levels down, the table."""
    reached: list[tuple[str, int, Table]] = [("", 0, table)]
    while reached:
        way, depth, current = reached.pop(0)
        if way:
            yield way, depth, current
        for key, field in current.keys.items():
            if isinstance(field.in_file, Nested):
                reached.append((f"{way}.{key}".lstrip("."), depth + 1, field.in_file.table))
            elif isinstance(field.in_file, Named):
                reached.append((f"{way}.{key}.NAME".lstrip("."), depth + 2, field.in_file.table))
        reached.sort(key=lambda found: found[1])


ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "asyncConfiguration": ("asyncInvokeConfig",),
    "codeUri": ("code",),
    "destination": ("onSuccess", "onFailure"),
    "destinationConfig": ("onSuccess", "onFailure"),
    "env": ("environmentVariables",),
    "environment": ("environmentVariables",),
    "functionName": (),
    "maxRetry": ("maxAsyncRetryAttempts",),
    "memory": ("memorySize",),
    "name": (),
    "retries": ("maxAsyncRetryAttempts",),
    "serviceName": (),
    "statefulInvocation": ("asyncTask",),
}
"""A foreign word and the native ones for it, in any case; with none, the name that is the key above."""
