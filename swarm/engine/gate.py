"""What stands before a task's own work: does its condition hold, and for which items is it done; and what comes of its items."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from events.types.base import TextRef
from events.types.task import TaskAccepted, TaskCleared, TaskExpanded, TaskSkipped, TaskSubmitted
from events.views.tasks import TaskState
from swarm.conditions import holds, written
from swarm.cycle import Placed
from swarm.task import Task

Texts = Mapping[str, str]
"""The results of accepted tasks, by name."""


def facts_of(task: Task, states: Mapping[str, TaskState], results: Texts) -> dict[str, Any]:
    """What a condition may speak of: how each need ended, how many of its items, and its result."""
    facts: dict[str, Any] = {}
    for need in task.needs:
        state = states[need]
        ends = [states[name].status for name in state.children] if state.children is not None else [state.status]
        facts[f"{need}.status"] = state.status
        facts[f"{need}.passed"] = ends.count("accepted")
        facts[f"{need}.failed"] = ends.count("failed") + ends.count("cancelled")
        facts[f"{need}.total"] = len(ends)
        facts[f"{need}.output"] = results.get(need)
    return facts


def seen_through(task: Task, facts: Mapping[str, Any]) -> TaskSkipped | TaskCleared:
    """Whether the task's condition holds."""
    if task.when is None:
        return TaskCleared(condition="")
    said = written(task.when)
    return (
        TaskCleared(condition=said)
        if holds(task.when, facts)
        else TaskSkipped(reason=f"its condition does not hold: {said}")
    )


def expanded(task: TaskState, condition: str, items: TextRef, children: Mapping[str, TaskSubmitted]) -> list[Placed]:
    """The events that make of a task one for each item, all in one append. Its needs have ended, and its condition was seen."""
    submissions = [
        Placed(msgspec.structs.replace(event, gated=False, ruled=task.ruled, parent=task.name), task=name)
        for name, event in children.items()
    ]
    return [Placed(TaskExpanded(items=items, children=tuple(children), condition=condition)), *submissions]


async def gathered(
    task: Task,
    children: Sequence[TaskState],
    text: Callable[[TaskState], Awaitable[str]],
    put: Callable[[str], TextRef],
) -> TaskAccepted:
    """The end of a task whose items are done: its result is a JSON list of theirs, in their order."""
    result = put(await results_of(task, children, text))
    return TaskAccepted(result=result, unjudged=any(state.unjudged for state in children if state.status == "accepted"))


async def results_of(task: Task, children: Sequence[TaskState], text: Callable[[TaskState], Awaitable[str]]) -> str:
    """The results of those items that were accepted, in their order, as a JSON list."""
    results = [_item(task, await text(state)) for state in children if state.status == "accepted"]
    return msgspec.json.encode(results).decode()


def _item(task: Task, text: str) -> Any:
    """A result as it stands in the list: what was asked for as JSON as that, any other as a text."""
    if any(output.format == "json" for output in task.written) or task.outputs:
        try:
            return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(text)))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return text
    return text
