"""The first view: the tasks, who works on them, what they cost against the caps, and the events as they come."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from events.views.tasks import TaskState
from tui.ask import AskLine
from tui.feed import Sight
from tui.filter import Filter, FilterError, read_filter
from tui.order import SORTS, TASK_FIELDS, Order
from tui.pipeline import pipeline_row
from tui.rows import Row, task_head, task_row
from tui.views.swarm_beside import Beside
from tui.views.swarm_events import EventsPane
from tui.views.view import View
from tui.widgets.pane import Choice, Pane
from tui.words import cut

_TASK_FORMS = "role:worker tier:free model:qwen !state:done cost>0.01 tokens>5k age>5m t-00 /regex/; empty: all"
_EVENT_FORMS = (
    "kind:call.* task:build model:qwen tokens>5k word /regex/; empty: all; then n N: the match among the others"
)


class SwarmView(View):
    """Who works on what, what it has cost, and what happens."""

    WORD = "Swarm"
    FOOTER = "enter open  / filter  s sort  f follow"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "show only what fits: tasks, or in their pane events"),
        Binding("s", "sort", "sort the tasks by state, age, cost, tokens, name"),
        Binding("f", "follow", "follow the newest events again"),
        Binding("n", "match(1)", "the next event that the filter finds, among the others"),
        Binding("N", "match(-1)", "the one before"),
        Binding("escape", "all", "show everything again"),
    ]

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        self._order = Order()
        self._second = -1
        self._flow: Row = []
        self._pipeline = Pane(id="pipeline", count=lambda: 1, row=self._pipeline_row, focus=False)
        self._tasks = Choice(
            id="tasks",
            count=lambda: len(self._states),
            row=self._task_row,
            key=lambda index: self._states[index].name,
            head=task_head,
        )
        self._events = EventsPane(sight)
        self._beside = Beside(sight)

    @property
    def _states(self) -> list[TaskState]:
        return self._order.shown

    def compose(self) -> ComposeResult:
        yield self._pipeline
        with Horizontal(id="swarm-panes"):
            with Vertical(id="swarm-main"):
                yield self._tasks
                yield self._events
            yield self._beside

    @property
    def is_settled(self) -> bool:
        return self._beside.is_settled

    @property
    def chosen_task(self) -> str:
        return self._tasks.chosen

    def first_focus(self) -> Pane:
        return self._events

    def choose(self, task: str) -> bool:
        """Choose a task in the list, which shows all again where the filter hides it; say whether there is one."""
        self._order.take(self.sight.live, self.sight.clock())
        if not any(state.name == task for state in self._states):
            self._order.filter = Filter()
        self.paint(self.sight.clock())
        self._tasks.focus()
        return self._tasks.choose(task)

    def told(self, words: str) -> str:
        return self._filter_tasks(words) if words else ""

    def paint(self, now: int) -> None:
        live = self.sight.live
        queued, glyphs = live.census.queued, live.counts()
        self._flow = pipeline_row(queued, live.running(), glyphs)
        self._pipeline.paint(self._flow)
        tasks = self._tasks_version(now)
        if self._tasks.is_stale(tasks):
            self._order.take(live, now)
            self._tasks.paint(tasks)
            self._tasks.border_title = Content(self._tasks_title())
        self._events.paint_events()
        self._beside.paint(now)

    def action_follow(self) -> None:
        self._events.to_end()

    def action_sort(self) -> None:
        self._order.sort = SORTS[(SORTS.index(self._order.sort) + 1) % len(SORTS)]
        self.paint(self.sight.clock())

    def action_match(self, way: int) -> None:
        if said := self._events.go_to_match(way):
            self.notify(said, markup=False)

    def action_all(self) -> None:
        if self._is_about_events:
            self._events.let_through("")
        else:
            self._filter_tasks("")

    def action_filter(self) -> None:
        if self._is_about_events:
            ask = AskLine("/", _EVENT_FORMS, self._events.let_through, text=self._events.filter.text)
        else:
            ask = AskLine("/", _TASK_FORMS, self._filter_tasks, text=self._order.filter.text)
        self.post_message(self.Asks(ask))

    @property
    def _is_about_events(self) -> bool:
        return self._events.has_focus

    def _filter_tasks(self, text: str) -> str:
        try:
            self._order.filter = read_filter(text, TASK_FIELDS)
        except FilterError as problem:
            return str(problem)
        self.paint(self.sight.clock())
        return ""

    def _tasks_version(self, now: int) -> tuple[object, ...]:
        """The ages of open tasks go on by themselves, once a second."""
        if any(glyph in self.sight.live.counts() for glyph in "●○↻"):
            self._second = now // 1_000_000
        order = self._order
        return self.sight.live.versions.tasks, self._second, order.sort, order.filter.text

    def _tasks_title(self) -> str:
        order, total = self._order, len(self.sight.live.tasks.of(self.sight.live.session))
        shown = f"{len(order.shown):,} of {total:,}" if order.filter.terms else f"{total:,}"
        return f"Tasks {shown}  sort:{order.sort}  filter:{cut(order.filter.text, 60) or '-'}"

    def _pipeline_row(self, index: int, width: int) -> Row:
        return self._flow

    def _task_row(self, index: int, width: int) -> Row:
        task, live = self._states[index], self.sight.live
        using = live.using.said(task.session, task.name)
        return task_row(task, width, self.sight.clock(), using=using, asks=live.asks[task.name])
