"""What a session is capped at where nobody named a budget, by its type; and runs of a schedule, which share a cap."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.log import EventLog, open_log
from events.types.call import CallReserved
from swarm.cli.main import main
from swarm.connect import Roster
from swarm.insight.schedules import schedules_of
from swarm.insight.why import explain
from swarm.plan import plan_of
from swarm.session import run_sync
from swarm.settings.load import load_settings
from tests.ledger_agents import entries_of
from tests.provider import provider_thread
from tests.running import Cast, money_of, run, serving
from tests.team import play, swarm

TEXT = "prompt: Write a limerick\n"


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


async def test_runs_of_a_schedule_share_its_cap_and_no_other_run_does(log: EventLog, tmp_path: Path) -> None:
    cap: dict[str, Any] = {"schedule_tokens": 4_000}
    async with serving(Cast(worker=["Rain. " * 250])) as (_, plan):
        nightly = msgspec.structs.replace(plan, schedule="nightly", **cap)
        codes = [(await run(log, TEXT, nightly, tmp_path)).exit_code for _ in range(4)]
        assert codes[0] == 0 and codes[-1] == 3, codes
        weekly = msgspec.structs.replace(plan, schedule="weekly", **cap)
        assert (await run(log, TEXT, weekly, tmp_path)).exit_code == 0
        assert (await run(log, TEXT, msgspec.structs.replace(plan, **cap), tmp_path)).exit_code == 0
    money = await money_of(log)
    assert money.scopes["schedule:nightly"].spent.tokens == sum(money.scopes[f"s{n}"].spent.tokens for n in range(1, 5))
    assert 0 < money.scopes["schedule:nightly"].spent.tokens <= 4_000
    calls = [entry.event for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
    assert {call.scopes[1] for call in calls} == {"schedule:nightly", "schedule:weekly", "s6"}
    assert await schedules_of(log) == {1: "nightly", 2: "nightly", 3: "nightly", 4: "nightly", 5: "weekly"}
    because = (await explain(log, 4, task="tasks")).because
    assert "raise `schedules.nightly.tokens` in your settings" in str(because)


def settings(tmp_path: Path, text: str) -> Any:
    home = tmp_path / "home"
    (home / ".config/swarm").mkdir(parents=True)
    (home / ".config/swarm/config.toml").write_text(text)
    return load_settings(tmp_path, environ={"HOME": str(home)})


def test_a_type_of_session_brings_its_cap_and_settings_change_it(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "[budget]\ncron_tokens = '25k'\n")
    roster = Roster(models=(), providers=())
    caps = [
        plan_of(loaded, roster, confirmed=False, type_=type_).session_tokens
        for type_ in ("direct", "cron", "sub-agent", "file")
    ]
    assert caps == [10_000, 25_000, 30_000, None]


def test_a_schedule_has_the_cap_of_its_name_else_that_of_each(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "[budget]\nschedule_usd = 1\n[schedules.nightly]\nusd = 0.2\ntokens = '50k'\n")
    roster = Roster(models=(), providers=())
    nightly, weekly, none = (
        plan_of(loaded, roster, confirmed=False, schedule=name) for name in ("nightly", "weekly", "")
    )
    assert (nightly.schedule_nanos, nightly.schedule_tokens) == (200_000_000, 50_000)
    assert (weekly.schedule_nanos, weekly.schedule_tokens) == (1_000_000_000, None)
    assert nightly.paid_confirmed and weekly.paid_confirmed
    assert not none.paid_confirmed, "a cap of schedules bounds no other run"


@pytest.mark.parametrize("name", ["Nightly", "a/b", "day:2026", "-x", "x" * 65])
def test_what_cannot_be_the_name_of_a_schedule_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "prompt", f"--schedule={name}"]) == 2
    assert "cannot be the name of a schedule: a-z, 0-9, '_' and '-' make one" in capsys.readouterr().err


def test_a_project_cannot_raise_the_cap_of_a_schedule_and_a_bad_name_in_settings_is_told(tmp_path: Path) -> None:
    (tmp_path / "swarm.toml").write_text("[schedules.nightly]\nusd = 5\n[schedules.'a b']\nusd = 1\n")
    with pytest.raises(Exception, match=r"a project file cannot set this, since .* raise") as caught:
        settings(tmp_path, "")
    assert "cannot be the name of a schedule" in str(caught.value)


def test_a_scheduled_prompt_is_capped_as_cron_says_so_and_is_summed_by_its_name(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        words = ("--endpoint", provider.url)
        first = swarm("run", "Write a line.", "--schedule", "nightly", *words, home=tmp_path, cwd=tmp_path)
        second = swarm("run", "Write a line.", *words, home=tmp_path, cwd=tmp_path)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "budget of this run: 20,000 tokens, the default of the type cron (`budget.cron_tokens`" in first.stderr
    assert "budget of this run: 10,000 tokens, the default of the type direct (`budget.direct_tokens`" in second.stderr
    sums = json.loads(swarm("cost", "--by", "schedule,session", "--json", home=tmp_path, cwd=tmp_path).stdout)
    assert {(row["schedule"], row["session"]) for row in sums["rows"]} == {("nightly", "s1"), ("-", "s2")}
    told = swarm("log", "s1", home=tmp_path, cwd=tmp_path).stdout
    assert "nightly" in told


def test_a_program_says_as_what_its_session_counts(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        result = run_sync(
            "Write a line.",
            root=tmp_path,
            log=tmp_path / "log.db",
            server=provider.url,
            type_="sub-agent",
            environ={"HOME": str(tmp_path)},
        )
    assert result.exit_code == 0
    opened = json.loads(swarm("show", "--json", "--log", str(tmp_path / "log.db"), home=tmp_path, cwd=tmp_path).stdout)
    assert opened["type"] == "sub-agent"
