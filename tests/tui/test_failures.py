"""What nobody foresaw: the view says it in a sentence, and the screen lives on."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.log import LogError, open_log
from swarm.cli.failure import tell_met
from tests.tui.recordings import record
from tests.tui.screens import drawn, text_of
from tui.app import WatchApp
from tui.detail import Detail, Wanted
from tui.failures import Failures
from tui.feed import Lookups
from tui.live import Cap, Live
from tui.reader import CapOf
from tui.sheet import Sheet


async def broken_sheet(live: Live, now: int, name: str) -> Sheet:
    raise ZeroDivisionError("by \x1b[31mnothing")


async def broken_detail(live: Live, now: int, wanted: Wanted) -> Detail | None:
    raise KeyError("gone")


async def broken_cap(scope: str, live: Live) -> Cap | None:
    raise RuntimeError("a fold broke")


async def no_cap(scope: str, live: Live) -> Cap | None:
    return None


@pytest.mark.parametrize("cap_of", [no_cap, broken_cap])
async def test_a_lookup_that_breaks_is_told_and_the_screen_lives_on(
    tmp_path: Path, cap_of: CapOf, capsys: pytest.CaptureFixture[str]
) -> None:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        lookups = Lookups(schedules=broken_sheet, task=broken_detail)
        app = WatchApp(log, session=1, state_of=lambda _: "running", cap_of=cap_of, lookups=lookups, fps=50)
        async with app.run_test(size=(80, 24)) as pilot:

            async def until(said: str) -> None:
                while said not in " ".join(text_of(app).replace("\u2503", " ").split()):
                    assert app.is_running
                    await pilot.pause()
                    app.paint()

            while not app.live.position:
                await pilot.pause()
            await pilot.press("2")
            await until("by \u241b[31mnothing; `swarm doctor` looks for what is wrong")
            app.open_task("build")
            await until("KeyError: 'gone'")
            await pilot.press("escape", "1")
            assert app.view is app.views[0] and app.is_running
            met = app.sight.failures.met
            assert {"Schedules", "Task"} <= met.keys() and ("feed" in met) == (cap_of is broken_cap)
            assert bool(app.trouble) == (cap_of is broken_cap)
            if app.trouble:
                await until("RuntimeError: a fold broke")
            with pytest.raises((ZeroDivisionError, RuntimeError)):
                await drawn(app, pilot)
    tell_met(met.values(), debug=False)
    assert not capsys.readouterr().err
    tell_met(met.values(), debug=True)
    assert "in broken_sheet" in capsys.readouterr().err


def test_what_a_log_says_of_itself_is_its_own_sentence_and_a_group_is_what_is_in_it() -> None:
    failures = Failures()
    assert failures.said("Budget", LogError("the log is damaged")) == "the log is damaged" and not failures.met
    group = ExceptionGroup("two", [ExceptionGroup("one", [ValueError("deep")])])
    assert "could not be read: ValueError: deep;" in failures.said("feed", group)
