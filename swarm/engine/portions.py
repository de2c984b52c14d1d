"""Who may take how much of a split budget, call by call: the shares, what was used of them, and what each will still need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from events.log import EventLog
from events.scopes import agent_scope, role_scope
from events.views.experience import experience
from events.views.history import Doer
from events.views.money import MoneyView
from events.views.tasks import TaskState
from swarm.money.allowances import allowance
from swarm.money.caps import Need, ShareCap, Shares, Used, session_scope, task_scope
from swarm.money.prices import most_nanos
from swarm.money.split import Part, caps_in_force, held_back, shares_of
from swarm.plan import MOST_PLANNED, Plan
from swarm.task import AGENTS, CONTEXT, ROLES, Portion, Role, Task
from swarm.text.tokens import BYTES_A_TOKEN

if TYPE_CHECKING:
    from swarm.estimate.odds import Odds

EVERY_TASK = "*"
"""In the place of a task in a scope: that of a role in a whole run, which a reservation names where the run's budget is split."""

_KNOWN: Mapping[str, Role] = {role: role for role in ROLES}
"""The roles that have shares, by name: who works beside them, such as for a hand-over, is not bound by any."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that is split, and in which scopes its roles count."""

    parent: str  # the scope of the budget
    tasks: str  # the scope of the task, or of every task, under which the roles' are
    portions: Mapping[str, Portion]
    task: str = ""  # the one whose work it pays; "" = every one of the session

    def name(self, role: Role) -> str:
        """By which name the calls of a role have their share: its agent's where that is named."""
        return AGENTS[role] if AGENTS[role] in self.portions else role

    def scope(self, role: Role) -> str:
        if self.name(role) == role:
            return role_scope(self.tasks, role)
        return agent_scope(self.tasks, role, AGENTS[role])


def splits_of(plan: Plan, session: int, task: Task) -> list[Split]:
    """The splits above the calls of a task: of the run's budget, and of its own."""
    found: list[Split] = []
    if plan.split:
        every = task_scope(session, EVERY_TASK)
        found.append(Split(parent=session_scope(session), tasks=every, portions=plan.split))
    if plan.task_caps and task.budget is not None and task.budget.split:
        mine = task_scope(session, task.id)
        found.append(Split(parent=mine, tasks=mine, portions=task.budget.split, task=task.id))
    return found


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
        self._known: dict[tuple[str, str, str], int] = {}  # tokens of a call by role, type and level of the task
        self._unjudged: set[str] = set()  # tasks on whose results no judge looks

    async def learn(self, task: Task) -> None:
        """Know what such work took before, where a split is above the task's calls. Raises LogError."""
        if not self._splits(task):
            return
        from swarm.estimate.estimate import is_judged  # only a split asks for what is to come
        from swarm.estimate.odds import Odds

        if not is_judged(task):
            self._unjudged.add(task.id)
        if self._odds is None:
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
        return splits_of(self._plan, self._session, task)

    def _caps(self, splits: Sequence[Split], role: Role, need: Need, used: Used) -> list[ShareCap]:
        return [cap for split in splits if (cap := self._cap(split, role, need, used)) is not None]

    def _cap(self, split: Split, role: Role, need: Need, used: Used) -> ShareCap | None:
        """The cap in force of a role's share, of each unit in which the budget is capped."""
        asked = {
            "tokens": need.most_input + need.most_output(need.output_tokens),
            "nanos": most_nanos(need.price, need.most_input, need.most_output(need.output_tokens)),
        }
        name, found = split.name(role), dict[str, Any]()
        forecasts: dict[Role, int] = {each: self._forecast(split, each) for each in ROLES}
        for unit, wanted in asked.items():
            above = next((cap for cap in need.caps if cap.scope == split.parent), None)
            whole = getattr(above, unit, None)
            if above is None or whole is None:
                continue
            shares = shares_of(split.portions, whole, unit)
            held = held_back(above, split.portions, unit)
            parts = [Part(name=CONTEXT, share=shares.get(CONTEXT, 0))]  # what it pays for is used by the roles
            for each, tokens in forecasts.items():
                share, taken = shares.get(split.name(each), 0), getattr(used(split.scope(each)), unit)
                forecast = tokens if unit == "tokens" else self._priced(split, tokens)
                forecast = max(0, share - taken) if forecast is None else forecast
                parts.append(Part(name=split.name(each), share=share, used=taken, forecast=forecast))
            in_force = caps_in_force(whole, parts, held=held, asking=name, need=wanted)
            found |= {unit: in_force[name], f"share_{unit}": shares.get(name, 0), f"whole_{unit}": whole}
        return ShareCap(scope=split.scope(role), name=name, **found) if found else None

    def _forecast(self, split: Split, role: Role) -> int:
        """The tokens that the role will probably still take, with room for its last reservation."""
        scope, tokens = self._money().scope(split.scope(role)), 0
        # where a call is in flight what it will come to is not known, so the mean of them says too little
        mean = scope.spent.tokens // scope.calls if scope.calls and not scope.reserved.tokens else None
        tasks = self._tasks()
        for state in (tasks[split.task],) if split.task else tasks.values():
            if count := calls_left(state, role, judged=state.name not in self._unjudged):
                each = mean if mean is not None else self._typical(role, state.type, state.complexity)
                tokens += count * each + _overhang(state)
        return tokens

    def _priced(self, split: Split, tokens: int) -> int | None:
        """What so many tokens will probably cost, by what those of this budget did; None where none were spent yet."""
        spent = self._money().scope(split.parent).spent
        if not tokens:
            return 0
        return tokens * spent.nanos // spent.tokens if spent.tokens else None

    def _typical(self, role: Role, type_: str, level: str) -> int:
        """The tokens of such a call: half of those in the log answered no more, else what its level allows."""
        key = (role, type_, level)
        if key not in self._known:
            assert self._odds is not None, "shares are asked for once the log was read"
            answer = self._odds.sizes(Doer(role, "", type_), level).quantile(50)
            self._known[key] = allowance(type_, level).input_tokens + answer
        return self._known[key]


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
