"""The right column of the first view: who works, the budgets, what accepted work was done with, and what today costs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from events.log import LogError
from tui.crew import crew_sheet
from tui.feed import DayEnd, Mean, Sight
from tui.gauges import LEGEND, budget_rows
from tui.pipeline import tier_rows
from tui.rows import Row
from tui.sheet import Sheet, head_row, line_row, widths
from tui.spent import Today, spent_rows, spent_title, today_of
from tui.widgets.pane import Pane

_MINUTE_US = 60_000_000
_BUSY = 500  # events a second from which sums are drawn twice a second: nobody reads them faster
_REST_S = 1.0  # between two looks; one that takes long rests nine times as long, so that it never has more than a tenth


class _Made:
    """Rows that are made once for a version and a size."""

    def __init__(self, make: Callable[[int, int], list[Row]]) -> None:
        self.version: object = None
        self._make = make
        self._of: object = None
        self._rows: list[Row] = []

    def rows(self, pane: Pane) -> list[Row]:
        width, height = pane.scrollable_content_region.size
        if self._of != (self.version, width, height):
            self._of = self.version, width, height
            self._rows = self._make(width, height)
        return self._rows


class Beside(Vertical):
    """Drawn where the screen is wide."""

    def __init__(self, sight: Sight) -> None:
        super().__init__(id="swarm-beside")
        self._sight = sight
        self._means: list[Mean] = []
        self._end: DayEnd | None = None
        self._today = Today()
        self._now = 0
        self._next = 0.0
        self._wanted: dict[str, Hashable] = {}
        self._shown: dict[str, Hashable] = {}  # as of what that which is drawn was looked up
        self._rests: dict[str, float] = {}
        self._made: dict[str, _Made] = {}
        self._crew = self._pane("crew", self._crew_rows)
        self._budgets = self._pane("budgets", lambda width, _: budget_rows(sight.live, self._now, width))
        self._mix = self._pane("mix", lambda width, _: tier_rows(width, sight.live.census.tiers), focus=False)
        self._spent = self._pane("spent", lambda width, height: spent_rows(self._today, width, height))

    def _pane(self, id: str, make: Callable[[int, int], list[Row]], *, focus: bool = True) -> Pane:
        made = self._made[id] = _Made(make)

        def row(index: int, width: int) -> Row:
            return made.rows(pane)[index]

        pane = Pane(id=id, count=lambda: len(made.rows(pane)), row=row, focus=focus)
        return pane

    def compose(self) -> ComposeResult:
        self._crew.border_title = Content("Agents · pheromone")
        self._budgets.border_title = Content("Budgets")
        self._budgets.border_subtitle = Content(LEGEND)
        self._mix.border_title = Content("Tier mix of accepted tasks")
        yield from (self._crew, self._budgets, self._mix, self._spent)

    @property
    def is_settled(self) -> bool:
        """Whether what was looked up is of where the log stands."""
        return not self.region.width or all(self._shown.get(name) == what for name, what in self._asked().items())

    def paint(self, now: int) -> None:
        if not self.region.width:
            return
        live, self._now = self._sight.live, now
        if live.rate(now) > _BUSY and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _REST_S / 2
        self._look_up(now)
        minute = now // _MINUTE_US  # at midnight another day is today
        calls = tuple(call.position for call in live.tasks.calls(live.session))
        self._paint(self._crew, (calls, self._shown.get("means")))
        self._paint(self._budgets, (live.versions.budget, minute))
        self._paint(self._mix, tuple(sorted(live.census.tiers.items())))
        spent = (live.versions.budget, minute, self._end)
        if self._spent.is_stale(spent):
            self._today = today_of(live, now, self._sight.zone, self._end)
            self._paint(self._spent, spent)
            self._spent.border_title = Content(spent_title(self._today))

    def _paint(self, pane: Pane, version: object) -> None:
        self._made[pane.id or ""].version = version
        pane.paint(version)

    def _asked(self) -> dict[str, Hashable]:
        """What is to be looked up, each as of what."""
        position, minute = self._sight.live.position, self._now // _MINUTE_US
        asked: dict[str, Hashable] = {}
        if position and self._sight.lookups.means is not None:
            asked["means"] = position
        if position and self._sight.lookups.day_end is not None:
            asked["day_end"] = (self._sight.live.versions.budget, minute)
        return asked

    def _look_up(self, now: int) -> None:
        for name, what in self._asked().items():
            if self._wanted.get(name) != what and time.monotonic() >= self._rests.get(name, 0.0):
                self._wanted[name], self._rests[name] = what, float("inf")
                look = self._look_means(now) if name == "means" else self._look_ahead(now)
                self.run_worker(self._look(name, what, look), name=name, group=name, exclusive=True)

    async def _look(self, name: str, what: Hashable, look: Awaitable[None]) -> None:
        begun = time.monotonic()
        try:
            await look
        except LogError:
            pass  # what follows the log tells of it
        except Exception as error:
            self._sight.failures.tell(name, error)
        ended = time.monotonic()
        self._rests[name] = ended + max(_REST_S, 9 * (ended - begun))
        self._shown[name] = what

    async def _look_means(self, now: int) -> None:
        assert self._sight.lookups.means is not None, "it is asked for what can be looked up"
        self._means = await self._sight.lookups.means(self._sight.live, now)

    async def _look_ahead(self, now: int) -> None:
        assert self._sight.lookups.day_end is not None, "it is asked for what can be looked up"
        self._end = await self._sight.lookups.day_end(self._sight.live, now)

    def _crew_rows(self, width: int, height: int) -> list[Row]:
        live = self._sight.live
        types = {name: task.type for name, task in live.tasks.of(live.session).items()}
        sheet: Sheet = crew_sheet(live.tasks.calls(live.session), types, self._means)
        sizes = widths(sheet, width)
        head = [head_row(sheet, sizes)] if sheet.columns else []
        return [*head, *(line_row(sheet, line, sizes) for line in sheet.lines), *sheet.notes]
