"""An endpoint of OTLP over HTTP on loopback, which takes only what is right to the letter."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_INT64 = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NANOS = re.compile(r"[1-9][0-9]{18}")
_VALUES: Mapping[str, type] = {"stringValue": str, "boolValue": bool, "doubleValue": float, "intValue": str}
_SPAN = {"traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}


class Collector:
    """What was taken. `answers` are given to the next requests in place of 200: status, headers, body."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []  # path, headers, body
        self.answers: list[tuple[int, dict[str, str], dict[str, Any]]] = []

    def spans(self) -> list[dict[str, Any]]:
        return [span for path, _, body in self.requests if path == "/v1/traces" for span in spans_in(body)]


def spans_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource in body.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def metrics_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        metric
        for resource in body.get("resourceMetrics", ())
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    ]


def attributes_of(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by key, each value as what it is."""
    return {each["key"]: _plain(each["value"]) for each in thing["attributes"]}


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, held),) = value.items()
    if kind == "arrayValue":
        return [_plain(each) for each in held["values"]]
    return int(held) if kind == "intValue" else held


def require_right(body: Mapping[str, Any]) -> None:
    """Raises AssertionError where this is no request of OTLP as JSON, or one with nothing in it."""
    (signal,) = body
    for resource in body[signal]:
        _require_attributes(resource["resource"])
        for scope in resource["scopeSpans" if signal == "resourceSpans" else "scopeMetrics"]:
            assert set(scope) <= {"scope", "spans", "metrics", "schemaUrl"} and scope["scope"]["name"]
    assert spans_in(body) or metrics_in(body), "an empty envelope"
    for span in spans_in(body):
        _require_span(span)
    for metric in metrics_in(body):
        _require_metric(metric)


def _require_span(span: Mapping[str, Any]) -> None:
    assert set(span) >= _SPAN and set(span) <= {*_SPAN, "parentSpanId", "events", "droppedEventsCount"}, set(span)
    assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and span["traceId"] != "0" * 32
    for name in ("spanId", "parentSpanId"):
        assert re.fullmatch("[0-9a-f]{16}", span.get(name, "f" * 16)) and span.get(name) != "0" * 16
    assert type(span["kind"]) is int and 1 <= span["kind"] <= 5
    assert span["status"] == {} or (set(span["status"]) == {"code"} and span["status"]["code"] in (1, 2))
    start, end = span["startTimeUnixNano"], span["endTimeUnixNano"]
    assert _NANOS.fullmatch(start) and _NANOS.fullmatch(end) and int(start) <= int(end)
    _require_attributes(span)
    for event in span.get("events", ()):
        assert set(event) == {"timeUnixNano", "name", "attributes"} and _NANOS.fullmatch(event["timeUnixNano"])
        _require_attributes(event)


def _require_attributes(thing: Mapping[str, Any]) -> None:
    keys = [each["key"] for each in thing["attributes"]]
    assert len(keys) == len(set(keys)) and all(keys), keys
    for each in thing["attributes"]:
        ((kind, value),) = each["value"].items()
        if kind == "arrayValue":
            assert all(set(item) == {"stringValue"} for item in value["values"])
            continue
        assert type(value) is _VALUES[kind], each
        assert kind != "intValue" or _INT64.fullmatch(str(value)), each


def _require_metric(metric: Mapping[str, Any]) -> None:
    assert set(metric) in ({"name", "unit", "sum"}, {"name", "unit", "histogram"}) and metric["name"] and metric["unit"]
    data = metric.get("sum") or metric["histogram"]
    assert data["aggregationTemporality"] == 2 and data["dataPoints"]
    points = [json.dumps(point["attributes"], sort_keys=True) for point in data["dataPoints"]]
    assert len(points) == len(set(points)), "two points of one series"
    for point in data["dataPoints"]:
        _require_attributes(point)
        assert _NANOS.fullmatch(point["startTimeUnixNano"]) and _NANOS.fullmatch(point["timeUnixNano"])
        if "sum" in metric:
            assert data["isMonotonic"] is True
            assert _INT64.fullmatch(point["asInt"]) if "asInt" in point else type(point["asDouble"]) is float
        else:
            counts = [int(count) for count in point["bucketCounts"]]
            assert all(type(count) is str for count in point["bucketCounts"])
            assert int(point["count"]) == sum(counts) and len(counts) == len(point["explicitBounds"]) + 1


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that makes it
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        collector = self.server.collector
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, said = collector.answers.pop(0) if collector.answers else (200, {}, {})
        if status == 200:
            assert self.headers["Content-Type"] == "application/json" and self.headers["Content-Encoding"] == "gzip"
            body = json.loads(gzip.decompress(raw))
            require_right(body)
            collector.requests.append((self.path, {key.lower(): text for key, text in self.headers.items()}, body))
        answer = json.dumps(said).encode()
        self.send_response(status)
        for name, text in {**headers, "Content-Length": str(len(answer)), "Content-Type": "application/json"}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector


@contextmanager
def collecting() -> Generator[Collector]:
    collector = Collector()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.collector = collector
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
