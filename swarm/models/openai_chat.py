"""Models behind an OpenAI-compatible server: OpenAI, OpenRouter, DeepSeek, Mistral, Groq, Ollama, llama.cpp, vLLM, ..."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from swarm.messages import Message, Reply, Request
from swarm.models.exchange import Deadlines
from swarm.models.openai_answer import OpenAIAnswer
from swarm.models.served import CACHED_FROM_CHARACTERS, Served, model_ids, split_address, usable_key

if TYPE_CHECKING:
    import httpx


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of this protocol wants to be told differently."""

    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    takes_schema: bool = False  # enforces `response_format` of type json_schema
    takes_stream_options: bool = True  # counts the tokens of a stream when asked to
    takes_temperature: bool = True
    marks: bool = False  # hands the marks of what is to be kept in a cache on to models of Anthropic
    extra: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])  # further fields of the body, as they are


def dialect_of(base_url: str) -> Dialect:
    """Return the dialect of a provider that is known by its address, else the one that most servers speak."""
    if urlsplit(base_url).hostname == "api.openai.com":
        return Dialect(limit_field="max_completion_tokens", takes_schema=True)
    return Dialect(marks=urlsplit(base_url).hostname == "openrouter.ai")


class OpenAIChat(Served):
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
        own: dict[str, str] = {}
        if key is not None:
            own["Authorization"] = f"Bearer {usable_key(key, key_hint or f'the key of {name}')}"
        super().__init__(
            name,
            address=server_address(base_url),
            headers={**own, **(headers or {})},
            transport=transport,
            key=key,
            key_hint=key_hint,
            deadlines=deadlines,
            now=now,
        )
        self._wire_model = wire_model
        self._dialect = dialect or dialect_of(base_url)

    async def ask(self, request: Request) -> Reply:
        return await self._answered(
            "/chat/completions",
            request_body(request, self._wire_model, self._dialect),
            OpenAIAnswer(source=self._source, model=self._wire_model),
            most_tokens=request.max_output_tokens,
        )

    async def list_models(self) -> list[str]:
        return await self.listed("/models", model_ids)


def request_body(request: Request, wire_model: str, dialect: Dialect) -> dict[str, Any]:
    """Return the JSON body of one chat completion. Without `takes_schema` the schema is left to the prompt."""
    body: dict[str, Any] = {
        "model": wire_model,
        "messages": _messages(request.messages, marked=dialect.marks and "claude" in wire_model),
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


def _messages(messages: Sequence[Message], *, marked: bool) -> list[dict[str, Any]]:
    """The messages; with `marked` a long system prompt at their beginning is to be kept for the requests that follow.

    https://openrouter.ai/docs/guides/best-practices/prompt-caching
    """
    said: list[dict[str, Any]] = [{"role": each.speaker, "content": each.text} for each in messages]
    if marked and messages and messages[0].speaker == "system" and len(messages[0].text) >= CACHED_FROM_CHARACTERS:
        said[0]["content"] = [{"type": "text", "text": messages[0].text, "cache_control": {"type": "ephemeral"}}]
    return said


def server_address(base_url: str) -> SplitResult:
    """Split the address of a server's API, without a slash at its end. Raises UsageError where it cannot be asked."""
    parts = split_address(base_url, example="http://127.0.0.1:8080/v1")
    return parts._replace(path=parts.path.removesuffix("/chat/completions"))
