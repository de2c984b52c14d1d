"""The wire formats of providers on loopback: how each is spoken, and which model class speaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from swarm.messages import ToolCall, ToolSpec
from swarm.models.anthropic_messages import AnthropicMessages
from swarm.models.gemini_generate import GeminiGenerate
from swarm.models.openai_chat import OpenAIChat
from swarm.models.served import Served
from tests.provider import OPENAI, Answer, Behaviour, Wire, pieces_of

_ANTHROPIC_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_GEMINI_REASONS = {"stop": "STOP", "length": "MAX_TOKENS"}


def _texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in blocks if "text" in block]


def _anthropic_reason(answer: Answer) -> str | None:
    if answer.calls and answer.finish == "stop":
        return "tool_use"
    return _ANTHROPIC_REASONS.get(str(answer.finish), answer.finish)


def _anthropic_call(call: ToolCall, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, **more}


def _anthropic_document(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [
            {"type": "text", "text": answer.text},
            *(_anthropic_call(call, input=json.loads(call.arguments)) for call in answer.calls),
        ],
        "stop_reason": _anthropic_reason(answer),
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
    for index, call in enumerate(answer.calls, 1):
        said.append({"type": "content_block_start", "index": index, "content_block": _anthropic_call(call, input={})})
        said += [
            {
                "type": "content_block_delta",
                "index": index,
                "delta": {"type": "input_json_delta", "partial_json": piece},
            }
            for piece in pieces_of(answer, call.arguments)
        ]
        said.append({"type": "content_block_stop", "index": index})
    if answer.finish is not None:
        said.append({"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"]}, **usage})
    if answer.done:
        said.append({"type": "message_stop"})
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in said]


def _anthropic_blocks(asked: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for turn in asked.get("messages", []) for block in turn["content"] if block["type"] == kind]


def _read_anthropic(asked: dict[str, Any]) -> list[str]:
    return _texts(asked.get("system", [])) + [
        str(block.get("text") or block.get("content", ""))
        for turn in asked.get("messages", [])
        for block in turn["content"]
        if block["type"] in ("text", "tool_result")
    ]


def _anthropic_called(asked: dict[str, Any]) -> list[ToolCall]:
    blocks = _anthropic_blocks(asked, "tool_use")
    return [ToolCall(block["id"], block["name"], json.dumps(block["input"])) for block in blocks]


def _anthropic_results(asked: dict[str, Any]) -> list[tuple[str, str]]:
    names = {call.id: call.name for call in _anthropic_called(asked)}
    blocks = _anthropic_blocks(asked, "tool_result")
    return [(names[block["tool_use_id"]], block.get("content", "")) for block in blocks]


ANTHROPIC = Wire(
    base="",
    asks=lambda path: path == "/v1/messages",
    listing=lambda names: {"data": [{"type": "model", "id": name} for name in names], "has_more": False},
    usage=lambda read, said: {"input_tokens": read, "output_tokens": said},
    document=_anthropic_document,
    events=_anthropic_events,
    read=_read_anthropic,
    offered=lambda asked: [
        ToolSpec(each["name"], each["description"], each["input_schema"]) for each in asked.get("tools", ())
    ],
    called=_anthropic_called,
    results=_anthropic_results,
)


def _gemini_chunk(answer: Answer, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": parts}
    return {"candidates": [{"index": 0, "content": content, **more}], "modelVersion": answer.model}


def _metadata(usage: dict[str, Any]) -> dict[str, Any]:
    return {"usageMetadata": usage["usage"]} if usage else {}


def _gemini_document(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    reason = _GEMINI_REASONS.get(str(answer.finish), answer.finish)
    parts = [{"text": answer.text}, *map(_gemini_call, answer.calls)]
    return {**_gemini_chunk(answer, *parts, finishReason=reason), **_metadata(usage)}


def _gemini_call(call: ToolCall) -> dict[str, Any]:
    return {"functionCall": {"name": call.name, "args": json.loads(call.arguments)}}


def _gemini_events(answer: Answer, usage: dict[str, Any]) -> list[bytes]:
    said = [_gemini_chunk(answer, {"text": piece}) for piece in pieces_of(answer)]
    said += [_gemini_chunk(answer, _gemini_call(call)) for call in answer.calls]
    if answer.finish is not None:
        said.append(_gemini_document(Answer(text="", finish=answer.finish, model=answer.model), usage))
    return [b"data: %b\r\n\r\n" % json.dumps(each).encode() for each in said]


def _gemini_parts(asked: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part[kind] for turn in asked.get("contents", []) for part in turn["parts"] if kind in part]


def _read_gemini(asked: dict[str, Any]) -> list[str]:
    turns = [asked.get("systemInstruction", {"parts": []}), *asked.get("contents", [])]
    said = [part.get("functionResponse", {}).get("response", part) for turn in turns for part in turn["parts"]]
    return [str(each["text"] if "text" in each else each["output"]) for each in said if "functionCall" not in each]


def _gemini_offered(asked: dict[str, Any]) -> list[ToolSpec]:
    declared = [each for tools in asked.get("tools", ()) for each in tools["functionDeclarations"]]
    return [ToolSpec(each["name"], each["description"], each.get("parametersJsonSchema", {})) for each in declared]


def _gemini_called(asked: dict[str, Any]) -> list[ToolCall]:
    calls = _gemini_parts(asked, "functionCall")
    return [ToolCall(f"g{number}", call["name"], json.dumps(call["args"])) for number, call in enumerate(calls)]


def _gemini_results(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["name"], each["response"]["output"]) for each in _gemini_parts(asked, "functionResponse")]


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
    offered=_gemini_offered,
    called=_gemini_called,
    results=_gemini_results,
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
