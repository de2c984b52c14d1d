"""The view of schedules: what is run by itself and when, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.views.opening import OpeningView


class SchedulesView(OpeningView):
    """All schedules, or the next times of one and what became of those before."""

    WORD = "Schedules"
    PANE = "schedule-table"
    FOOTER = "enter history"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back to all schedules")]
