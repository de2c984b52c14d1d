"""What a message tells to type next means the log that the command line named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.cli.hints import folder_named, in_folder, log_named, on_log, to_type
from swarm.cli.main import main
from tests.tui.recordings import recorded_log


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("go on with `swarm resume s1`", "go on with `swarm resume s1 --log 'my log.db'`"),
        ("`swarm show s1` or `swarm why`", "`swarm show s1 --log 'my log.db'` or `swarm why --log 'my log.db'`"),
        ("see `swarm show --help`, `swarm --help`", "see `swarm show --help`, `swarm --help`"),
        ("read it with `swarm ps --log other.db`", "read it with `swarm ps --log other.db`"),
        ("`swarm local list`, `swarm init`, `swarm validate a.yaml`", None),
        ("swarm resume s1, `SWARM_OUTPUT`, `--log`", None),
    ],
)
def test_each_command_that_reads_a_log_gets_the_one_that_was_named(text: str, told: str | None) -> None:
    assert on_log(text, "my log.db") == (told or text)
    assert on_log(text, None) == text


@given(st.text() | st.lists(st.sampled_from(["`", "swarm ", "resume", " --log", " s1", "\n"])).map("".join))
def test_a_message_is_made_to_mean_a_log_once_and_no_more(text: str) -> None:
    once = on_log(text, "log.db")
    assert on_log(once, "log.db") == once
    assert once.replace(" --log log.db", "") == text.replace(" --log log.db", "")


@pytest.mark.parametrize(
    ("words", "log"),
    [
        ([], None),
        (["show", "--log", "a.db", "s1"], "a.db"),
        (["--log=a.db", "show", "--log", "b.db"], "b.db"),
        (["show", "--log"], None),
        (["run", "--", "--log", "a.db"], None),
    ],
)
def test_the_log_of_a_command_line_is_known_before_the_rest_of_it_is_understood(
    words: list[str], log: str | None
) -> None:
    assert log_named(words) == log
    if log == "a.db":
        assert to_type("show", "s1", log=log) == "swarm show s1 --log a.db"


def test_a_command_that_reads_a_folder_is_told_with_the_one_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "`swarm trust a.yaml --log x`, `swarm show s1`, `swarm run --help`, `swarm skills trust`"
    here = "`swarm -C 'my project' trust a.yaml --log x`, `swarm show s1`, `swarm run --help`, `swarm -C 'my project' skills trust`"
    assert in_folder(told, "my project") == here == in_folder(here, "my project")
    assert in_folder(told, None) == told
    assert folder_named(["-C", "a", "run", "--", "-C", "b"]) == "a" and folder_named(["run", "-Cb"]) == "b"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my project").mkdir()
    (tmp_path / "my project/task.yaml").write_text("prompt: Say hello.\ncheck: {run: 'true'}\n")
    assert main(["-C", "my project", "trust", "task.yaml", "--no-input"]) == 5
    assert "say `swarm -C 'my project' trust --yes task.yaml`" in capsys.readouterr().err


def test_what_the_pages_and_the_errors_of_a_named_log_tell_to_type_is_on_that_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    for words, code, told in (
        (["show"], 0, "`swarm resume s1 --log {log}`"),
        (["show", "s1/docs", "--text"], 1, "`swarm show s1/docs --log {log}` tells more"),
        (["why", "s1"], 0, "--log {log}`"),
        (["why", "4711"], 2, "`swarm log --log {log}` prints them"),
    ):
        assert main([*words, "--log", log]) == code
        said = capsys.readouterr()
        assert told.format(log=log) in said.out + said.err
