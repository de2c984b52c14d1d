"""Models behind a server with the Anthropic Messages format: Anthropic itself, and others that offer it, too."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from swarm.messages import Reply, Request, ToolCall
from swarm.models.anthropic_answer import AnthropicAnswer, kept_by
from swarm.models.by_schema import as_texts
from swarm.models.exchange import Deadlines
from swarm.models.served import CACHED_FROM_CHARACTERS, Served, model_ids, split_address, usable_key
from swarm.models.toolcalls import kept_of, object_in, sendable
from swarm.models.toolschema import object_schema
from swarm.models.turns import Result, Turn, turns_of

if TYPE_CHECKING:
    import httpx

VERSION = "2023-06-01"
"""The version of the format that is spoken; there is no later one."""

_TAKES_TEMPERATURE = re.compile(r"claude-(2|3|instant)|claude-(opus|sonnet|haiku)-4(-[0-6])?(-\d{8}|-latest)?$")
"""Claude models up to 4.6; those after refuse the field, with status 400."""

_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEEP: Mapping[str, Any] = {"cache_control": {"type": "ephemeral"}}


class AnthropicMessages(Served):
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
        takes_schema: bool = False,
        effort: str = "",
        deadlines: Deadlines | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Make ready to ask `wire_model` (the server's own name) under `base_url`, with or without /v1. Nothing is sent yet.

        `effort` goes as it stands into `output_config`; "none" turns thinking off. `key_hint` is the environment variable to
        name when the key is refused. Raises UsageError for an address or a key that cannot be sent; it shows no secret.
        """
        address = split_address(base_url, example="https://api.anthropic.com")
        headers = {"anthropic-version": VERSION}
        if key is not None:
            headers["x-api-key"] = usable_key(key, key_hint or f"the key of {name}")
        super().__init__(
            name,
            address=address._replace(path=address.path.removesuffix("/messages").removesuffix("/v1")),
            headers=headers,
            transport=transport,
            key=key,
            key_hint=key_hint,
            deadlines=deadlines,
            now=now,
        )
        self._wire_model, self._takes_schema, self._effort = wire_model, takes_schema, effort

    async def ask(self, request: Request) -> Reply:
        return await self._answered(
            "/v1/messages",
            request_body(request, self._wire_model, takes_schema=self._takes_schema, effort=self._effort),
            AnthropicAnswer(source=self._source, model=self._wire_model),
            most_tokens=request.max_output_tokens,
        )

    async def list_models(self) -> list[str]:
        return await self.listed("/v1/models?limit=1000", model_ids)


def request_body(request: Request, wire_model: str, *, takes_schema: bool, effort: str = "") -> dict[str, Any]:
    """Return the JSON body of one message. Without `takes_schema` the schema is left to the prompt.

    With tools more calls will follow: all up to here is to be kept for them. Where no tool is offered any more, the calls so
    far are told in words, since the format has calls only beside the tools that they are of.
    """
    messages = sendable(request.messages, _CALL_ID) if request.tools else as_texts(request.messages)
    system, turns = turns_of(messages)
    body: dict[str, Any] = {"model": wire_model, "max_tokens": request.max_output_tokens, "stream": True}
    if system:
        body["system"] = _blocks(system, cached=sum(map(len, system)) >= CACHED_FROM_CHARACTERS)
    contents = [_turn_blocks(turn, kept_by(wire_model)) for turn in turns]
    body["messages"] = [{"role": turn.speaker, "content": blocks} for turn, blocks in zip(turns, contents, strict=True)]
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": object_schema(tool.parameters)}
            for tool in request.tools
        ]
        for blocks in contents[-1:]:
            blocks[-1] = {**blocks[-1], **_KEEP}
    thinks = effort not in ("", "none")
    if not thinks and takes_temperature(wire_model):  # what thinks has one of its own
        body["temperature"] = request.temperature
    config: dict[str, Any] = {"effort": effort} if thinks else {}
    if request.answer_schema is not None and takes_schema:
        config["format"] = {"type": "json_schema", "schema": request.answer_schema}
    if config:
        body["output_config"] = config
    if effort == "none":
        body["thinking"] = {"type": "disabled"}
    return body


def takes_temperature(wire_model: str) -> bool:
    """Say whether a model takes a temperature: what is no Claude does, and of those the older ones.

    >>> takes_temperature("claude-sonnet-4-6"), takes_temperature("claude-opus-4-7"), takes_temperature("qwen3-8b")
    (True, False, True)
    """
    return "claude" not in wire_model or _TAKES_TEMPERATURE.search(wire_model) is not None


def _blocks(texts: Sequence[str], *, cached: bool = False) -> list[Mapping[str, Any]]:
    """The texts as blocks; `cached` asks for everything up to the last of them to be kept for the requests that follow."""
    blocks: list[Mapping[str, Any]] = [{"type": "text", "text": text} for text in texts]
    if cached:
        blocks[-1] = {**blocks[-1], **_KEEP}
    return blocks


def _turn_blocks(turn: Turn, by: str) -> list[Mapping[str, Any]]:
    """What a turn says; what the same model thought before its first call comes first, as it came."""
    blocks: list[Mapping[str, Any]] = []
    has_called = False
    for part in turn.parts:
        match part:
            case str():
                blocks.append({"type": "text", "text": part})
            case ToolCall():
                place = len(blocks) if has_called else 0
                blocks[place:place] = kept_of(part, by).get("thoughts", ())
                called = {"type": "tool_use", "id": part.id, "name": part.name, "input": object_in(part.arguments)}
                blocks.append(called)
                has_called = True
            case Result():
                content = {"content": part.text} if part.text.strip() else {}
                blocks.append({"type": "tool_result", "tool_use_id": part.call.id, **content})
    return blocks
