"""Which caps hold, where each is from, and what of it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from events.lineage import fold_session
from events.log import EventLog, TextMissing, session_name
from events.scopes import LOG, SHARED, month_of, project_scope, schedule_scope, session_of
from events.views.base import fold
from events.views.money import MoneyView, ScopeState
from events.views.sessions import Claim, SessionState, SessionsView
from events.views.standing import standing
from events.views.tasks import TaskState, TasksView
from swarm.engine.portions import Split, splits_of
from swarm.errors import SwarmError
from swarm.money.caps import MARKS, RESERVE, Cap, day_scope
from swarm.money.split import shares_of
from swarm.session import recorded_plan
from swarm.settings.load import Loaded, ScheduleConfig
from swarm.task import ROLES, Task

UNITS = ("nanos", "tokens")
_FROM_TASK, _FROM_RUN = "task file", "the run: its file, --budget, or its levels"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that nobody recorded: from settings or a task file, as `source` says."""

    scope: str
    unit: str  # "nanos" or "tokens"
    most: int
    source: str


class Portioned(msgspec.Struct, frozen=True, kw_only=True):
    """What the split of a budget gives one of its names, beside what the calls of that role took. All of one unit."""

    scope: str  # whose budget is split
    name: str
    unit: str
    share: int
    spent: int | None = None  # None: no calls count as its own, as those of the context
    reserved: int | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One cap that holds, and what is used of it. All amounts are of its unit."""

    scope: str
    unit: str
    cap: int
    spent: int  # what was maybe paid included
    reserved: int
    maybe_paid: int
    lost: int  # of `reserved`: by calls whose owner is gone, which nobody will settle by itself
    kept: int  # of the cap: for the hand-over of its task, so that no call of a role may take it
    source: str

    @property
    def left(self) -> int:
        return max(0, self.cap - self.kept - self.spent - self.reserved)

    @property
    def per_mille(self) -> int:
        """What share of the cap is spent."""
        return self.spent * 1000 // self.cap if self.cap else 1000

    @property
    def is_reached(self) -> bool:
        """Whether a call that costs anything would be refused, whatever comes of the calls in flight."""
        return self.spent + self.lost >= self.cap - self.kept

    @property
    def is_near(self) -> bool:
        """Whether what is spent has passed the first mark."""
        return self.spent * 100 >= MARKS[0] * self.cap


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """The money of the shared scopes and of one session (0: of none), with the caps that were given and those recorded."""

    money: MoneyView
    given: tuple[Given, ...]
    lost: frozenset[int]  # open reservations whose owner is gone
    session: int = 0
    tasks: tuple[str, ...] = ()  # of the session, in their order
    shared: tuple[str, ...] = ()  # the scopes that no session has to itself and that count here and now
    reserving: frozenset[str] = frozenset()  # scopes of tasks that hold back a part of their caps for their hand-over
    splits: tuple[Split, ...] = ()
    notes: tuple[str, ...] = ()

    def cap(self, scope: str) -> Cap:
        """The cap of a scope that holds."""
        most = {held.unit: held.cap for held in self.held((scope,))}
        return Cap(scope=scope, nanos=most.get("nanos"), tokens=most.get("tokens"))

    def scopes(self) -> list[str]:
        """All scopes that have a cap: the shared ones that count today, then the session's own, the widest first."""
        given = [each.scope for each in self.given]
        mine = [name for name, state in self.money.scopes.items() if state.caps and session_of(name) == self.session]
        tasks = {task: number for number, task in enumerate(self.tasks)}

        def place(scope: str) -> tuple[int, int, int]:
            parts = scope.split("/")
            return session_of(scope), tasks.get(parts[1], 0) if len(parts) > 1 else -1, len(parts)

        own = {name for name in (*given, *mine) if self.session and session_of(name) == self.session}
        recorded = [name for name, state in self.money.scopes.items() if state.caps]
        schedules = [name for name in recorded if name.startswith(schedule_scope(""))]
        shared = [name for name in given if session_of(name) == SHARED]
        capped = {*shared, *recorded}
        wide = [name for name in (*self.shared, *shared, *schedules) if name in capped]
        return [*dict.fromkeys(wide), *sorted(own, key=place)]

    def held(self, scopes: Sequence[str]) -> list[Held]:
        """The caps of these scopes, money before tokens."""
        return [held for scope in scopes for unit in UNITS if (held := self._held(scope, unit)) is not None]

    def portions(self) -> Iterator[Portioned]:
        """What the splits of the session's and its tasks' budgets give, of the caps that hold now."""
        for split in self.splits:
            roles = {split.name(role): split.scope(role) for role in ROLES}
            for held in self.held((split.parent,)):
                for name, share in shares_of(split.portions, held.cap, held.unit).items():
                    state = self.money.scopes.get(roles[name], ScopeState()) if name in roles else None
                    part = Portioned(scope=split.parent, name=name, unit=held.unit, share=share)
                    if state is not None:
                        spent, reserved = getattr(state.spent, held.unit), getattr(state.reserved, held.unit)
                        part = msgspec.structs.replace(part, spent=spent, reserved=reserved)
                    if share:  # one that is named in the other unit has none of this
                        yield part

    def _held(self, scope: str, unit: str) -> Held | None:
        state = self.money.scopes.get(scope, ScopeState())
        given = next((each for each in self.given if (each.scope, each.unit) == (scope, unit)), None)
        recorded = state.caps.get(unit)
        if recorded is None and given is None:
            return None
        source = given.source if given else ""
        if recorded is not None:
            day = datetime.fromtimestamp(recorded.at // 1_000_000, UTC).date()
            source = f"set by {recorded.by} on {day} (event {recorded.position})"
        most = recorded.most if recorded is not None else given.most if given is not None else 0
        lost = [held for at, held in self.money.open.items() if at in self.lost and scope in held.path]
        return Held(
            scope=scope,
            unit=unit,
            cap=most,
            spent=getattr(state.spent, unit),
            reserved=getattr(state.reserved, unit),
            maybe_paid=getattr(state.maybe_paid, unit),
            lost=sum(getattr(held, unit) for held in lost),
            kept=most // RESERVE if scope in self.reserving else 0,
            source=source,
        )


def shared_scopes(project: str, zone: str, now: int) -> dict[str, str]:
    """The scopes that no session has to itself and that a call made now in this project counts in, by their short names."""
    day = day_scope(now, zone)
    return {"log": LOG, "month": month_of(day), "day": day, "project": project_scope(project)}


def shared_caps(loaded: Loaded, scopes: Mapping[str, str], *, project: str = "", schedule: str = "") -> Iterator[Given]:
    """The caps that the settings give those scopes, the schedules that they name, and a session's own project and schedule."""
    own_project = [("project", project_scope(project))] if project else []
    for short, scope in dict.fromkeys((*scopes.items(), *own_project)):
        for unit, key in (("nanos", f"{short}_usd"), ("tokens", f"{short}_tokens")):
            most = getattr(loaded.settings.budget, f"{short}_{unit}")
            if most is not None:
                yield Given(scope=scope, unit=unit, most=most, source=_source(loaded, ("budget", key)))
    own_schedule = {schedule: ScheduleConfig()} if schedule else {}
    for name, own in {**own_schedule, **loaded.settings.schedules}.items():
        for unit, key in (("nanos", "usd"), ("tokens", "tokens")):
            of_each = getattr(loaded.settings.budget, f"schedule_{unit}")
            most = of_each if getattr(own, key) is None else getattr(own, key)
            if most is not None:
                at = ("schedules", name, key) if getattr(own, key) is not None else ("budget", f"schedule_{key}")
                yield Given(scope=schedule_scope(name), unit=unit, most=most, source=_source(loaded, at))


def _source(loaded: Loaded, key: tuple[str, ...]) -> str:
    origin = loaded.origins.get(key)
    if origin is None:
        return "default"
    return origin.kind if origin.kind == "default" else f"{origin.kind} {origin.place}"


async def read_budgets(
    log: EventLog,
    loaded: Loaded,
    shared: Mapping[str, str],
    *,
    session: int,
    alive: Callable[[Claim], bool],
) -> Budgets:
    """How the shared scopes and those of the session stand, its project and its schedule included. Raises LogError."""
    known = (await standing(log)).view
    money = known.money
    own = NO_TERMS
    if session:
        money.own(session, await fold(log, MoneyView().only(session), session=session))
        state = (await fold(log, SessionsView(), session=session)).sessions[session]
        own = await read_terms(log, state, (await fold_session(log, TasksView(), session)).of(session))
    gone = {held.session for held in money.open.values() if not _is_held(known.claims.claims, held.session, alive)}
    return budgets_from(money, loaded, shared, own, session=session, gone=gone)


def budgets_from(
    money: MoneyView, loaded: Loaded, shared: Mapping[str, str], own: Terms, *, session: int, gone: Set[int]
) -> Budgets:
    """The same from what was folded and looked up. `gone` are sessions whose owner is: nobody settles their open calls."""
    given = (*shared_caps(loaded, shared, project=own.project, schedule=own.schedule), *own.given)
    return Budgets(
        money=money,
        given=given,
        lost=frozenset(at for at, held in money.open.items() if held.session in gone),
        session=session,
        tasks=own.tasks,
        shared=tuple(shared.values()),
        reserving=own.reserving,
        splits=own.splits,
        notes=own.notes,
    )


def _is_held(claims: Mapping[int, Claim], session: int, alive: Callable[[Claim], bool]) -> bool:
    return session in claims and alive(claims[session])


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a session has of its own, as its last owner had it: its caps, and in which shared scopes it counts."""

    project: str = ""
    schedule: str = ""
    tasks: tuple[str, ...] = ()
    given: tuple[Given, ...] = ()
    reserving: frozenset[str] = frozenset()
    splits: tuple[Split, ...] = ()
    notes: tuple[str, ...] = ()


NO_TERMS = Terms()


async def read_terms(log: EventLog, state: SessionState, tasks: Mapping[str, TaskState]) -> Terms:
    """The caps of a session, of these tasks of it and of their roles. Raises LogError."""
    session, own = state.number, session_name(state.number)
    known = Terms(project=Path(state.directory).name, tasks=tuple(tasks))
    try:
        plan = await recorded_plan(log, state)
    except (SwarmError, TextMissing) as error:
        lost = f"the caps with which {own} began are not known any more: {error}"
        return msgspec.structs.replace(known, notes=(lost,))
    specs = [spec for task in tasks.values() if (spec := await _spec(log, task)) is not None]
    missing = f"what some tasks of {own} were is not kept any more, and so are their caps"
    found: dict[str, Cap] = {}
    for spec in specs:
        for role in ROLES:
            found.update((cap.scope, cap) for cap in plan.caps(session, "", spec, role, 0) if session_of(cap.scope))
    given = tuple(
        Given(scope=cap.scope, unit=unit, most=most, source=_FROM_RUN if cap.scope == own else _FROM_TASK)
        for cap in found.values()
        for unit in UNITS
        if (most := getattr(cap, unit)) is not None
    )
    notes = (missing,) if len(specs) < len(tasks) else ()
    return msgspec.structs.replace(
        known,
        schedule=plan.schedule,
        given=given,
        reserving=frozenset(cap.scope for cap in found.values() if cap.holds_back),
        splits=tuple({split.parent: split for spec in specs for split in splits_of(plan, session, spec)}.values()),
        notes=notes,
    )


async def _spec(log: EventLog, task: TaskState) -> Task | None:
    try:
        return msgspec.json.decode(await log.text(task.spec.ref, at=task.spec.at), type=Task)
    except (TextMissing, msgspec.DecodeError):
        return None
