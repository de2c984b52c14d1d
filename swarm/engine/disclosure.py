"""More of what a task was given in part: its files as the work copy has them, results of other tasks, modules of its prompts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from posixpath import normpath

from anyio import to_thread

from swarm.context.reading import Reading
from swarm.errors import UsageError
from swarm.globs import files_named, matches
from swarm.task import Task
from swarm.toolnames import means
from swarm.tools.base import Tool, ToolRefused
from swarm.tools.enclosure import Enclosure, printable
from swarm.tools.more import MORE, more_tool
from swarm.tools.texts import readable, what_it_is

RESULT = "Result of "
"""What stands before the id of a task where its result is given without being asked for."""

Result = Callable[[str], Awaitable[str | None]]

_LARGEST = 16 << 20


def more_of(
    task: Task, root: Path, result: Result, redact: Callable[[str], str], left_out: Mapping[str, str]
) -> Tool | None:
    """The tool that gives more of the task's inputs, and what of its prompts is `left_out`, by titles.

    None where there is neither, or the task says that it is to be left out. Who has any tool may use it: it gives nothing but what
    the task was to be given.
    """
    files = [normpath(pattern) for source in task.inputs for pattern in source.files]
    if not (files or task.needs or left_out) or not means((MORE, *task.tools), MORE):
        return None

    async def text_of(name: str) -> str:
        if name in left_out:
            return left_out[name]
        need = name.removeprefix(RESULT)
        found = await result(need) if need in task.needs else None
        if found is not None:
            return found
        return await to_thread.run_sync(partial(_read, root, name, files, task.needs, left_out))

    return more_tool(text_of, Reading(), redact=redact, in_copy=bool(files), whole=left_out)


def _read(root: Path, name: str, patterns: Sequence[str], needs: Sequence[str], left_out: Iterable[str]) -> str:
    if not any(_is_meant(normpath(name), pattern, root) for pattern in patterns):
        there = ", ".join((*map(printable, patterns), *(f"{RESULT}{need}" for need in needs), *left_out))
        raise ToolRefused(f"{printable(name)[:80]!r} is no input of this task; its inputs: {there}")
    found = Enclosure(root).read(name, _LARGEST)
    kind = what_it_is(found.content)
    if kind or found.size > _LARGEST:
        raise ToolRefused(f"{printable(name)} is {kind or 'too large'}: {found.size:,} bytes; nothing was read")
    return readable(found.content)


def _is_meant(name: str, pattern: str, root: Path) -> bool:
    """Whether a path or a glob of the task means a file. A glob leaves hidden files and caches out, which only its walk knows."""
    if name == pattern:
        return True
    if not matches(tuple(name.split("/")), tuple(pattern.split("/"))):
        return False
    try:
        return any(found == name for found, _ in files_named([pattern], root))
    except UsageError:  # nothing is there any more, or it leads out of the project
        return False
