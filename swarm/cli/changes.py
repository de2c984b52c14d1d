"""What `apply`, `undo` and `show --diff` share: which task is meant, and what its tools changed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from anyio import to_thread

from events.lineage import fold_session
from events.log import EventLog, open_log
from events.views.base import fold
from events.views.sessions import SessionsView
from events.views.tasks import TaskState, TasksView, own_changes
from swarm.cli.names import Name, find
from swarm.cli.output import Output
from swarm.cli.recorded import log_errors, require_log, settings_of
from swarm.engine.changes import changes_of, take_back, take_over
from swarm.engine.requests import person
from swarm.errors import UsageError

HELP = "a task (s412/build; of the last session build), or a session (s412) in which tools changed files for one task; default: the last session"

Done = Literal["applied", "undone"]


async def change(args: argparse.Namespace, done: Done) -> int:
    """Take over what a task changed, or take it back, and say which files that were."""
    from swarm.tools.diff import stat_line

    output: Output = args.output
    url = settings_of(args).log
    require_log(url)
    with log_errors():
        async with open_log(url) as log:
            name, state, root = await _meant(log, args.name, done)
            act = take_over if done == "applied" else take_back
            changes = await act(log, state, root, by=person())
    if output.json:
        paths = [change.path for change in changes]
        output.document("swarm.changes/1", {"task": str(name), "done": done, "folder": str(root), "files": paths})
        return 0
    output.note(f"{name}: {stat_line(changes)} {done} in {root}")
    for each in changes:
        output.note(f"  {each.path}")
    return 0


async def patch_of(log: EventLog, name: Name, tasks: Mapping[str, TaskState]) -> str:
    """What tools changed for a task, a step of it, or all tasks of a session, as one patch."""
    from swarm.engine.copies import loaded
    from swarm.tools.diff import unified

    if name.step:
        step = tasks[name.task].steps[name.step - 1]
        return unified(await loaded(log, step.files, at=step.draft.at)) if step.draft else ""
    named = [tasks[name.task]] if name.task else list(tasks.values())
    return "".join([unified(await changes_of(log, state)) for state in named])


async def _meant(log: EventLog, text: str | None, done: Done) -> tuple[Name, TaskState, Path]:
    name = await find(log, text)
    tasks = (await fold_session(log, TasksView(), name.session)).of(name.session)
    if name.step:
        raise UsageError(f"{name} is a step; changes are taken over task by task: name {Name(name.session, name.task)}")
    if not name.task:
        name = _only(name, tasks, done)
    session = (await fold(log, SessionsView(), session=name.session)).sessions[name.session]
    root = Path(session.directory)
    if not await to_thread.run_sync(root.is_dir):
        raise UsageError(
            f"the folder of {name}, {root}, is not there any more; `swarm show {name} --diff` prints the changes"
        )
    return name, tasks[name.task], root


def _only(name: Name, tasks: Mapping[str, TaskState], done: Done) -> Name:
    """The one task of a session that is meant."""
    taken = [task for task, state in tasks.items() if state.applied]
    changed = [task for task, state in tasks.items() if own_changes(state)]
    waiting = [task for task in changed if task not in taken]
    fitting = (taken or changed) if done == "undone" else (waiting or changed)
    if len(fitting) != 1:
        listed = ", ".join(str(Name(name.session, task)) for task in fitting[:5])
        raise UsageError(
            f"tools changed files for {len(fitting)} tasks of {name}; name one of them: {listed}"
            if fitting
            else f"nothing of {name} was taken over into your files, so there is nothing to undo"
            if done == "undone"
            else why_nothing(name, tasks)
        )
    return Name(name.session, fitting[0])


def why_nothing(name: Name, tasks: Mapping[str, TaskState]) -> str:
    """Why a task, or a session, has no changes that could be taken over: what tools changed counts once it is accepted."""
    named = {name.task: tasks[name.task]} if name.task else tasks
    for task, state in named.items():
        for step in state.steps:
            if step.files and step.stage != "accepted":
                mine = Name(name.session, task)
                return (
                    f"what tools changed for {mine} is not accepted; `swarm show {mine}/{step.number} --diff` prints it, and "
                    f"`swarm accept {mine}` makes it count, if the work is right"
                )
    return f"the tools of {name} changed no file of the project"
