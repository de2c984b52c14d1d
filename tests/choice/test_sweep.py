"""The sweep over many worths says what the choice itself says of each."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.types.choice import FREE_TIERS, Candidate, ChoiceStopped, Rejected
from swarm.choice.choose import basis_of, probabilities
from swarm.choice.sweep import swept
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


@settings(max_examples=60, deadline=None)
@given(choices(), st.lists(st.integers(1, 4_000_000), min_size=1, max_size=3))
def test_for_every_worth_it_is_as_likely_as_the_choice_with_that_worth_says(
    choice: ChoiceStopped, worths: list[int]
) -> None:
    found = swept(choice, worths, SAMPLES)
    for worth, shares in zip(worths, found, strict=True):
        said = probabilities(msgspec.structs.replace(choice, worth_nanos=worth), SAMPLES)
        assert shares == pytest.approx(said, abs=1.5 / SAMPLES), (
            "but for a sample in which two cascades are worth the same"
        )
