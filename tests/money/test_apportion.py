"""What a shared request came to is divided in whole numbers that add up, and nobody is charged more than was reserved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import Price, Usage
from swarm.money.apportion import apportioned, bills
from swarm.money.bill import Bill
from swarm.money.caps import Grant, Need
from swarm.money.prices import cost_nanos, counted_tokens, most_nanos

PARTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 900)), min_size=1, max_size=12)
PRICE = Price(row="p", input_nanos=1_234_567, output_nanos=7_654_321, cached_nanos=123_456)


@given(total=st.integers(0, 5_000), parts=PARTS)
def test_the_parts_add_up_to_the_whole_and_stay_below_their_bounds_where_that_can_be(
    total: int, parts: list[tuple[int, int]]
) -> None:
    weights, most = [weight for weight, _ in parts], [bound for _, bound in parts]
    found = apportioned(total, weights, most)
    assert sum(found) == total and min(found) >= 0
    if total <= sum(most):
        assert all(part <= bound for part, bound in zip(found, most, strict=True))
    assert found == apportioned(total, weights, most)


@given(total=st.integers(0, 5_000), weights=st.lists(st.integers(0, 500), min_size=1, max_size=12))
def test_without_bounds_a_part_is_off_its_share_by_less_than_one(total: int, weights: list[int]) -> None:
    found = apportioned(total, weights, [total] * len(weights))
    whole = sum(weights)
    if whole:
        assert all(abs(part - total * weight / whole) < 1 for part, weight in zip(found, weights, strict=True))


@given(
    reserved=st.lists(
        st.tuples(st.integers(20, 500), st.integers(1, 400), st.integers(0, 300)), min_size=2, max_size=8
    ),
    read=st.floats(0, 1),
    said=st.floats(0, 1),
    cached=st.floats(0, 1),
)
def test_a_bill_is_divided_to_the_token_and_the_nano_dollar_and_within_what_each_reserved(
    reserved: list[tuple[int, int, int]], read: float, said: float, cached: float
) -> None:
    needs = [
        Need(scopes=(), caps=(), price=PRICE, input_tokens=tokens, output_tokens=most, least_output_tokens=1)
        for tokens, most, _ in reserved
    ]
    grants = [Grant(most, tokens + most, most_nanos(PRICE, tokens, most)) for tokens, most, _ in reserved]
    sent = int(sum(tokens for tokens, _, _ in reserved) * read)
    usage = Usage(
        input_tokens=sent,
        output_tokens=int(sum(most for _, most, _ in reserved) * said),
        cached_tokens=int(sent * cached),
    )
    whole = Bill(usage=usage, tokens=counted_tokens(usage), nanos=cost_nanos(PRICE, usage), basis="provider")
    found = bills(whole, needs, grants, [answered for _, _, answered in reserved])
    assert sum(each.tokens for each in found) == whole.tokens
    assert sum(each.nanos for each in found) == whole.nanos
    assert sum(each.usage.cached_tokens for each in found) == usage.cached_tokens
    for each, grant in zip(found, grants, strict=True):
        assert each.tokens <= grant.tokens and each.nanos <= grant.nanos
        assert 0 <= each.usage.cached_tokens <= each.usage.input_tokens


def test_where_the_provider_says_nothing_each_is_charged_what_it_reserved() -> None:
    need = Need(scopes=(), caps=(), price=PRICE, input_tokens=50, output_tokens=20, least_output_tokens=1)
    grants = [Grant(20, 70, 999), Grant(10, 60, 888)]
    whole = Bill(usage=Usage(input_tokens=100, output_tokens=30), tokens=130, nanos=1_887, basis="reservation")
    assert [(each.tokens, each.nanos, each.basis) for each in bills(whole, [need, need], grants, [1, 1])] == [
        (70, 999, "reservation"),
        (60, 888, "reservation"),
    ]
