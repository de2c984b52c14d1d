"""Fetching one large file over https: resumable, bounded by its known size, through no redirect that leaves https."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes that there will be."""

_REDIRECTS = 5
_TRIES = 10  # a connection that breaks is taken up again, as long as each try brings something
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class DownloadFailed(Exception):
    """A source did not give the file. The sentence says why; what has arrived stays for the next try."""


async def download(url: str, part: Path, *, size: int, progress: Progress) -> None:
    """Bring `part` to `size` bytes from `url`, going on from what it holds already. Hashing it is the caller's.

    Raises DownloadFailed, and OSError where the file cannot be written.
    """
    import httpx

    tries = _TRIES
    async with httpx.AsyncClient(timeout=httpx.Timeout(30.0, connect=10.0)) as client:
        while (have := _have(part, size)) != size:
            tries, reason = tries - 1, "the answer was too short"
            try:
                await _fetch(client, url, part, have=have, size=size, progress=progress)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise DownloadFailed(f"{_host(url)} is not reached ({_words(error)})") from error
            except httpx.TransportError as error:
                reason = _words(error)
            now = _have(part, size)
            if now != size and (now <= have or not tries):
                raise DownloadFailed(f"{_host(url)} broke off at {now:,} of {size:,} bytes ({reason})")


async def _fetch(client: httpx.AsyncClient, url: str, part: Path, *, have: int, size: int, progress: Progress) -> None:
    """Make one request for what `part` lacks and append it; `part` is emptied where more than `size` came."""
    async with _opened(client, url, have) as response:
        match response.status_code:
            case 206 if response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                pass
            case 200:
                have = 0
            case status:
                raise DownloadFailed(f"{_host(url)} answered {status} {response.reason_phrase}")
        async with await anyio.open_file(part, "ab" if have else "wb") as file:
            async for chunk in response.aiter_raw():
                have += len(chunk)
                if have > size:
                    await file.truncate(0)
                    raise DownloadFailed(f"{_host(url)} sent more than the {size:,} bytes that the file has")
                await file.write(chunk)
                progress(have, size)


@asynccontextmanager
async def _opened(client: httpx.AsyncClient, url: str, have: int) -> AsyncGenerator[httpx.Response]:
    """Ask for `url` from byte `have` on, following a few redirects."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    if not may_fetch(url):
        raise DownloadFailed(f"{url} is not fetched: only https is")
    for _ in range(_REDIRECTS + 1):
        async with client.stream("GET", url, headers=headers) as response:
            if response.next_request is None:
                yield response
                return
            came_from, url = url, str(response.next_request.url)
        if not may_fetch(url, came_from=came_from):
            raise DownloadFailed(f"{_host(came_from)} sends on to {url}, which is not https")
    raise DownloadFailed(f"{_host(url)} redirects more than {_REDIRECTS} times")


def may_fetch(url: str, *, came_from: str | None = None) -> bool:
    """Say whether `url` may be asked: over https always, over http only from this machine to itself.

    >>> may_fetch("https://example.org/a"), may_fetch("http://example.org/a"), may_fetch("http://127.0.0.1:80/a")
    (True, False, True)
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    own = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return own and (came_from is None or urlsplit(came_from).hostname in _LOOPBACK)


def _have(part: Path, size: int) -> int:
    """Return the length of `part`: 0 where there is none, or one longer than the file can be."""
    try:
        have = part.stat().st_size
    except FileNotFoundError:
        return 0
    return have if have <= size else 0


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _host(url: str) -> str:
    return urlsplit(url).netloc
