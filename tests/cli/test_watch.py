"""`swarm watch`: what the command adds to the screen, and the screen on a real terminal."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from events.log import open_log
from events.views.base import fold
from events.views.sessions import SessionsView
from events.views.tasks import TasksView
from swarm.cli.main import main
from swarm.cli.watch import cap_reader
from tests.terminal import terminal
from tests.tui.recordings import DAY, at_home, recorded_log, recording
from tui.live import Cap, Live


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def test_watch_draws_a_session_on_a_terminal_and_q_leaves_it(log: str) -> None:
    with terminal("watch", "--log", log) as screen:
        screen.wait_for("accepted")
        screen.wait_for("q leave")
        screen.press("q")
        assert screen.end() == 0
        assert b"Traceback" not in screen.shown
        assert b"\x1b]0;pwned" not in screen.shown


def test_watch_tells_on_leaving_that_the_log_is_gone(log: str) -> None:
    with terminal("watch", "s1", "--log", log) as screen:
        screen.wait_for("accepted")
        Path(log).unlink()
        screen.wait_for("✘ the log")
        screen.press("q")
        assert screen.end() == 1
        assert "error: the log" in screen.shown.decode() and b"Traceback" not in screen.shown


def test_watch_waits_for_the_first_session_of_an_empty_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_home(tmp_path, monkeypatch)

    path = tmp_path / "log.db"

    async def write(title: str = "") -> None:
        async with recording(path) as writer:
            if title:
                await writer.open(title)

    anyio.run(write)
    with terminal("watch", "--log", str(path)) as screen:
        screen.wait_for("no session yet")
        anyio.run(write, "The first of all")
        screen.wait_for("The first of all")
        screen.press("q")
        assert screen.end() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "watch needs a terminal"),
        (("--json",), "watch draws a screen and has no --json"),
        (("--fps", "0"), "--fps 0: a number above 0"),
        (("--fps", "nan"), "--fps nan: a number above 0"),
    ],
)
def test_where_it_cannot_draw_watch_says_what_to_use(
    log: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "--log", log, *words]) == 2
    assert said in capsys.readouterr().err


async def test_the_caps_that_are_shown_are_those_of_the_recorded_plan_and_of_the_task(log: str) -> None:
    async with open_log(log, read_only=True) as opened:
        live = Live(1)
        live.sessions, live.tasks = await fold(opened, SessionsView()), await fold(opened, TasksView())
        cap_of = cap_reader(opened)
        assert await cap_of(DAY, live) == Cap(nanos=500_000_000)
        assert await cap_of("s1", live) == Cap(tokens=10_000)
        assert await cap_of("s1/ship", live) == Cap(tokens=4000)
        assert await cap_of("s1/build", live) is None
        assert await cap_of("s1/nothing", live) is None


async def test_a_plan_that_this_program_cannot_read_is_shown_without_its_caps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tui.recordings.SETTINGS", '{"roster": "of another form"}')
    async with recording(tmp_path / "log.db") as writer:
        await writer.open("of a newer program")
        live = Live(1)
        live.apply(await writer.log.read())
        assert await cap_reader(writer.log)("s1", live) is None
