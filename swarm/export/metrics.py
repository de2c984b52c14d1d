"""What a session's spans come to: tokens, money, durations and counts, summed since the session began."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import msgspec

from swarm.export.names import CALL_BUCKETS, LONG_BUCKETS, TOKEN_BUCKETS, Names
from swarm.export.otlp import CUMULATIVE, Span, Value, attributes, nanos

Key = tuple[tuple[str, Value], ...]
"""The attributes of a data point."""


class _Histogram(msgspec.Struct):
    bounds: Sequence[float]
    counts: list[int]
    count: int = 0
    sum: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value) if self.count else value
        self.count += 1
        self.sum += value


class Meter:
    """Counts spans as they end. The numbers are whole until they are written, so their order is of no matter."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._sums: dict[tuple[str, str], dict[Key, int]] = {}  # by name and unit
        self._histograms: dict[tuple[str, str], dict[Key, _Histogram]] = {}

    def add(self, span: Span) -> None:
        seconds = max(0, span.end - span.start) / 1_000_000
        match span.measures:
            case "call":
                self._call(span, seconds)
            case "agent":
                self._observe("agent_duration", "s", LONG_BUCKETS, seconds, self._key(span, "agent"))
            case "tool":
                self._observe("tool_duration", "s", CALL_BUCKETS, seconds, self._key(span, "tool", "error"))
            case "task":
                self._count("tasks", "{task}", 1, self._key(span, "status", "task_type"))
            case "session":
                self._observe("workflow_duration", "s", LONG_BUCKETS, seconds, self._key(span, "workflow"))
            case _:
                pass

    def documents(self, *, start: int, end: int) -> list[dict[str, Any]]:
        """The metrics as OTLP has them, sorted by name; the moments are those between which they were counted."""
        times = {"startTimeUnixNano": nanos(start), "timeUnixNano": nanos(max(start, end))}
        found: list[dict[str, Any]] = []
        for (name, unit), sums in self._sums.items():
            points = [
                {"attributes": attributes(dict(key)), **times, **_number(unit, sums[key])} for key in _sorted(sums)
            ]
            total = {"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": True}
            found.append({"name": name, "unit": unit, "sum": total})
        for (name, unit), histograms in self._histograms.items():
            points = [
                {"attributes": attributes(dict(key)), **times, **_spread(histograms[key])}
                for key in _sorted(histograms)
            ]
            spread = {"dataPoints": points, "aggregationTemporality": CUMULATIVE}
            found.append({"name": name, "unit": unit, "histogram": spread})
        return sorted(found, key=lambda metric: str(metric["name"]))

    def _call(self, span: Span, seconds: float) -> None:
        names = self._names
        told = self._key(span, "operation", "provider", "request_model", "response_model", "tier", "role")
        error = self._key(span, "error")
        self._observe("call_duration", "s", CALL_BUCKETS, seconds, told + error)
        self._count("calls", "{call}", 1, told + error)
        self._count("cost_total", "USD", span.cost_nanos, told)
        taken, given = (self._tokens(span, each) for each in ("input_tokens", "output_tokens"))
        if names["input_tokens"] in span.attributes:
            self._observe("token_usage", "{token}", TOKEN_BUCKETS, taken, (*told, (names["token_type"], "input")))
            self._observe("token_usage", "{token}", TOKEN_BUCKETS, given, (*told, (names["token_type"], "output")))
            self._observe("call_input", "{token}", TOKEN_BUCKETS, taken, told)
            self._observe("call_output", "{token}", TOKEN_BUCKETS, given, told)
        for meant, count in (
            ("usage_input", taken),
            ("usage_output", given),
            ("usage_cache_read", self._tokens(span, "cache_read")),
            ("usage_cache_write", self._tokens(span, "cache_write")),
            ("usage_reasoning", self._tokens(span, "reasoning")),
        ):
            self._count(meant, "{token}", count, (*told, (names["modality"], "text")))

    def _tokens(self, span: Span, meant: str) -> int:
        found = span.attributes.get(self._names[meant])
        return found if isinstance(found, int) else 0

    def _key(self, span: Span, *meant: str) -> Key:
        """The attributes of a span that divide what is counted, those that it has."""
        found = ((name, span.attributes.get(name)) for name in (self._names[each] for each in meant) if name)
        return tuple((name, value) for name, value in found if value not in (None, ""))

    def _count(self, meant: str, unit: str, count: int, key: Key) -> None:
        if name := self._names[meant]:
            sums = self._sums.setdefault((name, unit), {})
            sums[key] = sums.get(key, 0) + count

    def _observe(self, meant: str, unit: str, bounds: Sequence[float], value: float, key: Key) -> None:
        if name := self._names[meant]:
            of_name = self._histograms.setdefault((name, unit), {})
            of_name.setdefault(key, _Histogram(bounds, [0] * (len(bounds) + 1))).add(value)


def _sorted(found: dict[Key, Any]) -> list[Key]:
    return sorted(found, key=repr)


def _number(unit: str, value: int) -> dict[str, Any]:
    return {"asDouble": value / 1_000_000_000} if unit == "USD" else {"asInt": str(value)}


def _spread(histogram: _Histogram) -> dict[str, Any]:
    return {
        "count": str(histogram.count),
        "sum": round(histogram.sum, 6),
        "bucketCounts": [str(count) for count in histogram.counts],
        "explicitBounds": list(histogram.bounds),
        "min": histogram.least,
        "max": histogram.most,
    }
