"""The replay on its screen, headless: every key, every size, and what is wrong with a log."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from events.log import EventLog, open_log
from events.types.task import TaskCancelled
from tests.tui.recordings import a_session, damage, damaged, record, recording
from tests.tui.test_app import cap_of, screen
from tui.frame import frame
from tui.keys import KeysScreen
from tui.playback import Playback
from tui.record import read_record
from tui.replay import GoTo, ReplayApp
from tui.widgets.pane import Pane

DATA = Path(__file__).parents[1] / "data" / "screens"
KEYS = {
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "{": "left_curly_bracket",
    "}": "right_curly_bracket",
}


class Ticks:
    """A clock in seconds that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Shown:
    """The app, and what can be done with it."""

    def __init__(self, app: ReplayApp, pilot: Pilot[None], ticks: Ticks) -> None:
        self.app, self.pilot, self.ticks = app, pilot, ticks

    @property
    def lines(self) -> list[str]:
        return screen(cast("Any", self.app)).splitlines()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def until(self, text: str) -> None:
        """Wait until a text is drawn, wherever its lines are broken."""
        while text not in " ".join(self.text.split()):
            await self.pilot.pause()
            self.app.paint()

    @property
    def bar(self) -> str:
        return self.lines[-3]

    @property
    def cursor(self) -> int:
        return self.app.playback.playing.cursor

    async def press(self, *keys: str, apart_s: float = 1.0) -> None:
        for key in keys:
            self.ticks.now += apart_s
            await self.pilot.press(key)
        await self.settle()

    async def settle(self) -> None:
        playback = self.app.playback
        while not (playback.is_settled or playback.trouble or not self.app.is_running):
            await self.pilot.pause()
        if self.app.is_running:
            self.app.paint()
        await self.pilot.pause()

    async def play(self, seconds: float) -> None:
        """Let so much time pass, and show what comes of it."""
        self.ticks.now += seconds
        self.app.paint()
        await self.settle()

    async def type(self, text: str) -> None:
        await self.press("g")
        assert isinstance(self.app.screen, GoTo)
        self.app.screen.query_one(Input).value = text
        await self.press("enter")


@asynccontextmanager
async def replaying(log: EventLog, *, size: tuple[int, int] = (140, 40), live: str = "") -> AsyncGenerator[Shown]:
    record, trouble = await read_record(log, 1)
    ticks = Ticks()

    async def go_live() -> str:
        return live

    playback = Playback(log, record, cap_of=cap_of, trouble=trouble)
    app = ReplayApp(playback, go_live=go_live, zone=UTC, fps=1, ticks=ticks)
    async with app.run_test(size=size, notifications=True) as pilot:
        shown = Shown(app, pilot, ticks)
        await shown.settle()
        yield shown


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as opened:
        yield opened


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_the_screen_of_a_fixed_record_is_as_it_was(log: EventLog, size: tuple[int, int]) -> None:
    async with replaying(log, size=size) as shown:
        await shown.type("#24")
        await shown.press("left_curly_bracket")
        lines = shown.text
    assert lines == (DATA / f"replay-{size[0]}x{size[1]}.txt").read_text().rstrip("\n")


async def test_without_colours_it_draws_the_same_text(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with replaying(log, size=(80, 24)) as shown:
        await shown.type("fail")
        assert shown.app.no_color
        assert shown.text == (DATA / "replay-80x24.txt").read_text().rstrip("\n")


@pytest.mark.parametrize("size", [(60, 20), (40, 10)])
async def test_it_draws_at_every_size(log: EventLog, size: tuple[int, int]) -> None:
    async with replaying(log, size=size) as shown:
        await shown.press("end", "b", "space")
        assert len(shown.lines) == size[1] and "┃" in "".join(shown.lines[-3:])


async def test_it_says_that_it_is_a_replay_and_calls_nothing_and_never_that_it_is_live(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        for key in ("home", "right_square_bracket", "end"):
            await shown.press(key)
            assert "▶ replay" in shown.lines[0] and "● live" not in shown.text
            assert "from the log: no model is called" in shown.lines[-2]
        assert "▶ replay, interrupted " in shown.lines[0]
        await shown.press("a")
        await shown.until("a replay changes")


async def test_the_keys_that_move_show_the_state_where_they_lead(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        assert "#1/26" in shown.bar and "Events 1 " in shown.text
        seen: list[int] = []
        for key in ("]", "}", "}", "{", "end", "[", "home"):
            await shown.press(KEYS.get(key, key))
            seen.append(shown.cursor + 1)
            assert f"#{shown.cursor + 1}/26" in shown.bar
            assert f"Events {shown.cursor + 1} " in shown.text
            assert shown.app.live.position == shown.cursor + 1
        assert seen == [2, 12, 23, 12, 26, 25, 1]


async def test_while_a_key_is_held_only_the_bar_moves(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        for _ in range(7):
            shown.ticks.now += 0.03
            await shown.pilot.press("right_square_bracket")
            assert shown.app.playback.shown <= 1, "the state has not followed"
        assert "#11/26" in shown.bar
        while shown.app.playback.shown != 10:  # until it rests
            await shown.pilot.pause(0.01)
        assert shown.app.live.position == 11


async def test_it_plays_at_the_speed_that_is_set_and_pauses(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        await shown.press("full_stop", "full_stop", "comma")
        assert " ‖ 2x " in shown.bar
        await shown.press("space")
        assert " ▶ 2x " in shown.bar
        await shown.play(4.0)
        assert shown.cursor == 8 and shown.app.live.position == 9
        await shown.press("space", apart_s=0)
        await shown.play(100.0)
        assert shown.cursor == 8 and " ‖ 2x " in shown.bar
        shown.app.action_faster(7)
        await shown.press("space", apart_s=0)
        await shown.play(0.1)
        assert shown.cursor == 25 and " ‖ max " in shown.bar, "it ends with the record"


async def test_bookmarks_are_stops_and_are_counted(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        await shown.type("#5")
        await shown.press("b", "right_square_bracket")
        assert "⚑1" in shown.bar and shown.bar.count("⚑") == 2
        await shown.press("home", "right_curly_bracket")
        assert shown.cursor == 4
        await shown.press("b")
        assert "⚑" not in shown.bar


async def test_g_goes_where_it_is_told_and_says_what_leads_nowhere(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        for typed, cursor in (("10:00:20", 19), ("-10s", 9), ("fail", 22)):
            await shown.type(typed)
            assert shown.cursor == cursor, typed
        await shown.type("bild b ,")  # none of it is a key
        assert isinstance(shown.app.screen, GoTo) and "✘ 'bild b ,' is no event, time or task" in shown.text
        await shown.press("enter", "escape")
        assert shown.cursor == 22 and not isinstance(shown.app.screen, GoTo)


async def test_all_events_up_to_the_cursor_can_be_scrolled_to(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        for number in range(500):
            await writer.add(TaskCancelled(reason=f"number {number}"), task="tell")
        async with replaying(writer.log, size=(140, 30)) as shown:
            await shown.press("end")
            assert "number 499" in shown.text
            shown.app.query_one("#events", Pane).scroll_to(y=0, animate=False)
            await shown.until("session.claimed")


async def test_the_keys_that_hold_here_can_be_looked_up_and_q_leaves(log: EventLog) -> None:
    async with replaying(log, size=(100, 30)) as shown:
        await shown.press("question_mark")
        assert isinstance(shown.app.screen, KeysScreen)
        told = shown.text
        assert "go to #48213" in told and "the run goes on" not in told
        await shown.press("space", "escape")
        assert not shown.app.playback.playing.is_on
        await shown.press("q")
        assert not shown.app.is_running and not shown.app.goes_live


async def test_l_goes_live_only_where_the_session_still_runs(log: EventLog) -> None:
    async with replaying(log, size=(100, 30), live="s1 does not run: it is finished") as shown:
        await shown.press("L")
        await shown.until("s1 does not run")
        assert not shown.app.goes_live
    async with replaying(log, size=(100, 30)) as shown:
        await shown.press("L")
        assert shown.app.goes_live and not shown.app.is_running


async def test_a_log_that_grows_stays_what_it_was_when_it_was_opened(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        async with replaying(writer.log, size=(100, 30)) as shown:
            await writer.add(TaskCancelled(reason="no longer wanted"), task="tell")
            await shown.press("end")
            assert "#25/25" in shown.bar and "⊘ cancelled" not in shown.text


async def test_a_damaged_log_is_replayed_up_to_there_and_told(tmp_path: Path) -> None:
    await damaged(tmp_path / "log.db", 14)
    async with open_log(tmp_path / "log.db", read_only=True) as log, replaying(log, size=(100, 30)) as shown:
        await shown.press("end")
        assert "#13/13" in shown.bar
        await shown.until("damaged at position 14")


async def test_a_log_that_is_damaged_while_it_is_replayed_is_told(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as log, replaying(log, size=(100, 30)) as shown:
        await shown.press("end")
        damage(tmp_path / "log.db", 5)
        await shown.press("home", "end")
        await shown.until("damaged at position 5")
        assert shown.app.playback.shown < 25 and "✘ the log" in shown.text


async def test_a_frame_has_the_same_bytes_each_time_and_fetches_nothing(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drawn() -> str:
        found, _ = await read_record(log, 1)
        playback = Playback(log, found, cap_of=cap_of)
        playback.playing.go(13)
        return await frame(playback, size=(100, 30), title="a title", zone=UTC)

    first = await drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    assert await drawn() == first
    assert os.environ["NO_COLOR"] == "1"
    assert all(text in first for text in ("retrying", "#14/26", "title"))
    assert "url(" not in first.replace("url(#", "") and "@font-face" not in first and "\x1b" not in first
