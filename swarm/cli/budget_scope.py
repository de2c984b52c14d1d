"""What a person means by a scope, and how its caps are looked up."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import msgspec

from events.log import EventLog, system_clock
from events.scopes import month_of, role_scope
from events.views.sessions import Claim
from events.views.standing import standing
from swarm.alive import lives
from swarm.cli.names import find, last_session
from swarm.errors import UsageError
from swarm.insight.budgets import Budgets, read_budgets, shared_scopes
from swarm.money.caps import session_scope, task_scope
from swarm.money.days import Days
from swarm.settings.load import Loaded, load_settings
from swarm.task import ROLES

_PERIOD = re.compile(r"day:[0-9]{4}-[0-9]{2}-[0-9]{2}@\S+|month:[0-9]{4}-[0-9]{2}@\S+|project:.+|schedule:.+")


class Scope(msgspec.Struct, frozen=True):
    """A scope by the name that the ledger knows it by. Session 0: no session has it to itself."""

    name: str
    session: int = 0
    role: bool = False


class Here(msgspec.Struct, frozen=True):
    """The settings that hold here, and the shared scopes in which a call would count that is made here and now."""

    loaded: Loaded
    shared: dict[str, str]
    now: int

    @property
    def log(self) -> str:
        return self.loaded.settings.log


def here(args: argparse.Namespace) -> Here:
    flags = {"log": args.log} if args.log else {}
    return here_by(load_settings(Path.cwd(), environ=os.environ, flags=flags))


def here_by(loaded: Loaded) -> Here:
    """What holds in this folder, by settings that were read."""
    now = system_clock()
    return Here(loaded, shared_scopes(Path.cwd().name, loaded.settings.time_zone, now), now)


async def where_counted(log: EventLog, where: Here) -> Here:
    """The same in the day in which calls count: that of the clock, unless a later one has begun before it went back."""
    days = Days()
    days.see((await standing(log)).view.money.scopes)
    day = days.last(where.shared["day"])
    return msgspec.structs.replace(where, shared={**where.shared, "day": day, "month": month_of(day)})


async def find_scope(log: EventLog, text: str, shared: dict[str, str]) -> Scope:
    """The scope that is named: log, month, day, project, s4, s4/build, s4/build/worker. Raises UsageError."""
    if text in shared:
        return Scope(shared[text])
    if _PERIOD.fullmatch(text):
        return Scope(text)
    whole, _, last = text.strip().rpartition("/")
    if whole and last in ROLES and (whole.count("/") or not re.fullmatch(r"s?[0-9]+", whole)):
        task = await find(log, whole)
        if task.task and not task.step:
            return Scope(role_scope(task_scope(task.session, task.task), last), task.session, role=True)
    name = await find(log, text)
    if name.step:
        raise UsageError(
            f"{name} is a step, which has no cap of its own; name its task {task_scope(name.session, name.task)}, or a "
            f"role of it, such as {task_scope(name.session, name.task)}/worker"
        )
    scope = task_scope(name.session, name.task) if name.task else session_scope(name.session)
    return Scope(scope, name.session)


async def budgets_of(log: EventLog, where: Here, *, session: int | None) -> Budgets:
    """The budgets of the shared scopes and of a session, of the last one for None, of none for 0."""
    number = await last_session(log) if session is None else session

    def alive(claim: Claim) -> bool:
        return lives(claim, where.now)

    return await read_budgets(log, where.loaded, where.shared, session=number, alive=alive)
