"""What models behind a server share, whatever wire format it speaks: its address, its headers, one pool, one try."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec

from swarm.errors import UsageError
from swarm.messages import Reply, Request
from swarm.models.exchange import Collector, Deadlines, exchange, not_an_answer
from swarm.models.failures import UNREADABLE, Source
from swarm.models.meter import beyond
from swarm.models.stream import ServerEvent

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_SPARE_BYTES = 256 * 1024
_BYTES_A_TOKEN = 1024
"""A chunk of a stream carries a token or more in 150 to 600 bytes; an answer far beyond this ignores its limit."""

CACHED_FROM_CHARACTERS = 1_280
"""From here on the system prompt of a Claude model is marked for the cache: the least that any of them keeps is 512 tokens (others
1,024, 2,048 or 4,096), of 2.5 characters and more. What is too short for the model at hand is not kept and costs as without the
mark. https://platform.claude.com/docs/en/build-with-claude/prompt-caching#cache-limitations"""

_MAX_LISTING_BYTES = 8 * 1024 * 1024
_encode = msgspec.json.Encoder().encode


class Answer(Collector, Protocol):
    """A collector that makes a reply."""

    def reply(self) -> Reply:
        """Return what was collected, once `whole`."""
        ...


class Served(ABC):
    """One model of one server; see `Model` for the contract. The transport is lent and stays open."""

    def __init__(
        self,
        name: str,
        *,
        address: SplitResult,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport,
        key: str | None,
        key_hint: str | None,
        deadlines: Deadlines | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Make ready to ask. Nothing is sent yet. Raises UsageError for a header that cannot be sent."""
        self._name, self._transport, self._now = name, transport, now
        self._deadlines = deadlines or Deadlines()
        self._source = Source(model=name, server=address.netloc, key_hint=key_hint, secrets=(key or "",))
        self._requests = _Requests(address, _sendable(headers), self._deadlines)

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @abstractmethod
    async def ask(self, request: Request) -> Reply:
        """See `Model.ask`."""

    @abstractmethod
    async def list_models(self) -> list[str]:
        """Return the ids of the server's models, in its own order. Raises ProviderError, also for an answer that is none."""

    async def _answered(self, path: str, body: Mapping[str, Any], answer: Answer, *, most_tokens: int) -> Reply:
        """Send one request for an answer of up to `most_tokens`; one that goes on far beyond is cut there.

        Of one that was cut the provider's count stands only where it is above the limit already: else it goes on counting.
        """
        request = self._requests.post(path, _encode(body))
        is_whole = await self._exchanged(
            request, answer, _SPARE_BYTES + _BYTES_A_TOKEN * most_tokens, max_tokens=beyond(most_tokens)
        )
        reply = answer.reply()
        if is_whole:
            return reply
        counts = reply.usage is not None and reply.usage.output_tokens > most_tokens
        return msgspec.structs.replace(reply, finish="length", usage=reply.usage if counts else None, calls=())

    async def listed(self, path: str, read: Callable[[bytes], list[T]]) -> list[T]:
        """Fetch a list of models; `read` reads it, and raises one of UNREADABLE. Raises ProviderError."""
        listing = _Listing(self._source, read)
        await self._exchanged(self._requests.get(path), listing, _MAX_LISTING_BYTES)
        return listing.rows

    async def _exchanged(
        self, request: httpx.Request, collector: Collector, max_bytes: int, *, max_tokens: int | None = None
    ) -> bool:
        return await exchange(
            self._transport,
            request,
            collector,
            source=self._source,
            deadlines=self._deadlines,
            max_bytes=max_bytes,
            max_tokens=max_tokens,
            now=self._now,
        )


def split_address(base_url: str, *, example: str) -> SplitResult:
    """Split the address of a server's API, without a slash at its end. Raises UsageError where it cannot be asked."""
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        shown = repr(base_url) if "@" not in base_url else "the base URL"
        raise UsageError(f"{shown} is no address of a server; write it like {example}")
    if parts.username is not None:
        raise UsageError(
            f"the base URL of {parts.hostname} carries a name or a password; take it out, and give the key in its "
            "environment variable"
        )
    return parts._replace(path=parts.path.rstrip("/"), fragment="")


def usable_key(key: str, key_name: str) -> str:
    """Return a key that can stand in a header. Raises UsageError, without the key in it, where it cannot."""
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise UsageError(
            f"{key_name} is empty or holds a space or a character that no key has; set it again without quotes"
        )
    return key


def _sendable(extra: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    headers = {
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",  # unpacking costs more than a short answer's bytes
        "Content-Type": "application/json",
        "User-Agent": "pheroswarm",
    }
    for name, value in extra.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not re.fullmatch(r"[\x20-\x7e\t]*", value):
            raise UsageError(f"the header {name!r} holds a character that cannot be sent; correct it in the settings")
        headers[name] = value
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class _Requests:
    """Makes the requests of one server: what stays the same is made once."""

    def __init__(self, address: SplitResult, headers: list[tuple[bytes, bytes]], deadlines: Deadlines) -> None:
        import httpx

        self._request, self._stream, self._url = httpx.Request, httpx.ByteStream, httpx.URL
        self._address = address
        self._urls: dict[str, httpx.URL] = {}
        self._headers = [(b"Host", self._at("").netloc), *headers]
        self._extensions = {
            "timeout": {"connect": deadlines.connect_s, "read": deadlines.first_byte_s, "write": deadlines.first_byte_s}
        }

    def post(self, path: str, body: bytes) -> httpx.Request:
        # with a stream httpx works no headers out, which is half of what a request costs
        headers = [*self._headers, (b"Content-Length", str(len(body)).encode())]
        return self._request(
            "POST", self._at(path), headers=headers, stream=self._stream(body), extensions=self._extensions
        )

    def get(self, path: str) -> httpx.Request:
        return self._request("GET", self._at(path), headers=self._headers, extensions=self._extensions)

    def _at(self, path: str) -> httpx.URL:
        """The URL of a path below the address; a query of its own stands before that of the address."""
        url = self._urls.get(path)
        if url is None:
            below, _, own = path.partition("?")
            query = "&".join(part for part in (own, self._address.query) if part)
            whole = self._address._replace(path=self._address.path + below, query=query)
            url = self._urls[path] = self._url(urlunsplit(whole))
        return url


class _Listing(Generic[T]):
    """Collects the list of models; see `exchange.Collector`."""

    def __init__(self, source: Source, read: Callable[[bytes], list[T]]) -> None:
        self.whole = False
        self.ended = False
        self.least_tokens = 0
        self.rows: list[T] = []
        self._source, self._read = source, read

    def take_event(self, event: ServerEvent) -> None:
        raise not_an_answer(self._source, "a stream")

    def take_document(self, body: bytes) -> None:
        try:
            self.rows = self._read(body)
        except UNREADABLE:
            raise not_an_answer(self._source, "no list of models") from None
        self.whole = self.ended = True


class _Named(msgspec.Struct, gc=False):
    id: str


class _Names(msgspec.Struct, gc=False):
    data: list[_Named]


def model_ids(body: bytes) -> list[str]:
    """Return the ids of a list of models, as OpenAI and Anthropic have it, in its own order. Raises one of UNREADABLE."""
    return [each.id for each in msgspec.json.decode(body, type=_Names).data]
