"""The live view, headless."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import UTC
from pathlib import Path

import pytest
from textual.pilot import Pilot

from events.log import EventLog, open_log
from events.presence import Present, always
from events.types.task import TaskCancelled
from events.views.base import fold
from events.views.money import MoneyView
from events.views.sessions import SessionState
from events.views.tasks import TasksView
from tests.tui.recordings import DAY, START, Writer, a_session, record, recording
from tui.app import WatchApp
from tui.keys import KeysScreen
from tui.live import Cap, Live
from tui.widgets.pane import Pane
from tui.words import count, usd

NOW = START + 60_000_000


async def cap_of(scope: str, live: Live) -> Cap | None:
    return {DAY: Cap(nanos=500_000_000), "s1": Cap(tokens=8000), "s1/ship": Cap(tokens=4000)}.get(scope)


def state_of(session: SessionState) -> str:
    return "finished" if session.finished else "interrupted" if session.closed_at else "running"


@asynccontextmanager
async def watching(
    log: EventLog, *, size: tuple[int, int] = (140, 40), session: int = 1, until: int = 0, present: Present = always
) -> AsyncGenerator[tuple[WatchApp, Pilot[None]]]:
    """The app at the end of the log, with a clock that stands still."""
    app = WatchApp(
        log,
        session=session,
        state_of=state_of,
        cap_of=cap_of,
        present=present,
        clock=lambda: NOW,
        zone=UTC,
        fps=50,
    )
    async with app.run_test(size=size) as pilot:
        await caught_up(app, pilot, until)
        yield app, pilot


async def caught_up(app: WatchApp, pilot: Pilot[None], until: int = 0) -> None:
    while not app.reader.trouble and (not app.reader.caught_up or app.live.position < until):
        await pilot.pause()
    app.paint()
    shown = ""
    while shown != (shown := screen(app)):  # a scrollbar comes a refresh after the rows that need it
        await pilot.pause()


def screen(app: WatchApp) -> str:
    """The text on the screen, a line a row, without the blanks at the ends."""
    strips = app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]  # there is no public way
    return "\n".join(strip.text.rstrip() for strip in strips)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as opened:
        yield opened


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 20), (30, 8), (200, 60)])
async def test_the_screen_draws_at_every_size(log: EventLog, size: tuple[int, int]) -> None:
    async with watching(log, size=size) as (app, _):
        shown = screen(app)
        assert len(shown.splitlines()) == size[1]
        assert "s1" in shown
        if size >= (60, 20):
            assert "✔ accepted" in shown and "✘ failed" in shown and "26 10:00:26 session.closed" in shown


async def test_nothing_of_a_model_is_acted_upon(log: EventLog) -> None:
    async with watching(log, size=(200, 40)) as (app, _):
        shown = screen(app)
        assert "[bold]red[/]" in shown and "␛]0;pwned␇" in shown
        assert not set(shown) & set("\x1b\x07\u202e")


async def test_the_numbers_on_the_screen_are_those_of_the_fold(log: EventLog) -> None:
    tasks, money = await fold(log, TasksView()), await fold(log, MoneyView())
    async with watching(log, size=(160, 60)) as (app, _):
        shown = screen(app)
        day = money.scopes[DAY]
        assert f"today {usd(day.spent.nanos)} of $0.50" in shown
        for task in tasks.of(1).values():
            rows = [line for line in shown.splitlines() if line.startswith(("│●", "│○", "│✔", "│✘"))]
            (line,) = [row for row in rows if row.split()[2] == task.name]
            assert f" {count(task.tokens)} " in line and usd(task.cost_nanos) in line
        assert f"0%  {usd(day.spent.nanos)} of $0.50" in " ".join(shown.split(" ")).replace("   ", "  ")
        assert f"{usd(day.maybe_paid.nanos)} + {count(day.maybe_paid.tokens)} tok maybe paid" in shown
        ship = money.scopes["s1/ship"]
        assert f" {100 * ship.reserved.tokens // 4000}%!" in shown and "0 tok of 4.0k tok" in shown
        assert f"{count(ship.reserved.tokens)} tok reserved" in shown


async def test_the_live_view_of_a_run_equals_the_view_of_the_finished_log(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        async with watching(writer.log, session=0) as (app, pilot):
            assert "no session yet" in screen(app)
            await a_session(writer)
            await writer.close(finished=False)
            await caught_up(app, pilot, 26)
            live = screen(app)
        async with watching(writer.log) as (app, _):
            assert screen(app) == live


async def test_what_another_process_writes_appears(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await record(path)
    async with (
        open_log(path, read_only=True) as log,
        watching(log) as (app, pilot),
        open_log(path) as elsewhere,  # a connection of its own, as another process has
    ):
        await Writer(elsewhere).add(TaskCancelled(reason="no longer wanted"), task="tell")
        await caught_up(app, pilot, 27)
        assert "⊘ cancelled" in screen(app) and "no longer wanted" in screen(app)


async def test_a_pane_is_drawn_only_when_what_it_shows_has_changed(log: EventLog) -> None:
    async with watching(log) as (app, _):
        panes = list(app.query(Pane))
        drawn = {pane.id: pane.drawn for pane in panes}
        for _ in range(5):
            app.paint()
        assert {pane.id: pane.drawn for pane in panes} == drawn
        app.live.versions.tasks += 1
        app.paint()
        assert {pane.id for pane in panes if pane.drawn != drawn[pane.id]} == {"tasks"}


async def test_scrolling_up_pauses_and_f_follows_again(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        async with watching(writer.log, size=(80, 24)) as (app, pilot):
            events = app.query_one("#events", Pane)
            assert events.follow and "25 10:00:25" in screen(app)
            await pilot.press("k", "k")
            await pilot.wait_for_animation()
            app.paint()
            assert not events.follow
            before = screen(app)
            assert "‖ paused" in before
            await writer.add(TaskCancelled(reason="enough"), task="tell")
            await caught_up(app, pilot, 26)
            assert "26 10:00:26" not in screen(app)
            await pilot.press("f")
            app.paint()
            await pilot.pause()
            assert events.follow and "26 10:00:26" in screen(app)
            await pilot.press("g")
            await pilot.wait_for_animation()
            assert events.scroll_y == 0 and not events.follow
            await pilot.press("G")
            await pilot.wait_for_animation()
            assert events.follow


async def test_tab_goes_through_the_panes_and_the_keys_can_be_looked_up(log: EventLog) -> None:
    async with watching(log) as (app, pilot):
        seen = [app.focused.id if app.focused else ""]
        for _ in range(5):
            await pilot.press("tab")
            seen.append(app.focused.id if app.focused else "")
        assert seen == ["events", "crew", "budgets", "spent", "tasks", "events"]
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, KeysScreen) and "the run goes on" in screen(app)
        await pilot.press("f", "b")  # these belong to the screen below
        app.paint()
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, KeysScreen)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_q_leaves_and_so_does_ctrl_c(log: EventLog, key: str) -> None:
    async with watching(log) as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        assert not app.is_running and app.return_code == 0


async def test_a_damaged_log_is_told_on_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await record(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER event_is_a_fact")
        connection.execute("UPDATE event SET body = '{}' WHERE position = 14")
    async with open_log(path, read_only=True) as log, watching(log) as (app, pilot):
        await caught_up(app, pilot)
        assert "damaged at position 14" in screen(app)
