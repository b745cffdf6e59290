"""Names, ARNs, destinations and the report."""

import json
from datetime import UTC, datetime

import pytest

from fcemu.core.catalog import Catalog
from fcemu.core.destinations import FunctionDestination, QueueDestination, TopicDestination, parse_destination
from fcemu.core.errors import FCError
from fcemu.core.facts import Accepted, Dequeued, Finished, RetryPlanned, Started
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.invocation import Invocation
from fcemu.core.names import Account, FunctionRef, function_arn
from fcemu.core.outcome import FunctionError, Returned
from fcemu.core.reports import report
from fcemu.core.resource_types import FUNCTIONS

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = Account("42", "cn-hangzhou")


@pytest.mark.parametrize("text", ["charge", "orders/charge", "_x-1", "a" * 128])
def test_a_function_is_named_with_or_without_service(text):
    assert str(FunctionRef.parse(text)) == text


@pytest.mark.parametrize("text", ["", "/", "a/", "/b", "1a", "a/b/c", "a b", "a.b", "a" * 129])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError, match="is not the name of a function"):
        FunctionRef.parse(text)


@pytest.mark.parametrize(
    ("name", "qualifier", "arn"),
    [
        ("s/f", "LATEST", "acs:fc:cn-hangzhou:42:services/s/functions/f"),
        ("s/f", "prod", "acs:fc:cn-hangzhou:42:services/s.prod/functions/f"),
        ("f", "LATEST", "acs:fc:cn-hangzhou:42:functions/f"),
        ("f", "prod", "acs:fc:cn-hangzhou:42:functions/f/prod"),
    ],
)
def test_each_generation_writes_its_arns(name, qualifier, arn):
    assert function_arn(FunctionRef.parse(name), qualifier, ACCOUNT) == arn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("queue:declined", QueueDestination("declined")),
        ("topic:news", TopicDestination("news")),
        ("function:audit", FunctionDestination(FunctionRef("audit"))),
        ("function:s/f:prod", FunctionDestination(FunctionRef("f", "s"), "prod")),
        ("acs:mns:cn-hangzhou:42:/queues/q/messages", QueueDestination("q")),
        ("acs:mns:::/topics/t/messages", TopicDestination("t")),
        ("acs:fc:::services/s/functions/f", FunctionDestination(FunctionRef("f", "s"))),
        ("acs:fc:cn-x:1:services/s.prod/functions/f", FunctionDestination(FunctionRef("f", "s"), "prod")),
        ("acs:fc:cn-x:1:functions/f", FunctionDestination(FunctionRef("f"))),
        ("acs:fc:cn-x:1:functions/f/2", FunctionDestination(FunctionRef("f"), "2")),
    ],
)
def test_destinations_are_short_or_arns_with_region_and_account_empty_or_not(text, expected):
    assert parse_destination(text) == expected


@pytest.mark.parametrize(
    "text", ["", "queue:", "queue:a/b", "acs:oss:::x", "mailto:x", "function:", "eventbus:", "topic:i/"]
)
def test_what_is_no_destination_is_refused(text):
    with pytest.raises(ValueError, match="not"):
        parse_destination(text)


def ended(request_id, ref, payload, *outcomes):
    """An invocation of which each attempt came to one of ``outcomes``."""
    invocation = Invocation(Accepted(T0, request_id, ref, "LATEST", False, "api", payload, T0, request_id, 0))
    invocation.apply(Dequeued(T0, request_id))
    for number, outcome in enumerate(outcomes, 1):
        invocation.apply(Started(T0, request_id, number, "i"))
        invocation.apply(Finished(T0, request_id, number, outcome, ""))
        if number < len(outcomes):
            invocation.apply(RetryPlanned(T0, request_id, T0))
    return invocation


def test_the_report_has_the_documented_fields_and_strings_for_payloads():
    error = FunctionError("UnhandledInvocationError", b'{"errorMessage":"x"}')
    failed = ended("1-a-b", FunctionRef("resize"), b'{"key":"value"}', *[error] * 4)
    body = report(failed, ACCOUNT, datetime(2024, 1, 12, 10, 8, 21, 500000, tzinfo=UTC))
    assert json.loads(body) == {
        "timestamp": 1705054101500,
        "requestContext": {
            "requestId": "1-a-b",
            "functionArn": "acs:fc:cn-hangzhou:42:functions/resize",
            "condition": "UnhandledInvocationError",
            "approximateInvokeCount": 4,
        },
        "requestPayload": '{"key":"value"}',
        "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
        "responsePayload": '{"errorMessage":"x"}',
    }


def test_a_payload_that_is_no_text_is_reported_as_base64():
    body = report(ended("r", FunctionRef("f"), b"\xff\xfe", Returned(b"")), ACCOUNT, T0)
    assert json.loads(body)["requestPayload"] == "//4="


def function(name: str) -> Function:
    return Function(ref=FunctionRef.parse(name), handler="index.handler", code="/nowhere")


@pytest.mark.parametrize(
    ("name", "qualifier", "code", "text"),
    [
        ("none/f", "LATEST", "ServiceNotFound", "service 'none' does not exist"),
        ("s/none", "LATEST", "FunctionNotFound", "function 'none' does not exist in service 's'"),
        ("none", "LATEST", "FunctionNotFound", "function 'none' does not exist."),
        ("s/f", "7", "VersionNotFound", "version '7' of service 's' does not exist"),
        ("s/f", "prod", "AliasNotFound", "alias 'prod' of service 's' does not exist"),
        ("g", "7", "VersionNotFound", "version '7' of function 'g' does not exist"),
        ("g", "prod", "AliasNotFound", "alias 'prod' of function 'g' does not exist"),
        ("none/f", "prod", "ServiceNotFound", "service 'none' does not exist"),
        ("none", "prod", "FunctionNotFound", "function 'none' does not exist."),
    ],
)
def test_what_is_not_defined_is_named_as_fc_names_it(name, qualifier, code, text):
    catalog = Catalog(functions=[function("s/f"), function("g")])
    with pytest.raises(FCError) as caught:
        catalog.find(FunctionRef.parse(name), qualifier)
    assert (caught.value.code, caught.value.message, caught.value.status) == (code, text, 404)


def test_a_removed_function_takes_its_asynchronous_settings_along():
    catalog = Catalog(functions=[function("g")])
    catalog.set_async(FunctionRef("g"), AsyncSettings(max_retries=0))
    catalog.remove(FUNCTIONS, FunctionRef("g"))
    catalog.add(function("g"))
    assert catalog.async_settings(FunctionRef("g")).max_retries is None
