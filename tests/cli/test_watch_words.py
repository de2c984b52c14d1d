"""Words from the live view to real sessions: ones that have ended, and one that runs in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from textual.pilot import Pilot

from events.log import Entry, EventLog, open_log
from events.types.call import BudgetSet, CallReserved
from events.types.control import WorkPaused, WorkUnpaused
from swarm.cli.watch import watch_app
from swarm.cli.watch_words import Speaks, why_not_written
from swarm.settings.load import Loaded, Settings, load_settings
from tests.engine.test_steering import held
from tests.events.test_opening import unprivileged_folder
from tests.ledger_agents import entries_of
from tests.provider import Provider
from tests.running import Cast, run, serving, verdict
from tests.terminal import ROOT
from tests.tui.recordings import Writer
from tests.tui.screens import drawn
from tests.tui.test_speaking import settled
from tests.tui.test_waiting import until
from tui.app import WatchApp
from tui.confirming import ConfirmingScreen

CHAIN = (
    "budget: 9k\ntasks:\n  a: {prompt: Write a limerick, limits: {attempts: 1}}\n  b: {prompt: Print it, needs: a}\n"
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return settings_in(tmp_path)


def settings_in(home: Path) -> Settings:
    settings = load_settings(home, environ={"HOME": str(home), "SWARM_TIME_ZONE": "UTC"}).settings
    return msgspec.structs.replace(settings, log=str(home / "log.db"))


@asynccontextmanager
async def watching(
    settings: Settings, *, speaks: Speaks = "at home"
) -> AsyncGenerator[tuple[WatchApp, Pilot[None], EventLog]]:
    async with open_log(settings.log, read_only=True) as log:
        app = watch_app(log, 1, Loaded(settings, {}), fps=50, speaks=speaks)
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drawn(app, pilot)
            yield app, pilot, log


async def asked(app: WatchApp, pilot: Pilot[None], key: str) -> str:
    """Press a key and return what it is asked about with, once that is told."""
    app.clear_notifications()
    await pilot.press(key)
    return await until(pilot, app, "esc leave")


async def said(app: WatchApp, pilot: Pilot[None], *keys: str, told: str) -> None:
    await pilot.press(*keys)
    await until(pilot, app, told)
    await settled(app, pilot)


async def test_each_word_does_what_was_told_of_it_to_a_session_that_nobody_runs(settings: Settings) -> None:
    async with open_log(settings.log) as log, serving(Cast(validator=[verdict(False)])) as (_, plan):
        result = await run(log, CHAIN, plan, Path.cwd())
        assert [task.status for task in result.tasks] == ["failed", "cancelled"]
    async with watching(settings) as (app, pilot, _):
        app.query_one("#tasks").focus()
        assert app.view.chosen_task == "a"
        await pilot.press("enter")
        await drawn(app, pilot)
        assert app.view.WORD == "Task", "opened, its keys are about it, too"
        shown = await asked(app, pilot, "R")
        assert "It is failed; it is open again" in shown and "Open again with it: b." in shown
        assert "tokens left of 9,000 tokens." in shown
        await said(app, pilot, "y", told="s1/a is tried again, with one attempt more")
        await pilot.press("escape")
        shown = await asked(app, pilot, "x")
        assert "What needs it is cancelled, too: b." in shown and "No call is in flight." in shown
        await said(app, pilot, "y", told="s1/a is cancelled")
        assert "a has ended already: it is cancelled" in await asked(app, pilot, "x")
        await pilot.press("y", "escape")
        shown = await asked(app, pilot, "A")
        assert "It is that of attempt 1, by" in shown and "that no longer counts" in shown
        await said(app, pilot, "enter", told="s1/a is accepted")
        await asked(app, pilot, "B")
        await said(app, pilot, *"no rhyme", "enter", told="s1/a is rejected")
        assert "free   m1; costs nothing" in await asked(app, pilot, "T")
        await said(app, pilot, "f", "enter", told="the first tries of s1/a go to the tier free")
        assert "Pinned to free by" in await asked(app, pilot, "T")
        await pilot.press("escape")
        await asked(app, pilot, "z")
        await said(app, pilot, "enter", told="s1/a is paused")
        assert "Go on with s1/a?" in await asked(app, pilot, "z")
        await said(app, pilot, "y", told="s1/a is not paused any more")
        await asked(app, pilot, "Z")
        await said(app, pilot, "enter", told="s1 is paused; nobody runs it")
        shown = await asked(app, pilot, "X")
        assert "1 task ends: a." in shown and "This cannot be taken back" in shown
        await said(app, pilot, "y", told="s1 is cancelled")
        assert {task.status for task in app.live.rows} == {"cancelled"}, "what came of it is seen, for it is in the log"


async def test_a_cap_is_raised_by_what_is_typed_and_told_before_what_that_comes_to(settings: Settings) -> None:
    async with open_log(settings.log) as log, serving(Cast()) as (_, plan):
        await run(log, CHAIN, plan, Path.cwd())
    async with watching(settings) as (app, pilot, log):
        await pilot.press("2")
        await drawn(app, pilot)
        while app.view.chosen_scope != "s1":
            await pilot.press("down")
        shown = await asked(app, pilot, "R")
        assert "Raise the cap of s1?" in shown and "tokens left of 9,000 tokens, with 0 tokens reserved" in shown
        await pilot.press(*"5k")
        await until(pilot, app, "✘ the cap of s1 is 9,000 tokens already, and 5k would not raise it")
        await pilot.press("enter")
        assert isinstance(app.screen, ConfirmingScreen)
        await pilot.press("backspace", "backspace", *"+1k")
        await until(pilot, app, "It would be 10,000 tokens, with ")
        await said(app, pilot, "enter", told="the cap of s1 is 10,000 tokens now; it was 9,000 tokens")
        assert [each.event.tokens for each in await entries_of(log) if isinstance(each.event, BudgetSet)] == [10_000]


async def test_a_run_of_somebody_else_is_watched_and_spoken_to_only_where_that_is_wanted(settings: Settings) -> None:
    async with open_log(settings.log) as log:
        await Writer(log).open("Theirs")  # ann's
    async with watching(settings) as (app, pilot, _):
        shown = await until(pilot, app, "read-only: s1 is run by ann@host")
        assert "read-only" in shown.splitlines()[0]
    async with watching(settings, speaks="anywhere") as (app, _, _):
        assert not app.barred
    async with watching(settings, speaks="never") as (app, _, _):
        assert app.barred == "it was opened with --read-only"


async def test_where_the_log_cannot_be_written_the_view_is_read_only_by_itself() -> None:
    with unprivileged_folder() as folder:
        settings = settings_in(folder)
        async with open_log(settings.log) as log:
            await Writer(log).open("Kept")
        assert why_not_written(settings.log) == ""
        folder.chmod(0o500)
        assert str(folder) in why_not_written(settings.log)
        folder.chmod(0o700)
        Path(settings.log).chmod(0o400)
        assert settings.log in why_not_written(settings.log)
        async with watching(settings, speaks="anywhere") as (app, pilot, _):
            shown = await until(pilot, app, "read-only: ")
            assert app.barred.startswith(f"{settings.log} may not be written") and "read-only" in shown.splitlines()[0]


def between(entries: list[Entry]) -> list[Entry]:
    """What begins while the session is paused."""
    paused = next(entry.position for entry in entries if isinstance(entry.event, WorkPaused))
    on = next(entry.position for entry in entries if isinstance(entry.event, WorkUnpaused))
    return [entry for entry in entries if paused < entry.position < on and isinstance(entry.event, CallReserved)]


async def test_a_run_in_a_process_of_its_own_is_paused_from_the_view_and_goes_on(
    tmp_path: Path, settings: Settings
) -> None:
    called, release = anyio.Event(), anyio.Event()
    cast = Cast(worker=[held("A fine result.", called, release), "And another."])
    Path("tasks.yaml").write_text("tasks:\n  a: Write a limerick.\n  b: {prompt: Print it., needs: a}\n")
    words = ["run", "tasks.yaml", "--log", settings.log, "--no-input"]
    environ: dict[str, Any] = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with anyio.fail_after(60):
        async with Provider(cast) as provider:
            command = [sys.executable, "-P", "-m", "swarm.cli.main", *words, "--endpoint", provider.url]
            async with await anyio.open_process(command, env=environ, stdout=None, stderr=None) as process:
                await called.wait()
                async with watching(settings) as (app, pilot, log):
                    shown = await asked(app, pilot, "Z")
                    assert "1 call in flight goes to the end, and costs $0 and " in shown
                    await said(app, pilot, "y", told="s1 is paused")
                    await until(pilot, app, "‖ paused")
                    release.set()
                    while app.live.tasks.of(1)["a"].steps[0].draft is None:
                        await pilot.pause()
                    await asked(app, pilot, "Z")
                    await said(app, pilot, "y", told="s1 goes on")
                    assert await process.wait() == 0
                    while {task.status for task in app.live.rows} != {"accepted"}:
                        await pilot.pause()
                    assert between(await entries_of(log)) == []
