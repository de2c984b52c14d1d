"""The view of budgets: what holds, what is left of it, how fast it goes, and what used it up."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.feed import BudgetAsked, BudgetsOf, Sight
from tui.live import Live
from tui.sheet import Sheet
from tui.views.opening import OpeningView


class BudgetView(OpeningView):
    """All scopes, or the history of one."""

    WORD = "Budget"
    PANE = "scopes"
    FOOTER = "enter history  s sort"
    ONLY_ALL = frozenset({"sort"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort by share of the cap, or as a tree"),
        Binding("escape", "leave", "back to all scopes"),
    ]

    def __init__(self, sight: Sight, look_up: BudgetsOf) -> None:
        self._by_share = False

        async def look(live: Live, now: int, scope: str) -> Sheet:
            return await look_up(live, now, BudgetAsked(scope=scope, by_share=self._by_share))

        super().__init__(sight, look)

    def asked(self) -> Hashable:
        return self.opened, self._by_share

    @property
    def chosen_scope(self) -> str:
        return (self.opened or self.chosen).partition(" ")[2]  # behind the unit of its line

    def action_sort(self) -> None:
        self._by_share = not self._by_share
        self.paint(self.sight.clock())
