"""What travels between a role and a model: Message, Request, Reply, Usage; and what the choice picks from: Arm, Price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Speaker = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "refusal", "tools", "other"]
Tier = Literal["local", "free", "cheap", "paid"]

TIERS: tuple[Tier, ...] = ("local", "free", "cheap", "paid")
"""From the tier that is tried first to the one that is tried last."""

MILLION = 1_000_000


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    speaker: Speaker
    text: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model, in the terms of no provider."""

    messages: tuple[Message, ...]
    max_output_tokens: int  # the most that the answer may take, reasoning included; the provider is told so
    temperature: float = 0.0
    answer_schema: Mapping[str, Any] | None = None  # JSON Schema of the answer, enforced where the provider offers it


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the provider counted them, normalised: input includes cached and cache writes, output includes reasoning."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0  # part of input_tokens that was read from the provider's prompt cache
    cache_write_tokens: int = 0  # part of input_tokens that was written to it
    reasoning_tokens: int = 0  # part of output_tokens


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered. `usage` is None where the provider did not say."""

    text: str
    finish: Finish
    usage: Usage | None
    model: str  # the name under which the provider answered


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price row: whole nano-dollars per million tokens, by class. All zero is free."""

    row: str  # the id that stands beside every amount computed with it
    input_nanos: int  # per million uncached input tokens
    output_nanos: int  # per million output tokens
    cached_nanos: int | None = None  # per million cached input tokens; None = as uncached
    cache_write_nanos: int | None = None  # per million input tokens written to the cache; None = as uncached

    @property
    def is_free(self) -> bool:
        return not (self.input_nanos or self.output_nanos or self.cached_nanos or self.cache_write_nanos)


FREE = Price(row="free", input_nanos=0, output_nanos=0)


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """What the choice picks: an agent profile on a model, with what the choice needs to know of both."""

    agent: str
    model: str  # the model's name in settings, unique among the models of a run
    tier: Tier
    price: Price | None  # None = unknown, which is not free
    may_judge: bool = True  # False for models too small to judge
    context_tokens: int | None = None  # the model's window; None = unknown

    @property
    def name(self) -> str:
        """agent@model, as the log and the trails name it."""
        return f"{self.agent}@{self.model}"
