"""The events of the first view: as they come, those that pass a filter alone, or all with the matches among them."""

from __future__ import annotations

from rich.style import Style
from textual.content import Content

from tui.feed import Sight
from tui.filter import EVERYTHING, Filter, FilterError, read_filter
from tui.older import EVENT_FIELDS, Numbered
from tui.rows import Row, event_row
from tui.sieve import Sieve
from tui.widgets.pane import Pane
from tui.words import cut

_FOUND = Style(reverse=True)


class EventsPane(Pane):
    """Each event is known by its number, from 0 for the session's first, so that nothing moves while it is looked at."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._numbered = Numbered(sight)
        self._sieve: Sieve | None = None
        self._found = -1  # the number of the match that is looked at among the others; -1: matches alone are shown
        self._paused_at: int | None = None  # how many events there were when it was paused
        self._looked: object = None
        super().__init__(
            id="events",
            count=self._rows,
            row=self._event_row,
            dropped=lambda: self._numbered.first() if self._sieve is None else 0,
            follows=True,
        )

    @property
    def filter(self) -> Filter:
        return self._sieve.filter if self._sieve is not None else EVERYTHING

    def let_through(self, text: str) -> str:
        """Show only what passes the filter, everything where it is empty; return why it is none, else ""."""
        try:
            found = read_filter(text, EVENT_FIELDS)
        except FilterError as problem:
            return str(problem)
        self._sieve = Sieve(found, self._numbered) if found.terms else None
        self._found = -1
        self.paint_events()
        self.to_end()
        return ""

    def go_to_match(self, way: int) -> str:
        """Show the next match, or the one before, among the other events; return why there is none, else ""."""
        if self._sieve is None:
            return "nothing is looked for; / says what"
        number = self._found if self._found >= 0 else self._number(self.scroll_offset.y)
        if self._found < 0 and way < 0:
            number = self._numbered.count()
        beside = self._sieve.beside(number, way)
        if beside is None:
            more = "" if self._sieve.is_done else " yet"
            return f"no match {'behind' if way > 0 else 'before'} this{more}"
        self._found = beside
        self.follow = False
        self.paint_events()
        self._move(self._found - self._numbered.first() - self.scrollable_content_region.height // 2)
        self.refresh()
        return ""

    def to_end(self) -> None:
        if self._found >= 0:
            self._found = -1
        super().to_end()

    def paint_events(self) -> None:
        """Draw what has come, look on for what passes, and read what is missed on the screen."""
        if self._sieve is not None:
            self._sieve.advance()
        if self._numbered.is_missing and self._sight.lookups.events is not None:
            self.run_worker(self._read_older(), name="older", group="older")
        count = self._numbered.count()
        if self.follow:
            self._paused_at = None
        elif self._paused_at is None:
            self._paused_at = count
        sieve = self._sieve.version if self._sieve is not None else None
        seen = (self._sight.live.versions.events, self.follow, sieve, self._found, self._numbered.reads)
        if self.paint((*seen, self.filter.text)):
            self.border_title = Content(self._said(count))

    def _said(self, count: int) -> str:
        paused = count - self._paused_at if self._paused_at is not None else 0
        state = "● follow" if self.follow else f"‖ paused +{paused:,} new"
        return f"Events {count:,} {state}  {self._looked_for(count)}"

    def _looked_for(self, count: int) -> str:
        if self._sieve is None:
            return "filter:-"
        text = cut(self._sieve.filter.text, 50)
        since = self._sieve.since
        part = "" if not since else f" in the newest {count - since:,}"
        return f"{'find' if self._found >= 0 else 'filter'}:{text} ({self._sieve.shown():,}{part})"

    def _rows(self) -> int:
        if self._sieve is not None and self._found < 0:
            return self._sieve.shown()
        return self._numbered.count() - self._numbered.first()

    def _number(self, index: int) -> int:
        """The number of the event in a row."""
        if self._sieve is not None and self._found < 0:
            return self._sieve.matches[index] if index < self._sieve.shown() else self._numbered.count()
        return self._numbered.first() + index

    def _event_row(self, index: int, width: int) -> Row:
        entry = self._numbered.get(self._number(index))
        if entry is not None:
            return event_row(entry, self._sight.zone)
        return [(f"✘ {self._numbered.trouble}", "bad") if self._numbered.trouble else ("…", "faint")]

    async def _read_older(self) -> None:
        try:
            await self._numbered.read_missing()
        except Exception as error:
            self._sight.failures.tell("events", error)

    def _style_of(self, index: int) -> Style:
        return _FOUND if self._found >= 0 and self._number(index) == self._found else Style()
