"""`swarm status`."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.call import BudgetSet
from events.upkeep import archive
from swarm.cli import status
from swarm.cli.bars import bar, sparkline
from swarm.cli.main import main
from swarm.money.caps import day_scope
from tests.events.aged import aged
from tests.test_imports import HEAVY, cpu_seconds, modules_of
from tests.tui.recordings import START, Clock, Writer


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """s1 runs in this process, s2 was left by one that is gone, s3 ended with a failure; 1.25 cents were spent today."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SWARM_TIME_ZONE", "UTC")
    monkeypatch.setattr(status, "system_clock", lambda: START + 3_600_000_000)
    path = tmp_path / "some.db"

    async def write() -> None:
        async with open_log(path, clock=Clock()) as opened:
            await Writer(opened, 1).open("look at it")
            await Writer(opened, 2).open("left alone", pid=2**22 + 7)
            ended = Writer(opened, 3)
            await ended.open("over")
            scopes = ("log", day_scope(START, "UTC"))
            calls = [make.new(make.reserved(scopes=scopes, cost_nanos=10**7), topic="ledger") for _ in range(3)]
            first, second, _ = (await opened.append(calls)).positions
            await opened.append([make.new(make.settled(first, cost_nanos=2_500_000)), make.new(make.unknown(second))])
            await ended.close()

    anyio.run(write)
    return str(path)


def test_the_line_says_who_runs_what_today_costs_and_how_the_last_session_ended(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--line", "--log", log]) == 0
    said = capsys.readouterr()
    assert said.out == "● 1 running  1 to resume  $0.0125 of $0.50 today  s3 ✔ 10:00\n"
    assert said.err == ""


def test_a_cap_that_a_person_recorded_for_today_is_the_one_that_is_shown(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def record() -> None:
        async with open_log(log) as opened:
            cap = BudgetSet(scope=day_scope(START, "UTC"), nanos=2_000_000_000, by="ada@host")
            await opened.append([make.new(cap, session=0, topic="ledger")])

    anyio.run(record)
    assert main(["status", "--line", "--log", log]) == 0
    assert "$0.0125 of $2.00 today" in capsys.readouterr().out


def test_several_lines_name_the_sessions_and_what_to_type(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--log", log]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("running   s1  look at it  for ")
    assert "`swarm resume s2`" in lines[1]
    assert "$0.0125 of $0.50" in lines[2] and "2.5 %" in lines[2]
    assert "$0.01 reserved" in lines[2] and "$0.01 maybe paid" in lines[2]
    assert lines[3].startswith("last      s3  over  accepted (exit code 0)")


def test_programs_get_whole_nanos_and_the_same_as_a_decimal(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--log", log]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "swarm.status/1"
    assert (found["spent_nanos"], found["spent_usd"], found["cap_nanos"]) == (12_500_000, "0.0125", 500_000_000)
    assert (found["reserved_nanos"], found["maybe_paid_nanos"]) == (10_000_000, 10_000_000)
    assert [one["session"] for one in found["running"]] == ["s1"] and [one["session"] for one in found["left"]] == [
        "s2"
    ]
    assert (found["last"]["session"], found["last"]["exit_code"], found["day"]) == ("s3", 0, "day:2026-11-21@UTC")


def test_before_anything_is_recorded_the_line_has_the_cap_and_a_named_log_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["status", "--line"]) == 0
    assert capsys.readouterr().out == "$0 of $0.50 today\n"
    assert main(["status"]) == 0
    assert "begin with `swarm run" in capsys.readouterr().err
    assert main(["status", "--line", "--log", str(tmp_path / "none.db")]) == 2


def test_what_an_archive_took_still_counts_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, clock = tmp_path / "log.db", SetClock()
    monkeypatch.setenv("SWARM_TIME_ZONE", "UTC")

    def spent(day: int) -> int:
        monkeypatch.setattr(status, "system_clock", lambda: 1_789_948_800_000_000 + day * 86_400_000_000)  # 2026-09-21
        assert main(["status", "--json", "--log", str(path)]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return int(found["spent_nanos"])

    between = anyio.run(aged, path, clock)
    before = [spent(day) for day in range(4)]
    archive(path, before=between, clock=clock)
    assert [spent(day) for day in range(4)] == before and sum(before) > 0


def test_the_line_needs_no_event_loop_and_nothing_heavy(log: str, tmp_path: Path) -> None:
    code, modules = modules_of(["status", "--line", "--log", log], tmp_path)
    assert code == 0
    assert modules.isdisjoint({*HEAVY, "anyio", "asyncio", "subprocess"})


def test_the_line_costs_at_most_twelve_times_a_bare_interpreter(log: str, tmp_path: Path) -> None:
    bare = [sys.executable, "-c", "pass"]
    line = [sys.executable, "-m", "swarm.cli.main", "status", "--line", "--log", log]
    cpu_seconds(line, tmp_path)  # the first run compiles
    rounds = [(cpu_seconds(bare, tmp_path), cpu_seconds(line, tmp_path)) for _ in range(7)]
    assert statistics.median(times[1] for times in rounds) <= 12 * statistics.median(times[0] for times in rounds)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_bar_is_as_long_as_its_share_and_shows_the_least_amount(encoding: str) -> None:
    with open(os.devnull, "w", encoding=encoding) as stream:  # noqa: PTH123
        bars = [bar(value, 800, 10, stream) for value in (0, 1, 400, 799, 800, 5000)]
        line = sparkline([0, 1, 50, 100], stream)
    assert (
        bars
        == {
            "utf-8": [" " * 10, "▏" + " " * 9, "█████     ", "█████████▉", "█" * 10, "█" * 10],
            "ascii": ["." * 10, "#.........", "#####.....", "#########.", "#" * 10, "#" * 10],
        }[encoding]
    )
    assert line == {"utf-8": "▁▂▅█", "ascii": "_.+@"}[encoding]
    assert sparkline([], stream) == "" and bar(0, 0, 2, stream).strip(" .") == ""
