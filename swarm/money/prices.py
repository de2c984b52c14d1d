"""What tokens cost: integers only, rounded up once."""

from __future__ import annotations

from collections.abc import Iterator

from swarm.messages import MILLION, Price, Rates, Usage


def cost_nanos(price: Price, usage: Usage) -> int:
    """The cost of a call by class, in nano-dollars. Output includes reasoning, input includes what was cached."""
    rates = price.rates_at(usage.input_tokens)
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    millionths = (
        plain * rates.input_nanos
        + usage.cached_tokens * rates.of_cached
        + usage.cache_write_tokens * rates.of_written
        + (usage.output_tokens - usage.reasoning_tokens) * rates.output_nanos
        + usage.reasoning_tokens * rates.of_reasoning
    )
    return price.request_nanos - (-millionths // MILLION)


def most_nanos(price: Price, input_tokens: int, output_tokens: int) -> int:
    """The most that a call of up to so many tokens can cost: every token of the dearest class, at the dearest step."""
    return price.request_nanos + max(
        -(-(tokens * rates.dearest_input + output_tokens * rates.dearest_output) // MILLION)
        for rates, tokens in _reached(price, input_tokens)
    )


def affordable_output(price: Price, input_tokens: int, nanos: int) -> int | None:
    """The most output tokens that fit into `nanos` beside the input; None = any number, negative = not even the input."""
    fits: list[int] = []
    for rates, tokens in _reached(price, input_tokens):
        left = (nanos - price.request_nanos) * MILLION - tokens * rates.dearest_input
        if left < 0:
            return -1
        if rates.dearest_output:
            fits.append(left // rates.dearest_output)
    return min(fits, default=None)


def counted_tokens(usage: Usage) -> int:
    """What counts against token caps: uncached input, cache writes and output."""
    return usage.input_tokens - usage.cached_tokens + usage.output_tokens


def _reached(price: Price, input_tokens: int) -> Iterator[tuple[Rates, int]]:
    """The rates that can hold for an input of up to so many tokens, each with the longest input that it holds for.

    All of them count, since a longer input need not be the dearer one.
    """
    rates: Rates = price
    for step in price.steps:
        if input_tokens <= step.above_tokens:
            break
        yield rates, step.above_tokens
        rates = step
    yield rates, input_tokens
