"""The replay: the screen of the live view over a record, with a scrubber below. It reads the log, and calls nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static

from events.views.sessions import SessionState
from tui.app import SessionApp
from tui.feed import NO_LOOKUPS, Lookups
from tui.look import DEFAULT, Look
from tui.past import ended_then
from tui.playback import Playback
from tui.rows import Row
from tui.scrubber import Density, bar_row, note_row
from tui.sought import FORMS, NotThere, sought
from tui.widgets.pane import Pane

REST_S = 0.15  # that a held key has to rest for before the state follows it

GoLive = Callable[[], Awaitable[str]]
"""Asks whether the session can be watched live; returns the sentence why not, or "" where it can."""


def state_then(session: SessionState) -> str:
    """The state of a session as its record has it, which never says whether its owner still lives."""
    return f"▶ replay, {then}" if (then := ended_then(session)) else "▶ replay"


class GoTo(ModalScreen[int | None]):
    """Asks where to go. It stays until that leads somewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def __init__(self, find: Callable[[str], int]) -> None:
        super().__init__()
        self._find = find
        self._trouble = Static(id="unsaid", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="goto") as box:
            box.border_title = Content("Go to")
            yield Static(Content(FORMS), classes="note", markup=False)
            yield self._trouble
            yield Input(placeholder="where?", id="where", compact=True)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if not submitted.value.strip():
            return
        try:
            self.dismiss(self._find(submitted.value))
        except NotThere as problem:
            self._trouble.update(Content(f"✘ {problem}"))
            self._trouble.add_class("-shown")


class ReplayApp(SessionApp):
    """A record, played. `goes_live` says on leaving that somebody wants to watch the session live."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "leave"),
        Binding("space", "play", "play, pause"),
        Binding("right_square_bracket", "step(1)", "an event on; held it goes faster"),
        Binding("left_square_bracket", "step(-1)", "an event back; held it goes faster"),
        Binding("right_curly_bracket", "mark(1)", "the next mark: fail, retry, budget, person, bookmark"),
        Binding("left_curly_bracket", "mark(-1)", "the mark before"),
        Binding("comma", "faster(-1)", "slower: down to 0.5x"),
        Binding("full_stop", "faster(1)", "faster: to 64x, max"),
        # before the panes, for which these scroll
        Binding("g", "go_to", "go to #48213, 14:03, +10m, -2m, a task, fail", priority=True),
        Binding("home", "end(0)", "to the first event", priority=True),
        Binding("end", "end(1)", "to the last event", priority=True),
        Binding("b", "bookmark", "set a bookmark, or take it away"),
        Binding("L", "live", "watch it live, where it still runs"),
    ]
    FOOTER = "space play  [ ] step  g go to"

    def __init__(
        self,
        playback: Playback,
        *,
        go_live: GoLive | None = None,
        lookups: Lookups = NO_LOOKUPS,
        zone: tzinfo | None = None,
        look: Look = DEFAULT,
        fps: float | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ticks` is a clock in seconds, by which it is played."""
        self.playback = playback
        self.goes_live = False
        self._playing = playback.playing
        self._go_live, self._ticks, self._ticked = go_live, ticks, ticks()
        self._density = Density()
        self._rest: Timer | None = None
        self._scrubber = Pane(id="scrubber", count=lambda: 2, row=self._scrubber_row, focus=False)
        super().__init__(
            playback,
            state_of=state_then,
            lookups=lookups,
            clock=lambda: playback.live.at,
            zone=zone,
            look=look,
            fps=fps,
        )

    def below(self) -> ComposeResult:
        yield self._scrubber

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is typed into a question goes nowhere else."""
        if len(self.screen_stack) > 1 and action not in ("quit", "dismiss"):
            return False
        return super().check_action(action, parameters)

    def paint(self) -> None:
        now = self._ticks()
        if self._playing.is_on:
            self._playing.advance(now - self._ticked)
            self.playback.settle()
        self._ticked = now
        super().paint()
        self._paint_scrubber()

    def action_play(self) -> None:
        self._playing.toggle()
        self._moved()

    def action_step(self, steps: int) -> None:
        self._moved(held=self._playing.step(steps, self._ticks()))

    def action_mark(self, steps: int) -> None:
        if self._playing.to_mark(steps):
            self._moved()
        else:
            self.notify(f"no mark {'behind' if steps > 0 else 'before'} this", markup=False)

    def action_faster(self, steps: int) -> None:
        self._playing.faster(steps)
        self._paint_scrubber()

    def action_end(self, last: int) -> None:
        self._go(self._playing.last if last else 0)

    def action_bookmark(self) -> None:
        self._playing.bookmark()
        self._paint_scrubber()

    def action_go_to(self) -> None:
        def find(text: str) -> int:
            return sought(text, self._playing.record, zone=self.sight.zone, cursor=self._playing.cursor)

        self.push_screen(GoTo(find), lambda index: self._go(index) if index is not None else None)

    @property
    def barred(self) -> str:
        return "a replay changes nothing; L watches the session live where it still runs"

    async def action_live(self) -> None:
        trouble = await self._go_live() if self._go_live is not None else "there is nothing to go live on"
        if trouble:
            self.notify(trouble, markup=False)
        else:
            self.goes_live = True
            self.exit()

    def _go(self, index: int) -> None:
        self._playing.is_on = False
        self._playing.go(index)
        self._moved()

    def _moved(self, *, held: bool = False) -> None:
        """The bar follows at once, the state too, or once a held key has come to rest."""
        self._ticked = self._ticks()
        self._paint_scrubber()
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        if held:
            self._rest = self.set_timer(REST_S, self.playback.settle)
        else:
            self.playback.settle()

    def _paint_scrubber(self) -> None:
        playing = self._playing
        bookmarks = tuple(sorted(playing.bookmarks))
        self._scrubber.paint((playing.cursor, playing.is_on, playing.speed, bookmarks, len(playing.record)))

    def _scrubber_row(self, index: int, width: int) -> Row:
        if not len(self._playing.record):
            return []
        if index:
            return note_row(self._playing, width, self.sight.zone)
        return bar_row(self._playing, self._density, width, self.sight.zone)
