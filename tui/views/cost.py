"""The view of costs: what a day, a week or a month cost, on what, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable
from textwrap import wrap
from typing import ClassVar, TypeVar, cast

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from tui.costs import (
    BYS,
    METRICS,
    PERIODS,
    TIERS,
    CostAsked,
    CostLookup,
    CostSheet,
    DayBar,
    Form,
    PeriodName,
)
from tui.feed import Sight
from tui.live import Live
from tui.rows import Row
from tui.saving import SaveScreen
from tui.sheet import Sheet
from tui.views.sheet import SheetView
from tui.widgets.bars import FILLS, mix_row
from tui.widgets.pane import Pane
from tui.words import Tone, cut

T = TypeVar("T")

_TONES: tuple[Tone, Tone, Tone] = ("good", "", "warn")  # of the parts of a day
_NAME = 16  # columns of what is told by name


class CostView(SheetView):
    """A table in the middle, its days on the left, and below what can be said of it."""

    WORD = "Cost"
    PANE = "costs"
    FOOTER = "d w m  o by  v $  c compare  e csv"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "period('day')", "today"),
        Binding("w", "period('week')", "this week"),
        Binding("m", "period('month')", "this month"),
        Binding("o", "by", "sum by the next: model, role, skill, task, tier"),
        Binding("v", "metric", "show the next: money, tokens, calls"),
        Binding("c", "compare", "compare with the period before"),
        Binding("e", "save('csv')", "write the table to a file (CSV)"),
        Binding("h", "save('html')", "write a page for a browser (HTML)"),
    ]

    def __init__(self, sight: Sight, costs: CostLookup) -> None:
        self._costs, self._choice = costs, CostAsked()

        async def look(live: Live, now: int) -> Sheet:
            return await costs.sheet(live, now, self._choice)

        super().__init__(sight, look)
        self._facts: list[Row] = []
        self._days_pane = Pane(id="costdays", count=lambda: len(self._found.days) + 4, row=self._day_row)
        self._facts_pane = Pane(id="costfacts", count=lambda: len(self._facts), row=lambda index, _: self._facts[index])
        self._days_pane.border_title = Content("Days")
        self._facts_pane.border_title = Content("What came of it")

    def compose(self) -> ComposeResult:
        with Horizontal(id="costupper"):
            yield self._days_pane
            yield self._pane
        yield self._facts_pane

    def first_focus(self) -> Pane:
        return self._pane

    def asked(self) -> Hashable:
        return self._choice

    def told(self, words: str) -> str:
        choice = self._choice
        for word in words.lower().split():
            if word in PERIODS:
                choice = msgspec.structs.replace(choice, period=word)
            elif word in BYS:
                choice = msgspec.structs.replace(choice, by=word)
            elif word in METRICS:
                choice = msgspec.structs.replace(choice, metric=word)
            else:
                return f"{cut(word, 40)} is nothing that costs are shown by; there is {', '.join((*PERIODS, *BYS, *METRICS))}"
        self._choice = choice
        return ""

    def paint(self, now: int) -> None:
        super().paint(now)
        self._days_pane.paint(self._looks)
        width = self._facts_pane.scrollable_content_region.width
        if self._facts_pane.is_stale((self._looks, width)):
            self._facts = _fact_rows(self._found, width)
            self._facts_pane.paint((self._looks, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Files of the forms that can be written, and no others."""
        return action != "save" or parameters[0] in self._costs.forms

    def action_period(self, name: str) -> None:
        self._ask(msgspec.structs.replace(self._choice, period=cast("PeriodName", name)))

    def action_by(self) -> None:
        self._ask(msgspec.structs.replace(self._choice, by=_next(BYS, self._choice.by)))

    def action_metric(self) -> None:
        self._ask(msgspec.structs.replace(self._choice, metric=_next(METRICS, self._choice.metric)))

    def action_compare(self) -> None:
        self._ask(msgspec.structs.replace(self._choice, compare=not self._choice.compare))

    def action_save(self, form: Form) -> None:
        live, now, choice = self.sight.live, self.sight.clock(), self._choice

        async def text() -> str:
            return await self._costs.text(live, now, choice, form)

        def left(said: str | None) -> None:
            if said:
                self.notify(f"written: {said}", markup=False)

        title = "Write the table" if form == "csv" else "Write a page for a browser"
        what = "the table, for programs" if form == "csv" else "the report, for a browser"
        name = self._costs.file_name(now, choice, form)
        asks = SaveScreen(name, {f".{form}": (what, text)}, title=title)
        self.app.push_screen(asks, left)  # pyright: ignore[reportUnknownMemberType]  # Textual leaves its type open

    @property
    def _found(self) -> CostSheet:
        return self.sheet if isinstance(self.sheet, CostSheet) else CostSheet(title=self.WORD)

    def _ask(self, choice: CostAsked) -> None:
        self._choice = choice
        self.paint(self.sight.clock())

    def _day_row(self, index: int, width: int) -> Row:
        days = self._found.days
        if index < len(days):
            return _day_row(days[index], days, width)
        number = index - len(days) - 1
        if not days or number < 0:
            return []
        return [(f"{FILLS[number]} ", _TONES[number]), (f"{TIERS[number]:<6} {self._found.tiers[number]}", "")]


def _day_row(day: DayBar, days: tuple[DayBar, ...], width: int) -> Row:
    """A day with its bar, as long as its share of the greatest day, and its sum."""
    most = max(sum(each.parts) for each in days)
    widest = max(len(each.said) for each in days)
    room = max(0, width - 8 - widest)
    whole = sum(day.parts)
    long = max(1, room * whole // most) if whole > 0 and room else 0
    parts: list[tuple[int, str, Tone]] = [(amount, FILLS[at], _TONES[at]) for at, amount in enumerate(day.parts)]
    bar = mix_row(long, parts) if long else []
    return [
        (f"{day.label} ", "faint"),
        *bar,
        (" " * (room - long), ""),
        (f" {day.said:>{widest}}", "" if whole else "faint"),
    ]


def _fact_rows(found: CostSheet, width: int) -> list[Row]:
    """The sentences, each in as many rows as it needs."""
    rows: list[Row] = []
    for fact in found.facts:
        room = width - _NAME
        lines = (wrap(fact.said, room, break_on_hyphens=False) or [""]) if room > 10 else [fact.said]
        for number, line in enumerate(lines):
            name = "" if number else fact.name
            rows.append([(f"{name:<{_NAME}}", "faint"), (line, fact.tone)])
    return rows


def _next(values: tuple[T, ...], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)]
