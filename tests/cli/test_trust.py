"""Commands of a task file are shown to a person, and run only after a yes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from swarm.cli.main import main
from tests.acceptance.processes import environment
from tests.provider import provider_thread
from tests.team import play
from tests.terminal import terminal

FILE = """
prompt: Say hi.
env: {WHO: me}
check: [{run: "test  -s   \\"$SWARM_OUTPUT\\""}]
"""
SHOWN = 'task: WHO=me test  -s   "$SWARM_OUTPUT"'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "task.yaml").write_text(FILE)
    return tmp_path


@pytest.mark.parametrize("words", [(), ("--quiet",)])
def test_who_is_asked_sees_the_commands_to_the_letter_and_can_say_no(folder: Path, words: tuple[str, ...]) -> None:
    with (
        provider_thread(play) as provider,
        terminal(
            *("run", "task.yaml", "--endpoint", provider.url, *words), cwd=folder, env=environment(folder), columns=60
        ) as screen,
    ):
        screen.wait_for("[y/N]")
        assert SHOWN in screen.text
        screen.press("n\n")
        assert screen.end() == 5
        assert "The commands were not confirmed, nothing was run" in screen.text
        assert "Nobody can be asked" not in screen.text
        assert not [seen for seen in provider.requests if seen.method == "POST"]


@pytest.mark.parametrize(
    "words", [("trust", "task.yaml"), ("run", "task.yaml", "--endpoint", "http://127.0.0.1:9", "--model", "m")]
)
def test_ctrl_c_at_a_question_ends_the_command_at_once(folder: Path, words: tuple[str, ...]) -> None:
    with terminal(*words, cwd=folder, env=environment(folder)) as screen:
        screen.wait_for("[y/N]")
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
        assert screen.text.endswith("interrupted\n")


def test_ctrl_c_at_the_question_for_money_stops_the_run_cleanly(folder: Path) -> None:
    (folder / "task.yaml").write_text("prompt: Say hi.")
    with (
        provider_thread(play) as provider,
        terminal(
            *("run", "task.yaml", "--endpoint", provider.url, "--model", "m", "--price", "1/2"),
            cwd=folder,
            env=environment(folder),
        ) as screen,
    ):
        screen.wait_for("Use it? [y/N]")
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
        assert "go on with: swarm resume s1" in screen.text
        assert not [seen for seen in provider.requests if seen.method == "POST"]


def test_a_no_to_paid_calls_is_told_as_a_no(folder: Path) -> None:
    (folder / "task.yaml").write_text("prompt: Say hi.")
    with terminal(
        *("run", "task.yaml", "--endpoint", "http://127.0.0.1:9", "--model", "m", "--price", "1/2"),
        cwd=folder,
        env=environment(folder),
    ) as screen:
        screen.wait_for("Use it? [y/N]")
        screen.press("\n")
        assert screen.end() == 5
        assert "Paid calls were not allowed" in screen.text
        assert "Nobody can be asked" not in screen.text


def test_with_json_trust_writes_one_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[dict[str, object]] = []
    for _ in range(2):
        assert main(["trust", "task.yaml", "--yes", "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    (folder / "none.yaml").write_text("prompt: Say hi.")
    assert main(["trust", "none.yaml", "--json"]) == 0
    told.append(json.loads(capsys.readouterr().out))
    assert [one["schema"] for one in told] == ["swarm.trust/1"] * 3
    assert [(one["commands"], one["confirmed"]) for one in told] == [(1, True), (1, False), (0, False)]
