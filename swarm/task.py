"""What a task is: the structs that a task file becomes, which the log records and a resume reads back.

Everything is in one normal form: a list that was written as a scalar is a tuple, `20k` is 20000, `$0.05` is 50000000
nano-dollars, a path is relative to the project's folder. How people may write it is the matter of `taskfile/`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from swarm.agents.profile import PLAIN, Agent
from swarm.messages import Tier
from swarm.units import parse_tokens, parse_usd, shortened

Role = Literal["explorer", "worker", "validator"]
Format = Literal["text", "markdown", "json", "patch"]
Load = Literal["full", "extended", "essential", "relevant", "outline", "name"]
OnExceed = Literal["summarise", "fail", "ask"]
Changes = Literal["", "apply", "ask", "keep"]
Operator = Literal["", "not", "==", "!=", "<", "<=", ">", ">="]

ROLES: tuple[Role, ...] = ("explorer", "worker", "validator")
"""In the order in which they take part."""

AGENTS: Mapping[Role, str] = {role: PLAIN[role].name for role in ROLES}
"""The agent that fills each role where no other is named or matched."""

CHANGES: tuple[Changes, ...] = ("apply", "ask", "keep")
"""What may become of the files that tools changed beside the outputs; each next one is more careful than the one before."""

CONTEXT, SUMMARY, BUFFER = "context", "summary", "buffer"
"""What else may have a share of a split budget: what is given to read, the hand-over, and whoever needs more than its own."""

PRIORITIES: Mapping[str, int] = {"critical": 0, "high": 2, "normal": 5, "low": 8}
"""How urgent work is, by name: of 0 to 9, 0 goes first."""

NORMAL = PRIORITIES["normal"]

TURNS = 10
"""Calls of an attempt that has tools, where the task says no other number: the last of them has to be an answer."""

MOST_ATTEMPTS = 20
MOST_ITEMS = 1_000
"""How often one task may be done, once for each item."""

LEAST_SCORE = 0.7
"""What a rubric asks for where `min_score` says nothing."""

NAME_RULE = "a-z, 0-9, '_' and '-' make one, up to 64 characters, a letter or digit first"
"""What the id of a task and the name of a schedule may be, in words."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ITEM_ID = re.compile(rf"({_ID.pattern})\.([1-9][0-9]{{0,3}})")


WHOLE = 10_000
"""Hundredths of a percent that a budget has."""


class Portion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one gets of a split budget: exactly one of these."""

    hundredths: int | None = None  # of a percent
    tokens: int | None = None
    usd_nanos: int | None = None


class Budget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cap. None is no cap of that kind; a cap of 0 nano-dollars allows what is free.

    At the cap a task halts with a hand-over, which a model rewrites from what is held back for it (`summarise`), or it fails,
    or a person is asked.
    """

    tokens: int | None = None
    usd_nanos: int | None = None  # billionths of a US dollar
    on_exceed: OnExceed = "summarise"
    split: Mapping[str, Portion] = {}  # by role or agent, or one of CONTEXT, SUMMARY and BUFFER


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What bounds a task besides its budget. None is no limit of that kind."""

    time_s: float | None = None  # from the task's start to its end
    attempts: int = 3  # tries of one step, 1 to 20
    turns: int | None = None  # calls of one attempt
    escalations: int = 3  # times that it goes to a paid model because work of others was rejected
    answer_tokens: int | None = (
        None  # what a draft's answer may have; None = by the task's level, and more once it was cut
    )
    words: int | None = None  # the most that its result may have


class Input(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task is given to read: exactly one of `files`, `text` and `from_task`."""

    files: tuple[str, ...] = ()  # globs
    text: str | None = None
    from_task: str | None = None  # the id of a task that stands in `needs`
    max_tokens: int | None = None
    load: Load = "full"


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a task writes."""

    path: str
    format: Format = "text"
    schema: Mapping[str, Any] | str | None = None  # JSON Schema of the file, or the path of a file that holds it


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A gate: exactly one of `run`, `schema`, `contains`, `not_contains`, `regex`, `file`, `diff_within` and `rubric`.

    No model decides it, but for `rubric`, for which the judge gives a score.
    """

    run: str | None = None  # shell command, passes with exit code 0; a lookup is a reference to a variable in it
    schema: Mapping[str, Any] | str | None = None  # JSON Schema of the result, or the path of a file that holds it
    contains: str | None = None  # text that the result must hold
    not_contains: str | None = None  # text that the result must not hold
    regex: str | None = None  # searched for in the result
    file: str | None = None  # path that must exist in the work copy
    diff_within: tuple[str, ...] = ()  # globs; no other file of the work copy may differ from the project's
    rubric: str | None = None  # what the judge gives a score for
    min_score: float = LEAST_SCORE  # 0 to 1, for `rubric`
    output: str | None = None  # the one of several outputs that is looked at; None = all of them
    name: str | None = None  # what it is called on screen
    required: bool = True  # False: shown, rejects nothing
    timeout_s: float = 300.0  # for `run`
    feedback: str | None = None  # what the next attempt is told when it fails
    ignore_case: bool = False  # for `contains`, `not_contains` and `regex`


class RoleConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task asks of one role. Empty = what the task or the settings say."""

    tiers: tuple[Tier, ...] = ()
    models: tuple[str, ...] = ()  # names in settings
    agent: tuple[str, ...] = ()  # names of the agents of which one fills it at a time
    prompt: str | None = None  # added to the role's own
    budget: Budget | None = None  # of its calls for the task, within the task's


class Each(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """For what a task is done once each: exactly one of `items`, `from_task` and `files`."""

    items: tuple[Any, ...] = ()  # as JSON has them
    from_task: str | None = None  # the id of a task that stands in `needs`
    field: tuple[str, ...] = ()  # where in its result, which is JSON, the list stands; empty: it is the list
    files: tuple[str, ...] = ()  # globs; an item is a path


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One comparison, or with the operators "" and "not" what is asked of a value alone."""

    name: str  # NEED.status, .passed, .failed, .total, .output, .output.FIELD, or vars.NAME
    op: Operator = ""
    value: str | int | float | bool | None = None


class When(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must hold for a task to be done: all of its conditions."""

    conditions: tuple[Condition, ...]
    vars: Mapping[str, str] = {}  # of the file, those that it speaks of


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of work that is accepted or not.

    The texts of a task with `each` hold lookups (`{{item}}`), which are filled when its items are known; those of any other
    are filled, but for `env`, whose values are filled when a command is run.
    """

    id: str
    prompt: str
    title: str = ""
    needs: tuple[str, ...] = ()  # ids of the tasks that must be accepted before this one starts
    inputs: tuple[Input, ...] = ()
    each: Each | None = None  # it is done once for each item
    when: When | None = None  # it is done only if that holds
    output: Output | None = None  # where the result goes; None = only shown
    outputs: Mapping[str, Output] = {}  # several files, by the names under which the answer holds them
    checks: tuple[Check, ...] = ()
    accept: tuple[str, ...] = ()  # in prose, for the judge
    roles: Mapping[Role, RoleConfig] = {}
    tiers: tuple[Tier, ...] = ()  # the tiers that may take part; empty = all
    tags: tuple[str, ...] = ()  # by which agents are matched to it
    agent: tuple[str, ...] = ()  # as of its worker; what `roles` says of that comes before it
    team: Mapping[
        Role, tuple[Agent, ...]
    ] = {}  # who fills a role, where that is not its plain agent; set when it is prepared
    budget: Budget | None = None
    limits: Limits = Limits()
    tools: tuple[str, ...] = ()  # the words of `tools`, as `toolnames` reads them; empty = it has none
    skills: tuple[str, ...] | None = None  # loaded whatever matches; None = those that match
    changes: Changes = ""  # what becomes of files that tools changed beside its outputs; "" = as settings say
    network: bool = False  # whether its commands may reach the network, where the policy has nothing against it
    priority: int = NORMAL  # from 0, which goes first where calls wait, to 9
    judge: Literal["free", "paid"] = "free"
    audit: Literal["", "free", "paid", "off"] = ""  # by whom its result may be looked at again; "" = as settings say
    explore: bool | None = None  # None = by the task's complexity
    start: Literal["", "free", "planned"] = ""  # whether a free model has the first try of a step; "" = as settings say
    env: Mapping[str, str] = {}  # environment variables of its commands, as they are written
    values: Mapping[
        str, str
    ] = {}  # what lookups stand for that are not filled yet, and what its commands find in variables

    @property
    def written(self) -> tuple[Output, ...]:
        """All files that it writes, in the order of the task file."""
        return (self.output,) if self.output is not None else tuple(self.outputs.values())

    @property
    def rubrics(self) -> tuple[Check, ...]:
        """Those of its checks for which the judge gives scores."""
        return tuple(check for check in self.checks if check.rubric is not None)

    @property
    def is_judged(self) -> bool:
        """Whether a judge looks at its result, where there is one: its checks alone are not enough."""
        return bool(self.accept or self.rubrics) or not any(check.required for check in self.gates)

    @property
    def gates(self) -> tuple[Check, ...]:
        """Those of its checks that no model decides."""
        return tuple(check for check in self.checks if check.rubric is None)


class TaskFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task file that was read and found right."""

    path: str  # as the caller named it
    name: str
    tasks: tuple[Task, ...]  # in file order, at least one
    budget: Budget | None = None  # of the whole run
    agents: tuple[Agent, ...] = ()  # its own, and those that were found beside it; of two with one name the first holds
    vars: Mapping[str, str] = {}  # as the file has them; what a command line says instead is in the tasks only
    schedule: Mapping[str, str] = {}  # when it is to be run, in the words of swarm/schedule/terms.py

    @property
    def commands(self) -> tuple[str, ...]:
        """Every shell command in the file, in file order."""
        return tuple(command for _, command in self._commands_with_env())

    @property
    def takes_over(self) -> tuple[str, ...]:
        """The ids of the tasks of which what tools change goes to the user's files without a question, in file order."""
        return tuple(task.id for task in self.tasks if task.tools and task.changes == "apply")

    @property
    def needs_trust(self) -> bool:
        """Whether a person has to confirm the file before it is run."""
        return bool(self.commands or self.takes_over)

    @property
    def commands_digest(self) -> str:
        """What a confirmation stands for: SHA-256 (hex) over the commands, what the file runs them with, and what it takes over.

        The same commands give the same digest wherever the file lies; one added, changed or moved gives another, and so does
        a variable or an item that the file gives them. A value from elsewhere (a command line, the environment, a model)
        changes nothing: it reaches a command as the content of a variable only.
        """
        told: list[Any] = [{"env": env, "run": command} for env, command in self._commands_with_env()]
        items = [task.each.items for task in self.tasks if task.each and any(check.run for check in task.checks)]
        if told and (self.vars or any(items)):
            told.append({"vars": self.vars, "items": items})
        if self.takes_over:
            told.append({"takes_over": self.takes_over})
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()

    def _commands_with_env(self) -> list[tuple[Mapping[str, str], str]]:
        return [(task.env, check.run) for task in self.tasks for check in task.checks if check.run is not None]


def is_id(text: str) -> bool:
    """Say whether `text` can be the id of a task, or the name of a schedule: `[a-z0-9][a-z0-9_-]*`, up to 64 characters."""
    return _ID.fullmatch(text) is not None


def agents_of(task: Task, role: Role) -> tuple[Agent, ...]:
    """Those of which one at a time fills the role of a task: at least one."""
    return task.team.get(role) or (PLAIN[role],)


def words_of(task: Task) -> str:
    """Return what the task is about, in its own words."""
    return "\n".join([task.title, task.prompt, *task.accept])


def item_id(task: str, number: int) -> str:
    """Return the id of the task that does the item with that number, from 1."""
    return f"{task}.{number}"


def is_item_id(text: str) -> bool:
    """Say whether `text` is the id of a task that does one item: `write.1`."""
    return _ITEM_ID.fullmatch(text) is not None


def made_id(name: str) -> str:
    """Make an id of any name: `Weekly docs` becomes `weekly-docs`; `task` where nothing of it can stay."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:64] or "task"


def with_budget(file: TaskFile, budget: Budget) -> TaskFile:
    """The file with another budget in place of its own, split as that was."""
    split = file.budget.split if file.budget is not None else dict[str, Portion]()
    return msgspec.structs.replace(file, budget=msgspec.structs.replace(budget, split=split))


def parse_portion(text: str) -> Portion:
    """Read what one gets of a split budget: `10%`, `2.5k`, `$0.01`. Raises ValueError with the sentence to show."""
    if text.strip().endswith("%"):
        number = text.strip().removesuffix("%").strip()
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", number):
            raise ValueError(f"{shortened(text)} is no share of a budget; write it as 10% or 12.5%")
        whole, _, part = number.partition(".")
        return Portion(hundredths=int(whole) * 100 + int(part.ljust(2, "0")))
    try:
        budget = parse_budget(text)
    except ValueError as error:
        raise ValueError(f"{error} or {text.strip()[:20]}%" if text.strip()[-1:].isdecimal() else str(error)) from None
    return Portion(tokens=budget.tokens, usd_nanos=budget.usd_nanos)


def portion_of(portion: Portion, whole: int, unit: str) -> int:
    """What a portion of a budget of `whole` is in a unit, "tokens" or "nanos"; one in the other unit is nothing of it."""
    if portion.hundredths is not None:
        return whole * portion.hundredths // WHOLE
    return (portion.tokens if unit == "tokens" else portion.usd_nanos) or 0


def parse_budget(text: str) -> Budget:
    """Read a budget that is one amount: `$0.05` caps money, `20k` caps tokens.

    Raises ValueError with the sentence to show, also at a number alone, which could be either.
    """
    text = text.strip()
    if text.startswith("$"):
        return Budget(usd_nanos=parse_usd(text))
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f"{shortened(text)} says neither dollars nor tokens; write ${text[:20]} or {text[:20]}k")
    try:
        return Budget(tokens=parse_tokens(text))
    except ValueError as error:  # a number alone, which is one of tokens elsewhere, would be refused here
        raise ValueError(f"{shortened(text)} is neither dollars nor tokens; write it as $0.05 or 20k") from error
