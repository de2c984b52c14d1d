"""The first view: its numbers are those of the log, and its keys do what they say."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from anyio import to_thread

from events.log import open_log
from events.types.task import TaskCancelled
from events.views.base import fold
from events.views.money import MoneyView
from events.views.tasks import TasksView
from swarm.cli.cost import foreseen
from swarm.cli.lookup.day_end import day_end_of
from swarm.cli.watch import watch_app
from swarm.insight.arms import ArmsView, known_arms
from tests.tui.recordings import DAY, START, Clock, Writer, a_session, record, recording
from tests.tui.screens import NOW, drawn, loaded_for, looking, text_of
from tui.header import header_row
from tui.live import Live, Ring, todays
from tui.spent import PARTS, today_of
from tui.views.swarm_events import EventsPane
from tui.widgets.pane import Choice, Pane
from tui.words import count, usd

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def line_with(shown: str, word: str) -> str:
    return next(line for line in shown.splitlines() if word in line)


async def test_the_numbers_of_the_first_view_are_those_of_the_log(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        tasks, money = (await fold(log, TasksView())).of(1), await fold(log, MoneyView())
        known = known_arms(await fold(log, ArmsView()), NOW)
        async with looking(log, tmp_path, size=(140, 40)) as (app, pilot):
            shown = await drawn(app, pilot)
            assert "explorer  0 q · 0 run ──▶ worker  0 q · 1 run ──▶ validator  0 q · 0 run ──▶ ✔ 1  ✘ 1  ↻ 0" in shown
            (open_call,) = [task for task in tasks.values() if task.open_calls]
            at_work = line_with(shown, "● coder")
            (mean,) = [each.mean for each in known if (each.role, each.model) == ("worker", open_call.model)]
            assert f"{mean:.2f}  {open_call.name}/1" in at_work and "free  qwen" in at_work
            assert "█ free 0%  ▓ cheap 0%  ▒ paid 100%" in shown  # of one, which a paid model did at last
            spent = money.scopes[DAY].spent.nanos
            assert f"Cost today {usd(spent)} (cap $0.50)" in shown and "7 past days on" in shown
            gauge = line_with(shown, "│s1 ")
            state = money.scopes["s1"]
            percent = 100 * (state.spent.tokens + state.reserved.tokens) // 10_000
            assert f" {percent}% " in gauge and f"{count(state.spent.tokens)} tok of 10.0k tok" in gauge
            live, curve = app.live, today_of(app.live, NOW, UTC, None)
            assert curve.spent[-1] == spent and len(curve.spent) + curve.rest == PARTS
            assert curve.spent == tuple(sorted(curve.spent)) and curve.cap == live.cap(DAY).nanos


async def test_the_keys_of_the_first_view(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(140, 40)) as (app, pilot),
    ):
        tasks, events = app.query_one("#tasks", Choice), app.query_one(EventsPane)

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            await pilot.wait_for_scheduled_animations()
            return await drawn(app, pilot)

        assert "any key takes this line away" in text_of(app)
        assert "any key takes this line away" not in await press("shift+tab")
        assert app.focused is tasks

        shown = await press("slash", *"rolle:x", "enter")
        assert "there is no field rolle; did you mean role?" in shown
        shown = await press(*["backspace"] * 7, *"state:done", "enter")
        assert "Tasks 2 of 4  sort:state  filter:state:done" in shown and "ship " not in line_with(shown, "accepted")
        shown = await press("s", "s", "s")
        assert "sort:tokens" in shown and shown.index("✔ accepted") < shown.index("✘ failed")
        assert "Tasks 4  sort:tokens  filter:-" in await press("escape")

        shown = await press("colon", *"task te", "tab", "enter")
        assert app.view is app.task_view and "tell" in text_of(app)
        await press("escape")
        assert app.focused is tasks
        shown = await press("colon", *"bugdet", "enter")
        assert "there is no bugdet here" in shown
        await press("escape")
        shown = await press("colon", *"swarm role:valid", "enter")
        assert "Tasks 1 of 4" in shown and "filter:role:valid" in shown
        assert "╭─ Events" not in await press("escape", "plus") and tasks.region.width == 140
        assert "╭─ Events" in await press("underscore") and tasks.region.width < 100

        events.focus()
        shown = await press("slash", *"kind:call.* model:sonnet", "enter")
        assert "Events 26 ● follow  filter:kind:call.* model:sonnet (3)" in shown
        assert "call.settled" not in shown and "task.failed" not in shown
        shown = await press("N")
        assert "find:kind:call.* model:sonnet (3)" in shown and "task.failed" in shown
        assert "‖ paused +0 new" in shown and "21 10:00:21 call.reserved" in shown
        assert "find:" in await press("N", "N") and events.go_to_match(-1) == "no match before this"
        assert "Events 26 ● follow  filter:-" in await press("escape")
        assert "nix is nothing that costs are shown by" in await press("colon", *"cost day nix", "enter")
        shown = await press("escape", "colon", *"cost day role", "enter")
        assert app.view.WORD == "Cost" and app.view.is_settled and "ROLE" in shown and "MODEL" not in shown
        await press("colon", "q", "enter")
        assert not app.is_running


async def test_a_picture_that_is_held_stands_still_while_its_data_goes_on(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        async with looking(writer.log, tmp_path, size=(100, 30)) as (app, pilot):
            await pilot.press("space")
            held = await drawn(app, pilot)
            assert "‖ held" in held.splitlines()[0]
            await writer.add(TaskCancelled(reason="enough"), task="tell")
            while app.live.position < 26:
                await pilot.pause()
            shown = await drawn(app, pilot)
            assert shown.splitlines()[1:] == held.splitlines()[1:] and "⊘1" in shown.splitlines()[0]
            await pilot.press("space")
            shown = await drawn(app, pilot)
            assert "‖ held" not in shown and "⊘ cancelled" in shown


async def test_events_that_are_no_longer_held_are_read_again_when_somebody_scrolls_there(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        for number in range(1000):
            await writer.add(TaskCancelled(reason=f"word {number}"), task="tell")
        app = watch_app(writer.log, 1, loaded_for(tmp_path), fps=50, clock=lambda: NOW)
        app.live.ring = Ring(100)
        async with app.run_test(size=(140, 30)) as pilot:
            await drawn(app, pilot)
            events = app.query_one("#events", Pane)
            assert app.live.ring.first > 800 and events.virtual_size.height == 1025
            await pilot.press("g")
            await pilot.wait_for_scheduled_animations()
            while "1 10:00:01 session.opened" not in (shown := await drawn(app, pilot)) or "│…" in shown:
                await pilot.pause()
            assert "‖ paused +0 new" in shown and "5 10:00:05 task.submitted" in shown
            await writer.add(TaskCancelled(reason="one more"), task="tell")
            while app.live.position < 1026:
                await pilot.pause()
            later = await drawn(app, pilot)
            assert "‖ paused +1 new" in later and "1 10:00:01 session.opened" in later
            await pilot.press("slash", *'"word 999"', "enter")
            assert "(1 in the newest 1" in await drawn(app, pilot)


async def test_what_the_day_ends_at_is_what_the_command_foresees_and_in_a_replay_what_it_would_have(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "log.db", Clock()
    async with open_log(path, clock=clock) as log:
        writer = Writer(log)
        for back in range(9, -1, -1):
            for hour in (9, 12):
                clock.now = START - back * DAY_US + (hour - 10) * HOUR_US
                if back == 9 and hour == 9:
                    await writer.open("daily")
                    await writer.submit("a")
                day = f"day:2026-11-{21 - back}@UTC"
                at = await writer.reserve("a", nanos=10**9, day=day)
                await writer.settle(at, "a", nanos=(100 + 7 * back + hour) * 1_000_000)
        entries = await log.read(limit=1000)
    now = START + 3 * HOUR_US
    look_up, whole, then = day_end_of(str(path), UTC), Live(1), Live(1)
    whole.apply(entries)
    then.apply([entry for entry in entries if entry.at < START])
    band = (await to_thread.run_sync(foreseen, str(path), UTC, now)).day
    assert band is not None
    end = await look_up(whole, now)
    assert (end.median, end.low, end.high, end.days) == (band.median, band.low, band.high, 9)
    spent = [live.money.scopes[todays(live.money.scopes, now)[0]].spent.nanos for live in (then, whole)]
    earlier = await look_up(then, now)
    assert earlier.median == band.median - spent[1] + spent[0] and spent[0] < spent[1]
    today = today_of(whole, now, UTC, end)
    assert today.forecast[-1] == band.median and list(today.forecast) == sorted(today.forecast)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 140, 200])
async def test_the_header_keeps_what_matters_most_at_any_width(tmp_path: Path, width: int) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        entries = await writer.log.read()
    live = Live(1)
    live.apply(entries)
    row = header_row(
        live, "running", live.at + 1_000_000, "behind 3s", width, hint="press a", marks=[("‖ held", "warn")]
    )
    text = "".join(piece for piece, _ in row)
    assert text.index("● live") < text.index("‖ held") < text.index("s1") < text.index("behind 3s")
    assert len(text.partition("  Mend")[0]) <= max(width, 40)
    assert ("today" in text) >= ("tasks" in text) >= ("free" in text) >= ("swarm" in text) >= ("ev/s" in text)
    assert width < 140 or ("ev/s" in text and "Mend" in text)
