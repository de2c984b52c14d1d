"""How often the rules that ship say what a person would: tests/data/tasks.jsonl, whose README says how it was made."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from swarm.choice.complexity import Complexity, classify
from swarm.settings.ruletable import shipped

TASKS = Path(__file__).parents[1] / "data" / "tasks.jsonl"
LEAST = 0.85
LAST_ROUND = 7  # no rule was written looking at either half of it
LEVELS = ("simple", "moderate", "complex")


class Labelled(msgspec.Struct, frozen=True):
    prompt: str
    type: str
    complexity: str
    inputs: tuple[int, ...] = ()  # bytes
    checks: int = 0
    accept: tuple[str, ...] = ()
    round: int = 1

    @property
    def is_unseen(self) -> bool:
        """Whether no rule was written looking at it."""
        return hashlib.sha256(self.prompt.encode()).digest()[0] % 2 == 0

    @property
    def found(self) -> Complexity:
        return classify(
            self.prompt,
            input_size=sum(self.inputs),
            inputs=len(self.inputs),
            checks=self.checks,
            accept=self.accept,
        )


@pytest.fixture(scope="module")
def tasks() -> list[Labelled]:
    return [msgspec.json.decode(line, type=Labelled) for line in TASKS.read_bytes().splitlines()]


def figures(tasks: Sequence[Labelled]) -> tuple[float, float]:
    """Shares of right types and right levels."""
    found = [(task.found, task) for task in tasks]
    return (
        sum(each.type == task.type for each, task in found) / len(tasks),
        sum(each.level == task.complexity for each, task in found) / len(tasks),
    )


def test_the_set_is_large_varied_and_in_halves(tasks: list[Labelled]) -> None:
    assert len({task.prompt for task in tasks}) == len(tasks) >= 240
    unseen = [task for task in tasks if task.is_unseen]
    assert 0.4 < len(unseen) / len(tasks) < 0.6
    for half in (unseen, [task for task in tasks if not task.is_unseen]):
        assert min(Counter(task.type for task in half).values()) >= 10
        assert min(Counter(task.complexity for task in half).values()) >= 40
    assert {task.type for task in tasks} == set(shipped().types)
    assert {task.complexity for task in tasks} == set(LEVELS)


def test_the_rules_are_right_for_tasks_that_they_were_not_written_by(tasks: list[Labelled]) -> None:
    for name, is_unseen in (("seen", False), ("unseen", True)):
        half = [task for task in tasks if task.is_unseen is is_unseen]
        type_, level = figures(half)
        sys.stdout.write(f"{name}: {len(half)} tasks, type {type_:.1%}, complexity {level:.1%}\n")
        sys.stdout.write(f"  complexity, a row a label: {confusion(half)}\n")
        sys.stdout.write(f"  types taken for others: {mistakes(half)}\n")
    assert type_ >= LEAST
    assert level >= LEAST


def test_the_rules_are_right_for_a_round_that_was_written_after_them(tasks: list[Labelled]) -> None:
    last = [task for task in tasks if task.round == LAST_ROUND]
    assert len(last) >= 50
    assert min(figures(last)) >= LEAST


def test_a_task_is_hardly_ever_taken_for_one_of_the_other_end(tasks: list[Labelled]) -> None:
    apart = [abs(LEVELS.index(task.complexity) - LEVELS.index(task.found.level)) == 2 for task in tasks]
    assert sum(apart) <= len(tasks) // 100


def confusion(tasks: Sequence[Labelled]) -> dict[str, tuple[int, ...]]:
    counts = Counter[tuple[str, str]]((task.complexity, task.found.level) for task in tasks)
    return {label: tuple(counts[label, found] for found in LEVELS) for label in LEVELS}


def mistakes(tasks: Sequence[Labelled]) -> str:
    counts = Counter((task.type, task.found.type) for task in tasks if task.type != task.found.type)
    return ", ".join(f"{label} for {found} {count}" for (label, found), count in sorted(counts.items()))
