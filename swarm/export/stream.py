"""The requests of OTLP that a session makes, one after the other, so that only a batch of it is ever held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog
from events.types.base import TextRef
from events.types.session import SessionClaimed, SessionClosed, SessionOpened
from swarm.export.metrics import Meter
from swarm.export.names import Names
from swarm.export.otlp import Content, Span, attributes, span_document
from swarm.export.traces import Server, Tracer
from swarm.insight.story import text_or_none
from swarm.owner import claim_topic
from swarm.plan import Plan
from swarm.version import VERSION

Signal = Literal["traces", "metrics"]

BATCH_SPANS = 512
BATCH_BYTES = 4 << 20
"""Of a request; receivers take 20 MiB where nobody said otherwise."""

SERVICE = "swarm"


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a session."""

    names: Names
    content: bool = False
    cost_as: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True):
    """The body of one request, and how many spans or data points it has."""

    signal: Signal
    body: bytes
    items: int


async def is_finished(log: EventLog, session: int) -> bool:
    last = await log.last(claim_topic(session))
    return last is not None and isinstance(last.event, SessionClosed) and last.event.finished


async def requests_of(log: EventLog, session: int, telling: Telling, *, until: int) -> AsyncIterator[Request]:
    """The spans of a session in batches, in the order in which they ended, and its metrics behind them.

    Of the same events the same bytes are made. Raises LogError.
    """
    servers: dict[str, Server] = {}
    tracer = Tracer(telling.names, servers, content=telling.content, cost_as=telling.cost_as)
    meter, batch = Meter(telling.names), _Batch()
    finished = False
    async for page in read_all(log, session=session, until=until):
        for entry in page:
            await _learn(log, entry, servers)
            finished = _finished(entry, finished)
            for span in tracer.apply(entry):
                meter.add(span)
                if request := batch.add(await _written(log, span, tracer), tracer, telling.names):
                    yield request
    for span in tracer.end(finished=finished):
        meter.add(span)
        if request := batch.add(await _written(log, span, tracer), tracer, telling.names):
            yield request
    if request := batch.request(tracer, telling.names):
        yield request
    if request := _metrics(meter, tracer, telling.names):
        yield request


def _finished(entry: Entry, before: bool) -> bool:
    match entry.event:
        case SessionClosed(finished=finished):
            return finished
        case SessionClaimed():
            return False
        case _:
            return before


class _Batch:
    """Spans as bytes, until they are enough for a request."""

    def __init__(self) -> None:
        self._spans: list[bytes] = []
        self._size = 0

    def add(self, span: bytes, tracer: Tracer, names: Names) -> Request | None:
        """Take a span in, and give the request that there is no more room for it in."""
        full = self._spans and (len(self._spans) >= BATCH_SPANS or self._size + len(span) > BATCH_BYTES)
        request = self.request(tracer, names) if full else None
        self._spans.append(span)
        self._size += len(span)
        return request

    def request(self, tracer: Tracer, names: Names) -> Request | None:
        if not self._spans:
            return None
        spans, self._spans, self._size = [msgspec.Raw(span) for span in self._spans], [], 0
        scope = {"scope": {"name": SERVICE, "version": VERSION}, "spans": spans, **_schema(names)}
        body = {"resourceSpans": [{"resource": _resource(tracer), "scopeSpans": [scope], **_schema(names)}]}
        return Request("traces", msgspec.json.encode(body), len(spans))


def _metrics(meter: Meter, tracer: Tracer, names: Names) -> Request | None:
    metrics = meter.documents(start=tracer.began, end=tracer.last)
    if not tracer.trace or not metrics:
        return None
    scope = {"scope": {"name": SERVICE, "version": VERSION}, "metrics": metrics, **_schema(names)}
    body = {"resourceMetrics": [{"resource": _resource(tracer), "scopeMetrics": [scope], **_schema(names)}]}
    points = sum(len((metric.get("sum") or metric["histogram"])["dataPoints"]) for metric in metrics)
    return Request("metrics", msgspec.json.encode(body), points)


def _resource(tracer: Tracer) -> dict[str, Any]:
    """Each session is an instance of its own, so that what it counted stays apart from what others did."""
    told = {"service.name": SERVICE, "service.version": tracer.version, "service.instance.id": tracer.instance}
    return {"attributes": attributes(told)}


def _schema(names: Names) -> dict[str, str]:
    return {"schemaUrl": names.schema_url} if names.schema_url else {}


async def _written(log: EventLog, span: Span, tracer: Tracer) -> bytes:
    for content in span.content:
        span.attributes[content.attribute] = await _content(log, content)
    return msgspec.json.encode(span_document(span, tracer.trace))


async def _content(log: EventLog, content: Content) -> str | None:
    """The texts as the conventions have messages, or the one text as it is; None where it is no longer kept."""
    messages: list[dict[str, Any]] = []
    for speaker, ref in content.texts:
        text = await text_or_none(log, ref, at=content.at)
        if not speaker:
            return None if text is None else _plain(text)
        if text is not None:
            messages.append({"role": speaker, "parts": [{"type": "text", "content": _plain(text)}]})
    return msgspec.json.encode(messages).decode() if messages else None


def _plain(text: str) -> str:
    """The text as JSON can hold it: half of a pair of surrogates has no form there."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


async def _learn(log: EventLog, entry: Entry, servers: dict[str, Server]) -> None:
    """Learn from the settings with which a session runs who answers for its models."""
    match entry.event:
        case SessionOpened(settings=TextRef() as ref) | SessionClaimed(settings=TextRef() as ref):
            text = await text_or_none(log, ref, at=entry.position)
            servers.update(_servers(text) if text is not None else {})
        case _:
            pass


def _servers(settings: str) -> Mapping[str, Server]:
    try:
        roster = msgspec.json.decode(settings, type=Plan).roster
    except msgspec.MsgspecError:
        return {}  # of another program: nothing is known of its providers
    addresses = {provider.name: provider.base_url for provider in roster.providers}
    return {
        model.name: Server(model.provider, model.model, *_address(addresses.get(model.provider, "")))
        for model in roster.models
    }


def _address(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        default = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.hostname or "", parts.port or default if parts.hostname else None
    except ValueError:
        return "", None
