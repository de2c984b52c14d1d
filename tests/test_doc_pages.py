"""The documentation does what it says: each command of its pages runs, each file it shows is right, what it prints is printed."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.main import main
from tests.doc_pages import (
    EXECUTED,
    ROOT,
    Left,
    Line,
    MarkUnknown,
    Part,
    Recorded,
    Shown,
    commands_in,
    missing,
    read_page,
)
from tests.provider import Answer, Provider, provider_thread
from tests.team import play, role_of, swarm
from tests.terminal import terminal

MOST_LEFT = 39
"""So many lines of the pages are not run, each with its reason. Whoever adds one says why."""

SETTINGS = """
[providers.example]
base_url = "{url}"
[models.example]
provider = "example"
model = "served-model"
price = "free"
"""


def answer(body: dict[str, Any]) -> Answer:
    """What the model of the pages says: it plans and judges as a team does, and knows the capital of France."""
    return play(body) if role_of(body) != "worker" else Answer("The capital of France is Paris.")


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    with provider_thread(answer) as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `swarm demo` leaves behind, its log where that of every other run lies."""
    home = tmp_path_factory.mktemp("demo")
    data = home / ".local/share/swarm"
    done = swarm("demo", "--fast", "--log", str(data / "log.db"), home=home, cwd=home)
    assert done.returncode == 0, done.stderr
    return data


class Reader:
    """Does what a page says, in a folder and with a HOME of its own."""

    def __init__(self, folder: Path, page: Path, demo: Path) -> None:
        self.demo = demo
        self.page, self.printed, self._block = page.relative_to(ROOT).as_posix(), "", -1
        self.home, self.folder = folder / "home", folder / "project"
        self.environ = {
            "HOME": str(self.home),
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "SWARM_DISCOVER": "false",
        }

    def make_ready(self, url: str) -> None:
        (self.home / ".config/swarm").mkdir(parents=True)
        (self.home / ".config/swarm/config.toml").write_text(SETTINGS.format(url=url))
        self.folder.mkdir()
        shutil.copytree(ROOT / "examples", self.folder / "examples")
        program = self.folder.parent / "bin/swarm"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m swarm.cli.main "$@"\n')
        program.chmod(0o755)

    def do(self, part: Part) -> None:
        match part:
            case Line():
                self._run(part)
            case Shown(name=name, text=text):
                path = self.folder / (name or "shown.yaml")
                path = Path(name).expanduser() if name.startswith("~/") else path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                if not name:
                    code, said = run_here(["plan", "shown.yaml"])
                    assert code == 0, f"{self.page}:{part.at}: {said}"
            case Recorded(name=name):
                assert name == "demo"
                shutil.copytree(self.demo, self.home / ".local/share/swarm")
            case Left():
                pass

    def _run(self, line: Line) -> None:
        if line.block != self._block:
            self._block, self.printed = line.block, ""
        commands = commands_in(line.text)
        code = 0
        if commands is None:
            code, said = self._in_a_shell(line.text)
            self.printed += said
        for command in commands or ():
            code, said = self._on_a_terminal(command[1:]) if line.draws else run_here(command[1:])
            self.printed += said
            if code:
                break
        assert code == line.ends, f"{self.page}:{line.at}: {line.text}\n{self.printed}"
        lacks = missing(line.shown, self.printed, line.varies)
        assert not lacks, f"{self.page}: {lacks!r} is not in\n{self.printed}"

    def _on_a_terminal(self, words: list[str]) -> tuple[int, str]:
        with terminal(*words, cwd=self.folder, env=self.environ) as screen:
            screen.wait_for("q leave")
            screen.press("q")
            return screen.end(), screen.text

    def _in_a_shell(self, text: str) -> tuple[int, str]:
        fetched = re.search(r"\b(pip|pipx|uv|curl|wget|apt(-get)?|git clone)\b", text)
        assert not fetched, f"{self.page}: {text!r} fetches something; say in a comment that it is not run"
        done = subprocess.run(
            ["bash", "-c", f"{text}\n"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
        )
        return done.returncode, done.stdout


def run_here(words: list[str]) -> tuple[int, str]:
    """Run a command in this process, its stdin from the file behind a `<`; return its exit code and all that it said."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    at, stdin = Path.cwd(), sys.stdin
    if "<" in words:
        *words, _, name = words
        sys.stdin = io.TextIOWrapper(io.BytesIO(Path(name).read_bytes()), encoding="utf-8")
    with redirect_stdout(said), redirect_stderr(said):
        try:
            code = main(words)
        finally:
            os.chdir(at)
            sys.stdin = stdin
    said.seek(0)
    return code, said.read()


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
def test_what_a_page_has_its_reader_do_can_be_done(
    page: Path, provider: Provider, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(tmp_path, page, demo)
    reader.make_ready(provider.url)
    for name in set(os.environ) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in reader.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(reader.folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for part in read_page(page.read_text()):
        reader.do(part)


def left_out() -> list[tuple[str, Left]]:
    pages = [(page.relative_to(ROOT).as_posix(), read_page(page.read_text())) for page in EXECUTED]
    return [(name, part) for name, parts in pages for part in parts if isinstance(part, Left)]


def test_no_more_lines_of_the_pages_are_left_out_than_were_and_each_says_why() -> None:
    left = left_out()
    assert len(left) <= MOST_LEFT, [f"{name}:{each.at}: {each.text}" for name, each in left]
    assert all(each.why for _, each in left)


def test_what_a_page_shows_has_to_be_printed_in_its_order() -> None:
    printed = "a 1\nb 22 c\n  d\n"
    assert missing("a 1\nd\n", printed) == ""
    assert missing("b … c\n", printed) == ""
    assert missing("d\na 1\n", printed) == "a 1"
    assert missing("d\na 1\n", printed, frozenset({"order"})) == ""
    assert missing("b 3 c\n", printed) == "b 3 c"
    assert missing("b 3 c\n", printed, frozenset({"numbers"})) == ""


def test_marks_of_a_page_say_what_is_run_and_how_it_ends() -> None:
    text = "<!-- setup: echo a  # ends 1 -->\n<!-- not run `two`: no\nkey -->\n<!-- ends 3 `one` -->\n```sh\none\ntwo\n```\n\n```text\nx\n```\n"
    assert read_page(text) == [
        Line("echo a  # ends 1", 1, 1, 1),
        Line("one", 6, 5, 3, "x\n"),
        Left("two", 7, "no\nkey"),
    ]
    with pytest.raises(MarkUnknown):
        read_page("<!-- nonsense -->\n")


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("swarm ps  # all", [["swarm", "ps"]]),
        (".venv/bin/swarm run 'a | b' && swarm ps", [[".venv/bin/swarm", "run", "a | b"], ["swarm", "ps"]]),
        ("git diff | swarm run -", None),
        ("swarm run - < a.txt", [["swarm", "run", "-", "<", "a.txt"]]),
        ("cp -r a b", None),
    ],
)
def test_a_line_needs_a_shell_where_it_is_more_than_commands_of_swarm(
    line: str, commands: list[list[str]] | None
) -> None:
    assert commands_in(line) == commands
