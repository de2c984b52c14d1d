"""A provider on loopback that lies about usage: amounts follow one normalisation, the lie is recorded and told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from events.log import Entry
from events.types.call import CallOverran, CallReserved, CallSettled
from swarm.errors import BudgetExceeded, CapBroken
from swarm.insight.costs import why_call
from swarm.messages import Price
from swarm.models.openai_chat import OpenAIChat
from swarm.models.scripted import ScriptedModel
from swarm.models.transport import open_transport
from swarm.money.caps import Cap
from tests.calling import ASK, INPUT, Desk, arm, desk
from tests.provider import ABSENT, Answer, Provider

PRICE = Price(
    row="p",
    input_nanos=10 * 10**6,  # ten nano-dollars a token
    output_nanos=40 * 10**6,
    cached_nanos=10**6,
    cache_write_nanos=12 * 10**6,
    reasoning_nanos=50 * 10**6,
    request_nanos=7,
)
LONG = "A sentence that is said once, and is long enough to be counted. " * 4


@asynccontextmanager
async def paid(usage: Any, text: str = "Hello.") -> AsyncGenerator[tuple[Desk, OpenAIChat]]:
    """A desk whose paid model counts as `usage` says."""
    async with Provider(lambda _: Answer(text, usage=usage)) as provider, open_transport("aiohttp", environ={}) as wire:
        model = OpenAIChat("paid", base_url=provider.url, wire_model="m", transport=wire)
        async with desk([ScriptedModel("free", []), model], price=PRICE) as it:
            yield it, model


async def settled_of(it: Desk) -> tuple[Entry, Entry, CallSettled]:
    await it.call(arm("paid", PRICE))
    (reserved,), (settled,) = await it.only(CallReserved), await it.only(CallSettled)
    assert isinstance(settled.event, CallSettled)
    return reserved, settled, settled.event


def said(prompt: int, output: int, **more: Any) -> dict[str, Any]:
    cached, written, reasoning = (more.pop(name, None) for name in ("cached", "written", "reasoning"))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        **more,
    }


INSIDE = (
    40,
    20,
    30,
    5,
    8,
)  # input, output, cached, written, reasoning: 5 x 10 + 30 x 1 + 5 x 12 + 12 x 40 + 8 x 50 + 7
COST = 5 * 10 + 30 * 1 + 5 * 12 + 12 * 40 + 8 * 50 + 7


@pytest.mark.parametrize(
    ("usage", "counted", "doubts"),
    [
        pytest.param(said(40, 20, cached=30, written=5, reasoning=8, total_tokens=60), INSIDE, (), id="all-inside"),
        pytest.param(said(40, 20, cached=30, written=5, reasoning=8), INSIDE, (), id="inside-without-a-total"),
        pytest.param(said(5, 20, cached=30, written=5, reasoning=8, total_tokens=60), INSIDE, (), id="cache-beside"),
        pytest.param(said(40, 12, cached=30, written=5, reasoning=8, total_tokens=60), INSIDE, (), id="reason-beside"),
        pytest.param(said(5, 12, cached=30, written=5, reasoning=8, total_tokens=60), INSIDE, (), id="both-beside"),
        pytest.param(said(0, 20, cached=40, total_tokens=60), (40, 20, 40, 0, 0), (), id="all-of-it-cached-beside"),
        pytest.param(
            said(5, 20, cached=30, written=5, reasoning=8), INSIDE, ("part-too-large",), id="cache-beside-no-total"
        ),
        pytest.param(
            said(40, 5, reasoning=8), (40, 13, 0, 0, 8), ("part-too-large",), id="reasoning-beside-without-a-total"
        ),
        pytest.param(
            said(40, 20, cached=30, written=5, reasoning=8, total_tokens=9_000),
            INSIDE,
            ("total-differs",),
            id="a-total-that-no-reading-comes-to",
        ),
    ],
)
async def test_amounts_follow_one_normalisation_wherever_a_provider_counts_cache_and_reasoning(
    usage: Any, counted: tuple[int, ...], doubts: tuple[str, ...]
) -> None:
    async with paid(usage) as (it, _):
        _, _, event = await settled_of(it)
    input_, output, cached, written, reasoning = counted
    assert (event.input_tokens, event.output_tokens) == (input_, output)
    assert (event.cached_tokens, event.cache_write_tokens, event.reasoning_tokens) == (cached, written, reasoning)
    assert event.tokens == input_ - cached + output
    by_class = (input_ - cached - written) * 10 + cached + written * 12 + (output - reasoning) * 40 + reasoning * 50
    assert event.cost_nanos == by_class + 7 and (counted != INSIDE or event.cost_nanos == COST)
    assert (event.basis, event.doubts) == ("provider", doubts)


@pytest.mark.parametrize(
    "usage", [None, ABSENT, {}, "many", said(0, 0), said(0, 3), said(-1, 3), {"prompt_tokens": 10**12}]
)
async def test_usage_that_is_missing_or_cannot_be_is_charged_at_the_reservation(usage: Any) -> None:
    async with paid(usage) as (it, _):
        reserved, settled, event = await settled_of(it)
        assert isinstance(reserved.event, CallReserved)
        assert (event.basis, event.cost_nanos) == ("reservation", reserved.event.cost_nanos)
        assert (event.tokens, event.doubts) == (reserved.event.tokens, ())
        told = str(why_call(reserved, settled, None, PRICE))
        assert "the provider did not say what it counted" in told


@pytest.mark.parametrize(
    ("text", "usage", "doubts", "told"),
    [
        (LONG, said(40, 1), ("too-little-output",), "less output than a text of that length can have"),
        (LONG, said(40, 0), ("too-little-output",), "less output than a text of that length can have"),
        ("Hello.", said(40, 101), ("too-much-output",), "more output than it was allowed to give"),
        ("Hello.", said(INPUT + 1, 5), ("too-much-input",), "more input than a text of that length can have"),
    ],
)
async def test_a_count_that_cannot_be_of_such_a_text_is_recorded_as_it_is_and_told(
    text: str, usage: dict[str, Any], doubts: tuple[str, ...], told: str
) -> None:
    async with paid(usage, text) as (it, _):
        reserved, settled, event = await settled_of(it)
    assert event.doubts == doubts
    assert (event.input_tokens, event.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert event.cost_nanos == event.input_tokens * 10 + event.output_tokens * 40 + 7
    why = why_call(reserved, settled, None, PRICE)
    assert told in str(why)
    assert why.facts["doubts"] == list(doubts)


async def test_too_little_input_for_what_was_sent_is_told() -> None:
    async with paid(said(1, 5)) as (it, _):
        long = ASK.messages[0], type(ASK.messages[1])("user", LONG)
        await it.call(arm("paid", PRICE), ask=type(ASK)(messages=long, output_tokens=100))
        (entry,) = await it.only(CallSettled)
    assert isinstance(entry.event, CallSettled)
    assert entry.event.doubts == ("too-little-input",)


async def test_an_honest_count_of_ordinary_texts_raises_no_doubt() -> None:
    for text in (LONG, "def f(x):\n    return x\n" * 9, "错误信息" * 30, "a"):
        async with paid(said(20, max(1, len(text) // 5)), text) as (it, _):
            assert (await settled_of(it))[2].doubts == ()


async def test_a_lie_that_takes_a_scope_over_its_cap_ends_further_calls_in_it() -> None:
    async with paid(said(50_000, 90)) as (it, _):
        it.caps = (Cap(scope="day", nanos=100_000), Cap(scope="s1"))
        await it.call(arm("paid", PRICE))
        (over,), (entry,) = await it.only(CallOverran), await it.only(CallSettled)
        assert isinstance(over.event, CallOverran) and isinstance(entry.event, CallSettled)
        assert entry.event.cost_nanos == 50_000 * 10 + 90 * 40 + 7, "recorded in full"
        assert entry.event.doubts == ("too-much-input",)
        (reserved,) = await it.only(CallReserved)
        assert isinstance(reserved.event, CallReserved)
        assert over.event.cost_nanos == entry.event.cost_nanos - reserved.event.cost_nanos
        with pytest.raises(BudgetExceeded) as refused:
            await it.call(arm("paid", PRICE))
        assert refused.value.exit_code == 3 and "the budget of day" in str(refused.value)
        with pytest.raises(CapBroken, match=r"of day was broken: .* for call \d+, .*not even a free one"):
            await it.call(arm("free"))
        assert len(await it.only(CallReserved)) == 1, "nothing more was sent"
        it.caps = (Cap(scope="day", nanos=10**9), Cap(scope="s1"))
        await it.call(arm("paid", PRICE))  # a higher cap says so
