"""What a session runs with, recorded when it is opened: models, caps, rules. A resume takes it from the record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict

from events.scopes import LOG, SHARED, agent_scope, month_of, project_scope, role_scope, schedule_scope
from events.views.verdicts import Drafts
from swarm.agents.profile import Agent
from swarm.cache.caching import Caching
from swarm.choice.complexity import Complexity, classify, usual_attempts
from swarm.connect import ENDPOINT, Roster
from swarm.errors import OTHER_TIER, SwarmError, UsageError
from swarm.messages import TIERS, Arm
from swarm.money.allowances import MORE, allowance
from swarm.money.caps import Cap, day_scope, session_scope, task_scope
from swarm.money.split import shares_of
from swarm.prompts.build import system_bytes
from swarm.prompts.length import TOKENS_A_WORD
from swarm.settings.complexity import ComplexityChanges
from swarm.settings.load import ChoiceSettings, Loaded, ScheduleConfig, Settings
from swarm.settings.ruletable import table_of
from swarm.settings.stages import StageSettings
from swarm.settings.toolrules import ToolSettings
from swarm.task import (
    CONTEXT,
    NAME_RULE,
    ROLES,
    TURNS,
    Budget,
    OnExceed,
    Portion,
    Role,
    RoleConfig,
    Task,
    TaskFile,
    agents_of,
    is_id,
)
from swarm.text.tokens import BYTES_A_TOKEN
from swarm.units import shortened

ROLE_BYTES = 4096  # what a role's own words, an approach, feedback and an answer schema add, as a reservation counts it
TOLD_BYTES = 6144  # what a use of tools adds to the next request, of which no single result may have more than 8 KiB
EXPECTED_ITEMS = 10  # of a task whose items are known only when it starts; more may need a budget of its own
MOST_PLANNED = 3  # steps that the cap of an explored task allows for; a longer plan may need a budget of its own


Beside = Literal["summariser", "auditor"]
"""Who works beside the roles of the cycle: their calls are counted as those of one."""

SUMMARISER: Literal["summariser"] = "summariser"
"""Who rewrites the hand-over of a halted task."""

AUDITOR: Literal["auditor"] = "auditor"
"""Who looks again at what was accepted."""

SUB_AGENT = "sub-agent"
"""Who does a part of a worker's step: the worker's caps are above its calls, and one of its own."""


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
    schedule: str = ""  # of which the session is a run; "" = none
    firing: int = 0  # of that schedule, by the position of its firing.due; 0 = none
    schedule_nanos: int | None = None
    schedule_tokens: int | None = None
    time_zone: str = ""  # IANA name; empty: the machine's own
    session_tokens: int | None = None  # before a session is prepared: what its type has where nobody named a budget
    session_nanos: int | None = None
    split: Mapping[str, Portion] = {}  # of the session's cap
    on_unknown: Literal["repeat", "ask", "fail"] = "repeat"
    judge: Literal["free", "paid"] = "free"
    tries: int = 4
    patience_s: float = 60.0
    choice: ChoiceSettings = ChoiceSettings()
    on_exceed: OnExceed = "summarise"  # at a cap that is no task's own
    task_caps: bool = True  # False: a person raised the cap of the run, and with it those of its tasks
    complexity: ComplexityChanges = ComplexityChanges()  # what settings change in the rules for type and complexity
    tools: ToolSettings = ToolSettings()  # what bounds those of its tasks
    stages: StageSettings = StageSettings()  # that texts pass on their way into a request
    subagent_tokens: int = 30_000  # the most that a sub-agent of a task may take
    attempts: Mapping[str, float] = {}  # by type of task how many drafts it took on average until one was accepted
    caching: Caching = Caching()  # which calls may get the answers of earlier ones
    batch: int = 0  # how many small tasks may share a request; 0: none
    paid_confirmed: bool = False  # a person said yes to paid calls, or gave a cap of their own

    def scopes(self, session: int, task: Task, now: int) -> tuple[str, ...]:
        """The scopes that a reservation for a call of the task names, the widest first."""
        shared = [day_scope(now, self.time_zone)]
        if self.schedule:
            shared.append(schedule_scope(self.schedule))
        return (*shared, session_scope(session), task_scope(session, task.id))

    def caps(self, session: int, project: str, task: Task, role: Role | Beside, now: int) -> tuple[Cap, ...]:
        """The caps above a call of a role of the task, the widest first."""
        day, *schedules, own, mine = self.scopes(session, task, now)
        budget = (task.budget if self.task_caps else None) or Budget()
        share = {str(name): config.budget for name, config in task.roles.items()}.get(role) or Budget()
        caps = (
            Cap(scope=LOG, tokens=self.log_tokens, nanos=self.log_nanos),
            Cap(scope=month_of(day), tokens=self.month_tokens, nanos=self.month_nanos),
            Cap(scope=day, tokens=self.day_tokens, nanos=self.day_nanos),
            Cap(scope=project_scope(project), tokens=self.project_tokens, nanos=self.project_nanos),
            *(Cap(scope=each, tokens=self.schedule_tokens, nanos=self.schedule_nanos) for each in schedules),
            Cap(scope=own, tokens=self.session_tokens, nanos=self.session_nanos),
            Cap(scope=mine, tokens=budget.tokens, nanos=budget.usd_nanos, holds_back=_holds_back(budget, role)),
            Cap(scope=role_scope(mine, role), tokens=share.tokens, nanos=share.usd_nanos),
            *_agent_caps(task, role, mine),
        )
        return tuple(cap for cap in caps if cap.tokens is not None or cap.nanos is not None)


def _agent_caps(task: Task, role: Role | Beside, mine: str) -> list[Cap]:
    """The caps of the agents that may fill the role, each over the agent's own calls for the task."""
    if role in (SUMMARISER, AUDITOR):
        return []
    return [
        Cap(scope=agent_scope(mine, role, agent.name), tokens=agent.tokens, nanos=agent.usd_nanos)
        for agent in agents_of(task, role)
    ]


SessionType = Literal["file", "direct", "cron", "sub-agent"]


def type_of(task: str | Path | TaskFile, schedule: str) -> SessionType:
    """Of which type a session is that a program begins and does not say it; a text is a prompt."""
    return "cron" if schedule else "direct" if isinstance(task, str) else "file"


_OF_TYPES = {"direct": "direct_tokens", "cron": "cron_tokens", "sub-agent": "subagent_tokens"}
"""By type of session the setting that caps it where nobody named a budget; any other by what its tasks can need."""


def _holds_back(budget: Budget, role: Role | Beside) -> bool:
    """Whether a tenth of a task's own cap is out of reach of a call: it is for the hand-over."""
    return budget.on_exceed == "summarise" and role != SUMMARISER


def whose_default(type_: str) -> str:
    """Where the cap of a session comes from for which nobody named a budget, and how one is named; "" where its tasks make it."""
    if type_ not in _OF_TYPES:
        return ""
    named = "`--budget`" if type_ == "direct" else "`--budget` or `budget:`"
    return f"the default of the type {type_} (`budget.{_OF_TYPES[type_]}` in your settings; name another with {named})"


def require_schedule(name: str) -> str:
    """Return the name of a schedule. Raises UsageError where it cannot be one."""
    if name and not is_id(name):
        raise UsageError(f"{shortened(name)} cannot be the name of a schedule: {NAME_RULE}")
    return name


def shared_caps(settings: Settings, schedule: str) -> dict[str, Any]:
    """The caps of scopes that no session has to itself, as the settings have them, by the fields of a plan."""
    own = settings.schedules.get(schedule, ScheduleConfig())
    caps = {name: cap for name, cap in asdict(settings.budget).items() if name not in _OF_TYPES.values()}
    if own.usd is not None:
        caps["schedule_nanos"] = own.usd
    if own.tokens is not None:
        caps["schedule_tokens"] = own.tokens
    return caps


def plan_of(loaded: Loaded, roster: Roster, *, confirmed: bool, type_: str = "file", schedule: str = "") -> Plan:
    """The rules of a new session of that type from the settings.

    Paid calls are confirmed by a person, or by a cap that a person set. Raises UsageError for the name of the schedule.
    """
    settings = loaded.settings
    return Plan(
        roster=roster,
        **shared_caps(settings, schedule),
        session_tokens=getattr(settings.budget, _OF_TYPES[type_]) if type_ in _OF_TYPES else None,
        schedule=require_schedule(schedule),
        time_zone=settings.time_zone,
        on_unknown=settings.on_unknown,
        judge=settings.judge,
        tries=settings.calls.tries,
        patience_s=settings.calls.patience_s,
        choice=settings.choice,
        complexity=settings.complexity,
        tools=settings.tools,
        stages=settings.stages,
        caching=Caching(
            exact=settings.answers != "off",
            near=settings.answers in ("near", "suggest"),
            suggests=settings.answers == "suggest",
            ttl_s=round(settings.answers_age_s),
            results=settings.tool_results,
            results_ttl_s=round(settings.tool_results_age_s),
        ),
        subagent_tokens=settings.budget.subagent_tokens,
        batch=settings.batch,
        paid_confirmed=confirmed
        or any(origin.kind != "default" and _bounds(key, schedule) for key, origin in loaded.origins.items()),
    )


def _bounds(key: tuple[str, ...], schedule: str) -> bool:
    """Whether a setting caps the money of a session of that schedule."""
    if key == ("budget", "schedule_usd"):
        return bool(schedule)
    return key == ("schedules", schedule, "usd") or (key[0] == "budget" and key[-1].endswith("_usd"))


def names_tokens(file: TaskFile) -> bool:
    """Whether the file itself says how many tokens the run may take: as a whole, or in each of a known number of tasks."""
    if file.budget is not None:
        return True
    return all(task.each is None and task.budget is not None and task.budget.tokens is not None for task in file.tasks)


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


def with_past(plan: Plan, drafts: Mapping[str, Drafts]) -> Plan:
    """The plan with what tasks of each type needed before, to the tenth of a draft with which factors say it."""
    verdicts = ((type_, each.accepted, each.rejected) for type_, each in sorted(drafts.items()))
    attempts = {type_: round(mean, 1) for type_, mean in usual_attempts(verdicts).items()}
    return msgspec.structs.replace(plan, attempts=attempts)


def classified(task: Task, plan: Plan, *, input_size: int, inputs: int) -> Complexity:
    """What the task is taken for, by the rules of the session; of what it is given to read, bytes and number of texts."""
    return classify(
        task.prompt,
        input_size=input_size,
        inputs=inputs,
        checks=len(task.checks),
        accept=task.accept,
        attempts=plan.attempts,
        table=table_of(plan.complexity),
    )


def explores(task: Task, complexity: Complexity) -> bool:
    """Whether an explorer plans the task: asked for, or it is complex."""
    return task.explore if task.explore is not None else complexity.level == "complex"


def answer_tokens(task: Task, complexity: Complexity) -> int:
    """What the answer of a task's draft may have at first."""
    allowed = allowance(complexity.type, complexity.level).output_tokens
    return task.limits.answer_tokens or max(allowed, (task.limits.words or 0) * TOKENS_A_WORD)


def default_tokens(tasks: Sequence[tuple[Task, Complexity, int]]) -> int:
    """The token cap of a file that names none, from its tasks with their level and the bytes of their inputs.

    A task with a budget of its own adds that; any other (inputs + prompts + its level's allowance) x turns x roles x
    (1 + retries), as providers count. A reservation takes a byte for a token, so the largest of them, of an answer that was cut before, is
    added once: those that find no room beside it wait until it is settled.
    """
    total = largest = 0
    for task, complexity, input_bytes in tasks:
        answer = answer_tokens(task, complexity)
        allowed, draft = allowance(complexity.type, complexity.level).input_tokens + answer, answer * MORE
        given = input_bytes + len(task.prompt.encode()) + len(task.needs) * BYTES_A_TOKEN * draft
        given += max(0, *(system_bytes(role, task) - ROLE_BYTES for role in ROLES))
        explored = explores(task, complexity)
        turns = (task.limits.turns or TURNS) if task.tools else 1
        steps, roles = (MOST_PLANNED, 3) if explored else (1, 2)
        largest = max(largest, given + ROLE_BYTES + steps * BYTES_A_TOKEN * draft + (turns - 1) * TOLD_BYTES)
        once = (given // BYTES_A_TOKEN + allowed) * turns * roles * steps * task.limits.attempts
        if task.budget is not None and task.budget.tokens is not None:
            once = task.budget.tokens
        total += once * _times(task)
    return total + largest


def _times(task: Task) -> int:
    """How often a task is done, as far as that can be known before the start."""
    if task.each is None:
        return 1
    return len(task.each.items) or EXPECTED_ITEMS


def context_room(plan: Plan, task: Task, role: Role, *, session: int = SHARED, caps: Sequence[Cap] = ()) -> int | None:
    """What each prompt of the role may hold of what the task is given to read, in tokens; None where no split says it.

    It is the least share of the context, of the run's budget and the task's, less the role's system words. `caps` are those
    in force above the role in a session: a person may have recorded others than the plan has.
    """
    most = {cap.scope: cap.tokens for cap in caps}
    splits = [(plan.split, most.get(session_scope(session), plan.session_tokens))]
    if plan.task_caps and task.budget is not None:
        splits.append((task.budget.split, most.get(task_scope(session, task.id), task.budget.tokens)))
    shares = [shares_of(split, whole, "tokens")[CONTEXT] for split, whole in splits if CONTEXT in split and whole]
    return min(shares) - system_bytes(role, task) if shares else None


def tier_ruled_out(rule: str) -> str:
    """The tier of a model that was excluded for its tier, by the rule that `allowed_arms` gave; "" where another rule did it."""
    return rule.removeprefix(OTHER_TIER).partition(" ")[0] if rule.startswith(OTHER_TIER) else ""


def has_judge(plan: Plan, task: Task) -> bool:
    """Whether a model may judge the task."""
    arms, barred = allowed_arms(plan, task, "validator")
    return any(arm.model not in barred for arm in arms)


def is_looked_at(plan: Plan, task: Task) -> bool:
    """Whether anything would find that a result of the task is wrong: a check, or a judge."""
    return any(check.required for check in task.gates) or has_judge(plan, task)


def allowed_arms(plan: Plan, task: Task, role: Role) -> tuple[list[Arm], dict[str, str]]:
    """The arms of the agents that may fill a role, and of models that may not take part why: tier, name, price.

    A model that only some of the agents may work on is an arm of these alone.
    """
    config = task.roles.get(role, RoleConfig())
    tiers = config.tiers or task.tiers
    agents = agents_of(task, role)
    arms = [
        arm for agent in agents for arm in plan.roster.arms(agent.name) if not agent.tiers or arm.tier in agent.tiers
    ]
    excluded = _agents_tiers(plan, agents, {arm.model for arm in arms})
    arms += [arm for arm in plan.roster.arms(agents[0].name) if arm.model in excluded]
    for arm in arms:
        if arm.model in excluded:
            continue
        if tiers and arm.tier not in tiers:
            excluded[arm.model] = f"{OTHER_TIER}{arm.tier} is not among {', '.join(tiers)}"
        elif config.models and arm.model not in config.models:
            excluded[arm.model] = "the task names other models for this role"
        elif arm.price is None:
            excluded[arm.model] = f"its price is unknown and a money cap holds; {_price_line(plan, arm.model)}"
        elif role == "validator" and not arm.may_judge:
            excluded[arm.model] = "it is too small to judge"
    return arms, excluded


def _agents_tiers(plan: Plan, agents: Sequence[Agent], allowed: Collection[str]) -> dict[str, str]:
    """Of the models that none of the agents may work on why."""
    tiers = [tier for tier in TIERS if any(tier in agent.tiers for agent in agents)]
    whose = f"{', '.join(tiers)}, the tiers of {' and '.join(agent.name for agent in agents)}"
    return {
        model.name: f"{OTHER_TIER}{model.tier} is not among {whose}"
        for model in plan.roster.models
        if model.name not in allowed
    }


def _price_line(plan: Plan, name: str) -> str:
    """What to add, so that a price is known: to the settings, or to the command line that named the server."""
    if any(model.name == name and model.provider == ENDPOINT for model in plan.roster.models):
        return "add `--price IN/OUT`, in US dollars per million tokens"
    return f'add `price = "IN/OUT"` to [models."{name}"]'
