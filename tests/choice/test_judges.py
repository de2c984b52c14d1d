"""Who judges: a rule that prefers another free model, and buys a judge only where it must or is told to."""

from __future__ import annotations

from swarm.choice.judges import judges
from swarm.messages import FREE, Arm, Price, Tier

DEAR = Price(row="dear", input_nanos=1, output_nanos=1)


def arm(model: str, tier: Tier, *, may_judge: bool = True) -> Arm:
    price = DEAR if tier in ("cheap", "paid") else FREE
    return Arm(agent="critic", model=model, tier=tier, price=price, may_judge=may_judge)


OWN, OTHER, PAID, TINY = (
    arm("own", "free"),
    arm("other", "free"),
    arm("dear", "paid"),
    arm("tiny", "local", may_judge=False),
)


def told(arms: list[Arm], *, paid: bool = False, excluded: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(each.arm.model, each.why) for each in judges(arms, "own", paid=paid, excluded=excluded or {})]


def test_another_free_model_judges_before_the_workers_own_and_a_paid_one_is_not_asked() -> None:
    assert told([OWN, PAID, OTHER]) == [
        ("other", "another free model"),
        ("own", "the worker's own model: no other free one may judge"),
    ]


def test_the_workers_own_free_model_judges_before_a_paid_one() -> None:
    assert told([PAID, OWN]) == [("own", "the worker's own model: no other free one may judge")]


def test_a_paid_judge_is_bought_where_no_free_model_may_judge() -> None:
    assert told([TINY, PAID]) == [("dear", "no free model may judge")]
    assert told([OWN, PAID], excluded={"own": "it does not answer"}) == [("dear", "no free model may judge")]


def test_a_paid_judge_goes_first_where_one_is_asked_for() -> None:
    assert [model for model, _ in told([OWN, OTHER, PAID], paid=True)] == ["dear", "other", "own"]
    assert told([PAID], paid=True) == [("dear", "a paid judge was asked for")]


def test_a_paid_judge_that_did_the_work_itself_comes_behind_the_other_paid_ones() -> None:
    own = arm("own", "cheap")
    assert [model for model, _ in told([own, PAID])] == ["dear", "own"]


def test_a_model_that_is_too_small_never_judges() -> None:
    assert told([TINY]) == []


def test_a_local_model_judges_before_a_remote_free_one() -> None:
    assert [model for model, _ in told([OTHER, arm("near", "local")])] == ["near", "other"]


def test_near_a_money_cap_the_cheaper_judge_is_bought_and_the_rule_says_so() -> None:
    low = Arm(
        agent="critic",
        model="zlow",
        tier="paid",
        price=Price(row="low", input_nanos=0, output_nanos=0, request_nanos=1),
    )
    near = "82 % of the money cap of s1 is spent"
    far, close = (judges([TINY, PAID, low], "own", paid=False, excluded={}, near=each) for each in ("", near))
    assert [each.arm.model for each in far] == ["dear", "zlow"]
    assert [each.arm.model for each in close] == ["zlow", "dear"]
    assert close[0].why == f"no free model may judge; {near}: the cheaper one first"
    assert [each.arm.model for each in judges([PAID, OTHER], "own", paid=False, excluded={}, near=near)] == ["other"]
