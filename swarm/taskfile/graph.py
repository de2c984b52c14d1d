"""How the tasks of a file hang together: what needs what, and what takes from what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from swarm.task import Task
from swarm.taskfile import yamltree
from swarm.taskfile.problems import Place, Report, Wrong, listed, nearest
from swarm.taskfile.values import items_of
from swarm.taskfile.yamltree import Node, Scalar
from swarm.units import shortened


def check_graph(entries: Mapping[str, Node], report: Report) -> None:
    """Report needs that name no task, needs in a circle, and what is taken from tasks that are not in `needs`.

    It goes by the nodes, so that a task with another fault takes part.
    """
    needs = {task_id: _needs(node) for task_id, node in entries.items()}
    for task_id, needed in needs.items():
        for other, place in needed.items():
            if other not in entries:
                hint = f"tasks here: {listed(entries)}"
                report.add(
                    place, f"task {task_id!r} needs {shortened(other)}, which is no task{nearest(other, entries)}", hint
                )
        for key, name, source in _sources(entries[task_id]):
            with report.collect():
                _check_source(key, name, source, task_id, entries, needed)
    _report_cycles(needs, report)


def _needs(node: Node) -> dict[str, Place]:
    needs = _under(node, "needs")
    items = [] if needs is None else items_of(needs)
    return {item.text: item.place for item in items if isinstance(item, Scalar) and not item.is_null}


def _under(node: Node, key: str) -> Node | None:
    return node.get(key) if isinstance(node, yamltree.Mapping) else None


def _sources(node: Node) -> Iterator[tuple[str, str, Scalar]]:
    """Give every place that names a task to take from: the key, what it names, and the text in which it stands."""
    inputs = _under(node, "input")
    for item in [] if inputs is None else items_of(inputs):
        source = _under(item, "from")
        if isinstance(source, Scalar) and not source.is_null:
            yield "from", source.text, source
    each = _under(node, "each")
    if isinstance(each, Scalar) and "." in each.text:
        yield "each", each.text.strip().partition(".")[0], each
    when = _under(node, "when")
    for item in [] if when is None else items_of(when):
        name = re.match(r"\s*(?:not\s+)?([a-z0-9][a-z0-9_-]*)\.", item.text) if isinstance(item, Scalar) else None
        if name is not None and name[1] != "vars" and isinstance(item, Scalar):
            yield "when", name[1], item


def _check_source(
    key: str, name: str, source: Scalar, task_id: str, entries: Mapping[str, Node], needed: dict[str, Place]
) -> None:
    other, dot, output = name.partition(".")
    if other not in entries:
        meant = nearest(other, entries)
        message = f"{key!r} of task {task_id!r} is {shortened(other)}, which is no task{meant}"
        raise Wrong(source.place, message, f"tasks here: {listed(entries)}")
    if other not in needed:
        verb = "takes from" if key == "from" else "speaks of"
        raise Wrong(
            source.place, f"task {task_id!r} {verb} {other!r}, but does not need it", f"add to it: `needs: {other}`"
        )
    if dot and output != "output":
        message = f"task {other!r} has no output {shortened(output)}"
        raise Wrong(source.place, message, f"take its result: `from: {other}`")


def _report_cycles(needs: dict[str, dict[str, Place]], report: Report) -> None:
    """Report every circle once, at the need that closes it for the task that stands first in the file."""
    order = {task_id: number for number, task_id in enumerate(needs)}
    left = dict(needs)
    while True:
        try:
            TopologicalSorter({task: [need for need in left[task] if need in left] for task in left}).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][:0:-1]  # from the one that needs to the one that is needed
            first = circle.index(min(circle, key=order.__getitem__))
            circle = circle[first:] + circle[:first]
            told = circle if len(circle) <= 12 else [*circle[:10], "...", circle[-1]]
            report.add(
                needs[circle[0]][circle[1 % len(circle)]],
                f"tasks need each other in a circle: {' -> '.join([*told, circle[0]])}",
                "take one of the needs out",
            )
            left = {task: needed for task, needed in left.items() if task not in circle}
        else:
            return


def check_outputs(tasks: Iterable[Task], entries: Mapping[str, Node], report: Report) -> None:
    """Report files that two tasks would write. Of two with conditions perhaps only one is done; a run sees that."""
    writers: dict[str, str] = {}
    for task in tasks:
        for output in task.written if task.when is None else ():
            first = writers.setdefault(output.path, task.id)
            if first != task.id:
                node = _under(entries[task.id], "output") or _under(entries[task.id], "outputs") or entries[task.id]
                message = f"task {task.id!r} writes {shortened(output.path)}, and so does task {first!r}"
                report.add(node.place, message, "name another file in one of them")
