"""How many tokens a text has at the most.

A byte-level vocabulary never makes more tokens of a text than it has bytes, so the bytes and the framing of the messages are
a bound that no provider's count passes. It is what a reservation takes; the provider's own figure replaces it. What a provider
is likely to count is fewer: that is for foreseeing, never for a reservation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from swarm.messages import Message, ToolSpec

MESSAGE_TOKENS = 12  # framing of one message: role, delimiters (chat templates of the common families use 3 to 10)
BYTES_A_TOKEN = 3  # of ordinary text, on the careful side (English has 4 to 5)
LIKELY_MESSAGE_TOKENS = 6  # framing of one message, in the middle of what the common families use
TOOL_TOKENS = (
    24  # framing of one tool beside its own text, and of one call (templates of the common families use 8 to 20)
)
TOOLS_TOKENS = 400  # what providers tell a model of tools in general (Anthropic documents 290 to 350 tokens)
REQUEST_TOKENS = 48  # framing of a request, and a default system line that some templates add (Qwen: 21 tokens)


def most_tokens(
    messages: Iterable[Message], answer_schema: Mapping[str, Any] | None = None, tools: Sequence[ToolSpec] = ()
) -> int:
    """The most input tokens that the provider can count for these messages, the schema and the tools that are sent with them."""
    framed = sum(_framing(message, MESSAGE_TOKENS) + _bytes_in(message) for message in messages)
    return REQUEST_TOKENS + framed + _bytes_of(answer_schema) + _most_of(tools)


def likely_tokens(
    messages: Iterable[Message], answer_schema: Mapping[str, Any] | None = None, tools: Sequence[ToolSpec] = ()
) -> int:
    """About how many input tokens the provider counts for these messages, the schema and the tools."""
    framing, size = 0, _bytes_of(answer_schema) + sum(len(msgspec.json.encode(tool)) for tool in tools)
    for message in messages:
        framing += _framing(message, LIKELY_MESSAGE_TOKENS)
        size += _bytes_in(message)
    return framing + -(-size // BYTES_A_TOKEN)


def _framing(message: Message, tokens: int) -> int:
    return tokens + TOOL_TOKENS * (len(message.calls) + bool(message.answers))


def _bytes_in(message: Message) -> int:
    size = len(message.text.encode("utf-8", "replace"))
    if message.calls:
        size += sum(
            len(part.encode("utf-8", "replace"))
            for call in message.calls
            for part in (call.id, call.name, call.arguments, call.kept)
        )
    return size + len(message.answers.encode("utf-8", "replace"))


def _most_of(tools: Sequence[ToolSpec]) -> int:
    return TOOLS_TOKENS + sum(TOOL_TOKENS + len(msgspec.json.encode(tool)) for tool in tools) if tools else 0


def _bytes_of(schema: Mapping[str, Any] | None) -> int:
    return len(msgspec.json.encode(schema)) if schema else 0
