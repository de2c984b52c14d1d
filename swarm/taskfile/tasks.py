"""How a task becomes one: its keys are read, held against each other, and what follows from them is added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from swarm.items import ItemsUnusable, item_tasks
from swarm.task import Check, Task
from swarm.taskfile import yamltree
from swarm.taskfile.forms import TASK
from swarm.taskfile.problems import Place, Reported, Wrong, listed, nearest
from swarm.taskfile.scope import Scope
from swarm.taskfile.values import TEXT, At, Key, Keys, fields, items_of
from swarm.taskfile.yamltree import Scalar
from swarm.units import shortened

LISTED: Keys = {"id": Key(TEXT, "what others call it in `needs`"), **TASK}


def read_task(node: yamltree.Mapping, at: At, task_id: str, *, in_list: bool = False) -> Task:
    """Read a task; one of a list has its `id` beside the other keys. Raises Wrong, Reported."""
    seen = at.report.seen
    _check_outputs_of_checks(node, at)
    scope = at.scope.fresh(items=node.get("each") is not None)
    found = fields(node, At(at.report, at.where, scope), LISTED if in_list else TASK)
    found.pop("id", None)
    task = task_of(found, task_id=task_id, node=node, at=at, scope=scope)
    if at.report.seen > seen:
        raise Reported
    return task


def task_of(found: dict[str, Any], *, task_id: str, node: yamltree.Mapping, at: At, scope: Scope) -> Task:
    """Make a task of the fields that were found in `node`, reading them in `scope`."""
    if "prompt" not in found:
        raise Wrong(node.place, f"{at.where} has no 'prompt'", "say what is to be done: `prompt: ...`")
    if "output" in found and "outputs" in found:
        raise Wrong(_key_place(node, "outputs"), f"{at.where} has 'output' and 'outputs'", "write all under 'outputs'")
    task = Task(id=task_id, **found)
    task = msgspec.structs.replace(task, checks=(*task.checks, *_schema_checks(task)), values=_values(task, scope))
    if task.each is not None:
        _try_items(task, node, at, scope)
    return task


def _schema_checks(task: Task) -> Iterator[Check]:
    """Give a check for each output whose form a schema says."""
    if task.output is not None and task.output.schema is not None:
        yield Check(schema=task.output.schema, name=f"schema of {task.output.path}")
    for name, output in task.outputs.items():
        if output.schema is not None:
            yield Check(schema=output.schema, name=f"schema of {name}", output=name)


def _values(task: Task, scope: Scope) -> dict[str, str]:
    """Return what stays to be filled: all that a task with items looks up, and what commands find in variables."""
    known = scope.values
    values = {name: known[name] for name in sorted(scope.used) if name in known and (task.each or name[:4] == "env.")}
    if any(check.run is not None for check in task.checks) or task.env:
        values |= scope.vars
        values |= {name: known[name] for name in sorted(scope.used) if name in known and name[:5] == "vars."}
        return values
    return values if task.each else {}


def _try_items(task: Task, node: yamltree.Mapping, at: At, scope: Scope) -> None:
    """Raise Wrong where what is known of the items does not fit what the task looks up in them."""
    assert task.each is not None
    place = _key_place(node, "each")
    if task.each.files and (fields_used := sorted(name for name in scope.used if name.startswith("item."))):
        message = f"{at.where} looks up {fields_used[0]!r}, and its items are paths"
        raise Wrong(place, message, "write {{item}}")
    if task.each.items:
        try:
            item_tasks(task, task.each.items)
        except ItemsUnusable as error:
            raise Wrong(place, f"'each' of {at.where}: {error.why}", error.remedy) from None


def _check_outputs_of_checks(node: yamltree.Mapping, at: At) -> None:
    """Report checks that look at an output which the task does not name."""
    checks, outputs = node.get("check"), node.get("outputs")
    names = [key.text for key, _ in outputs.pairs] if isinstance(outputs, yamltree.Mapping) else []
    for check in items_of(checks) if checks is not None else []:
        name = check.get("output") if isinstance(check, yamltree.Mapping) else None
        if isinstance(name, Scalar) and not name.is_null and name.text not in names:
            message = f"'output' of 'check' of {at.where} is {shortened(name.text)}, which is none of its `outputs`"
            known = f"outputs here: {listed(names)}" if names else "take it out: the check sees the whole result"
            at.report.add(name.place, f"{message}{nearest(name.text, names)}", known)


def _key_place(node: yamltree.Mapping, key: str) -> Place:
    return next((known.place for known, _ in node.pairs if known.text == key), node.place)
