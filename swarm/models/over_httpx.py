"""httpx's own pool, made lazily: one for plain addresses, one for TLS, one a proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import httpx

from swarm.models.transport import KEEP_PLAIN_S, KEEP_TLS_S, Tls, address_of


class HttpxTransport(httpx.AsyncBaseTransport):
    """See `open_transport` for the contract."""

    def __init__(self, route: Callable[[str, str, int], str | None], tls: Tls) -> None:
        self._route, self._tls = route, tls
        self._opening = asyncio.Lock()
        self._pools: dict[tuple[str, str | None], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address = address_of(request.url)
        scheme, proxy = address[0], self._route(*address)
        pool = self._pools.get((scheme, proxy)) or await self._open(scheme, proxy)
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def _open(self, scheme: str, proxy: str | None) -> httpx.AsyncHTTPTransport:
        async with self._opening:
            if (scheme, proxy) not in self._pools:
                self._pools[scheme, proxy] = httpx.AsyncHTTPTransport(
                    verify=await self._verify(needed=scheme == "https" or bool(proxy and proxy.startswith("https:"))),
                    proxy=proxy,
                    trust_env=False,
                    limits=httpx.Limits(
                        max_connections=None,
                        max_keepalive_connections=None,
                        keepalive_expiry=KEEP_TLS_S if scheme == "https" else KEEP_PLAIN_S,
                    ),
                )
            return self._pools[scheme, proxy]

    async def _verify(self, *, needed: bool) -> ssl.SSLContext:
        if needed:
            return await self._tls.context()
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and loads no certificates to do so
