"""What is right in a task file by its form, and perhaps not what is meant: each with its place, as a warning."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from swarm.errors import UsageError
from swarm.globs import InputUnusable, files_named
from swarm.task import Task, TaskFile
from swarm.taskfile import yamltree
from swarm.taskfile.documents import parts_of
from swarm.taskfile.problems import START, Full, Place, Problem, Report, Wrong, nearest
from swarm.taskfile.values import items_of
from swarm.taskfile.yamltree import Mapping, Node, Scalar, Sequence


def doubts(file: TaskFile, text: str, root: Path) -> tuple[Problem, ...]:
    """Return what is doubtful in a file that was read; `text` is what stands in it, `root` the project's folder.

    The project's files are looked at, and nothing is run.
    """
    report = Report(text.removeprefix("\ufeff"))
    try:
        tree = yamltree.compose(report, end=parts_of(report, Path(file.path)).keys)
    except (Wrong, Full):  # it was read a moment ago, so the file has changed since
        return ()
    keys = tree if isinstance(tree, Mapping) else Mapping([], START)
    report = Report(report.text)
    try:
        for look in (_files, _schemas, _writers, _budgets, _variables, _agents, _skills):
            for place, message, hint in look(file, keys, root):
                report.add(place, message, hint)
    except Full:  # a report holds so many problems, and no more are read
        pass
    return report.problems


Doubt = tuple[Place, str, str]
Look = Callable[[TaskFile, Mapping, Path], Iterator[Doubt]]


def _files(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    """Globs and paths that match nothing: a run would be refused, or done for no item."""
    for task in file.tasks:
        patterns = [pattern for source in task.inputs for pattern in source.files]
        patterns += task.each.files if task.each else ()
        for pattern in dict.fromkeys(patterns):
            why = "" if "{{" in pattern else _unusable(pattern, root)
            if not why:
                continue
            writer = next((one.id for one in file.tasks if pattern in [output.path for output in one.written]), "")
            hint = "mend it, or have the file there before it is run"
            if writer:
                hint = f"it is read before the run begins; take the result instead: `input: {{from: {writer}}}`"
            yield _place(keys, task, pattern), f"{pattern!r} of task {task.id!r} {why}", hint


def _unusable(pattern: str, root: Path) -> str:
    try:
        next(files_named((pattern,), root), None)
    except InputUnusable as error:
        return error.why
    except UsageError as error:
        return f"cannot be read: {error}"
    return ""


def _schemas(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    for task in file.tasks:
        for path in dict.fromkeys(check.schema for check in task.checks if isinstance(check.schema, str)):
            if "{{" not in path and not (root / path).is_file():
                message = f"{path!r}, the schema of task {task.id!r}, is no file here"
                yield _place(keys, task, path), message, "mend the path, or have the file there before it is run"


def _writers(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    """Tasks with conditions that write the same file: right as long as only one of them is done."""
    first: dict[str, str] = {}
    for task in file.tasks:
        for output in task.written:
            other = first.setdefault(output.path, task.id)
            if other != task.id:
                message = f"task {task.id!r} writes {output.path!r}, and so does task {other!r}"
                hint = "see that their conditions exclude each other, or name another file"
                yield _place(keys, task, output.path), message, hint


def _budgets(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    """Caps of tasks above the one of the run: the run's comes first."""
    if file.budget is None or len(file.tasks) == 1:
        return
    for task in file.tasks:
        own = task.budget
        if own is None:
            continue
        is_above = [
            mine is not None and whole is not None and mine > whole
            for mine, whole in ((own.tokens, file.budget.tokens), (own.usd_nanos, file.budget.usd_nanos))
        ]
        if any(is_above):
            place = _key_place(_own_keys(keys, task), "budget") or _key_place(keys, "budget") or START
            message = f"the budget of task {task.id!r} is above that of the run, which comes first"
            yield place, message, "lower it, or raise the one at the top"


def _variables(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    """Variables that nothing looks up. Prompts in files of their own may, so where there are some it is not known."""
    if any(True for _ in _under(keys, "prompt_file")):
        return
    texts = "\n".join(scalar.text for scalar in _scalars(keys)) + "\n".join(task.prompt for task in file.tasks)
    for name in file.vars:
        if not re.search(rf"\{{\{{\s*(vars\.)?{name}\s*\}}\}}|\bvars\.{name}\b", texts):
            place = _key_place(keys.get("vars"), name) or START
            yield place, f"the variable {name!r} is looked up nowhere", f"write {{{{{name}}}}} where it is meant"


def _agents(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    """Agents that are named and not there: a run would be refused."""
    from swarm.crew import named_agents, profiles_here  # only a file that names one looks at settings and folders
    from swarm.settings.load import load_settings

    named = {name: task for task in file.tasks for name in named_agents(task)}
    if not named:
        return
    try:
        known = profiles_here(load_settings(root, environ=os.environ), root, os.environ, file).holding
    except UsageError:  # of the settings, which a run says
        return
    for name, task in named.items():
        if name not in known:
            own = _own_keys(keys, task)
            place = next((one.place for one in _scalars(own or keys) if one.text.strip() == name), START)
            hint = f"`swarm agents list` shows those that there are{nearest(name, known)}"
            yield place, f"the agent {name!r} of task {task.id!r} is not there, or its file cannot be used", hint


def _skills(file: TaskFile, keys: Mapping, root: Path) -> Iterator[Doubt]:
    """Skills that are named and cannot be loaded: the task would fail as it begins."""
    named = [(task, name) for task in file.tasks for name in task.skills or () if "{{" not in name]
    if not named:
        return
    from skills.library import UnknownSkill  # only a file that names one looks for them
    from swarm.library import library_here

    try:
        library = library_here(root, os.environ)
    except UsageError:  # of what the user trusts, which a run says
        return
    for task, name in named:
        try:
            library.get(name)
        except UnknownSkill as unknown:
            own = _own_keys(keys, task)
            place = next((one.place for one in _scalars(own or keys) if one.text.strip() == name), START)
            said, _, hint = str(unknown).partition("; ")
            yield place, f"{said}, and task {task.id!r} loads it", hint


def _own_keys(keys: Mapping, task: Task) -> Node | None:
    """What the file says under a task; of a file that is one task all of it."""
    match keys.get("tasks"):
        case Mapping() as tasks:
            return tasks.get(task.id)
        case Sequence() as tasks:
            return next((one for one in tasks.items if _id_of(one) == task.id), None)
        case _:
            return keys


def _id_of(node: Node) -> str:
    known = node.get("id") if isinstance(node, Mapping) else None
    return known.text if isinstance(known, Scalar) else ""


def _place(keys: Mapping, task: Task, path: str) -> Place:
    """Where a path stands: in the task, else in what all tasks have in common, else where the task does."""
    own = _own_keys(keys, task)
    for node in (own, keys.get("defaults")):
        for scalar in _scalars(node) if node is not None else ():
            if posixpath.normpath(scalar.text.strip()) == path:
                return scalar.place
    return own.place if own is not None else START


def _key_place(node: Node | None, name: str) -> Place | None:
    pairs = node.pairs if isinstance(node, Mapping) else []
    return next((key.place for key, _ in pairs if key.text == name), None)


def _under(node: Node, name: str) -> Iterator[Node]:
    """Give what stands under a key of this name, at any depth."""
    if isinstance(node, Mapping):
        for key, under in node.pairs:
            if key.text == name:
                yield under
            yield from _under(under, name)
    elif isinstance(node, Sequence):
        for item in items_of(node):
            yield from _under(item, name)


def _scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Sequence():
            for item in node.items:
                yield from _scalars(item)
        case Mapping():
            for _, under in node.pairs:
                yield from _scalars(under)
