"""One GET over aiohttp: the address that is connected to is one that was looked at, and what is read has a bound."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from anyio import to_thread
from yarl import URL

from swarm.tools.addresses import is_named_itself, is_open
from swarm.tools.base import Fresh, ToolRefused
from swarm.tools.freshness import HEADERS, asked_with, freshness
from swarm.tools.web import Answer, FetchTerms
from swarm.version import VERSION

_HEADERS = {
    "User-Agent": f"swarm/{VERSION}",
    "Accept": "text/html,application/xhtml+xml,application/json;q=0.9,text/*;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "gzip, deflate",
}
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_LINE = 65_536  # of a header


class NoAnswer(Exception):
    """A server did not answer, or not in HTTP. The words are for the model."""


class PrivateHost(ToolRefused):
    """A host is on this machine or in a private network, and nobody allowed it. Nothing was sent to it."""

    def __init__(self, host: str, address: str) -> None:
        self.host, self.address = host, address
        where = f"{host} is at {address}, which" if host != address else f"{address}"
        super().__init__(f"{where} is no address of the open internet; only a user who names it can have it fetched")


def parsed(url: str) -> URL:
    """Return a URL that can be asked. Raises ToolRefused."""
    try:
        found = URL(url)
        host, port = found.host, found.port
        seen = urlsplit(url).hostname
    except ValueError as error:
        raise ToolRefused(f"{url[:200]!r} is no URL: {error}") from None
    if found.scheme not in ("http", "https") or not host or not port:
        raise ToolRefused(f"{url[:200]!r} cannot be fetched; give a whole URL, such as https://example.com/page")
    if found.user is not None or found.password is not None:
        raise ToolRefused("a URL with a user or password in it is not fetched; leave them out")
    if seen != host:  # others look at a URL, too, and have to see the host that is asked in the end
        raise ToolRefused(f"the host of {url[:200]!r} is written in an odd way; write it as {host}")
    return found.with_fragment(None)


async def get(url: URL, terms: FetchTerms, known: Fresh | None = None) -> Answer:
    """Ask once, following nothing. Raises NoAnswer, and PrivateHost before anything is sent.

    What is `known` of that URL it is asked about: where it still holds, the answer is a 304 without a body.
    """
    host, port = url.host or "", url.port or 0
    free = is_named_itself(host, port, terms.allow)
    proxy = terms.proxy(url.scheme, host, port) if terms.proxy else None
    if not free:
        _refuse_literal(host)
    context = await to_thread.run_sync(terms.tls) if terms.tls and url.scheme == "https" else True
    async with AsyncExitStack() as stack:
        try:
            connector = aiohttp.TCPConnector(
                resolver=None if proxy else _Looked(terms, free=free),
                socket_factory=None if proxy or free else _open_socket,
                use_dns_cache=False,
                force_close=True,
            )
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                    max_line_size=_LONGEST_LINE,
                    max_field_size=_LONGEST_LINE,
                )
            )
            response = await stack.enter_async_context(
                session.get(url, headers=_headers(url, known), allow_redirects=False, proxy=proxy, ssl=context)
            )
            return await _answer(url, response, terms.most_bytes)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(f"{url} did not answer: {_why(error, host)}") from error


def _headers(url: URL, known: Fresh | None) -> Mapping[str, str]:
    return {**_HEADERS, **asked_with(known)} if known is not None and known.url == str(url) else _HEADERS


async def _answer(url: URL, response: aiohttp.ClientResponse, most_bytes: int) -> Answer:
    location = response.headers.get("Location", "") if response.status in _REDIRECTS else ""
    body, is_cut = (b"", False) if location else await _body(response, most_bytes)
    return Answer(
        url=str(url),
        status=response.status,
        content_type=response.headers.get("Content-Type", ""),
        encoding=response.headers.get("Content-Encoding", "").strip().lower(),
        location=str(url.join(URL(location))) if location else "",
        body=body,
        is_cut=is_cut,
        fresh=freshness(str(url), {name: ", ".join(response.headers.getall(name, ())) for name in HEADERS}),
    )


async def _body(response: aiohttp.ClientResponse, most_bytes: int) -> tuple[bytes, bool]:
    heard = bytearray()
    async for chunk in response.content.iter_any():
        heard += chunk
        if len(heard) > most_bytes:
            response.close()  # what is on its way is not waited for
            return bytes(heard[:most_bytes]), True
    return bytes(heard), False


def _refuse_literal(host: str) -> None:
    """Refuse an address in the URL itself, for which nobody asks a resolver."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host.partition("%")[0])
    except OSError:
        if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
            raise PrivateHost(host, "this machine") from None
        return
    if not is_open(host):
        raise PrivateHost(host, host)


def _open_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """The last look, at what is connected to in the end."""
    family, kind, protocol, _, address = info
    if not is_open(str(address[0])):
        raise PrivateHost(str(address[0]), str(address[0]))
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


class _Looked(AbstractResolver):
    """Resolves names, and refuses one that has any address which may not be asked."""

    def __init__(self, terms: FetchTerms, *, free: bool) -> None:
        self._resolve = terms.resolve or _addresses
        self._free = free

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        for address in found:
            if not self._free and not is_open(address):
                raise PrivateHost(host, address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


async def _addresses(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _why(error: Exception, host: str) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return f"the name {host!r} does not resolve"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted ({error.certificate_error})"
        case aiohttp.ClientConnectorError():
            return str(error.os_error)
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection"
        case aiohttp.ClientPayloadError():
            return "the connection broke before the answer's end"
        case aiohttp.ClientResponseError():
            return f"what it said is not HTTP ({error.message})"
        case _:
            return type(error).__name__
