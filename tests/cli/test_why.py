"""`swarm why`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.main import main
from tests.tui.recordings import recorded_log


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def told(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> str:
    assert main(["why", "--log", log, *words]) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(capsys, log, "--json", *words))
    assert found["schema"] == "swarm.why/1"
    return found


def test_a_choice_is_explained_by_its_event(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, log, "8")
    for part in (
        "s1/build/1, attempt 1: coder@qwen (free) was chosen as worker, 75 % of the draw against 1 other candidate  [8]",
        "the trails were read for worker/code",
        "coder@qwen   free   weight 0.6, 75 % · mean 0.75 from 3.0 accepted and 1.0 rejected · $0 expected  <- chosen",
        "coder@other  cheap  weight 0.2, 25 % · mean 0.70 from 0.0 accepted and 0.0 rejected · $0.00012 expected",
        "gold could not take part: a cheaper tier goes first",
        "the seed of the draws was 7",
        "what led to it, from the latest to the first",
    ):
        assert part in said
    found = document(capsys, log, "8")
    assert found["facts"]["probability"] == pytest.approx(0.75)
    assert found["event"] == 8


def test_a_cent_is_explained_by_its_call_with_the_reservation_beside_it(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, log, "14")
    assert "the answer came: 1,200 tokens in, 300 out, $0.001234567" in said
    assert "the provider counted 1,200 tokens of input" in said
    assert "reserved before it was sent: 3,000 tokens and $0.005, the most that it could cost" in said
    assert "it counts in log, month:2026-11@UTC, day:2026-11-21@UTC, " in said
    costs = document(capsys, log, "--cost")
    assert costs["said"] == "s1 cost $0.004234567 in 5 calls"
    assert costs["facts"] == {"cost_nanos": 4_234_567, "calls": 5}
    calls = [call for task in costs["because"] for call in task.get("because", ())]
    assert sum(call["facts"]["cost_nanos"] for call in calls) == 4_234_567
    assert [call["facts"]["state"] for call in calls] == ["settled", "settled", "unknown", "failed", "open"]
    assert told(capsys, log, "docs", "--cost").startswith("s1/docs cost $0.003 in 2 calls\n")


def test_a_task_is_explained_by_its_verdicts(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, log, "build")
    for part in (
        "s1/build is accepted",
        "step 1, attempt 1: drafted by coder@qwen, rejected by judge@llama",
        "the check 'pytest -q' did not pass: 1 failed",
        "the next attempt was told",
        "│ look at line 3",
        "step 1, attempt 2: drafted by coder@sonnet, accepted by judge@llama, score 0.90",
    ):
        assert part in said
    assert "s1/tell is open" in told(capsys, log)
    assert "it needs ship, which is open" in told(capsys, log, "tell")
    assert "call of sonnet was maybe paid, $0.003 stay charged: cut off" in told(capsys, log, "docs")


def test_nothing_in_an_explanation_acts_upon_a_terminal(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("build",), ("3",), ("18",)):
        said = told(capsys, log, *words)
        assert not any(char in said for char in "\x1b\x07\u202e")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("4711",), "there is no event 4711 in this log: its last one is 26"),
        (("0",), "there is no event 0 in this log: its first one is 1"),
        (("s9",), "there is no session s9"),
        (("buidl",), "did you mean s1/build?"),
        (("12", "--cost"), "explains what a call cost"),
        (("build/1", "--cost"), "--cost takes a session or a task; name s1/build"),
    ],
)
def test_what_cannot_be_explained_is_said_with_what_can(
    words: tuple[str, ...], said: str, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", "--log", log, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_number_that_could_be_a_session_is_said_to_be_an_event(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--log", log, "1"]) == 0
    assert "1 is read as the position of an event; the session is s1" in capsys.readouterr().err
