"""A project with a failing test is repaired with tools, as the installed command does it: in a copy, until it is accepted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import follow
from events.log import open_log
from events.types.tool import ToolStarted
from swarm.cli.main import main
from tests.acceptance.processes import environment, running
from tests.local_model import needs_engine, small_model
from tests.team import swarm
from tests.terminal import terminal

EXAMPLE = Path(__file__).parents[2] / "examples/repair"
BROKEN, MENDED = "int(rest)\n", "int(rest or 0)\n"
RUN = ("run", "task.yaml", "--script", "script.toml", "--trust")
ENV = {"SWARM_TOOLS_APPROVE": '[{ tool = "run", action = "allow" }]'}
"""What holds commands is tested elsewhere: here they run on any machine."""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, committed, with a task file that looks into the user's folder while the work is judged."""
    root = tmp_path / "project"
    shutil.copytree(EXAMPLE, root)
    look = f"      - {{run: \"! grep -q 'or 0' '{root}/durations.py'\", name: nothing is delivered before}}\n"
    text = (root / "task.yaml").read_text()
    (root / "task.yaml").write_text(text.replace("    check:\n", f"    check:\n{look}"))
    (root / ".gitignore").write_text("go\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=ann", "-c", "user.email=ann@host", "commit", "-qm", "begin")
    return root


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def call(root: Path, *words: str, code: int = 0, env: Mapping[str, str] = ENV) -> subprocess.CompletedProcess[str]:
    done = swarm(*words, home=root.parent, cwd=root, env=env)
    assert "Traceback" not in done.stderr
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def shown(root: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(root, "show", name, "--json").stdout)
    return found


def task_with(root: Path, *, old: str = "    tools:", new: str) -> None:
    text = (root / "task.yaml").read_text()
    assert old in text
    (root / "task.yaml").write_text(text.replace(old, new, 1))
    git(root, "-c", "user.name=ann", "-c", "user.email=ann@host", "commit", "-qam", "task")


def durations(root: Path) -> str:
    return (root / "durations.py").read_text()


def test_a_failing_test_is_repaired_and_the_change_waits_until_it_is_taken_over(project: Path) -> None:
    before = durations(project)
    done = call(project, *RUN)
    assert "Now nothing behind the m counts as 0 seconds." in done.stdout
    for line in (
        "● fix/1  run (python3 -m unittest): exit code 1",
        "● fix/1  edit (durations.py): changed durations.py",
        "● fix/1  run (python3 -m unittest): exit code 0",
        "fix: 1 file changed; `swarm apply s1/fix` takes it over, `swarm show s1/fix --diff` shows it",
    ):
        assert line in done.stderr
    assert durations(project) == before and git(project, "status", "--short") == ""
    found = shown(project, "s1/fix")
    (attempt,) = found["steps"][0]["attempts"]
    uses = [(use["tool"], use["state"], use["exit_code"], len(use["changed"])) for use in attempt["uses"]]
    assert uses == [
        ("list", "done", None, 0),
        ("run", "failed", 1, 0),
        ("read", "done", None, 0),
        ("edit", "done", None, 1),
        ("run", "done", 0, 0),
    ]
    assert (found["kept"], found["applied"], [file["path"] for file in found["changed"]]) == (
        True,
        False,
        ["durations.py"],
    )
    patch = call(project, "show", "--diff").stdout
    subprocess.run(["git", "apply", "--check"], cwd=project, input=patch, text=True, check=True, timeout=30)

    assert "1 file, +1 -1 applied" in call(project, "apply", "s1/fix").stderr
    assert durations(project) == before.replace(BROKEN, MENDED)
    assert "in your files (back: `swarm undo s1/fix`)" in call(project, "show", "s1/fix").stdout
    again = call(project, "apply", "s1/fix", code=2)
    assert "what s1/fix changed is in your files already; `swarm undo s1/fix` takes it back" in again.stderr
    call(project, "undo", "s1/fix")
    assert durations(project) == before and git(project, "status", "--short") == ""
    call(project, "verify")


def test_a_person_who_rejects_what_was_taken_over_is_told_that_it_is_in_the_files_and_how_it_goes_back(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = durations(project)
    call(project, *RUN, "--quiet")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(project.parent))
    monkeypatch.chdir(project)

    def told(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == code
        return "".join(capsys.readouterr())

    told("apply")
    assert "in your files; `swarm undo s1/fix` takes it back" in told("reject", "s1/fix", "too short")
    assert "in your files (back: `swarm undo s1/fix`)" in told("show", "s1/fix")
    assert "repair  interrupted  " in told("status"), "it is not said to have been accepted"
    why = "what tools changed for s1/fix is not accepted; `swarm show s1/fix/1 --diff` prints it"
    assert why in told("apply", code=2) and told("show", "--diff").startswith(why)
    told("undo")
    assert durations(project) == before
    assert "nothing of s1 was taken over" in told("undo", code=2)
    assert "1 file changed, not in your files; `swarm apply s1/fix` takes it over" in told("accept")


def test_a_change_that_the_task_wants_applied_is_there_once_it_is_accepted_beside_the_users_own(project: Path) -> None:
    task_with(project, new="    changes: apply\n    tools:")
    (project / "script.toml").write_text((project / "script.toml").read_text() + "# mine\n")
    (project / "notes.txt").write_text("mine, too\n")
    done = call(project, *RUN)
    assert "fix: 1 file changed in your files; `swarm undo s1/fix` takes it back" in done.stderr
    assert MENDED in durations(project)
    assert git(project, "status", "--short") == " M durations.py\n M script.toml\n?? notes.txt\n"
    shutil.copy(EXAMPLE / "task.yaml", project / "again.yaml")  # without the look at what is delivered by now
    again = call(project, "run", "again.yaml", *RUN[2:])
    assert "● fix/1  edit (durations.py): `old`" in again.stderr, "the second time there is nothing to mend"
    assert "swarm undo s2/fix" not in again.stderr


def test_a_draft_without_the_repair_is_rejected_and_the_next_attempt_is_told_what_failed(project: Path) -> None:
    task_with(project, old="name: the tests pass}", new='name: the tests pass, feedback: "They fail, still."}')
    (project / "script.toml").write_text(
        """
        line = [
          { after = 0, holds = ["They fail, still."], calls = [{ name = "edit", arguments = { path = "durations.py", old = "int(rest)", new = "int(rest or 0)" } }] },
          { after = 1, says = "Now they pass." },
          { after = 0, says = "It looks fine to me." },
        ]
        """
    )
    git(project, "-c", "user.name=ann", "-c", "user.email=ann@host", "commit", "-qam", "another script")
    done = call(project, *RUN)
    assert done.stdout == "Now they pass.\n"
    assert "↻ fix/1  attempt 1 rejected: the tests pass" in done.stderr
    assert [len(each["uses"]) for each in shown(project, "s1/fix")["steps"][0]["attempts"]] == [0, 1]
    assert BROKEN in durations(project)


def test_a_person_at_a_terminal_says_yes_to_what_was_changed(project: Path) -> None:
    with terminal(*RUN, cwd=project, env={**environment(project.parent), "SWARM_DISCOVER": "false", **ENV}) as screen:
        screen.wait_for("into your files?")
        assert "`swarm show s1/fix --diff`" in " ".join(screen.text.split()), screen.text
        assert "+    return int(minutes) * 60 + int(rest or 0)" in call(project, "show", "s1/fix", "--diff").stdout
        assert BROKEN in durations(project)
        screen.press("y\n")
        assert screen.end() == 0, screen.text
    assert MENDED in durations(project)


WAITING = 'line = [{ after = 1, calls = [{ name = "run", arguments = { command = "until test -e GO; do sleep .05; done" } }] },'


async def in_use(root: Path, tool: str) -> None:
    """Wait until a session uses a tool."""
    log_file = root.parent / ".local/share/swarm/log.db"
    log_file.parent.mkdir(mode=0o700, parents=True)
    with anyio.fail_after(30):
        async with open_log(log_file) as log:
            async for entries in follow(log, after=0):
                if any(isinstance(entry.event, ToolStarted) and entry.event.tool == tool for entry in entries):
                    return


def started(root: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    return running("-C", str(root), *RUN, home=root.parent, env={"SWARM_DISCOVER": "false", **ENV})


def waits_for_go(root: Path) -> None:
    """A script whose worker edits, then runs a command that goes on once the project has a file `go`, which git ignores."""
    lines = """
      { after = 0, calls = [{ name = "edit", arguments = { path = "durations.py", old = "int(rest)", new = "int(rest or 0)" } }] },
      { after = 2, says = "Mended." } ]
    """
    (root / "script.toml").write_text(WAITING.replace("GO", str(root / "go")) + lines)
    task_with(root, new="    changes: apply\n    tools:")


def test_ctrl_c_while_a_command_runs_ends_it_and_a_resume_goes_on_from_the_recorded_state(project: Path) -> None:
    waits_for_go(project)
    with started(project) as process:
        anyio.run(in_use, project, "run")
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=40)
    assert process.returncode == 130, said
    assert "swarm resume s1" in said
    assert BROKEN in durations(project)
    (project / "go").touch()
    call(project, "resume", "s1")
    assert MENDED in durations(project)
    (attempt,) = shown(project, "s1/fix")["steps"][0]["attempts"]
    assert [use["tool"] for use in attempt["uses"]] == ["edit", "run"], "the edit is not made twice"
    call(project, "replay", "s1", "--check")


def test_a_file_that_the_user_changed_meanwhile_is_left_alone_and_the_rest_waits(project: Path) -> None:
    waits_for_go(project)
    before = durations(project)
    with started(project) as process:
        anyio.run(in_use, project, "run")
        (project / "durations.py").write_text(before + "# mine\n")
        (project / "go").touch()
        _, said = process.communicate(timeout=40)
    assert process.returncode == 1, said
    assert "'durations.py' is not as it was when the work began" in said
    assert "once the files are as they were, it can be tried again" in said and "swarm resume s1" in said
    assert durations(project) == before + "# mine\n"
    (project / "durations.py").write_text(before)
    call(project, "resume", "s1")
    assert MENDED in durations(project)


@pytest.mark.skipif("SWARM_REPAIR_MODEL" not in os.environ, reason="SWARM_REPAIR_MODEL names no model")
@pytest.mark.timeout(900)
def test_a_capable_model_repairs_it_with_the_same_task_file(project: Path) -> None:
    """At the server SWARM_REPAIR_ENDPOINT (else Ollama's), with its key in SWARM_ENDPOINT_KEY."""
    url = os.environ.get("SWARM_REPAIR_ENDPOINT", "http://127.0.0.1:11434/v1")
    words = ("run", "task.yaml", "--trust", "--yes", "--endpoint", url, "--model", os.environ["SWARM_REPAIR_MODEL"])
    keys = {name: os.environ[name] for name in ("SWARM_ENDPOINT_KEY",) if name in os.environ}
    done = swarm(*words, home=project.parent, cwd=project, env={**ENV, **keys}, timeout=850)
    assert done.returncode == 0, done.stderr
    assert "durations.py" in {file["path"] for file in shown(project, "s1/fix")["changed"]}


@needs_engine
def test_the_embedded_model_is_offered_the_tools_and_breaks_nothing(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A model this small need not succeed: it is rejected by the checks, and the project stays as it was."""
    small = small_model(tmp_path_factory)
    look = "prompt: What is in notes.txt?\ntools: [read]\nskills: none\ncheck: {contains: beans}\n"
    (project / "look.yaml").write_text(look + "limits: {attempts: 1, turns: 2, answer: 40}\n")
    (project / "notes.txt").write_text("beans\n")
    before = git(project, "status", "--short")
    done = swarm("run", "look.yaml", "--local", "--local-model", str(small), home=project.parent, cwd=project)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    (attempt,) = shown(project, "s1/look")["steps"][0]["attempts"]
    assert attempt["calls"][0]["state"] == "settled" and attempt["verdicts"], done.stderr
    assert git(project, "status", "--short") == before
