"""What each view draws of a fixed log, as text: `python -m tests.tui.screens` writes the files anew that test_screens.py holds it against."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from textual.pilot import Pilot

from events.log import EventLog, open_log
from swarm.cli.watch import watch_app
from swarm.settings.load import Loaded, Settings, load_settings
from tests.tui.recordings import START, record
from tui.app import SessionApp, WatchApp

FILES = Path(__file__).parents[1] / "data" / "screens"
SIZES = ((80, 24), (140, 40))
NOW = START + 60_000_000
_OWNER = re.compile(r"(session\.claimed +\S+)(.*)(?=.$)", re.MULTILINE)


def settings_for(folder: Path) -> Settings:
    """The settings of somebody who set none, at home in a folder."""
    return loaded_for(folder).settings


def loaded_for(folder: Path) -> Loaded:
    """The same with where each is from."""
    loaded = load_settings(folder, environ={"HOME": str(folder), "SWARM_TIME_ZONE": "UTC"})
    return msgspec.structs.replace(
        loaded, settings=msgspec.structs.replace(loaded.settings, log=str(folder / "log.db"))
    )


@asynccontextmanager
async def looking(
    log: EventLog, folder: Path, *, size: tuple[int, int], session: int = 1
) -> AsyncGenerator[tuple[WatchApp, Pilot[None]]]:
    """The live view as `swarm watch` puts it together, at the end of a log, with a clock that stands still."""
    app = watch_app(log, session, loaded_for(folder), fps=50, clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        await drawn(app, pilot)
        yield app, pilot


async def drawn(app: WatchApp, pilot: Pilot[None]) -> str:
    """Wait until the view that is seen shows all of where the log stands; return its text. What could not be read is raised."""
    while not (app.trouble or (app.reader.caught_up and (app.view.is_settled or app.is_held))):
        assert app.is_running, "somebody left it, or it failed"
        await pilot.pause()
        app.paint()
    for error in app.sight.failures.met.values():
        raise error
    app.paint()
    shown = ""
    while shown != (shown := text_of(app)):  # a scrollbar comes a refresh after the rows that need it
        await pilot.pause()
    return shown


def text_of(app: SessionApp) -> str:
    """The text on the screen, a line a row, without the blanks at the ends."""
    strips = app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]  # there is no public way
    return "\n".join(strip.text.rstrip() for strip in strips)


def _nobody(claim: re.Match[str]) -> str:
    """The claim of a session without what tells of this process and machine, as wide as it was."""
    return claim[1] + " " * len(claim[2])


async def screens(folder: Path, size: tuple[int, int]) -> dict[str, str]:
    """Each view of the log of `a_session`, by its name and the size."""
    found: dict[str, str] = {}
    async with open_log(folder / "log.db", read_only=True) as log, looking(log, folder, size=size) as (app, pilot):
        for number, view in enumerate(app.views, 1):
            await pilot.press(str(number))
            found[f"{view.id}-{size[0]}x{size[1]}"] = _OWNER.sub(_nobody, await drawn(app, pilot))
        app.open_task("build")
        found[f"task-{size[0]}x{size[1]}"] = await drawn(app, pilot)
    return found


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await record(Path(folder) / "log.db")
        for size in SIZES:
            for name, text in (await screens(Path(folder), size)).items():
                (FILES / f"{name}.txt").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    os.environ.pop("NO_COLOR", None)
    asyncio.run(_write())
