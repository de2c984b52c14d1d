"""More of what a task was given in part: its files as the work copy has them, and the results of other tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from posixpath import normpath

from anyio import to_thread

from swarm.context.reading import Reading
from swarm.globs import matches
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


def more_of(task: Task, root: Path, result: Result, redact: Callable[[str], str]) -> Tool | None:
    """The tool that gives more of the task's inputs; None where it has none, or says that it is to be left out.

    Who has any tool may use it: it gives nothing but what the task was to be given.
    """
    files = [normpath(pattern) for source in task.inputs for pattern in source.files]
    if not (files or task.needs) or not means((MORE, *task.tools), MORE):
        return None

    async def text_of(name: str) -> str:
        need = name.removeprefix(RESULT)
        found = await result(need) if need in task.needs else None
        if found is not None:
            return found
        if not any(_matches(normpath(name), pattern) for pattern in files):
            raise ToolRefused(_no_input(name, files, task.needs))
        return await to_thread.run_sync(partial(_read, Enclosure(root), name))

    return more_tool(text_of, Reading(), redact=redact, in_copy=bool(files))


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or matches(tuple(name.split("/")), tuple(pattern.split("/")))


def _read(enclosure: Enclosure, name: str) -> str:
    found = enclosure.read(name, _LARGEST)
    kind = what_it_is(found.content)
    if kind or found.size > _LARGEST:
        raise ToolRefused(f"{printable(name)} is {kind or 'too large'}: {found.size:,} bytes; nothing was read")
    return readable(found.content)


def _no_input(name: str, files: list[str], needs: tuple[str, ...]) -> str:
    there = ", ".join((*map(printable, files), *(f"{RESULT}{need}" for need in needs)))
    return f"{printable(name)[:80]!r} is no input of this task; its inputs: {there}"
