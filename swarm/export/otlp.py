"""OTLP as JSON: ids in hex, 64-bit numbers as texts, enumerations as numbers (opentelemetry-proto, docs/specification.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

INTERNAL, CLIENT = 1, 3
"""Kinds of spans."""

OK, ERROR = 1, 2
"""Codes of a status; 0 is none."""

CUMULATIVE = 2
"""The temporality of what is counted: since the beginning of the session."""

MOST_EVENTS = 128  # of a span; so many are the default limit of OpenTelemetry's own exporters

Value = str | bool | int | float | Sequence[str] | None


class Happened(msgspec.Struct, frozen=True):
    """An event of a span."""

    at: int  # microseconds since 1970
    name: str
    attributes: Mapping[str, Value]


class Content(msgspec.Struct, frozen=True):
    """A text that a span tells where texts are asked for: it is read when the span is written."""

    attribute: str
    texts: tuple[tuple[str, Any], ...]  # speakers and references; one with the speaker "" is told as it is
    at: int  # position of the event that refers to them


class Span(msgspec.Struct, kw_only=True):
    """Something with a beginning and an end. Moments are microseconds since 1970."""

    id: str
    parent: str = ""
    name: str
    kind: int = INTERNAL
    start: int
    end: int = 0
    status: int = 0
    attributes: dict[str, Value] = {}
    events: list[Happened] = []
    left_out: int = 0  # events
    content: list[Content] = []
    measures: str = ""  # as what metrics count it: "call", "agent", "tool", "task" or "session"
    cost_nanos: int = 0

    def tell(self, happened: Happened) -> None:
        if len(self.events) < MOST_EVENTS:
            self.events.append(happened)
        else:
            self.left_out += 1


def trace_id(opened: bytes) -> str:
    """The id of a session's trace, from the id of the event that opened it: that never changes, wherever the log lies."""
    return _id(b"trace", opened, 16)


def span_id(what: str, begun: bytes) -> str:
    """The id of a span, from the id of the event with which it began."""
    return _id(what.encode(), begun, 8)


def _id(what: bytes, event: bytes, length: int) -> str:
    return hashlib.sha256(b"swarm/" + what + b"/" + event).digest()[:length].hex()


def nanos(at: int) -> str:
    return str(at * 1000)


def span_document(span: Span, trace: str) -> dict[str, Any]:
    found: dict[str, Any] = {"traceId": trace, "spanId": span.id}
    if span.parent:
        found["parentSpanId"] = span.parent
    found |= {
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": nanos(span.start),
        "endTimeUnixNano": nanos(max(span.start, span.end)),
        "attributes": attributes(span.attributes),
    }
    if span.events:
        found["events"] = [
            {"timeUnixNano": nanos(each.at), "name": each.name, "attributes": attributes(each.attributes)}
            for each in span.events
        ]
    if span.left_out:
        found["droppedEventsCount"] = span.left_out
    return {**found, "status": {"code": span.status} if span.status else {}}


def attributes(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Key and value of each attribute that has both, in their order."""
    return [
        {"key": key, "value": _value(value)} for key, value in values.items() if key and value not in (None, "", ())
    ]


def _value(value: Value) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"arrayValue": {"values": [{"stringValue": each} for each in value or ()]}}
