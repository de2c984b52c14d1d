"""One piece of work of the workload: a task file, the files that it reads, and what its reader needs to answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.reader import Part

JUDGED = "The answer is right and follows from the material alone."


@dataclass(frozen=True)
class Assignment:
    """What one session does. Assignments of a project work in one folder, in the order of the list."""

    name: str
    kind: str
    project: str
    tasks: Mapping[str, Mapping[str, Any]]  # as in a task file
    parts: tuple[Part, ...]  # one a task
    files: Mapping[str, str] = field(default_factory=dict[str, str])  # of the project, by path
    top: Mapping[str, Any] = field(default_factory=dict[str, Any])  # further keys of the task file

    def task_file(self, kept: float = 1.0, load: str = "full") -> str:
        """The task file; of each input that share is given: its head, or what fits the task (`load: relevant`)."""
        tasks = {name: {**task, **self._given(task, kept, load)} for name, task in self.tasks.items()}
        return json.dumps({"name": self.name, "budget": "20M", **self.top, "tasks": tasks})

    def _given(self, task: Mapping[str, Any], kept: float, load: str) -> dict[str, Any]:
        paths = [path for path in task.get("input", ()) if isinstance(path, str) and path in self.files]
        if kept == 1.0 or not paths or len(paths) != len(task["input"]):
            return {}  # a task of an example says itself what of its inputs it is given
        most = [int(kept * len(self.files[path].encode())) for path in paths]  # a byte counts as a token there
        return {
            "input": [
                {"files": [path], "max_tokens": room, "load": load} for path, room in zip(paths, most, strict=True)
            ]
        }


def asked(
    name: str,
    kind: str,
    prompt: str,
    part: Part,
    *,
    files: Mapping[str, str],
    project: str = "",
    **more: Any,
) -> Assignment:
    """A single task that is given its files to read; `more` are further keys of it."""
    task = {
        "prompt": prompt,
        "input": list(files),
        "accept": JUDGED,
        "explore": False,
        "limits": {"attempts": 2},
        **more,
    }
    return Assignment(name, kind, project or kind, {name: task}, (part,), dict(files))
