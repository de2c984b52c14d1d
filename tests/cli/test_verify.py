"""`swarm verify`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from swarm.cli.main import main
from tests.tui.recordings import recorded_log


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def head_of(log: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["verify", "--log", log, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "swarm.verify/1" and found["ok"] and not found["problems"]
    head: str = found["head"]
    return head


def test_a_whole_log_is_told_with_its_counts_and_the_head_to_keep(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    head = head_of(log, capsys)
    assert main(["verify", "--log", log]) == 0
    out = capsys.readouterr().out
    assert "26 events" in out and f"head {head}" in out
    assert main(["verify", "--log", log, "--head", head]) == 0


def test_a_changed_event_is_found(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("DROP TRIGGER event_is_a_fact")
        connection.execute("UPDATE event SET cost_nanos = 1 WHERE position = 14")
    assert main(["verify", "--log", log]) == 1
    assert "✘" in capsys.readouterr().out
    assert main(["verify", "--log", log, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"]


def test_a_missing_tail_is_found_against_a_kept_head(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    position, _, digest = head_of(log, capsys).partition(":")
    later = f"{int(position) + 5}:{digest}"
    assert main(["verify", "--log", log, "--head", later]) == 1
    assert "tail is missing" in capsys.readouterr().out


@pytest.mark.parametrize("head", ["", "5", "5:", "5:zz", "x:" + "0" * 64, "5:" + "0" * 62])
def test_what_is_no_head_is_refused(log: str, head: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--log", log, f"--head={head}"]) == 2
    assert "is no head" in capsys.readouterr().err


def test_without_a_log_verify_says_how_to_begin(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--log", log + ".missing"]) == 2
    assert "begin with `swarm run" in capsys.readouterr().err
