"""Scopes above a call: what its reservation names and what follows from it; caps in each of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.scopes import LOG, SHARED, path_of, session_of
from events.testing.builders import SetClock
from events.types.call import CallReserved
from swarm.insight.reason import Reason
from swarm.insight.why import explain
from tests.ledger_agents import entries_of
from tests.running import DEAR, Cast, model, money_of, run, serving, verdict

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


@given(st.integers(1, 999), NAMES, NAMES, NAMES, NAMES, st.dates())
def test_a_path_has_each_scope_once_the_shared_ones_first_and_narrows(
    number: int, task: str, project: str, role: str, agent: str, day: Any
) -> None:
    named = (f"day:{day.isoformat()}@UTC", f"s{number}", f"s{number}/{task}")
    path = path_of(named, project=project, role=role, agent=agent)
    assert path[0] == LOG and len(set(path)) == len(path) == 8 and set(named) < set(path)
    own = [scope for scope in path if session_of(scope) != SHARED]
    assert path[-len(own) :] == tuple(own)
    assert all(narrow.startswith(f"{wide}/") for wide, narrow in pairwise(own))
    assert path_of(path, project=project, role=role, agent=agent)[:8] == path, "to name all of them changes nothing"


def said(reason: Reason) -> str:
    return "\n".join([reason.said, *map(said, reason.because)])


DAY_S = 24 * 3600
TEXT = "prompt: Write a limerick\n"
LONG = TEXT + "limits: {answer: 1024}\n"


@pytest.mark.parametrize(
    ("scope", "remedy"),
    [
        ("log", "for this log alone, or raise `budget.log_usd` in your settings"),
        ("month", "for this month alone, or raise `budget.month_usd` in your settings, or wait for the next month"),
        ("project", "for this project alone, or raise `budget.project_usd` in your settings"),
    ],
)
async def test_a_cap_counts_what_was_spent_before_it_was_set_over_sessions_and_days(
    log: EventLog, tmp_path: Path, scope: str, remedy: str
) -> None:
    clock, root = SetClock(), tmp_path / "garden"
    root.mkdir()
    async with serving(Cast(), model("dear", "paid", price=DEAR)) as (provider, plan):
        assert (await run(log, LONG, plan, root, clock=clock)).exit_code == 0
        clock.move(2 * DAY_S)
        name = {"log": "log", "month": "month:2026-09@UTC", "project": "project:garden"}[scope]
        spent = (await money_of(log)).scopes[name].spent
        asked, cap = (
            len(provider.requests),
            2_550_000,
        )  # pays for one run at its dearest, and not for what was spent, too
        assert 0 < spent.nanos < cap
        capped = msgspec.structs.replace(plan, **{f"{scope}_nanos": cap})
        result = await run(log, LONG, capped, root, clock=clock)
        assert (result.exit_code, len(provider.requests)) == (3, asked)
        assert result.tasks[0].reason.startswith(f"the budget of {name} has $0.002")
        assert remedy in said(await explain(log, 2, task="tasks"))
        clock.move(30 * DAY_S)
        assert (await run(log, LONG, capped, root, clock=clock)).exit_code == (0 if scope == "month" else 3)
        other = tmp_path / "house"
        other.mkdir()
        assert (await run(log, LONG, capped, other, clock=clock)).exit_code == (0 if scope == "project" else 3)


async def test_tokens_of_a_month_are_capped_too_and_free_ones_count(log: EventLog, tmp_path: Path) -> None:
    async with serving(Cast(), month_tokens=100) as (provider, plan):
        result = await run(log, TEXT, plan, tmp_path)
        assert provider.requests == []
    assert result.exit_code == 3
    assert "month:" in result.tasks[0].reason and "of 100 tokens left" in result.tasks[0].reason


async def test_a_role_keeps_to_its_share_of_a_task_and_the_others_have_theirs(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=["Rain. " * 100], validator=[verdict(False, "longer")])
    text = TEXT + "roles: {worker: {budget: 1.2k}}\nlimits: {attempts: 9}\n"
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 3
    assert result.tasks[0].reason.startswith("the budget of s1/tasks/worker has")
    scopes = (await money_of(log)).scopes
    worker, judge = scopes["s1/tasks/worker"].spent.tokens, scopes["s1/tasks/validator"].spent.tokens
    assert 0 < worker <= 1_200 and judge > 0
    assert worker + judge == scopes["s1/tasks"].spent.tokens
    assert cast.roles.count("worker") >= 2, "the share is for all of its calls"


async def test_every_scope_is_the_sum_of_those_in_it(log: EventLog, tmp_path: Path) -> None:
    text = "tasks: {a: {prompt: One, explore: true}, b: Two, c: {prompt: Three, needs: [a, b]}}"
    async with serving(Cast(), model("dear", "paid", price=DEAR)) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    scopes = (await money_of(log)).scopes
    agents = [name for name in scopes if name.count("/") == 3]
    assert len(agents) == 7
    for wide in scopes:
        inside = (
            agents if session_of(wide) == SHARED else [name for name in agents if f"{name}/".startswith(f"{wide}/")]
        )
        assert scopes[wide].spent.nanos == sum(scopes[name].spent.nanos for name in inside)
        assert scopes[wide].calls == sum(scopes[name].calls for name in inside)


async def test_a_reservation_names_no_more_than_what_nothing_else_says(log: EventLog, tmp_path: Path) -> None:
    async with serving(Cast()) as (_, plan):
        await run(log, TEXT, plan, tmp_path, clock=SetClock())
    named = {entry.event.scopes for entry in await entries_of(log) if isinstance(entry.event, CallReserved)}
    assert named == {("day:2026-09-21@UTC", "s1", "s1/tasks")}
