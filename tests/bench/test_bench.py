"""The benches measure what they say: each row makes its calls, the logs are logs, a figure is held against its bar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import appends, growth, loads, run
from bench.fill import AT_ONCE, filled
from bench.processes import Process, finished, provider
from bench.table import Bar, Figure, middle, show
from events.log import open_log
from events.verify import verify_log
from events.views.base import fold
from events.views.cost import CostView


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with provider(0) as address:
        yield address


@pytest.mark.parametrize("row", loads.ROWS)
async def test_each_client_does_its_tasks(row: str, url: str, tmp_path: Path) -> None:
    spent = await loads.measure(row, url, 2, 2, tmp_path)
    assert spent.cpu_ms > 0
    assert spent.tasks_a_second > 0
    assert spent.peak_mb > 1
    assert (spent.disk_kb > 1) == (row == "swarm-file")


async def test_a_filled_log_is_a_sound_one_in_which_calls_are_settled(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    half = await filled(path, 3_000)
    await filled(path, 6_000, half)
    report = await verify_log(path)
    assert not report.problems
    async with open_log(path, read_only=True) as log:
        assert (await log.head()).position == half.events >= 6_000
        total = (await fold(log, CostView())).total()
    assert total.open <= AT_ONCE < total.calls


def test_a_run_that_was_killed_is_resumed_to_its_end(tmp_path: Path) -> None:
    assert growth.resumed(tmp_path, tmp_path / "log.db").cpu_ms > 0


def test_a_command_that_fails_ends_the_bench_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no such file.*\n.*nothing\.py"):
        finished(["cat", "no such file", "nothing.py"], tmp_path)


async def test_the_log_is_measured_beside_all_that_it_is_compared_with(tmp_path: Path) -> None:
    rows = await appends.stored_rows(tmp_path / "rows.db")
    benches = appends.benches(rows)
    assert {name for of, to, _ in appends.COMPARED for name in (of, to)} == set(benches)
    for number, name in enumerate(
        ("raw, 100 a commit, no index", "eventsourcing, 100 a commit", "append, 10 producers")
    ):
        assert 0 < await benches[name](tmp_path / f"{number}.db") < 1


@pytest.mark.parametrize(
    ("value", "bar", "verdict"),
    [
        (0.2, Bar(1.0, 0.25), "target"),
        (0.3, Bar(1.0, 0.25), "must"),
        (1.1, Bar(1.0, 0.25), "missed"),
        (300, Bar(250, 290, least=True), "target"),
        (249, Bar(250, 290, least=True), "missed"),
        (1.0, Bar(1.0), "met"),
        (1.0, None, ""),
    ],
)
def test_a_figure_is_held_against_its_bar(value: float, bar: Bar | None, verdict: str) -> None:
    assert Figure("it", value, bar=bar).verdict == verdict


def rounds() -> list[run.Round]:
    """Three rounds, in the second of which the machine was ten times as slow."""
    found: list[run.Round] = []
    for slow in (1.0, 10.0, 1.0):
        spent = {
            row.name: {
                "cpu_ms": slow * (1.0 if row.client.startswith("swarm") else 4.0),
                "tasks_a_second": 300.0 / slow,
                "peak_mb": 40.0,
                "disk_kb": 3.0,
                "written_kb": 11.0,
            }
            for row in run.rows(quick=False)
        }
        ran = Process(200 * slow, 300 * slow, 45)
        found.append(run.Round(spent, {"run": ran, "help": ran, "python": Process(10 * slow, 12 * slow, 9)}))
    return found


def test_a_ratio_within_a_round_is_not_moved_by_the_load_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        middle(rounds()[1:2], lambda each: each.spent["swarm-file"]["cpu_ms"] / each.spent["httpx"]["cpu_ms"]) == 0.25
    )
    show("a run", run.figures(rounds()), as_json=True)
    document = json.loads(capsys.readouterr().out)
    against_httpx = document["figures"][0]
    assert (against_httpx["value"], against_httpx["verdict"]) == (0.25, "target")


def test_the_table_has_a_line_a_figure(capsys: pytest.CaptureFixture[str]) -> None:
    figures = run.figures(rounds())
    show("a run", figures, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 + len(figures)
    assert lines[4].split()[-7:] == ["0.25", "target", "1.00", "ms", "against", "4.00", "ms"]


def test_no_client_does_more_tasks_a_second_than_their_waits_allow() -> None:
    assert run.at_best(tasks=1, at_once=1) == pytest.approx(1000 / (3 * run.FAR_MS), rel=0.5)
    assert 0.8 * run.MOST_A_SECOND < run.at_best() < run.MOST_A_SECOND
    assert run.at_best() < run.at_best(tasks=10_000), "the last tasks have nobody behind them"
