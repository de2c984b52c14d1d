"""A view of a sheet whose lines lead to sheets of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import ClassVar

from tui.feed import Sight
from tui.live import Live
from tui.sheet import Sheet
from tui.views.sheet import SheetView
from tui.widgets.pane import Choice

OpenedOf = Callable[[Live, int, str], Awaitable[Sheet]]
"""As `SheetOf`, of the line of a key; of all with ""."""


class OpeningView(SheetView):
    """All lines, or what one of them leads to. Going back, the line from which it went is chosen."""

    ONLY_ALL: ClassVar[frozenset[str]] = frozenset()  # actions that need all lines

    def __init__(self, sight: Sight, look_up: OpenedOf) -> None:
        self.opened = ""  # the key of the line that is looked into; "": all are seen
        self._came_from = ""
        self._drawn = ""  # into which line what is drawn looks

        async def look(live: Live, now: int) -> Sheet:
            return await look_up(live, now, self.opened)

        super().__init__(sight, look)

    def asked(self) -> Hashable:
        return self.opened

    def paint(self, now: int) -> None:
        super().paint(now)
        if not self._is_of_what_is_asked() or self.opened == self._drawn:
            return
        self._drawn = self.opened
        if self.opened or not self._pane.choose(self._came_from):
            self._pane.action_scroll_home()

    def _is_of_what_is_asked(self) -> bool:
        """Whether the lines that are drawn are of the line that is looked into now."""
        return self._shown is not None and self._shown[0] == self.asked() and not self._pane.is_stale(self._looks)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What holds for all lines does not hold for one, and only that can be left."""
        if action == "leave":
            return bool(self.opened)
        return not (action in self.ONLY_ALL and self.opened)

    def on_choice_taken(self, taken: Choice.Taken) -> None:
        if not self.opened:
            self._came_from = taken.key
            self._open(taken.key)

    def action_leave(self) -> None:
        self._open("")

    def _open(self, key: str) -> None:
        self.opened = key
        self.paint(self.sight.clock())
