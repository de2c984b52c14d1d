"""What the view of costs shows: the report of `swarm cost` as of a place in the log, and the files that are made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from events.log import Entry, EventLog, LogError
from events.spending import Spending
from events.types.upkeep import LogArchived
from events.views.base import begin
from events.views.cost import Cost, Payer, narrowed
from events.views.drafts import DraftsView
from events.views.skillcost import SkillCostView
from events.views.spending import SpendingView
from swarm.cli.budget_scope import Here
from swarm.cli.cost_report import plain_rows
from swarm.cli.cost_skills import rows_of, told
from swarm.cli.lookup.cost_lines import Found, before_period, cost_sheet
from swarm.cli.lookup.folded import Folded
from swarm.cli.recorded import local_time, zone_of
from swarm.cli.rows import csv_text
from swarm.errors import SwarmError
from swarm.insight.budgets import shared_scopes
from swarm.insight.periods import Period, moment, period_of
from swarm.insight.rows import recorded_rows
from swarm.insight.spent import (
    SKILL,
    asked_of,
    fields_of,
    held_in,
    missing_rows,
    report_of,
    rows_of_settings,
    summed,
)
from swarm.messages import Price
from swarm.settings.load import Loaded
from tui.costs import CostAsked, CostSheet, Form
from tui.live import Live
from tui.newfile import NotSaved


class Costs(msgspec.Struct):
    """What is folded of the whole log, in one reading."""

    spending: SpendingView
    drafts: DraftsView

    def apply(self, entry: Entry) -> None:
        self.spending.apply(entry)
        self.drafts.apply(entry)


class LogCosts:
    """Looks the costs up. `is_past`: the view model is that of a replay, and a page of the whole log would not be of its place."""

    def __init__(self, log: EventLog, loaded: Loaded, *, is_past: bool) -> None:
        self.forms: tuple[Form, ...] = ("csv",) if is_past else ("csv", "html")
        self._log, self._loaded = log, loaded
        self._zone = zone_of(loaded.settings)
        self._costs = Folded(log, _begin_costs)
        self._skills = Folded(log, _begin_skills)
        self._prices: dict[str, Price] = rows_of_settings(loaded.settings)
        self._unknown: set[str] = set()  # price rows that the log does not have either
        self._one_look = asyncio.Lock()  # the folds move with each

    async def sheet(self, live: Live, now: int, asked: CostAsked) -> CostSheet:
        position = live.position
        async with self._one_look:
            return cost_sheet(await self._found(position, now, asked), asked)

    def file_name(self, now: int, asked: CostAsked, form: Form) -> str:
        period = self._period(now, asked)
        by = f"-by-{asked.by}" if form == "csv" else ""
        return f"swarm-cost-{period.label}{by}.{form}"

    async def text(self, live: Live, now: int, asked: CostAsked, form: Form) -> str:
        position = live.position
        try:
            if form == "html":
                return await self._page(now, asked)
            async with self._one_look:
                return csv_text(*plain_rows((await self._found(position, now, asked)).report))
        except (LogError, SwarmError) as error:
            raise NotSaved(str(error)) from error

    def _period(self, now: int, asked: CostAsked) -> Period:
        period = period_of(asked.period, local_time(now, self._zone).date())
        assert period is not None, "a day, a week and a month are periods"
        return period

    async def _found(self, position: int, now: int, asked: CostAsked) -> Found:
        costs = await self._costs.at(position)
        period, today = self._period(now, asked), local_time(now, self._zone)
        spending = await self._spending(costs.spending, asked, period, today)
        held = held_in(spending.costs, period)
        prices = await self._prices_of(held)
        report = report_of(spending, (asked.by,), {}, period, today, self._loaded.settings, prices)
        if asked.by != SKILL:
            before = summed(held_in(spending.costs, before_period(period)), (asked.by,))
        else:
            view = await self._skills.at(position)
            rows = rows_of(view, (SKILL,), {}, period, carried=False)
            before = list(rows_of(view, (SKILL,), {}, before_period(period), carried=False))
            report = msgspec.structs.replace(report, rows=rows, notes=(*report.notes, *told(view, carried=False)))
        begins, ends = (moment(day, self._zone) for day in (period.first, period.last + timedelta(days=1)))
        judged = [draft for draft in costs.drafts.drafts.values() if begins <= draft.judged_at < ends]
        return Found(report=report, period=period, held=held, before=before, judged=judged)

    async def _spending(self, view: SpendingView, asked: CostAsked, period: Period, today: datetime) -> Spending:
        fields = (*fields_of(asked.by), "tier", "price")
        costs: dict[Payer, Cost] = {}
        for payer, cost in view.cost.costs.items():
            costs.setdefault(narrowed(payer, fields), Cost()).add(cost)
        archived = await self._log.archived()
        before = archived.event.before if archived is not None and isinstance(archived.event, LogArchived) else 0
        findings = view.findings(asked_of(period, today, self._zone))
        return Spending(costs=costs, findings=findings, archived=before)

    async def _prices_of(self, held: Mapping[Payer, Cost]) -> dict[str, Price]:
        """With those rows that only the log has; each is looked for once."""
        missing = missing_rows(held, self._prices) - self._unknown
        if missing:
            self._prices |= await recorded_rows(self._log, missing)
            self._unknown |= missing - self._prices.keys()
        return self._prices

    async def _page(self, now: int, asked: CostAsked) -> str:
        """The page of `swarm report --html`, made beside the screen, which goes on being drawn."""
        from swarm.cli.report_html import page_text

        settings = self._loaded.settings
        where = Here(self._loaded, shared_scopes(Path.cwd().name, settings.time_zone, now), now)
        return await anyio.to_thread.run_sync(anyio.run, page_text, where, asked.period, False)


async def _begin_costs(log: EventLog) -> tuple[Costs, int]:
    spending, after = await begin(log, SpendingView())
    return Costs(spending, DraftsView()), after


async def _begin_skills(log: EventLog) -> tuple[SkillCostView, int]:
    return await begin(log, SkillCostView())
