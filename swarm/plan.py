"""What a session runs with, recorded when it is opened: models, caps, rules. A resume takes it from the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from events.scopes import LOG, month_of, project_scope, role_scope
from swarm.choice.complexity import Complexity, classify
from swarm.connect import ENDPOINT, Roster
from swarm.errors import SwarmError
from swarm.messages import Arm
from swarm.money.caps import Cap, day_scope, session_scope, task_scope
from swarm.prompts.build import AGENTS
from swarm.roles.job import OUTPUT_TOKENS
from swarm.settings.complexity import ComplexityChanges
from swarm.settings.load import Loaded
from swarm.settings.ruletable import table_of
from swarm.task import Budget, Role, RoleConfig, Task, TaskFile
from swarm.text.tokens import BYTES_A_TOKEN

ROLE_TOKENS = 500  # what a role's own words, an approach, feedback and an answer schema add to the task's
ROLE_BYTES = 4096  # the same as a reservation counts it
EXPECTED_ITEMS = 10  # of a task whose items are known only when it starts; more may need a budget of its own
MOST_PLANNED = 3  # steps that the cap of an explored task allows for; a longer plan may need a budget of its own


class PlanUnreadable(SwarmError):
    """What a session ran with is not recorded in the form that this program has."""

    exit_code = 2

    def __init__(self, *, session: str, reason: str) -> None:
        super().__init__(
            f"the settings with which {session} ran cannot be read ({reason}); go on with the version of swarm that "
            "recorded them, or run its task file anew"
        )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one session. Amounts: tokens, nano-dollars."""

    roster: Roster
    day_nanos: int
    day_tokens: int | None = None
    month_nanos: int | None = None
    month_tokens: int | None = None
    project_nanos: int | None = None
    project_tokens: int | None = None
    log_nanos: int | None = None
    log_tokens: int | None = None
    time_zone: str = ""  # IANA name; empty: the machine's own
    session_tokens: int | None = None
    session_nanos: int | None = None
    on_unknown: Literal["repeat", "ask", "fail"] = "repeat"
    judge: Literal["free", "paid"] = "free"
    tries: int = 4
    task_caps: bool = True  # False: a person raised the cap of the run, and with it those of its tasks
    complexity: ComplexityChanges = ComplexityChanges()  # what settings change in the rules for type and complexity
    paid_confirmed: bool = False  # a person said yes to paid calls, or gave a cap of their own

    def scopes(self, session: int, task: Task, now: int) -> tuple[str, ...]:
        """The scopes that a reservation for a call of the task names, the widest first."""
        return (day_scope(now, self.time_zone), session_scope(session), task_scope(session, task.id))

    def caps(self, session: int, project: str, task: Task, role: Role, now: int) -> tuple[Cap, ...]:
        """The caps above a call of a role of the task, the widest first."""
        day, own, mine = self.scopes(session, task, now)
        budget = (task.budget if self.task_caps else None) or Budget()
        share = task.roles.get(role, RoleConfig()).budget or Budget()
        caps = (
            Cap(scope=LOG, tokens=self.log_tokens, nanos=self.log_nanos),
            Cap(scope=month_of(day), tokens=self.month_tokens, nanos=self.month_nanos),
            Cap(scope=day, tokens=self.day_tokens, nanos=self.day_nanos),
            Cap(scope=project_scope(project), tokens=self.project_tokens, nanos=self.project_nanos),
            Cap(scope=own, tokens=self.session_tokens, nanos=self.session_nanos),
            Cap(scope=mine, tokens=budget.tokens, nanos=budget.usd_nanos),
            Cap(scope=role_scope(mine, role), tokens=share.tokens, nanos=share.usd_nanos),
        )
        return tuple(cap for cap in caps if cap.tokens is not None or cap.nanos is not None)


def plan_of(loaded: Loaded, roster: Roster, *, confirmed: bool) -> Plan:
    """The rules of a new session from the settings. Paid calls are confirmed by a person, or by a cap that a person set."""
    settings = loaded.settings
    return Plan(
        roster=roster,
        **msgspec.structs.asdict(settings.budget),
        time_zone=settings.time_zone,
        on_unknown=settings.on_unknown,
        judge=settings.judge,
        tries=settings.calls.tries,
        complexity=settings.complexity,
        paid_confirmed=confirmed
        or any(
            origin.kind != "default" and key[-1].endswith("_usd")
            for key, origin in loaded.origins.items()
            if key[0] == "budget"
        ),
    )


def is_capped(file: TaskFile) -> bool:
    """Whether money is capped by the file itself: as a whole, or in each of its tasks."""
    if file.budget is not None and file.budget.usd_nanos is not None:
        return True
    return all(task.budget is not None and task.budget.usd_nanos is not None for task in file.tasks)


def read_plan(text: str, *, session: str) -> Plan:
    """Read a plan as it was recorded. Raises PlanUnreadable."""
    try:
        return msgspec.json.decode(text, type=Plan)
    except msgspec.DecodeError as error:
        raise PlanUnreadable(session=session, reason=str(error)) from error


def classified(task: Task, plan: Plan, *, input_size: int, inputs: int) -> Complexity:
    """What the task is taken for, by the rules of the session; of what it is given to read, bytes and number of texts."""
    return classify(
        task.prompt,
        input_size=input_size,
        inputs=inputs,
        checks=len(task.checks),
        accept=task.accept,
        table=table_of(plan.complexity),
    )


def explores(task: Task, complexity: Complexity) -> bool:
    """Whether an explorer plans the task: asked for, or it is complex."""
    return task.explore if task.explore is not None else complexity.level == "complex"


def default_tokens(tasks: Sequence[tuple[Task, Complexity, int]]) -> int:
    """The token cap of a file that names none, from its tasks with their level and the bytes of their inputs.

    A task with a budget of its own adds that; any other (inputs + prompt + the level's answer) x roles x (1 + retries), as
    providers count. A reservation takes a byte for a token, so the largest of them is added once: those
    that find no room beside it wait until it is settled.
    """
    total = largest = 0
    for task, complexity, input_bytes in tasks:
        draft = OUTPUT_TOKENS[complexity.level]
        given = input_bytes + len(task.prompt.encode()) + len(task.needs) * BYTES_A_TOKEN * draft
        explored = explores(task, complexity)
        steps, roles = (MOST_PLANNED, 3) if explored else (1, 2)
        largest = max(largest, given + ROLE_BYTES + steps * BYTES_A_TOKEN * draft)
        once = (given // BYTES_A_TOKEN + ROLE_TOKENS + draft) * roles * steps * task.limits.attempts
        if task.budget is not None and task.budget.tokens is not None:
            once = task.budget.tokens
        total += once * _times(task)
    return total + largest


def _times(task: Task) -> int:
    """How often a task is done, as far as that can be known before the start."""
    if task.each is None:
        return 1
    return len(task.each.items) or EXPECTED_ITEMS


_TIER_RULE = "its tier "


def tier_ruled_out(rule: str) -> str:
    """The tier of a model that was excluded for its tier, by the rule that `allowed_arms` gave; "" where another rule did it."""
    return rule.removeprefix(_TIER_RULE).partition(" ")[0] if rule.startswith(_TIER_RULE) else ""


def allowed_arms(plan: Plan, task: Task, role: Role) -> tuple[list[Arm], dict[str, str]]:
    """The arms of a role's agent, and of models that may not take part why: tier, name, price."""
    config = task.roles.get(role, RoleConfig())
    tiers = config.tiers or task.tiers
    arms = plan.roster.arms(AGENTS[role])
    excluded: dict[str, str] = {}
    for arm in arms:
        if tiers and arm.tier not in tiers:
            excluded[arm.model] = f"{_TIER_RULE}{arm.tier} is not among {', '.join(tiers)}"
        elif config.models and arm.model not in config.models:
            excluded[arm.model] = "the task names other models for this role"
        elif arm.price is None:
            excluded[arm.model] = f"its price is unknown and a money cap holds; {_price_line(plan, arm.model)}"
        elif role == "validator" and not arm.may_judge:
            excluded[arm.model] = "it is too small to judge"
    return arms, excluded


def _price_line(plan: Plan, name: str) -> str:
    """What to add, so that a price is known: to the settings, or to the command line that named the server."""
    if any(model.name == name and model.provider == ENDPOINT for model in plan.roster.models):
        return "add `--price IN/OUT`, in US dollars per million tokens"
    return f'add `price = "IN/OUT"` to [models."{name}"]'
