"""Repricing: amounts follow from usage and price alone, and what has no other price keeps its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.log import Entry
from events.testing import builders as make
from events.types.any import AnyEvent
from events.views.cost import CostView
from swarm.messages import Price, Usage
from swarm.money.prices import cost_nanos, most_nanos
from swarm.money.repricing import Kept, RepricedView, repriced, reserved_at, usage_of
from tests.money.test_caps import prices, usages

MODELS = ("a", "b", "c")
tables = st.fixed_dictionaries({}, optional={model: prices() for model in MODELS})


def placed(event: AnyEvent, position: int) -> Entry:
    return Entry(position, b"", 0, "", "", 1, "t", 1, 1, 0, event)


def usage_fields(usage: Usage) -> dict[str, int]:
    return msgspec.structs.asdict(usage)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Calls of some models, each open, failed, settled with usage or without, or unknown and perhaps settled after all."""
    entries: list[Entry] = []

    def add(event: AnyEvent) -> int:
        entries.append(placed(event, len(entries) + 1))
        return len(entries)

    for _ in range(draw(st.integers(0, 6))):
        asked, output = draw(st.integers(0, 80)), draw(st.integers(0, 80))
        nanos = draw(st.integers(0, 100))
        at = add(
            make.reserved(
                model=draw(st.sampled_from(MODELS)),
                tokens=asked + output,
                max_output_tokens=output,
                cost_nanos=nanos,
                price="then",
            )
        )
        ends = draw(st.sampled_from(("open", "failed", "unknown", "settled", "late")))
        if ends in ("unknown", "late"):
            add(make.unknown(at))
        if ends == "failed":
            add(make.failed(at))
        if ends in ("settled", "late"):
            basis = draw(st.sampled_from(("provider", "reservation", "invoice")))
            usage = usage_fields(draw(usages(longest=80)))
            add(make.settled(at, basis=basis, cost_nanos=draw(st.integers(0, 100)), price="then", **usage))
    return entries


def after(entries: Sequence[Entry], table: dict[str, Price]) -> RepricedView:
    view = RepricedView(table.get)
    for entry in entries:
        view.apply(entry)
    return view


def at_prices(entries: Sequence[Entry], table: dict[str, Price]) -> list[Entry]:
    view = RepricedView(table.get)
    return [view.at_its_price(entry) for entry in entries]


@given(histories(), tables, tables)
def test_repricing_twice_is_repricing_once(
    entries: list[Entry], first: dict[str, Price], last: dict[str, Price]
) -> None:
    once = at_prices(entries, last)
    assert at_prices(once, last) == once
    assert after(once, last).costs == after(entries, last).costs
    both = first.keys() & last.keys()
    if both == first.keys():  # a price between leaves no trace where the last has one, too
        assert at_prices(at_prices(entries, first), last) == once


@given(histories())
def test_without_any_other_price_all_stays_as_recorded_and_is_named(entries: list[Entry]) -> None:
    recorded = CostView()
    for entry in entries:
        recorded.apply(entry)
    view = after(entries, {})
    assert view.costs == recorded
    calls = recorded.total().calls
    assert sum(view.kept.values()) == calls
    assert {kept.row for kept in view.kept} == ({"then"} if calls else set())


@given(prices(), usages(longest=80), st.integers(0, 80), st.integers(0, 80))
def test_at_the_price_of_then_a_call_costs_what_was_recorded(
    price: Price, usage: Usage, input_: int, output: int
) -> None:
    counted = make.settled(1, cost_nanos=cost_nanos(price, usage), **usage_fields(usage))
    assert usage_of(counted) == usage
    assert repriced(counted, price) == counted.cost_nanos
    most = most_nanos(price, input_, output)
    silent = make.settled(1, basis="reservation", input_tokens=input_, output_tokens=output, cost_nanos=most)
    assert repriced(silent, price) == most
    call = make.reserved(tokens=input_ + output, max_output_tokens=output, cost_nanos=most)
    assert reserved_at(call, price) == most


def test_a_call_that_nobody_knows_of_costs_what_the_other_price_would_have_had_reserved() -> None:
    double = Price(row="new", input_nanos=2_000_000, output_nanos=4_000_000)
    call = make.reserved(model="a", tokens=150, max_output_tokens=50, cost_nanos=7, price="then")
    view = after([placed(call, 1), placed(make.unknown(1), 2)], {"a": double})
    assert view.costs.total().maybe_paid_nanos == view.costs.total().nanos == 100 * 2 + 50 * 4
    assert not view.kept


def test_an_amount_from_an_invoice_is_no_price_times_usage_and_stays() -> None:
    billed = make.settled(1, basis="invoice", cost_nanos=1234)
    assert repriced(billed, Price(row="new", input_nanos=10**9, output_nanos=10**9)) == 1234


def test_what_keeps_its_amount_is_named_with_its_row_and_how_often() -> None:
    call = make.reserved(model="gone", price="settings:1/2")
    view = after([placed(call, 1), placed(call, 2)], {"a": Price(row="new", input_nanos=1, output_nanos=1)})
    assert view.kept == {Kept("gone", "settings:1/2"): 2}


def test_a_call_whose_usage_was_not_told_costs_the_most_that_it_could_at_the_other_price() -> None:
    silent = make.settled(1, basis="reservation", input_tokens=100, output_tokens=50, cost_nanos=7)
    price = Price(row="new", input_nanos=10**6, cached_nanos=3 * 10**6, output_nanos=2 * 10**6)
    assert repriced(silent, price) == 100 * 3 + 50 * 2
