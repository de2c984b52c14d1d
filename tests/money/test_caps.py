"""Admitting a call: the same answer as trying out every output, in whole numbers, and the sentence of a refusal."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.views.money import Amount, MoneyView, ScopeState, SetCap
from swarm.errors import BudgetExceeded
from swarm.messages import FREE, MILLION, Price, Step, Usage
from swarm.money.caps import Cap, Grant, Need, Wait, admit, day_scope, in_force, with_reserve
from swarm.money.prices import affordable_output, cost_nanos, counted_tokens, most_nanos

SCOPES = ("day", "s1", "s1/t")

amounts = st.builds(Amount, st.integers(0, 60), st.integers(0, 60))
RATES = {
    "input_nanos": st.integers(0, 3 * MILLION),
    "output_nanos": st.integers(0, 3 * MILLION),
    "cached_nanos": st.none() | st.integers(0, 3 * MILLION),
    "cache_write_nanos": st.none() | st.integers(0, 4 * MILLION),
    "reasoning_nanos": st.none() | st.integers(0, 4 * MILLION),
}


@st.composite
def prices(draw: st.DrawFn, longest: int = 60) -> Price:
    lengths = sorted(draw(st.sets(st.integers(1, longest), max_size=3)))
    steps = tuple(draw(st.builds(Step, above_tokens=st.just(length), **RATES)) for length in lengths)
    return draw(st.builds(Price, row=st.just("row"), request_nanos=st.integers(0, 50), steps=st.just(steps), **RATES))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Need, MoneyView, dict[str, Amount]]:
    money, settling = MoneyView(), dict[str, Amount]()
    for scope in SCOPES:
        reserved = draw(amounts)
        money.scopes[scope] = ScopeState(spent=draw(amounts), reserved=reserved)
        settling[scope] = Amount(draw(st.integers(0, reserved.tokens)), draw(st.integers(0, reserved.nanos)))
    caps = tuple(
        Cap(scope=scope, tokens=draw(st.none() | st.integers(0, 200)), nanos=draw(st.none() | st.integers(0, 200)))
        for scope in SCOPES
    )
    asked = draw(st.integers(1, 40))
    need = Need(
        scopes=SCOPES,
        caps=caps,
        price=draw(st.just(FREE) | prices()),
        input_tokens=draw(st.integers(0, 60)),
        output_tokens=asked,
        least_output_tokens=draw(st.integers(1, asked)),
    )
    return need, money, settling


def exactly(price: Price, input_: int, output: int, *, dearest: bool) -> Fraction:
    """What input and output cost, of no class in particular or all of the dearest."""
    rates = next((step for step in reversed(price.steps) if input_ > step.above_tokens), price)
    into = [rates.input_nanos] + [rates.cached_nanos or 0, rates.cache_write_nanos or 0] * dearest
    out = [rates.output_nanos] + [rates.reasoning_nanos or 0] * dearest
    return price.request_nanos + Fraction(input_ * max(into) + output * max(out), MILLION)


def fits(need: Need, cap: Cap, output: int, state: ScopeState, less: Amount) -> bool:
    """Whether a call with so much output stays under a cap, reckoned with fractions."""
    tokens = state.spent.tokens + state.reserved.tokens - less.tokens + need.input_tokens + output
    if cap.tokens is not None and tokens > cap.tokens:
        return False
    price = need.price
    if cap.nanos is None or price.is_free:
        return True
    cost = max(exactly(price, length, output, dearest=True) for length in range(need.input_tokens + 1))
    return state.spent.nanos + state.reserved.nanos - less.nanos + cost <= cap.nanos


@given(questions())
def test_a_call_is_admitted_clamped_or_told_to_wait_just_as_trying_out_every_output_says(
    question: tuple[Need, MoneyView, dict[str, Amount]],
) -> None:
    need, money, settling = question
    now = [
        output
        for output in range(need.least_output_tokens, need.output_tokens + 1)
        if all(fits(need, cap, output, money.scopes[cap.scope], Amount()) for cap in need.caps)
    ]
    later = [
        cap
        for cap in need.caps
        if fits(need, cap, need.least_output_tokens, money.scopes[cap.scope], settling[cap.scope])
    ]
    decision = admit(need, money, settling)
    if now:
        output = max(now)
        assert decision == Grant(output, need.input_tokens + output, most_nanos(need.price, need.input_tokens, output))
    elif len(later) == len(need.caps):
        assert isinstance(decision, Wait)
        cap = next(cap for cap in need.caps if cap.scope == decision.scope)
        assert not fits(need, cap, need.least_output_tokens, money.scopes[cap.scope], Amount())
    else:
        assert isinstance(decision, BudgetExceeded)
        assert decision.scope == next(cap.scope for cap in need.caps if cap not in later)
        assert decision.used + decision.reserved + decision.needed > decision.cap


@given(prices(), st.integers(0, 80), st.integers(0, 10**7), st.integers(0, 10**9))
def test_money_is_whole_numbers_rounded_up_once(price: Price, input_: int, output: int, nanos: int) -> None:
    most = most_nanos(price, input_, output)
    exact = max(exactly(price, length, output, dearest=True) for length in range(input_ + 1))
    assert isinstance(most, int)
    assert exact <= most < exact + 1
    room = affordable_output(price, input_, nanos)
    assert room is None or isinstance(room, int)
    if room is None:
        assert most_nanos(price, input_, 10**9) == most_nanos(price, input_, 0) <= nanos
    elif room >= 0:
        assert most_nanos(price, input_, room) <= nanos < most_nanos(price, input_, room + 1)
    else:
        assert most_nanos(price, input_, 0) > nanos


@st.composite
def usages(draw: st.DrawFn, longest: int = 10**6) -> Usage:
    input_, output = draw(st.integers(0, longest)), draw(st.integers(0, longest))
    cached = draw(st.integers(0, input_))
    return Usage(
        input_tokens=input_,
        output_tokens=output,
        cached_tokens=cached,
        cache_write_tokens=draw(st.integers(0, input_ - cached)),
        reasoning_tokens=draw(st.integers(0, output)),
    )


@given(prices(longest=10**6), usages(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_usage_within_what_was_asked_costs_more_than_was_reserved(
    price: Price, usage: Usage, more_input: int, more_output: int
) -> None:
    asked = usage.input_tokens + more_input, usage.output_tokens + more_output
    assert cost_nanos(price, usage) <= most_nanos(price, *asked)
    assert counted_tokens(usage) <= sum(asked)


@given(prices(), st.integers(0, 80), st.integers(0, 80))
def test_what_is_reserved_is_what_some_usage_costs(price: Price, input_: int, output: int) -> None:
    most = max(
        cost_nanos(
            price,
            Usage(
                input_tokens=length,
                output_tokens=output,
                cached_tokens=cached,
                cache_write_tokens=written,
                reasoning_tokens=reasoning,
            ),
        )
        for length in range(input_ + 1)
        for cached, written in ((0, 0), (length, 0), (0, length))
        for reasoning in (0, output)
    )
    assert most == most_nanos(price, input_, output)


@given(prices(longest=10**6), usages())
def test_a_call_costs_the_sum_of_its_classes_rounded_up_once(price: Price, usage: Usage) -> None:
    rates = next((step for step in reversed(price.steps) if usage.input_tokens > step.above_tokens), price)
    cached_nanos = rates.input_nanos if rates.cached_nanos is None else rates.cached_nanos
    written_nanos = rates.input_nanos if rates.cache_write_nanos is None else rates.cache_write_nanos
    reasoning_nanos = rates.output_nanos if rates.reasoning_nanos is None else rates.reasoning_nanos
    exact = price.request_nanos + Fraction(
        (usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens) * rates.input_nanos
        + usage.cached_tokens * cached_nanos
        + usage.cache_write_tokens * written_nanos
        + (usage.output_tokens - usage.reasoning_tokens) * rates.output_nanos
        + usage.reasoning_tokens * reasoning_nanos,
        MILLION,
    )
    cost = cost_nanos(price, usage)
    assert isinstance(cost, int)
    assert exact <= cost < exact + 1


def test_a_step_holds_for_what_is_longer_than_it_and_is_reserved_from_there_on() -> None:
    dearer = Step(above_tokens=100, input_nanos=2 * MILLION, output_nanos=6 * MILLION)
    price = Price(row="row", input_nanos=MILLION, output_nanos=3 * MILLION, request_nanos=5, steps=(dearer,))
    assert (most_nanos(price, 100, 10), most_nanos(price, 101, 10)) == (5 + 100 + 30, 5 + 202 + 60)
    assert (affordable_output(price, 100, 135), affordable_output(price, 101, 267)) == (10, 10)
    cheaper = Price(row="row", input_nanos=9 * MILLION, output_nanos=9 * MILLION, steps=(dearer,))
    assert most_nanos(cheaper, 101, 10) == 100 * 9 + 10 * 9, "a shorter input would be the dearer one"
    assert cost_nanos(cheaper, Usage(input_tokens=101, output_tokens=10)) == 202 + 60


def a_need(*caps: Cap, price: Price = FREE, least: int = 10) -> Need:
    return Need(scopes=SCOPES, caps=caps, price=price, input_tokens=100, output_tokens=20, least_output_tokens=least)


def test_a_free_model_is_held_back_by_a_token_cap_and_by_no_money_cap() -> None:
    money = MoneyView()
    assert isinstance(admit(a_need(Cap(scope="day", nanos=0)), money, {}), Grant)
    refused = admit(a_need(Cap(scope="day", nanos=0), Cap(scope="s1", tokens=109)), money, {})
    assert isinstance(refused, BudgetExceeded)
    assert (refused.scope, refused.unit, refused.needed) == ("s1", "tokens", 110)


def test_a_paid_model_is_refused_where_the_money_is_gone_and_told_how_much_it_lacks() -> None:
    price = Price(row="p", input_nanos=10**9, output_nanos=10**9)
    refused = admit(a_need(Cap(scope="day", nanos=109_999), price=price), MoneyView(), {})
    assert isinstance(refused, BudgetExceeded)
    assert str(refused) == (
        "the budget of day has $0.000109999 of $0.000109999 left and the next call needs $0.00011; "
        "raise the cap and go on with `swarm resume --raise AMOUNT`, or split the task"
    )
    assert refused.exit_code == 3


def test_an_answer_is_clamped_to_what_is_left_but_not_below_what_is_of_use() -> None:
    assert admit(a_need(Cap(scope="s1", tokens=115)), MoneyView(), {}) == Grant(15, 115, 0)
    assert isinstance(admit(a_need(Cap(scope="s1", tokens=115), least=16), MoneyView(), {}), BudgetExceeded)


def test_asking_changes_nothing() -> None:
    money = MoneyView()
    admit(a_need(Cap(scope="s1", tokens=115)), money, {})
    assert money == MoneyView()


@pytest.mark.parametrize(
    ("now", "zone", "name"),
    [
        (1_795_251_108_000_000, "Europe/Berlin", "day:2026-11-21@Europe/Berlin"),
        (1_795_302_000_000_000, "UTC", "day:2026-11-21@UTC"),
        (1_795_302_000_000_000, "Europe/Berlin", "day:2026-11-22@Europe/Berlin"),
    ],
)
def test_a_day_is_named_with_its_time_zone(now: int, zone: str, name: str) -> None:
    assert day_scope(now, zone) == name


@given(questions(), st.sampled_from(SCOPES))
def test_what_is_held_back_is_as_good_as_not_there_for_a_call_and_there_for_the_hand_over(
    question: tuple[Need, MoneyView, dict[str, Amount]], scope: str
) -> None:
    need, money, settling = question

    def decided(**changes: object) -> object:
        caps = tuple(msgspec.structs.replace(cap, **changes) if cap.scope == scope else cap for cap in need.caps)
        decision = admit(msgspec.structs.replace(need, caps=caps), money, settling)
        return (
            decision if not isinstance(decision, BudgetExceeded) else (decision.scope, decision.unit, decision.needed)
        )

    (cap,) = [cap for cap in need.caps if cap.scope == scope]
    tokens = None if cap.tokens is None else cap.tokens - cap.tokens // 10
    nanos = None if cap.nanos is None else cap.nanos - cap.nanos // 10
    assert decided(holds_back=True) == decided(tokens=tokens, nanos=nanos)
    assert decided(holds_back=False) == decided()


def test_of_a_cap_on_money_a_tenth_is_held_back_as_well() -> None:
    price = Price(row="p", input_nanos=MILLION, output_nanos=MILLION)  # a nano-dollar a token
    need = Need(scopes=SCOPES, caps=(), price=price, input_tokens=50, output_tokens=60, least_output_tokens=10)
    for holds_back, most in ((True, 40), (False, 50)):
        caps = (Cap(scope="s1/t", nanos=100, holds_back=holds_back),)
        assert admit(msgspec.structs.replace(need, caps=caps), MoneyView(), {}) == Grant(most, 50 + most, 50 + most)


@given(st.integers(0, 10**12))
def test_a_cap_with_a_reserve_leaves_what_it_is_to_leave(amount: int) -> None:
    cap = Cap(scope="s1/t", tokens=with_reserve(amount), holds_back=True)
    assert cap.tokens is not None
    assert amount <= cap.tokens - cap.held("tokens") <= amount + 1


@given(questions(), st.integers(1, 100))
def test_a_call_that_spares_a_part_of_each_cap_is_made_within_the_rest_or_refused_and_never_waits(
    question: tuple[Need, MoneyView, dict[str, Amount]], spares: int
) -> None:
    need, money, settling = question
    sparing = tuple(msgspec.structs.replace(cap, spares=spares) for cap in need.caps)
    decided = admit(msgspec.structs.replace(need, caps=sparing), money, settling)
    assert not isinstance(decided, Wait)
    lower = tuple(
        Cap(
            scope=cap.scope,
            tokens=None if cap.tokens is None else cap.tokens * (100 - spares) // 100,
            nanos=None if cap.nanos is None else cap.nanos * (100 - spares) // 100,
        )
        for cap in need.caps
    )
    without_waiting = admit(msgspec.structs.replace(need, caps=lower), money, {})
    assert isinstance(decided, Grant) == isinstance(without_waiting, Grant)
    if isinstance(decided, Grant):
        assert decided == without_waiting


def test_a_cap_that_a_person_recorded_is_spared_as_the_others_are() -> None:
    money = MoneyView()
    money.scopes["s1"] = ScopeState(caps={"tokens": SetCap(most=1_000, by="ada@host", at=0, position=1)})
    day, own = in_force((Cap(scope="day", nanos=10, spares=20),), ("day", "s1"), money)
    assert (day.spares, own.spares, own.held("tokens")) == (20, 20, 200)
