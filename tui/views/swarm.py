"""The first view: the tasks, what they cost against the caps, and the events as they come."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from events.views.tasks import TaskState
from tui.feed import Sight
from tui.rows import Row, budget_rows, event_row, task_head, task_row
from tui.views.view import View
from tui.widgets.pane import Choice, Pane


class SwarmView(View):
    """Who works on what, what it has cost, and what happens."""

    WORD = "Swarm"
    FOOTER = "enter open  f follow"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f", "follow", "follow the newest events again")]

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        self._states: list[TaskState] = []
        self._budgets: list[Row] = []
        self._second = -1
        self._tasks = Choice(
            id="tasks",
            count=lambda: len(self._states),
            row=self._task_row,
            key=lambda index: self._states[index].name,
            head=task_head,
        )
        self._budget = Pane(id="budgets", count=lambda: len(self._budgets), row=lambda i, _: self._budgets[i])
        self._budget.border_title = Content("Budgets")
        feed = sight.feed
        self._events = Pane(id="events", count=feed.count, row=self._event_row, dropped=feed.dropped, follows=True)

    def compose(self) -> ComposeResult:
        with Horizontal(id="upper"):
            yield self._tasks
            yield self._budget
        yield self._events

    def first_focus(self) -> Pane:
        return self._events

    def paint(self, now: int) -> None:
        versions = self.sight.live.versions
        tasks, minute = self._tasks_version(now // 1_000_000), now // 60_000_000  # at midnight another day is today
        if self._tasks.is_stale(tasks):
            self._states = self.sight.live.rows
            self._tasks.border_title = Content(f"Tasks {len(self._states)}")
            self._tasks.paint(tasks)
        if self._budget.is_stale((versions.budget, minute)):
            self._budgets = budget_rows(self.sight.live, now)
            self._budget.paint((versions.budget, minute))
        if self._events.paint((versions.events, self._events.follow)):
            self._events.border_title = Content(self._events_title())

    def action_follow(self) -> None:
        self._events.to_end()

    def _tasks_version(self, second: int) -> tuple[int, int]:
        """The ages of open tasks go on by themselves, once a second."""
        if any(task.status == "open" for task in self._states):
            self._second = second
        return self.sight.live.versions.tasks, self._second

    def _events_title(self) -> str:
        seen = self.sight.feed.dropped() + self.sight.feed.count()
        return f"Events {seen:,} {'● follow' if self._events.follow else '‖ paused, f follows'}"

    def _event_row(self, index: int, width: int) -> Row:
        entry = self.sight.feed.event(index)
        return event_row(entry, self.sight.zone) if entry is not None else [("…", "faint")]

    def _task_row(self, index: int, width: int) -> Row:
        task, live = self._states[index], self.sight.live
        using = live.using.said(task.session, task.name)
        return task_row(task, width, self.sight.clock(), using=using, asks=live.asks[task.name])
