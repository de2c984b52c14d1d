"""A task in detail: where it stands, who works on it and why, and every text of each of its attempts."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.detail import TABS, AttemptKey, Detail, DetailOf, Wanted, crumb_row, head_rows, key_of, tab_row
from tui.document import Document, Made, Rows, prose
from tui.feed import Sight
from tui.rows import Row, event_row
from tui.views.view import View
from tui.widgets.pane import Pane
from tui.widgets.text import TextPane

_REST_S = 1.0  # between two looks at the same; a look that takes long rests four times as long
_SECOND_US = 1_000_000
_MOST_HEAD = 11  # rows above the text
_LOW = 16  # rows of the view, below which these have no frame


class TaskView(View):
    """One task, and one of its attempts. It opens on the newest, and stays there until another one is wanted."""

    WORD = "Task"
    FOOTER = "esc back  ←→ attempt  n call"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.leave_task", "back to where it was opened"),
        *(Binding(tab.key, f"tab('{tab.word}')", f"show: {tab.word}") for tab in TABS),
        # before the panes, for which these scroll
        Binding("left,h", "attempt(-1)", "the attempt before", priority=True),
        Binding("right,l", "attempt(1)", "the next attempt", priority=True),
        Binding("n", "call(1)", "the next call, use or file of the text"),
        Binding("N", "call(-1)", "the one before"),
        Binding("f", "follow", "follow the end of the text, and the newest attempt"),
    ]

    def __init__(self, sight: Sight, look_up: DetailOf) -> None:
        super().__init__(sight)
        self.opened_from = ""  # the view that leads here
        self.detail: Detail | None = None
        self._look_up = look_up
        self._named, self._tab = "", "response"
        self._attempt: AttemptKey | None = None  # None: the newest, whichever that is
        self._asked_for: tuple[Wanted, int] | None = None
        self._shown: tuple[Wanted, int] | None = None  # of what the detail is
        self._drawn: tuple[Wanted, Detail | None] | None = None  # of what the text is
        self._rests_until = 0.0
        self._trouble = ""  # why the last look failed
        self._head: list[Row] = []
        self._crumb = Pane(id="crumb", count=lambda: 1, row=self._crumb_row, focus=False)
        self._about = Pane(id="about", count=lambda: len(self._head), row=lambda at, _: self._head[at], focus=False)
        self._tabs = Pane(id="tabs", count=lambda: 1, row=self._tabs_row, focus=False)
        self._text = TextPane(id="text")

    def compose(self) -> ComposeResult:
        yield self._crumb
        yield self._about
        yield self._tabs
        yield self._text

    def first_focus(self) -> Pane:
        return self._text

    @property
    def chosen_task(self) -> str:
        return self._named

    def open(self, task: str, opened_from: str) -> None:
        """Look at the newest attempt of a task."""
        if opened_from != self.WORD:
            self.opened_from = opened_from
        if task != self._named:
            self._named, self._attempt, self.detail, self._shown = task, None, None, None

    @property
    def is_settled(self) -> bool:
        """Whether what is drawn is of where the log stands."""
        return self._shown == self._wanted() and self._drawn is not None and self._drawn[1] is self.detail

    def text_to_copy(self) -> str:
        """What y copies of this view."""
        return self._text.document.text()

    def paint(self, now: int) -> None:
        wanted, before = self._wanted(), self._asked_for
        is_other = before is None or before[0] != wanted[0]
        if self._named and wanted != before and (is_other or time.monotonic() >= self._rests_until):
            self._asked_for, self._rests_until = wanted, float("inf")
            self.run_worker(self._look(wanted, now), name="look", group="task", exclusive=True)
        self._paint_text()
        self._paint_head(now)
        at = self._text.mark
        self._crumb.paint((self._drawn, self.opened_from, at))
        self._tabs.paint((self._drawn, self._tab))

    def action_tab(self, tab: str) -> None:
        self._tab = tab
        self.paint(self.sight.clock())

    def action_attempt(self, step: int) -> None:
        if self.detail is None:
            return
        number = self.detail.number + step
        if 0 <= number < len(self.detail.attempts):
            self._attempt = key_of(self.detail.attempts[number])
            self.paint(self.sight.clock())
        else:
            self.notify(f"there is no attempt {'behind' if step > 0 else 'before'} this one", markup=False)

    def action_call(self, step: int) -> None:
        if not self._text.step(step):
            self.notify(f"there is none {'behind' if step > 0 else 'before'} this one", markup=False)

    def action_follow(self) -> None:
        self._attempt = None
        self._text.to_end()

    def _wanted(self) -> tuple[Wanted, int]:
        return Wanted(self._named, self._attempt, self._tab), self.sight.live.position

    async def _look(self, wanted: tuple[Wanted, int], now: int) -> None:
        begun = time.monotonic()
        asked, position = wanted
        try:
            found = await self._look_up(self.sight.live, now, asked)
            self._trouble = ""
        except Exception as error:
            self._trouble = f"✘ {self.failed(error)}"
            self._text.put(Document((prose(self._trouble, tone="bad"),)), mark="")
            found = self.detail
        ended = time.monotonic()
        self._rests_until = ended + max(_REST_S, 4 * (ended - begun))
        if found is not None and found.attempt is not None and self._attempt is None and not self._text.follow:
            self._attempt = key_of(found.attempt)  # another one does not come between who reads this and the text
            asked = Wanted(asked.task, self._attempt, asked.tab)
            self._asked_for = asked, position
        self.detail, self._shown = found, (asked, position)

    def _paint_text(self) -> None:
        """Put what was looked up in the place of what is drawn. What is read stays where it is, if it is the same text."""
        detail, shown = self.detail, self._shown
        if shown is None or (self._drawn is not None and self._drawn == (shown[0], detail)):
            return
        document, before = self._document(detail, shown[0]), self._drawn
        mark: str | None = None
        if before is None or before[0].task != shown[0].task:
            mark = ""
        elif _attempt_of(before[1]) != _attempt_of(detail):
            mark = None if self._text.follow and self._attempt is None else ""  # who follows goes along
        elif before[0].tab != shown[0].tab:
            mark = self._text.mark if self._text.mark in document.marks else ""
        if mark is not None or document is not self._text.document:
            self._text.put(document, mark=mark)
        self._drawn = shown[0], detail

    def _document(self, detail: Detail | None, shown: Wanted) -> Document:
        if detail is None and self._trouble:
            return Document((prose(self._trouble, tone="bad"),))
        if detail is None:
            return Document((prose(f"{shown.task} is not submitted yet here; what becomes of it stands here then"),))
        if shown.tab != "events":
            return detail.document
        entries, zone = detail.entries, self.sight.zone
        return Document((Rows(Made(len(entries), lambda at: event_row(entries[at], zone))),))

    def _paint_head(self, now: int) -> None:
        detail, (width, height) = self.detail, self.size
        is_low = height < _LOW
        moves = detail is not None and detail.task.status == "open"
        version = (self._drawn, width, height, now // _SECOND_US if moves else 0)
        if not self._about.is_stale(version):
            return
        most = min(_MOST_HEAD, max(2, height // 4))
        self._head = head_rows(detail, now, width - (0 if is_low else 2), most) if detail is not None else []
        self.set_class(is_low, "-low")
        self._about.styles.height = max(1, len(self._head)) + (0 if is_low else 2)
        self._about.paint(version)

    def _crumb_row(self, index: int, width: int) -> Row:
        return crumb_row(self.detail, self.opened_from, self._named, self._text.mark)

    def _tabs_row(self, index: int, width: int) -> Row:
        return tab_row(self.detail, self._tab, width)


def _attempt_of(detail: Detail | None) -> AttemptKey | None:
    return key_of(detail.attempt) if detail is not None and detail.attempt is not None else None
