"""The account of a session or of a period: all that its reports tell, read from the log once. Sums follow from it by pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta, tzinfo

import msgspec

from events.lineage import fold_session
from events.log import Entry, EventLog
from events.scopes import LOG, day_and_zone, is_period, session_of
from events.types.choice import FREE_TIERS
from events.types.session import SessionOpened
from events.types.upkeep import LogArchived
from events.views.base import fold
from events.views.burn import Burnt, BurnView, Mark
from events.views.cost import Cost, CostView, Payer
from events.views.money import ScopeState
from events.views.sessions import SessionState, SessionsView
from events.views.skillcost import SkillCostView
from events.views.stages import StagesView
from events.views.tasks import TaskState, TasksView
from events.views.waste import WasteView, waste_past
from swarm.insight.periods import Period, moment
from swarm.insight.stages import Passed, passed
from swarm.insight.waste import Waste, tool_sizes, waste


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that holds, and what is spent of it; both of its unit."""

    scope: str
    unit: str  # "nanos" or "tokens"
    cap: int
    spent: int
    marked: int  # the highest share of it that was told, in percent; 0 = none


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of a session, or of the days of a period (None: of all that it holds)."""

    head: int  # the last position that was read
    session: SessionState | None
    period: Period | None
    costs: Mapping[Payer, Cost]
    total: Cost  # of them all
    skills: Sequence[tuple[tuple[str, ...], Cost]]  # by the skills that calls held
    tasks: tuple[TaskState, ...]  # in the order in which they were submitted
    burnt: tuple[Burnt, ...]
    marks: tuple[Mark, ...]
    stages: tuple[Passed, ...]
    waste: Waste
    caps: tuple[Cap, ...] = ()
    archived: bool = False  # a part of it was: that is in sums of money, and in nothing else


class Drafts(msgspec.Struct):
    """How the drafts of an arm were judged."""

    accepted: int = 0
    rejected: int = 0


class _Folds(msgspec.Struct):
    """What is folded in one pass."""

    cost: CostView = msgspec.field(default_factory=CostView)  # carried on behind an archive, as the others are not
    skills: SkillCostView = msgspec.field(default_factory=SkillCostView)
    tasks: TasksView = msgspec.field(default_factory=TasksView)
    burn: BurnView = msgspec.field(default_factory=BurnView)
    forks: list[int] = []
    head: int = 0

    def apply(self, entry: Entry) -> None:
        self.cost.apply(entry)
        self.skills.apply(entry)
        self.tasks.apply(entry)
        self.burn.apply(entry)
        if isinstance(entry.event, SessionOpened) and entry.event.parent:
            self.forks.append(entry.session)
        self.head = entry.position


class _OfSession(msgspec.Struct):
    folds: _Folds = msgspec.field(default_factory=_Folds)
    sessions: SessionsView = msgspec.field(default_factory=SessionsView)
    stages: StagesView = msgspec.field(default_factory=StagesView)
    waste: WasteView = msgspec.field(default_factory=WasteView)

    def apply(self, entry: Entry) -> None:
        self.folds.apply(entry)
        self.sessions.apply(entry)
        self.stages.apply(entry)
        self.waste.apply(entry)


async def account_of_session(log: EventLog, session: int) -> Account:
    """What one session did and cost by itself; tasks that it was forked with are among its own. Raises LogError."""
    own = await fold(log, _OfSession(), session=session)
    state = own.sessions.sessions.get(session)
    forked = state is not None and state.parent
    tasks = await fold_session(log, TasksView(), session) if forked else own.folds.tasks
    sizes = await tool_sizes(log, own.waste.lists)
    return Account(
        head=own.folds.head,
        session=state,
        period=None,
        costs=own.folds.cost.costs,
        total=own.folds.cost.total(),
        skills=_by_skills(own.folds.skills, None),
        tasks=tuple(tasks.of(session).values()),
        burnt=tuple(own.folds.burn.burnt),
        marks=tuple(own.folds.burn.marks),
        stages=tuple(passed(own.stages)),
        waste=waste(own.waste, own.stages, sizes),
    )


async def account_of_period(log: EventLog, period: Period | None, zone: tzinfo | None) -> Account:
    """What all sessions did and cost in the days of a period, or ever. Raises LogError."""
    folds = await fold(log, _Folds())
    wasted, stages = await waste_past(log)
    sizes = await tool_sizes(log, wasted.view.lists)
    archived = await log.archived()
    costs = {payer: cost for payer, cost in folds.cost.costs.items() if _within(payer.day, period)}
    begins, ends = (0, 1 << 62) if period is None else bounds(period, zone)
    paid = {(payer.session, payer.task) for payer in costs}
    for fork in folds.forks:  # of what one took over that is its own on which it spent something
        inherited = (await fold_session(log, TasksView(), fork)).of(fork)
        own = {name: task for name, task in inherited.items() if (fork, name) in paid}
        folds.tasks.tasks[fork] = {**folds.tasks.of(fork), **own}
    return Account(
        head=folds.head,
        session=None,
        period=period,
        costs=costs,
        total=summed(costs.values()),
        skills=_by_skills(folds.skills, period),
        tasks=tuple(
            task
            for session in sorted(folds.tasks.tasks)
            for task in folds.tasks.of(session).values()
            if begins <= task.ended_at < ends or (session, task.name) in paid or period is None
        ),
        burnt=tuple(each for each in folds.burn.burnt if _within(each.day, period)),
        marks=tuple(mark for mark in folds.burn.marks if begins <= mark.at < ends),
        stages=tuple(passed(stages.view, period)),
        waste=waste(wasted.view, stages.view, sizes, period),
        archived=archived is not None
        and isinstance(archived.event, LogArchived)
        and (period is None or archived.event.before > begins),
    )


def bounds(period: Period, zone: tzinfo | None) -> tuple[int, int]:
    """The moments at which the days of a period begin, and are over."""
    return moment(period.first, zone), moment(period.last + timedelta(days=1), zone)


def capped(scopes: Mapping[str, ScopeState], held: Iterable[tuple[str, str, int]]) -> tuple[Cap, ...]:
    """What is spent of caps: scope, unit, and the most that it allows."""
    return tuple(
        Cap(
            scope=scope,
            unit=unit,
            cap=most,
            spent=getattr(scopes.get(scope, ScopeState()).spent, unit),
            marked=scopes.get(scope, ScopeState()).marked.get(unit, 0),
        )
        for scope, unit, most in held
    )


def concerns(account: Account, scope: str) -> bool:
    """Whether a cap of the scope is told in the account: of a session its own, of a period those that outlast it or are it."""
    if account.session is not None:
        return session_of(scope) == account.session.number
    if session_of(scope):
        return False
    name = account.period.name if account.period is not None else "all"
    day = day_and_zone(scope) is not None
    return not is_period(scope) or (name == "day" and day) or (name in ("day", "month") and not day)


def is_whole(account: Account, scope: str) -> bool:
    """Whether the scope is all that the account is of, so that its cap is the one that is burnt down."""
    if account.session is not None:
        return scope == f"s{account.session.number}"
    match account.period.name if account.period is not None else "all":
        case "day":
            return day_and_zone(scope) is not None
        case "month":
            return scope.startswith("month:")
        case "all":
            return scope == LOG
        case _:
            return False


def drafts_by_arm(tasks: Iterable[TaskState]) -> dict[str, Drafts]:
    """Drafts by agent@model, those of the most drafts first."""
    found: dict[str, Drafts] = {}
    for task in tasks:
        for step in task.steps:
            for arm, rejected in step.fails.items():
                found.setdefault(arm, Drafts()).rejected += rejected
            if step.stage == "accepted" and step.model:
                found.setdefault(f"{step.agent}@{step.model}", Drafts()).accepted += 1
    return dict(sorted(found.items(), key=lambda each: (-(each[1].accepted + each[1].rejected), each[0])))


def rejected_drafts(task: TaskState) -> int:
    return sum(sum(step.fails.values()) for step in task.steps)


def accepted_steps(task: TaskState) -> int:
    return sum(step.stage == "accepted" for step in task.steps)


def summed(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total.add(cost)
    return total


def tokens_of(cost: Cost) -> int:
    return cost.input_tokens + cost.output_tokens


def free_part(costs: Mapping[Payer, Cost]) -> Cost:
    """What ran on tiers that cost nothing."""
    return summed(cost for payer, cost in costs.items() if payer.tier in FREE_TIERS)


def _by_skills(view: SkillCostView, period: Period | None) -> list[tuple[tuple[str, ...], Cost]]:
    """By the names of the skills together; what an archive took is of none that is known."""
    found: list[tuple[tuple[str, ...], Cost]] = []
    for skills, part in sorted(view.costs.items()):
        held = summed(cost for payer, cost in part.costs.items() if _within(payer.day, period))
        if skills and held.calls:
            found.append((skills, held))
    return found


def _within(day: str, period: Period | None) -> bool:
    return period is None or (bool(day) and period.first.isoformat() <= day <= period.last.isoformat())
