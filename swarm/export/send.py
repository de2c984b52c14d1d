"""Sending to an endpoint of OTLP over HTTP: gzipped, tried again where it says so, and never for ever."""

from __future__ import annotations

import gzip
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import anyio
import msgspec

from swarm.errors import SwarmError, UsageError
from swarm.export.stream import Request
from swarm.units import shortened

if TYPE_CHECKING:
    import httpx

TRIES = 6
LONGEST_S = 60.0  # that is waited before another try, whatever the endpoint says
CONNECT_S, ANSWER_S = 10.0, 30.0
AGAIN = frozenset({429, 502, 503, 504})
"""What is worth another try (OTLP specification, "Retryable Response Codes")."""

_SHOWN, _SAID = 200, 5  # characters of what an endpoint says, and how many such words


class NotTaken(SwarmError):
    """The endpoint did not take a request; what was sent before it stands there."""

    def __init__(self, *, url: str, said: str, tries: int) -> None:
        again = f" {tries} times" if tries > 1 else ""
        super().__init__(
            f"{url} {said}{again}; mend that and export again: the ids of spans stay the same, so what it took already is "
            "not there twice"
        )


class Taken(msgspec.Struct, kw_only=True):
    """What an endpoint has taken, and what it said of what it did not."""

    spans: int = 0
    points: int = 0
    rejected: int = 0  # spans and data points
    said: list[str] = []


class _Partial(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0
    rejected_data_points: int | str = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


class _Status(msgspec.Struct):
    message: str = ""


class Sender:
    """Sends one request after the other, and keeps count."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        endpoint: str,
        headers: Mapping[str, str],
        sleep: Callable[[float], Awaitable[object]],
        tell: Callable[[str], None],
    ) -> None:
        self._transport, self._endpoint, self._headers = transport, endpoint, headers
        self._sleep, self._tell = sleep, tell
        self.taken = Taken()

    async def send(self, request: Request) -> None:
        """Raises NotTaken."""
        url = f"{self._endpoint}/v1/{request.signal}"
        body = gzip.compress(request.body, 6, mtime=0)
        number = 1
        while True:
            status, said, wait_s = await self._try(url, body)
            if 200 <= status < 300:
                self._took(request, said)
                return
            why = _refusal(status, said) if status else said.decode()
            if number == TRIES or (status and status not in AGAIN):
                raise NotTaken(url=url, said=why, tries=number)
            pause_s = min(LONGEST_S, _pause(number) if wait_s is None else wait_s)
            self._tell(f"{url} {why}; it is tried again in {pause_s:.0f} s")
            await self._sleep(pause_s)
            number += 1

    async def _try(self, url: str, body: bytes) -> tuple[int, bytes, float | None]:
        """The status (0: none came), what was said, and for how long to wait where that was said."""
        import httpx

        headers = {
            "content-type": "application/json",
            "content-encoding": "gzip",
            "user-agent": "swarm",
            **self._headers,
        }
        timeout = {"timeout": {"connect": CONNECT_S, "read": ANSWER_S}}
        request = httpx.Request("POST", url, content=body, headers=headers, extensions=timeout)
        try:
            with anyio.fail_after(CONNECT_S + ANSWER_S):
                response = await self._transport.handle_async_request(request)
                try:
                    said = await response.aread()
                finally:
                    await response.aclose()
        except httpx.TransportError as error:
            return 0, f"could not be reached ({str(error) or type(error).__name__})".encode(), None
        except TimeoutError:
            return 0, b"did not answer in time", None
        return response.status_code, said, _retry_after(response.headers.get("retry-after"))

    def _took(self, request: Request, said: bytes) -> None:
        partial = _partial(said)
        rejected = min(request.items, _number(partial.rejected_spans) + _number(partial.rejected_data_points))
        if request.signal == "traces":
            self.taken.spans += request.items - rejected
        else:
            self.taken.points += request.items - rejected
        self.taken.rejected += rejected
        said_now = shortened(partial.error_message, _SHOWN)
        if partial.error_message and said_now not in self.taken.said and len(self.taken.said) < _SAID:
            self.taken.said.append(said_now)


@asynccontextmanager
async def open_sender(
    endpoint: str,
    headers: Mapping[str, str],
    *,
    transport: Literal["aiohttp", "httpx"] = "aiohttp",
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
) -> AsyncGenerator[Sender]:
    """Connect to an endpoint, the URL before `/v1/traces`. Nothing is sent yet. `tell` is told of each wait.

    Raises UsageError for what is none.
    """
    from swarm.models.transport import open_transport

    endpoint = require_endpoint(endpoint)
    async with open_transport(transport) as pool:
        yield Sender(pool, endpoint, headers, sleep, tell)


def require_endpoint(url: str) -> str:
    """The URL without what is added to it for each signal. Raises UsageError."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise UsageError(
            f"{shortened(url)} is no endpoint of OTLP over HTTP; write it like http://127.0.0.1:4318, without /v1/traces"
        )
    return url.rstrip("/").removesuffix("/v1/traces").rstrip("/")


def _pause(number: int) -> float:
    """How long to wait after that many tries: from half to all of 1, 2, 4 .. seconds, so that not all come back at once."""
    return float(2 ** (number - 1)) * random.uniform(0.5, 1.0)


def _retry_after(text: str | None) -> float | None:
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _partial(said: bytes) -> _Partial:
    try:
        return msgspec.json.decode(said, type=_Answer).partial_success or _Partial()
    except (msgspec.MsgspecError, UnicodeError):
        return _Partial()


def _number(value: int | str) -> int:
    return int(value) if str(value).isdecimal() else 0


def _refusal(status: int, said: bytes) -> str:
    try:
        words = msgspec.json.decode(said, type=_Status).message
    except (msgspec.MsgspecError, UnicodeError):
        words = said.decode("utf-8", "replace")
    told = f" ({shortened(' '.join(words.split()), _SHOWN)})" if words.strip() else ""
    return f"answered with {status}{told}"
