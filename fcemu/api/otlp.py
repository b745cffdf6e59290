"""Traces as JSON of OpenTelemetry's protocol, OTLP; written by OpenTelemetry's own encoder."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fcemu.core.spans import Span, span_id_of, trace_id_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

NEEDED: Final = "opentelemetry-exporter-otlp-json-common"
"""The package that has the encoder; ``fcemu[otlp]`` brings it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def otlp(spans: Iterable[Span], version: str) -> dict[str, Any]:
    """A document of the type ``ExportTraceServiceRequest``: an invocation is a trace. An invocation that another one
    caused has a link to that one's first span. Raises ``ImportError`` where the encoder is not installed."""
    from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    scope, resources = InstrumentationScope("fcemu", version), dict[str, Resource]()
    made = [
        _span(each, scope, resources.setdefault(str(each.function), Resource({"service.name": str(each.function)})))
        for each in spans
    ]
    document: dict[str, Any] = json.loads(encode_spans(made).to_json())
    return document


def _span(span: Span, scope: Any, resource: Any) -> "ReadableSpan":
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

    def context(request_id: str, key: str = "") -> SpanContext:
        return SpanContext(
            trace_id_of(request_id), span_id_of(request_id, key), is_remote=False, trace_flags=TraceFlags(1)
        )

    return ReadableSpan(
        name=span.name,
        context=context(span.trace, span.key),
        parent=None if span.parent is None else context(span.trace, span.parent),
        resource=resource,
        attributes=span.attributes,
        events=[Event(note, timestamp=_nanoseconds(at)) for at, note in span.notes],
        links=[Link(context(span.cause))] if span.cause else (),
        kind=_kind(span, SpanKind),
        instrumentation_scope=scope,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
    )


def _kind(span: Span, kinds: Any) -> Any:
    match span.category:
        case "invocation":
            return kinds.CONSUMER if span.cause else kinds.SERVER
        case "report":
            return kinds.PRODUCER
        case _:
            return kinds.INTERNAL


def _nanoseconds(at: datetime) -> int:
    since = at - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
