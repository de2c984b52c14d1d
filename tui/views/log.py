"""The view of the log: every event of it, and of each all that it says, why it is there and what it led to."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.worker import Worker

from events.log import Entry
from tui.ask import AskLine
from tui.document import Document, prose
from tui.feed import Sight
from tui.logged import Explained, LogLookup, Sought
from tui.views.log_list import LogList
from tui.views.view import View
from tui.wanted import FORMS, NotWanted
from tui.widgets.pane import Choice, Pane
from tui.widgets.text import TextPane

_REST_S = 1.0  # between two explanations of the same; one that takes long rests four times as long


class LogView(View):
    """The events, or one of them."""

    WORD = "Log"
    FOOTER = "enter open  / filter  o session  f follow"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "show only some events: by kind, task, time, session"),
        Binding("o", "session", "the events of the session alone, or of the whole log"),
        Binding("f", "follow", "follow the newest events again"),
        Binding("u", "cause", "up to what led to this event"),
        Binding("d", "led_to", "down to what it led to first"),
        Binding("escape", "leave", "back; without a filter"),
    ]

    def __init__(self, sight: Sight, look_up: LogLookup) -> None:
        super().__init__(sight)
        self._look_up = look_up
        self._typed, self._of_session = "", False
        self._opened: list[int] = []  # positions, the one that is looked at last
        self._entry: Entry | None = None  # that is drawn
        self._json = ""
        self._explained: Explained | None = None
        self._explained_at = -1  # up to which position
        self._rests_until = 0.0
        self._looking: Worker[None] | None = None
        self._list = LogList(sight, look_up)
        self._content, self._why = TextPane(id="event-content"), TextPane(id="event-why")

    def compose(self) -> ComposeResult:
        yield self._list
        with Horizontal(id="event"):
            yield self._content
            yield self._why

    def first_focus(self) -> Pane:
        return self._list

    @property
    def is_settled(self) -> bool:
        """Whether all that is in sight was read."""
        if self._opened:
            return self._explained is not None and self._explained_at == self.sight.feed.until
        return self._list.is_settled

    @property
    def opened(self) -> int:
        """The position of the event that is looked at; 0: the list is."""
        return self._opened[-1] if self._opened else 0

    def paint(self, now: int) -> None:
        until = self.sight.feed.until
        while self._opened and self._opened[-1] > until:  # of a replay that went back
            self._close()
        if not self._opened:
            self._list.paint_log(until)
        elif self._explained_at != until and time.monotonic() >= self._rests_until:
            self._rests_until = float("inf")
            self._looking = self.run_worker(self._look(self.opened, until), name="look", group="event", exclusive=True)

    def text_to_copy(self) -> str:
        """What y copies of this view."""
        if self._opened:
            return self._json
        entry = self._list.chosen_entry
        return self._look_up.as_json([entry]) if entry is not None else ""

    def document(self) -> dict[str, Any] | None:
        """The event that is looked at."""
        return json.loads(self._json) if self._opened and self._json else None

    def told(self, words: str) -> str:
        """Show what fits the words behind its name, all as before without any; return why they mean nothing here, else ""."""
        return self._seek(words) if words else ""

    def _seek(self, words: str) -> str:
        try:
            sought = self._sought(words)
        except NotWanted as problem:
            return str(problem)
        self._typed = words
        self._close_all()
        self._list.seek(sought)
        for note in sought.notes:
            self.notify(note, markup=False)
        self.paint(self.sight.clock())
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An event has other keys than the list."""
        if action in ("cause", "led_to"):
            return bool(self._opened)
        if action == "leave":
            return bool(self._opened or self._typed)
        return action not in ("filter", "session", "follow") or not self._opened

    def action_filter(self) -> None:
        self.post_message(self.Asks(AskLine("/", f"{FORMS}; nothing is all", self._seek, text=self._typed)))

    def action_session(self) -> None:
        self._of_session = not self._of_session
        self._list.seek(self._sought(self._typed))
        self.paint(self.sight.clock())

    def action_follow(self) -> None:
        self._list.action_follow()

    def action_leave(self) -> None:
        if self._opened:
            self._close()
            self.paint(self.sight.clock())
        else:
            self._seek("")

    def action_cause(self) -> None:
        known = self._explained.cause if self._explained is not None else self._entry.cause if self._entry else 0
        self._go_to(known, "nothing is known that led to this event")

    def action_led_to(self) -> None:
        self._go_to(self._explained.led_to if self._explained is not None else 0, "nothing is known that it led to")

    def on_choice_taken(self, taken: Choice.Taken) -> None:
        taken.stop()
        self._open(int(taken.key))

    def _sought(self, typed: str) -> Sought:
        shown = self.sight.live.session
        return self._look_up.sought(typed, shown if self._of_session else None, shown)

    def _go_to(self, position: int, otherwise: str) -> None:
        if position and position <= self.sight.feed.until:
            self._open(position)
        else:
            self.notify(otherwise if self._explained is not None else "it is being looked up", markup=False)

    def _open(self, position: int) -> None:
        self._opened.append(position)
        self._look_anew()

    def _close(self) -> None:
        """Back to the event that was looked at before, or to the list."""
        self._opened.pop()
        self._look_anew()

    def _close_all(self) -> None:
        if self._opened:
            self._opened.clear()
            self._look_anew()

    def _look_anew(self) -> None:
        self._entry, self._explained, self._explained_at, self._json, self._rests_until = None, None, -1, "", 0.0
        if self._looking is not None:
            self._looking.cancel()
        self.set_class(bool(self._opened), "-opened")
        if self._opened:
            self._content.border_title = Content(f"Event {self.opened:,}")
            self._why.border_title = Content("Why")
            for pane in (self._content, self._why):
                pane.put(Document((prose("reading …", tone="faint"),)), mark="")
            self._content.focus()
        else:
            self._list.focus()
        self.refresh_bindings()
        self.paint(self.sight.clock())

    async def _look(self, position: int, until: int) -> None:
        """Read the event, then why it is there: that may take longer."""
        begun = time.monotonic()
        try:
            if self._entry is None:
                await self._read(position)
            if self._entry is not None:
                found = await self._look_up.explained(self._entry, until)
                is_first = self._explained is None
                if is_first or found != self._explained:
                    self._why.put(found.document, mark="" if is_first else None)
                self._explained = found
        except Exception as error:  # whatever it is: the screen lives on
            self._why.put(Document((prose(self.failed(error), tone="bad"),)), mark="")
            self._explained = Explained(document=Document())
        self._explained_at = until
        took = time.monotonic() - begun
        self._rests_until = time.monotonic() + max(_REST_S, 4 * took)

    async def _read(self, position: int) -> None:
        entry = await self._look_up.event(position)
        if entry is None:
            said = f"event {position:,} is not in this log any more"
            self._content.put(Document((prose(said, tone="warn"),)), mark="")
            self._why.put(Document(), mark="")
            self._explained = Explained(document=Document())
            return
        document, self._json = await self._look_up.content(entry)
        self._entry = entry
        self._content.border_title = Content(f"Event {entry.position:,} {entry.kind}")
        self._content.put(document, mark="")
