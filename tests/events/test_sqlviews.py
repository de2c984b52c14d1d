"""The views for people: their sums are the program's own, and the log is as whole with them as without."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import open_log
from events.sqlite import schema
from events.sqlite.sqlviews import VIEWS
from events.testing import builders as make
from events.testing.builders import SetClock
from events.testing.histories import history
from events.upkeep import archive
from events.verify import verify_log
from events.views.base import fold
from events.views.cost import CostView
from events.views.sessions import SessionsView
from events.views.tasks import TasksView
from tests.events.aged import aged
from tests.events.golden import LOG as GOLDEN

ROOT = Path(__file__).parents[2]
QUERIES = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/reference/sql.md").read_text(), re.DOTALL)
_PAYER = ("day", "project", "session", "task", "role", "agent", "model", "tier", "price")
_TOKENS = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_COST = ("calls", "failed", "open", "maybe_paid", *_TOKENS)


def ask(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(schema.read_only_uri(path), uri=True)) as connection:
        return connection.execute(query).fetchall()


def views_of(path: Path) -> set[str]:
    return {name for (name,) in ask(path, "SELECT name FROM sqlite_schema WHERE type = 'view'")}


def sums_in_sql(path: Path) -> dict[Sequence[Any], Sequence[int]]:
    columns = ", ".join(f"sum({name})" for name in (*_COST, "cost_nanos", "maybe_paid_nanos"))
    rows = ask(path, f"SELECT {', '.join(_PAYER)}, {columns} FROM v_costs GROUP BY {', '.join(_PAYER)}")
    return {row[: len(_PAYER)]: row[len(_PAYER) :] for row in rows}


async def sums_of_the_fold(path: Path) -> dict[Sequence[Any], Sequence[int]]:
    async with open_log(path, read_only=True) as log:
        costs = (await fold(log, CostView())).costs
    found: dict[Sequence[Any], list[int]] = {}
    for payer, cost in costs.items():
        sums = found.setdefault(tuple(getattr(payer, name) for name in _PAYER), [0] * (len(_COST) + 2))
        for place, name in enumerate((*_COST, "nanos", "maybe_paid_nanos")):
            sums[place] += getattr(cost, name)
    return {payer: tuple(sums) for payer, sums in found.items()}


async def write(path: Path, seed: int) -> None:
    async with open_log(path, clock=SetClock()) as log:
        for append in history(Random(seed), sessions=3):
            await log.append(append.events, texts=append.texts)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_sums_of_the_view_are_those_of_the_program(seed: int) -> None:
    async def check() -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "log.db"
            await write(path, seed)
            assert sums_in_sql(path) == await sums_of_the_fold(path)

    anyio.run(check)


async def test_a_call_that_nobody_knew_about_and_was_settled_after_all_counts_at_what_was_billed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.db"
    async with open_log(path) as log:
        (call,) = (await log.append([make.new(make.reserved(), topic="ledger")])).positions
        await log.append([make.new(make.unknown(call))])
        query = "SELECT state, cost_nanos, maybe_paid_nanos FROM v_calls"
        assert ask(path, query) == [("maybe paid", 2_000, 2_000)]
        await log.append([make.new(make.settled(call))])
        await log.append([make.new(make.settled(call, cost_nanos=7))])  # the first end is the one that counts
        assert ask(path, query) == [("settled", 900, 0)]
    assert sums_in_sql(path) == await sums_of_the_fold(path)


@pytest.mark.parametrize("seed", range(2))
async def test_tasks_and_sessions_stand_in_the_views_as_the_program_folds_them(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await write(path, seed)
    async with open_log(path, read_only=True) as log:
        tasks, sessions = await fold(log, TasksView()), await fold(log, SessionsView())
    found = ask(path, "SELECT session, task, state, calls, cost_nanos FROM v_tasks")
    assert sorted(found) == sorted(
        (task.session, task.name, task.status, task.calls, task.cost_nanos)
        for each in tasks.tasks.values()
        for task in each.values()
    )
    found = ask(path, "SELECT session, title, closed_at IS NOT NULL, exit_code, tasks FROM v_sessions ORDER BY session")
    assert found == [
        (one.number, one.title, int(one.claim is None), one.exit_code, len(tasks.of(one.number)))
        for _, one in sorted(sessions.sessions.items())
    ]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(query.split()[-6:]))
async def test_a_query_of_the_documents_gives_rows(query: str, tmp_path: Path) -> None:
    await write(tmp_path / "log.db", 1)
    assert ask(tmp_path / "log.db", query)


def test_the_documents_have_a_query_for_each_view() -> None:
    assert {re.findall(r"FROM (v_\w+)", query)[0] for query in QUERIES} == set(VIEWS)


async def test_an_older_log_gets_the_views_when_it_is_written_to_and_is_read_without_them(tmp_path: Path) -> None:
    path = Path(shutil.copy(GOLDEN, tmp_path / "golden.db"))
    expected = await sums_of_the_fold(path)
    assert views_of(path) == set()
    async with open_log(path):
        pass
    assert views_of(path) == set(VIEWS)
    assert sums_in_sql(path) == expected
    assert (await verify_log(path)).ok


async def test_a_view_that_another_version_made_is_made_anew_and_told_by_verify_until_then(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await write(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP VIEW v_costs")
        connection.execute("CREATE VIEW v_costs AS SELECT 1 AS cost_nanos")
    problems = (await verify_log(path)).problems
    assert [each.what for each in problems] == ["unknown to the program: CREATE VIEW v_costs AS SELECT 1 AS cost_nanos"]
    async with open_log(path):
        pass
    assert (await verify_log(path)).ok
    assert sums_in_sql(path) == await sums_of_the_fold(path)


async def test_a_log_that_was_cut_is_whole_with_its_views_and_its_archive_verifies(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.db", SetClock()
    between = await aged(path, clock)
    archived = archive(path, before=between, clock=clock)
    assert views_of(path) == views_of(Path(archived.file)) == set(VIEWS)
    assert (await verify_log(path)).ok and (await verify_log(Path(archived.file))).ok
