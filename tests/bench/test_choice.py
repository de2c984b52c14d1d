"""The bench of choices: what it prints follows from the outcomes, and ours beats what it is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import choice, outcomes
from bench.rivals import InOrder, Planning


def test_the_cheapest_mixture_that_reaches_a_success_is_found() -> None:
    points = [(1.0, 0.5), (9.0, 0.9), (4.0, 0.8), (20.0, 0.9)]
    assert choice.cheapest_at(points, 0.4) == 1.0
    assert choice.cheapest_at(points, 0.65) == pytest.approx(2.5)
    assert choice.cheapest_at(points, 0.85) == pytest.approx(6.5)
    assert choice.cheapest_at(points, 0.95) is None


def test_a_task_costs_every_try_and_counts_by_the_truth_of_its_last_draft() -> None:
    right = np.array([[False, True], [True, True], [False, False]])
    world = outcomes.Outcomes(
        name="three tasks",
        arms=("a", "b"),
        tiers=("free", "paid"),
        types=["t"] * 3,
        right=right,
        cost=np.array([[1.0, 10.0]] * 3),
        answers=np.array([[True, True], [False, True], [True, True]]),
        priors=(0.55, 0.85),
    )
    done = choice.run(world, InOrder(["a", "b"]), range(3), 1.0, seed=4)
    assert done.first == ["a", "a", "a"]
    assert all(cost in (1.0, 10.0, 11.0) for cost in done.cost)
    assert done.right[2] is False


def test_ours_loses_less_than_those_it_is_compared_with() -> None:
    figures = {each.what: each for each in choice.in_a_drifting_world(2, 3.0)}
    regrets = {what.rpartition(", ")[2]: each.value for what, each in figures.items() if "regret" in what}
    ours = regrets.pop(choice.OURS)
    assert len(regrets) == 5
    assert all(ours < other for name, other in regrets.items() if not name.startswith("ours"))
    assert all(each.verdict in ("", "met") for each in figures.values())


def test_without_the_folder_of_real_outcomes_that_part_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(outcomes.FOLDER, raising=False)
    assert outcomes.real("routellm_mmlu") is None
    monkeypatch.setenv(outcomes.FOLDER, str(tmp_path))
    assert outcomes.real("routellm_mmlu") is None


def test_recorded_outcomes_are_read_and_chosen_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    np.savez(
        tmp_path / "routellm_mmlu.npz",
        models=np.array(["small", "large"]),
        correct=(random.random((300, 2)) < [0.6, 0.9]).astype(np.uint8),
        cost=np.array([[0.1, 1.0]] * 300, dtype=np.float32),
        type_id=np.zeros(300, dtype=np.int16),
        type_names=np.array(["law"]),
    )
    monkeypatch.setenv(outcomes.FOLDER, str(tmp_path))
    world = outcomes.real("routellm_mmlu")
    assert world is not None and (world.best, set(world.types)) == (1, {"law"})
    assert world.priors == pytest.approx((0.55, 0.85))
    done = choice.run(world, Planning(1), choice.rows_of(world, 1), 20.0, 1)
    assert len(done.right) == 300 and sum(done.right) > 240
    figures = choice.on_real(world, 1)
    assert [each.verdict for each in figures if each.bar is not None] != []
