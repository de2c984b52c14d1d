"""A prompt without a file: one task, which is capped as its session is."""

from __future__ import annotations

from swarm.task import Task, TaskFile

_TITLE = 60  # characters of a prompt that stand for it in lists


def direct_file(prompt: str) -> TaskFile:
    """The prompt as the only task of a file that lies nowhere."""
    line = prompt.strip().splitlines()[0].strip()
    title = line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"
    task = Task(id="task", title=title, prompt=prompt.strip())
    return TaskFile(path="", name=title, tasks=(task,))
