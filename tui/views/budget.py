"""The view of budgets: what holds, what is left of it, how fast it goes, and what used it up."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

import msgspec
from textual.binding import Binding, BindingType

from tui.feed import BudgetAsked, BudgetsOf, Sight
from tui.live import Live
from tui.sheet import Sheet
from tui.views.sheet import SheetView
from tui.widgets.pane import Choice


class BudgetView(SheetView):
    """All scopes, or the history of one."""

    WORD = "Budget"
    PANE = "scopes"
    FOOTER = "enter history  s sort"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort by share of the cap, or as a tree"),
        Binding("escape", "leave", "back to all scopes"),
    ]

    def __init__(self, sight: Sight, look_up: BudgetsOf) -> None:
        self._choice = BudgetAsked()
        self._came_from = ""  # the line whose history was opened last
        self._drawn = ""  # the scope whose history is drawn

        async def look(live: Live, now: int) -> Sheet:
            return await look_up(live, now, self._choice)

        super().__init__(sight, look)

    def asked(self) -> Hashable:
        return self._choice

    def paint(self, now: int) -> None:
        super().paint(now)
        scope = self._shown[0].scope if self._shown is not None and isinstance(self._shown[0], BudgetAsked) else ""
        if scope != self._drawn and not self._pane.is_stale(self._looks):
            self._drawn = scope
            if scope or not self._pane.choose(self._came_from):
                self._pane.action_scroll_home()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One thing at a time: what is sorted are scopes, what is left is a history."""
        return {"sort": not self._choice.scope, "leave": bool(self._choice.scope)}.get(action, True)

    def on_choice_taken(self, taken: Choice.Taken) -> None:
        if not self._choice.scope:
            self._came_from = taken.key
            self._ask(msgspec.structs.replace(self._choice, scope=taken.key))

    def action_sort(self) -> None:
        self._ask(msgspec.structs.replace(self._choice, by_share=not self._choice.by_share))

    def action_leave(self) -> None:
        self._ask(msgspec.structs.replace(self._choice, scope=""))

    def _ask(self, choice: BudgetAsked) -> None:
        self._choice = choice
        self.paint(self.sight.clock())
