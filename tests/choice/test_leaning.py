"""Near a money cap the dearer of the paid arms give way, and the event says so."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.trails import Trails
from events.views.tasks import StepState
from events.views.trails import TrailsView
from swarm.choice.choose import choose, decided_again, probability
from swarm.choice.question import Question
from swarm.connect import Roster
from swarm.cycle import DECISIONS, Open, Work
from swarm.engine.picks import Picks
from swarm.insight.choices import why_choice
from swarm.messages import TIERS, Arm
from swarm.money.shares import Share
from swarm.plan import Plan
from swarm.settings.load import ModelConfig
from swarm.task import Task
from tests.choice.test_choose import arm, histories, made, priced, question, trails
from tests.running import a_state

DAY = "day:2026-11-21@UTC"


def near(asked: Question, percent: int = 82) -> Question:
    return msgspec.structs.replace(asked, spent_scope=DAY, spent_percent=percent)


SOME = [priced("dear", 10), priced("fair", 3), priced("low", 1)]


def test_from_80_percent_of_a_money_cap_on_the_cheapest_paid_arm_goes_first() -> None:
    for seed in "abcdefgh":
        choice = made(choose(near(question(seed), 80), SOME, Trails(), {}))
        assert (choice.model, probability(choice)) == ("low", 1.0)
        assert (choice.spent_scope, choice.spent_percent) == (DAY, 80)
        assert decided_again(choice) == choice
    far = [made(choose(near(question(str(seed)), 79), SOME, Trails(), {})) for seed in range(40)]
    assert {choice.model for choice in far} > {"low"}, "below it the draw is as ever"
    assert {(choice.spent_scope, choice.spent_percent) for choice in far} == {("", 0)}


def test_free_arms_are_drawn_from_as_ever_near_a_cap() -> None:
    some = [arm("a"), arm("b"), *SOME]
    choices = [choose(near(question(str(seed))), some, Trails(), {}) for seed in range(40)]
    assert {made(choice).model for choice in choices} == {"a", "b"}


def test_a_cheaper_arm_that_is_not_worth_a_try_does_not_go_first() -> None:
    choice = made(choose(near(question()), SOME, trails(low=(0, 40)), {}))
    assert choice.model == "fair"


def test_a_dearer_arm_is_taken_where_the_cheaper_ones_work_was_rejected_in_this_step() -> None:
    choice = made(choose(near(question(without=("maker@low",))), SOME, Trails(), {}))
    assert choice.model == "fair"


def test_an_arm_that_would_try_again_gives_way_to_a_cheaper_one_that_was_not_rejected() -> None:
    asked = near(question(stay_on="maker@dear"))
    choice = made(choose(asked, SOME, Trails(), {}))
    assert (choice.model, choice.why) == ("low", "")
    stays = made(choose(near(question(stay_on="maker@dear", without=("maker@low", "maker@fair"))), SOME, Trails(), {}))
    assert (stays.model, stays.why) == ("dear", "another try with feedback")
    far = made(choose(near(question(stay_on="maker@dear"), 79), SOME, Trails(), {}))
    assert (far.model, far.why) == ("dear", "another try with feedback"), "below 80 % it does not"
    cheapest = made(choose(near(question(stay_on="maker@low")), SOME, Trails(), {}))
    assert (cheapest.model, cheapest.why) == ("low", "another try with feedback")


mixed = st.lists(
    st.builds(arm, st.sampled_from("abcdef"), st.sampled_from(TIERS))
    | st.builds(priced, st.sampled_from("abcdef"), st.integers(1, 9)),
    min_size=1,
    unique_by=lambda arm: arm.model,
)


@given(mixed, histories, st.text(max_size=8), st.integers(0, 130), st.sampled_from(["", *"abcdef"]))
def test_a_replay_comes_to_the_same_choice_however_near_the_cap_was(
    some: list[Arm], judged: dict[str, tuple[int, int]], seed: str, percent: int, stay: str
) -> None:
    asked = near(question(seed, stay_on=f"maker@{stay}" if stay else ""), percent)
    choice = made(choose(asked, some, trails(**judged), {}))
    assert decided_again(choice) == choice
    least = min((each.cost_nanos for each in choice.candidates if each.mean >= 0.2), default=None)
    drawn = next(each for each in choice.candidates if each.model == choice.model)
    if percent >= 80 and not choice.why and least is not None and drawn.mean >= 0.2:
        assert drawn.cost_nanos == least, "nothing dearer than need be"


def test_why_tells_that_a_cap_made_it_choose_a_cheaper_one() -> None:
    choice = made(choose(near(question()), SOME, Trails(), {}))
    said = [reason.said for reason in why_choice(7, choice).because]
    assert f"82 % of the money cap of {DAY} is spent: cheaper arms first" in said


def model_of(arm: Arm) -> ModelConfig:
    return ModelConfig(name=arm.model, provider="p", model=arm.model, tier=arm.tier, price=arm.price)


async def test_the_picker_asks_at_each_draw_how_near_the_cap_is() -> None:
    used = [10]
    roster = Roster(models=tuple(model_of(each) for each in SOME), providers=())
    state = a_state(decisions=DECISIONS, steps=[StepState(number=1, title="t")])
    picks = Picks(
        plan=Plan(roster=roster, day_nanos=10**9),
        task=Task(id="t", prompt="Write."),
        state=state,
        session="s1",
        trails=TrailsView(),
        pressure=1.0,
        clock=lambda: 0,
        money=lambda: Share(scope=DAY, unit="nanos", used=used[0], cap=100),
    )
    pick = picks.of(Open(work=Work.DRAFT, task="t", step=1, attempt=1), "worker")
    first = pick({}, 1, 100)
    used[0] = 95
    second = pick({}, 2, 100)
    assert first is not None and first.choice is not None and first.choice.spent_percent == 0
    assert second is not None and second.choice is not None
    assert (second.arm.model, second.choice.spent_percent) == ("low", 95)
