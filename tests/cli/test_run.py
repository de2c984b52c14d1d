"""How `run` and `resume` begin and end, as a user reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from swarm.cli.main import main
from tests import forked
from tests.acceptance.processes import environment
from tests.provider import provider_thread
from tests.team import play
from tests.team import swarm as command

FAILING = "prompt: Write.\ncheck: {contains: fire}\nlimits: {attempts: 2}"


def swarm(*words: str, home: Path, cwd: Path, piped: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command, with a text in a pipe as its stdin where there is one."""
    if not piped:
        return command(*words, home=home, cwd=cwd)
    return forked.run(["-m", "swarm.cli.main", *words], cwd=cwd, env=environment(home), timeout=50, piped=piped)


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
    assert done.stderr.splitlines()[-1] == "failed: task; see why with: swarm why s1/task"
    head, row = swarm("show", "s1", home=folder, cwd=folder).stdout.splitlines()[-2:]
    assert row[head.index("TRY") : head.index("TRY") + 3].strip() == "2"
    page = swarm("show", "s1/task", home=folder, cwd=folder).stdout
    assert page.count("    ✘ rejected by its checks\n") == 2
    assert page.count("  2 calls · ") == 1


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("taks.yaml", "check the path \u2013 did you mean 'task.yaml'?"),
        (".", "name a task file in that folder"),
        ("notes/taks", "check the path"),
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


def test_a_prompt_is_a_direct_session_whose_answer_alone_is_on_stdout(folder: Path) -> None:
    with provider_thread(play) as provider:
        done = swarm("run", "Write a line\nabout ants.", "--endpoint", provider.url, home=folder, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "Write a line\nabout ants." in provider.requests[1].body["messages"][-1]["content"]
        assert done.stdout.startswith("A draft, number ") and done.stdout.count("\n") == 1
        shown = json.loads(swarm("show", "--json", home=folder, cwd=folder).stdout)
        assert (shown["type"], shown["title"]) == ("direct", "Write a line")
        long = swarm("run", "ants " * 3000, "--endpoint", provider.url, home=folder, cwd=folder)
    assert long.returncode == 3
    assert "of 10,000 tokens left" in swarm("why", "task", home=folder, cwd=folder).stdout


@pytest.mark.parametrize(
    ("piped", "kind", "title"),
    [
        ("What are ants?", "direct", "What are ants?"),
        ("title: Ants\nprompt: What are ants?\n", "file", "stdin"),
        ("---\ntitle: Ants\n---\nWhat are ants?\n", "file", "stdin"),
    ],
)
def test_stdin_holds_a_task_file_or_the_prompt_itself(piped: str, kind: str, title: str, folder: Path) -> None:
    with provider_thread(play) as provider:
        done = swarm("run", "-", "--json", "--endpoint", provider.url, home=folder, cwd=folder, piped=piped)
        assert "What are ants?" in provider.requests[1].body["messages"][-1]["content"]
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"][0]["text"].startswith("A draft")
    shown = json.loads(swarm("show", "--json", home=folder, cwd=folder).stdout)
    assert (shown["type"], shown["title"]) == (kind, title)


@pytest.mark.parametrize(
    ("piped", "code", "said"),
    [
        ("promt: x", 2, "<stdin>:1:1: unknown key 'promt' in this file \u2013 did you mean 'prompt'?"),
        ("", 2, "stdin holds nothing to do"),
        ("a\0b", 2, "the prompt holds a NUL character"),
        ("x" * (1 << 20 | 1), 2, "stdin holds more than 1 MiB"),
        ("prompt: x\ncheck: 'true'", 5, "look at them and run it with `--trust`"),
    ],
)
def test_what_cannot_be_run_from_stdin_is_told_and_nothing_is_called(
    piped: str, code: int, said: str, folder: Path
) -> None:
    with provider_thread(play) as provider:
        words = ("run", "-", "--endpoint", provider.url, "--model", "m")
        done = swarm(*words, home=folder, cwd=folder, piped=piped)
        assert provider.requests == []
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_only_runs_a_task_with_what_it_needs_and_set_gives_a_variable_another_value(folder: Path) -> None:
    (folder / "many.yaml").write_text(
        "vars: {what: ants}\ntasks:\n  a: {prompt: Say a.}\n  b: {prompt: 'Say {{what}}.', needs: a}\n  c: Say c.\n"
    )
    with provider_thread(play) as provider:
        words = ("run", "many.yaml", "--json", "--endpoint", provider.url, "--only", "b", "--set", "what=bees")
        done = swarm(*words, home=folder, cwd=folder)
        assert [task["name"] for task in json.loads(done.stdout)["tasks"]] == ["a", "b"]
        asked = "\n".join(request.body["messages"][-1]["content"] for request in provider.requests[1:])
        assert "Say bees." in asked and "ants" not in asked and "Say c." not in asked
        wrong = swarm("run", "many.yaml", "--set", "whta=x", "--endpoint", provider.url, home=folder, cwd=folder)
        assert wrong.returncode == 2
        assert "'whta'" in wrong.stderr and "did you mean 'what'?" in wrong.stderr


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


def test_a_script_stands_for_the_models_and_what_is_wrong_with_it_is_said_before_anything_is_recorded(
    tmp_path: Path,
) -> None:
    judge = '[[line]]\nrole = "validator"\nsays = \'{"verdict": "pass", "score": 1, "reason": "It is said."}\'\n'
    (tmp_path / "script.toml").write_text(judge + '[[line]]\nsays = "Hello."\n')
    words = ("run", "Say hello.", "--script", "script.toml")
    done = command(*words, home=tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Hello.\n"), done.stderr
    for more, said in (
        (("--local",), "--local and --script exclude each other"),
        (("--endpoint", "http://127.0.0.1:9"), "--endpoint and --script exclude each other"),
    ):
        wrong = command(*words, *more, home=tmp_path, cwd=tmp_path)
        assert wrong.returncode == 2 and said in wrong.stderr
    (tmp_path / "script.toml").write_text("line = 3\n")
    wrong = command(*words, home=tmp_path, cwd=tmp_path)
    assert wrong.returncode == 2 and "script.toml, cannot be read" in wrong.stderr and "mend it" in wrong.stderr


def test_what_waits_for_a_persons_word_is_not_said_to_go_on_with_a_yes(tmp_path: Path) -> None:
    (tmp_path / "ask.yaml").write_text("prompt: Do it.\ntools: [run]\ncheck: {contains: done}\n")
    (tmp_path / "script.toml").write_text(
        '[[line]]\nafter = 0\ncalls = [{ name = "run", arguments = { command = "true" } }]\n[[line]]\nsays = "done"\n'
    )
    env = {"SWARM_TOOLS_SANDBOX": "none", "SWARM_TOOLS_HEADLESS": "fail"}
    done = command("run", "ask.yaml", "--script", "script.toml", home=tmp_path, cwd=tmp_path, env=env)
    assert done.returncode == 5
    assert "swarm approve s1/ask" in done.stderr
    assert done.stderr.endswith("go on with: swarm resume s1\n")
