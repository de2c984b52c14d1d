"""Audits: which results are looked at again, by whom, and what that says of how often verdicts are wrong."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from events.views.verdicts import Judged
from swarm.choice.audits import auditors, errors_of, is_audited, together
from swarm.choice.planner import Judge
from swarm.messages import FREE, Arm, Price, Tier

DEAR = Price(row="dear", input_nanos=1, output_nanos=1)
COUNTS = some.integers(0, 5_000)


def arm(model: str, tier: Tier = "free", *, may_judge: bool = True) -> Arm:
    return Arm(
        agent="critic",
        model=model,
        tier=tier,
        price=DEAR if tier in ("cheap", "paid") else FREE,
        may_judge=may_judge,
    )


GOOD = {"a": 0.5, "b": 0.6, "c": 0.9, "dear": 0.7, "dearer": 0.8}
ALL = [arm("a"), arm("b"), arm("c"), arm("tiny", may_judge=False), arm("dear", "paid"), arm("dearer", "paid")]


def asked(
    judge: str, worker: str, *, arms: list[Arm] = ALL, paid: bool = False, excluded: dict[str, str] | None = None
) -> list[str]:
    found = auditors(
        arms, judge=judge, worker=worker, paid=paid, excluded=excluded or {}, good=lambda arm: GOOD[arm.model]
    )
    return [each.arm.model for each in found]


def test_the_best_free_model_audits_that_neither_judged_nor_did_the_work() -> None:
    assert asked("c", "tiny") == ["b", "a"]
    assert asked("a", "tiny", excluded={"c": "it does not answer"}) == ["b"]


def test_the_worker_audits_what_another_model_accepted_only_behind_everybody_else() -> None:
    assert asked("a", "c") == ["b", "c"]
    assert asked("a", "c", arms=[arm("a"), arm("c")]) == ["c"]


def test_the_judge_never_audits_its_own_verdict_nor_the_worker_what_its_checks_accepted() -> None:
    assert asked("a", "a", arms=[arm("a")]) == []
    assert asked("", "a", arms=[arm("a")]) == []
    assert asked("", "a") == ["c", "b"]


def test_a_paid_model_audits_only_where_one_is_asked_for_and_then_before_the_free_ones() -> None:
    assert asked("a", "b", arms=[arm("a"), arm("dear", "paid")]) == []
    assert asked("a", "b", paid=True) == ["dearer", "dear", "c", "b"]


def test_two_of_a_hundred_steps_are_audited_and_always_the_same() -> None:
    steps = [("s1", f"task-{number}", 1 + number % 3) for number in range(20_000)]
    chosen = [step for step in steps if is_audited(*step, 0.02)]
    assert 320 < len(chosen) < 480  # 400, within four standard deviations
    assert chosen == [step for step in steps if is_audited(*step, 0.02)]
    assert len({step for step in range(1, 60) if is_audited("s1", "task", step, 0.5)}) not in (0, 59)
    assert set(chosen) <= {step for step in steps if is_audited(*step, 0.1)}


@given(some.text(), some.text(), some.integers())
def test_all_or_nothing_is_audited_at_the_ends(session: str, task: str, step: int) -> None:
    assert is_audited(session, task, step, 1.0) and not is_audited(session, task, step, 0.0)


def test_while_nothing_is_known_verdicts_are_taken_to_be_wrong_in_one_case_of_twenty() -> None:
    assert errors_of(Judged()) == errors_of(Judged(accepted=12)) == Judge()


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_what_is_known_of_a_judge_stays_within_bounds(
    accepted: int, rejected: int, audited: int, wrong: int, overruled: int
) -> None:
    found = errors_of(Judged(accepted, rejected, audited, wrong, overruled))
    assert 0.01 <= found.accepts_wrong <= 0.1
    assert 0.05 <= found.rejects_right <= 0.1


@given(COUNTS, COUNTS, some.integers(0, 400), some.integers(0, 399), some.integers(0, 50))
def test_more_that_was_found_wrong_never_makes_a_judge_better(
    accepted: int, rejected: int, audited: int, wrong: int, overruled: int
) -> None:
    less = errors_of(Judged(accepted, rejected, audited, wrong, overruled))
    more = errors_of(Judged(accepted, rejected, audited, wrong + 1, overruled))
    assert more.accepts_wrong >= less.accepts_wrong


def test_persons_who_accept_what_was_rejected_raise_the_share_of_right_work_that_is() -> None:
    assert errors_of(Judged(accepted=40, rejected=30, overruled=4)).rejects_right == pytest.approx(5 / 64)
    assert errors_of(Judged(accepted=4_000, rejected=30, overruled=1)).rejects_right == 0.05


@pytest.mark.parametrize(("truth", "right"), [(0.08, 0.7), (0.05, 0.5), (0.02, 0.6)])
def test_many_audits_by_auditors_that_err_find_the_true_rate(truth: float, right: float) -> None:
    """A judge that accepts so much of what is wrong, an auditor that errs in a case of twenty both ways."""
    random, seen = Random(f"{truth} {right}"), Judged()
    for _ in range(100_000):
        is_right = random.random() < right
        if random.random() >= (0.95 if is_right else truth):
            seen.rejected += 1
            continue
        seen.accepted += 1
        if random.random() < 0.1:
            seen.audited += 1
            seen.wrong += random.random() < (0.05 if is_right else 0.95)
    # what the judge rejected of right work counts as wrong, which makes the rate a little less
    assert errors_of(seen).accepts_wrong == pytest.approx(truth, rel=0.25)


def test_what_is_known_of_several_judges_is_summed_and_each_counts_once() -> None:
    records = {"a": Judged(10, 4, 2, 1), "b": Judged(5, 1, 1, 0, 1)}
    assert together(records, ["a", "b", "a", "unheard"]) == Judged(15, 5, 3, 1, 1)
