"""`each`: the items for which a task is done, and the tasks that do them.

The items may be a model's words. They come into prompts as text, into commands as the content of variables, and into paths
only where they stay inside of the project.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from swarm.errors import UsageError
from swarm.globs import files_named
from swarm.task import MOST_ITEMS, Check, Each, Input, Output, Task, item_id
from swarm.taskfile.paths import BadPath, output_path, piece_of_path, project_path
from swarm.text.fence import unfenced
from swarm.text.lookups import NAME, filled, lookups_in
from swarm.units import shortened

MOST_ITEM_BYTES = 65_536
"""Of one item: it has to fit into a variable of the environment, and into a prompt beside what else stands there."""


class ItemsUnusable(UsageError):
    """A task cannot be done for the items that it names. No task was made of them."""

    def __init__(self, task: str, why: str, remedy: str) -> None:
        self.task, self.why, self.remedy = task, why, remedy
        super().__init__(f"task {task!r} cannot be done for each item: {why}; {remedy}")


def items_of(each: Each, results: Mapping[str, str], root: Path, *, task: str = "") -> list[Any]:
    """Return the items, as JSON has them; `results` holds the results of tasks by id, `root` is the project's folder.

    Raises UsageError: ItemsUnusable where the result is no JSON, holds no list or too many items; a glob that matches
    nothing.
    """
    if each.files:
        items: list[Any] = list(dict.fromkeys(name for name, _ in files_named(each.files, root)))
    elif each.from_task is not None:
        items = _listed(each, results[each.from_task], task)
    else:
        items = list(each.items)
    for number, item in enumerate(items, 1):
        _check_item(item, number, task)
    if len(items) > MOST_ITEMS:
        raise ItemsUnusable(task, f"there are {len(items):,}, more than {MOST_ITEMS:,}", "let fewer be named")
    return items


def _listed(each: Each, result: str, task: str) -> list[Any]:
    source = each.from_task or ""
    asked = ".".join((f"{source}.output", *each.field))
    try:
        found: Any = msgspec.json.decode(unfenced(result))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        why = f"the result of {source!r} is no JSON"
        raise ItemsUnusable(task, why, "give that task an `output` with the format json") from error
    for field in each.field:
        if not isinstance(found, dict) or field not in found:
            has = f"; it has {_keys(found)}" if isinstance(found, dict) else ""
            raise ItemsUnusable(task, f"{asked} is not there: no {field!r}{has}", "mend `each`, or that task's schema")
        found = cast("dict[str, Any]", found)[field]
    if not isinstance(found, list):
        has = f" but an object with {_keys(found)}" if isinstance(found, dict) else ""
        raise ItemsUnusable(task, f"{asked} is no list{has}", f"name the list, such as `{asked}.items[]`")
    return cast("list[Any]", found)  # type: ignore[redundant-cast]  # pyright knows less of it


def _keys(found: Any) -> str:
    return ", ".join(shortened(str(key)) for key in list(found)[:8]) or "no keys"


def _check_item(item: Any, number: int, task: str) -> None:
    try:
        written = msgspec.json.encode(item)
    except (UnicodeEncodeError, RecursionError) as error:
        raise ItemsUnusable(task, f"item {number} is no text", "let the task that names it name another") from error
    if item is None or b"\\u0000" in written:
        raise ItemsUnusable(task, f"item {number} is {'nothing' if item is None else 'no text'}", "let it be left out")
    if len(written) > MOST_ITEM_BYTES:
        why = f"item {number} has {len(written):,} bytes, more than {MOST_ITEM_BYTES:,}"
        raise ItemsUnusable(task, why, "let items be short, and give texts by `input`")


def item_tasks(task: Task, items: Sequence[Any]) -> tuple[Task, ...]:
    """Return a task for each item, in their order, named `ID.1`, `ID.2` and so on, with all of its texts filled.

    Raises ItemsUnusable: an item lacks what is looked up in it, a path would lead out of the project, two write one file.
    """
    tasks = tuple(_Item(task, number, item).task() for number, item in enumerate(items, 1))
    writers: dict[str, int] = {}
    for number, one in enumerate(tasks, 1):
        for output in one.written:
            first = writers.setdefault(output.path, number)
            if first != number:
                why = f"items {first} and {number} would both write {output.path!r}"
                raise ItemsUnusable(task.id, why, "put what tells them apart into the path, such as {{item}}")
    return tasks


class _Item:
    """One item on its way into the texts of its task."""

    def __init__(self, task: Task, number: int, item: Any) -> None:
        self._task, self._number, self._item = task, number, item
        self._values = {**task.values, **_lookups_of(item)}

    def task(self) -> Task:
        task = self._task
        commands = bool(task.env) or any(check.run is not None for check in task.checks)
        return msgspec.structs.replace(
            task,
            id=item_id(task.id, self._number),
            prompt=self._text(task.prompt),
            title=self._title(task.title),
            each=None,
            when=None,
            inputs=tuple(self._input(one) for one in task.inputs),
            output=self._output(task.output) if task.output is not None else None,
            outputs={name: self._output(one) for name, one in task.outputs.items()},
            checks=tuple(self._check(one) for one in task.checks),
            accept=tuple(self._text(one) for one in task.accept),
            roles={
                role: msgspec.structs.replace(config, prompt=self._text(config.prompt) if config.prompt else None)
                for role, config in task.roles.items()
            },
            values=self._values if commands else {},
        )

    def _title(self, title: str) -> str:
        told = self._text(title)
        return f"{told} ({self._number})" if title and told == title else told

    def _text(self, text: str) -> str:
        try:
            return filled(text, self._values)
        except KeyError as error:
            raise self._lacks(str(error.args[0])) from None

    def _lacks(self, name: str) -> ItemsUnusable:
        field = name.partition(".")[2]
        item: Any = self._item
        if isinstance(item, dict):
            why = f"item {self._number} has no usable field {field!r}; it has {_keys(item)}"
        else:
            why = f"item {self._number} is {shortened(str(item))}, which has no field {field!r}"
        return ItemsUnusable(self._task.id, why, "mend the lookup, or let every item have that field")

    def _path(self, path: str, rule: Callable[[str], str]) -> str:
        for lookup in lookups_in(path):
            if lookup.name not in self._values:
                raise self._lacks(lookup.name)
            if lookup.name.partition(".")[0] == "item":
                self._ruled(piece_of_path, self._values[lookup.name], f"{lookup.written} of item {self._number}")
        whole = self._text(path)
        return whole if whole == path else self._ruled(rule, whole, f"the path made of item {self._number}")

    def _ruled(self, rule: Callable[[str], str], value: str, what: str) -> str:
        try:
            return rule(value)
        except BadPath as bad:
            raise ItemsUnusable(self._task.id, f"{what} {bad.what}", bad.hint) from None

    def _input(self, given: Input) -> Input:
        files = tuple(self._path(path, project_path) for path in given.files)
        return msgspec.structs.replace(given, files=files, text=self._text(given.text) if given.text else given.text)

    def _output(self, output: Output) -> Output:
        return msgspec.structs.replace(
            output, path=self._path(output.path, output_path), schema=self._schema(output.schema)
        )

    def _schema(self, schema: Mapping[str, Any] | str | None) -> Mapping[str, Any] | str | None:
        return self._path(schema, project_path) if isinstance(schema, str) else schema

    def _check(self, check: Check) -> Check:
        texts = {
            field: self._text(text)
            for field in ("contains", "not_contains", "rubric", "name", "feedback")
            if (text := getattr(check, field)) is not None
        }
        return msgspec.structs.replace(
            check,
            schema=self._schema(check.schema),
            file=self._path(check.file, project_path) if check.file is not None else None,
            diff_within=tuple(self._path(glob, project_path) for glob in check.diff_within),
            **texts,
        )


def _lookups_of(item: Any) -> dict[str, str]:
    """Return what can be looked up in an item, as text: a text is itself, anything else is written as JSON."""
    found = {"item": _as_text(item)}
    if isinstance(item, dict):
        for name, value in cast("dict[str, Any]", item).items():
            if re.fullmatch(NAME, name) and value is not None:
                found[f"item.{name}"] = _as_text(value)
    return found


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
