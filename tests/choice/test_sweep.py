"""The sweep over many worths says what the choice itself says of each."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.types.choice import FREE_TIERS, Candidate, ChoiceStopped, Rejected
from swarm.choice.choose import basis_of, probabilities, shape_of
from swarm.choice.sweep import outcomes, shares
from swarm.messages import TIERS

SAMPLES = 60
verdicts = st.integers(0, 30)


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    tier = draw(st.sampled_from(TIERS))
    return Candidate(
        agent="maker",
        model="",
        tier=tier,
        accepted=draw(verdicts),
        rejected=draw(verdicts),
        mean=draw(st.floats(0.05, 0.95)),
        cost_nanos=0 if tier in FREE_TIERS else draw(st.sampled_from([1_000, 5_000, 20_000, 90_000])),
    )


@st.composite
def choices(draw: st.DrawFn) -> ChoiceStopped:
    found = [
        msgspec.structs.replace(each, model=f"m{number}")
        for number, each in enumerate(draw(st.lists(candidates(), min_size=1, max_size=4)))
    ]
    tried = draw(st.lists(st.sampled_from([*(each.arm for each in found), "maker@gone"]), max_size=2))
    choice = ChoiceStopped(
        role="worker",
        context="worker/code",
        policy="trails",
        seed="s",
        candidates=tuple(found),
        tried=tuple(Rejected(arm, 0.5, 0.4) for arm in tried),
        arms=draw(st.integers(1, 4)),
        pressure=draw(st.sampled_from([0.0, 3.0])),
        overlap=draw(st.sampled_from([0.0, 0.1, 0.9])),
        start=draw(st.sampled_from(["", "planned"])),
        spent_percent=draw(st.sampled_from([0, 90])),
    )
    return basis_of(choice)


def drawn_for(choice: ChoiceStopped) -> dict[str, Any]:
    """The draws with which the probability of the choice is counted."""
    random, shapes = Random("samples"), [shape_of(each) for each in choice.candidates]
    rows = np.array([[random.betavariate(*shape) for shape in shapes] for _ in range(SAMPLES)])
    return {each.arm: rows[:, place] for place, each in enumerate(choice.candidates)}


@settings(max_examples=60, deadline=None)
@given(choices(), st.lists(st.integers(1, 4_000_000), min_size=1, max_size=3))
def test_for_every_worth_it_is_as_likely_as_the_choice_with_that_worth_says(
    choice: ChoiceStopped, worths: list[int]
) -> None:
    found = shares(*outcomes(choice, worths, drawn_for(choice)))
    for worth, each in zip(worths, found, strict=True):
        said = probabilities(msgspec.structs.replace(choice, worth_nanos=worth), SAMPLES)
        assert each == pytest.approx(said, abs=1.5 / SAMPLES), (
            "but for a sample in which two cascades are worth the same"
        )


def test_what_is_given_leaves_its_draws_and_all_of_them_where_these_are_too_few() -> None:
    chosen = np.array([[0] * 30 + [1] * 30])
    half, few = np.array([[True] * 30 + [False] * 30]), np.array([[True] * 5 + [False] * 55])
    assert shares(["a", "b"], chosen, half)[0] == {"a": 30.5 / 31, "b": 0.5 / 31}
    assert shares(["a", "b"], chosen, few)[0] == {"a": 0.5, "b": 0.5}
