"""The live view: one screen over the log. It reads, folds and draws; it decides nothing, and what a person says to a run
goes through the `Control` that it is handed.

Feed -> Live (the fold, with a version for each pane) -> one timer -> the panes whose version has moved on

The feed of the live view is a `Reader`, which stays at the end of the log; that of a replay goes where its scrubber does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import ClassVar, Protocol

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from events.log import Clock, EventLog, system_clock
from events.presence import Present, always
from events.views.approvals import Asked
from events.views.questions import Question
from events.views.sessions import SessionState
from events.views.tasks import TaskState
from tui.control import Control
from tui.live import Live
from tui.reader import CapOf, Reader
from tui.rows import Row, budget_rows, event_row, header_row, task_head, task_row
from tui.waiting import Left, WaitingScreen, beside, screen_of
from tui.widgets.pane import Pane

FPS = 8.0

_FOOTER: Row = [(" q leave  ? keys  a answer  f follow  tab pane  ↑↓ jk move  b budgets", "faint")]
_KEYS = """\
q          leave; the run goes on
a          what waits for you; [ ] the one before, the next
f          follow the newest events again
b          budgets, where the screen is narrow
tab        next pane
↑ ↓  j k   a line up or down
pgup pgdn  a page up or down
g G        to the start, to the end
?          these keys; esc closes them"""


class Feed(Protocol):
    """What folds the log for the screen."""

    @property
    def live(self) -> Live:
        """The view model as it is now."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing more is read; empty where all is."""
        ...

    async def run(self) -> None:
        """Go on for as long as somebody looks."""
        ...

    def behind(self, now: int) -> str:
        """How far the view model is behind what it should show, in words; empty where it is not."""
        ...


class Keys(ModalScreen[None]):
    """What can be pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", show=False)]

    def __init__(self, keys: str) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        yield Static(self._keys, id="keys", markup=False)


class SessionApp(App[None]):
    """Shows what its feed folds. What it is a view of, and with which keys, its classes say."""

    CSS_PATH = "swarm.tcss"
    TITLE = "swarm"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  # Textual declares it of the instance
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "leave"),
        Binding("question_mark", "keys", "keys"),
        Binding("a", "answer", "answer"),
        Binding("f", "follow", "follow"),
        Binding("b", "budgets", "budgets"),
    ]
    FOOTER: ClassVar[Row] = _FOOTER
    KEYS: ClassVar[str] = _KEYS

    def __init__(
        self,
        feed: Feed,
        *,
        state_of: Callable[[SessionState], str],
        control: Control | None = None,
        clock: Clock = system_clock,
        zone: tzinfo | None = None,
        fps: float = FPS,
    ) -> None:
        """`zone` is that of the times shown, None the machine's; `clock` tells from when ages are looked at. Without a
        `control` what waits for a person is shown, and not answered."""
        super().__init__()
        self._feed = feed
        self._state_of, self._clock, self._zone, self._fps = state_of, clock, zone, fps
        self._control = control
        self._state, self._looked = "", (0, -1)
        self._task_states: list[TaskState] = []
        self._budget_rows: list[Row] = []
        self._make_panes()

    @property
    def live(self) -> Live:
        return self._feed.live

    def _make_panes(self) -> None:
        self._header = Pane(id="header", count=lambda: 1, row=self._header_row, focus=False)
        self._trouble = Static(id="trouble", markup=False)
        self._tasks = Pane(id="tasks", count=lambda: len(self._task_states), row=self._task_row, head=task_head)
        self._budget = Pane(id="budget", count=lambda: len(self._budget_rows), row=lambda i, _: self._budget_rows[i])
        self._budget.border_title = Content("Budgets")
        self._events = Pane(
            id="events",
            count=self._event_count,
            row=self._event_row,
            dropped=lambda: self.live.ring.first,
            follows=True,
        )
        self._footer = Pane(id="footer", count=lambda: 1, row=lambda i, _: self.FOOTER, focus=False)

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._trouble
        with Horizontal(id="upper"):
            yield self._tasks
            yield self._budget
        yield self._events
        yield from self.below()
        yield self._footer

    def below(self) -> ComposeResult:
        """What stands between the events and the keys."""
        yield from ()

    def on_mount(self) -> None:
        self._events.focus()
        self.run_worker(self._feed.run(), name="feed")
        self.set_interval(1 / self._fps, self.paint)

    def paint(self) -> None:
        """Draw the panes whose version has moved on. Ages, and whether the owner lives, are looked at once a second."""
        now, versions = self._clock(), self.live.versions
        self._look(now // 1_000_000)
        self._header.paint((versions.header, self._state, self._feed.behind(now)))
        if self._tasks.is_stale(versions.tasks):
            self._task_states = self.live.rows
            self._tasks.border_title = Content(f"Tasks {len(self._task_states)}")
            self._tasks.paint(versions.tasks)
        minute = now // 60_000_000  # at midnight another day is today
        if self._budget.is_stale((versions.budget, minute)):
            self._budget_rows = budget_rows(self.live, now)
            self._budget.paint((versions.budget, minute))
        if self._events.paint((versions.events, self._events.follow)):
            self._events.border_title = Content(self._events_title())
        self._footer.paint(0)
        self._leave_what_is_answered()
        if self._feed.trouble and not self._trouble.has_class("-shown"):
            self._trouble.update(Content(f"✘ {self._feed.trouble}"))
            self._trouble.add_class("-shown")

    def action_answer(self) -> None:
        if self._control is None:
            self.notify("no word can be given here", markup=False)
        elif waiting := self.live.waiting:
            self._ask(waiting, 0)
        else:
            self.notify("nothing waits for you", markup=False)

    def _ask(self, waiting: Sequence[Asked | Question], at: int) -> None:
        """Show one of those that wait, and when it is left to another the one that stands there then."""
        assert self._control is not None, "there is somebody to hand a word to"
        asked = waiting[at]
        place = f" ({at + 1} of {len(waiting)}, [ ] the others)" if len(waiting) > 1 else ""

        def left(how: Left | None) -> None:
            if how is not None and how.said:
                self.notify(how.said, markup=False)
            if how is not None and how.step and (now := self.live.waiting):
                self._ask(now, beside(asked.position, how.step, [each.position for each in now]))

        self.push_screen(screen_of(asked, self._control, place), left)

    def _leave_what_is_answered(self) -> None:
        """A question that somebody else answered meanwhile needs no word any more."""
        screen = self.screen_stack[-1] if self.screen_stack else None  # there is none any more while it closes
        if not isinstance(screen, WaitingScreen) or screen.is_saying:
            return
        if all(each.position != screen.position for each in self.live.waiting):
            screen.dismiss(Left("no word is needed any more"))

    def action_follow(self) -> None:
        self._events.to_end()

    def action_budgets(self) -> None:
        self.screen.toggle_class("-budget")

    def action_keys(self) -> None:
        self.push_screen(Keys(self.KEYS))

    def _look(self, second: int) -> None:
        """Ask who owns the session where that may have changed, and let the ages of open tasks go on."""
        versions = self.live.versions
        if second != self._looked[0] and any(task.status == "open" for task in self._task_states):
            versions.tasks += 1
        if (second, versions.header) != self._looked:
            state = self.live.state
            self._state = self._state_of(state) if state is not None else ""
        self._looked = second, versions.header

    def _event_count(self) -> int:
        return len(self.live.ring)

    def _event_row(self, index: int, width: int) -> Row:
        return event_row(self.live.ring[index], self._zone)

    def _events_title(self) -> str:
        seen = self.live.ring.first + self._event_count()
        return f"Events {seen:,} {'● follow' if self._events.follow else '‖ paused, f follows'}"

    def _header_row(self, index: int, width: int) -> Row:
        now = self._clock()
        hint = ": press a" if self._control is not None else ""
        return header_row(self.live, self._state, now, self._feed.behind(now), hint=hint)

    def _task_row(self, index: int, width: int) -> Row:
        task = self._task_states[index]
        using = self.live.using.said(task.session, task.name)
        return task_row(task, width, self._clock(), using=using, asks=self.live.asks[task.name])


class WatchApp(SessionApp):
    """Follows the log from its start."""

    def __init__(
        self,
        log: EventLog,
        *,
        session: int = 0,
        state_of: Callable[[SessionState], str],
        cap_of: CapOf,
        control: Control | None = None,
        present: Present = always,
        clock: Clock = system_clock,
        zone: tzinfo | None = None,
        fps: float = FPS,
    ) -> None:
        """Session 0 is the first that opens. `present` sees whether the log is still where it was opened."""
        self.reader = Reader(log, Live(session), cap_of=cap_of, present=present)
        super().__init__(self.reader, state_of=state_of, control=control, clock=clock, zone=zone, fps=fps)
