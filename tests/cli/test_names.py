"""One way to name a session, a task and a step, whatever the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import EventLog, open_log
from swarm.cli.main import main
from swarm.cli.names import Name, NoSuchThing, find, find_session, last_session, parse_name
from swarm.errors import UsageError
from tests.tui.recordings import Writer, recorded_log

LAST = 7


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("s412", Name(412)),
        ("412", Name(412)),
        ("s412/", Name(412)),
        ("S412/build", Name(412, "build")),
        ("412/build/2", Name(412, "build", 2)),
        ("s4/12", Name(4, "12")),
        ("s412/build/", Name(412, "build")),
        ("s412/write.3/1", Name(412, "write.3", 1)),
        ("build", Name(LAST, "build")),
        ("/build", Name(LAST, "build")),
        ("build/2", Name(LAST, "build", 2)),
        ("/s4", Name(LAST, "s4")),
        ("/12/1", Name(LAST, "12", 1)),
        ("write.3", Name(LAST, "write.3")),
        ("s", Name(LAST, "s")),
    ],
)
def test_a_name_can_be_written_in_several_ways(text: str, name: Name) -> None:
    assert parse_name(text, last=LAST) == name
    assert parse_name(str(name), last=1) == name


@pytest.mark.parametrize(
    "text", ["", "/", "//", "s1//2", "s1/a/b", "s1/../x", "-1", "s1/a/2/3", "a b", "../x", "s1/a/2/"]
)
def test_what_names_nothing_is_refused(text: str) -> None:
    if text == "s1/a/2/":  # a slash at the end is what a shell's completion leaves
        assert parse_name(text, last=LAST) == Name(1, "a", 2)
        return
    with pytest.raises(UsageError, match="names nothing"):
        parse_name(text, last=LAST)


@given(
    st.integers(1, 10**9), st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}(\.[0-9]{1,3})?", fullmatch=True), st.integers(0, 99)
)
def test_what_is_written_of_a_name_is_read_as_the_same_name(session: int, task: str, step: int) -> None:
    name = Name(session, task, step)
    assert parse_name(str(name), last=LAST) == name
    assert parse_name(str(name).removeprefix(f"s{session}"), last=session) == name


async def two_sessions(log: EventLog) -> None:
    for number, task in ((1, "early"), (2, "late")):
        writer = Writer(log, number)
        await writer.open(f"Session {number}")
        await writer.submit(task)
        await writer.plan(task, "One", "Two")


async def test_a_task_without_a_session_is_one_of_the_last(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db") as log:
        await two_sessions(log)
        assert await last_session(log) == 2
        assert await find(log, None) == Name(2)
        assert await find(log, "late") == await find(log, "/late") == Name(2, "late")
        assert await find(log, "late/2") == Name(2, "late", 2)
        assert await find(log, "s1/early/1") == Name(1, "early", 1)
        assert await find_session(log, "1") == 1
        for text in ("early", "s1/late", "late/3", "s3", "0"):
            with pytest.raises(NoSuchThing, match="there is no"):
                await find(log, text)
        with pytest.raises(UsageError, match="s2/late is a part of session s2"):
            await find_session(log, "late")


async def test_an_empty_log_has_nothing_to_name(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db") as log:
        with pytest.raises(UsageError, match="no session is recorded in this log yet"):
            await find(log, None)


@pytest.mark.parametrize("command", ["show", "why"])
def test_every_command_that_takes_a_task_takes_it_in_each_way(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    told: set[str] = set()
    for name in ("s1/build", "1/build", "/build", "build", "build/"):
        assert main([command, name, "--log", log]) == 0
        told.add(capsys.readouterr().out)
    assert len(told) == 1


@pytest.mark.parametrize("command", ["show", "why", "replay", "resume"])
def test_every_command_refuses_what_is_not_there_in_the_same_words(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    assert main([command, "s9", "--log", log]) == 2
    assert "there is no session s9 in this log; did you mean the last one, s1?" in capsys.readouterr().err
    assert main([command, "s1/buidl", "--log", log]) == 2
    assert "there is no task buidl in session s1 in this log; did you mean s1/build?" in capsys.readouterr().err
