"""The live view on a real terminal beside a real run: whatever becomes of the one, the other goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from events.log import open_log
from events.verify import verify_log
from tests.acceptance.processes import Held, environment, running
from tests.provider import provider_thread
from tests.terminal import ROOT, Terminal, terminal
from tests.tui.recordings import record, recorded_log

LOG = ".local/share/swarm/log.db"
TASK = "prompt: Write a line about ants.\ncheck: {contains: draft}\n"
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
"""What leaves the other screen, shows the cursor, and ends the reports of the mouse and of what is pasted."""

RESIZES = 50


def test_whatever_ends_a_viewer_the_run_goes_on_and_the_terminal_is_as_it_was(tmp_path: Path) -> None:
    held = Held()
    (tmp_path / "task.yaml").write_text(TASK)
    env = environment(tmp_path)
    with (
        provider_thread(held) as provider,
        running("run", "task.yaml", "--endpoint", provider.url, "--model", "m", home=tmp_path) as process,
        ExitStack() as viewers,
    ):
        assert held.arrived.wait(20)

        def viewer() -> Terminal:
            return viewers.enter_context(terminal("watch", cwd=tmp_path, env=env))

        killed, ended, hung_up, closed, stays = (viewer() for _ in range(5))
        before = stays.modes
        for screen in (killed, ended, hung_up, closed, stays):
            screen.wait_for("● live")
        assert ended.modes != before, "nothing of what is typed is echoed"
        killed.process.kill()
        ended.process.send_signal(signal.SIGTERM)
        hung_up.process.send_signal(signal.SIGHUP)
        closed.close()
        for screen, code in ((ended, 128 + signal.SIGTERM), (hung_up, 128 + signal.SIGHUP)):
            assert screen.end() == code
            assert all(screen.shown.rindex(word) > screen.shown.rindex(b"live") for word in RESTORED)
            assert screen.modes == before and b"Traceback" not in screen.shown
        assert closed.process.wait(timeout=30) == 128 + signal.SIGHUP
        assert process.poll() is None, "the run has not noticed"
        held.release()
        stays.wait_for("✔ finished")
        stays.press("q")
        assert stays.end() == 0
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert anyio.run(verify_log, tmp_path / LOG).ok


async def made(path: Path) -> int:
    """Make an empty log where there is none; return the position of its last event."""
    async with open_log(path) as log:
        return (await log.head()).position


def test_a_view_that_is_resized_under_load_fits_and_misses_nothing_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    anyio.run(made, path)
    words = [sys.executable, "-m", "bench.pour", str(path), "--seconds", "60"]
    with terminal("watch", "--log", str(path)) as screen:
        screen.wait_for("no session yet")
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as writer:
            screen.wait_for("call.")
            for number in range(RESIZES):
                screen.resize(60 + 2 * number, 20 + number % 20)
                screen.take()
            writer.kill()
        screen.resize(80, 24)
        end = anyio.run(made, path)
        screen.shown = b""
        screen.wait_for(f"Events {end:,} ")
        screen.shown = b""
        screen.resize(100, 30)
        screen.wait_for("1 Swarm")
        drawn = [(int(row), int(column)) for row, column in re.findall(rb"\x1b\[([0-9]+);([0-9]+)H", screen.shown)]
        assert max(row for row, _ in drawn) <= 30 and max(column for _, column in drawn) <= 100
        screen.press("q")
        assert screen.end() == 0
        assert b"Traceback" not in screen.shown
    assert anyio.run(verify_log, path).ok


@pytest.mark.parametrize("command", ["watch", "replay"])
def test_a_log_that_is_cut_short_is_told_on_the_screen_and_again_on_leaving(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    with terminal(command, "s1", "--log", log) as screen:
        screen.wait_for("1 Swarm")
        os.truncate(log, Path(log).stat().st_size // 2)
        screen.press("]")
        screen.wait_for("✘ the log")
        screen.press("q")
        assert screen.end() == 1
        told = " ".join(screen.text.split())
        assert f"error: the log {log} was cut from" in told
        assert f"`swarm verify --log {log}` says what is left of it" in told
        assert "Traceback" not in told


def test_following_a_log_that_is_replaced_ends_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    anyio.run(record, tmp_path / "other.db")
    with terminal("log", "-f", "--log", log) as screen:
        screen.wait_for("session.closed")
        (tmp_path / "other.db").replace(log)
        assert screen.end() == 1
        assert "was replaced by another log while it was read" in " ".join(screen.text.split())
        assert "Traceback" not in screen.text
