"""`swarm replay SESSION --at X`: how things stood at one point of a record, for people and as JSON."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import msgspec

from events.log import EventLog, session_name
from events.views.cost import Cost, CostView
from swarm.cli.output import Output
from swarm.cli.recorded import LogTrouble, decimal_usd, local_time, utc_text
from swarm.errors import dollars
from tui.past import ended_then
from tui.record import pages
from tui.timeline import Timeline
from tui.words import attempt_of, count, span, status_of, visible

if TYPE_CHECKING:
    from events.views.money import ScopeState
    from events.views.tasks import TaskState
    from tui.past import Past
    from tui.record import Record


class Worked(msgspec.Struct, kw_only=True):
    """What an agent on a model has done of the session, and at which tasks it is."""

    agent: str
    model: str
    tier: str
    cost: Cost = msgspec.field(default_factory=Cost)
    accepted: int = 0
    rejected: int = 0
    at: tuple[str, ...] = ()


async def tell(log: EventLog, record: Record, number: int, zone: tzinfo | None, output: Output) -> None:
    """Fold up to an event of the record, by its number, and write what stands there. Raises LogTrouble, LogError."""
    position, events = record.positions[number], len(record)
    record.end_at(position)
    timeline = Timeline(log, record)
    await timeline.build()
    if timeline.trouble:
        raise LogTrouble(timeline.trouble)
    past = await timeline.state_at(number)
    costs = CostView()
    async for entries in pages(log, after=0, until=position, session=record.session):
        for entry in entries:
            costs.apply(entry)
    agents = agents_of(past, costs)
    if output.json:
        output.document("swarm.state/1", _document(past, agents, number, events))
    else:
        _page(past, agents, number, events, zone, output)


def agents_of(past: Past, costs: CostView) -> list[Worked]:
    """Who has worked, in the order of their first calls."""
    found: dict[str, Worked] = {}
    for payer, cost in costs.costs.items():
        arm = f"{payer.agent}@{payer.model}"
        worked = found.setdefault(arm, Worked(agent=payer.agent, model=payer.model, tier=payer.tier))
        worked.cost.add(cost)
        if cost.open and payer.task not in worked.at:
            worked.at = (*worked.at, payer.task)
    for task in past.tasks.of(past.session).values():
        for step in task.steps:
            drafted = f"{step.agent}@{step.model}"
            for arm in found.keys() & step.fails.keys():
                found[arm].rejected += step.fails[arm]
            if step.stage == "accepted" and drafted in found:
                found[drafted].accepted += 1
    return list(found.values())


def _document(past: Past, agents: list[Worked], number: int, events: int) -> dict[str, Any]:
    tasks = past.tasks.of(past.session)
    return {
        "session": session_name(past.session),
        "position": past.position,
        "event": number + 1,
        "events": events,
        "time": utc_text(past.at),
        "state": _state(past),
        "sessions": {session_name(past.session): msgspec.to_builtins(past.state)},
        "tasks": {name: msgspec.to_builtins(task) for name, task in tasks.items()},
        "scopes": {name: msgspec.to_builtins(scope) for name, scope in past.money.scopes.items()},
        "agents": [
            {
                "agent": each.agent,
                "model": each.model,
                "tier": each.tier,
                **msgspec.to_builtins(each.cost),
                "cost_usd": decimal_usd(each.cost.nanos),
                "accepted": each.accepted,
                "rejected": each.rejected,
                "at": each.at,
            }
            for each in agents
        ],
        "waiting": [{"task": each.name, "position": each.position} for each in past.waiting],
    }


def _state(past: Past) -> str:
    """As the record has it, which never says whether the owner still lived."""
    return (ended_then(past.state) if past.state else "") or "running"


def _page(past: Past, agents: list[Worked], number: int, events: int, zone: tzinfo | None, output: Output) -> None:
    when = f"{local_time(past.at, zone):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    name, title = session_name(past.session), past.state.title if past.state else ""
    output.line(f"{name} at #{past.position}, event {number + 1:,} of {events:,}, {when}: {_state(past)}", "bold")
    output.line(f"{visible(title)}\n")
    output.table(
        ("STATE", "TASK", "ROLE", "MODEL", "TRY", "TOKENS", "COST", "AGE"),
        [_task_row(task, past.at) for task in past.rows],
    )
    output.line()
    output.table(
        ("SCOPE", "SPENT", "RESERVED", "TOKENS", "RESERVED TOKENS", "CALLS"),
        [_scope_row(scope, state) for scope, state in past.scopes(past.at)],
    )
    output.line()
    output.table(
        ("AGENT", "MODEL", "TIER", "CALLS", "ACCEPTED", "REJECTED", "COST", "AT"),
        [_agent_row(each) for each in agents],
    )
    for waiting in past.waiting:
        output.line(f"\n{waiting.name} waits for a person since #{waiting.position}", "yellow")


def _task_row(task: TaskState, now: int) -> tuple[str, ...]:
    status = status_of(task)
    return (
        f"{status.glyph} {status.word}",
        task.name,
        task.role or "-",
        task.model or "-",
        str(attempt_of(task)),
        count(task.tokens),
        dollars(task.cost_nanos) + ("?" if task.maybe_paid else ""),
        span((task.ended_at or now) - task.submitted_at),
    )


def _scope_row(name: str, state: ScopeState) -> tuple[str, ...]:
    spent, reserved = state.spent, state.reserved
    amounts = (dollars(spent.nanos), dollars(reserved.nanos), f"{spent.tokens:,}", f"{reserved.tokens:,}")
    return (name, *amounts, str(state.calls))


def _agent_row(each: Worked) -> tuple[str, ...]:
    numbers = (each.cost.calls, each.accepted, each.rejected)
    at = ", ".join(each.at) or "-"
    return (each.agent, each.model, each.tier, *map(str, numbers), dollars(each.cost.nanos), at)
