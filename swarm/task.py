"""What a task is: the structs that a task file becomes, which the log records and a resume reads back.

Everything is in one normal form: a list that was written as a scalar is a tuple, `20k` is 20000, `$0.05` is 50000000
nano-dollars, a path is relative to the project's folder. How people may write it is the matter of `taskfile.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from swarm.messages import Tier
from swarm.units import parse_tokens, parse_usd, shortened

Role = Literal["explorer", "worker", "validator"]
Format = Literal["text", "markdown", "json", "patch"]

ROLES: tuple[Role, ...] = ("explorer", "worker", "validator")
"""In the order in which they take part."""

MOST_ATTEMPTS = 20

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A cap. None is no cap of that kind; a cap of 0 nano-dollars allows what is free."""

    tokens: int | None = None
    usd_nanos: int | None = None  # billionths of a US dollar
    on_exceed: Literal["fail"] = "fail"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds a task besides its budget. None is no limit of that kind."""

    time_s: float | None = None  # from the task's start to its end
    attempts: int = 3  # tries of one step, 1 to 20
    turns: int | None = None  # calls of one attempt


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """What a task is given to read: exactly one of `files`, `text` and `from_task`."""

    files: tuple[str, ...] = ()  # globs
    text: str | None = None
    from_task: str | None = None  # the id of a task that stands in `needs`
    max_tokens: int | None = None
    load: Literal["full", "name"] = "full"  # name: only the names of the files


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a task writes."""

    path: str
    format: Format = "text"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that no model decides: exactly one of `run`, `schema`, `contains`, `not_contains`, `regex` and `file`."""

    run: str | None = None  # shell command, passes with exit code 0
    schema: Mapping[str, Any] | str | None = None  # JSON Schema of the result, or the path of a file that holds it
    contains: str | None = None  # text that the result must hold
    not_contains: str | None = None  # text that the result must not hold
    regex: str | None = None  # searched for in the result
    file: str | None = None  # path that must exist in the work copy
    name: str | None = None  # what it is called on screen
    required: bool = True  # False: shown, rejects nothing
    timeout_s: float = 300.0  # for `run`
    feedback: str | None = None  # what the next attempt is told when it fails
    ignore_case: bool = False  # for `contains`, `not_contains` and `regex`


class RoleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a task asks of one role. Empty = what the task or the settings say."""

    tiers: tuple[Tier, ...] = ()
    models: tuple[str, ...] = ()  # names in settings
    prompt: str | None = None  # added to the role's own


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work that is accepted or not."""

    id: str
    prompt: str
    title: str = ""
    needs: tuple[str, ...] = ()  # ids of the tasks that must be accepted before this one starts
    inputs: tuple[Input, ...] = ()
    output: Output | None = None  # where the result goes; None = only shown
    checks: tuple[Check, ...] = ()
    accept: tuple[str, ...] = ()  # in prose, for the judge
    roles: Mapping[Role, RoleConfig] = {}
    tiers: tuple[Tier, ...] = ()  # the tiers that may take part; empty = all
    budget: Budget | None = None
    limits: Limits = Limits()
    judge: Literal["free", "paid"] = "free"
    explore: bool | None = None  # None = by the task's complexity
    env: Mapping[str, str] = {}  # environment variables of its commands


class TaskFile(msgspec.Struct, frozen=True, kw_only=True):
    """A task file that was read and found right."""

    path: str  # as the caller named it
    name: str
    tasks: tuple[Task, ...]  # in file order, at least one
    budget: Budget | None = None  # of the whole run

    @property
    def commands(self) -> tuple[str, ...]:
        """Every shell command in the file, in file order."""
        return tuple(command for _, command in self._commands_with_env())

    @property
    def commands_digest(self) -> str:
        """What a confirmation stands for: SHA-256 (hex) over the commands and the variables that they are run with.

        The same commands give the same digest wherever the file lies; one added, changed or moved gives another.
        """
        told = [{"env": env, "run": command} for env, command in self._commands_with_env()]
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()

    def _commands_with_env(self) -> list[tuple[Mapping[str, str], str]]:
        return [(task.env, check.run) for task in self.tasks for check in task.checks if check.run is not None]


def is_id(text: str) -> bool:
    """Say whether `text` can be the id of a task: `[a-z0-9][a-z0-9_-]*`, up to 64 characters."""
    return _ID.fullmatch(text) is not None


def made_id(name: str) -> str:
    """Make an id of any name: `Weekly docs` becomes `weekly-docs`; `task` where nothing of it can stay."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:64] or "task"


def parse_budget(text: str) -> Budget:
    """Read a budget that is one amount: `$0.05` caps money, `20k` caps tokens.

    Raises ValueError with the sentence to show, also at a number alone, which could be either.
    """
    text = text.strip()
    if text.startswith("$"):
        return Budget(usd_nanos=parse_usd(text))
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f"{shortened(text)} says neither dollars nor tokens; write ${text[:20]} or {text[:20]}k")
    return Budget(tokens=parse_tokens(text))
