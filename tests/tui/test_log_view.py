"""The view of the log, with the lookup that `swarm watch` and `swarm replay` hand to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from events.log import Entry, EventLog, NewEvent, open_log
from events.types.task import StepPlanned
from swarm.cli.lookup.log import LogReading
from swarm.cli.main import main
from swarm.cli.replay import replay_app
from tests.tui.recordings import EVIL, Writer, a_session, damage, record, recording
from tests.tui.screens import drawn, loaded_for, looking, text_of
from tests.tui.test_app import cap_of, state_of
from tui.app import SessionApp, WatchApp
from tui.feed import Lookups
from tui.record import read_record
from tui.views.log import LogView
from tui.views.log_list import LogList
from tui.widgets.text import TextPane


async def opened(app: WatchApp, pilot: Pilot[None]) -> tuple[LogView, LogList]:
    """Show the view of the log; the last of those that digits lead to."""
    await pilot.press(str(len(app.views)))
    await drawn(app, pilot)
    assert isinstance(app.view, LogView)
    return app.view, app.view.query_one(LogList)


async def pressed(app: WatchApp, pilot: Pilot[None], *keys: str) -> str:
    await pilot.press(*keys)
    return await drawn(app, pilot)


async def typed(app: WatchApp, pilot: Pilot[None], text: str) -> str:
    """The screen once this was typed behind `/`."""
    await pilot.press("slash")
    while len(app.screen_stack) == 1:
        await pilot.pause()
    app.screen.query_one(Input).value = text
    await pilot.press("enter")
    while len(app.screen_stack) > 1:
        await pilot.pause()
    return await drawn(app, pilot)


def positions(shown: str) -> list[int]:
    """Of the events on the screen."""
    words = [line.lstrip("│┃").split() for line in shown.splitlines() if line[:1] in "│┃"]
    return [int(each[0]) for each in words if each and each[0].isdecimal()]


class Counting:
    """A log that counts how many entries were read of it, and `breaks` where that is wanted."""

    def __init__(self, log: EventLog) -> None:
        self._log, self.read_so_far, self.breaks = log, 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def read(self, **asked: Any) -> list[Entry]:
        if self.breaks:
            raise ZeroDivisionError
        found = await self._log.read(**asked)
        self.read_so_far += len(found)
        return found


async def long_log(path: Path, many: int) -> None:
    """The log of `a_session`, then as many events as are missing; they are of another session."""
    async with recording(path) as writer:
        await a_session(writer)
        await writer.close(finished=False)
        await Writer(writer.log, 2).open("another")
        for start in range(0, many - 28, 2_000):
            size = min(2_000, many - 28 - start)
            planned = [StepPlanned(title=f"Step {number}", total=9) for number in range(size)]
            await writer.log.append([NewEvent(event=each, topic="session/2", session=2, task="t") for each in planned])


@asynccontextmanager
async def counting(log: EventLog) -> AsyncGenerator[tuple[Counting, WatchApp, Pilot[None]]]:
    """The live view, of which the log alone is looked up, and what is read for that."""
    counted = Counting(log)
    reading = LogReading(counted, UTC)  # pyright: ignore[reportArgumentType]  # it hands on all that it does not have
    app = WatchApp(log, session=1, state_of=state_of, cap_of=cap_of, lookups=Lookups(log=reading), zone=UTC, fps=50)
    async with app.run_test(size=(140, 40)) as pilot:
        yield counted, app, pilot


async def test_of_a_long_log_only_what_is_looked_at_is_read(tmp_path: Path) -> None:
    await long_log(tmp_path / "log.db", 20_000)
    async with open_log(tmp_path / "log.db") as log, counting(log) as (counted, app, pilot):
        view, events = await opened(app, pilot)
        assert positions(text_of(app)) == list(range(20_000 - 35, 20_001))
        assert "whole log  ● follow  filter:-  up to #20,000" in text_of(app) and counted.read_so_far <= 1_100

        shown = await pressed(app, pilot, "home")
        assert positions(shown) == list(range(1, 37)) and "paused" in shown and counted.read_so_far <= 2_500
        for _ in range(16):
            await pilot.press("pagedown")
        before = positions(await drawn(app, pilot))
        assert before == list(range(before[0], before[0] + 36)) and before[0] > 500
        chosen = view.text_to_copy()

        await log.append([NewEvent(event=StepPlanned(title="more", total=1), topic="session/2", session=2, task="t")])
        while app.live.position < 20_001:
            await pilot.pause()
        assert positions(await drawn(app, pilot)) == before and view.text_to_copy() == chosen
        assert positions(await pressed(app, pilot, "f"))[-1] == 20_001 and events.follow
        assert positions(await pressed(app, pilot, "up"))[-1] == 20_001 and not events.follow

        shown = await typed(app, pilot, "kind:call since:5")
        assert positions(shown) == [9, 10, 13, 14, 19, 20, 21, 22, 25] and "filter:kind:call since:5  9 events" in shown
        assert positions(await pressed(app, pilot, "o")) == positions(shown)
        assert "Log s1" in text_of(app)
        read = counted.read_so_far
        assert positions(await pressed(app, pilot, "escape")) == list(range(1, 27)) and "26 events" in text_of(app)
        assert counted.read_so_far < read + 200  # of a session the index leads to its events


async def test_an_event_is_shown_whole_with_what_led_to_it_and_what_it_led_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await record(tmp_path / "log.db")
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(160, 60)) as (app, pilot),
    ):
        view, _ = await opened(app, pilot)
        await typed(app, pilot, "kind:step.rejected")
        shown = await pressed(app, pilot, "enter")
        assert "Event 12 step.rejected" in shown and '"reason": "a test fails"' in shown
        assert "│ look at line 3" in shown and "and at line 4" in shown  # the text that it refers to
        assert "the draft was rejected" in shown and "judge@llama" in shown  # what swarm why says
        assert view.opened == 12
        document = json.loads(view.text_to_copy())
        await pressed(app, pilot, "u")
        assert view.opened == 11 and "what it led to" in text_of(app)
        await pressed(app, pilot, "d")
        assert view.opened == 12
        await pressed(app, pilot, "escape", "escape", "escape")
        assert view.opened == 0 and positions(text_of(app)) == [12]
        await pilot.press("escape")  # takes the filter away
        shown = await typed(app, pilot, "build kind:task")
        assert positions(shown) == [3, 17]
        await pressed(app, pilot, "home")
        shown = await pressed(app, pilot, "enter")
        assert "Event 3 task.submitted" in shown and "[bold]red[/]" in shown
        assert not set(shown) & set("\x1b\x07\u202e") and EVIL not in shown
        await pilot.press("u", "u", "u", "u")
        assert view.opened == 1  # nothing led to the first
    words = ["log", "--kind", "step.rejected", "--texts", "--json", "--log", str(tmp_path / "log.db")]
    assert await asyncio.to_thread(main, words) == 0
    assert document == json.loads(capsys.readouterr().out)


async def test_what_is_typed_wrong_is_answered_and_a_damaged_log_says_so(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(60, 20)) as (app, pilot),
    ):
        await opened(app, pilot)
        await pilot.press("slash")
        while len(app.screen_stack) == 1:
            await pilot.pause()
        await pilot.press(*"kin:x", "enter")
        while "did you mean kind?" not in text_of(app):
            await pilot.pause()
        await pilot.press("escape")
        assert "no event is of this kind" in await typed(app, pilot, "kind:tool")
    damage(tmp_path / "log.db", 7)
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(160, 20)) as (app, pilot),
    ):
        await opened(app, pilot)
        while "✘ the log" not in text_of(app).partition("Log whole log")[2]:
            await pilot.pause()
            app.paint()


async def test_a_replay_shows_the_log_as_of_the_place_of_its_scrubber(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        found, _ = await read_record(log, 1)
        app = replay_app(log, found, loaded_for(tmp_path))
        async with app.run_test(size=(140, 40)) as pilot:
            await pilot.press(str(len(app.views)))
            view = app.view
            assert isinstance(view, LogView)

            async def at(index: int) -> list[int]:
                app.playback.playing.go(index)
                app.playback.settle()
                return positions(await settled(app, pilot))

            async def settled(app: SessionApp, pilot: Pilot[None]) -> str:
                ready = False
                while not ready:
                    await pilot.pause()
                    app.paint()
                    ready = playback.is_settled and view.is_settled
                shown = ""
                while shown != (shown := text_of(app)):
                    await pilot.pause()
                return shown

            playback = app.playback
            assert await at(9) == list(range(1, 11))
            assert await at(19) == list(range(1, 21))
            assert await at(8) == list(range(1, 10))
            await pilot.press("enter")
            shown = await settled(app, pilot)
            why = view.query_one("#event-why", TextPane)
            assert view.opened == 9 and "Event 9 call.reserved" in shown and "in flight" in why.document.text()
            await at(10)
            assert view.opened == 9 and "in flight" not in why.document.text()  # it was settled meanwhile
            assert await at(5) == list(range(1, 7)) and view.opened == 0  # the event did not exist yet


async def test_what_nobody_foresaw_in_reading_is_told_and_the_screen_lives_on(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db") as log, counting(log) as (counted, app, pilot):
        counted.breaks = True
        await pilot.press("2")
        while "ZeroDivisionError" not in text_of(app):
            assert app.is_running
            await pilot.pause()
            app.paint()
        counted.breaks = False
        assert isinstance(app.sight.failures.met.pop("Log"), ZeroDivisionError)  # for the traceback on leaving
        await pilot.press("o")
        assert positions(await drawn(app, pilot)) == list(range(1, 27))
