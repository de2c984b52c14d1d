"""The bench of long conversations: how it counts what a provider keeps, and that compaction is never dear."""

from __future__ import annotations

from bench import history
from swarm.compress.when import Rates
from swarm.messages import Message


def test_messages_that_begin_a_request_as_before_cost_what_is_cached_and_all_behind_a_change_what_is_written() -> None:
    said = [Message("user", text * 50) for text in ("one ", "two ", "six ")]
    first, second, third = map(history.size, said)
    rates = Rates(0.1, 1.25)
    assert history.request(said, said[:2], rates) == 0.1 * (first + second) + 1.25 * third
    assert history.request([said[0], said[2], said[2]], said, rates) == 0.1 * first + 1.25 * 2 * third


def test_a_session_costs_less_by_compaction_and_little_more_where_it_ends_behind_one() -> None:
    turns = [history.turn(number, shorter=False) for number in range(1, 11)]
    for rates in (Rates(), Rates(0.1, 1.25)):
        grown, *ways = (history.held(way, rates, turns) for way in (history.WAYS[0], *history.WAYS[2:4]))
        assert all(each.reasons and each.costs[-1] < grown.costs[-1] for each in ways)
        assert all(one <= 1.05 * other for each in ways for one, other in zip(each.costs, grown.costs, strict=True))
