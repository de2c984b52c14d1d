"""httpx's transport interface on aiohttp: a fifth of the cost of httpx's own pool, and flat in the number of calls in flight."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import aiohttp
import httpx
from yarl import URL

from swarm.models.transport import KEEP_PLAIN_S, KEEP_TLS_S, Tls, address_of

_ENDS_CONNECTIONS = "llama.cpp"
"""A server of this name ends the connection behind a stream, having promised to keep it (seen in its build 11549)."""

_OUR_HEADERS_ONLY = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class _Way(NamedTuple):
    """What an address needs each time, worked out once."""

    url: URL
    session: aiohttp.ClientSession
    proxy: str | None
    tls: ssl.SSLContext | None


class AiohttpTransport(httpx.AsyncBaseTransport):
    """See `open_transport` for the contract."""

    def __init__(self, route: Callable[[str, str, int], str | None], tls: Tls) -> None:
        self._route, self._tls = route, tls
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._ways: dict[httpx.URL, _Way] = {}
        self._timeouts: dict[tuple[float | None, float | None], aiohttp.ClientTimeout] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        way = self._ways.get(request.url) or await self._find_way(request.url)
        body = await request.aread()
        try:
            response = await way.session.request(
                request.method,
                way.url,
                data=body or None,
                headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                allow_redirects=False,
                proxy=way.proxy,
                ssl=way.tls or True,
                timeout=self._timeout(request.extensions.get("timeout")),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from None  # their repr holds the request's headers, and so the key
        if response.headers.get("Server") == _ENDS_CONNECTIONS:
            _end_with(response)
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def _find_way(self, url: httpx.URL) -> _Way:
        proxy = self._route(*address_of(url))
        context = await self._tls.context() if url.scheme == "https" else None
        way = self._ways[url] = _Way(URL(str(url), encoded=True), self._session(url.scheme), proxy, context)
        return way

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        session = self._sessions.get(scheme)
        if session is None:
            keep_s = KEEP_TLS_S if scheme == "https" else KEEP_PLAIN_S
            session = self._sessions[scheme] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=keep_s, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_OUR_HEADERS_ONLY,
                trust_env=False,  # it would also read ~/.netrc
            )
        return session

    def _timeout(self, wanted: dict[str, Any] | None) -> aiohttp.ClientTimeout:
        wanted = wanted or {}
        key = (wanted.get("connect"), wanted.get("read"))
        timeout = self._timeouts.get(key)
        if timeout is None:
            timeout = self._timeouts[key] = aiohttp.ClientTimeout(
                total=None, connect=key[0], sock_read=key[1], ceil_threshold=60
            )
        return timeout


def _end_with(response: aiohttp.ClientResponse) -> None:
    """Use no connection again that ends with this response: the next request could go into it before that is seen."""
    if response.connection is not None and response.connection.protocol is not None:
        response.connection.protocol.force_close()


class _Body(httpx.AsyncByteStream):
    """A response's bytes as they come. Closed before its end, it closes the connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from None
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self._response.close()


def _translated(error: aiohttp.ClientError | OSError) -> httpx.TransportError:
    """Say in httpx's terms what happened, and so whether the request can have been sent."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout("the connection did not come about in time")
        case aiohttp.ClientHttpProxyError():
            return httpx.ProxyError(f"the proxy answered {error.status}")
        case aiohttp.ClientConnectorDNSError():
            return httpx.ConnectError(f"the name {error.host!r} does not resolve")
        case aiohttp.ClientConnectorCertificateError():
            return httpx.ConnectError(f"its certificate is not trusted: {error.certificate_error}")
        case aiohttp.ClientProxyConnectionError():
            return httpx.ConnectError(f"the proxy does not answer: {error.os_error}")
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError(str(error.os_error))
        case TimeoutError():
            return httpx.ReadTimeout("no byte came in time")
        case aiohttp.ServerDisconnectedError():
            return httpx.RemoteProtocolError("the server closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return httpx.RemoteProtocolError(f"the answer is not HTTP: {error.message}")
        case aiohttp.ClientPayloadError():
            return httpx.RemoteProtocolError("the connection was closed before the answer's end")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return httpx.UnsupportedProtocol("the address cannot be asked")
        case _:
            return httpx.ReadError(f"the connection broke: {type(error).__name__}")
