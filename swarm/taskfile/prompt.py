"""A prompt without a file: one task under the cap of a direct session."""

from __future__ import annotations

from swarm.task import Budget, Task, TaskFile

DIRECT_TOKENS = 10_000  # the cap of a prompt that comes without a file
_TITLE = 60  # characters of a prompt that stand for it in lists


def direct_file(prompt: str) -> TaskFile:
    """The prompt as the only task of a file that lies nowhere."""
    line = prompt.strip().splitlines()[0].strip()
    title = line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"
    task = Task(id="task", title=title, prompt=prompt.strip())
    return TaskFile(path="", name=title, tasks=(task,), budget=Budget(tokens=DIRECT_TOKENS))
