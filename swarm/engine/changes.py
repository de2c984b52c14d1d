"""What tools changed for an accepted task, taken over into the user's files by a person's word, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from anyio import to_thread

from events.log import EventLog, NewEvent, session_name
from events.types.tree import ChangesApplied, ChangesUndone
from events.views.tasks import TaskState, own_changes
from swarm.engine.copies import lasting_change, loaded
from swarm.errors import UsageError
from swarm.keyfile import key_beside
from swarm.owner import new_event
from swarm.tools.apply import apply, reverse
from swarm.tools.tree import Change


class NothingToApply(UsageError):
    """There is nothing that could be taken over, or back."""


def changed_at(state: TaskState) -> int:
    """The position of the event that holds what tools changed up to the last accepted step."""
    drafts = [step.draft for step in state.steps if step.stage == "accepted" and step.draft is not None]
    return drafts[-1].at if drafts else 0


async def changes_of(log: EventLog, state: TaskState) -> list[Change]:
    """What tools changed for the task, with the contents."""
    return await loaded(log, own_changes(state), at=changed_at(state))


def require_appliable(state: TaskState) -> None:
    """Raises NothingToApply where the task has no changes that wait."""
    name = f"{session_name(state.session)}/{state.name}"
    if state.status != "accepted":
        raise NothingToApply(f"{name} is not accepted; `swarm accept {name}` first, if its work is right")
    if not own_changes(state):
        raise NothingToApply(f"the tools of {name} changed no file of the project")


async def take_over(log: EventLog, state: TaskState, root: Path, *, by: str) -> Sequence[Change]:
    """Bring the changes to the user's files and record it. Files that have them already are left alone.

    Raises NothingToApply, also where all have them and that is recorded, and ChangesConflict where a file is another by now.
    """
    require_appliable(state)
    changes = await changes_of(log, state)
    anything = await to_thread.run_sync(partial(apply, root, changes, key=key_beside(log.url)))
    if state.applied and not anything:
        name = f"{session_name(state.session)}/{state.name}"
        raise NothingToApply(f"what {name} changed is in your files already; `swarm undo {name}` takes it back")
    files = tuple(lasting_change(change, changed_at(state)) for change in own_changes(state))
    await log.append([_of_task(ChangesApplied(files=files, by=by), state, root)])
    return changes


async def take_back(log: EventLog, state: TaskState, root: Path, *, by: str) -> Sequence[Change]:
    """Bring the files back to what they were before the changes were taken over, and record it.

    Raises NothingToApply, and ChangesConflict where a file was changed since.
    """
    if not state.applied:
        name = f"{session_name(state.session)}/{state.name}"
        raise NothingToApply(f"nothing of {name} was taken over into your files, so there is nothing to undo")
    entry = (await log.read(after=state.applied - 1, limit=1))[0]
    assert isinstance(entry.event, ChangesApplied), "the view names its position"
    changes = reverse(await loaded(log, entry.event.files, at=state.applied))
    await to_thread.run_sync(partial(apply, root, changes, key=key_beside(log.url)))
    await log.append([_of_task(ChangesUndone(applied=state.applied, by=by), state, root)])
    return changes


def _of_task(event: ChangesApplied | ChangesUndone, state: TaskState, root: Path) -> NewEvent:
    return new_event(event, state.session, root.name, task=state.name)
