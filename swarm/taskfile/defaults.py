"""What the tasks of a file have in common, put into each of them: `defaults`; and their prompts from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarm.taskfile import yamltree
from swarm.taskfile.documents import with_prompt_file
from swarm.taskfile.forms import DEFAULTS, NOT_IN_DEFAULTS, ref
from swarm.taskfile.promptfiles import with_agents_prompts, with_roles_prompts
from swarm.taskfile.values import At, Kind, fields
from swarm.taskfile.yamltree import Node, Scalar, Sequence


def with_tasks(root: yamltree.Mapping, at: At, folder: Path) -> yamltree.Mapping:
    """Return the keys of a file with its tasks in full: defaults merged, prompt files read."""
    root = with_agents_prompts(root, folder, at)
    defaults = root.get("defaults")
    if isinstance(defaults, yamltree.Mapping):
        defaults = with_roles_prompts(defaults, folder, at.within("'defaults' of this file"))
        root = yamltree.Mapping([(k, defaults if k.text == "defaults" else v) for k, v in root.pairs], root.place)
    seen = at.report.seen
    if defaults is not None:
        with at.report.collect():
            _defaults(defaults, at.within("'defaults' of this file"))
    common = defaults if isinstance(defaults, yamltree.Mapping) and at.report.seen == seen else None

    def whole(task_id: str, task: Node) -> Node:
        return _in_full(task, common, at.within(f"task {task_id!r}"), folder)

    return yamltree.Mapping(
        [(key, _each_task(under, whole) if key.text == "tasks" else under) for key, under in root.pairs], root.place
    )


def _each_task(tasks: Node, change: Callable[[str, Node], Node]) -> Node:
    match tasks:
        case yamltree.Mapping():
            return yamltree.Mapping([(key, change(key.text, under)) for key, under in tasks.pairs], tasks.place)
        case Sequence():
            return Sequence([change(_id_of(under), under) for under in tasks.items], tasks.place)
        case _:
            return tasks


def _id_of(task: Node) -> str:
    known = task.get("id") if isinstance(task, yamltree.Mapping) else None
    return known.text if isinstance(known, Scalar) else "?"


def _in_full(task: Node, defaults: yamltree.Mapping | None, at: At, folder: Path) -> Node:
    if isinstance(task, Scalar) and not task.is_null:
        task = yamltree.Mapping([(Scalar("prompt", True, task.place, task.span), task)], task.place)
    if not isinstance(task, yamltree.Mapping):
        return task
    task = with_prompt(task, at, folder)
    return task if defaults is None else merged(defaults, task)


def with_prompt(task: yamltree.Mapping, at: At, folder: Path) -> yamltree.Mapping:
    """Return a task with the text of its prompt file; where that cannot be read, it is reported."""
    task = with_roles_prompts(task, folder, at)
    with at.report.collect():
        return with_prompt_file(task, folder, at.where)
    pairs = [(key, under) for key, under in task.pairs if key.text not in ("prompt", "prompt_file")]
    unread = Scalar("prompt", True, task.place, (0, 0))  # it has one, only that nobody knows which
    return yamltree.Mapping([*pairs, (unread, unread)], task.place)


def merged(defaults: yamltree.Mapping, task: yamltree.Mapping) -> yamltree.Mapping:
    """Return a task with what it does not say itself: a mapping is merged one level deep, all else is replaced."""
    pairs = list(task.pairs)
    for key, under in defaults.pairs:
        own = next((number for number, (known, _) in enumerate(pairs) if known.text == key.text), None)
        if own is None:
            pairs.append((key, under))
            continue
        known, value = pairs[own]
        if isinstance(under, yamltree.Mapping) and isinstance(value, yamltree.Mapping):
            missing = [pair for pair in under.pairs if value.get(pair[0].text) is None]
            pairs[own] = (known, yamltree.Mapping([*value.pairs, *missing], value.place))
    return yamltree.Mapping(pairs, task.place)


def _defaults(node: Node, at: At) -> dict[str, Any]:
    """Read what tasks have in common. An item may be looked up in it: which tasks have some is seen in each."""
    for key, _ in node.pairs if isinstance(node, yamltree.Mapping) else ():
        if key.text in NOT_IN_DEFAULTS:
            at.report.add(key.place, f"{key.text!r} in {at.where} belongs to one task", "write it inside of the task")
    if isinstance(node, yamltree.Mapping):
        node = yamltree.Mapping([pair for pair in node.pairs if pair[0].text not in NOT_IN_DEFAULTS], node.place)
    return fields(node, At(at.report, at.where, at.scope.fresh(items=True)), DEFAULTS)


DEFAULTS_KIND = Kind(_defaults, ref("defaults"))
