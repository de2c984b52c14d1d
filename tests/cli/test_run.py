"""How `run` and `resume` begin and end, as a user reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarm.cli.main import main
from tests.provider import provider_thread
from tests.team import play, swarm

FAILING = "prompt: Write.\ncheck: {contains: fire}\nlimits: {attempts: 2}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task.yaml").write_text(FAILING)
    return tmp_path


def test_without_any_model_the_first_sentence_says_how_to_get_one(folder: Path) -> None:
    done = swarm("run", "task.yaml", home=folder, cwd=folder)
    assert done.returncode == 4
    assert done.stderr.startswith("error: there is no model to work with: no key is set")
    for way in ("`--local`", "OPENROUTER_API_KEY", "`--endpoint http"):
        assert way in done.stderr
    assert not (folder / ".local").exists()


def test_a_server_that_is_not_there_is_no_model(folder: Path) -> None:
    done = swarm("run", "task.yaml", "--endpoint", "http://127.0.0.1:9/v1", home=folder, cwd=folder)
    assert done.returncode == 4
    assert done.stderr.startswith("error: --endpoint http://127.0.0.1:9/v1: 127.0.0.1:9 cannot be reached")


def test_a_run_that_failed_says_where_to_look_and_show_counts_the_tries_that_were(folder: Path) -> None:
    with provider_thread(play) as provider:
        done = swarm("run", "task.yaml", "--endpoint", provider.url, home=folder, cwd=folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "failed: task; see why with: swarm show s1/task"
    head, row = swarm("show", "s1", home=folder, cwd=folder).stdout.splitlines()[-2:]
    assert row[head.index("TRY") : head.index("TRY") + 3].strip() == "2"
    page = swarm("show", "s1/task", home=folder, cwd=folder).stdout
    assert page.count("    ✘ rejected by its checks\n") == 2
    assert page.count("  2 calls · ") == 1


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("Say what this is", "a prompt stands in a task file: write `prompt: ...` to a file and name that"),
        ("-", "a task file is read from a file, not from a pipe; write it to one and name that"),
        ("taks.yaml", "check the path \u2013 did you mean 'task.yaml'?"),
        (".", "name a task file in that folder"),
    ],
)
def test_what_is_no_task_file_is_told_with_the_next_step(
    word: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(["run", word]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {word}: the file cannot be read: ")
    assert second == f"  {said}"


def test_with_nothing_to_resume_there_is_one_document_and_no_failure(folder: Path) -> None:
    nothing = swarm("resume", "--json", home=folder, cwd=folder)
    assert nothing.returncode == 0
    assert json.loads(nothing.stdout) == {
        "schema": "swarm.run/1",
        "session": None,
        "exit_code": 0,
        "reason": nothing.stderr.strip(),
        "tasks": [],
    }
    assert "nothing is recorded yet" in nothing.stderr
    with provider_thread(play) as provider:
        swarm("run", "task.yaml", "--endpoint", provider.url, home=folder, cwd=folder)
    finished = json.loads(swarm("resume", "s1", "--json", home=folder, cwd=folder).stdout)
    assert (finished["session"], finished["reason"]) == ("s1", "s1 is finished; there is nothing to resume")
    assert swarm("resume", "s1", "--log", "nowhere.db", home=folder, cwd=folder).returncode == 2


def test_resume_refuses_what_says_more_of_a_server_that_is_not_named(folder: Path) -> None:
    done = swarm("resume", "--model", "m", home=folder, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--model and --price go with --endpoint URL" in done.stderr


@pytest.mark.parametrize("command", ["resume", "replay"])
def test_a_task_is_no_session(command: str, folder: Path) -> None:
    with provider_thread(play) as provider:
        swarm("run", "task.yaml", "--endpoint", provider.url, home=folder, cwd=folder)
    done = swarm(command, "s1/task", home=folder, cwd=folder)
    assert done.returncode == 2
    assert "s1/task is a part of session s1, and this takes a whole one; name s1" in done.stderr
    assert swarm("replay", "--until", "0", home=folder, cwd=folder).returncode == 2
