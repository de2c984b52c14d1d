"""The scripted day: its luck is the one that it says, the same seed is the same day, and its figures are those of the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import workload
from bench.day import JOBS, OVERLAP, RIGHT, Job, Luck
from bench.workload import WAYS, Day, Way, a_day, dearest, measured
from events.log import open_log
from events.views.base import fold
from events.views.cost import CostView
from swarm.roster import roster_with

FEW = tuple(job for job in JOBS if job.name in ("invoice", "german", "bug", "api"))


async def test_the_same_seed_is_the_same_day_and_its_cost_is_that_of_the_log(tmp_path: Path) -> None:
    days: list[Day] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        days.append(await a_day(3, FEW, tmp_path / name, WAYS["no free models"]))
    assert days[0] == days[1]
    async with open_log(tmp_path / "one/log.db", read_only=True) as log:
        total = (await fold(log, CostView())).total()
    assert days[0].nanos == total.nanos > 0
    assert days[0].drafts >= days[0].accepted >= days[0].right > 0 == days[0].free


def test_each_way_does_the_day_with_its_models() -> None:
    days = measured(1, FEW)
    assert list(days) == list(WAYS)
    usual, dear = days[workload.DEFAULT], days["the dearest model alone"]
    assert (usual.nanos, usual.free) == (0, usual.accepted), "three attempts are for free models alone"
    assert dear.nanos > 0 == dear.free
    rows = workload.figures([days], len(FEW))
    assert len(rows) == 7 * len(WAYS)
    assert [row.verdict for row in rows if row.bar] == ["met", "met"]


async def test_the_dearest_of_the_models_that_ship_is_the_best(tmp_path: Path) -> None:
    found = roster_with((), workload.settings_in(tmp_path).settings, workload.environ(tmp_path))
    strengths = workload.strengths(found.models)
    assert set(strengths.values()) == {"small", "middle", "best"}
    assert Way().models(found.models) == found.models
    assert [strengths[each.model] for each in WAYS["the dearest model alone"].models(found.models)] == ["best"]
    assert dearest(found.models) in WAYS["no free models"].models(found.models)


@pytest.mark.parametrize("job", FEW, ids=lambda job: job.name)
def test_drafts_are_right_as_often_as_is_said_and_fail_together_as_often(job: Job) -> None:
    small, best, both, count = 0, 0, 0, 1_500
    for seed in range(count):
        luck = Luck(seed)
        first, other = (luck.draft_is_right(job, "small", model, 1) for model in ("a", "b"))
        small, best = small + first, best + luck.draft_is_right(job, "best", "c", 1)
        both += not first and not other
    right = RIGHT[job.hardness]
    assert small / count == pytest.approx(right["small"], abs=0.05)
    assert best / count == pytest.approx(right["best"], abs=0.05)
    wrong = 1 - right["small"]
    assert both / count == pytest.approx(OVERLAP * wrong + (1 - OVERLAP) * wrong**2, abs=0.05)


def test_it_is_a_day_of_at_least_twenty_tasks_of_many_kinds() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS) >= 20
    assert {job.hardness for job in JOBS} == set(RIGHT)
    assert sum(bool(job.accept) for job in JOBS) == 8
    assert not any(f"[{job.name}]" in other.prompt for job in JOBS for other in JOBS)


def test_the_bench_prints_a_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["bench.workload", "--json", "--rounds", "1"])
    monkeypatch.setattr(workload, "JOBS", FEW)
    workload.main()
    document = json.loads(capsys.readouterr().out)
    assert document["figures"][0]["what"] == "as shipped: cost of the day"
