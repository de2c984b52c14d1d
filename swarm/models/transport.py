"""The way out: one pool of connections, on aiohttp or on httpx, behind httpx's transport interface."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from swarm.errors import UsageError

if TYPE_CHECKING:
    import httpx

TransportKind = Literal["aiohttp", "httpx"]

KEEP_PLAIN_S = 4.0
"""An idle http connection is closed by us after this long: uvicorn, node and llama.cpp close theirs after 5 s, and a
request that meets the server's close halfway counts as sent. Opening another on loopback costs next to nothing."""

KEEP_TLS_S = 50.0
"""The same for https, where a new connection costs a handshake and servers wait for 60 s and more."""


class Proxies:
    """Which proxy leads to an address, as HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say (lower case goes first).

    A loopback address is never asked through a proxy: it would be the proxy's own.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Raises UsageError for a proxy of a kind that cannot be used."""
        self._of = {
            scheme: _proxy(environ, f"{scheme}_proxy") or _proxy(environ, "all_proxy") for scheme in ("http", "https")
        }
        self._bypass = [entry.strip().lower() for entry in _variable(environ, "no_proxy").split(",") if entry.strip()]

    def route(self, scheme: str, host: str, port: int) -> str | None:
        """Return the URL of the proxy for this address, None for the straight way."""
        proxy = self._of.get(scheme)
        if proxy is None or _is_loopback(host) or any(_covers(entry, host.lower(), port) for entry in self._bypass):
            return None
        return proxy


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _proxy(environ: Mapping[str, str], name: str) -> str | None:
    text = _variable(environ, name)
    if not text:
        return None
    if "://" not in text:
        text = f"http://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise UsageError(
            f"{name.upper()} names a {parts.scheme} proxy, and only http and https proxies can be used; set it to an http "
            "proxy, or unset it"
        )
    if not parts.hostname:
        raise UsageError(f"{name.upper()} names no host; write it like http://proxy.example:3128, or unset it")
    return text


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host.lower() == "localhost" or host.lower().endswith(".localhost")


def _covers(entry: str, host: str, port: int) -> bool:
    """Say whether one entry of NO_PROXY covers an address: *, a name and its subdomains, an address, a network, each with a port."""
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    if _address(entry) is None:
        name, colon, said_port = entry.rpartition(":")
        if colon and said_port.isdigit():
            if int(said_port) != port:
                return False
            entry = name
    if address is not None:
        return address == _address(entry)
    name = entry.removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")


def default_tls() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts, and certifi's list on a system that has none. Takes some 30 ms."""
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if not context.cert_store_stats()["x509_ca"] and not (folder and any(Path(folder).iterdir())):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


class Tls:
    """The context of all TLS connections, made in a thread when it is first asked for."""

    def __init__(self, make: Callable[[], ssl.SSLContext]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self._made: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made


def address_of(url: httpx.URL) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises httpx.UnsupportedProtocol for what is no http."""
    import httpx

    if url.scheme not in ("http", "https") or not url.host:
        raise httpx.UnsupportedProtocol(f"{url.scheme or 'no'}:// is no address that can be asked")
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


@asynccontextmanager
async def open_transport(
    kind: TransportKind = "aiohttp",
    *,
    environ: Mapping[str, str] | None = None,
    tls: Callable[[], ssl.SSLContext] = default_tls,
) -> AsyncGenerator[httpx.AsyncBaseTransport, None]:
    """Open a pool of kept-alive connections: one a provider, for the life of the process.

    The pool opens as many connections as calls are in flight and has no queue (limits.py bounds the calls). Redirects are
    not followed, cookies not kept, bodies not unpacked, and a POST is never sent twice. `extensions["timeout"]` of a
    request may hold seconds for "connect" and "read"; they start when it is sent. `httpx.ConnectError`, `ConnectTimeout`
    and `ProxyError` mean that nothing of the request was sent; every other `httpx.TransportError` may have been sent.
    `environ` holds the proxy variables (the process's own by default); the TLS context is made in a thread at the first
    https request.

    Raises UsageError for a proxy of a kind that cannot be used, or for an unknown kind.
    """
    proxies = Proxies(os.environ if environ is None else environ)
    transport: httpx.AsyncBaseTransport
    if kind == "aiohttp":
        from swarm.models.over_aiohttp import AiohttpTransport

        transport = AiohttpTransport(proxies.route, Tls(tls))
    elif kind == "httpx":
        from swarm.models.over_httpx import HttpxTransport

        transport = HttpxTransport(proxies.route, Tls(tls))
    else:
        raise UsageError(f"there is no HTTP transport {kind!r}; take 'aiohttp' or 'httpx'")
    try:
        yield transport
    finally:
        await transport.aclose()
