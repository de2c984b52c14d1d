"""`swarm run --detach`: the run goes on without its terminal and without the process that started it."""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from events.processes import is_dead
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from swarm.cli import resume, run
from swarm.cli.detach import child_words, resuming_words
from swarm.cli.options import add_shared
from swarm.errors import UsageError
from swarm.paths import runs_folder
from tests.acceptance.processes import Held, environment
from tests.provider import provider_thread
from tests.team import play, swarm
from tests.terminal import terminal

LOG = ".local/share/swarm/log.db"
SWARM = (sys.executable, "-P", "-m", "swarm.cli.main")
TASK = "prompt: Write a line about ants.\ncheck: {contains: draft}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task.yaml").write_text(TASK)
    return tmp_path


async def _session(log: Path) -> SessionState:
    async with open_log(log, read_only=True) as opened:
        return (await fold(opened, SessionsView())).sessions[1]


def ended(pid: int, log: Path) -> SessionState:
    """The session once its process, which is no child of ours, has ended."""

    async def wait() -> SessionState:
        with anyio.fail_after(20):
            while is_running(pid):  # noqa: ASYNC110  # the system tells nobody but its parent that a process ends
                await anyio.sleep(0.02)
        return await _session(log)

    return anyio.run(wait)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not is_dead(pid)  # where nobody takes its exit code from it, it stays as a zombie


def pid_of(shown: str) -> int:
    found = re.search(r"as process (\d+)", shown)
    assert found, shown
    return int(found[1])


@contextmanager
def hung_up(*words: str, home: Path) -> Generator[str]:
    """Run a command under a terminal of its own, whose line is cut when the command has ended; give what it showed."""
    ours, theirs = pty.openpty()
    take_it = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    code = f"{take_it}; import sys; from swarm.cli.main import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env=environment(home),
        start_new_session=True,
    )
    assert process.wait(30) == 0
    shown = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)  # the line is cut: whoever still hangs on this terminal gets SIGHUP
    yield shown


def test_a_detached_run_outlives_its_parent_and_a_hang_up_and_writes_its_result_to_a_file(folder: Path) -> None:
    held = Held()
    with (
        provider_thread(held) as provider,
        hung_up("run", "--detach", "task.yaml", "--endpoint", provider.url, home=folder) as shown,
    ):
        assert "s1 runs in the background as process" in shown
        assert "swarm watch s1" in shown and "swarm cancel s1" in shown
        assert held.arrived.wait(20), (folder / LOG.replace(".db", ".runs/s1.log")).read_text()
        pid, state = pid_of(shown), anyio.run(_session, folder / LOG)
        assert state.claim is not None and state.claim.pid == pid
        assert os.getsid(pid) == pid
        assert is_running(pid)
        held.release()
        assert ended(pid, folder / LOG).exit_code == 0
    said = folder / ".local/share/swarm/log.runs/s1.log"
    assert str(said) in shown
    assert "A draft, number" in said.read_text()
    assert stat.S_IMODE(said.stat().st_mode) == 0o600
    assert stat.S_IMODE(said.parent.stat().st_mode) == 0o700
    assert list(said.parent.iterdir()) == [said]


def test_the_launch_record_is_one_document_with_the_session_the_process_and_what_to_type(folder: Path) -> None:
    (folder / "my logs").mkdir()
    with provider_thread(play) as provider:
        done = subprocess.run(
            [*SWARM, "run", "-", "--detach", "--json", "--log", "my logs/a.db", "--endpoint", provider.url],
            cwd=folder,
            env=environment(folder),
            input="Say hello.",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        record = json.loads(done.stdout)
        ended(record["pid"], folder / "my logs/a.db")
    assert record == {
        "schema": "swarm.launch/1",
        "session": "s1",
        "pid": record["pid"],
        "log": str(folder / "my logs/a.runs/s1.log"),
        "watch": "swarm watch s1 --log 'my logs/a.db'",
        "cancel": "swarm cancel s1 --log 'my logs/a.db'",
    }
    result = json.loads(Path(record["log"]).read_text().splitlines()[-1])
    assert (result["schema"], result["exit_code"]) == ("swarm.run/1", 0)
    shown = json.loads(swarm("show", "--json", "--log", "my logs/a.db", home=folder, cwd=folder).stdout)
    assert (shown["type"], shown["title"]) == ("direct", "Say hello.")


def test_an_error_of_the_child_is_told_by_the_parent_with_its_exit_code_and_nothing_is_left(folder: Path) -> None:
    (folder / "bad.yaml").write_text("prompt: Write.\ninput: nothing-*.txt\n")
    with provider_thread(play) as provider:
        words = ("run", "--detach", "bad.yaml", "--endpoint", provider.url, "--model", "m")
        plain = swarm(*words, home=folder, cwd=folder)
        document = swarm(*words, "--json", home=folder, cwd=folder)
        assert provider.requests == []
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.startswith("error: ") and "matches no file" in plain.stderr
    assert document.returncode == 2
    assert json.loads(document.stdout)["exit_code"] == 2
    assert "matches no file" in document.stderr
    assert list((folder / ".local/share/swarm/log.runs").iterdir()) == []


def test_commands_that_nobody_confirmed_are_not_detached(folder: Path) -> None:
    (folder / "runs.yaml").write_text("prompt: Write.\ncheck: 'true'\n")
    with provider_thread(play) as provider:
        words = ("run", "--detach", "runs.yaml", "--endpoint", provider.url, "--model", "m")
        done = swarm(*words, home=folder, cwd=folder)
        assert done.returncode == 5
        assert "swarm trust runs.yaml" in done.stderr
        assert not (folder / ".local/share/swarm/log.runs").exists()
        launched = swarm(*words, "--trust", home=folder, cwd=folder)
        assert launched.returncode == 0, launched.stderr
        assert ended(pid_of(launched.stdout), folder / LOG).exit_code == 0


def test_paid_calls_are_asked_about_before_it_goes_to_the_background(folder: Path) -> None:
    with provider_thread(play) as provider:
        words = ("run", "--detach", "task.yaml", "--endpoint", provider.url, "--model", "m", "--price", "1/2")
        with terminal(*words, cwd=folder, env=environment(folder)) as screen:
            screen.wait_for("May they be used?")
            screen.press("n\n")
            assert screen.end() == 5
            assert "nothing was started" in " ".join(screen.text.split())
        assert provider.requests == []
        with terminal(*words, cwd=folder, env=environment(folder)) as screen:
            screen.wait_for("May they be used?")
            screen.press("y\n")
            assert screen.end() == 0
        assert ended(pid_of(screen.text), folder / LOG).exit_code == 0
        assert len(provider.requests) == 1


def test_a_log_in_memory_cannot_be_left_to_another_process(folder: Path) -> None:
    with provider_thread(play) as provider:
        words = ("run", "--detach", "task.yaml", "--endpoint", provider.url, "--model", "m", "--log", "memory:")
        done = swarm(*words, home=folder, cwd=folder)
    assert done.returncode == 2
    assert "--detach and --watch need a log in a file" in done.stderr
    with pytest.raises(UsageError):
        runs_folder("memory:")


def parsed(command: str, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    {"run": run, "resume": resume}[command].add_arguments(parser)
    add_shared(parser)
    return parser.parse_args(list(words))


@pytest.mark.parametrize(
    "words",
    [
        ("task.yaml",),
        ("-v", "-v", "--json", "--quiet", "--debug", "--only", "a", "--only", "b", "--set", "x=-y", "t.yaml"),
        (
            "--endpoint",
            "http://h/v1",
            "--model=-m",
            "--price",
            "1/2",
            "--budget",
            "$0.10",
            "--log",
            "l.db",
            "--",
            "-",
        ),
        ("--local", "--local-model", "x.gguf", "--yes", "--color", "never", "--", "- a list\n- as a prompt"),
    ],
)
def test_the_child_is_given_what_the_parent_was_given(words: tuple[str, ...]) -> None:
    given = parsed("run", *words)
    child = parsed(*child_words(given, paid=False))
    left_to_the_parent: dict[str, Any] = {"detach": False, "trust": False, "no_input": True, "progress": "plain"}
    assert vars(child) == {**vars(given), **left_to_the_parent}
    assert parsed(*child_words(given, paid=True)).yes


def test_a_child_that_resumes_is_given_the_session_that_was_meant_and_knows_that_it_is_watched() -> None:
    given = parsed(
        "resume", "--watch", "--take-over", "--raise", "+20k", "--endpoint", "http://h/v1", "--report", "r.md"
    )
    child = parsed(*resuming_words(given, "s4", paid=False))
    by_the_parent = {"watch": False, "watched": True, "session": "s4", "no_input": True, "progress": "plain"}
    assert vars(child) == {**vars(given), **by_the_parent}
    assert parsed(*resuming_words(given, "s4", paid=True)).yes
