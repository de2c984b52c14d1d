"""What a session runs with, recorded when it is opened: models, caps, rules. A resume takes it from the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from swarm.choice.complexity import Complexity, classify
from swarm.connect import Roster
from swarm.messages import Arm
from swarm.money.caps import Cap, day_scope, session_scope, task_scope
from swarm.prompts.build import AGENTS, module
from swarm.roles.job import OUTPUT_TOKENS, PLAN_TOKENS, VERDICT_TOKENS
from swarm.task import Budget, Role, RoleConfig, Task
from swarm.text.tokens import MESSAGE_TOKENS, REQUEST_TOKENS

FRAMING_TOKENS = 1024  # what a role's own words, section titles and an answer schema add to the task's, at the most


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
    """The token cap of a file that names none: for each task, what all of its roles can take in all of its attempts.

    `tasks` are tasks with their level and the bytes of their inputs. (inputs + level's allowance) x roles x (1 + retries),
    DESIGN section 4; inputs are counted as a reservation counts them, a token a byte.
    """
    total = 0
    for task, complexity, input_bytes in tasks:
        system = max(len(module(role).encode()) for role in AGENTS)
        given = input_bytes + len(task.prompt.encode()) + system + FRAMING_TOKENS + REQUEST_TOKENS + 4 * MESSAGE_TOKENS
        draft = OUTPUT_TOKENS[complexity.level]
        attempt = (given + 4 * draft + draft) + (
            given + 4 * draft + VERDICT_TOKENS
        )  # a draft comes back in bytes, 4 a token
        plan = given + PLAN_TOKENS if explores(task, complexity) else 0
        total += plan * 2 + attempt * task.limits.attempts * (MOST_PLANNED if plan else 1)
    return total


MOST_PLANNED = 3  # steps that the cap of an explored task allows for; a longer plan may need a budget of its own


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
