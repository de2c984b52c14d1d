"""Models behind an OpenAI-compatible server: OpenAI, OpenRouter, DeepSeek, Mistral, Groq, Ollama, llama.cpp, vLLM, ..."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from swarm.messages import Message, Reply, Request, ToolCall
from swarm.models.exchange import Deadlines
from swarm.models.openai_answer import OpenAIAnswer, kept_by
from swarm.models.served import CACHED_FROM_CHARACTERS, Served, model_ids, split_address, usable_key
from swarm.models.toolcalls import kept_of, object_in, sendable
from swarm.models.toolschema import object_schema

if TYPE_CHECKING:
    import httpx


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of this protocol wants to be told differently."""

    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    takes_schema: bool = False  # enforces `response_format` of type json_schema
    takes_stream_options: bool = True  # counts the tokens of a stream when asked to
    takes_temperature: bool = True
    marks: bool = False  # hands the marks of what is to be kept in a cache on to models of Anthropic
    call_ids: str = "[!-~]{1,64}"  # the ids of calls of tools that it takes
    wants_thoughts: bool = False  # refuses a call of a tool that comes back without its thoughts, be they empty
    extra: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])  # further fields of the body, as they are


def dialect_of(base_url: str) -> Dialect:
    """Return the dialect of a provider that is known by its address, else the one that most servers speak."""
    match urlsplit(base_url).hostname:
        case "api.openai.com":
            return Dialect(limit_field="max_completion_tokens", takes_schema=True, call_ids="[!-~]{1,40}")
        case "openrouter.ai":
            return Dialect(marks=True)
        case "api.mistral.ai":
            return Dialect(call_ids="[a-zA-Z0-9]{9}")
        case "api.deepseek.com":  # https://api-docs.deepseek.com/guides/thinking_mode#tool-calls
            return Dialect(wants_thoughts=True)
        case _:
            return Dialect()


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
        "messages": _messages(request.messages, wire_model, dialect),
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
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": object_schema(tool.parameters),
                },
            }
            for tool in request.tools
        ]
    return body | dialect.extra if dialect.extra else body


def _messages(messages: Sequence[Message], wire_model: str, dialect: Dialect) -> list[dict[str, Any]]:
    """The messages; where the server hands marks on, a long system prompt of Claude is to be kept for the requests that follow.

    https://openrouter.ai/docs/guides/best-practices/prompt-caching
    """
    sent = sendable(messages, re.compile(dialect.call_ids))
    said = [_message(each, kept_by(wire_model), wants_thoughts=dialect.wants_thoughts) for each in sent]
    marked = dialect.marks and "claude" in wire_model
    if marked and messages and messages[0].speaker == "system" and len(messages[0].text) >= CACHED_FROM_CHARACTERS:
        said[0]["content"] = [{"type": "text", "text": messages[0].text, "cache_control": {"type": "ephemeral"}}]
    return said


def _message(message: Message, by: str, *, wants_thoughts: bool) -> dict[str, Any]:
    if message.answers:
        return {"role": "tool", "tool_call_id": message.answers, "content": message.text}
    if not message.calls:
        return {"role": message.speaker, "content": message.text}
    kept = kept_of(message.calls[0], by)
    thoughts = kept.get("reasoning_content", "" if wants_thoughts else None)
    return {
        "role": "assistant",
        "content": message.text or None,
        **({} if thoughts is None else {"reasoning_content": thoughts}),
        "tool_calls": [_call(call, kept_of(call, by).get("extra_content")) for call in message.calls],
    }


def _call(call: ToolCall, extra: object) -> dict[str, Any]:
    function = {"name": call.name, "arguments": bytes(object_in(call.arguments)).decode()}
    more = {} if extra is None else {"extra_content": extra}
    return {"id": call.id, "type": "function", "function": function, **more}


def server_address(base_url: str) -> SplitResult:
    """Split the address of a server's API, without a slash at its end. Raises UsageError where it cannot be asked."""
    parts = split_address(base_url, example="http://127.0.0.1:8080/v1")
    return parts._replace(path=parts.path.removesuffix("/chat/completions"))
