"""What a provider counts and bills: tokens of each request, and of them those that its prompt cache had.

Counted exactly, with the vocabulary o200k. A prefix is cached as providers do it by
themselves: equal byte by byte to that of one of the last requests, from 1,024 tokens on, in steps of 128.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

LEAST_CACHED, STEP = 1_024, 128
"""From so many tokens on, and in such steps (https://platform.openai.com/docs/guides/prompt-caching)."""

BLOCK = 512
"""Bytes by which prefixes are compared: about what a step of tokens has."""

REMEMBERED = 50
"""Requests whose prefixes are kept: some minutes of a busy provider."""

MESSAGE_TOKENS, TOOL_TOKENS = 4, 12
"""The framing of a message and of a tool beside their texts."""

Count = Callable[[str], int]


@dataclass(frozen=True)
class Prices:
    """US dollars a million tokens."""

    input: float = 1.25
    cached: float = 0.125
    output: float = 10.0

    @property
    def written(self) -> str:
        return f"{self.input}/{self.output}/{self.cached}"


PRICES = Prices()
"""Those of a middle model of a large provider; a cached token costs a tenth."""


@dataclass(frozen=True)
class Billed:
    """What one request came to, or many of them together. `cached` is part of `input`."""

    input: int = 0
    cached: int = 0
    output: int = 0

    def __add__(self, other: Billed) -> Billed:
        return Billed(self.input + other.input, self.cached + other.cached, self.output + other.output)

    @property
    def tokens(self) -> int:
        return self.input + self.output

    @property
    def usd(self) -> float:
        fresh = self.input - self.cached
        return (fresh * PRICES.input + self.cached * PRICES.cached + self.output * PRICES.output) / 1e6

    @property
    def usage(self) -> dict[str, Any]:
        """As the OpenAI format says it."""
        return {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }


@dataclass
class Meter:
    """Counts requests, and remembers the beginnings of the last ones."""

    count: Count
    _counted: Count = field(init=False, repr=False)
    _known: deque[frozenset[bytes]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._counted = lru_cache(maxsize=4096)(self.count)
        self._known = deque(maxlen=REMEMBERED)

    def bill(self, request: Mapping[str, Any], answer: str) -> Billed:
        parts = list(_parts(request))
        tokens = sum(self._counted(part) for part in parts)
        tokens += MESSAGE_TOKENS * len(request["messages"]) + TOOL_TOKENS * len(request.get("tools", ()))
        whole = "\x00".join(parts).encode("utf-8", "replace")
        same = self._same(whole)
        cached = tokens * same // max(1, len(whole)) // STEP * STEP
        return Billed(tokens, cached if cached >= LEAST_CACHED else 0, self._counted(answer))

    def _same(self, whole: bytes) -> int:
        """How many bytes of it begin one of the last requests; then it is one of these."""
        running, marks = hashlib.blake2b(digest_size=16), list[bytes]()
        for start in range(0, len(whole) - BLOCK + 1, BLOCK):
            running.update(whole[start : start + BLOCK])
            marks.append(running.digest())
        known = 0
        while known < len(marks) and any(marks[known] in each for each in self._known):
            known += 1
        self._known.append(frozenset(marks))
        return known * BLOCK


def _parts(request: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a request in the order in which a provider caches them: the tools, then message by message."""
    if tools := request.get("tools"):
        yield json.dumps(tools, ensure_ascii=False)
    for message in request["messages"]:
        yield f"{message['role']}: {message.get('content') or ''}"
        for call in message.get("tool_calls", ()):
            yield f"{call['function']['name']} {call['function']['arguments']}"
