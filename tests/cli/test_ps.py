"""`swarm ps`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from events.log import open_log
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.cli.main import main
from swarm.cli.recorded import recorded
from tests.tui.recordings import EVIL, Writer, a_session, at_home, recorded_log, recording


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_ps_shows_a_session_with_its_state_its_tasks_and_its_cost(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--log", log]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:6] == ["SESSION", "STATE", "TYPE", "TASKS", "TOKENS", "COST"]
    assert row.split()[:8] == ["s1", "interrupted", "direct", "✔1", "✘1", "●1", "○1", "3.3k"]
    assert "$0.004234567" in row


def test_the_sums_of_ps_are_those_of_the_fold(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def folded() -> TasksView:
        async with recorded(log) as opened:
            return await fold(opened, TasksView())

    tasks = anyio.run(folded).of(1).values()
    (session,) = document(capsys, "ps", "--log", log)["sessions"]
    assert session["cost_nanos"] == sum(task.cost_nanos for task in tasks) == 4_234_567
    assert session["cost_usd"] == "0.004234567"
    assert session["tokens"] == sum(task.tokens for task in tasks)
    assert session["maybe_paid"] == 1


def test_nothing_in_a_title_reaches_the_terminal(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ps", "--log", log])
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out and "␛]0;pwned" in out


def test_a_session_is_running_while_its_owner_lives_and_orphaned_after_its_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:

        async def record() -> None:
            async with recording(tmp_path / "log.db") as writer:
                await writer.open("mine")
                await Writer(writer.log, 2).open("theirs", pid=owner.pid)
                await Writer(writer.log, 3).open("done")
                await Writer(writer.log, 3).close()

        anyio.run(record)
        found = document(capsys, "ps", "--log", str(tmp_path / "log.db"))["sessions"]
        assert [one["state"] for one in found] == ["finished", "running", "running"]
        owner.communicate(b"\n")
    found = document(capsys, "ps", "--log", str(tmp_path / "log.db"))["sessions"]
    assert [(one["session"], one["state"]) for one in found] == [
        ("s3", "finished"),
        ("s2", "orphaned"),
        ("s1", "running"),
    ]


def test_ps_shows_the_newest_ten_and_those_that_run_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)

    async def record() -> None:
        async with recording(tmp_path / "log.db") as writer:
            for number in range(1, 14):
                session = Writer(writer.log, number)
                await session.open(f"number {number}")
                if number > 1:
                    await session.close()

    anyio.run(record)
    log = str(tmp_path / "log.db")
    found = document(capsys, "ps", "--log", log)
    assert [one["number"] for one in found["sessions"]] == [*range(13, 3, -1), 1]
    assert found["left_out"] == 2
    assert len(document(capsys, "ps", "--log", log, "--all")["sessions"]) == 13
    assert main(["ps", "--log", log]) == 0
    assert f"2 older ones are not shown; see `swarm ps --all --log {log}`" in capsys.readouterr().err


def test_without_a_log_ps_is_an_empty_list_that_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    assert main(["ps"]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "begin with `swarm run" in said.err
    assert document(capsys, "ps")["sessions"] == []


def test_a_log_that_is_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    assert main(["ps", "--log", "missing.db"]) == 2
    assert "there is no log at" in capsys.readouterr().err
    assert not (tmp_path / "missing.db").exists()


def test_a_file_that_is_no_log_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    foreign = tmp_path / "notes.txt"
    foreign.write_text("these are notes, not a log" * 40)
    assert main(["ps", "--log", str(foreign)]) == 2
    assert "is no log of swarm" in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_the_command_quietly(log: str) -> None:
    command = (
        f"{sys.executable} -c 'import sys; from swarm.cli.main import main; sys.exit(main())' ps --log {log} | true"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment)
    assert "Traceback" not in done.stderr and "Broken" not in done.stderr


async def test_the_builders_write_what_they_say(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        view = await fold(writer.log, TasksView())
    assert [task.status for task in view.of(1).values()] == ["accepted", "failed", "open", "open"]
    assert EVIL in view.of(1)["build"].title


async def test_a_log_without_a_session_is_said_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_log(tmp_path / "empty.db"):
        pass
    monkeypatch.setenv("HOME", str(tmp_path))
    done = await to_thread.run_sync(main, ["ps", "--log", str(tmp_path / "empty.db")])
    shown = capsys.readouterr()
    assert (done, shown.out) == (0, "")
    assert shown.err.startswith("no session is recorded in this log yet; begin with `swarm run FILE")
