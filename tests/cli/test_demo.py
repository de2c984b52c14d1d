"""`swarm demo`: a scripted team through the real program, on a log of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import read_all
from events.log import Entry, open_log
from events.types.call import BudgetMarked, CallReserved, CallSettled
from events.types.choice import ChoiceMade
from events.types.task import StepAccepted, StepPlanned, StepRejected, TaskSkipped, TaskSubmitted
from events.types.tool import ToolFinished
from events.views.base import fold
from events.views.sessions import SessionsView
from swarm.cli.demo import commands, demo_plan
from swarm.cli.main import main
from swarm.redact import Secrets
from swarm.session import run_file
from swarm.taskfile.read import load_task_file
from tests.running import faces
from tests.team import swarm
from tests.terminal import terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(home: Path) -> Path:
    return home / ".local/share/swarm"


def entries_of(path: Path) -> list[Entry]:
    async def read() -> list[Entry]:
        async with open_log(path, read_only=True) as log:
            return [entry async for entries in read_all(log) for entry in entries]

    return anyio.run(read)


def played(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["demo", "--fast", "--json", *words]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_demo_shows_what_there_is_to_be_seen(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = played(home, capsys)
    assert len(document["tasks"]) == 12
    assert {name for name, status in document["tasks"].items() if status != "accepted"} == {"migration"}
    entries = entries_of(data(home) / "demo.db")
    skipped = [(entry.task, entry.event.reason) for entry in entries if isinstance(entry.event, TaskSkipped)]
    assert skipped == [("migration", "its condition does not hold: changes.output.breaking")]
    used = [(entry.task, entry.event.tool) for entry in entries if isinstance(entry.event, ToolFinished)]
    assert used == [("callers", "search"), ("callers", "read")]
    (ran,) = [entry for entry in entries if entry.task == "cases" and isinstance(entry.event, StepAccepted)]
    assert isinstance(ran.event, StepAccepted)
    assert [(check.name, check.passed) for check in ran.event.checks][-1] == ("the cases hold", True)
    reused = [
        entry.task for entry in entries if isinstance(entry.event, TaskSubmitted) and "functions" in entry.event.needs
    ]
    assert reused == ["fix", "guide", "manual"]
    rejected = [(entry.task, entry.event.judge) for entry in entries if isinstance(entry.event, StepRejected)]
    assert [task for task, _ in rejected].count("fix") == 2
    assert [bool(judge) for task, judge in rejected if task == "fix"] == [False, True]
    assert ("announcement", True) in [(task, bool(judge)) for task, judge in rejected]
    assert any(isinstance(entry.event, StepPlanned) and entry.event.total == 2 for entry in entries)
    workers = [e.event.model for e in entries if isinstance(e.event, CallReserved) and e.event.role == "worker"]
    assert workers.count("falcon") == 1
    marks = [entry.event for entry in entries if isinstance(entry.event, BudgetMarked)]
    assert [mark.percent for mark in marks if mark.scope == "s1/fix" and mark.unit == "nanos"][:1] == [80]


def test_it_shows_how_feedback_and_escalation_are_chosen(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played(home, capsys)
    choices = [
        entry.event
        for entry in entries_of(data(home) / "demo.db")
        if entry.task == "fix" and isinstance(entry.event, ChoiceMade)
    ]
    assert [(choice.model, choice.why) for choice in choices] == [
        ("sparrow", ""),
        ("sparrow", "another try with feedback"),
        ("falcon", ""),
    ]


def test_only_the_paid_model_costs_and_what_it_costs_is_in_the_sum(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = played(home, capsys)
    settled = [e.event for e in entries_of(data(home) / "demo.db") if isinstance(e.event, CallSettled)]
    assert [event.price for event in settled if event.cost_nanos] == ["demo:3/15"]
    assert document["total_nanos"] == sum(event.cost_nanos for event in settled) > 0


def test_the_users_log_settings_and_project_are_not_touched(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".config/swarm").mkdir(parents=True)
    (home / ".config/swarm/config.toml").write_text("this is no TOML")
    project = home / "project"
    project.mkdir()
    played(home, capsys, "-C", str(project))
    assert list(project.iterdir()) == []
    assert sorted(path.name for path in data(home).iterdir() if not path.name.startswith("demo.db")) == ["demo"]
    assert (home / ".config/swarm/config.toml").read_text() == "this is no TOML"


def test_each_command_that_it_prints_works(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--fast"]) == 0
    printed = [line.partition("  # ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("swarm ")]
    assert printed == [command for command, _ in commands("s1", str(data(home) / "demo.db"))]
    for line in printed:
        if "replay" not in line or "--check" in line:  # else it draws a screen
            assert main(shlex.split(line)[1:]) == 0, line
            assert capsys.readouterr().out


def test_a_second_time_it_is_another_session_of_the_same_log_and_replays_like_the_first(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = played(home, capsys), played(home, capsys)
    assert (first["session"], second["session"], second["log"]) == ("s1", "s2", first["log"])
    for session in ("s1", "s2"):
        assert main(["replay", session, "--check", "--log", first["log"]]) == 0
        assert "the same again" in capsys.readouterr().out


def test_the_free_model_goes_first_and_the_paid_one_mends_it_until_it_is_known_that_the_free_one_never_does(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(12):
        played(home, capsys)
    tries = [
        (entry.session, entry.event.model)
        for entry in entries_of(data(home) / "demo.db")
        if entry.task == "fix" and isinstance(entry.event, CallReserved) and entry.event.role == "worker"
    ]
    for session in range(1, 5):
        assert [model for number, model in tries if number == session] == ["sparrow", "sparrow", "falcon"]
    assert [model for number, model in tries if number == 12] == ["falcon"], "by then it is known that sparrow fails"
    last = [
        entry.event
        for entry in entries_of(data(home) / "demo.db")
        if isinstance(entry.event, ChoiceMade) and (entry.session, entry.task) == (12, "fix")
    ]
    assert [(each.model, "20 % is the least" in each.rule) for each in last[0].skipped] == [("sparrow", True)]


_NO_NETWORK = """
import sys
def hear(event, args):
    tried = event == "socket.bind" and args[1][0] == "127.0.0.1"  # whether the sandbox of a check keeps it from there
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind") and not tried:
        sys.stderr.write(f"TOUCHED {event} {args}\\n")
sys.addaudithook(hear)
from swarm.cli.main import main
code = main(sys.argv[1:])
heavy = {"httpx", "aiohttp", "textual", "numpy"} & set(sys.modules)
sys.stderr.write(f"HEAVY {sorted(heavy)}\\n")
sys.exit(code)
"""


def test_it_opens_no_connection_and_imports_nothing_that_could(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NO_NETWORK, "demo", "--fast"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0
    assert "TOUCHED" not in done.stderr
    assert done.stderr.endswith("HEAVY []\n")


def on_terminal(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


def test_on_a_terminal_it_opens_the_view_q_leaves_it_and_ctrl_c_ends_what_is_waited_for(home: Path) -> None:
    with terminal("demo", columns=120, cwd=home, env=on_terminal(home)) as screen:
        screen.wait_for("● live")
        screen.wait_for("skipped")
        second = swarm("demo", "--fast", home=home, cwd=home)
        assert second.returncode == 2 and "a demo is running already" in second.stderr
        screen.press("q")
        screen.wait_for("goes on to its end")
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    assert " of 12 accepted, 1 skipped" in screen.text
    assert f"swarm resume --log {data(home) / 'demo.db'} s1  # go on with it" in screen.text.replace("\n", "")


def test_ctrl_c_in_its_view_ends_it_with_what_to_type_next(home: Path) -> None:
    with terminal("demo", columns=120, cwd=home, env=on_terminal(home)) as screen:
        screen.wait_for("● live")
        screen.press("\x03")
        assert screen.end() == 130
    assert f"swarm why --log {data(home) / 'demo.db'} s1/fix" in screen.text.replace("\n", "")


@pytest.mark.parametrize("words", [("--plain",), ("--progress", "live"), ("--fast",)])
def test_without_the_view_it_says_on_the_terminal_what_it_does(home: Path, words: tuple[str, ...]) -> None:
    with terminal("demo", *words, cwd=home, env=on_terminal(home)) as screen:
        screen.wait_for("changes")
        screen.process.send_signal(signal.SIGINT)
        screen.end()
    assert b"\x1b[?1049h" not in screen.shown, "no screen of its own"


async def test_a_demo_that_was_stopped_goes_on_from_its_log(tmp_path: Path) -> None:
    done = await anyio.to_thread.run_sync(lambda: swarm("demo", "--fast", home=tmp_path, cwd=tmp_path))
    assert done.returncode == 0
    folder = data(tmp_path) / "demo"
    stop = anyio.Event()

    def stop_at_the_first_acceptance(entries: Sequence[Entry]) -> None:
        if any(isinstance(entry.event, StepAccepted) for entry in entries):
            stop.set()

    async with open_log(data(tmp_path) / "demo.db") as log:
        result = await run_file(
            log,
            load_task_file(folder / "tasks.yaml"),
            demo_plan(folder, pause_s=0.0),
            root=folder,
            environ={},
            faces=faces(observe=stop_at_the_first_acceptance, stop=stop),
            secrets=Secrets([]),
            type_="demo",
        )
    assert (result.session, result.exit_code) == ("s2", 130)
    resumed = await anyio.to_thread.run_sync(
        lambda: swarm("resume", "--log", str(data(tmp_path) / "demo.db"), "s2", home=tmp_path, cwd=tmp_path)
    )
    assert resumed.returncode == 0, resumed.stderr
    async with open_log(data(tmp_path) / "demo.db", read_only=True) as log:
        sessions = (await fold(log, SessionsView())).sessions
    assert [sessions[number].finished for number in (1, 2)] == [True, True]


def test_a_second_one_beside_it_is_refused_and_ctrl_c_ends_it_with_the_line_that_goes_on(home: Path) -> None:
    words = [sys.executable, "-P", "-m", "swarm.cli.main", "demo"]
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None and first.stdout is not None
        while "worker on" not in (line := first.stderr.readline()):
            assert line, "it ended before it began"
        second = swarm("demo", "--fast", home=home, cwd=home)
        assert second.returncode == 2
        assert "a demo is running already; look at it with `swarm watch --log" in second.stderr
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=30)
    assert first.returncode == 130
    assert f"swarm resume --log {data(home) / 'demo.db'} s1  # go on with it" in out.splitlines()


def test_a_folder_that_cannot_be_written_and_a_log_in_memory_are_refused_with_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--fast", "--log", "memory:"]) == 2
    assert "keeps nothing to look at afterwards" in capsys.readouterr().err
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "file"))
    assert main(["demo", "--fast"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the files of the demo cannot be written to") and "XDG_DATA_HOME" in said
