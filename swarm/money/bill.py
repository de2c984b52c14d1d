"""What an answered call comes to: the provider's usage at the price, and what is doubtful about that usage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from events.types.call import CallOverran
from swarm.messages import (
    TOO_LITTLE_INPUT,
    TOO_LITTLE_OUTPUT,
    TOO_MUCH_INPUT,
    TOO_MUCH_OUTPUT,
    Message,
    Reply,
    Usage,
)
from swarm.money.caps import Grant, Need
from swarm.money.prices import cost_nanos, counted_tokens

MOST_CHARACTERS = 32
"""More characters than this to a token, all over a text, are no language and no code; runs of one character are."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts of a call. Doubts change none of them: a provider's figure is what its invoice will say."""

    usage: Usage
    tokens: int
    nanos: int
    basis: str  # "provider", or "reservation" where it did not say what it counted
    doubts: tuple[str, ...] = ()


def bill(need: Need, grant: Grant, reply: Reply, messages: Sequence[Message]) -> Bill:
    """Charge a call by its usage; without one, by its reservation."""
    usage = reply.usage
    if usage is None:
        most = Usage(input_tokens=need.most_input, output_tokens=need.most_output(grant.output_tokens))
        return Bill(usage=most, tokens=grant.tokens, nanos=grant.nanos, basis="reservation")
    return Bill(
        usage=usage,
        tokens=counted_tokens(usage),
        nanos=cost_nanos(need.price, usage),
        basis="provider",
        doubts=(*usage.doubts, *_doubts(usage, need, grant, sum(len(each.text) for each in messages), _said(reply))),
    )


def overrun(reservation: int, need: Need, grant: Grant, billed: Bill) -> CallOverran | None:
    """What a call came to beyond its reservation; None where that held."""
    tokens, nanos = max(0, billed.tokens - grant.tokens), max(0, billed.nanos - grant.nanos)
    if not tokens and not nanos:
        return None
    return CallOverran(
        reservation=reservation,
        scopes=need.scopes,
        tokens=tokens,
        cost_nanos=nanos,
        model=need.model,
        counted_tokens=need.input_tokens,
        input_tokens=billed.usage.input_tokens,
        max_output_tokens=grant.output_tokens,
        output_tokens=billed.usage.output_tokens,
    )


def _said(reply: Reply) -> int:
    """How many characters the answer has, with what it wants done."""
    return len(reply.text) + sum(len(call.name) + len(call.arguments) for call in reply.calls)


def _doubts(usage: Usage, need: Need, grant: Grant, sent: int, received: int) -> Iterator[str]:
    """What cannot be of a usage, by the characters that were sent and received and by what was asked for."""
    if usage.input_tokens * MOST_CHARACTERS < sent:
        yield TOO_LITTLE_INPUT
    if usage.input_tokens > need.input_tokens:
        yield TOO_MUCH_INPUT
    if usage.output_tokens * MOST_CHARACTERS < received:
        yield TOO_LITTLE_OUTPUT
    if usage.output_tokens > grant.output_tokens:
        yield TOO_MUCH_OUTPUT
