"""What an answer will have at the most is foreseen from answers like it, and never more tightly than they allow."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.call import Foreseen
from events.views.sizes import Kind, Sizes, SizesView
from swarm.money.foresight import LEAST_ANSWERS, LEAST_TOKENS, PART, SHARE, fitting, foresee, quantile

OWN = Kind("worker", "simple", "code", "m")
MATES = Kind("worker", "simple", "code", "other")
STRANGERS = Kind("worker", "simple", "docs", "other")
HARDER = Kind("worker", "complex", "code", "m")


def knowing(*answers: tuple[Kind, list[int], int]) -> SizesView:
    """A view of whole answers of those sizes, and of so many that were cut."""
    view = SizesView()
    for kind, sizes, cut in answers:
        for each in (kind, *kind.wider):
            known = view.kinds.setdefault(each, Sizes())
            for size in sizes:
                known.add(size)
            for _ in range(cut):
                known.add(0, cut=True)
    return view


MANY = [100] * LEAST_ANSWERS


@pytest.mark.parametrize(("by", "like"), [(OWN, "model"), (MATES, "type"), (STRANGERS, "role")])
def test_where_a_model_gave_too_few_answers_those_most_like_them_speak_for_it(by: Kind, like: str) -> None:
    assert foresee(knowing((by, MANY, 0)), OWN) == Foreseen(103, LEAST_ANSWERS, like)


@pytest.mark.parametrize("view", [SizesView(), knowing((OWN, MANY[1:], 0)), knowing((HARDER, MANY, 0))])
def test_too_few_answers_foresee_nothing_nor_do_those_to_harder_tasks(view: SizesView) -> None:
    assert foresee(view, OWN) is None


def test_others_never_speak_for_less_than_a_model_needed_itself() -> None:
    assert foresee(knowing((MATES, MANY, 0), (OWN, [400], 0)), OWN) == Foreseen(415, LEAST_ANSWERS + 1, "type")
    assert foresee(knowing((MATES, MANY * 6, 0), (OWN, [], 1)), OWN) is None, "nobody knows how much that needs"


def test_one_answer_that_was_cut_among_few_foresees_nothing_one_among_many_changes_nothing() -> None:
    assert foresee(knowing((OWN, MANY, 1)), OWN) is None
    assert foresee(knowing((OWN, MANY * 6, 1)), OWN) == Foreseen(103, 6 * LEAST_ANSWERS + 1, "model")


def test_no_answer_gets_less_room_than_a_short_one_needs() -> None:
    found = foresee(knowing((OWN, [3] * LEAST_ANSWERS, 0)), OWN)
    assert found is not None and found.tokens == LEAST_TOKENS


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=300), st.integers(0, 20))
def test_at_least_the_share_of_all_answers_fits(sizes: list[int], cut: int) -> None:
    known = Sizes()
    for size in sizes:
        known.add(size)
    known.cut = cut
    limit = quantile(known, SHARE)
    if limit is None:
        assert cut * 100 > (100 - SHARE) * len(sizes)
    else:
        fit = sum(size <= limit for size in sizes)
        assert fit * 100 >= SHARE * (len(sizes) + cut) - 100, "but for a part of one answer"
        assert limit <= max(sizes) * 9 // 8 + 1


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_foreseen_never_limits_to_more_than_a_part_of_what_is_allowed(tokens: int, allowed: int) -> None:
    foreseen = Foreseen(tokens, 50, "model")
    assert fitting(None, allowed) is None
    assert (fitting(foreseen, allowed) is foreseen) == (tokens * PART <= allowed)


@pytest.mark.parametrize("answers", [LEAST_ANSWERS, 60, 120, 400])
def test_the_next_answer_fits_as_often_as_is_said(answers: int) -> None:
    """Drawn anew 2,000 times from sizes with a long tail; the rounding of sizes is to the safe side."""
    random = Random(f"fits {answers}")
    fits = 0
    for _ in range(2_000):
        view = SizesView(kinds={OWN: Sizes()})
        for _ in range(answers):
            view.kinds[OWN].add(int(random.lognormvariate(6, 0.8)))
        found = foresee(view, OWN)
        assert found is not None
        fits += int(random.lognormvariate(6, 0.8)) <= found.tokens
    promised = min(SHARE / 100, answers / (answers + 1))
    assert fits / 2_000 >= promised - 0.01
