"""A pane draws rows line by line, only those that are visible, and only when what it shows has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.rows import Row, fitted
from tui.words import Tone

# every piece has a style, if an empty one: without colours Textual looks into each
_STYLES: dict[Tone, Style] = {
    "": Style(),
    "good": Style(color="green"),
    "bad": Style(color="red", bold=True),
    "busy": Style(color="blue", bold=True),
    "warn": Style(color="yellow"),
    "faint": Style(dim=True),
}


class Pane(ScrollView):
    """Rows that are asked for when they are drawn. One that follows keeps its end in sight until somebody scrolls up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(
        self,
        *,
        id: str,
        count: Callable[[], int],
        row: Callable[[int, int], Row],
        head: Callable[[int], Row] | None = None,
        dropped: Callable[[], int] = lambda: 0,
        follows: bool = False,
        focus: bool = True,
    ) -> None:
        """`row(index, width)` gives a row, `head(width)` the line that stays at the top, `dropped()` how many rows have
        gone from the start since the beginning."""
        super().__init__(id=id)
        self.can_focus = focus
        self.follows = self.follow = follows
        self._count, self._row, self._head, self._dropped = count, row, head, dropped
        self.drawn = 0  # how often it was drawn anew
        self._shown: object = None
        self._gone = 0
        self._moving = False

    def is_stale(self, version: object) -> bool:
        return version != self._shown

    def paint(self, version: object) -> bool:
        """Draw again if the version is not the one that is drawn; say whether it was."""
        if not self.is_stale(version):
            return False
        self._shown = version
        self.drawn += 1
        gone, self._gone = self._dropped() - self._gone, self._dropped()
        self._measure()
        if self.follow:
            self.to_end()
        elif gone:
            self._move(self.scroll_y - gone)
        self.refresh()
        return True

    def to_end(self) -> None:
        """Go to the end, and stay there where the pane follows."""
        self.follow = self.follows
        self._move(self.max_scroll_y)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        if self._head is not None:
            index -= 1
        if self._head is not None and y == 0:
            row = self._head(width)
        elif 0 <= index < self._count():
            row = self._row(index, width)
        else:
            row = []
        segments = [Segment(text, _STYLES[tone]) for text, tone in fitted(row, width)]
        return Strip(segments, width).apply_style(self.rich_style)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._moving and self._shown is not None:
            self.follow = self.follows and new_value >= self.max_scroll_y

    def on_resize(self) -> None:
        self._measure()
        if self.follow:
            self.to_end()

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, self._count() + (self._head is not None))

    def _move(self, y: float) -> None:
        self._moving = True
        # forced: the scrollbar, without which Textual would not scroll, may only come with these rows
        self.scroll_to(y=max(0, y), animate=False, immediate=True, force=True)
        self._moving = False
