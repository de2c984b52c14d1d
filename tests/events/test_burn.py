"""When money went: the amounts over time come to what the other views say was spent."""

from __future__ import annotations

from random import Random

import pytest

from events.log import open_log
from events.testing.histories import history
from events.views.base import fold
from events.views.burn import BurnView
from events.views.cost import CostView
from events.views.money import MoneyView


@pytest.mark.parametrize("seed", range(6))
async def test_the_amounts_over_time_sum_to_what_was_spent_and_follow_live_to_the_same(seed: int) -> None:
    live = BurnView()
    async with open_log("memory:") as log:
        for append in history(Random(seed), sessions=4):
            await log.append(append.events, texts=append.texts)
        for entry in await log.read(limit=10_000):
            live.apply(entry)
        view, cost, money = await fold(log, BurnView()), await fold(log, CostView()), await fold(log, MoneyView())
    assert view == live and view.burnt
    assert sum(each.nanos for each in view.burnt) == cost.total().nanos
    assert sum(each.tokens for each in view.burnt) == money.scope("log").spent.tokens
    by_day = {each.day: sum(other.nanos for other in view.burnt if other.day == each.day) for each in view.burnt}
    for day, nanos in by_day.items():
        assert nanos == sum(cost.nanos for payer, cost in cost.costs.items() if payer.day == day)
