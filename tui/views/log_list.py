"""The events of the view of the log: a log of any length, of which what is in sight is read, and a little around it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from events.log import Entry
from tui.feed import Sight
from tui.logged import LogLookup, Sought
from tui.rows import Row, log_row
from tui.widgets.pane import Choice
from tui.window import Window
from tui.words import cut

_FAR = 1_000  # positions behind the end, from which who follows goes there and reads nothing between


class LogList(Choice):
    """The events that are sought, the newest last. The chosen one stays chosen wherever others come or go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home,less_than_sign", "scroll_home", "to the first event of the log"),
        Binding("end,greater_than_sign,G", "scroll_end", "to the newest event"),
    ]

    def __init__(self, sight: Sight, look_up: LogLookup) -> None:
        self._sight, self._look_up = sight, look_up
        self.sought = Sought()
        self.trouble = ""  # why no more can be read
        self._window = Window(0)
        self._until = 0
        self._floor: int | None = None  # the position behind which it begins; None: that is not known yet
        self._reading = False
        self._changes = 0
        super().__init__(
            id="log-events", count=lambda: max(1, len(self._window)), row=self._event_row, key=self._key_of
        )
        self.follows = self.follow = True
        self._dropped = lambda: self._window.gone

    @property
    def chosen_entry(self) -> Entry | None:
        return self._window.entries[self._at] if 0 <= self._at < len(self._window) else None

    @property
    def is_settled(self) -> bool:
        """Whether all that is in sight was read."""
        return not self._reading and self._want() == "" and not self.is_stale(self._version)

    def seek(self, sought: Sought) -> None:
        """Show what is sought, from its newest on."""
        self.sought, self._floor, self.trouble = sought, None, ""
        self._begin(self._until, follow=True)

    def paint_log(self, until: int) -> None:
        """Draw what stands in the log up to a position, and read what of it comes into sight."""
        if until != self._until:
            self._until, self.trouble = until, ""  # what could not be read may have been locked
        window = self._window
        if until <= window.low < window.high or (self.follow and until - window.high > _FAR):
            self._begin(until, follow=self.follow)
        elif window.low <= until < window.high:
            window.end_at(until)
            self._changes += 1
        if not self._reading and self._want():
            self._reading = True
            self.run_worker(self._read(), name="read", group="log-events", exclusive=True)
        self._draw()

    def paint(self, version: object) -> bool:
        if not self.is_stale(version):
            return False
        last = len(self._window) - 1
        gone = self._window.gone - self._gone
        self._at = max(0, last if self.follow else min(self._at - gone, last))
        self._named = self.chosen
        return super().paint(version)

    def choose(self, key: str) -> bool:
        row = self._window.row_of(int(key)) if key else -1
        if not key or self._key_of(row) != key:
            return False
        self._go(row)
        return True

    def to_end(self) -> None:
        """Go to the newest, and follow those that come."""
        if self._window.high < self._until - _FAR:
            self._begin(self._until, follow=True)
        super().to_end()

    def action_follow(self) -> None:
        self.to_end()
        self._go(len(self._window) - 1, -1)
        self.follow = True

    def action_scroll_home(self) -> None:
        if self._floor is not None and self._window.low > self._floor:
            self._begin(self._floor, follow=False)
        super().action_scroll_home()
        self.follow = False

    def action_scroll_end(self) -> None:
        self.action_follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        followed = self.follow
        super().watch_scroll_y(old_value, new_value)
        if not followed and self._window.high < self._until:
            self.follow = False  # this is the end of what is held, and not of the log

    def _go(self, index: int, way: int = 1) -> None:
        super()._go(index, way)
        self.follow = self._at >= len(self._window) - 1 and self._window.high >= self._until

    def _begin(self, position: int, *, follow: bool) -> None:
        """Hold nothing but what stands around a position."""
        self._window = Window(max(position, self._floor or 0))
        self._gone = self._at = 0
        self.follow = follow
        self._changes += 1

    def _want(self) -> str:
        """What is to be read next: where it begins, what stands before or behind what is held; "" where all is there."""
        window, height, top = self._window, max(1, self.scrollable_content_region.height), self.scroll_offset.y
        if self.trouble:
            return ""
        if self._floor is None:
            return "floor"
        if window.high < self._until and (self.follow or top + 2 * height >= len(window)):
            return "behind"
        return "before" if window.low > self._floor and top < height else ""

    async def _read(self) -> None:
        try:
            while want := self._want():
                window, sought = self._window, self.sought
                if self._floor is None:
                    floor = await self._look_up.begins(sought, self._sight.clock())
                    if sought is self.sought:
                        self._floor = floor
                        if floor > self._window.low:
                            self._begin(floor, follow=self.follow)
                elif want == "behind":
                    window.add(await self._look_up.behind(sought.wanted, window.high, self._until))
                else:
                    window.add(await self._look_up.before(sought.wanted, window.low, self._floor))
                if window is self._window:
                    self._changes += 1
                    self._draw()
                await asyncio.sleep(0)  # the screen is drawn between two pages
        except Exception as error:
            self.trouble = self._sight.failures.said("Log", error)
            self._draw()
        finally:
            self._reading = False

    @property
    def _version(self) -> object:
        return self._changes, self._until, self.follow, self.trouble, self.size

    def _draw(self) -> None:
        if self.paint(self._version):
            self.border_title = Content(self._said())

    def _said(self) -> str:
        session = self.sought.wanted.session
        whose = "whole log" if session is None else f"s{session}"
        state = "● follow" if self.follow else "‖ paused, f follows"
        said = f"Log {whose}  {state}  filter:{cut(self.sought.text, 50) or '-'}  {self._extent()}"
        return f"{said}  ✘ {cut(self.trouble, 200)}" if self.trouble else said

    def _extent(self) -> str:
        window, floor = self._window, self._floor
        if floor is None or (len(window) == 0 and window.low > floor):
            return f"looking, back to #{window.low:,}"
        if window.low <= floor and window.high >= self._until:
            return f"{len(window):,} event{'' if len(window) == 1 else 's'}"
        return f"up to #{self._until:,}"

    def _event_row(self, index: int, width: int) -> Row:
        if index < len(self._window):
            return log_row(self._window.entries[index], self._sight.zone, width, sessions=self._has_sessions)
        return [(self._nothing(), "faint")]

    @property
    def _has_sessions(self) -> bool:
        return self.sought.wanted.session is None

    def _nothing(self) -> str:
        """What stands where there is no event."""
        if self.trouble:
            return f"✘ {self.trouble}"
        if self._floor is None or self._window.low > self._floor:
            return "looking …"
        if self.sought.text:
            return "no event is of this kind; esc takes the filter away"
        return "no event yet; `swarm run` makes some"

    def _key_of(self, index: int) -> str:
        return str(self._window.entries[index].position) if 0 <= index < len(self._window) else ""
