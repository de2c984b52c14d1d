"""How many tokens a text has at the most.

A byte-level vocabulary never makes more tokens of a text than it has bytes, so the bytes and the framing of the messages are
a bound that no provider's count passes. It is what a reservation takes; the provider's own figure replaces it. What a provider
is likely to count is fewer: that is for foreseeing, never for a reservation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from swarm.messages import Message

MESSAGE_TOKENS = 12  # framing of one message: role, delimiters (chat templates of the common families use 3 to 10)
BYTES_A_TOKEN = 3  # of ordinary text, on the careful side (English has 4 to 5)
LIKELY_MESSAGE_TOKENS = 6  # framing of one message, in the middle of what the common families use
REQUEST_TOKENS = 48  # framing of a request, and a default system line that some templates add (Qwen: 21 tokens)


def most_tokens(messages: Iterable[Message], answer_schema: Mapping[str, Any] | None = None) -> int:
    """The most input tokens that the provider can count for these messages and the schema that is sent with them."""
    framed = sum(MESSAGE_TOKENS + len(message.text.encode("utf-8", "replace")) for message in messages)
    return REQUEST_TOKENS + framed + _bytes_of(answer_schema)


def likely_tokens(messages: Iterable[Message], answer_schema: Mapping[str, Any] | None = None) -> int:
    """About how many input tokens the provider counts for these messages and the schema."""
    sizes = [len(message.text.encode("utf-8", "replace")) for message in messages]
    return LIKELY_MESSAGE_TOKENS * len(sizes) + -(-(sum(sizes) + _bytes_of(answer_schema)) // BYTES_A_TOKEN)


def _bytes_of(schema: Mapping[str, Any] | None) -> int:
    return len(msgspec.json.encode(schema)) if schema else 0
