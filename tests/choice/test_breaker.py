"""Breakers: an arm that does not answer is left at once, tried again by one task at a time, and used again when it answers."""

from __future__ import annotations

from itertools import pairwise

from swarm.choice.breaker import TASKS, Breaker, answered, failed, lets_through


def test_each_failure_in_a_row_doubles_the_pause_and_an_answer_ends_it() -> None:
    breaker, tasks = Breaker(), [0]
    for _ in range(6):
        breaker = failed(breaker, tasks[-1] + 1)
        tasks.append(breaker.until)
    assert [later - earlier - 1 for earlier, later in pairwise(tasks)] == [4, 8, 16, 32, 64, 64]
    assert breaker.step == len(TASKS) and answered(breaker) == Breaker()
    closed = Breaker()
    assert answered(closed) is closed


def test_an_open_breaker_lets_one_task_through_when_its_pause_is_over() -> None:
    breakers = [("a", failed(Breaker(), 11)), ("b", Breaker())]
    assert lets_through(breakers, 14) == {"b"}
    assert lets_through(breakers, 15) == {"a", "b"}


def test_where_no_breaker_lets_any_through_all_are_asked() -> None:
    breakers = [(name, failed(Breaker(), 11)) for name in "ab"]
    assert lets_through(breakers, 11) == {"a", "b"}
    assert lets_through([], 0) == set()
