"""The wire formats of providers on loopback: how each is spoken, and which model class speaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from swarm.models.anthropic_messages import AnthropicMessages
from swarm.models.gemini_generate import GeminiGenerate
from swarm.models.openai_chat import OpenAIChat
from swarm.models.served import Served
from tests.provider import OPENAI, Answer, Behaviour, Wire, pieces_of

_ANTHROPIC_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_GEMINI_REASONS = {"stop": "STOP", "length": "MAX_TOKENS"}


def _texts(blocks: list[dict[str, str]]) -> list[str]:
    return [block["text"] for block in blocks]


def _anthropic_document(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": _ANTHROPIC_REASONS.get(str(answer.finish), answer.finish),
        **usage,
    }


def _anthropic_events(answer: Answer, usage: dict[str, Any]) -> list[bytes]:
    whole = _anthropic_document(answer, usage)
    start: dict[str, Any] = {**whole, "content": [], "stop_reason": None}
    if isinstance(counts := usage.get("usage"), dict):
        start["usage"] = {**counts, "output_tokens": 1}
    said: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    said.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    said += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in pieces_of(answer)
    ]
    said.append({"type": "content_block_stop", "index": 0})
    if answer.finish is not None:
        said.append({"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"]}, **usage})
    if answer.done:
        said.append({"type": "message_stop"})
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in said]


def _read_anthropic(asked: dict[str, Any]) -> list[str]:
    return _texts(asked.get("system", [])) + [
        text for turn in asked.get("messages", []) for text in _texts(turn["content"])
    ]


ANTHROPIC = Wire(
    base="",
    asks=lambda path: path == "/v1/messages",
    listing=lambda names: {"data": [{"type": "model", "id": name} for name in names], "has_more": False},
    usage=lambda read, said: {"input_tokens": read, "output_tokens": said},
    document=_anthropic_document,
    events=_anthropic_events,
    read=_read_anthropic,
)


def _gemini_chunk(answer: Answer, text: str, **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    return {"candidates": [{"index": 0, "content": content, **more}], "modelVersion": answer.model}


def _metadata(usage: dict[str, Any]) -> dict[str, Any]:
    return {"usageMetadata": usage["usage"]} if usage else {}


def _gemini_document(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    reason = _GEMINI_REASONS.get(str(answer.finish), answer.finish)
    return {**_gemini_chunk(answer, answer.text, finishReason=reason), **_metadata(usage)}


def _gemini_events(answer: Answer, usage: dict[str, Any]) -> list[bytes]:
    said = [_gemini_chunk(answer, piece) for piece in pieces_of(answer)]
    if answer.finish is not None:
        said.append(_gemini_document(Answer(text="", finish=answer.finish, model=answer.model), usage))
    return [b"data: %b\r\n\r\n" % json.dumps(each).encode() for each in said]


def _read_gemini(asked: dict[str, Any]) -> list[str]:
    turns = [asked.get("systemInstruction", {"parts": []}), *asked.get("contents", [])]
    return [text for turn in turns for text in _texts(turn["parts"])]


GEMINI = Wire(
    base="/v1beta",
    asks=lambda path: path.endswith(":streamGenerateContent"),
    listing=lambda names: {"models": [{"name": f"models/{name}"} for name in names]},
    usage=lambda read, said: {
        "promptTokenCount": read,
        "candidatesTokenCount": said,
        "totalTokenCount": read + said,
    },
    document=_gemini_document,
    events=_gemini_events,
    read=_read_gemini,
)

WIRES: Mapping[str, Wire] = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI}
CLASSES: Mapping[str, Callable[..., Served]] = {
    "openai": OpenAIChat,
    "anthropic": AnthropicMessages,
    "gemini": GeminiGenerate,
}


def as_openai(wire: str, behaviour: Behaviour) -> Behaviour:
    """A behaviour that reads requests of the OpenAI-compatible format, asked in another one."""

    def answer(body: dict[str, Any]) -> Answer:
        return behaviour({"messages": [{"content": text} for text in WIRES[wire].read(body)]})

    return answer


def limit_in(body: dict[str, Any]) -> int:
    """The most tokens that a request asks for, in whichever format it is."""
    config = body.get("generationConfig", {})
    return int(body.get("max_tokens") or config["maxOutputTokens"])
