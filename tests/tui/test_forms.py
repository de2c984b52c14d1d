"""The forms of the screen: ASCII, themes, no colours, copying, saving, the mouse, the palette; all of it by keys."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import anyio
import msgspec
import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from events.log import EventLog, open_log
from tests.tui.recordings import Writer, record
from tests.tui.screens import drawn, settings_for, text_of
from tests.tui.test_app import NOW, cap_of, state_of
from tests.tui.test_waiting import Heard, asking, wondering
from tui.app import WatchApp
from tui.ascii import in_ascii
from tui.look import THEMES, Look, tones_of
from tui.newfile import NotSaved, at_once, free_name, save
from tui.playback import Playback
from tui.record import read_record
from tui.replay import ReplayApp
from tui.saving import SaveScreen
from tui.widgets.pane import Pane

SIZES = ((60, 20), (80, 24), (140, 40))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    """A session in which something of each kind happened, and two questions wait."""
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db") as opened:
        await asking(opened, "ship")
        await wondering(opened, "tell")
        await Writer(opened).submit("日本-é…", title="Naïve ✔ 日本 task")
        yield opened


@asynccontextmanager
async def watching(
    log: EventLog, look: Look, size: tuple[int, int] = (100, 30)
) -> AsyncGenerator[tuple[WatchApp, Pilot[None]]]:
    app = WatchApp(
        log,
        session=1,
        state_of=state_of,
        cap_of=cap_of,
        control=Heard(),
        clock=lambda: NOW,
        zone=UTC,
        look=look,
        fps=50,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        await drawn(app, pilot)
        yield app, pilot


async def every_screen(app: WatchApp, pilot: Pilot[None]) -> AsyncGenerator[tuple[str, str]]:
    """Each view, and each screen that can come over it, by a name."""
    for number, view in enumerate(app.views, 1):
        await pilot.press(str(number))
        yield view.WORD, await drawn(app, pilot)
    await pilot.press("1")
    for name, keys in {
        "keys": ("question_mark",),
        "approval": ("a",),
        "why not": ("a", "w"),
        "question": ("a", "right_square_bracket"),
        "save": ("ctrl+s",),
        "palette": ("ctrl+p",),
    }.items():
        await pilot.press(*keys)
        await pilot.pause()
        assert len(app.screen_stack) == 2, name
        yield name, text_of(app)
        while len(app.screen_stack) > 1:
            await pilot.press("escape")
    await pilot.press("M")
    await pilot.pause()
    yield "toast", text_of(app)


@pytest.mark.parametrize("size", SIZES)
async def test_in_ascii_nothing_else_is_drawn_and_nothing_moves(log: EventLog, size: tuple[int, int]) -> None:
    async with watching(log, Look(ascii=True), size) as (app, pilot):
        found = {name: text async for name, text in every_screen(app, pilot)}
        for name, text in found.items():
            assert text.isascii(), (name, {sign for sign in text if not sign.isascii()})
            strips = app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]  # no public way
            assert {strip.cell_length for strip in strips} == {size[0]}, name
        assert "mouse off" in found["toast"]
    if size == SIZES[-1]:
        async with watching(log, Look(), size) as (app, pilot):
            await pilot.press("1")  # the line for those who are new here goes
            signs = await drawn(app, pilot)
        assert found["Swarm"] == "\n".join(in_ascii(line).rstrip() for line in signs.splitlines()), (
            "nothing else differs"
        )


async def test_in_ascii_a_replay_is_drawn_with_a_scrubber_in_ascii(log: EventLog) -> None:
    record_, trouble = await read_record(log, 1)
    app = ReplayApp(Playback(log, record_, cap_of=cap_of, trouble=trouble), look=Look(ascii=True), fps=50)
    async with app.run_test(size=(80, 24)) as pilot:
        while not app.playback.is_settled:
            await pilot.pause()
        app.paint()
        await pilot.press("b", "left_square_bracket")
        await pilot.pause()
        shown = text_of(app)
        await pilot.press("g")
        await pilot.pause()
        asked = text_of(app)
    assert shown.isascii() and asked.isascii()
    scrubber = shown.splitlines()[-3]
    assert scrubber.startswith(" = 1x ") and "H" in scrubber and "P" in scrubber and "P1" in scrubber
    assert "Go to" in asked


async def test_without_colours_every_screen_draws_the_same_text(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(log, Look(), (80, 24)) as (app, pilot):
        coloured = [each async for each in every_screen(app, pilot)]
    monkeypatch.setenv("NO_COLOR", "1")
    async with watching(log, Look(), (80, 24)) as (app, pilot):
        assert [each async for each in every_screen(app, pilot)] == coloured
    async with watching(log, Look(theme="ansi"), (80, 24)) as (app, pilot):
        await pilot.press("1")
        assert dict(coloured)["Swarm"] == await drawn(app, pilot)


async def test_the_pane_with_the_keys_is_seen_without_a_colour_and_tab_goes_through_all(log: EventLog) -> None:
    async with watching(log, Look(), (140, 40)) as (app, pilot):
        panes = [pane for pane in app.view.query(Pane) if pane.can_focus and pane.display]
        for _ in panes:
            assert app.focused in panes
            await pilot.pause()
            heavy = [line for line in text_of(app).splitlines() if "┏" in line]
            assert len(heavy) == 1 and "┏━" in heavy[0]
            focused, had = app.focused, len(panes)
            await pilot.press("tab")
            assert had == 1 or app.focused is not focused


async def test_t_goes_through_the_themes_and_the_tones_follow(log: EventLog) -> None:
    async with watching(log, Look()) as (app, pilot):
        for theme in (*list(THEMES)[1:], "dark"):
            await pilot.press("t")
            assert app.theme == theme
            await pilot.pause()
            strips = app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]  # no public way
            (done,) = [each for strip in strips for each in strip if "✔ accepted" in each.text]
            wanted = tones_of(theme)["good"].color
            assert done.style is not None and done.style.color == wanted, theme


async def test_a_moment_later_the_ages_have_gone_on_and_all_else_stands(log: EventLog) -> None:
    async with watching(log, Look(), (140, 40)) as (app, pilot):
        before = text_of(app).splitlines()
        app.sight = msgspec.structs.replace(app.sight, clock=lambda: NOW + 5_000_000)
        for view in app.views:
            view.sight = app.sight
        app.paint()
        await pilot.pause()
        after = text_of(app).splitlines()
        changed = [line for line, now in zip(before, after, strict=True) if line != now]
        assert changed and all("s  │" in line for line in changed)
        app.refresh(layout=True)
        await pilot.pause()
        assert text_of(app).splitlines() == after, "what was not written again was right"


async def test_y_copies_the_chosen_row_or_what_is_in_sight(log: EventLog) -> None:
    async with watching(log, Look(ascii=True), (140, 40)) as (app, pilot):
        tasks = app.query_one("#tasks", Pane)
        tasks.focus()
        await pilot.press("home", "y")
        assert app.clipboard.startswith(("●", "○", "✔", "✘", "?")) and "\n" not in app.clipboard
        assert "…" not in app.clipboard and app.clipboard == app.view.text_to_copy()
        await pilot.pause()
        assert f"copied {len(app.clipboard)} characters" in text_of(app)
        app.query_one("#events", Pane).focus()
        await pilot.press("y")
        lines = app.clipboard.splitlines()
        assert len(lines) > 5 and "session.closed" in app.clipboard
        await pilot.pause()
        assert f"in {len(lines)} lines" in text_of(app)


async def test_ctrl_s_saves_the_pane_and_the_screen_and_writes_over_nothing(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with watching(log, Look()) as (app, pilot):

        async def save_as(name: str = "") -> None:
            await pilot.press("ctrl+s")
            if name:
                app.screen.query_one("#file", Input).value = name
            await pilot.press("enter")
            while isinstance(app.screen, SaveScreen) and not app.screen.query_one("#unsaid").has_class("-shown"):
                await pilot.pause()
            await pilot.pause()

        await save_as()
        (written,) = folder.iterdir()
        assert written.name == "swarm-s1-events.txt" and stat.S_IMODE(written.stat().st_mode) == 0o600
        assert len(written.read_text().splitlines()) == app.reader.count()
        assert "written:" in text_of(app)
        await save_as()
        assert (folder / "swarm-s1-events-2.txt").read_text() == written.read_text()
        await save_as("frame.svg")
        picture = (folder / "frame.svg").read_text()
        assert "<svg" in picture and "Tasks" in picture and "font-face" not in picture and "Save" not in picture
        written.write_text("mine")
        await save_as(written.name)
        while "is there already" not in text_of(app):
            await pilot.pause()
        assert written.read_text() == "mine"
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_what_cannot_be_saved_says_why(tmp_path: Path) -> None:
    forms = {".txt": ("text", at_once(lambda: "a\n")), ".json": ("document", at_once(lambda: json.dumps({})))}
    with pytest.raises(NotSaved, match=r"ends in \.txt or \.json"):
        await save(str(tmp_path / "a.svg"), forms)
    with pytest.raises(NotSaved, match="no such file or directory"):
        await save(str(tmp_path / "none" / "a.txt"), forms)
    (tmp_path / "link.txt").symlink_to(tmp_path / "else.txt")
    with pytest.raises(NotSaved, match="is there already"):
        await save(str(tmp_path / "link.txt"), forms)
    assert not (tmp_path / "else.txt").exists()
    assert free_name(tmp_path, "link") == "link-2.txt" and (await save(str(tmp_path / "a.txt"), forms)).endswith(
        "(2 bytes)"
    )
    torn = {".txt": ("text", at_once(lambda: "\ud800"))}
    for name, why in (("b.txt", "surrogates"), ("~nobody-of-this-name/b.txt", "home")):
        with pytest.raises(NotSaved, match=why):
            await save(str(tmp_path / name) if name[0] != "~" else name, torn)
    assert not (tmp_path / "b.txt").exists()


async def test_the_palette_offers_what_can_be_done_here_and_does_it(log: EventLog) -> None:
    async with watching(log, Look()) as (app, pilot):
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {f"view {view.WORD}" for view in app.views} <= titles
        assert {"answer what waits for you", "follow the newest events again"} <= titles
        assert not titles & {"Theme", "Quit", "Keys", "Screenshot", "Maximize"}, "those of Textual are none of ours"
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"swarm-cb")
        found = app.screen.query_one(CommandList)
        with anyio.fail_after(10):
            while found.option_count != 1:
                await pilot.pause()
            await pilot.press("enter")
            while app.theme == "dark":
                await pilot.pause()
        assert app.theme == "light"
        await pilot.press("a", "ctrl+p")
        assert not isinstance(app.screen, CommandPalette), "a question is answered first"


async def test_what_is_slow_stands_still_and_is_drawn_twice_a_second(log: EventLog, tmp_path: Path) -> None:
    async with watching(log, Look(still=True, theme="ansi")) as (app, _):
        assert app.animation_level == "none" and app.theme == "ansi"
    assert settings_for(tmp_path).view.slow is None
