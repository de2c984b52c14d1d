"""A person's words in the live view: each is asked about first, said once, and told what came of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot

from events.log import EventLog, open_log
from tests.tui.recordings import Writer
from tests.tui.test_app import cap_of, caught_up, screen, state_of
from tests.tui.test_waiting import Heard, until
from tui.app import WatchApp
from tui.confirming import ConfirmingScreen
from tui.control import Foretold, NeedsYes, NotSaid, Offer
from tui.keys import keys_of
from tui.widgets.pane import Pane

GRAVE = ("cancel", "retry")
TIERS = (Offer("f", "free", "m1 [b]; costs nothing", is_grave=False), Offer("p", "paid", "m2; $1 in", is_grave=True))


def foretelling() -> Heard:
    control = Heard()
    for verb in ("pause", "unpause", "cancel", "retry", "accept", "reject", "raise"):
        control.foretold[verb] = Foretold([f"this is what {verb} [b]does[/b] \x1b[2J"], is_grave=verb in GRAVE)
    control.foretold["pin"] = Foretold(["chosen as ever"], offers=TIERS)
    return control


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "log.db") as opened:
        writer = Writer(opened)
        await writer.open("Mend it")
        for task in ("build", "docs"):
            await writer.submit(task)
            await writer.plan(task, "do")
        yield opened


@asynccontextmanager
async def watching(
    log: EventLog, control: Heard | None, *, size: tuple[int, int] = (100, 30)
) -> AsyncGenerator[tuple[WatchApp, Pilot[None]]]:
    app = WatchApp(log, session=1, state_of=state_of, cap_of=cap_of, control=control, fps=50)
    async with app.run_test(size=size, notifications=True) as pilot:
        await caught_up(app, pilot)
        yield app, pilot


async def settled(app: WatchApp, pilot: Pilot[None]) -> None:
    """Wait until no word is on its way, and nothing is asked."""
    with anyio.fail_after(5):
        while app.on_their_way or isinstance(app.screen, ConfirmingScreen):
            await pilot.pause()


@pytest.mark.parametrize("size", [(100, 30), (40, 10)])
async def test_each_key_asks_with_what_it_would_do_and_says_it_after_a_yes(
    log: EventLog, size: tuple[int, int]
) -> None:
    control = foretelling()
    async with watching(log, control, size=size) as (app, pilot):
        app.query_one("#tasks", Pane).focus()
        await pilot.press("down")
        for key, name, verb in (
            ("z", "s1/docs", "pause"),
            ("x", "s1/docs", "cancel"),
            ("R", "s1/docs", "retry"),
            ("A", "s1/docs", "accept"),
            ("Z", "s1", "pause"),
            ("X", "s1", "cancel"),
        ):
            await pilot.press(key, "escape" if verb == "retry" else "n")
            await settled(app, pilot)
            assert control.said == [], "to look at it says nothing"
            await pilot.press(key)
            shown = await until(pilot, app, "y does it" if verb in GRAVE else "y, enter do it")
            assert name in shown and f"this is what {verb} [b]does[/b]" in shown and "␛[2J" in shown
            if verb in GRAVE:
                await pilot.press("enter", "space", "down", "q", "Y", key)
                assert control.said == [] and isinstance(app.screen, ConfirmingScreen), "enter ends and spends nothing"
            await pilot.press("y" if verb in GRAVE else "enter")
            await settled(app, pilot)
            assert control.said.pop() == (name, verb, "")


async def test_a_reason_and_an_amount_are_typed_and_nothing_is_said_without(log: EventLog) -> None:
    control = foretelling()
    async with watching(log, control) as (app, pilot):
        await pilot.press("B")
        await until(pilot, app, "type it, then enter")
        await pilot.press("enter", "space", "enter")
        assert control.said == []
        await pilot.press(*"yes but no", "enter")
        await settled(app, pilot)
        assert control.said == [("s1/build", "reject", "yes but no")]
        await until(pilot, app, "s1/build: reject is taken down")


async def test_of_tiers_one_is_chosen_first_and_one_that_costs_is_said_yes_to(log: EventLog) -> None:
    control = foretelling()
    async with watching(log, control) as (app, pilot):
        await pilot.press("T")
        shown = await until(pilot, app, "f p choose  esc leaves it")
        assert "f  free  m1 [b]; costs nothing" in shown and "▶ f" not in shown
        await pilot.press("y", "enter")
        assert control.said == []
        await pilot.press("f")
        await until(pilot, app, "▶ f  free")
        await pilot.press("down", "enter", "enter")
        assert control.said == [] and "▶ p  paid" in screen(app)
        await pilot.press("up", "enter")
        await settled(app, pilot)
        assert control.said.pop() == ("s1/build", "pin", "free")
        control.trouble = NeedsYes("Paid models, and no cap of yours. Use them?")
        await pilot.press("T", "p", "y")
        await until(pilot, app, "? Paid models, and no cap of yours. Use them?")
        control.trouble = None
        await pilot.press("enter")
        assert control.said == []
        await pilot.press("y")
        await settled(app, pilot)
        assert control.said == [("s1/build", "pin", "paid!")]


async def test_a_word_that_is_refused_stays_with_its_reason_and_one_that_would_be_is_not_said(log: EventLog) -> None:
    control = foretelling()
    async with watching(log, control) as (app, pilot):
        control.trouble = NotSaid("s1/build has ended [already]")
        await pilot.press("z", "y")
        await until(pilot, app, "✘ s1/build has ended [already]")
        control.trouble = None
        await pilot.press("y")
        await settled(app, pilot)
        assert control.said.pop() == ("s1/build", "pause", "")
        await pilot.press("x")
        await until(pilot, app, "y does it")
        control.foretold["cancel"] = Foretold((), refused="build has ended already: it is accepted")
        await Writer(log).submit("more")  # the log moves on while it is asked
        await until(pilot, app, "✘ build has ended already")
        await pilot.press("y", "enter")
        assert control.said == [] and "esc leaves it" in screen(app) and "y does it" not in screen(app)


async def test_a_word_is_said_once_and_also_where_nobody_waits_for_what_comes_of_it(log: EventLog) -> None:
    control = foretelling()
    async with watching(log, control) as (app, pilot):
        control.go_on = anyio.Event()
        await pilot.press("X")
        await until(pilot, app, "y does it")
        await pilot.press("y", "y", "enter")
        await until(pilot, app, "it is on its way")
        await pilot.press("escape")
        await until(pilot, app, "it is on its way", gone=True)
        await pilot.press("X")
        await until(pilot, app, "s1: that is on its way already")
        control.go_on.set()
        await until(pilot, app, "s1: cancel is taken down")
        assert control.said == [("s1", "cancel", "")]


async def test_a_view_that_is_read_only_says_so_and_says_nothing_else(log: EventLog) -> None:
    control = foretelling()
    control.bar = "s1 is run by ann@there [b]"
    async with watching(log, control, size=(140, 40)) as (app, pilot):
        shown = await until(pilot, app, "s1 is run by ann@there [b]")
        assert "read-only" in shown.splitlines()[0]
        told = {key for each in keys_of(app.screen) for key in each.keys}
        assert not told & set("azxRTABZX")
        app.clear_notifications()
        await pilot.press(*"zxRTABZXa")
        await until(pilot, app, "ann@there")
        assert control.said == [] and len(app.screen_stack) == 1
        control.bar = ""
        await until(pilot, app, "read-only", gone=True)
        assert {key for each in keys_of(app.screen) for key in each.keys} >= set("azxRTABZX")
