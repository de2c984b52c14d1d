"""One frame of a replay as a picture (SVG): the same bytes for the same record, place and size."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from typing import Any

from textual.pilot import Pilot

from tui.look import DEFAULT, Look
from tui.picture import self_contained
from tui.playback import Playback
from tui.replay import ReplayApp

LEAST = (40, 10)
MOST = (400, 200)
"""Columns and rows that a frame may have."""


async def frame(
    playback: Playback,
    *,
    size: tuple[int, int],
    title: str,
    zone: tzinfo | None,
    keys: Sequence[str] = (),
    look: Look = DEFAULT,
) -> str:
    """Draw what the cursor stands at, behind keys that are pressed, for nobody to see. No variable of the environment changes it.

    Where the record cannot be read so far, the playback's `trouble` says so afterwards.
    """
    drawn: list[str] = []

    async def draw(pilot: Pilot[Any]) -> None:
        while not (playback.is_settled or app.trouble):
            await pilot.pause()
        for error in app.sight.failures.met.values():
            raise error
        app.paint()
        await pilot.press(*keys)
        app.paint()
        shown = ""
        while shown != (shown := app.export_screenshot(title=title)):  # a scrollbar comes a refresh after its rows
            await pilot.pause()
        drawn.append(shown)
        app.exit()

    with _in_colour():
        app = ReplayApp(playback, zone=zone, look=look)
        await app.run_async(headless=True, size=size, auto_pilot=draw)
    return self_contained(drawn[0])


@contextmanager
def _in_colour() -> Generator[None]:
    """Without NO_COLOR, which is about terminals and not about pictures."""
    said = os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        if said is not None:
            os.environ["NO_COLOR"] = said
