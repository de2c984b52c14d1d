"""What the view of budgets shows: every cap that holds at a place in the log, and the scopes that have none but spend."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import msgspec

from events.log import EventLog, session_name
from events.scopes import month_of, project_scope
from events.views.capped import CappedView
from events.views.money import MoneyView, ScopeState
from events.views.sessions import SessionState
from events.views.tasks import TaskState
from swarm.alive import lives
from swarm.cli.lookup.budget_lines import Told, budget_sheet
from swarm.cli.lookup.burns import Burns
from swarm.cli.lookup.folded import Folded
from swarm.cli.lookup.scope_history import ScopeHistory
from swarm.cli.recorded import zone_of
from swarm.insight.budgets import Terms, budgets_from, read_terms, shared_scopes
from swarm.money.days import Days
from swarm.settings.load import Loaded
from tui.feed import BudgetAsked
from tui.live import Live
from tui.sheet import Sheet

MOST_TASKS = 100  # whose budgets are shown, those at work first; `swarm budget` has all


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken of the view model before anything is waited for: it moves on meanwhile."""

    position: int
    now: int
    state: SessionState
    tasks: dict[str, TaskState]  # those whose budgets are shown, as they were submitted
    ended: frozenset[str]  # those of them that are
    left_out: int  # how many tasks are not
    money: MoneyView  # of the scopes that are shown
    shared: dict[str, str]  # by their short names the scopes that count where the log stands
    gone: frozenset[int]  # sessions whose owner is


class BudgetLookup:
    """Looks the sheet up. `is_past`: the view model is that of a replay, in which every owner still lived."""

    def __init__(self, log: EventLog, loaded: Loaded, *, is_past: bool) -> None:
        self._log, self._loaded, self._is_past = log, loaded, is_past
        self._zone = zone_of(loaded.settings)
        self._burns = Burns(log)
        self._histories = ScopeHistory(log, self._zone)
        self._capped: tuple[int, Folded[CappedView]] | None = None  # of which session
        self._terms: tuple[object, Terms] | None = None  # of which settings and tasks

    async def sheet(self, live: Live, now: int, asked: BudgetAsked) -> Sheet:
        """Raises LogError."""
        seen = seen_of(live, now, self._loaded, is_past=self._is_past)
        if seen is None:
            return Sheet(title="Budget", notes=([("no session yet; start one with `swarm run`", "faint")],))
        if asked.scope:
            return await self._histories.sheet(asked.scope, seen.position)
        own = await self._terms_of(seen)
        budgets = budgets_from(
            seen.money, self._loaded, seen.shared, own, session=seen.state.number, gone=set(seen.gone)
        )
        told = Told(
            budgets=budgets,
            burning=await self._burns.at(seen.position),
            capped=await self._capped_of(seen),
            now=now,
            zone=self._zone,
            left_out=seen.left_out,
            is_over=seen.state.claim is None,
            ended=seen.ended,
        )
        return budget_sheet(told, by_share=asked.by_share)

    async def _terms_of(self, seen: Seen) -> Terms:
        """Looked up again only where the settings or the tasks have changed."""
        of = (seen.state.settings_at, [(name, task.spec.at) for name, task in seen.tasks.items()])
        if self._terms is None or self._terms[0] != of:
            self._terms = of, await read_terms(self._log, seen.state, seen.tasks)
        return self._terms[1]

    async def _capped_of(self, seen: Seen) -> CappedView:
        session = seen.state.number

        async def begin(log: EventLog) -> tuple[CappedView, int]:
            return CappedView(), 0

        if self._capped is None or self._capped[0] != session:
            self._capped = session, Folded(self._log, begin, session=session)
        return await self._capped[1].at(seen.position)


def seen_of(live: Live, now: int, loaded: Loaded, *, is_past: bool) -> Seen | None:
    """Take what is needed of the view model; None where there is no session yet."""
    state = live.state
    if state is None:
        return None
    tasks = live.tasks.of(live.session)
    shown = {task.name for task in live.rows[:MOST_TASKS]}
    held = {name: task for name, task in tasks.items() if name in shown}
    shared = shared_scopes(Path(state.directory).name, loaded.settings.time_zone, now)
    days = Days()
    days.see(live.money.scopes)
    day = days.last(shared["day"])
    return Seen(
        position=live.position,
        now=now,
        state=msgspec.structs.replace(state),
        tasks=held,
        ended=frozenset(name for name, task in held.items() if task.status != "open"),
        left_out=len(tasks) - len(held),
        money=_money_of(live.money, live.session, shown),
        shared={**shared, "day": day, "month": month_of(day), "project": project_scope(Path(state.directory).name)},
        gone=frozenset() if is_past else _gone(live, now),
    )


def _money_of(money: MoneyView, session: int, tasks: Set[str]) -> MoneyView:
    """A copy of the scopes that no session has to itself, of the session, and of these tasks of it."""
    own = session_name(session)
    found = MoneyView(open=dict(money.open))
    for name, state in money.scopes.items():
        whose, _, rest = name.partition("/")
        if (whose == own and (not rest or rest.partition("/")[0] in {*tasks, "*"})) or not _is_sessions(whose):
            found.scopes[name] = _copy(state)
    return found


def _is_sessions(name: str) -> bool:
    return name[:1] == "s" and name[1:].isdecimal()


def _copy(state: ScopeState) -> ScopeState:
    amounts = {
        name: msgspec.structs.replace(getattr(state, name)) for name in ("spent", "reserved", "maybe_paid", "overran")
    }
    return msgspec.structs.replace(state, **amounts, marked=dict(state.marked), caps=dict(state.caps))


def _gone(live: Live, now: int) -> frozenset[int]:
    """The sessions with open calls that nobody will settle by itself, for their owner is gone."""
    states = live.sessions.sessions
    numbers = {held.session for held in live.money.open.values()}
    claims = {number: states[number].claim for number in numbers if number in states}
    return frozenset(number for number in numbers if (claim := claims.get(number)) is None or not lives(claim, now))
