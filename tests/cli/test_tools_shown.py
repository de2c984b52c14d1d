"""What people see of tools: in `show`, `why` and `log`, in the lines of a run and on the live screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from events.bus import read_all
from events.log import Entry, open_log
from events.types.session import SessionClaimed
from events.types.task import StepDrafted
from events.types.tool import ApprovalAsked, SandboxProbed, ToolFinished, ToolStarted
from swarm.cli.main import main
from swarm.cli.progress import change_of, described
from tests.events.golden import FIFTH
from tests.tui.recordings import at_home
from tui.header import header_row
from tui.lines import essence
from tui.live import Live
from tui.rows import task_row


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    at_home(tmp_path, monkeypatch)
    return str(shutil.copy(FIFTH, tmp_path / "log.db"))


Tell = Callable[..., str]


@pytest.fixture
def tell(log: str, capsys: pytest.CaptureFixture[str]) -> Tell:
    def told(*words: str) -> str:
        assert main([*words, "--log", log]) == 0
        return capsys.readouterr().out

    return told


@pytest.fixture
def entries(log: str) -> list[Entry]:
    async def read() -> list[Entry]:
        async with open_log(log, read_only=True) as opened:
            return [entry async for page in read_all(opened) for entry in page]

    return anyio.run(read)


def first(entries: list[Entry], kind: type, **fields: Any) -> Entry:
    return next(
        entry
        for entry in entries
        if isinstance(entry.event, kind) and all(getattr(entry.event, name) == value for name, value in fields.items())
    )


def test_a_task_is_shown_with_each_use_what_allowed_it_and_what_it_changed(tell: Tell) -> None:
    page = tell("show", "s1/fix")
    for line in (
        "list .: done",
        "run make test: allowed by ada@host for the rest of the session, exit code 1, changed a.py, old.py (removed), .env, "
        "its output was cut, 1.2 s",
        "git__push of the MCP server git origin: refused, rule deny git__*",
        "1 file changed · not in your files (`swarm apply s1/fix",
    ):
        assert line in page
    assert "‖ ended: it used run 3 times" in (turn := tell("show", "s1/turn"))
    assert "refused by ada@host for this project: not here" in turn
    assert "waits for a person" in turn and "begun, and no end is recorded" in turn
    assert "landlock 6 holds commands; it cannot keep processes, udp (no bubblewrap)" in tell("show", "s1")


def test_a_program_gets_the_same_of_uses_as_a_person(tell: Tell) -> None:
    found = json.loads(tell("show", "s1/fix", "--json"))
    looked, ran, pushed = found["steps"][0]["attempts"][0]["uses"]
    assert (looked["tool"], looked["state"], looked["on"]) == ("list", "done", ".")
    assert (ran["state"], ran["exit_code"], ran["word"]["by"], ran["cut"]) == ("failed", 1, "ada@host", True)
    assert ran["changed"] == [
        {"path": "a.py", "before": "file", "after": "program"},
        {"path": "old.py", "before": "file", "after": None},
        {"path": ".env", "before": None, "after": "file"},
    ]
    assert (pushed["state"], pushed["rule"], pushed["source"]) == ("refused", "rule deny git__*", "git")
    assert (found["kept"], found["applied"]) == (True, False)
    assert json.loads(tell("show", "s1", "--json"))["sandbox"]["backend"] == "landlock"
    turn = json.loads(tell("show", "s1/turn/1", "--json"))
    assert turn["attempts"][0]["stopped"] == "it used run 3 times"


def test_a_refused_use_is_explained_by_its_rule_its_arguments_and_what_the_model_was_told(
    tell: Tell, entries: list[Entry]
) -> None:
    refused = first(entries, ToolFinished, tool="git__push")
    said = tell("why", str(refused.position))
    assert "git__push of the MCP server git (origin) was refused: rule deny git__*" in said
    assert "the rule that refused it: rule deny git__*" in said
    assert "This was not done." in said
    assert "refused, rule deny git__*" in tell("why", "s1/fix")


def test_an_event_with_which_a_use_began_is_explained_with_its_end(tell: Tell, entries: list[Entry]) -> None:
    began = first(entries, ToolStarted, ordinal=2)
    said = tell("why", str(began.position))
    assert "run (make test) was used: exit code 1" in said and "1 failed" in said
    ended = first(entries, ToolFinished, ordinal=2, tool="run")
    assert f"[{began.position}]" in tell("why", str(ended.position)), "the use leads back to its beginning"
    assert "ada@host allowed it" in tell("why", str(began.position))


def test_an_attempt_that_went_in_circles_is_explained_by_its_last_uses(tell: Tell, entries: list[Entry]) -> None:
    drafted = first(entries, StepDrafted, finish="loop")
    said = tell("why", str(drafted.position))
    assert "its use of tools was ended, for it used run 3 times" in said
    assert said.count("run make test: done") == 3
    assert "its use of tools was ended: it used run 3 times" in tell("why", "s1/turn")


def test_every_event_of_tools_has_a_sentence(tell: Tell, entries: list[Entry]) -> None:
    kinds = ("sandbox", "tool", "approval", "changes")
    for entry in entries:
        if entry.kind.partition(".")[0] in kinds:
            assert entry.kind not in tell("why", str(entry.position)).splitlines()[0]


def test_a_line_of_the_log_names_what_a_tool_was_used_on_and_the_files_that_it_changed(entries: list[Entry]) -> None:
    line = essence(first(entries, ToolFinished, ordinal=2, tool="run"))
    assert 'on="make test"' in line and "files=a.py,old.py,.env" in line and "tree=" not in line


def test_a_run_says_one_line_for_each_use(entries: list[Entry]) -> None:
    lines = [line for entry in entries if (line := change_of(entry))]
    for line in (
        "! landlock 6 holds commands; it cannot keep processes, udp (no bubblewrap)",
        "● fix/1  list (.): done",
        "? fix/1  May run be used: make test",
        "● fix/1  allowed by ada@host for the rest of the session",
        "! fix/1  git__push of the MCP server git (origin) refused: rule deny git__*",
        "! turn/1  refused by ada@host for this project: not here",
    ):
        assert line in lines
    probed = first(entries, SandboxProbed)
    held = msgspec.structs.replace(probed, event=SandboxProbed(backend="bubblewrap"))
    assert change_of(held) == "", "what is as it should be needs no line"


def test_the_screen_shows_the_tool_in_use_and_who_waits_for_a_person(entries: list[Entry]) -> None:
    live = Live(1)
    live.apply([entry for entry in entries if entry.position <= first(entries, ToolStarted, ordinal=2).position])
    task = live.tasks.of(1)["fix"]
    using = live.using.said(1, "fix")
    assert using == "run make test"
    row = "".join(text for text, _ in task_row(task, 120, live.at, using=using))
    assert "▸ run make test" in row
    assert "worker on small" not in described(task, using) and "▸ run make test" in described(task, using)
    live.apply([entry for entry in entries if entry.position > live.position])
    assert live.using.said(1, "fix") == ""
    assert live.asks == {"turn": 1}
    turn = task_row(live.tasks.of(1)["turn"], 120, live.at, asks=live.asks["turn"])
    assert turn[0][0].startswith("? asks you")
    head = "".join(text for text, _ in header_row(live, "finished", live.at, "", 140))
    assert "? 1 waits for you" in head


def test_what_was_in_use_when_its_process_ended_is_not_in_use_for_the_next_owner(entries: list[Entry]) -> None:
    live = Live(1)
    live.apply([entry for entry in entries if entry.position <= first(entries, ToolStarted, ordinal=3).position])
    assert live.using.said(1, "turn") == "run make test"
    live.apply([first(entries, SessionClaimed)])
    assert live.using.said(1, "turn") == ""
    assert first(entries, ApprovalAsked).task == "fix"
