"""What a program wants done: a prompt, the path of a task file, or one that was read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from swarm.errors import UsageError
from swarm.task import TaskFile, parse_budget, with_budget
from swarm.taskfile.prompt import direct_file
from swarm.taskfile.read import load_task_file


def tasks_given(task: str | Path | TaskFile, variables: Mapping[str, str], budget: str | None) -> tuple[TaskFile, str]:
    """The tasks, and the text of the file that they were written in; a `budget` caps them as a run. Raises UsageError."""
    source = ""
    match task:
        case Path():
            file, source = load_task_file(task, overrides=variables), task.read_text("utf-8")
        case str():
            if not task.strip():
                raise UsageError("the prompt is empty; say what is to be done")
            file = direct_file(task)
        case TaskFile():
            file = task
    try:
        return (with_budget(file, parse_budget(budget)) if budget else file), source
    except ValueError as error:
        raise UsageError(f"budget={budget!r}: {error}") from error
