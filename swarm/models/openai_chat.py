"""Models behind an OpenAI-compatible server: OpenAI, OpenRouter, DeepSeek, Mistral, Groq, Ollama, llama.cpp, vLLM, ..."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec

from swarm.errors import UsageError
from swarm.messages import Reply, Request
from swarm.models.exchange import Deadlines, exchange, not_an_answer
from swarm.models.failures import UNREADABLE, Source
from swarm.models.openai_answer import OpenAIAnswer, model_ids
from swarm.models.stream import ServerEvent

if TYPE_CHECKING:
    import httpx

_SPARE_BYTES = 256 * 1024
_BYTES_A_TOKEN = 1024
"""A chunk of a stream carries a token or more in 150 to 600 bytes; an answer far beyond this ignores its limit."""

_MAX_LISTING_BYTES = 8 * 1024 * 1024
_encode = msgspec.json.Encoder().encode


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of this protocol wants to be told differently."""

    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    takes_schema: bool = False  # enforces `response_format` of type json_schema
    takes_stream_options: bool = True  # counts the tokens of a stream when asked to
    takes_temperature: bool = True
    extra: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])  # further fields of the body, as they are


def dialect_of(base_url: str) -> Dialect:
    """Return the dialect of a provider that is known by its address, else the one that most servers speak."""
    if urlsplit(base_url).hostname == "api.openai.com":
        return Dialect(limit_field="max_completion_tokens", takes_schema=True)
    return Dialect()


class OpenAIChat:
    """One model of one server; see `Model` for the contract. The transport is lent and stays open."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        wire_model: str,
        transport: httpx.AsyncBaseTransport,
        key: str | None = None,
        key_hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect | None = None,
        deadlines: Deadlines | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Make ready to ask `wire_model` (the server's own name) under `base_url` (.../v1). Nothing is sent yet.

        `key_hint` is the environment variable to name when the key is refused. Raises UsageError for an address, a key or
        a header that cannot be sent; the sentence shows none of their secrets.
        """
        address = server_address(base_url)
        self._name, self._wire_model, self._transport, self._now = name, wire_model, transport, now
        self._dialect = dialect or dialect_of(base_url)
        self._deadlines = deadlines or Deadlines()
        self._source = Source(model=name, server=address.netloc, key_hint=key_hint, secrets=(key or "",))
        self._wire = _Wire(address, _headers(headers or {}, key, key_hint or f"the key of {name}"), self._deadlines)

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def ask(self, request: Request) -> Reply:
        answer = OpenAIAnswer(source=self._source, model=self._wire_model)
        body = _encode(request_body(request, self._wire_model, self._dialect))
        await exchange(
            self._transport,
            self._wire.post("/chat/completions", body),
            answer,
            source=self._source,
            deadlines=self._deadlines,
            max_bytes=_SPARE_BYTES + _BYTES_A_TOKEN * request.max_output_tokens,
            now=self._now,
        )
        return answer.reply()

    async def list_models(self) -> list[str]:
        """Return the ids of the server's models, in its own order. Raises ProviderError, also for an answer that is none."""
        document = _Document(self._source)
        await exchange(
            self._transport,
            self._wire.get("/models"),
            document,
            source=self._source,
            deadlines=self._deadlines,
            max_bytes=_MAX_LISTING_BYTES,
            now=self._now,
        )
        return document.ids


def request_body(request: Request, wire_model: str, dialect: Dialect) -> dict[str, Any]:
    """Return the JSON body of one chat completion. Without `takes_schema` the schema is left to the prompt."""
    body: dict[str, Any] = {
        "model": wire_model,
        "messages": [{"role": message.speaker, "content": message.text} for message in request.messages],
        dialect.limit_field: request.max_output_tokens,
        "stream": True,
    }
    if dialect.takes_stream_options:
        body["stream_options"] = {"include_usage": True}
    if dialect.takes_temperature:
        body["temperature"] = request.temperature
    if request.answer_schema is not None and dialect.takes_schema:
        schema = {"name": "answer", "strict": True, "schema": request.answer_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body | dialect.extra if dialect.extra else body


def server_address(base_url: str) -> SplitResult:
    """Split the address of a server's API, without a slash at its end. Raises UsageError where it cannot be asked."""
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        shown = repr(base_url) if "@" not in base_url else "the base URL"
        raise UsageError(f"{shown} is no address of a server; write it like http://127.0.0.1:8080/v1")
    if parts.username is not None:
        raise UsageError(
            f"the base URL of {parts.hostname} carries a name or a password; take it out, and give the key in its "
            "environment variable"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return parts._replace(path=path, fragment="")


def _headers(extra: Mapping[str, str], key: str | None, key_name: str) -> list[tuple[bytes, bytes]]:
    headers = {
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",  # unpacking costs more than a short answer's bytes
        "Content-Type": "application/json",
        "User-Agent": "pheroswarm",
    }
    if key is not None:
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise UsageError(
                f"{key_name} is empty or holds a space or a character that no key has; set it again without quotes"
            )
        headers["Authorization"] = f"Bearer {key}"
    for name, value in extra.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not re.fullmatch(r"[\x20-\x7e\t]*", value):
            raise UsageError(f"the header {name!r} holds a character that cannot be sent; correct it in the settings")
        headers[name] = value
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class _Wire:
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
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._url(urlunsplit(self._address._replace(path=self._address.path + path)))
        return url


class _Document:
    """Collects the list of models; see `exchange.Collector`."""

    def __init__(self, source: Source) -> None:
        self.whole = False
        self.ended = False
        self.ids: list[str] = []
        self._source = source

    def take_event(self, event: ServerEvent) -> None:
        raise not_an_answer(self._source, "a stream")

    def take_document(self, body: bytes) -> None:
        try:
            self.ids = model_ids(body)
        except UNREADABLE:
            raise not_an_answer(self._source, "no list of models") from None
        self.whole = self.ended = True
