"""The bench of the screens: what it pours is a log, and the tests that it names are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.faces import SLOW_TESTS, TESTS
from bench.pour import TASKS, pour
from events.log import open_log
from events.verify import verify_log
from events.views.base import fold
from events.views.money import MoneyView
from events.views.tasks import TasksView

ROOT = Path(__file__).parents[2]


async def test_what_is_poured_is_a_log_of_one_session_whose_calls_are_settled(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_log(path) as log:
        last = await pour(log, 20_000, 0.1)
        assert last == (await log.head()).position >= 2_000
        tasks, money = await fold(log, TasksView()), await fold(log, MoneyView())
    assert len(tasks.of(1)) == TASKS and sum(task.calls for task in tasks.of(1).values()) == money.scopes["s1"].calls
    assert 0 < len(money.open) < money.scopes["s1"].calls
    assert (await verify_log(path)).ok


@pytest.mark.parametrize("name", [name for names in {**TESTS, **SLOW_TESTS}.values() for name in names])
def test_a_test_that_stands_for_a_check_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text("utf-8") if function else (ROOT / file).exists()
