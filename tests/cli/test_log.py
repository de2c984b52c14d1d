"""`swarm log`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import NewEvent, open_log
from events.types.any import decode_body
from events.types.base import Unknown
from events.types.task import TaskCancelled
from swarm.cli.main import main
from tests.tui.recordings import Clock, Writer, at_home, recorded_log, recording


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def entries(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> list[dict[str, Any]]:
    assert main(["log", "--log", log, "--json", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def positions(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> list[int]:
    return [entry["position"] for entry in entries(capsys, log, *words)]


def test_an_event_is_one_line_with_position_time_kind_place_and_what_matters(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "--log", log]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 26
    assert lines[13].split()[:5] == ["14", "2026-11-21", "10:00:14.000", "call.settled", "s1/build/1"]
    assert "reservation=13" in lines[13] and "cost=$0.001234567" in lines[13]
    assert not any(character in "\x1b\x07\u202e" for line in lines for character in line)


def test_json_lines_hold_whole_entries(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = entries(capsys, log)
    assert len(found) == 26
    for entry in found:
        assert set(entry) == {
            *("schema", "position", "id", "at", "topic", "project", "session", "task", "step", "attempt", "cause"),
            *("kind", "body"),
        }
        assert not isinstance(decode_body(entry["kind"], json.dumps(entry["body"])), Unknown)
    assert found[13]["body"]["cost_nanos"] == 1_234_567
    assert found[13]["at"] == "2026-11-21T10:00:14.000000+00:00"


def test_events_are_chosen_by_kind_and_by_place(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert {entry["kind"] for entry in entries(capsys, log, "--kind", "call.settled")} == {"call.settled"}
    assert {entry["kind"] for entry in entries(capsys, log, "--kind", "step,task.failed")} == {
        *("step.planned", "step.drafted", "step.rejected", "step.accepted", "task.failed")
    }
    assert positions(capsys, log, "--session", "s1/docs/1") == [18, 19, 20, 21, 22]
    assert positions(capsys, log, "--session", "1/docs", "--kind", "task") == [4, 23]
    assert positions(capsys, log, "s1/docs/1") == positions(capsys, log, "docs/1") == [18, 19, 20, 21, 22]


def test_a_kind_that_is_not_known_is_asked_about(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "--log", log, "--kind", "call.setled"]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "did you mean call.settled?" in said.err


def test_n_gives_the_newest_that_fit(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert positions(capsys, log, "-n", "2") == [25, 26]
    assert positions(capsys, log, "-n", "2", "--kind", "session") == [2, 26]
    assert positions(capsys, log, "-n", "0") == []
    assert len(positions(capsys, log, "-n", "500")) == 26
    assert main(["log", "--log", log, "-n", "-1"]) == 2


def test_since_takes_a_position_or_a_length_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    log = tmp_path / "log.db"

    async def record() -> None:
        clock = Clock(time.time_ns() // 1000 - 3 * 3_600_000_000)
        async with open_log(log, clock=clock) as opened:
            writer = Writer(opened)
            for task in ("a", "b", "c"):
                await writer.submit(task)
            clock.now += 2 * 3_600_000_000
            for task in ("d", "e"):
                await writer.submit(task)

    anyio.run(record)
    assert positions(capsys, str(log), "--since", "4") == [4, 5]
    assert positions(capsys, str(log), "--since", "2h") == [4, 5]
    assert positions(capsys, str(log), "--since", "1d") == [1, 2, 3, 4, 5]
    assert positions(capsys, str(log), "--since", "1m") == []
    assert main(["log", "--log", str(log), "--since", "noon"]) == 2
    assert "write a time such as 2h" in capsys.readouterr().err


def test_texts_are_shown_by_digest_or_in_full(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["log", "--log", log, "--kind", "step.rejected"])
    assert "look at line 3" not in capsys.readouterr().out
    main(["log", "--log", log, "--kind", "step.rejected", "--texts"])
    assert "│ look at line 3\n        │ and at line 4\n" in capsys.readouterr().out
    (rejected,) = entries(capsys, log, "--kind", "step.rejected", "--texts")
    assert rejected["texts"] == {rejected["body"]["feedback"][0]: "look at line 3\nand at line 4"}


def test_an_event_of_a_newer_program_is_shown_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)

    async def record() -> None:
        async with recording(tmp_path / "log.db") as writer:
            strange = NewEvent(event=Unknown("moon.landed", b'{"crater":"Tycho"}'), topic="moon")
            await writer.log.append([strange])

    anyio.run(record)
    assert main(["log", "--log", str(tmp_path / "log.db")]) == 0
    assert '{"crater":"Tycho"}' in capsys.readouterr().out
    assert entries(capsys, str(tmp_path / "log.db"))[0]["body"] == {"crater": "Tycho"}


@contextmanager
def following(log: str, *words: str) -> Generator[subprocess.Popen[str]]:
    code = "import sys; from swarm.cli.main import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = (sys.executable, "-c", code, "log", "-f", "--json", "--log", log, *words)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def next_position(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    position: int = json.loads(process.stdout.readline())["position"]
    return position


def test_following_shows_what_another_process_writes_and_ends_quietly_on_ctrl_c(log: str) -> None:
    with following(log, "-n", "1") as process:
        assert next_position(process) == 26

        async def write() -> None:
            async with recording(Path(log)) as writer:
                await writer.add(TaskCancelled(reason="enough"), task="tell")
                await writer.add(TaskCancelled(reason="enough"), task="ship")

        anyio.run(write)
        assert [next_position(process), next_position(process)] == [27, 28]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (out, err, process.returncode) == ("", "", 130)


def test_following_begins_with_the_last_ten(log: str) -> None:
    with following(log) as process:
        assert [next_position(process) for _ in range(10)] == list(range(17, 27))


def test_following_ends_when_nobody_reads_any_more_though_nothing_comes(log: str) -> None:
    with following(log, "-n", "1") as process:
        assert next_position(process) == 26
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


def test_following_a_log_that_is_deleted_ends_with_a_sentence(log: str) -> None:
    with following(log, "-n", "1") as process:
        assert next_position(process) == 26
        Path(log).unlink()
        out, err = process.communicate(timeout=30)
        assert json.loads(out)["kind"] == "LogGone"
        assert "was moved or deleted" in err and "Traceback" not in err
        assert process.returncode == 1
