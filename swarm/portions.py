"""Who may take how much of a split budget, call by call: the shares, what was used of them, and what each will still need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from events.log import EventLog
from events.scopes import agent_scope, role_scope
from events.views.experience import experience
from events.views.history import Doer
from events.views.money import MoneyView
from events.views.tasks import TaskState
from swarm.estimate.estimate import is_judged
from swarm.estimate.odds import Odds
from swarm.money.allowances import allowance
from swarm.money.caps import Need, ShareCap, Shares, Used, session_scope, task_scope
from swarm.money.prices import most_nanos
from swarm.money.split import Part, caps_in_force, shares_of
from swarm.plan import MOST_PLANNED, Plan
from swarm.task import AGENTS, CONTEXT, ROLES, SUMMARY, Portion, Role, Task
from swarm.text.tokens import BYTES_A_TOKEN

EVERY_TASK = "*"
"""In the place of a task in a scope: that of a role in a whole run, which a reservation names where the run's budget is split."""


_KNOWN: Mapping[str, Role] = {role: role for role in ROLES}
"""The roles that have shares, by name: who works beside them, such as for a hand-over, is not bound by any."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that is split, and in which scopes its roles count."""

    parent: str  # the scope of the budget
    tasks: str  # the scope of the task, or of every task, under which the roles' are
    portions: Mapping[str, Portion]
    states: Sequence[TaskState]  # the tasks whose work it pays

    def name(self, role: Role) -> str:
        """By which name the calls of a role have their share: its agent's where that is named."""
        return AGENTS[role] if AGENTS[role] in self.portions else role

    def scope(self, role: Role) -> str:
        if self.name(role) == role:
            return role_scope(self.tasks, role)
        return agent_scope(self.tasks, role, AGENTS[role])


class Portions:
    """The splits of one session. What was used is asked of the ledger when a call is decided."""

    def __init__(
        self,
        plan: Plan,
        session: int,
        *,
        log: EventLog,
        money: Callable[[], MoneyView],
        tasks: Callable[[], Mapping[str, TaskState]],
    ) -> None:
        self._plan, self._session, self._log = plan, session, log
        self._money, self._tasks = money, tasks
        self._odds: Odds | None = None
        self._unjudged: set[str] = set()  # tasks on whose results no judge looks

    async def learn(self, task: Task) -> None:
        """Know what such work took before, where a split is above the task's calls. Raises LogError."""
        if not is_judged(task):
            self._unjudged.add(task.id)
        if self._odds is None and self._splits(task):
            self._odds = Odds((await experience(self._log)).view.history)

    def named(self, task: Task, role: str) -> tuple[str, ...]:
        """The scopes that a reservation has to name, since nothing else says them: those of the role in the run."""
        every = task_scope(self._session, EVERY_TASK)
        known = _KNOWN.get(role)
        return tuple(split.scope(known) for split in self._splits(task) if known and split.tasks == every)

    def shares(self, task: Task, role: str) -> Shares | None:
        """What gives the caps in force of the splits above a call of the role; None where there is none."""
        splits = self._splits(task)
        known = _KNOWN.get(role)
        if not splits or known is None or self._odds is None:
            return None
        return partial(self._caps, splits, known)

    def _splits(self, task: Task) -> list[Split]:
        found: list[Split] = []
        if self._plan.split:
            every = task_scope(self._session, EVERY_TASK)
            own, states = session_scope(self._session), tuple(self._tasks().values())
            found.append(Split(parent=own, tasks=every, portions=self._plan.split, states=states))
        if self._plan.task_caps and task.budget is not None and task.budget.split:
            mine, state = task_scope(self._session, task.id), self._tasks()[task.id]
            found.append(Split(parent=mine, tasks=mine, portions=task.budget.split, states=(state,)))
        return found

    def _caps(self, splits: Sequence[Split], role: Role, need: Need, used: Used) -> list[ShareCap]:
        return [cap for split in splits if (cap := self._cap(split, role, need, used)) is not None]

    def _cap(self, split: Split, role: Role, need: Need, used: Used) -> ShareCap | None:
        """The cap in force of a role's share, of each unit in which the budget is capped."""
        asked = {
            "tokens": need.input_tokens + need.output_tokens,
            "nanos": most_nanos(need.price, need.input_tokens, need.output_tokens),
        }
        name, found = split.name(role), dict[str, int]()
        for unit, wanted in asked.items():
            caps = [getattr(cap, unit) for cap in need.caps if cap.scope == split.parent]
            whole = min((cap for cap in caps if cap is not None), default=None)
            if whole is None:
                continue
            shares = shares_of(split.portions, whole, unit)
            parts = self._parts(split, shares, used, unit)
            caps_now = caps_in_force(whole, parts, held=shares.get(SUMMARY, 0), asking=name, need=wanted)
            found |= {unit: caps_now[name], f"share_{unit}": shares.get(name, 0)}
        return ShareCap(scope=split.scope(role), name=name, **found) if found else None

    def _parts(self, split: Split, shares: Mapping[str, int], used: Used, unit: str) -> list[Part]:
        parts = [Part(name=CONTEXT, share=shares.get(CONTEXT, 0))]  # what it pays for is used by the roles
        for role in ROLES:
            name, scope = split.name(role), split.scope(role)
            share, taken = shares.get(name, 0), getattr(used(scope), unit)
            forecast = self._forecast(split, role, unit)
            if forecast is None:
                forecast = max(0, share - taken)
            parts.append(Part(name=name, share=share, used=taken, forecast=forecast))
        return parts

    def _forecast(self, split: Split, role: Role, unit: str) -> int | None:
        """What the role will still take, room for its last reservation included; None where its price is not known yet."""
        tokens = 0
        for state in split.states:
            count = calls_left(state, role, judged=state.name not in self._unjudged)
            if count:
                tokens += count * self._per_call(split, state, role) + _overhang(state)
        if unit == "tokens" or not tokens:
            return tokens
        spent = self._money().scope(split.parent).spent
        return tokens * spent.nanos // spent.tokens if spent.tokens else None

    def _per_call(self, split: Split, state: TaskState, role: Role) -> int:
        """The tokens of one call: as those of this budget were, else as the log has them of such work, else its allowance."""
        scope = self._money().scope(split.scope(role))
        if scope.calls and not scope.reserved.tokens:
            return scope.spent.tokens // scope.calls
        assert self._odds is not None, "shares are asked for once the log was read"
        answer = self._odds.sizes(Doer(role, "", state.type), state.complexity).quantile(50)
        return allowance(state.type, state.complexity).input_tokens + answer


def _overhang(state: TaskState) -> int:
    """What a reservation takes above what its call costs: it takes a byte for a token."""
    return allowance(state.type, state.complexity).input_tokens * (BYTES_A_TOKEN - 1)


def calls_left(state: TaskState, role: Role, *, judged: bool) -> int:
    """How many calls a role will probably still make for a task, were every draft accepted."""
    if state.status != "open" or state.children is not None:
        return 0
    planned = state.total or (MOST_PLANNED if state.explore else 1)
    accepted = sum(step.stage == "accepted" for step in state.steps)
    match role:
        case "explorer":
            return int(state.explore and not state.total)
        case "worker":
            return planned - accepted - sum(step.stage == "drafted" for step in state.steps)
        case "validator":
            return planned - accepted - (0 if judged else 1)
