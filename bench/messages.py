"""Messages of conversations between people and agents, each labelled: is it still needed once the conversation goes on?

They stand in messages.jsonl beside this file, written for this purpose, a line each. What thresholds and words are chosen by may be
read off the messages of which `is_held_out` is false; the others, about half, are for judging alone.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Kind = Literal[
    "intent",
    "decision",
    "action",
    "constraint",
    "open item",
    "finding",
    "error",
    "tool output",
    "reasoning",
    "question",
    "confirmation",
    "chatter",
]

PATH = Path(__file__).with_name("messages.jsonl")


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message with its label. `id` is the conversation's name and the message's number in it."""

    id: str
    speaker: Literal["user", "agent", "tool"]
    kind: Kind
    text: str
    important: bool
    why: str  # the label, in a few words

    @property
    def conversation(self) -> str:
        return self.id.rpartition("/")[0]

    @property
    def is_held_out(self) -> bool:
        """The rule: the first byte of the SHA-256 of its id is odd."""
        return hashlib.sha256(self.id.encode()).digest()[0] % 2 == 1


class Conversation(msgspec.Struct, frozen=True):
    name: str
    messages: tuple[Message, ...]


@cache
def conversations() -> tuple[Conversation, ...]:
    """All of them, in the order of the file."""
    found: dict[str, list[Message]] = {}
    for line in PATH.read_bytes().splitlines():
        message = msgspec.json.decode(line, type=Message)
        found.setdefault(message.conversation, []).append(message)
    return tuple(Conversation(name, tuple(messages)) for name, messages in found.items())
