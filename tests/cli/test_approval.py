"""`swarm approve` and `deny`: which question is meant, and what is said where none is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from events.blobs import Pack
from events.log import open_log
from events.testing.builders import planned, submitted
from events.types.tool import ApprovalAsked, ApprovalGiven
from events.views.approvals import PROJECTS
from swarm.cli.main import main
from tests.ledger_agents import a_session


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def log_of(home: Path) -> Path:
    return home / ".local/share/swarm/log.db"


def asking(home: Path, *tasks: str) -> None:
    """A session in which a use of `run` waits in each of these tasks."""

    async def append() -> None:
        async with open_log(log_of(home)) as log:
            owner = await a_session(log)
            for task in tasks:
                pack = Pack(owner.known)
                question = ApprovalAsked(
                    tool="run",
                    call="c",
                    ordinal=1,
                    question="May run be used: git push",
                    arguments=pack.put('{\n "command": "git push"\n}'),
                    rule="rule ask run",
                    pattern='{"tool":"run","match":"git push *"}',
                )
                events = [
                    owner.new(submitted(spec=pack.put("spec")), task=task),
                    owner.new(planned(), task=task, step=1),
                    owner.new(question, task=task, step=1, attempt=1),
                ]
                await owner.append(events, texts=pack.texts)

    anyio.run(append)


def words(home: Path, topic: str) -> Sequence[ApprovalGiven]:
    async def read() -> list[ApprovalGiven]:
        async with open_log(log_of(home)) as log:
            events = [entry.event for entry in await log.read(topic=topic)]
        return [event for event in events if isinstance(event, ApprovalGiven)]

    return anyio.run(read)


def told(capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, str, str]:
    code = main(list(line))
    out, err = capsys.readouterr()
    return code, out, err


def test_where_nothing_is_recorded_or_waits_it_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (["approve"], ["deny", "s7"], ["approve", "--list"]):
        code, _, err = told(capsys, *line)
        assert code == 2 and "nothing is recorded yet" in err
    asking(home)
    for line in (["approve"], ["deny", "s1"]):
        code, _, err = told(capsys, *line)
        assert code == 2 and "nothing waits for a person's word" in err
    assert told(capsys, "approve", "s9")[0] == 2
    assert told(capsys, "approve", "--session", "--project")[0] == 2


def test_of_several_that_wait_one_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asking(home, "a", "b")
    code, _, err = told(capsys, "deny")
    assert (code, err) == (2, "error: 2 tasks wait for a person's word; name one of them: s1/a, s1/b\n")
    listed = told(capsys, "approve", "--list")[1].splitlines()
    assert [line.split()[:2] for line in listed] == [["ID", "TOOL"], ["s1/a", "run"], ["s1/b", "run"]]
    code, out, _ = told(capsys, "deny", "s1/b", "--reason", "no pushes", "--json")
    assert code == 0 and json.loads(out)["task"] == "s1/b"
    (word,) = words(home, "control/s1")
    assert (word.allowed, word.reason, word.remember, word.pattern) == (False, "no pushes", "", "")
    assert told(capsys, "approve", "b", "--yes")[0] == 2, "it was answered"


def test_a_word_that_is_remembered_says_for_what_and_stands_where_its_project_finds_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asking(home, "a")
    code, _, err = told(capsys, "approve", "--project", "--yes")
    assert code == 0
    assert "for this project: run git push *\n" in err and '  |  "command": "git push"' in err
    (word,) = words(home, PROJECTS)
    assert (word.allowed, word.remember, word.pattern) == (True, "project", '{"tool":"run","match":"git push *"}')


def test_without_a_terminal_and_a_yes_nothing_is_allowed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asking(home, "a")
    code, _, err = told(capsys, "approve", "s1/a")
    assert code == 5 and "say `swarm approve --yes s1/a`" in err
    assert not words(home, "control/s1") and not words(home, PROJECTS)
