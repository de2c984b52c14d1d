"""Trails as people see them are those that the choice sees."""

from __future__ import annotations

import json
import shlex
from math import comb
from pathlib import Path
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.testing.histories import history
from events.types.choice import Candidate
from events.views.base import fold
from swarm.choice.bounds import below, bounds
from swarm.choice.choose import choose
from swarm.choice.question import Question, acceptance_of
from swarm.cli.main import main
from swarm.insight.arms import ArmsView, known_arms
from swarm.messages import Arm
from tests.tui.recordings import at_home

DAY = 86_400


async def work(log: EventLog, clock: SetClock, *verdicts: tuple[str, bool]) -> None:
    """One task each, on a model, accepted or not; a day between them."""
    for number, (model, accepted) in enumerate(verdicts, 1):
        task = f"t{number}"
        candidates = tuple(
            Candidate(agent="maker", model=name, tier="cheap", mean=0.5, weight=1.0) for name in ("big", "small")
        )
        chosen = make.chosen(agent="maker", model=model, tier="cheap", candidates=candidates)
        verdict = make.accepted() if accepted else make.rejected()
        done = [make.new(event, task=task, step=1, attempt=1) for event in (chosen, verdict)]
        await log.append([make.a_task(task), *done])
        clock.move(DAY)


async def test_the_mean_is_the_one_with_which_the_next_choice_is_made() -> None:
    clock = SetClock()
    log = MemoryLog(clock=clock)
    await work(log, clock, ("small", True), ("small", False), ("big", True), ("small", True))
    view = await fold(log, ArmsView())
    known = {each.model: each for each in known_arms(view, clock.now)}
    arms = [Arm(agent="maker", model=name, tier="cheap", price=None) for name in ("big", "small")]
    question = Question(role="worker", context="worker/code", seed="1", now=clock.now, input_tokens=1, output_tokens=1)
    choice = choose(question, arms, view.trails.learned, {})
    assert choice is not None
    assert {each.model: round(known[each.model].mean, 6) for each in choice.candidates} == {
        each.model: each.mean for each in choice.candidates
    }
    assert {each.model: round(known[each.model].accepted, 6) for each in choice.candidates} == {
        each.model: each.accepted for each in choice.candidates
    }
    small = known["small"]
    assert (small.chosen, small.first, small.firsts, small.tier) == (3, 3, 4, "cheap")
    assert small.used_at == MORNING + 3 * DAY * 1_000_000 == small.judged_at
    assert small.low < small.mean < small.high and small.rejected < 1 < small.accepted < 2


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_whatever_happened_every_bound_holds_its_mean(seed: int) -> None:
    async def folded() -> ArmsView:
        log = MemoryLog(clock=SetClock())
        for append in history(Random(seed)):
            await log.append(append.events, texts=append.texts)
        return await fold(log, ArmsView())

    for each in known_arms(anyio.run(folded), MORNING):
        assert 0 <= each.low < each.high <= 1
        assert each.low <= each.mean <= each.high
        assert 0 <= each.first <= each.chosen and each.first <= each.firsts


async def test_an_arm_of_which_nothing_is_known_has_the_widest_bounds() -> None:
    trails, arm = ArmsView().trails, Arm(agent="maker", model="new", tier="free", price=None)
    known = acceptance_of(arm, "worker/code", trails.learned, MORNING)
    good, bad = known.accepted, known.rejected
    assert good + bad == pytest.approx(8) and good / (good + bad) == pytest.approx(0.55)
    low, high = bounds(good, bad)
    assert high - low > bounds(good * 3, bad * 3)[1] - bounds(good * 3, bad * 3)[0]


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.001, 0.999))
def test_what_lies_below_is_what_the_binomial_says_where_the_counts_are_whole(a: int, b: int, x: float) -> None:
    n = a + b - 1
    assert below(x, a, b) == pytest.approx(
        sum(comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1)), abs=1e-9
    )


@given(st.floats(0.5, 5_000), st.floats(0.5, 5_000))
def test_so_much_lies_between_the_bounds_as_is_said(a: float, b: float) -> None:
    low, high = bounds(a, b)
    assert below(high, a, b) - below(low, a, b) == pytest.approx(0.95, abs=1e-4)


def test_the_command_shows_arms_by_context_and_how_old_the_evidence_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home(tmp_path, monkeypatch)
    monkeypatch.setenv("SWARM_LOG", str(tmp_path / "log.db"))

    async def write(*verdicts: tuple[str, bool]) -> None:
        clock = SetClock()
        async with open_log(tmp_path / "log.db", clock=clock) as log:
            await work(log, clock, *verdicts)

    assert main(["trail"]) == 2
    assert "there is no log" in capsys.readouterr().err
    anyio.run(write)
    anyio.run(write, ("small", True), ("big", False))
    assert main(["trail"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[1].split()[:3] == ["worker/code", "maker@small", "cheap"] and "50 %" in lines[1]
    assert (
        "last verdicts: 2026-09-21 to 2026-09-22; what was accepted and rejected counts half after 7 days" in said.err
    )
    assert main(["trail", "--json", "--model", "bi", "--role", "worker", "--type", "code"]) == 0
    (arm,) = json.loads(capsys.readouterr().out)["arms"]
    assert (arm["model"], arm["chosen"], arm["last_used"]) == ("big", 1, "2026-09-22T14:13:20.000000+00:00")
    assert main(["trail", "--type", "codes"]) == 2
    assert "--type codes: this log knows code" in capsys.readouterr().err


def test_the_command_shows_trails_as_they_were_then_and_how_each_mean_comes_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home_with_a_log(tmp_path, monkeypatch, ("small", True), ("small", False), ("big", False))
    assert main(["trail", "--at", "2026-09-21", "--json"]) == 0
    (arm,) = json.loads(capsys.readouterr().out)["arms"]
    assert (arm["model"], round(arm["accepted"]), arm["rejected"]) == ("small", 1, 0), "the others were judged later"
    assert main(["trail", "--why", "--model", "small"]) == 0
    said = capsys.readouterr().out
    assert "0.70 is expected of the tier cheap, worth 4 verdicts" in said
    assert [line.strip().split()[0] for line in said.splitlines()[-2:]] == ["accepted", "rejected"]
    assert main(["trail", "--at", "yesterday"]) == 2
    assert "write a time such as 2h" in capsys.readouterr().err


def test_a_period_is_excluded_listed_and_counts_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home_with_a_log(tmp_path, monkeypatch, ("small", True), ("small", False), ("big", False))
    assert main(["trail", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    period = ["--from", "2026-09-22", "--to", "2026-09-22", "--model", "small"]
    assert main(["trail", "exclude", *period, "--reason", "the check was broken"]) == 0
    assert "2026-09-22 00:00:00 to 2026-09-23 00:00:00 of small count for nothing" in capsys.readouterr().out
    assert main(["trail", "exclude", *period]) == 0
    assert "excluded already" in capsys.readouterr().err
    assert main(["trail", "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert {arm["model"]: arm["rejected"] > 0 for arm in after["arms"]} == {"small": False, "big": True}
    assert main(["trail", "exclude"]) == 0
    said = capsys.readouterr()
    assert "of small" in said.out
    (command,) = [line for line in said.err.splitlines() if line.startswith("swarm trail include")]
    assert main(shlex.split(command)[1:]) == 0
    assert main(["trail", "--json"]) == 0
    capsys.readouterr()
    assert main(["trail", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [{**arm, "accepted": 0, "rejected": 0, "mean": 0, "low": 0, "high": 0} for arm in again["arms"]] == [
        {**arm, "accepted": 0, "rejected": 0, "mean": 0, "low": 0, "high": 0} for arm in before["arms"]
    ]
    assert again["excluded"] == before["excluded"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["include"], "name the period with --from and --to"),
        (["include", "--from", "2h"], "no such period is excluded"),
        (["exclude", "--from", "2026-09-22", "--to", "2026-09-21"], "a period ends after it begins"),
        (["exclude", "--from", "2h", "--why"], "belong to `swarm trail` alone"),
        (["--from", "2h"], "belong to the actions exclude and include"),
        (["exclud"], "did you mean exclude?"),
        (["exclude", "--from", "2026-09-01", "--model", "sma"], "the whole name is needed, and this log knows small"),
        (["exclude", "--from", "2026-09-01", "--model", "nobody"], "no work of a model of this name was judged"),
    ],
)
def test_what_makes_no_period_is_refused_and_nothing_is_recorded(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home_with_a_log(tmp_path, monkeypatch, ("small", True))
    assert main(["trail", *words]) == 2
    assert said in capsys.readouterr().err
    assert main(["trail", "exclude"]) == 0
    assert "no period is excluded" in capsys.readouterr().out


def test_what_lets_a_period_count_again_is_typed_on_the_log_that_was_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home_with_a_log(tmp_path, monkeypatch, ("small", True))
    monkeypatch.delenv("SWARM_LOG")
    other = ["--log", str(tmp_path / "log.db")]
    assert main(["trail", "exclude", "--from", "2026-09-01", *other]) == 0
    assert main(["trail", "exclude", *other]) == 0
    (command,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("swarm trail include")]
    assert main(shlex.split(command)[1:]) == 0
    assert main(["trail", "exclude", *other]) == 0
    assert "no period is excluded" in capsys.readouterr().out


def home_with_a_log(folder: Path, monkeypatch: pytest.MonkeyPatch, *verdicts: tuple[str, bool]) -> None:
    at_home(folder, monkeypatch)
    monkeypatch.setenv("SWARM_LOG", str(folder / "log.db"))
    monkeypatch.setenv("SWARM_TIME_ZONE", "UTC")

    async def write() -> None:
        clock = SetClock()
        async with open_log(folder / "log.db", clock=clock) as log:
            await work(log, clock, *verdicts)

    anyio.run(write)
