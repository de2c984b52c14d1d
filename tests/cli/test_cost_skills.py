"""`swarm cost --by skill`: calls that held skills are shared between them, or shown with each in full; no sum is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import open_log
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.upkeep import archive
from events.views.base import fold
from events.views.cost import Cost
from events.views.skillcost import SkillCostView
from swarm.cli.cost_skills import rows_of, shared
from swarm.cli.main import main
from swarm.money.caps import Cap
from tests.events.aged import DAY
from tests.ledger_agents import Agent, a_need, session

SCOPES = ("log", "day:2026-11-21@UTC", "s1")
SKILLS: Sequence[tuple[str, ...]] = ((), ("sql",), ("sql", "tests"), ("tests", "docs", "sql"))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    async def write() -> None:
        async with open_log(tmp_path / "log.db") as log:

            async def add(event: AnyEvent) -> int:
                return (await log.append([make.new(event, task="build", step=1, attempt=1)])).positions[0]

            for skills in SKILLS:
                for model in ("small", "large"):
                    call = await add(make.reserved(scopes=SCOPES, skills=skills, model=model))
                    await add(make.settled(call, input_tokens=100, output_tokens=10, cost_nanos=1_000))
            lost = await add(make.reserved(scopes=SCOPES, skills=("docs",), cost_nanos=70, model="small"))
            await add(make.unknown(lost))
            await add(make.failed(await add(make.reserved(scopes=SCOPES, skills=("docs",), model="small"))))

    anyio.run(write)
    return str(tmp_path / "log.db")


def cost_json(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> dict[str, Any]:
    assert main(["cost", "--log", log, "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_several_skills_share_what_a_call_cost_and_the_rows_sum_to_the_total(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cost_json(capsys, log, "--by", "skill")
    nanos = {row["skill"]: row["nanos"] for row in found["rows"]}
    assert nanos == {"-": 2_000, "sql": 2_000 + 1_000 + 666, "tests": 1_000 + 666, "docs": 668 + 70}
    assert sum(nanos.values()) == found["total_nanos"] == cost_json(capsys, log)["total_nanos"]
    for field in ("input_tokens", "output_tokens", "maybe_paid_nanos"):
        assert sum(row[field] for row in found["rows"]) == found[f"total_{field}"]
    calls = {row["skill"]: row["calls"] for row in found["rows"]}
    assert calls == {"-": 2, "sql": 6, "tests": 4, "docs": 4} and found["total_calls"] == 10


def test_carried_shows_each_skill_with_all_that_its_calls_cost(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = cost_json(capsys, log, "--by", "skill", "--carried")
    assert {row["skill"]: row["nanos"] for row in found["rows"]} == {
        "-": 2_000,
        "sql": 6_000,
        "tests": 4_000,
        "docs": 2_070,
    }
    assert found["carried"] and found["total_nanos"] == 8_070


def test_skills_go_with_other_keys_and_with_a_period(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = cost_json(capsys, log, "--by", "model,skill")["rows"]
    assert {(row["model"], row["skill"]): row["nanos"] for row in rows}["large", "sql"] == 1_000 + 500 + 333
    assert cost_json(capsys, log, "day", "--by", "skill")["rows"] == []
    assert main(["cost", "--log", log, "--by", "skill"]) == 0
    said = capsys.readouterr()
    assert "SKILL" in said.out and "`--carried` shows each in full" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--carried"], "--carried goes with --by skill"),
        (["--by", "skill", "--at-prices", "today"], "at the recorded prices"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: list[str], said: str, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "--log", log, *words]) == 2
    assert said in capsys.readouterr().err


async def test_what_an_archive_took_is_of_no_skill_and_is_not_lost(tmp_path: Path) -> None:
    clock, path = SetClock(), tmp_path / "log.db"
    async with open_log(path, clock=clock) as log:
        async with session(log) as (owner, ledger):
            agent = Agent(ledger, owner, a_need(10, Cap(scope="day", nanos=1_000)))
            await agent.settle(await agent.reserve(), 10)
        clock.move(DAY)
        archive(path, before=clock.now, clock=clock)
        view = await fold(log, SkillCostView())
    ((values, cost),) = rows_of(view, ["skill"], {}, None, carried=False)
    assert (values, cost.nanos) == (("(archived)",), 10)


@given(st.builds(Cost, *[st.integers(0, 10**12)] * 11), st.integers(1, 9))
def test_shares_are_whole_alike_but_for_one_unit_and_sum_to_what_is_shared(cost: Cost, among: int) -> None:
    shares = shared(cost, among)
    for field in ("input_tokens", "nanos", "reasoning_tokens"):
        values = [getattr(share, field) for share in shares]
        assert sum(values) == getattr(cost, field)
        assert max(values) - min(values) <= 1
    assert all(share.calls == cost.calls for share in shares)
