"""The live view: views over one log, of which one is seen. It reads, folds and draws; it decides nothing, and what a person
says to a run goes through the `Control` that it is handed.

Feed -> Live (the fold, with a version for each pane) -> one timer -> the panes of the view that is seen, where their version has moved on

The feed of the live view is a `Reader`, which stays at the end of the log; that of a replay goes where its scrubber does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from typing import ClassVar

from textual import events
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from events.log import Clock, EventLog, session_name, system_clock
from events.presence import Present, always
from events.views.approvals import Asked
from events.views.questions import Question
from events.views.sessions import SessionState
from tui.ask import AskLine
from tui.control import Control
from tui.feed import NO_LOOKUPS, Feed, Lookups, Sight
from tui.footer import footer_row, keys_in
from tui.header import header_row
from tui.jump import NotUnderstood, completed, read_jump
from tui.keys import KeysScreen, keys_of
from tui.live import Live
from tui.look import DEFAULT, Look
from tui.reader import CapOf, Reader
from tui.rows import Piece, Row
from tui.speaking import SpeakingApp
from tui.views.budget import BudgetView
from tui.views.cost import CostView
from tui.views.detail import TaskView
from tui.views.schedules import SchedulesView
from tui.views.swarm import SwarmView
from tui.views.view import View
from tui.waiting import Left, WaitingScreen, beside, screen_of
from tui.widgets.pane import Choice, Pane

_HINT = "tab goes from pane to pane, ? tells the keys, : goes anywhere, q leaves and the run goes on; any key takes this line away"


class SessionApp(SpeakingApp):
    """Shows what its feed folds. What it is a view of, and with which keys, its classes say."""

    CSS_PATH = "swarm.tcss"
    TITLE = "swarm"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  # Textual declares it of the instance
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-high"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "leave; the run goes on"),
        Binding("question_mark", "keys", "the keys that can be pressed here"),
        *(Binding(str(digit), f"view({digit})", "one of the views below", show=False) for digit in range(1, 7)),
        Binding("minus", "last_view", "the view that was seen before"),
        Binding("colon", "jump", "go to a view or a task: :task build, :q"),
        Binding("plus", "zoom(1)", "let this pane have the whole view"),
        Binding("underscore", "zoom(0)", "give each pane its part again"),
        Binding("a", "answer", "answer what waits for you"),
    ]
    FOOTER: ClassVar[str] = ""  # beside those of the view, and what every screen has

    def __init__(
        self,
        feed: Feed,
        *,
        state_of: Callable[[SessionState], str],
        lookups: Lookups = NO_LOOKUPS,
        control: Control | None = None,
        clock: Clock = system_clock,
        zone: tzinfo | None = None,
        look: Look = DEFAULT,
        fps: float | None = None,
    ) -> None:
        """`zone` is that of the times shown, None the machine's; `clock` tells from when ages are looked at. Without a
        `control` what waits for a person is shown, and not answered. `fps` is another rate than that of the look."""
        super().__init__(look)
        self.sight = Sight(feed=feed, lookups=lookups, clock=clock, zone=zone, control=control)
        self._state_of, self._fps = state_of, look.fps if fps is None else fps
        self._state, self._looked = "", (0, -1)
        self._before = ""  # the view that was seen before this one
        self.is_held = False  # the picture stands still, and what it is of goes on
        self._focused: dict[str, Pane] = {}  # by view the pane that had the keys
        self._swarm = SwarmView(self.sight)
        self.views = self._make_views()
        self.task_view = TaskView(self.sight, lookups.task) if lookups.task is not None else None
        self._header = Pane(id="header", count=lambda: 1, row=self._header_row, focus=False)
        self._trouble = Static(id="trouble", markup=False)
        self._shown = ContentSwitcher(*self._all_views, id="views", initial=self.views[0].id)
        self._footer = Pane(id="footer", count=lambda: 1, row=self._footer_row, focus=False)

    @property
    def live(self) -> Live:
        return self.sight.live

    @property
    def view(self) -> View:
        """The one that is seen."""
        return next(view for view in self._all_views if view.id == self._shown.current)

    @property
    def _all_views(self) -> list[View]:
        """Those that digits lead to, and the one that a task leads to."""
        return [*self.views, self.task_view] if self.task_view is not None else list(self.views)

    def _make_views(self) -> list[View]:
        """Those that digits lead to, in their order."""
        views: list[View] = [self._swarm]
        lookups = self.sight.lookups
        if lookups.budgets is not None:
            views.append(BudgetView(self.sight, lookups.budgets))
        if lookups.costs is not None:
            views.append(CostView(self.sight, lookups.costs))
        if lookups.schedules is not None:
            views.append(SchedulesView(self.sight, lookups.schedules))
        return views

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._trouble
        yield self._shown
        yield from self.below()
        yield self._footer

    def below(self) -> ComposeResult:
        """What stands between the view and the keys."""
        yield from ()

    def on_mount(self) -> None:
        self.view.first_focus().focus()
        self.run_worker(self._follow(), name="feed")
        self.set_interval(1 / self._fps, self.paint)

    async def _follow(self) -> None:
        try:
            await self.sight.feed.run()
        except Exception as error:
            self.sight.failures.tell("feed", error)

    @property
    def trouble(self) -> str:
        """Why nothing more is read, or not all of what is seen; empty where all is."""
        return self.sight.feed.trouble or self.sight.failures.told

    def paint(self) -> None:
        """Draw what has moved on of what is seen. Whether the owner lives is looked at once a second."""
        now, versions, feed = self.sight.clock(), self.live.versions, self.sight.feed
        self._look(now // 1_000_000)
        behind = feed.behind(now)
        marks = self._marks()
        self._header.paint((versions.header, self._state, behind, self.live.rate(now), marks))
        if not self.is_held:
            self.view.paint(now)
        self._footer.paint((self._shown.current, self.view.FOOTER, self.barred))
        self._leave_what_is_answered()
        if self.trouble and not self._trouble.has_class("-shown"):
            self._trouble.update(Content(f"✘ {self.trouble}"))
            self._trouble.add_class("-shown")

    def action_view(self, number: int) -> None:
        self.show(self.views[number - 1])

    @property
    def barred(self) -> str:
        """Why no word can be given here; empty where one can."""
        control = self.sight.control
        return "no word can be given here" if control is None else control.barred(self.live)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Digits lead to the views that are there, and to no others."""
        if action == "view":
            return int(str(parameters[0])) <= len(self.views)
        return super().check_action(action, parameters)

    @property
    def is_read_only(self) -> bool:
        """Whether it is a view that could say something elsewhere."""
        return False

    @property
    def shown_name(self) -> str:
        return session_name(self.live.session)

    def view_commands(self) -> Iterable[SystemCommand]:
        for number, view in enumerate(self.views, 1):
            yield SystemCommand(f"view {view.WORD}", f"key {number}", partial(self.show, view))

    def action_last_view(self) -> None:
        before = next((view for view in self._all_views if view.id == self._before), None)
        if before is not None:
            self.show(before)

    def open_task(self, name: str) -> None:
        """Show a task in detail; esc leads back to the view that is seen now. Where nothing more can be looked up, it is
        chosen among the others."""
        if self.task_view is not None:
            self.task_view.open(name, self.view.WORD)
            self.show(self.task_view)
        else:
            self.show(self._swarm)
            self._swarm.choose(name)

    def on_choice_taken(self, taken: Choice.Taken) -> None:
        if taken.choice.id == "tasks":
            self.open_task(taken.key)

    def action_leave_task(self) -> None:
        before = (view for view in self.views if self.task_view is not None and self.task_view.opened_from == view.WORD)
        self.show(next(before, self.views[0]))

    def show(self, view: View) -> None:
        """Let a view be seen, with the keys in the pane that had them there last."""
        seen = self.view
        if view is seen:
            return
        focused = self.screen_stack[0].focused  # also while something is typed above it
        if isinstance(focused, Pane):
            self._focused[seen.id or ""] = focused
        self._before = seen.id or ""
        self._shown.current = view.id
        self._focused.get(view.id or "", view.first_focus()).focus()
        self.paint()

    def action_jump(self) -> None:
        views, tasks = [view.id or "" for view in self.views], list(self.live.tasks.of(self.live.session))
        note = f"task NAME, {', '.join(views)} with words for it, q; tab finishes a word"
        self.push_screen(AskLine(":", note, self._jump, complete=lambda text: completed(text, views, tasks)))

    def _jump(self, text: str) -> str:
        """Go where it says; return why it leads nowhere, else ""."""
        views = [view.id or "" for view in self.views]
        try:
            jump = read_jump(text, views, list(self.live.tasks.of(self.live.session)))
        except NotUnderstood as problem:
            return str(problem)
        if jump.to == "away":
            self.exit()
        elif jump.to == "task":
            self.open_task(jump.name)
        else:
            view = self.views[views.index(jump.name)]
            if said := view.told(jump.words):
                return said
            self.show(view)
        return ""

    def action_zoom(self, on: int) -> None:
        pane = self.focused if on and isinstance(self.focused, Pane) else None
        if pane is not None or not on:
            self.view.zoom(pane)

    def on_view_asks(self, asks: View.Asks) -> None:
        self.push_screen(asks.line)

    def action_answer(self) -> None:
        if self.barred:
            self.notify(self.barred, markup=False)
        elif waiting := self.live.waiting:
            self._ask(waiting, 0)
        else:
            self.notify("nothing waits for you", markup=False)

    def _ask(self, waiting: Sequence[Asked | Question], at: int) -> None:
        """Show one of those that wait, and when it is left to another the one that stands there then."""
        assert self.sight.control is not None, "there is somebody to hand a word to"
        asked = waiting[at]
        place = f" ({at + 1} of {len(waiting)}, [ ] the others)" if len(waiting) > 1 else ""

        def left(how: Left | None) -> None:
            if how is not None and how.said:
                self.notify(how.said, markup=False)
            if how is not None and how.step and (now := self.live.waiting):
                self._ask(now, beside(asked.position, how.step, [each.position for each in now]))

        self.push_screen(screen_of(asked, self.sight.control, place), left)

    def _leave_what_is_answered(self) -> None:
        """A question that somebody else answered meanwhile needs no word any more."""
        screen = self.screen_stack[-1] if self.screen_stack else None  # there is none any more while it closes
        if not isinstance(screen, WaitingScreen) or screen.is_saying:
            return
        if all(each.position != screen.position for each in self.live.waiting):
            screen.dismiss(Left("no word is needed any more"))

    def action_keys(self) -> None:
        self.push_screen(KeysScreen(keys_of(self.screen)))

    def _look(self, second: int) -> None:
        """Ask who owns the session where that may have changed."""
        header = self.live.versions.header
        if (second, header) != self._looked:
            state = self.live.state
            self._state = self._state_of(state) if state is not None else ""
        self._looked = second, header

    def _header_row(self, index: int, width: int) -> Row:
        now = self.sight.clock()
        hint = "" if self.barred else "press a"
        behind = self.sight.feed.behind(now)
        return header_row(self.live, self._state, now, behind, width, hint=hint, marks=self._marks())

    def _marks(self) -> tuple[Piece, ...]:
        """What holds of the screen itself."""
        held: tuple[Piece, ...] = (("‖ held", "warn"),) if self.is_held else ()
        return (*held, ("read-only", "warn")) if self.is_read_only else held

    def _footer_row(self, index: int, width: int) -> Row:
        words = [view.WORD for view in self.views]
        keys = keys_in(self.view.FOOTER, "" if self.barred else "a answer", self.FOOTER)
        return footer_row(width, words, self.view.WORD, keys)


class WatchApp(SessionApp):
    """Follows the log from its start."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "hold", "hold the picture, while what it is of goes on"),
    ]

    def __init__(
        self,
        log: EventLog,
        *,
        session: int = 0,
        state_of: Callable[[SessionState], str],
        cap_of: CapOf,
        lookups: Lookups = NO_LOOKUPS,
        control: Control | None = None,
        present: Present = always,
        clock: Clock = system_clock,
        zone: tzinfo | None = None,
        look: Look = DEFAULT,
        fps: float | None = None,
    ) -> None:
        """Session 0 is the first that opens. `present` sees whether the log is still where it was opened."""
        self.reader = Reader(log, Live(session), cap_of=cap_of, present=present)
        self._is_new_here = True  # until a key is pressed
        self._hint = Static(Content(_HINT), id="hint", markup=False)
        self._barred_by = ""  # what was told of it
        super().__init__(
            self.reader,
            state_of=state_of,
            lookups=lookups,
            control=control,
            clock=clock,
            zone=zone,
            look=look,
            fps=fps,
        )

    @property
    def is_read_only(self) -> bool:
        return bool(self.barred)

    def below(self) -> ComposeResult:
        yield self._hint

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._is_new_here = False
            self._hint.remove_class("-shown")
        await super().on_event(event)

    def paint(self) -> None:
        super().paint()
        is_first = self._is_new_here and len(self.live.sessions.sessions) == 1
        self._hint.set_class(is_first, "-shown")
        self.look_at_word()
        if self.sight.control is not None and self.barred != self._barred_by:
            self._barred_by = self.barred
            if self.barred:
                self.notify(f"read-only: {self.barred}", markup=False)

    def action_hold(self) -> None:
        self.is_held = not self.is_held
        self.paint()
