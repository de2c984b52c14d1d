"""`swarm resume --raise`: the caps that halted a session are raised before it goes on; and whether it could go on without."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from events.bus import read_all
from events.lineage import fold_session
from events.log import EventLog, session_name
from events.scopes import is_period
from events.types.call import BudgetSet
from events.types.task import TaskHalted
from events.views.approvals import ApprovalsView
from events.views.base import fold
from events.views.money import MoneyView
from events.views.questions import QuestionsView
from events.views.tasks import TaskState, TasksView
from swarm.cli.budget_change import in_turn, quoted, raised, recording
from swarm.cli.budget_scope import Here, budgets_of, here, where_counted
from swarm.cli.output import Output
from swarm.cycle import TAKEN_UP
from swarm.engine.requests import person
from swarm.errors import SwarmError, UsageError, amount
from swarm.insight.budgets import Budgets, Held
from swarm.insight.refusals import lacking_of, more, refusal_of
from swarm.money.caps import with_reserve
from swarm.money.recording import record_caps
from swarm.task import Budget, parse_budget


class WouldHaltAgain(SwarmError):
    """Nothing of a session could go on: the caps that halted it have no more room than they had. Nothing was changed."""

    exit_code = 3

    def __init__(self, session: str, halt: TaskHalted, held: Held) -> None:
        room = max(0, _room(held))
        missing = halt.needed - room
        super().__init__(
            f"{session} would only halt again: the budget of {held.scope} has {amount(room, halt.unit)} of "
            f"{amount(held.cap, halt.unit)} left and its next call needs {amount(halt.needed, halt.unit)}; go on with "
            f"`swarm resume {session} --raise {more(with_reserve(missing) if halt.held else missing, halt.unit)}`"
        )


class NoRoom(SwarmError):
    """A task would halt again where it did: it is not tried. Nothing was changed."""

    exit_code = 3

    def __init__(self, task: str, halt: TaskHalted, held: Held) -> None:
        room = max(0, _room(held))
        missing = halt.needed - room
        super().__init__(
            f"{task} would only halt again: the budget of {held.scope} has {amount(room, halt.unit)} of "
            f"{amount(held.cap, halt.unit)} left and its next call needs {amount(halt.needed, halt.unit)}; raise it with "
            f"`swarm budget raise {held.scope} {more(with_reserve(missing) if halt.held else missing, halt.unit)}`"
        )


async def require_room_for(log: EventLog, where: Here, session: int, task: str) -> None:
    """Raises NoRoom where the task is halted at a cap that has no room for its next call yet."""
    halt = (await _halts(log, session))[0].get(task)
    if halt is None or halt.cause != "budget":
        return
    held = _without_room(await budgets_of(log, await where_counted(log, where), session=session), halt)
    if held is not None:
        raise NoRoom(f"{session_name(session)}/{task}", halt, held)


async def halts_of(log: EventLog, session: int) -> tuple[list[TaskHalted], bool]:
    """By which caps tasks of the session are halted now, and whether anything else is left to do."""
    halts, tasks = await _halts(log, session)
    stopped = _stopped_with(list(halts), tasks)
    other = any(task.status == "open" or task.cause in TAKEN_UP for name, task in tasks.items() if name not in stopped)
    return list(halts.values()), other


async def _halts(log: EventLog, session: int) -> tuple[dict[str, TaskHalted], Mapping[str, TaskState]]:
    """By task the halt at a cap at which it stands now; and all tasks."""
    tasks = (await fold_session(log, TasksView(), session)).of(session)
    halts: dict[str, TaskHalted] = {}
    async for entries in read_all(log, session=session):
        refused = ((entry.task, refusal_of(entry.event)) for entry in entries)
        halts.update((task, halt) for task, halt in refused if halt is not None)
    at_cap = [name for name, task in tasks.items() if _is_at_cap(task) and name in halts and halts[name].scope]
    return {name: halts[name] for name in at_cap}, tasks


def _is_at_cap(task: TaskState) -> bool:
    return task.status == "halted" or (task.status == "failed" and task.cause == "budget")


def _stopped_with(held: Sequence[str], tasks: Mapping[str, TaskState]) -> set[str]:
    """These tasks, and those that cannot begin before one of them is done."""
    stopped = set(held)
    waiting = {name: {*task.needs, *(task.children or ())} for name, task in tasks.items() if not task.calls}
    while more := {name for name, needs in waiting.items() if name not in stopped and needs & stopped}:
        stopped |= more
    return stopped


async def way_of(log: EventLog, session: int) -> tuple[str, ...]:
    """What is typed behind `swarm resume s4` so that it goes on: by how much a cap is raised, or a yes that was not given.

    A use of a tool that waits for a word, and a question, are no matter of `--yes`: their reason says what is typed before.
    """
    halts, _ = await halts_of(log, session)
    if halts:
        lacking = [lacking_of(halt).amount for halt in halts if halt.unit == halts[0].unit]
        return "--raise", more(max(lacking), halts[0].unit)
    tasks = (await fold_session(log, TasksView(), session)).of(session).values()
    asked = {one.task for one in (await fold_session(log, ApprovalsView(), session)).of(session)}
    asked |= {one.task for one in (await fold_session(log, QuestionsView(), session)).of(session)}
    return ("--yes",) if any(task.cause == "confirmation" and task.name not in asked for task in tasks) else ()


async def raise_caps(log: EventLog, args: argparse.Namespace, session: int, output: Output) -> None:
    """Raise the caps that halted the session by what `--raise` says. Raises UsageError where none did, or of another unit."""
    name, text = session_name(session), args.more
    try:
        unit = "nanos" if parse_budget(text.removeprefix("+")).usd_nanos is not None else "tokens"
    except ValueError as error:
        raise UsageError(f"--raise {text}: {error}{quoted(text.removeprefix('+'))}") from error
    halts, _ = await halts_of(log, session)
    scopes = list(dict.fromkeys(lacking_of(halt).scope for halt in halts if halt.unit == unit))
    if not scopes:
        other = halts[0] if halts else None
        why = (
            f"the cap in {'dollars' if other.unit == 'nanos' else 'tokens'} of {other.scope} did"
            if other
            else "no cap did"
        )
        raise UsageError(f"--raise {text} raises what halted {name}, and {why}; {_instead(other, name)}")
    async with in_turn(log):
        where = await where_counted(log, here(args))
        budgets = await budgets_of(log, where, session=session)
        lasting = [scope for scope in scopes if scope in where.shared.values() or not is_period(scope)]
        changes = [raised(budgets, scope, text) for scope in lasting]
        if changes:
            await record_caps(log, [recording(change, "to resume") for change in changes])
    for change in changes:
        output.note(change.said)
    for scope in set(scopes) - set(lasting):
        output.note(f"{scope} is over: its cap halts nothing any more")


def _instead(other: TaskHalted | None, name: str) -> str:
    if other is None:
        return f"go on with `swarm resume {name}`"
    return f"go on with `swarm resume {name} --raise {more(lacking_of(other).amount, other.unit)}`"


async def require_room(log: EventLog, args: argparse.Namespace, session: int) -> None:
    """Raises WouldHaltAgain where all that is left of the session was halted by caps that have no room yet."""
    halts, other = await halts_of(log, session)
    if not halts or other or any(halt.cause != "budget" for halt in halts):  # a person who was not asked is asked now
        return
    budgets = await budgets_of(log, await where_counted(log, here(args)), session=session)
    full = [(halt, held) for halt in halts if (held := _without_room(budgets, halt)) is not None]
    if len(full) == len(halts):
        raise WouldHaltAgain(session_name(session), *full[0])


def _without_room(budgets: Budgets, halt: TaskHalted) -> Held | None:
    """The cap that halted it, where it would again."""
    for held in budgets.held([lacking_of(halt).scope]):
        if held.unit == halt.unit and _room(held) < halt.needed:
            return held
    return None


def _room(held: Held) -> int:
    """What of a cap the call could have that was refused; not what is for the hand-over of its task."""
    return held.cap - held.kept - held.spent - held.lost


async def cap_run(log: EventLog, args: argparse.Namespace, session: int, budget: Budget) -> None:
    """Let the cap of `--budget` hold also where a person had recorded one for the session, which would go before it."""
    name = session_name(session)
    recorded = (await budgets_of(log, here(args), session=session)).money.scope(name).caps
    tokens, nanos = (given if unit in recorded else None for unit, given in _units(budget))
    if tokens is not None or nanos is not None:
        await record_caps(log, [BudgetSet(scope=name, tokens=tokens, nanos=nanos, by=person(), reason="--budget")])


async def has_own_cap(log: EventLog, session: int) -> bool:
    """Whether a person recorded a cap in dollars for the session: who did says yes to paid calls up to it."""
    own = await fold(log, MoneyView().only(session), session=session)
    return "nanos" in own.scope(session_name(session)).caps


def _units(budget: Budget) -> Sequence[tuple[str, int | None]]:
    return ("tokens", budget.tokens), ("nanos", budget.usd_nanos)
