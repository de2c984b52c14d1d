"""A server that is reached over HTTP: streamable HTTP, and the older form with server-sent events. Imported where one is used."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from swarm.settings.mcpserver import McpServer

MOST_MESSAGE = 8 << 20
"""Bytes of one answer, or of one event of a stream."""

_CONNECT_S = 15.0
_STREAM = "text/event-stream"


def open_web(server: McpServer) -> AbstractAsyncContextManager[TransportStreams]:
    """Connect to a server that is filled in. How long an answer may take is for the caller to say."""
    return _older(server) if server.kind == "sse" else _streamable(server)


@asynccontextmanager
async def _streamable(server: McpServer) -> AsyncGenerator[TransportStreams]:
    async with (
        _client(dict(server.headers)) as client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=MOST_MESSAGE) as streams,
    ):
        yield streams


@asynccontextmanager
async def _older(server: McpServer) -> AsyncGenerator[TransportStreams]:
    async with sse_client(server.url, dict(server.headers), _CONNECT_S, httpx_client_factory=_client) as streams:
        yield streams


def _client(
    headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
) -> httpx2.AsyncClient:
    hooks = {"response": [_bound]}
    timeout = httpx2.Timeout(_CONNECT_S, read=None)
    return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, event_hooks=hooks)


async def _bound(response: httpx2.Response) -> None:
    """See that an answer which is no stream of events cannot fill the memory; of those each event is bounded."""
    if not response.headers.get("content-type", "").lower().startswith(_STREAM):
        response.stream = _Bounded(response.stream)


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
                raise httpx2.ReadError(f"its answer is longer than {MOST_MESSAGE >> 20} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()
