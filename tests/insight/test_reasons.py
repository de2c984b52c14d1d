"""The pure part of explanations: choices, costs and scopes agree with the events that they explain, whatever those say."""

from __future__ import annotations

from random import Random

import anyio
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import Entry
from events.memory import MemoryLog
from events.testing.builders import SetClock
from events.testing.histories import history
from events.trails import Trails
from events.types.base import TextRef
from events.types.call import CallReserved, CallSettled
from events.types.choice import ChoiceMade
from events.views.base import fold
from events.views.money import MoneyView
from events.views.scope import ScopeView
from swarm.choice.choose import choose
from swarm.choice.question import POLICIES, Policy, Question
from swarm.insight.choices import why_choice
from swarm.insight.costs import shares, why_call
from swarm.insight.reason import Reason, exact, usd
from swarm.messages import MILLION, TIERS, Arm, Price, Usage
from swarm.money.prices import cost_nanos

arms = st.lists(
    st.builds(
        Arm,
        agent=st.sampled_from(["coder", "writer"]),
        model=st.sampled_from(["a", "b", "c", "d", "e"]),
        tier=st.sampled_from(TIERS),
        price=st.builds(
            Price, row=st.just("r"), input_nanos=st.integers(0, 10**10), output_nanos=st.integers(0, 10**10)
        ),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda arm: arm.name,
)


def question(seed: str, policy: Policy = "roulette") -> Question:
    return Question(
        role="worker", context="worker/code", seed=seed, policy=policy, now=0, input_tokens=900, output_tokens=500
    )


@given(st.sampled_from(POLICIES), arms, st.text(max_size=8), st.sets(st.sampled_from("abcde"), max_size=3))
def test_a_choice_is_explained_with_every_candidate_its_share_and_the_sector_in_which_the_draw_fell(
    policy: Policy, arms: list[Arm], seed: str, out: set[str]
) -> None:
    choice = choose(question(seed, policy), arms, Trails(), dict.fromkeys(out, "it is out"))
    if choice is None:
        return
    assert isinstance(choice, ChoiceMade), "the first try is always made"
    reason = why_choice(7, choice)
    candidates = [each for each in reason.because if "mean" in each.facts]
    assert {(each.facts["agent"], each.facts["model"]) for each in candidates} == {
        (each.agent, each.model) for each in choice.candidates
    }
    assert abs(sum(each.facts["probability"] for each in candidates) - 1) < 1e-9
    assert sum(each.facts["chosen"] for each in candidates) == 1
    left_out = [each.facts["model"] for each in reason.because if each.facts.get("excluded")]
    assert left_out == [each.model for each in choice.excluded]
    if policy == "trails":
        return
    draw = next(each.facts for each in reason.because if "point" in each.facts)
    assert draw["from"] - 1e-9 <= draw["point"] <= draw["to"] + 1e-9


def test_what_a_cascade_is_worth_is_told_only_where_right_work_has_a_worth() -> None:
    dear = Price(row="r", input_nanos=10**9, output_nanos=10**9)
    free = Price(row="r", input_nanos=0, output_nanos=0)
    for price, told in ((free, False), (dear, True)):
        both = [Arm(agent="coder", model=name, tier="paid", price=price) for name in ("a", "b")]
        choice = choose(question("s", "trails"), both, Trails(), {})
        assert isinstance(choice, ChoiceMade)
        assert any("is worth $" in each.said for each in why_choice(7, choice).because) == told


def test_a_choice_by_a_rule_names_the_rule_and_one_of_another_policy_no_wheel() -> None:
    arm = Arm(agent="coder", model="a", tier="free", price=Price(row="r", input_nanos=0, output_nanos=0))
    choice = choose(question("s"), [arm], Trails(), {})
    assert isinstance(choice, ChoiceMade)
    stayed = msgspec.structs.replace(choice, why="another try with feedback", policy="trails")
    said = [each.said for each in why_choice(7, stayed).because]
    assert said[0] == "a rule went before the draw: another try with feedback"
    assert said[-1] == "the seed of the draws was s"


prices = st.builds(
    Price,
    row=st.just("r"),
    input_nanos=st.integers(0, 10**11),
    output_nanos=st.integers(0, 10**11),
    cached_nanos=st.none() | st.integers(0, 10**11),
    cache_write_nanos=st.none() | st.integers(0, 10**11),
    reasoning_nanos=st.none() | st.integers(0, 10**11),
    request_nanos=st.integers(0, 10**9),
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    plain, cached, written, out = (draw(st.integers(0, 10**6)) for _ in range(4))
    return Usage(
        input_tokens=plain + cached + written,
        cached_tokens=cached,
        cache_write_tokens=written,
        output_tokens=out,
        reasoning_tokens=draw(st.integers(0, out)),
    )


@given(usages(), prices)
def test_the_classes_of_a_call_add_up_to_what_it_cost(usage: Usage, price: Price) -> None:
    classes = shares(usage, price)
    by_class = -(-sum(share.tokens * share.nanos for share in classes) // MILLION)
    assert price.request_nanos + by_class == cost_nanos(price, usage)
    assert sum(share.tokens for share in classes) == usage.input_tokens + usage.output_tokens


def placed(event: CallReserved | CallSettled, position: int) -> Entry:
    return Entry(
        position=position,
        id=b"",
        at=0,
        topic="",
        project="",
        session=1,
        task="t",
        step=1,
        attempt=1,
        cause=0,
        event=event,
    )


def a_call(usage: Usage, nanos: int, **more: str) -> tuple[Entry, Entry]:
    reserved = CallReserved(
        role="worker",
        agent="coder",
        model="a",
        tier="paid",
        messages=(),
        max_output_tokens=500,
        tokens=900,
        cost_nanos=5_000,
        price="r",
        scopes=("day:2026-11-21@UTC", "s1", "s1/t"),
        ordinal=1,
    )
    settled = CallSettled(
        reservation=3,
        answer=TextRef("d"),
        finish="stop",
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        tokens=0,
        cost_nanos=nanos,
        price="r",
        **more,  # type: ignore[arg-type]
    )
    return placed(reserved, 3), placed(settled, 4)


def all_of(reason: Reason) -> list[Reason]:
    return [reason, *(each for part in reason.because for each in all_of(part))]


@given(usages(), prices, st.integers(1, 1000))
def test_a_recorded_cost_agrees_with_its_price_row_and_one_that_does_not_is_shown(
    usage: Usage, price: Price, wrong_by: int
) -> None:
    right = why_call(*a_call(usage, cost_nanos(price, usage)), None, price)
    assert right.facts["cost_nanos"] == cost_nanos(price, usage)
    assert not [each for each in all_of(right) if each.tone == "bad"]
    wrong = why_call(*a_call(usage, cost_nanos(price, usage) + wrong_by), None, price)
    (shown,) = [each for each in all_of(wrong) if each.tone == "bad"]
    assert shown.facts["recorded_nanos"] - shown.facts["cost_nanos"] == wrong_by
    reservation = next(each for each in right.because if "max_output_tokens" in each.facts)
    assert (reservation.facts["tokens"], reservation.facts["cost_nanos"]) == (900, 5_000)


def test_a_call_that_the_provider_did_not_count_or_whose_prices_are_gone_says_so() -> None:
    usage = Usage(input_tokens=10, output_tokens=5)
    uncounted = why_call(*a_call(usage, 5_000, basis="reservation"), None, None)
    assert any("charged at its reservation" in each.said for each in uncounted.because)
    gone = why_call(*a_call(usage, 70), None, None)
    assert any("the price row r are not kept" in each.said for each in gone.because)


@given(st.integers(-(10**15), 10**15))
def test_an_amount_in_an_explanation_loses_no_place(nanos: int) -> None:
    text = usd(nanos)
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("-").removeprefix("$").replace(",", "").partition(".")
    assert sign * (int(whole) * 10**9 + int(part.ljust(9, "0"))) == nanos
    assert not part.endswith("0")


def test_amounts_smaller_than_a_nano_dollar_are_written_out() -> None:
    assert exact(1, 15) == "$0.000000000000001"
    assert exact(1_234_000_000_000_000_000, 15) == "$1,234"


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 32))
def test_the_calls_of_a_scope_add_up_to_what_the_ledger_holds_of_it(seed: int) -> None:
    async def check() -> None:
        log = MemoryLog(clock=SetClock())
        for events, texts in history(Random(seed)):
            await log.append(events, texts=texts)
        money = await fold(log, MoneyView())
        for name, state in money.scopes.items():
            view = await fold(log, ScopeView(name))
            for what, words in ((state.spent, ("settled", "maybe paid")), (state.reserved, ("reserved",))):
                calls = [call for call in view.calls.values() if call.state in words]
                assert sum(call.tokens for call in calls) == what.tokens
                assert sum(call.nanos for call in calls) == what.nanos

    anyio.run(check)
