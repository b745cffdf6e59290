"""The events of other services: their forms, their filters, CBOR."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from rules import rule

from fcemu.core.cbor import encoded
from fcemu.core.events import KINDS, Occasion, complete, event_bytes, refused
from fcemu.core.names import Account

AT = datetime(2026, 3, 29, 1, 2, 3, 456789, tzinfo=UTC)
ID = "0123456789abcdef0123456789abcdef"


def occasion(arn="", **config):
    return Occasion(at=AT, id=ID, account=Account(), source_arn=arn, config=config, trigger="t")


def event(kind, said, arn="", **config):
    here = occasion(arn, **config)
    return event_bytes(kind, complete(kind, said, here), here)


def why(kind, said, **config):
    here = occasion(**config)
    return refused(kind, complete(kind, said, here), here)


# RFC 8949, appendix A.


@pytest.mark.parametrize(
    ("data", "digits"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (100, "1864"),
        (1000, "1903e8"),
        (1000000, "1a000f4240"),
        (1000000000000, "1b000000e8d4a51000"),
        (18446744073709551615, "1bffffffffffffffff"),
        (-18446744073709551616, "3bffffffffffffffff"),
        (-1, "20"),
        (-1000, "3903e7"),
        (1.1, "fb3ff199999999999a"),
        (math.inf, "fb7ff0000000000000"),
        (False, "f4"),
        (True, "f5"),
        (None, "f6"),
        (b"\x01\x02\x03\x04", "4401020304"),
        ("", "60"),
        ("IETF", "6449455446"),
        ("\u6c34", "63e6b0b4"),
        ([], "80"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ([*range(1, 26)], "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
        ({}, "a0"),
        ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    ],
)
def test_cbor_is_what_the_standard_shows(data, digits):
    assert encoded(data).hex() == digits


@pytest.mark.parametrize("data", [2**64, -(2**64) - 1, object()])
def test_what_cbor_has_no_form_for_is_refused(data):
    with pytest.raises(ValueError, match=r"bits|cannot be written"):
        encoded(data)


# Forms.


LEAST: dict[str, dict[str, Any]] = {
    "oss": {"bucket": "b", "object": "o"},
    "mns_topic": {"topic": "t", "body": "x"},
    "log": {"project": "p", "logstore": "l"},
    "eventbridge": {},
    "cdn_events": {"domain": "a.example"},
    "tablestore": {"key": {"id": 1}},
}


def test_every_kind_says_what_it_needs_and_is_written_from_that():
    assert LEAST.keys() == KINDS.keys()
    for kind, said in LEAST.items():
        assert event(kind, said)
        for name in said:
            with pytest.raises(ValueError, match=f"an event of {kind} needs.*{name}"):
                event(kind, {other: value for other, value in said.items() if other != name})


EVENTS: dict[str, list[Any]] = {
    "oss": [
        {
            "eventName": "",
            "eventSource": "acs:oss",
            "eventTime": "",
            "eventVersion": "1.0",
            "oss": {
                "bucket": {"arn": "", "name": "", "ownerIdentity": "", "virtualBucket": ""},
                "object": {"deltaSize": 0, "eTag": "", "key": "", "size": 0},
                "ossSchemaVersion": "1.0",
                "ruleId": "",
            },
            "region": "",
            "requestParameters": {"sourceIPAddress": ""},
            "responseElements": {"requestId": ""},
            "userIdentity": {"principalId": ""},
        }
    ],
    "cdn_events": [
        {
            "eventName": "",
            "eventVersion": "1.0.0",
            "eventSource": "cdn",
            "region": "",
            "eventTime": "",
            "traceId": "",
            "resource": {"domain": ""},
            "eventParameter": {"domain": ""},
            "userIdentity": {"aliUid": ""},
        }
    ],
}
SAMPLES: dict[str, Any] = {
    **{kind: {"events": events} for kind, events in EVENTS.items()},
    "mns_topic": {
        "TopicOwner": "",
        "Message": "",
        "Subscriber": "",
        "PublishTime": 0,
        "SubscriptionName": "",
        "MessageMD5": "",
        "TopicName": "",
        "MessageId": "",
    },
    "log": {
        "parameter": {},
        "source": {
            "endpoint": "http://cn-hangzhou-intranet.log.aliyuncs.com",
            "projectName": "",
            "logstoreName": "",
            "shardId": 0,
            "beginCursor": "",
            "endCursor": "",
        },
        "jobName": "",
        "taskId": "",
        "cursorTime": 0,
    },
    "eventbridge": {
        "id": "",
        "source": "",
        "specversion": "1.0",
        "type": "",
        "datacontenttype": "application/json;charset=utf-8",
        "subject": "",
        "time": "",
        "data": {},
        "aliyunaccountid": "",
        "aliyunoriginalaccountid": "",
        "aliyunpublishtime": "",
        "aliyunpublishaddr": "",
        "aliyuneventbusname": "",
        "aliyunregionid": "",
    },
    "tablestore": {
        "Version": "Sync-v1",
        "Records": [
            {
                "Type": "",
                "Info": {"Timestamp": 0},
                "PrimaryKey": [{"ColumnName": "", "Value": 0}],
                "Columns": [{"Type": "", "ColumnName": "", "Value": "", "Timestamp": 0}],
            }
        ],
    },
}
"""The members of the samples in FC's documents and in its own tool, with the type of each; texts that are no constants
are left out. What CDN's ``eventParameter`` has besides differs from event to event."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_has_the_members_of_fcs_samples_and_no_others(kind):
    said = LEAST[kind] | ({"columns": {"a": "b"}} if kind == "tablestore" else {})
    config = {"notifyContentFormat": "JSON"} if kind == "mns_topic" else {}
    here = occasion(**config)
    complete_one = complete(kind, said, here)
    found = (
        KINDS[kind].document(complete_one, here) if kind == "tablestore" else json.loads(event(kind, said, **config))
    )
    assert without_texts(found, SAMPLES[kind]) == SAMPLES[kind]


def without_texts(found: Any, sample: Any) -> Any:
    """Numbers as 0, and texts that the sample leaves out as ``""``."""
    match found:
        case dict():
            assert isinstance(sample, dict)
            return {name: without_texts(value, sample.get(name)) for name, value in found.items()}
        case list():
            return [without_texts(value, sample[0]) for value in found]
        case str():
            return found if sample else ""
        case _:
            return type(found)()


def test_what_the_trigger_knows_need_not_be_said_and_may_be_said_otherwise():
    arn = "acs:log:cn-hangzhou:1:project/site"
    here = json.loads(event("log", {}, arn, sourceConfig={"logstore": "l"}, functionParameter={"a": "b"}))
    assert (here["source"]["projectName"], here["source"]["logstoreName"], here["parameter"]) == (
        "site",
        "l",
        {"a": "b"},
    )
    other = json.loads(event("log", {"logstore": "m"}, arn, sourceConfig={"logstore": "l"}))
    assert other["source"]["logstoreName"] == "m"


def test_an_object_that_is_removed_makes_the_bucket_smaller():
    said = {"bucket": "b", "object": "o", "size": 5, "event": "oss:ObjectRemoved:DeleteObject"}
    [removed] = json.loads(event("oss", said))["events"]
    assert (removed["eventName"], removed["oss"]["object"]["deltaSize"]) == ("ObjectRemoved:DeleteObject", -5)


@rule("yaml-formats §1.4", "documented")
def test_a_message_is_handed_on_alone_or_with_what_mns_tells_of_it():
    said = {"topic": "news", "body": "é", "tag": "urgent"}
    assert event("mns_topic", said) == "é".encode()
    assert event("mns_topic", said, notifyContentFormat="STREAM") == "é".encode()
    assert json.loads(event("mns_topic", said, notifyContentFormat="JSON")) == {
        "TopicOwner": "1234567890123456",
        "Message": "é",
        "Subscriber": "1234567890123456",
        "PublishTime": 1774746123456,
        "SubscriptionName": "t",
        "MessageMD5": "66DDCD97CFDEABB2F6FB8A999B4BC76F",
        "TopicName": "news",
        "MessageId": ID.upper(),
        "MessageTag": "urgent",
    }
    with pytest.raises(ValueError, match="notifyContentFormat: expected STREAM or JSON, got 'XML'"):
        event("mns_topic", said, notifyContentFormat="XML")


def test_rows_are_those_that_were_said_or_one_of_key_and_columns():
    made = event("tablestore", {"key": {"id": 1}, "columns": {"a": "b"}, "type": "UpdateRow"})
    row = {
        "Type": "UpdateRow",
        "Info": {"Timestamp": 1774746123456789},
        "PrimaryKey": [{"ColumnName": "id", "Value": 1}],
        "Columns": [{"Type": "Put", "ColumnName": "a", "Value": "b", "Timestamp": 1774746123456}],
    }
    assert made == encoded({"Version": "Sync-v1", "Records": [row]})
    assert event("tablestore", {"records": [row, row]}) == encoded({"Version": "Sync-v1", "Records": [row, row]})


def test_a_stream_of_eventbridge_hands_over_lists():
    said = {"source": "shop", "data": {"stock": 3}}
    one = json.loads(event("eventbridge", said, runOptions={"mode": "event-driven"}))
    assert (one["specversion"], one["aliyuneventbusname"], one["data"]) == ("1.0", "default", {"stock": 3})
    assert json.loads(event("eventbridge", said, runOptions={"mode": "event-streaming"})) == [one]


# Filters.

FILE = {"bucket": "b", "object": "in/a.csv"}
KEYS = {"key": {"prefix": "in/", "suffix": ".csv"}}


@rule("yaml-formats §1.4", "documented")
@pytest.mark.parametrize(
    ("said", "config", "passes"),
    [
        ({}, {}, True),
        ({}, {"events": ["oss:ObjectCreated:*"], "filter": KEYS}, True),
        ({}, {"events": ["oss:ObjectCreated:PutObject"]}, True),
        ({"event": "oss:ObjectCreated:PutObject"}, {"events": ["oss:ObjectCreated:PutObject"]}, True),
        ({}, {"events": ["oss:ObjectCreated:PostObject", "oss:ObjectRemoved:*"]}, False),
        ({"object": "out/a.csv"}, {"filter": KEYS}, False),
        ({"object": "in/a.txt"}, {"filter": KEYS}, False),
        ({"object": "in/a.txt"}, {"filter": {"key": {"prefix": "in/"}}}, True),
        ({"object": "in/a.txt"}, {"filter": {"key": {"prefix": "", "suffix": ""}}}, True),
        ({"object": "in/a.txt"}, {"filter": {"key": None}}, True),
    ],
)
def test_oss_looks_at_the_name_the_prefix_and_the_suffix(said, config, passes):
    assert (why("oss", FILE | said, **config) is None) is passes


def test_a_filter_that_is_no_map_is_named():
    with pytest.raises(ValueError, match=r"filter: expected a map, got \['in/'\]"):
        why("oss", FILE, filter=["in/"])


@rule("wire-api §10", "from SDK")
@pytest.mark.parametrize(
    ("wanted", "tag", "passes"), [("", "", True), ("", "a", True), ("a", "a", True), ("a", "", False)]
)
def test_a_filter_tag_wants_just_that_tag(wanted, tag, passes):
    assert (why("mns_topic", {"topic": "t", "body": "x", "tag": tag}, filterTag=wanted) is None) is passes


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ({}, True),
        ({"source": ["shop"]}, True),
        ({"source": ["bank", "shop"], "type": ["sold"]}, True),
        ({"source": ["shop"], "type": ["bought"]}, False),
        ({"data": {"stock": [3]}}, True),
        ({"data": {"stock": ["3"]}}, False),
        ({"data": {"open": [True]}}, True),
        ({"data": {"open": [1]}}, False),
        ({"data": {"tags": ["b"]}}, True),
        ({"data": {"where": {"city": [{"prefix": "Ber"}]}}}, True),
        ({"data": {"where": {"city": [{"suffix": "lin"}]}}}, True),
        ({"data": {"where": {"city": [{"prefix": "Ham"}]}}}, False),
        ({"data": {"where": {"land": ["de"]}}}, False),
        ({"data": {"stock": [{"exists": True}]}}, True),
        ({"data": {"price": [{"exists": True}]}}, False),
        ({"data": {"price": [{"exists": False}]}}, True),
        ({"source": [{"anything-but": "bank"}]}, True),
        ({"source": [{"anything-but": ["bank", "shop"]}]}, False),
        ({"data": {"price": [{"anything-but": 1}]}}, False),
        ({"source": {"inside": ["x"]}}, False),
    ],
)
def test_eventbridge_looks_at_the_pattern(pattern, passes):
    data = {"stock": 3, "open": True, "tags": ["a", "b"], "where": {"city": "Berlin"}}
    said = {"source": "shop", "type": "sold", "data": data}
    assert (why("eventbridge", said, eventRuleFilterPattern=json.dumps(pattern)) is None) is passes


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{", "eventRuleFilterPattern is not JSON"),
        ("[]", "expected an object"),
        ('{"source": "shop"}', "source: expected a list or an object, got 'shop'"),
        ('{"source": [{"cidr": "10.0.0.0/8"}]}', "fcemu supports values, prefix, suffix, anything-but and exists"),
    ],
)
def test_a_pattern_that_fcemu_does_not_know_is_refused_not_ignored(pattern, message):
    with pytest.raises(ValueError, match=message):
        why("eventbridge", {}, eventRuleFilterPattern=pattern)


@pytest.mark.parametrize(
    ("kind", "said", "config"),
    [
        ("log", {"project": "p", "logstore": "l"}, {"enable": False}),
        ("eventbridge", {}, {"triggerEnable": False}),
    ],
)
def test_a_trigger_that_is_switched_off_lets_everything_pass_by(kind, said, config):
    assert "the trigger is disabled" in why(kind, said, **config)
