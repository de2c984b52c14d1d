"""What tokens cost: integers only, rounded up once."""

from __future__ import annotations

from swarm.messages import MILLION, Price, Usage


def cost_nanos(price: Price, usage: Usage) -> int:
    """The cost of a call by class, in nano-dollars. Output includes reasoning, input includes what was cached."""
    cached = price.input_nanos if price.cached_nanos is None else price.cached_nanos
    written = price.input_nanos if price.cache_write_nanos is None else price.cache_write_nanos
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    millionths = (
        plain * price.input_nanos
        + usage.cached_tokens * cached
        + usage.cache_write_tokens * written
        + usage.output_tokens * price.output_nanos
    )
    return -(-millionths // MILLION)


def repriced(usage: Usage, price: Price) -> int:
    """What recorded usage costs at another price row. It rests on the usage alone, so doing it twice is doing it once."""
    return cost_nanos(price, usage)


def most_nanos(price: Price, input_tokens: int, output_tokens: int) -> int:
    """The most that a call can cost: all input at its dearest class."""
    dearest = max(price.input_nanos, price.cached_nanos or 0, price.cache_write_nanos or 0)
    return -(-(input_tokens * dearest + output_tokens * price.output_nanos) // MILLION)


def affordable_output(price: Price, input_tokens: int, nanos: int) -> int | None:
    """The most output tokens that fit into `nanos` beside the input; None = any number, negative = not even the input."""
    dearest = max(price.input_nanos, price.cached_nanos or 0, price.cache_write_nanos or 0)
    left = nanos * MILLION - input_tokens * dearest
    if left < 0:
        return -1
    return left // price.output_nanos if price.output_nanos else None


def counted_tokens(usage: Usage) -> int:
    """What counts against token caps: uncached input, cache writes and output."""
    return usage.input_tokens - usage.cached_tokens + usage.output_tokens
