"""Reads task files: text -> TaskFile, or everything that is wrong with it, with line and column.

    prompt: Summarise README.md.      one task; its id is the file's `name`, else the file's own
    check: pytest -q

    tasks:                            several; a list of mappings with `id` does as well
      survey: List the public functions.
      write: {prompt: Document them., needs: survey, input: {from: survey}}

`explore: true` or `false` says whether the explorer takes part (without it the task's complexity does); `budget` at the
top caps the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from swarm.errors import UsageError
from swarm.task import Task, TaskFile, is_id, made_id
from swarm.taskfile import yamltree
from swarm.taskfile.forms import TASK, budget, task_of
from swarm.taskfile.problems import MOST_PROBLEMS, START, Full, Place, Problem, Report, Reported, Wrong, listed, nearest
from swarm.taskfile.values import At, Reader, fields, items_of, kind, prose, text
from swarm.taskfile.yamltree import Mapping, Node, Scalar, Sequence
from swarm.units import shortened

MOST_BYTES = 1 << 20

_EXAMPLE = "the shortest task file is one line: `prompt: what is to be done`"


class TaskFileInvalid(UsageError):
    """A task file cannot be run. `problems` holds all that is wrong, in file order; nothing was called or spent."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        self.path, self.problems = path, problems
        shown = [problem.show(str(path)) for problem in problems]
        if len(problems) >= MOST_PROBLEMS:
            shown.append(f"reading stopped at {MOST_PROBLEMS} problems")
        super().__init__("\n".join(shown))


def load_task_file(path: Path) -> TaskFile:
    """Read the task file at `path`. Raises TaskFileInvalid."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        problem = Problem(line=0, column=0, message=f"the file cannot be read: {why}", hint=_hint(path, error))
        raise TaskFileInvalid(path, (problem,)) from error
    if len(raw) > MOST_BYTES:
        report = Report("")
        report.add(
            START, "the file is larger than 1 MiB", "name large texts under 'input' instead of writing them here"
        )
        raise TaskFileInvalid(path, report.problems)
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        report = Report(before)
        place = report.place_at(len(before), 1)
        report.add(place, f"the file is not UTF-8 text: byte 0x{raw[error.start]:02x}", "save it as UTF-8")
        raise TaskFileInvalid(path, report.problems) from error
    return parse_task_file(decoded, path)


def _hint(path: Path, error: OSError) -> str:
    """Return what to do about a file that cannot be read, with the nearest name that stands beside it."""
    if isinstance(error, IsADirectoryError):
        return "name a task file in that folder"
    if not isinstance(error, FileNotFoundError):
        return "correct its permissions, or name another file"
    if " " in path.name and not path.suffix:
        return "a prompt stands in a task file: write `prompt: ...` to a file and name that"
    if str(path) == "-":
        return "a task file is read from a file, not from a pipe; write it to one and name that"
    beside: list[str] = []
    with suppress(OSError):
        beside = [one.name for one in path.parent.iterdir()]
    return f"check the path{nearest(path.name, beside)}"


def parse_task_file(text: str, path: Path) -> TaskFile:
    """Read the text of a task file; `path` gives it its name and stands in the errors. Raises TaskFileInvalid."""
    report = Report(text.removeprefix("\ufeff"))
    read: TaskFile | None = None
    with suppress(Full), report.collect():
        read = _file(report, path)
    if read is None or report.problems:
        raise TaskFileInvalid(path, report.problems)
    return read


def _file(report: Report, path: Path) -> TaskFile:
    root = yamltree.compose(report)
    if root is None:
        raise Wrong(START, "the file is empty", _EXAMPLE)
    if isinstance(root, Sequence):
        raise Wrong(root.place, "a list stands at the top of the file", "put it under the key `tasks:`")
    if isinstance(root, Scalar):
        raise Wrong(root.place, "the file holds a text, but must hold keys with values", _EXAMPLE)
    at = At(report, "this file")
    if root.get("tasks") is None:
        return _single(root, at, path)
    found = fields(_without_task_keys(root, report), at, _FILE)
    name = found.get("name", made_id(path.stem))
    return TaskFile(path=str(path), name=name, tasks=found["tasks"], budget=found.get("budget"))


def _single(root: Mapping, at: At, path: Path) -> TaskFile:
    """Read a file that is one task. Its budget caps the run as well."""
    named = root.get("name")
    name = prose(named, At(at.report, "'name' of this file")) if named is not None else made_id(path.stem)
    _check_graph({made_id(name): root}, at.report)
    found = fields(root, at, {**TASK, **_FILE})
    for key in _FILE.keys() - TASK.keys():
        found.pop(key, None)
    task = task_of(found, task_id=made_id(name), node=root, at=at)
    return TaskFile(path=str(path), name=name, tasks=(task,), budget=task.budget)


def _without_task_keys(root: Mapping, report: Report) -> Mapping:
    """Report what is a task's own and stands beside `tasks`; return the rest."""
    rest = Mapping([], root.place)
    for key, value in root.pairs:
        if key.text in TASK and key.text not in _FILE:
            report.add(
                key.place,
                f"{key.text!r} stands beside 'tasks', but belongs to one task",
                "write it inside of each task",
            )
        else:
            rest.pairs.append((key, value))
    return rest


def _tasks(node: Node, at: At) -> tuple[Task, ...]:
    """Read `tasks`: ids with tasks, or a list of tasks with `id`."""
    if isinstance(node, Scalar):
        raise Wrong(
            node.place,
            f"{at.where} is {kind(node)}, but must be ids with tasks",
            "write `tasks: {a: what is to be done}`",
        )
    seen = at.report.seen
    entries: dict[str, Node] = {}
    tasks: list[Task] = []
    for task_id, under in _entries(node, at):
        entries[task_id] = under
        with at.report.collect():
            tasks.append(_task(under, At(at.report, f"task {task_id!r}"), task_id, listed=isinstance(node, Sequence)))
    _check_graph(entries, at.report)
    if at.report.seen > seen:
        raise Reported
    if not tasks:
        raise Wrong(node.place, f"{at.where} holds no task", "write `tasks: {a: what is to be done}`")
    return tuple(tasks)


def _entries(node: Mapping | Sequence, at: At) -> Iterator[tuple[str, Node]]:
    """Give every task with its id; what has no usable id is reported and left out."""
    lines: dict[str, int] = {}
    for key, under in _keyed(node, at):
        with at.report.collect():
            if not is_id(key.text):
                hint = f"use a-z, 0-9, '_' and '-', up to 64 characters, such as {made_id(key.text)}"
                raise Wrong(key.place, f"{shortened(key.text)} cannot be the id of a task", hint)
            if key.text in lines:
                raise Wrong(
                    key.place, f"task {key.text!r} stands here twice, first in line {lines[key.text]}", "rename one"
                )
            lines[key.text] = key.place.line
            yield key.text, under


def _keyed(node: Mapping | Sequence, at: At) -> Iterator[tuple[Scalar, Node]]:
    if isinstance(node, Mapping):
        yield from node.pairs
        return
    for item in node.items:
        key = item.get("id") if isinstance(item, Mapping) else None
        if isinstance(key, Scalar) and not key.is_null:
            yield key, item
        else:
            at.report.add(
                item.place, "a task in a list needs an 'id'", "write it as {id: a, prompt: what is to be done}"
            )


def _task(node: Node, at: At, task_id: str, *, listed: bool) -> Task:
    if isinstance(node, Scalar):
        return Task(id=task_id, prompt=prose(node, At(at.report, f"the prompt of {at.where}")))
    found = fields(node, at, {"id": text, **TASK} if listed else TASK)
    found.pop("id", None)
    return task_of(found, task_id=task_id, node=node, at=at)


def _check_graph(entries: dict[str, Node], report: Report) -> None:
    """Report needs that name no task, needs in a circle, and inputs from tasks that are not in `needs`.

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
        for source in _sources(entries[task_id]):
            with report.collect():
                _check_source(source, task_id, entries, needed)
    _report_cycles(needs, report)


def _needs(node: Node) -> dict[str, Place]:
    needs = node.get("needs") if isinstance(node, Mapping) else None
    items = [] if needs is None else items_of(needs)
    return {item.text: item.place for item in items if isinstance(item, Scalar) and not item.is_null}


def _sources(node: Node) -> Iterator[Scalar]:
    """Give every `from` under the task's `input`."""
    inputs = node.get("input") if isinstance(node, Mapping) else None
    for item in [] if inputs is None else items_of(inputs):
        source = item.get("from") if isinstance(item, Mapping) else None
        if isinstance(source, Scalar) and not source.is_null:
            yield source


def _check_source(source: Scalar, task_id: str, entries: dict[str, Node], needed: dict[str, Place]) -> None:
    other, dot, output = source.text.partition(".")
    if other not in entries:
        meant = nearest(other, entries)
        message = f"'from' of task {task_id!r} is {shortened(other)}, which is no task{meant}"
        raise Wrong(source.place, message, f"tasks here: {listed(entries)}")
    if other not in needed:
        raise Wrong(
            source.place, f"task {task_id!r} takes from {other!r}, but does not need it", f"add to it: `needs: {other}`"
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


def _version(node: Node, at: At) -> str:
    if text(node, at) != "1":
        raise Wrong(
            node.place,
            f"{at.where} is {shortened(text(node, at))}, and this swarm reads version 1",
            "write `version: 1`",
        )
    return "1"


_FILE: dict[str, Reader] = {"version": _version, "name": prose, "budget": budget, "tasks": _tasks}
"""The keys at the top of a file with `tasks`; where there is one task, its own stand beside them."""
