"""A fork of a session with tools begins with the files as they were at its event, in whatever use that was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from events.bus import read_all
from events.lineage import fold_session
from events.log import Entry, EventLog, open_log
from events.types.task import StepDrafted
from events.types.tool import ToolFinished, ToolStarted
from events.views.tasks import TaskState, TasksView
from swarm.engine.changes import take_back
from swarm.errors import UsageError
from swarm.replay import replay
from tests.engine.test_fork import fork
from tests.provider import Answer
from tests.running import Cast, plan_text, run, serving
from tests.test_session_tools import project, use

__all__ = ["project"]

TASK = """
tasks:
- id: fix
  prompt: Mend it
  explore: true
  tools: [look, edit, task]
  changes: apply
  check: [{regex: done}]
"""
DONE = {"a.py": "x = 3\n", "b.py": "b", "c.py": "c"}


def uses_in(body: Mapping[str, Any]) -> int:
    return sum(message["role"] == "tool" for message in body["messages"])


def working(body: Mapping[str, Any]) -> Answer | str:
    """Whatever happened before, what comes next of a step is said."""
    lines: list[Answer | str]
    if "Step 1" in str(body["messages"][1]):  # it is told what came of that
        lines = [use("edit", path="a.py", old="2", new="3"), use("write", path="b.py", text="b"), "Two is done."]
    else:
        lines = [use("task", prompt="Mend a.py"), use("write", path="c.py", text="c"), "One is done."]
    return lines[uses_in(body)]


def helping(body: Mapping[str, Any]) -> Answer | str:
    lines: list[Answer | str] = [use("edit", path="a.py", old="1", new="2"), "It says 2."]
    return lines[uses_in(body)]


def files(root: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in root.iterdir()}


async def entries_of(log: EventLog) -> list[Entry]:
    return [entry async for page in read_all(log, session=1) for entry in page]


async def state_of(log: EventLog, session: int) -> TaskState:
    return (await fold_session(log, TasksView(), session)).of(session)["fix"]


async def test_a_fork_in_any_use_of_a_tool_comes_to_the_same_files(project: Path) -> None:
    cast = Cast(explorer=[plan_text("one", "two")], worker=[working], subagent=[helping])
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        assert (await run(log, TASK, plan, project)).exit_code == 0
        assert files(project) == DONE
        await take_back(log, await state_of(log, 1), project, by="ada")
        assert files(project) == {"a.py": "x = 1\n"}
        kinds = (ToolStarted, ToolFinished, StepDrafted)
        points = [entry.position for entry in await entries_of(log) if isinstance(entry.event, kinds)]
        for number, at in enumerate(points[::2], 2):
            assert (await fork(log, plan, at)).exit_code == 0
            assert files(project) == DONE, f"forked at {at}"
            assert (await replay(log, number)).divergence is None
            await take_back(log, await state_of(log, number), project, by="ada")


async def test_a_fork_before_changes_that_were_taken_over_names_what_takes_them_back(project: Path) -> None:
    cast = Cast(explorer=[plan_text("one", "two")], worker=[working], subagent=[helping])
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        await run(log, TASK, plan, project)
        at = next(entry.position for entry in await entries_of(log) if isinstance(entry.event, StepDrafted))
        refused = r"it had 1 file and has 3 files; put it back to that state \(`swarm undo s1/fix` takes back"
        with pytest.raises(UsageError, match=refused):
            await fork(log, plan, at)
