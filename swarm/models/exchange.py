"""One try on the wire: send a request, read its answer as it comes, and say what it means if it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, Literal, Protocol, cast

import msgspec

from swarm.errors import ProviderError
from swarm.models.failures import Source, broken_off, classify, runaway, unreached, what_was_said
from swarm.models.stream import EventParser, EventTooLong, ServerEvent

if TYPE_CHECKING:
    import httpx

MAX_ERROR_BYTES = 64 * 1024
"""As much of an error's body is read."""

_LINGER_S = 0.2
"""After the answer's last event its connection is given this long to end, so that it can be used again."""


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long each part of a call may take, in seconds from when the request is sent; waiting in a queue is none of them."""

    connect_s: float = 10.0
    first_byte_s: float = 180.0  # a small machine reads a long prompt for minutes before it says a word
    between_s: float = 90.0  # from one piece of the answer to the next, to a tenth of it
    total_s: float = 1_800.0


class Collector(Protocol):
    """Makes a reply of the events of one answer: the part that a wire format brings. Pure.

    The two `take`s raise ProviderError for an answer that says that it failed or that is none.
    """

    whole: bool  # the provider said that its answer is complete: losing the connection now loses nothing
    ended: bool  # the last event was there: nothing worth waiting for follows

    @property
    def least_tokens(self) -> int:
        """What the answer has taken so far at the least, by what came of it."""
        ...

    def take_event(self, event: ServerEvent) -> None: ...

    def take_document(self, body: bytes) -> None:
        """Take an answer that came in one piece, though a stream was asked for."""
        ...


async def exchange(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    collector: Collector,
    *,
    source: Source,
    deadlines: Deadlines,
    max_bytes: int,
    max_tokens: int | None = None,
    now: Callable[[], float] = time.time,
) -> bool:
    """Send `request` once and give its whole answer to `collector`; `request` carries connect and read time-outs itself.

    A stream that goes on beyond `max_tokens` is left, its connection closed; False says so. Raises ProviderError. However it
    is left, the connection is free again or closed.
    """
    import httpx

    reading = _Reading(collector, source, max_bytes, max_tokens)

    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadlines.connect_s + deadlines.first_byte_s + 1) as clock:
            response = await transport.handle_async_request(request)
            end = loop.time() + deadlines.total_s
            grain = deadlines.between_s / 10  # a timer anew for every piece would cost more than reading it
            clock.reschedule(min(loop.time() + deadlines.first_byte_s, end))
            stream = cast(httpx.AsyncByteStream, response.stream)
            try:
                pieces = response.aiter_bytes() if "content-encoding" in response.headers else stream
                if not 200 <= response.status_code < 300:
                    body = await _at_most(pieces, MAX_ERROR_BYTES)
                    raise classify(response.status_code, response.headers, body, source=source, now=now())
                async for piece in pieces:
                    reading.feed(piece)
                    if reading.is_too_long:
                        break
                    due = min(loop.time() + (_LINGER_S if collector.ended else deadlines.between_s), end)
                    if not 0 <= due - (clock.when() or 0) <= grain:
                        clock.reschedule(due)
                if not reading.is_too_long:
                    reading.end()
            finally:
                await stream.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
        raise unreached(source, str(error)) from error
    except (httpx.HTTPError, TimeoutError) as error:
        if not collector.whole and not reading.is_too_long:
            raise broken_off(source, _reason(error)) from error
    return not reading.is_too_long


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no byte came in time"
    return str(error) or f"the connection broke ({type(error).__name__})"


async def _at_most(pieces: AsyncIterable[bytes], limit: int) -> bytes:
    """Return the start of a body; what its connection loses beyond it does not matter."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) >= limit:
            break
    return bytes(body[:limit])


def body_kind(start: bytes | bytearray) -> Literal["events", "json", "page"] | None:
    """Tell what a body is by how it begins, None while that cannot be told: content types are not to be trusted.

    >>> body_kind(b'data: {"choices"'), body_kind(b' {"id": 1'), body_kind(b"<!doctype html>"), body_kind(b"  ")
    ('events', 'json', 'page', None)
    """
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not start or (len(start) < 3 and b"\xef\xbb\xbf".startswith(start)):
        return None
    return "json" if start[:1] in (b"{", b"[") else "page" if start[:1] == b"<" else "events"


class _Reading:
    """One body on its way into a collector."""

    def __init__(self, collector: Collector, source: Source, max_bytes: int, max_tokens: int | None) -> None:
        self._collector, self._source, self._max, self._max_tokens = collector, source, max_bytes, max_tokens
        self.is_too_long = False
        self._parser = EventParser(max_event_bytes=max_bytes)
        self._kind: Literal["events", "json", "page"] | None = None
        self._kept = bytearray()  # the start until the kind is known, and all of what is no stream of events
        self._received = 0

    def feed(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._received > self._max:
            raise runaway(self._source, self._max)
        if self._kind is None:
            self._kept += piece
            self._kind = body_kind(self._kept)
            if self._kind != "events":
                return
            piece = bytes(self._kept)
        elif self._kind != "events":
            self._kept += piece
            return
        try:
            events = self._parser.feed(piece)
        except EventTooLong:
            raise runaway(self._source, self._max) from None
        self._take(events)

    def end(self) -> None:
        """Take what is left; raise broken_off where the answer is not whole."""
        if self._kind == "json":
            self._collector.take_document(bytes(self._kept))
        elif self._kind == "page":
            raise not_an_answer(self._source, what_was_said(bytes(self._kept))[0])
        else:
            self._take(self._parser.end())
        if not self._collector.whole:
            raise broken_off(
                self._source, "the stream ended in the middle" if self._received else "the answer is empty"
            )

    def _take(self, events: list[ServerEvent]) -> None:
        for event in events:
            if self._collector.ended or self.is_too_long:
                return
            self._collector.take_event(event)
            if self._max_tokens is not None and self._collector.least_tokens > self._max_tokens:
                self.is_too_long = not self._collector.whole


def not_an_answer(source: Source, what: str) -> ProviderError:
    """A body with status 200 that is no answer of a model. It may be billed all the same."""
    return broken_off(source, f"it sent {what} instead of an answer; check the base URL")
