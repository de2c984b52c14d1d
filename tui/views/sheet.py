"""A view of a sheet that is looked up while somebody looks at it, and looked up again when the log has moved on."""

from __future__ import annotations

import time
from collections.abc import Hashable
from textwrap import wrap
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.content import Content

from tui.feed import SheetOf, Sight
from tui.rows import Row
from tui.sheet import Sheet, as_document, head_row, line_row, widths
from tui.views.view import View
from tui.widgets.pane import Choice

_REST_S = 1.0  # between two looks at the same; a look that takes long rests four times as long
_MINUTE_US = 60_000_000  # ages, days and forecasts move on by themselves, and are looked at so often


class SheetView(View):
    """What it asks for besides a place in the log its class says."""

    PANE: ClassVar[str]  # the id of its pane

    def __init__(self, sight: Sight, look_up: SheetOf) -> None:
        super().__init__(sight)
        self._look_up = look_up
        self.sheet = Sheet(title=self.WORD, notes=([("reading …", "faint")],))
        self._asked_for: tuple[Hashable, int, int] | None = None
        self._shown: tuple[Hashable, int, int] | None = None  # of what the sheet is
        self._looks = 0
        self._rests_until = 0.0
        self._laid_out: tuple[int, int, list[int]] = (-1, 0, [])
        self._pane = Choice(
            id=self.PANE,
            count=lambda: len(self.sheet.lines) + len(self.sheet.notes),
            row=self._row,
            key=self._key,
            head=lambda width: head_row(self.sheet, self._sizes(width)),
        )

    def compose(self) -> ComposeResult:
        yield self._pane

    def asked(self) -> Hashable:
        """What else the sheet depends on: what a person chose here."""
        return None

    @property
    def is_settled(self) -> bool:
        """Whether what is drawn is of where the log stands."""
        return self._shown == self._wanted(self.sight.clock()) and not self._pane.is_stale(self._looks)

    def paint(self, now: int) -> None:
        wanted, before = self._wanted(now), self._asked_for
        is_other = before is None or before[0] != wanted[0]
        if wanted != before and (is_other or time.monotonic() >= self._rests_until):
            self._asked_for, self._rests_until = wanted, float("inf")
            self.run_worker(self._look(wanted, now), name="look", group=self.PANE, exclusive=True)
        if self._pane.paint(self._looks):
            self._pane.border_title = Content(self.sheet.title)

    @property
    def chosen(self) -> str:
        return self._pane.chosen

    def document(self) -> dict[str, Any] | None:
        return as_document(self.sheet)

    def _wanted(self, now: int) -> tuple[Hashable, int, int]:
        return self.asked(), self.sight.live.position, now // _MINUTE_US

    async def _look(self, wanted: tuple[Hashable, int, int], now: int) -> None:
        begun = time.monotonic()
        try:
            self.sheet = await self._look_up(self.sight.live, now)
        except Exception as error:
            said = wrap(f"✘ {self.failed(error)}", max(20, self._pane.scrollable_content_region.width))
            self.sheet = Sheet(title=self.WORD, notes=tuple([(line, "bad")] for line in said))
        ended = time.monotonic()
        self._rests_until = ended + max(_REST_S, 4 * (ended - begun))
        self._shown = wanted
        self._looks += 1

    def _row(self, index: int, width: int) -> Row:
        lines = self.sheet.lines
        if index < len(lines):
            return line_row(self.sheet, lines[index], self._sizes(width))
        return self.sheet.notes[index - len(lines)]

    def _sizes(self, width: int) -> list[int]:
        if self._laid_out[:2] != (self._looks, width):
            self._laid_out = self._looks, width, widths(self.sheet, width)
        return self._laid_out[2]

    def _key(self, index: int) -> str:
        return self.sheet.lines[index].key if index < len(self.sheet.lines) else ""
