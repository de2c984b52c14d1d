"""A server that is reached over HTTP: streamable HTTP, and the older form with server-sent events. Imported where one is used."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import McpHttpClientFactory

from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.words import LastWords

MOST_MESSAGE = 8 << 20
"""Bytes of one answer, or of one event of a stream."""

_CONNECT_S = 15.0
_STREAM = "text/event-stream"


def open_web(server: McpServer, words: LastWords) -> AbstractAsyncContextManager[TransportStreams]:
    """Connect to a server that is filled in. How long an answer may take is for the caller to say.

    `words` gets the refusals of the server: the SDK does not tell which they are.
    """
    return _older(server, words) if server.kind == "sse" else _streamable(server, words)


@asynccontextmanager
async def _streamable(server: McpServer, words: LastWords) -> AsyncGenerator[TransportStreams]:
    async with (
        _client(words)(dict(server.headers)) as client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=MOST_MESSAGE) as streams,
    ):
        yield streams


@asynccontextmanager
async def _older(server: McpServer, words: LastWords) -> AsyncGenerator[TransportStreams]:
    factory = _client(words)
    async with sse_client(server.url, dict(server.headers), _CONNECT_S, httpx_client_factory=factory) as streams:
        yield streams


def _client(words: LastWords) -> McpHttpClientFactory:
    async def look(response: httpx2.Response) -> None:
        if response.is_error:
            words.add(f"HTTP {response.status_code} {response.reason_phrase}\n".encode())
        # an answer that is no stream of events must not fill the memory; of a stream each event is bounded
        if not response.headers.get("content-type", "").lower().startswith(_STREAM):
            response.stream = _Bounded(response.stream)

    def make(
        headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
    ) -> httpx2.AsyncClient:
        timeout = httpx2.Timeout(_CONNECT_S, read=None)
        return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, event_hooks={"response": [look]})

    return make


class _Bounded(httpx2.AsyncByteStream):
    """A body that breaks off where it becomes too long."""

    def __init__(self, body: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> None:
        assert isinstance(body, httpx2.AsyncByteStream), "an asynchronous client has no other"
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > MOST_MESSAGE:
                # of all errors this is the one with which the SDK fails the call alone, and not the connection
                raise httpx2.StreamError(f"its answer is longer than {MOST_MESSAGE >> 20} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()
