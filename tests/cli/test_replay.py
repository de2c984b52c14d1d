"""`swarm replay`: on a terminal, the state at a point, a picture, and what is wrong with what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarm.cli.main import main
from swarm.cli.options import _with_values  # pyright: ignore[reportPrivateUsage]  # what is said of it is an example
from tests.terminal import terminal
from tests.tui.recordings import damage, recorded_log


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def test_replay_plays_a_session_on_a_terminal_and_q_leaves_it(log: str) -> None:
    with terminal("replay", "--log", log) as screen:
        screen.wait_for("no model is called")
        screen.wait_for("#1/26")
        screen.press("}")
        screen.wait_for("retrying")
        screen.press("q")
        assert screen.end() == 0
        assert b"Traceback" not in screen.shown and b"\x1b]0;pwned" not in screen.shown


def test_the_state_at_a_point_as_json_is_what_stands_in_the_log(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "s1", "--log", log, "--at", "#14", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["session"], told["position"], told["event"], told["events"]) == (
        *("swarm.state/1", "s1"),
        *(14, 14, 26),
    )
    assert (told["state"], told["time"]) == ("running", "2026-11-21T10:00:14.000000+00:00")
    assert {name: task["status"] for name, task in told["tasks"].items()} == dict.fromkeys(
        ("build", "docs", "ship", "tell"), "open"
    )
    assert told["scopes"]["s1/build"]["spent"] == {"tokens": 2380, "nanos": 1_234_567}
    agents = [(each["model"], each["calls"], each["accepted"], each["rejected"]) for each in told["agents"]]
    assert agents == [("qwen", 1, 0, 1), ("sonnet", 1, 0, 0)]
    assert told["sessions"]["s1"]["directory"] == "/srv/project"


def test_the_state_at_a_point_as_text_says_the_same(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--log", log, "--at", "-2s"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "s1 at #24, event 24 of 26, 2026-11-21 10:00:24.000: running"
    assert any(line.split()[:3] == ["✘", "failed", "docs"] and "$0.003?" in line for line in lines)
    assert any(line.split()[:2] == ["coder", "qwen"] for line in lines)
    assert main(["replay", "--log", log, "--at", "end"]) == 0
    assert ": interrupted" in capsys.readouterr().out


def test_a_picture_is_written_and_has_the_same_bytes_again(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for picture in pictures:
        assert main(["replay", "--log", log, "--at", "fail", "--to", str(picture), "--size", "80x24"]) == 0
        assert f"written: {picture}" in capsys.readouterr().err
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert "#23/26" in pictures[0].read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "replay needs a terminal to draw on; `swarm replay s1 --at end"),
        (("--at", "nope"), "--at 'nope' is no event, time or task of this session; write #48213"),
        (("--at", ""), "--at '' is no event"),
        (("--at", "#99"), "#99 is no event of this session; its events are #1 to #26"),
        (("--at", "09:00"), "nothing is recorded at 09:00; the session's events are from 10:00:01 to 10:00:26"),
        (("--at", "bild"), "did you mean build?"),
        (("--to", "frame.png"), "--to 'frame.png': a picture is an SVG"),
        (("--to", "no/where/f.svg"), "cannot be written: no such file or directory"),
        (("--to", "f.svg", "--size", "20x5"), "--size '20x5': columns and rows are expected, 40x10 to 400x200"),
        (("--size", "80x24"), "--size is that of a picture"),
        (("--to", "f.svg", "--json"), "--to writes a picture and has no --json"),
        (("--check", "--at", "end"), "--check and --until compare and draw nothing"),
        (("--until", "0"), "--until 0: a position of the log is expected"),
        (("s7", "--at", "end"), "there is no session s7 in this log"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    log: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "--log", log, *words]) == 2
    told = capsys.readouterr()
    assert said in told.err and ("--json" in words or told.out == "")


def test_an_empty_log_has_nothing_to_replay(log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--log", str(tmp_path / "none.db"), "--at", "end"]) == 2
    assert "nothing is recorded yet" in capsys.readouterr().err


def test_a_damaged_log_is_told_beside_the_state_before_it_and_where_there_is_none_alone(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(Path(log), 14)
    assert main(["replay", "--log", log, "--at", "#12"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("s1 at #12, event 12 of 13") and "damaged at position 14" in told.err
    assert main(["replay", "--log", log, "--at", "#20"]) == 2
    assert "its events are #1 to #13; the log" in capsys.readouterr().err


def test_a_truncated_log_is_told(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    held = Path(log).read_bytes()
    Path(log).write_bytes(held[: len(held) // 2])
    assert main(["replay", "--log", log, "--at", "end"]) in (0, 2)
    told = capsys.readouterr()
    assert "Traceback" not in told.err and str(log) in told.err


def test_a_negative_time_is_the_value_of_its_option() -> None:
    assert _with_values(["--at", "-2m", "--json", "--", "--at", "-2m"]) == ["--at=-2m", "--json", "--", "--at", "-2m"]
