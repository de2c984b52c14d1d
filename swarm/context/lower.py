"""Less of a task's inputs, near a cap: each file one level lower, what must stay whole left as it is. Pure."""

from __future__ import annotations

import posixpath

import msgspec

from swarm.context.levels import LOWER, RELEVANT_BYTES
from swarm.context.pack import relevant
from swarm.context.parts import beginning
from swarm.globs import matches
from swarm.task import Input, Task

LOWER_BYTES = RELEVANT_BYTES // 2
"""What is left of a text that was given in full; a shorter one stays whole."""


def lowered(task: Task) -> tuple[Input, ...]:
    """The task's inputs, one level lower: all of a file, or most of it -> the parts that fit -> their outline.

    Whole stays what the task's own words are (`text`), what it writes over or what a check names, and of a task that
    writes a patch every file: a patch is made against each line.
    """
    kept, patched = _kept(task), _patched(task)
    return tuple(source if source.files and patched else _lowered(source, kept) for source in task.inputs)


def may_be_shorter(task: Task, name: str) -> bool:
    """Whether what a task is given in full under a name, of a file or another task, may be made shorter by what fits the task.

    Not where it asks for a part itself, and whatever `lowered` leaves whole stays so here.
    """
    full = [source for source in task.inputs if source.load == "full" and source.max_tokens is None]
    if any(source.from_task == name for source in full):
        return True
    is_file = any(_names(pattern, name) for source in full for pattern in source.files)
    return is_file and not _patched(task) and not any(_names(path, name) for path in _kept(task))


def _kept(task: Task) -> set[str]:
    """The files that a task writes over, or that its checks name."""
    kept = {output.path for output in task.written} | {check.file for check in task.checks if check.file}
    return kept | {check.schema for check in task.checks if isinstance(check.schema, str)}


def _patched(task: Task) -> bool:
    return any(output.format == "patch" for output in task.written)


def _lowered(source: Input, kept: set[str]) -> Input:
    if source.text is not None or any(_names(pattern, path) for pattern in source.files for path in kept):
        return source
    load = LOWER.get(source.load, source.load)
    if source.from_task is not None:
        load = "relevant"
    if load != "relevant":
        return msgspec.structs.replace(source, load=load)
    most = LOWER_BYTES if source.max_tokens is None else min(source.max_tokens, LOWER_BYTES)
    return msgspec.structs.replace(source, load=load, max_tokens=most)


def _names(pattern: str, path: str) -> bool:
    """Whether a path or a glob means a file."""
    pattern, path = posixpath.normpath(pattern), posixpath.normpath(path)
    return pattern == path or matches(tuple(path.split("/")), tuple(pattern.split("/")))


def lower_result(name: str, text: str, sought: str) -> str:
    """The parts of another task's result that fit the words of this one; the beginning where none does."""
    return relevant([(name, text)], sought, LOWER_BYTES)[0] or beginning(text, LOWER_BYTES)
