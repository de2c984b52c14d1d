"""What the view of costs asks for, and what it is told."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import msgspec

from tui.live import Live
from tui.sheet import Sheet

PeriodName = Literal["day", "week", "month"]
By = Literal["model", "role", "skill", "task", "tier"]
Metric = Literal["cost", "tokens", "calls"]
Form = Literal["csv", "html"]

PERIODS: tuple[PeriodName, ...] = get_args(PeriodName)
BYS: tuple[By, ...] = get_args(By)
METRICS: tuple[Metric, ...] = get_args(Metric)
TIERS = ("free", "cheap", "paid")
"""The parts of a day's bar; what runs on one's own machine is free."""


class CostAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose in the view."""

    period: PeriodName = "week"
    by: By = "model"
    metric: Metric = "cost"
    compare: bool = False  # with the period before


class DayBar(msgspec.Struct, frozen=True):
    """A day, its amounts by the parts of `TIERS` in one unit, and their sum for people."""

    label: str
    parts: tuple[int, int, int]
    said: str


class Fact(msgspec.Struct, frozen=True):
    """What is said beside the table."""

    name: str
    said: str
    tone: Literal["", "good", "warn", "faint"] = ""


class CostSheet(Sheet, frozen=True, kw_only=True):
    """The table, with the days of the period and what else there is to say of it."""

    days: tuple[DayBar, ...] = ()
    tiers: tuple[str, str, str] = ("", "", "")  # the sums of `TIERS` for people
    facts: tuple[Fact, ...] = ()


class CostLookup(Protocol):
    """What is handed to the view."""

    forms: tuple[Form, ...]
    """In which files the costs can be written."""

    async def sheet(self, live: Live, now: int, asked: CostAsked) -> CostSheet:
        """As of where the view model stands in the log. Raises LogError."""
        ...

    def file_name(self, now: int, asked: CostAsked, form: Form) -> str:
        """The name that a file is given where nobody names another."""
        ...

    async def text(self, live: Live, now: int, asked: CostAsked, form: Form) -> str:
        """What such a file holds. Raises NotSaved."""
        ...
