"""What travels between a role and a model: Message, ToolSpec, ToolCall, Request, Reply, Usage; and what the choice picks from:
Arm, Price with its Rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Speaker = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "refusal", "tools", "other"]
Tier = Literal["local", "free", "cheap", "paid"]

TIERS: tuple[Tier, ...] = ("local", "free", "cheap", "paid")
"""From the tier that is tried first to the one that is tried last."""

TIER_SAYS: Mapping[Tier, str] = {"local": "free local", "free": "free hosted", "cheap": "cheap", "paid": "paid"}
"""What each tier is, for people."""

TIER_WORDS: Mapping[str, Tier] = {
    **{tier: tier for tier in TIERS},
    **{said: tier for tier, said in TIER_SAYS.items()},
    **{"hosted": "free", "embedded": "local", "expensive": "paid", "inexpensive": "cheap"},
}
"""The tier that a word means; those that are no tier's name help where somebody wrote one of them."""

MILLION = 1_000_000


TOTAL_DIFFERS, PART_TOO_LARGE = "total-differs", "part-too-large"
TOO_LITTLE_INPUT, TOO_LITTLE_OUTPUT = "too-little-input", "too-little-output"
TOO_MUCH_INPUT, TOO_MUCH_OUTPUT = "too-much-input", "too-much-output"
"""What can be doubtful about a usage, as `call.settled` names it."""


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as a model is told of it."""

    name: str  # [a-zA-Z0-9_-]{1,64}, as every provider takes it
    description: str
    parameters: Mapping[str, Any]  # JSON Schema of an object


class ToolCall(msgspec.Struct, frozen=True):
    """What a model wants done. Nothing of it is checked: neither that there is such a tool, nor that these are arguments."""

    id: str  # by which the result is told apart from others of the same answer; the provider's own where it gave one
    name: str
    arguments: str  # JSON as the model wrote it
    kept: str = ""  # what its provider wants to see again with it, such as signed thoughts, as JSON; for nobody else


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    speaker: Speaker
    text: str
    calls: tuple[ToolCall, ...] = ()  # of an assistant: what it wanted done
    answers: str = ""  # of a tool: the id of the call whose result it is


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model, in the terms of no provider."""

    messages: tuple[Message, ...]
    max_output_tokens: int  # the most that the answer may take, reasoning included; the provider is told so
    temperature: float = 0.0
    answer_schema: Mapping[str, Any] | None = None  # JSON Schema of the answer, enforced where the provider offers it
    tools: tuple[ToolSpec, ...] = ()  # what the model may have done before it answers


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the provider counted them, normalised: input includes cached and cache writes, output includes reasoning."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0  # part of input_tokens that was read from the provider's prompt cache
    cache_write_tokens: int = 0  # part of input_tokens that was written to it
    reasoning_tokens: int = 0  # part of output_tokens
    doubts: tuple[str, ...] = ()  # what is doubtful about it, in the words below


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered. `usage` is None where the provider did not say."""

    text: str
    finish: Finish
    usage: Usage | None
    model: str  # the name under which the provider answered
    calls: tuple[ToolCall, ...] = ()  # what it wants done, in its order; the finish is "tools" where there are some


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Whole nano-dollars per million tokens, by class."""

    input_nanos: int  # uncached input
    output_nanos: int
    cached_nanos: int | None = None  # input read from the provider's cache; None = as uncached
    cache_write_nanos: int | None = None  # input written to it; None = as uncached
    reasoning_nanos: int | None = None  # the part of the output that is reasoning; None = as any output

    @property
    def of_cached(self) -> int:
        return self.input_nanos if self.cached_nanos is None else self.cached_nanos

    @property
    def of_written(self) -> int:
        return self.input_nanos if self.cache_write_nanos is None else self.cache_write_nanos

    @property
    def of_reasoning(self) -> int:
        return self.output_nanos if self.reasoning_nanos is None else self.reasoning_nanos

    @property
    def dearest_input(self) -> int:
        return max(self.input_nanos, self.of_cached, self.of_written)

    @property
    def dearest_output(self) -> int:
        return max(self.output_nanos, self.of_reasoning)


class Step(Rates, frozen=True, kw_only=True):
    """The rates of a whole request whose input, cached or not, is longer than this."""

    above_tokens: int


class Price(Rates, frozen=True, kw_only=True):
    """A price row. All zero is free."""

    row: str  # the id that stands beside every amount computed with it
    request_nanos: int = 0  # for the request itself, in nano-dollars
    steps: tuple[Step, ...] = ()  # in the order of their length, each with an own one

    @property
    def is_free(self) -> bool:
        rates: tuple[Rates, ...] = (self, *self.steps)
        return not self.request_nanos and not any(each.dearest_input or each.dearest_output for each in rates)

    def rates_at(self, input_tokens: int) -> Rates:
        """The rates of a request with so much input."""
        passed = [step for step in self.steps if input_tokens > step.above_tokens]
        return passed[-1] if passed else self


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
