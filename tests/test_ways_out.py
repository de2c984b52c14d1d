"""Whoever strays from the first walk is told in a sentence what is wrong, and what to type next."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from swarm.cli.main import COMMANDS, main

NAMES = {name for group in COMMANDS.values() for name in group}

BROKEN = "prompt: Say hello.\nbudgt: 10k\n"
COMMANDS_IN_IT = "prompt: Say hello.\ncheck: {run: 'true'}\n"


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HOME with nothing in it, an environment without a key, and a folder with a few files."""
    for name in set(os.environ) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "a-file").write_text("no folder")
    for name, value in {"HOME": str(home), "PATH": "/usr/bin:/bin", "SWARM_DISCOVER": "false"}.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "broken.yaml").write_text(BROKEN)
    (folder / "checked.yaml").write_text(COMMANDS_IN_IT)
    (folder / "task.yaml").write_text("prompt: Say hello.\n")
    (folder / "script.toml").write_text('[[line]]\nsays = "Hello."\n')
    (folder / "picture.yaml").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    return folder


@pytest.mark.parametrize(
    ("what", "line", "code", "said", "following"),
    [
        ("no key", "run task.yaml", 4, "`--local`", {"doctor", "demo"}),
        ("no key for a prompt", "run 'Say hello.'", 4, "`--local`", {"doctor", "demo"}),
        ("no network", "run --endpoint http://127.0.0.1:9/v1 task.yaml", 4, "check the address", set[str]()),
        ("no terminal to draw on", "watch", 2, "needs a terminal", {"log", "ps", "show"}),
        ("nobody to ask", "run --script script.toml checked.yaml", 5, "not confirmed", {"trust"}),
        ("nobody to confirm commands", "trust checked.yaml", 5, "Nobody can be asked", {"trust"}),
        ("nobody to ask for a download", "run --local task.yaml", 5, "Nobody can be asked", {"local"}),
        ("no such file", "run tsak.yaml", 2, "task.yaml", set[str]()),
        ("a slip in a file", "run broken.yaml", 2, "broken.yaml:2:1: unknown key 'budgt'", set[str]()),
        ("no task file at all", "run picture.yaml", 2, "picture.yaml", set[str]()),
        ("a slip in a command", "rum task.yaml", 2, "did you mean", {"run"}),
        ("no command", "task.yaml", 2, "needs a command", {"run", "validate"}),
        ("a slip in an option", "run --buget 1k task.yaml", 2, "--budget", set[str]()),
        ("nothing to look at", "show", 2, "nothing is recorded yet", {"run"}),
        ("nothing to go on with", "resume", 0, "nothing is recorded yet", {"run"}),
        ("no task file to begin over", "init", 2, "task.yaml", set[str]()),
        ("no folder to go to", "-C elsewhere ps", 2, "elsewhere", set[str]()),
        ("nowhere to keep a log", "run --log ../a-file/log.db --script script.toml task.yaml", 2, "a-file", set[str]()),
    ],
)
def test_an_error_beside_the_walk_says_what_is_wrong_and_what_comes_next(
    what: str, line: str, code: int, said: str, following: set[str], clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(line)) == code, (what, capsys.readouterr())
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and "fault of swarm" not in told
    named = set(re.findall(r"swarm (?:--?\S+ \S+ )?([a-z]+)", told)) & NAMES
    assert bool(named & following) or not following, told


def test_the_files_of_the_demo_that_cannot_be_written_are_named_with_what_mends_it(
    clean: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(clean.parent / "a-file"))
    assert main(["demo", "--fast"]) == 2
    assert "set XDG_DATA_HOME to a folder that can be written to" in capsys.readouterr().err
