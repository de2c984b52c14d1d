"""What the command line says of audits: `trail` of the judges, `show` and `why` of a single one, `cost` of their calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from events.types.task import StepAudited
from swarm.cli.main import main
from swarm.settings.load import ChoiceSettings
from tests.ledger_agents import entries_of
from tests.running import PASS, Cast, model, run, serving, verdict

FAIL = verdict(False, "It does not rhyme.", 0.2)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log with two sessions: of the two accepted results an auditor had not accepted the second."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "log.db"

    async def make() -> None:
        every = {"choice": ChoiceSettings(audit_share=1.0)}
        cast = Cast(validator=[PASS, PASS, PASS, FAIL])
        drafter = model("drafter", judge=False)
        async with open_log(path) as opened, serving(cast, drafter, model("a"), model("b"), **every) as (_, plan):
            for _ in range(2):
                text = "prompt: Write a limerick.\naccept: It rhymes.\nroles: {worker: {models: [drafter]}}\n"
                await run(opened, text, plan, tmp_path)

    anyio.run(make)
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words]) == 0
    return capsys.readouterr().out


def test_the_judges_stand_below_the_trails(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    judges = told(capsys, "trail", "--log", log).partition("\n\n")[2].splitlines()
    assert [" ".join(line.split()) for line in judges] == [
        "JUDGE ACCEPTED REJECTED AUDITED FOUND WRONG ACCEPTS WRONG 95 % OVERRULED",
        "a 2 0 2 1 10 % 1 to 58 % 0",
    ]
    (judge,) = json.loads(told(capsys, "trail", "--log", log, "--json"))["judges"]
    assert (judge["judge"], judge["audited"], judge["wrong"], judge["accepts_wrong"]) == ("a", 2, 1, 0.1)


def test_an_audit_is_shown_with_the_attempt_that_it_is_about(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys, "show", "--log", log, "s2/tasks")
    assert "◇ critic@b looked again at what a accepted and had not accepted it, score 0.20: It does not rhyme." in shown
    assert "✔ accepted by critic@a" in shown
    (step,) = json.loads(told(capsys, "show", "--log", log, "s2/tasks", "--json"))["steps"]
    (audit,) = step["attempts"][0]["audits"]
    assert (audit["judge"], audit["auditor"], audit["agrees"]) == ("a", "critic@b", False)
    assert "critic@b looked again at what a accepted and agrees" in told(capsys, "why", "--log", log, "s1/tasks")


async def position_of_audit(log: str) -> int:
    async with open_log(log, read_only=True) as opened:
        return [entry.position for entry in await entries_of(opened) if isinstance(entry.event, StepAudited)][-1]


def test_why_says_what_an_audit_is_for_and_what_its_judge_came_to(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    position = anyio.run(position_of_audit, log)
    found: dict[str, Any] = json.loads(told(capsys, "why", "--log", log, str(position), "--json"))
    assert found["said"].startswith("s2/tasks/1, attempt 1: critic@b looked again at what a accepted")
    what, record, led = found["because"]
    assert "no task and no trail moves" in what["said"]
    assert record["facts"] == {"audited": 2, "wrong": 1, "accepts_wrong": 0.1}
    assert "of 2 drafts that a had accepted by then 2 came to be audited, and 1 would not" in record["said"]
    kinds = [each["said"].partition(": ")[2].split(" ")[0:2] for each in led["because"]]
    assert ["the", "draft"] in kinds, "the acceptance is in the chain"


def test_the_calls_of_audits_are_costs_of_their_own_role(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(told(capsys, "cost", "--log", log, "--by", "role", "--json"))["rows"]
    calls = {row["role"]: row["calls"] for row in rows}
    assert calls == {"worker": 2, "validator": 2, "auditor": 2}
