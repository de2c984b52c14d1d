"""The gate of a task while a process works on it: what its condition speaks of is read, and its items are made tasks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
from anyio import to_thread

from events.types.task import TaskSkipped
from events.views.tasks import TaskState
from swarm.cycle import Placed
from swarm.engine.gate import expanded, facts_of, seen_through
from swarm.engine.prepare import prepare_each
from swarm.engine.submission import submitted
from swarm.engine.world import Surroundings
from swarm.items import item_tasks, items_of
from swarm.journal import Attempt
from swarm.plan import Plan
from swarm.task import Task


async def gated(
    state: TaskState, task: Task, tasks: Mapping[str, TaskState], plan: Plan, world: Surroundings, attempt: Attempt
) -> list[Placed]:
    """See whether the task is to be done, and for which items. Raises UsageError where these cannot be read."""
    ended = {need: tasks[need] for need in task.needs}
    results = {need: await world.accepted(found) for need, found in ended.items() if found.result is not None}
    seen = seen_through(task, facts_of(task, tasks, results))
    if isinstance(seen, TaskSkipped) or task.each is None:
        return [Placed(seen)]
    items = await to_thread.run_sync(partial(items_of, task.each, results, world.root, task=task.id))
    said = world.redact(msgspec.json.encode(items).decode())
    prepared = partial(prepare_each, root=world.root, redact=world.redact, plan=plan)
    children = await to_thread.run_sync(prepared, item_tasks(task, msgspec.json.decode(said)))
    events = {each.task.id: submitted(each, attempt.put, world.redact) for each in children}
    return expanded(state, seen.condition, attempt.put(said), events)
