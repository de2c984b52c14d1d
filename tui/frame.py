"""One frame of a replay as a picture (SVG): the same bytes for the same record, place and size."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from typing import Any

from textual.pilot import Pilot

from tui.playback import Playback
from tui.replay import ReplayApp

LEAST = (40, 10)
MOST = (400, 200)
"""Columns and rows that a frame may have."""

_THEME = "textual-dark"
_FONTS = re.compile(
    r"@font-face \{.*?\}\s*", re.DOTALL
)  # they would be fetched from the network by whoever looks at it
_FAMILY = re.compile(r"font-family: Fira Code, monospace")
_OF_THE_SYSTEM = "font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


async def frame(
    playback: Playback, *, size: tuple[int, int], title: str, zone: tzinfo | None, keys: Sequence[str] = ()
) -> str:
    """Draw what the cursor stands at, behind keys that are pressed, for nobody to see. No variable of the environment changes it.

    Where the record cannot be read so far, the playback's `trouble` says so afterwards.
    """
    drawn: list[str] = []

    async def draw(pilot: Pilot[Any]) -> None:
        while not (playback.is_settled or playback.trouble):
            await pilot.pause()
        app.paint()
        await pilot.press(*keys)
        app.paint()
        shown = ""
        while shown != (shown := app.export_screenshot(title=title)):  # a scrollbar comes a refresh after its rows
            await pilot.pause()
        drawn.append(shown)
        app.exit()

    with _in_colour():
        app = ReplayApp(playback, zone=zone)
        app.theme = _THEME
        await app.run_async(headless=True, size=size, auto_pilot=draw)
    return _FAMILY.sub(_OF_THE_SYSTEM, _FONTS.sub("", drawn[0]))


@contextmanager
def _in_colour() -> Generator[None]:
    """Without NO_COLOR, which is about terminals and not about pictures."""
    said = os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        if said is not None:
            os.environ["NO_COLOR"] = said
