"""`swarm show`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.main import main
from tests.tui.recordings import EVIL, recorded_log


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def show_json(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> dict[str, Any]:
    assert main(["show", "--log", log, "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "swarm.show/1"
    return found


def test_without_a_name_the_last_session_is_shown(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = show_json(capsys, log)
    assert (found["what"], found["session"], found["state"]) == ("session", "s1", "interrupted")
    assert [task["status"] for task in found["tasks"]] == ["accepted", "failed", "open", "open"]
    assert main(["show", "--log", log]) == 0
    said = capsys.readouterr()
    assert "s1/build" in said.out and "no model took it" in said.out
    assert "swarm resume s1" in said.err


def test_a_task_tells_its_attempts_its_choice_and_its_verdicts(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s1/build", "--log", log]) == 0
    out = capsys.readouterr().out
    for said in (
        "chosen coder@qwen by trails (event 8)",
        "weight 0.6 (75 %)",
        "not gold: a cheaper tier goes first",
        "900 in (100 cached), 80 out, $0",
        "check ✘ pytest -q: 1 failed",
        "✘ rejected by judge@llama: a test fails",
        "│ look at line 3",
        "1,200 in, 300 out, $0.001234567",
        "✔ accepted by judge@llama, score 0.90: it does it",
        "│ its second line",
    ):
        assert said in out
    assert "\x1b" not in out and "\u202e" not in out


def test_a_call_that_was_maybe_paid_stays_at_its_reservation(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = show_json(capsys, log, "1/docs/1")
    lost, failed = found["attempts"][0]["calls"]
    assert (lost["state"], lost["cost_nanos"], lost["reason"]) == ("maybe paid", 3_000_000, "cut off")
    assert (failed["state"], failed["cost_nanos"], failed["reserved_nanos"]) == ("failed", 0, 3_000_000)
    assert main(["show", "1/docs", "--log", log]) == 0
    assert "maybe paid: cut off; 1,000 tokens and $0.003 reserved" in capsys.readouterr().out


def test_the_document_of_a_task_holds_everything_that_led_to_it(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = show_json(capsys, log, "s1/build")
    first, second = found["steps"][0]["attempts"]
    (choice,) = first["choices"]
    assert [one["weight"] for one in choice["candidates"]] == [0.6, 0.2]
    assert choice["excluded"] == [{"model": "gold", "rule": "a cheaper tier goes first"}]
    assert first["verdicts"][0]["feedback"] == "look at line 3\nand at line 4"
    assert first["verdicts"][0]["checks"][0] == {
        "name": "pytest -q",
        "passed": False,
        "detail": "1 failed",
        "required": True,
    }
    assert (second["verdicts"][0]["verdict"], second["draft"]) == ("accepted", "second try")
    assert found["cost_nanos"] == sum(call["cost_nanos"] for one in (first, second) for call in one["calls"])
    assert found["result"] == f"the result {EVIL}\nits second line"


def test_text_prints_the_result_alone_and_unchanged_into_a_pipe(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s1/build", "--text", "--log", log]) == 0
    assert capsys.readouterr().out == f"the result {EVIL}\nits second line\n"
    assert main(["show", "s1/build/1", "--text", "--log", log]) == 0
    assert capsys.readouterr().out == "second try\n"


def test_on_a_terminal_a_result_cannot_act(log: str) -> None:
    parent, child = pty.openpty()
    code = "import sys; from swarm.cli.main import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", code, "show", "s1/build", "--text", "--log", log]
    with subprocess.Popen(words, stdout=child, env=environment) as process:
        os.close(child)
        shown = b""
        while True:
            try:
                part = os.read(parent, 4096)
            except OSError:  # Linux reports the end of a terminal as an error
                break
            if not part:
                break
            shown += part
    os.close(parent)
    assert process.returncode == 0
    assert b"\x1b" not in shown and b"\x07" not in shown
    assert "␛]0;pwned␇␛[31m[bold]red[/] <U+202E>gnol.exe" in shown.decode()


def test_text_of_a_session_with_several_tasks_asks_which(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--text", "--log", log]) == 2
    assert "s1/build, s1/docs" in capsys.readouterr().err


def test_a_task_without_a_result_says_why(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s1/docs", "--text", "--log", log]) == 1
    assert "s1/docs has no result: it failed (no model took it)" in capsys.readouterr().err
    assert main(["show", "s1/tell", "--text", "--log", log]) == 1
    assert "it is not finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("s9", "there is no session s9 in this log; did you mean the last one, s1?"),
        ("s0", "there is no session s0"),
        ("s1/buidl", "did you mean s1/build?"),
        ("s1/build/7", "there is no step 7 in task s1/build"),
        ("the last one", "names nothing"),
        ("buidl", "there is no task buidl in session s1 in this log; did you mean s1/build?"),
        ("build/7", "there is no step 7 in task s1/build"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    log: str, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", name, "--log", log]) == 2
    assert said in capsys.readouterr().err
