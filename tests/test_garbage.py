"""A session looks seldom for garbage, and leaves the collector as it found it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from swarm.garbage import RARE, rare_collections


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_collector_looks_seldom_until_the_last_session_ends() -> None:
    gc.set_threshold(701, 11, 12)
    first, second = ExitStack(), ExitStack()
    first.enter_context(rare_collections())
    second.enter_context(rare_collections())
    first.close()
    assert gc.get_threshold() == RARE
    second.close()
    assert gc.get_threshold() == (701, 11, 12)


def test_an_error_ends_it_too() -> None:
    gc.set_threshold(701, 11, 12)
    with pytest.raises(ValueError, match="no"), rare_collections():
        raise ValueError("no")
    assert gc.get_threshold() == (701, 11, 12)


@pytest.mark.parametrize("chosen", [(0, 10, 10), (100_000, 10, 10)])
def test_who_looks_more_seldom_already_is_left_alone(chosen: tuple[int, int, int]) -> None:
    gc.set_threshold(*chosen)
    with rare_collections():
        assert gc.get_threshold() == chosen
    assert gc.get_threshold() == chosen
