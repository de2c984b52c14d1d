"""A pane draws rows line by line, only those that are visible, and only when what it shows has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.look import tones_of
from tui.rows import Row, fitted

_TITLE = vars(Widget)["border_title"]  # which draws all anew also where it is the same
_CHOSEN = Style(reverse=True)
_CHOSEN_ELSEWHERE = Style(bold=True)


class Pane(ScrollView):
    """Rows that are asked for when they are drawn. One that follows keeps its end in sight until somebody scrolls up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", "a line up", show=False),
        Binding("j", "scroll_down", "a line down", show=False),
        Binding("g", "scroll_home", "to the start", show=False),
        Binding("G", "scroll_end", "to the end", show=False),
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
        self._on_screen: dict[int, Row] = {}  # by line of the screen
        self._title: object = None
        self._base = Style()  # of all rows; Textual asks every parent for it, so once a frame is enough
        self._gone = 0
        self._moving = False

    @property
    def border_title(self) -> Any:
        """The title in the frame. Setting the same one again draws nothing."""
        return _TITLE.__get__(self)

    @border_title.setter
    def border_title(self, title: Any) -> None:
        if title != self._title:
            self._title = title
            _TITLE.__set__(self, title)

    def is_stale(self, version: object) -> bool:
        return version != self._shown

    def paint(self, version: object) -> bool:
        """Draw again if the version is not the one that is drawn; say whether it was."""
        if not self.is_stale(version):
            return False
        self._shown = version
        self.drawn += 1
        gone, self._gone = self._dropped() - self._gone, self._dropped()
        top = self.scroll_offset.y
        self._measure()
        if self.follow:
            self.to_end()
        elif gone:
            self._move(self.scroll_y - gone)
        if self.scroll_offset.y != top:
            self.refresh()
        else:
            self._refresh_changed()
        return True

    def _refresh_changed(self) -> None:
        """Have only those lines written again that are other than before: ages go on each second, and little else."""
        width, height = self.scrollable_content_region.size
        for y in range(height):
            if self._on_screen.get(y) != self._row_at(y, width):
                self.refresh(Region(0, y, width, 1))

    def to_end(self) -> None:
        """Go to the end, and stay there where the pane follows."""
        self.follow = self.follows
        self._move(self.max_scroll_y)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = self._on_screen[y] = self._row_at(y, width)
        theme: str = self.app.theme  # pyright: ignore[reportUnknownMemberType]  # Textual leaves open of which app
        styles = tones_of(theme)
        segments = [Segment(text, styles[tone]) for text, tone in _joined(row)]
        return Strip(segments, width).apply_style(self._base + self._style_of(self._index_at(y)))

    def _index_at(self, y: int) -> int:
        """The row that stands in a line of the screen; -1 is the line that stays at the top."""
        if self._head is not None:
            return self.scroll_offset.y + y - 1 if y else -1
        return self.scroll_offset.y + y

    def _row_at(self, y: int, width: int) -> Row:
        index = self._index_at(y)
        if index < 0 and self._head is not None:
            return fitted(self._head(width), width)
        return fitted(self._row(index, width) if 0 <= index < self._count() else [], width)

    def text_to_copy(self) -> str:
        """The rows that are in sight; none is cut at the edge."""
        first = self.scroll_offset.y
        rows = self.scrollable_content_region.height - (self._head is not None)
        return "\n".join(self._text(index) for index in range(first, min(first + rows, self._count())))

    def lines(self) -> Iterator[str]:
        """All of its rows as text, none cut at the edge, below the line that stays at the top."""
        if self._head is not None:
            yield _text_of(self._head(self.scrollable_content_region.width))
        for index in range(self._count()):
            yield self._text(index)

    def _text(self, index: int) -> str:
        return _text_of(self._row(index, self.scrollable_content_region.width))

    def _style_of(self, index: int) -> Style:
        """What a row has beyond its tones."""
        return Style()

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


class Choice(Pane):
    """A pane one row of which is chosen. The choice stays with its row wherever that moves to."""

    class Taken(Message):
        """Somebody wants to see more of the row that is chosen."""

        def __init__(self, choice: Choice, key: str) -> None:
            super().__init__()
            self.choice, self.key = choice, key

        @property
        def control(self) -> Choice:
            return self.choice

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "open", show=False),
        Binding("up", "scroll_up", "a line up", show=False),
        Binding("down", "scroll_down", "a line down", show=False),
        Binding("home", "scroll_home", "to the start", show=False),
        Binding("end", "scroll_end", "to the end", show=False),
    ]

    def __init__(
        self,
        *,
        id: str,
        count: Callable[[], int],
        row: Callable[[int, int], Row],
        key: Callable[[int], str],
        head: Callable[[int], Row] | None = None,
    ) -> None:
        """`key(index)` names a row; "" is that of one that cannot be chosen."""
        super().__init__(id=id, count=count, row=row, head=head)
        self._key = key
        self._at, self._named = 0, ""

    @property
    def chosen(self) -> str:
        """The key of the row that is chosen; "" where there is none."""
        return self._key(self._at) if 0 <= self._at < self._count() else ""

    def choose(self, key: str) -> bool:
        """Choose the row of this key; say whether there is one."""
        found = next((index for index in range(self._count()) if self._key(index) == key), None)
        if found is None:
            return False
        self._go(found)
        return True

    def paint(self, version: object) -> bool:
        if not super().paint(version):
            return False
        if self.chosen != self._named and not (self._named and self.choose(self._named)):
            self._go(min(self._at, self._count() - 1))
        return True

    def action_take(self) -> None:
        if self.chosen:
            self.post_message(self.Taken(self, self.chosen))

    def action_scroll_up(self) -> None:
        self._step(-1)

    def action_scroll_down(self) -> None:
        self._step(1)

    def action_page_up(self) -> None:
        self._step(-self._page)

    def action_page_down(self) -> None:
        self._step(self._page)

    def action_scroll_home(self) -> None:
        self._go(0, 1)

    def action_scroll_end(self) -> None:
        self._go(self._count() - 1, -1)

    def on_click(self, click: events.Click) -> None:
        index = self.scroll_offset.y + click.get_content_offset_capture(self).y - (self._head is not None)
        if 0 <= index < self._count() and self._key(index):
            self._go(index)

    def text_to_copy(self) -> str:
        """The row that is chosen; without one those that are in sight."""
        return self._text(self._at) if self.chosen else super().text_to_copy()

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - (self._head is not None) - 1)

    def _step(self, rows: int) -> None:
        self._go(self._at + rows, 1 if rows > 0 else -1)

    def _go(self, index: int, way: int = 1) -> None:
        """Choose a row, or the next in this way that can be chosen; without one the choice stays where it is."""
        last = self._count() - 1
        if last < 0:
            self._named = ""
            return
        index = max(0, min(index, last))
        ways = (range(index, last + 1), range(index, -1, -1))
        for each in (*ways[way < 0], *ways[way > 0]):
            if self._key(each):
                self._at = each
                break
        self._named = self.chosen
        top, height = self.scroll_offset.y, self.scrollable_content_region.height - (self._head is not None)
        if self._at < top:
            self._move(self._at)
        elif height > 0 and self._at >= top + height:
            self._move(self._at - height + 1)
        self.refresh()

    def _style_of(self, index: int) -> Style:
        if index != self._at or not self.chosen:
            return Style()
        return _CHOSEN if self.has_focus else _CHOSEN_ELSEWHERE


def _text_of(row: Row) -> str:
    return "".join(text for text, _ in row).rstrip()


def _joined(row: Row) -> Row:
    """The row with pieces of one tone as one: each has bytes of its own on the way to the terminal.

    >>> _joined([("a", ""), ("b", ""), ("c", "bad")])
    [('ab', ''), ('c', 'bad')]
    """
    joined: Row = []
    for text, tone in row:
        if joined and joined[-1][1] == tone:
            joined[-1] = (joined[-1][0] + text, tone)
        else:
            joined.append((text, tone))
    return joined
