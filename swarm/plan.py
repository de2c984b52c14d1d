"""What a session runs with, recorded when it is opened: models, caps, rules. A resume takes it from the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from swarm.choice.complexity import Complexity, classify
from swarm.connect import Roster
from swarm.messages import Arm
from swarm.money.caps import Cap, day_scope, session_scope, task_scope
from swarm.prompts.build import AGENTS
from swarm.roles.job import OUTPUT_TOKENS
from swarm.task import Budget, Role, RoleConfig, Task

BYTES_A_TOKEN = 3  # of ordinary text, on the careful side (English has 4 to 5)
ROLE_TOKENS = 500  # what a role's own words, an approach, feedback and an answer schema add to the task's
ROLE_BYTES = 4096  # the same as a reservation counts it
MOST_PLANNED = 3  # steps that the cap of an explored task allows for; a longer plan may need a budget of its own


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one session. Amounts: tokens, nano-dollars."""

    roster: Roster
    day_nanos: int
    time_zone: str = ""  # IANA name; empty: the machine's own
    session_tokens: int | None = None
    session_nanos: int | None = None
    on_unknown: Literal["repeat", "ask", "fail"] = "repeat"
    judge: Literal["free", "paid"] = "free"
    tries: int = 4
    task_caps: bool = True  # False: a person raised the cap of the run, and with it those of its tasks
    paid_confirmed: bool = False  # a person said yes to paid calls, or gave a cap of their own

    def caps(self, session: int, task: Task, now: int) -> tuple[Cap, ...]:
        """The caps above a call of the task, the widest first."""
        budget = (task.budget if self.task_caps else None) or Budget()
        return (
            Cap(scope=day_scope(now, self.time_zone), nanos=self.day_nanos),
            Cap(scope=session_scope(session), tokens=self.session_tokens, nanos=self.session_nanos),
            Cap(scope=task_scope(session, task.id), tokens=budget.tokens, nanos=budget.usd_nanos),
        )


def classified(task: Task, input_size: int) -> Complexity:
    return classify(
        task.prompt,
        input_size=input_size,
        checks=len(task.checks),
        accept=task.accept,
    )


def explores(task: Task, complexity: Complexity) -> bool:
    """Whether an explorer plans the task: asked for, or it is complex."""
    return task.explore if task.explore is not None else complexity.level == "complex"


def default_tokens(tasks: Sequence[tuple[Task, Complexity, int]]) -> int:
    """The token cap of a file that names none, from its tasks with their level and the bytes of their inputs.

    A task with a budget of its own adds that; any other (inputs + prompt + the level's answer) x roles x (1 + retries), as
    providers count (DESIGN section 4). A reservation takes a byte for a token, so the largest of them is added once: those
    that find no room beside it wait until it is settled.
    """
    total = largest = 0
    for task, complexity, input_bytes in tasks:
        draft = OUTPUT_TOKENS[complexity.level]
        given = input_bytes + len(task.prompt.encode()) + len(task.needs) * BYTES_A_TOKEN * draft
        explored = explores(task, complexity)
        steps, roles = (MOST_PLANNED, 3) if explored else (1, 2)
        largest = max(largest, given + ROLE_BYTES + steps * BYTES_A_TOKEN * draft)
        if task.budget is not None and task.budget.tokens is not None:
            total += task.budget.tokens
        else:
            total += (given // BYTES_A_TOKEN + ROLE_TOKENS + draft) * roles * steps * task.limits.attempts
    return total + largest


def allowed_arms(plan: Plan, task: Task, role: Role) -> tuple[list[Arm], dict[str, str]]:
    """The arms of a role's agent, and of models that may not take part why: tier, name, price."""
    config = task.roles.get(role, RoleConfig())
    tiers = config.tiers or task.tiers
    arms = plan.roster.arms(AGENTS[role])
    excluded: dict[str, str] = {}
    for arm in arms:
        if tiers and arm.tier not in tiers:
            excluded[arm.model] = f"its tier {arm.tier} is not among {', '.join(tiers)}"
        elif config.models and arm.model not in config.models:
            excluded[arm.model] = "the task names other models for this role"
        elif arm.price is None:
            excluded[arm.model] = (
                f'its price is unknown and a money cap holds; add `price = "IN/OUT"` to [models."{arm.model}"]'
            )
        elif role == "validator" and not arm.may_judge:
            excluded[arm.model] = "it is too small to judge"
    return arms, excluded
