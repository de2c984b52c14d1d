"""The live view and the replay in a terminal multiplexer, as a person sees them: what is on the screen is read from the outside."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.acceptance.processes import Held, environment, running
from tests.provider import provider_thread
from tests.tui.recordings import record

TMUX = shutil.which("tmux")
pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")

LONGEST_S = 30.0


class Window:
    """One window of a tmux server that is this test's own."""

    def __init__(self, socket: Path) -> None:
        self._words = [str(TMUX), "-S", str(socket), "-f", "/dev/null"]
        # no size of whoever runs the tests, which readline adds to a process even behind Python's back
        self._env = {**environment(socket.parent), "LANG": "C.UTF-8"}

    def ask(self, *words: str) -> str:
        run = subprocess.run(
            [*self._words, *words], env=self._env, capture_output=True, text=True, check=True, timeout=LONGEST_S
        )
        return run.stdout

    def start(self, command: str, home: Path, columns: int, rows: int) -> None:
        variables = [f"-e{name}={value}" for name, value in environment(home).items()]
        self.ask("new-session", "-d", "-x", str(columns), "-y", str(rows), *variables, command)

    def press(self, *keys: str) -> None:
        self.ask("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self.ask("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, *texts: str, gone: str = "") -> list[str]:
        """Wait until all of the texts are on the screen, and `gone` is not; return its lines."""
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            lines = self.ask("capture-pane", "-p").splitlines()
            if all(any(text in line for line in lines) for text in texts) and not (
                gone and any(gone in line for line in lines)
            ):
                return lines
            time.sleep(0.05)  # tmux tells nobody that a screen has changed
        raise AssertionError(f"{texts} were not shown: " + self.ask("capture-pane", "-p"))

    @property
    def modes(self) -> str:
        """Whether the other screen, the mouse and what is pasted are in use, and the cursor is seen."""
        return self.ask("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").strip()


@contextmanager
def window(command: str, home: Path, *, columns: int = 140, rows: int = 40) -> Generator[Window]:
    """A shell that runs the command, says how it ended, and stays; all of it is gone with the block."""
    found = Window(home / "tmux")
    words = shlex.join([sys.executable, "-P", "-m", "swarm.cli.main"])
    try:
        found.start(f"sh -c '{words} {command}; echo left with $?; read rest'", home, columns, rows)
        yield found
    finally:
        subprocess.run([str(TMUX), "-S", str(home / "tmux"), "kill-server"], capture_output=True, timeout=LONGEST_S)


def test_a_running_session_is_watched_resized_and_left(tmp_path: Path) -> None:
    held = Held()
    (tmp_path / "task.yaml").write_text("prompt: Write a line about ants.\ncheck: {contains: draft}\n")
    with (
        provider_thread(held) as provider,
        running("run", "task.yaml", "--endpoint", provider.url, "--model", "m", home=tmp_path) as process,
    ):
        assert held.arrived.wait(20)
        with window("watch", tmp_path) as screen:
            lines = screen.shows("● live", "1 Swarm", "call.reserved", "● running", "╮╭", gone="behind")
            assert len(lines) == 40
            screen.resize(80, 24)
            lines = screen.shows("● live", "1 Swarm", gone="╮╭")
            assert len(lines) == 24 and max(map(len, lines)) <= 80
            screen.press("?")
            screen.shows("─ Keys ")
            screen.press("Escape")
            screen.shows("1 Swarm", gone="─ Keys ")
            assert screen.modes == "1 1 0"
            held.release()
            screen.shows("✔ finished", "✔ accepted")
            screen.press("q")
            lines = screen.shows("left with 0", gone="1 Swarm")
            assert [line for line in lines if line.strip()] == ["left with 0"]
            assert screen.modes == "0 0 1"
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_a_record_is_played_stepped_through_and_left(tmp_path: Path) -> None:
    anyio.run(record, tmp_path / "log.db")
    with window(f"replay --log {tmp_path}/log.db", tmp_path) as screen:
        screen.shows("▶ replay", "#1/26", "1 Swarm")
        screen.press("]", "]")
        screen.shows("#3/26", "Events 3 ")
        screen.press("g")
        screen.shows("Go to")
        screen.press("f", "a", "i", "l", "Enter")
        screen.shows("#23/26", "✘ failed", gone="Go to")
        screen.press("Home")
        screen.shows("#1/26", "Events 1 ")
        screen.press(*"......", "Space")
        screen.shows("#26/26", "✔ accepted")
        screen.press("q")
        lines = screen.shows("left with 0", gone="1 Swarm")
        assert [line for line in lines if line.strip()] == ["left with 0"]
        assert screen.modes == "0 0 1"
