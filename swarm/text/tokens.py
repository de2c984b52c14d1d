"""How many tokens a text has at the most.

A byte-level vocabulary never makes more tokens of a text than it has bytes, so the bytes and the framing of the messages are
a bound that no provider's count passes. It is what a reservation takes; the provider's own figure replaces it. What a provider
is likely to count is fewer: that is for foreseeing, never for a reservation.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarm.messages import Message

MESSAGE_TOKENS = 12  # framing of one message: role, delimiters (chat templates of the common families use 3 to 10)
BYTES_A_TOKEN = 3  # of ordinary text, on the careful side (English has 4 to 5)
LIKELY_MESSAGE_TOKENS = 6  # framing of one message, in the middle of what the common families use
REQUEST_TOKENS = 48  # framing of a request, and a default system line that some templates add (Qwen: 21 tokens)


def most_tokens(messages: Iterable[Message]) -> int:
    """The most input tokens that the provider can count for these messages."""
    return REQUEST_TOKENS + sum(MESSAGE_TOKENS + len(message.text.encode("utf-8", "replace")) for message in messages)


def likely_tokens(messages: Iterable[Message], *, beside: int = 0) -> int:
    """About how many input tokens a provider counts for these messages and so many bytes `beside` them."""
    sizes = [len(message.text.encode("utf-8", "replace")) for message in messages]
    return LIKELY_MESSAGE_TOKENS * len(sizes) + -(-(sum(sizes) + beside) // BYTES_A_TOKEN)
