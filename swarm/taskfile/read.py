"""Reads task files: text -> TaskFile, or everything that is wrong with it, with line and column.

    prompt: Summarise README.md.      one task; its id is the file's `name`, else the file's own
    check: pytest -q

    tasks:                            several; a list of mappings with `id` does as well
      survey: List the public functions.
      write: {prompt: Document them., needs: survey, input: {from: survey}}

The keys and their forms are in `forms.py`; what is common to all tasks, prompt files and Markdown are put into the tree of
the file before they are read, so that every task is read in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from swarm.errors import UsageError
from swarm.task import Task, TaskFile, is_id, made_id
from swarm.taskfile import yamltree
from swarm.taskfile.agents import AGENTS_KIND
from swarm.taskfile.defaults import DEFAULTS_KIND, with_prompt, with_tasks
from swarm.taskfile.documents import MOST_BYTES, parts_of, with_body
from swarm.taskfile.forms import BUDGET, NOT_IN_DEFAULTS, TASK, ref
from swarm.taskfile.graph import check_graph, check_outputs
from swarm.taskfile.problems import MOST_PROBLEMS, START, Full, Problem, Report, Reported, Wrong, nearest
from swarm.taskfile.promptfiles import with_agents_prompts
from swarm.taskfile.schedule import SCHEDULE
from swarm.taskfile.tasks import LISTED, read_task
from swarm.taskfile.values import (
    PROSE,
    At,
    Key,
    Keys,
    Kind,
    fields,
    kind,
    mapping_schema,
    prose,
    text,
)
from swarm.taskfile.variables import ENV_ALLOW, VARS, scope_of
from swarm.taskfile.yamltree import Node, Scalar, Sequence
from swarm.units import shortened

_EXAMPLE = "the shortest task file is one line: `prompt: what is to be done`"


class TaskFileInvalid(UsageError):
    """A task file cannot be run. `problems` holds all that is wrong, in file order; nothing was called or spent."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        self.path, self.problems = path, problems
        shown = [problem.show(str(path)) for problem in problems]
        if len(problems) >= MOST_PROBLEMS:
            shown.append(f"reading stopped at {MOST_PROBLEMS} problems")
        super().__init__("\n".join(shown))


def load_task_file(
    path: Path, *, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> TaskFile:
    """Read the task file at `path`; a Markdown file is one task, its front matter the keys, its text the prompt.

    `overrides` are values that stand in place of those of `vars`; `environ` is the environment, None the process's own, of
    which a file sees what it names under `env_allow`. Raises TaskFileInvalid.
    """
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
    return parse_task_file(decoded, path, overrides=overrides, environ=environ)


def _hint(path: Path, error: OSError) -> str:
    """Return what to do about a file that cannot be read, with the nearest name that stands beside it."""
    if isinstance(error, IsADirectoryError):
        return "name a task file in that folder"
    if not isinstance(error, FileNotFoundError):
        return "correct its permissions, or name another file"
    if " " in path.name and not path.suffix:
        return 'a prompt needs no file to be run (`swarm run "..."`); here the name of a task file is expected'
    if str(path) == "-":
        return "`swarm run -` and `swarm validate -` take a pipe; here the name of a file is expected"
    beside: list[str] = []
    with suppress(OSError):
        beside = [one.name for one in path.parent.iterdir()]
    return f"check the path{nearest(path.name, beside)}"


def parse_task_file(
    text: str, path: Path, *, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> TaskFile:
    """Read the text of a task file; `path` gives it its name, its kind and its folder. Raises TaskFileInvalid.

    A path that is neither YAML's nor Markdown's by its name, such as `-`, may hold front matter and a text, too.
    """
    report = Report(text.removeprefix("\ufeff"))
    read: TaskFile | None = None
    with suppress(Full), report.collect():
        read = _file(report, path, overrides or {}, os.environ if environ is None else environ)
    if read is None or report.problems:
        raise TaskFileInvalid(path, report.problems)
    return read


def _file(report: Report, path: Path, overrides: Mapping[str, str], environ: Mapping[str, str]) -> TaskFile:
    parts = parts_of(report, path)
    root = yamltree.compose(report, end=parts.keys)
    if root is None and parts.body is not None:
        root = yamltree.Mapping([], START)
    if root is None:
        raise Wrong(START, "the file is empty", _EXAMPLE)
    if isinstance(root, Sequence):
        raise Wrong(root.place, "a list stands at the top of the file", "put it under the key `tasks:`")
    if isinstance(root, Scalar):
        raise Wrong(root.place, "the file holds a text, but must hold keys with values", _EXAMPLE)
    if parts.body is not None:
        with report.collect():
            root = with_body(root, parts.body)
    at = At(report, "this file", scope_of(root, report, overrides, environ))
    variables = root.get("vars")
    given: Mapping[str, str] = {} if variables is None else VARS.read(variables, at.within("'vars' of this file"))
    if root.get("tasks") is None:
        return _single(root, at, path, given)
    found = fields(with_tasks(_without_task_keys(root, report), at, path.parent), at, FILE)
    name = found.get("name", made_id(path.stem))
    return TaskFile(
        path=str(path),
        name=name,
        tasks=found["tasks"],
        budget=found.get("budget"),
        agents=found.get("agents", ()),
        vars=given,
        schedule=found.get("schedule", {}),
    )


def _single(root: yamltree.Mapping, at: At, path: Path, given: Mapping[str, str]) -> TaskFile:
    """Read a file that is one task. Its budget caps the run as well."""
    for key, _ in root.pairs:
        if key.text == "defaults":
            at.report.add(key.place, "'defaults' in this file goes with 'tasks'", "write its keys beside 'prompt'")
    named = root.get("name")
    name = prose(named, at.within("'name' of this file")) if named is not None else made_id(path.stem)
    root = with_prompt(with_agents_prompts(root, path.parent, at), at, path.parent)
    check_graph({made_id(name): root}, at.report)
    beside = [(key, under) for key, under in root.pairs if key.text in _OF_FILE]
    own = [(key, under) for key, under in root.pairs if key.text not in _OF_FILE]
    seen = at.report.seen
    with at.report.collect():
        found = fields(yamltree.Mapping(beside, root.place), at, FILE)
    task = read_task(yamltree.Mapping(own, root.place), at, made_id(name))
    if at.report.seen > seen:
        raise Reported
    return TaskFile(
        path=str(path),
        name=name,
        tasks=(task,),
        budget=task.budget,
        agents=found.get("agents", ()),
        vars=given,
        schedule=found.get("schedule", {}),
    )


def _without_task_keys(root: yamltree.Mapping, report: Report) -> yamltree.Mapping:
    """Report what is a task's own and stands beside `tasks`; return the rest."""
    rest = yamltree.Mapping([], root.place)
    for key, value in root.pairs:
        if key.text in TASK and key.text not in FILE:
            hint = "write it inside of each task" + ("" if key.text in NOT_IN_DEFAULTS else ", or under 'defaults'")
            report.add(key.place, f"{key.text!r} stands beside 'tasks', but belongs to one task", hint)
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
            tasks.append(_task(under, at.within(f"task {task_id!r}"), task_id, listed=isinstance(node, Sequence)))
    check_graph(entries, at.report)
    check_outputs(tasks, entries, at.report)
    if at.report.seen > seen:
        raise Reported
    if not tasks:
        raise Wrong(node.place, f"{at.where} holds no task", "write `tasks: {a: what is to be done}`")
    return tuple(tasks)


def _task(node: Node, at: At, task_id: str, *, listed: bool) -> Task:
    if not isinstance(node, yamltree.Mapping):
        message = f"{at.where} is {kind(node)}, but must be a prompt, or keys with values"
        raise Wrong(node.place, message, "say what is to be done")
    return read_task(node, at, task_id, in_list=listed)


def _entries(node: yamltree.Mapping | Sequence, at: At) -> Iterator[tuple[str, Node]]:
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


def _keyed(node: yamltree.Mapping | Sequence, at: At) -> Iterator[tuple[Scalar, Node]]:
    if isinstance(node, yamltree.Mapping):
        yield from node.pairs
        return
    for item in node.items:
        key = item.get("id") if isinstance(item, yamltree.Mapping) else None
        if isinstance(key, Scalar) and not key.is_null:
            yield key, item
        else:
            at.report.add(
                item.place, "a task in a list needs an 'id'", "write it as {id: a, prompt: what is to be done}"
            )


def _version(node: Node, at: At) -> str:
    if text(node, at) != "1":
        raise Wrong(
            node.place,
            f"{at.where} is {shortened(text(node, at))}, and this swarm reads version 1",
            "write `version: 1`",
        )
    return "1"


_TASKS_SCHEMA = {
    "anyOf": [
        {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [PROSE.schema, ref("task")]}},
        {"type": "array", "minItems": 1, "items": mapping_schema(LISTED, required=("id",))},
    ]
}

FILE: Keys = {
    "version": Key(Kind(_version, {"enum": [1, "1"]}), "of this form"),
    "name": Key(PROSE, "what the run is called"),
    "vars": Key(VARS, "values for {{name}}, which a command line may give anew"),
    "env_allow": Key(ENV_ALLOW, "environment variables that may be looked up as {{env.NAME}}"),
    "defaults": Key(DEFAULTS_KIND, "what the tasks have in common"),
    "budget": Key(BUDGET, "the cap of the whole run"),
    "schedule": Key(SCHEDULE, "when it is to be run, once `swarm schedule add` was told: a cron expression, or keys"),
    "agents": Key(AGENTS_KIND, "profiles of agents, by their names"),
    "tasks": Key(Kind(_tasks, _TASKS_SCHEMA), "ids with tasks, or a list of tasks with `id`"),
}
"""The keys at the top of a file with `tasks`; where there is one task, its own stand beside them."""

_OF_FILE = ("version", "name", "vars", "env_allow", "defaults", "agents", "schedule")
"""Those that are not a task's, too."""
