"""How likely a choice is supposed to have been: what the planner says of each draw, of those that lead to it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from events.trails import OVERLAP
from events.types.choice import Choice
from swarm.choice.choose import STOPPED, options_of, shape_of, terms_of
from swarm.choice.planner import plan
from swarm.choice.sweep import LEAST_COUNTED
from swarm.tune.supposed import Supposed, draws_of
from swarm.tune.values import Values
from swarm.whatif.record import Drawn, SessionRecord
from tests.tune.test_tune import FREE
from tests.tune.worlds import Model, World, simulated

EVEN = World(
    models=(
        Model(name="low", tier="cheap", chance=0.3, nanos=1_000_000, seen=(4, 4)),
        Model(name="mid", tier="paid", chance=0.3, nanos=4_000_000, seen=(4, 3)),
        Model(name="dear", tier="paid", chance=0.3, nanos=10_000_000, seen=(6, 3)),
    ),
    attempts=6,
)


def by_plan(choice: Choice, drawn: Mapping[str, float]) -> str:
    """Whom the planner takes with these draws."""
    means = {each.arm: each.mean for each in choice.tried} | {each.arm: each.mean for each in choice.candidates}
    tried = [each.arm for each in choice.tried]
    overlap = choice.overlap or OVERLAP
    return plan(options_of(choice), means, drawn, overlap, terms_of(choice), tried=tried).arm or STOPPED


def planned(session: SessionRecord) -> list[list[Drawn]]:
    """By task its choices without those that a rule made."""
    ways = ([each for each in way if not getattr(each.choice, "why", "")] for way in session.choices.values())
    return [way for way in ways if len(way) > 2]


def counted(way: list[Drawn], place: int, *, leading: bool = True) -> dict[str, float] | None:
    """How often each arm is taken at a place, among the draws that lead there, or all; None where these are few."""
    shapes = {each.arm: shape_of(each) for drawn in reversed(way[: place + 1]) for each in drawn.choice.candidates}
    rows = {arm: draws_of(arm, shape) for arm, shape in shapes.items()}
    draws = [dict(zip(rows, map(float, row), strict=True)) for row in zip(*rows.values(), strict=True)]
    for before in way[:place] if leading else []:
        draws = [each for each in draws if by_plan(before.choice, each) == before.arm]
    if len(draws) < LEAST_COUNTED:
        return None
    taken = [by_plan(way[place].choice, each) for each in draws]
    return {arm: taken.count(arm) / len(taken) for arm in taken}


@pytest.mark.parametrize("world", [EVEN, msgspec.structs.replace(EVEN, worth=3.0)], ids=["balanced", "economy"])
def test_a_choice_is_as_likely_as_the_planner_takes_it_among_the_draws_that_lead_to_it(world: World) -> None:
    (session,) = simulated(world, 4, tasks=400, sessions=1)
    supposed, compared, moved = Supposed([session]), 0, 0
    for way in planned(session)[:6]:
        for place, drawn in enumerate(way):
            said, truth = supposed.recorded(drawn), counted(way, place)
            if truth is not None:
                assert {arm: said.get(arm, 0.0) for arm in truth} == pytest.approx(truth, abs=0.03)
                compared += 1
                alone = counted(way, place, leading=False) or {}
                moved += any(abs(share - alone.get(arm, 0.0)) > 0.03 for arm, share in truth.items())
    assert compared >= 6
    assert moved, "what was chosen before says something of its draws"


def test_a_draft_that_would_not_have_been_allowed_is_not_made() -> None:
    (session,) = simulated(FREE, 4, tasks=60, sessions=1)
    supposed = Supposed([session])
    for way in session.choices.values():
        for drawn in way:
            wanted = supposed.under(Values(attempts=2))(drawn)
            assert (wanted == {STOPPED: 1.0}) == (drawn.attempt > 2)


def test_where_escalations_are_used_up_no_paid_arm_is_drawn_and_the_free_ones_would_go_on() -> None:
    (session,) = simulated(FREE, 4, tasks=100, sessions=1)
    supposed, lacking = Supposed([session]), 0
    for way in session.choices.values():
        for drawn in way:
            wanted = supposed.under(Values(escalations=0))(drawn)
            if getattr(drawn.choice, "why", ""):
                continue
            assert set(wanted) <= {"maker@none", STOPPED}
            lacking += "maker@none" not in supposed.recorded(drawn)
    assert lacking, "paid work followed in the record, of which nothing would be known"
