"""A fork: a new session that begins with what another recorded up to a position, and goes on live from there.

Nothing is copied and nothing is paid again: the answers of the parent are given back from its record. What stood open at that
position was never asked, as far as the fork is concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from anyio import to_thread

from events.blobs import Pack
from events.bus import read_all
from events.lineage import Stretch, ancestors, fold_session, inherited, inherited_by_fork
from events.log import EventLog, NewEvent, session_name
from events.types.base import TextRef
from events.types.session import SessionOpened
from events.types.task import OutputFile, TaskAccepted, TaskSubmitted
from events.views.sessions import SessionState
from events.views.tasks import TasksView
from swarm.engine.copies import own_files
from swarm.engine.submission import as_of, first_steps
from swarm.errors import UsageError
from swarm.journal import TREE
from swarm.owner import SESSIONS, new_event
from swarm.plan import Plan
from swarm.tools.deliver import fingerprint
from swarm.version import VERSION

Submissions = Mapping[str, TaskSubmitted]
"""Tasks by name, in their order."""


async def point_of(log: EventLog, session: int, at: int | None) -> Stretch:
    """Find who recorded a position of a session, which may be a fork itself; without one its last event.

    Raises UsageError where the position is none of the session's.
    """
    last = 0
    async for page in read_all(log, session=session):
        last = page[-1].position
    stretches = [*await ancestors(log, session), Stretch(session, last)]
    if at is None:
        return stretches[-1]
    begins = [(await log.read(session=stretch.session, limit=1))[0].position for stretch in stretches]
    for stretch, begin in zip(stretches, begins, strict=True):
        if begin <= at <= stretch.until:
            return Stretch(stretch.session, at)
    name = session_name(session)
    raise UsageError(
        f"{name} recorded nothing at position {at}: its events stand between {begins[0]} and {last}; "
        f"`swarm log {name}` lists them"
    )


async def submissions_of(log: EventLog, session: int) -> Submissions:
    """The tasks that a session was opened with, as they were submitted, their texts referred to for good."""
    entries = await inherited(log, session)
    async for page in read_all(log, session=session):
        entries += page
    return {
        entry.task: msgspec.structs.replace(entry.event, spec=_lasting(entry.event.spec, entry.position))
        for entry in entries
        if isinstance(entry.event, TaskSubmitted) and not entry.event.parent
    }


def begun_anew(submissions: Submissions, changed: Submissions) -> Submissions:
    """The changed tasks, and those that need one of them, directly or by others."""
    anew = dict(changed)
    for name, event in submissions.items():  # a need stands before what needs it, or is found at the next pass
        if name not in anew and any(need in anew for need in event.needs):
            return begun_anew(submissions, {**anew, name: event})
    return {name: anew[name] for name in submissions if name in anew}


async def fork_opening(
    log: EventLog,
    point: Stretch,
    parent: SessionState,
    plan: Plan,
    anew: Submissions,
    *,
    replaces: Sequence[OutputFile],
    project: str,
    pack: Pack,
) -> Callable[[int], Sequence[NewEvent]]:
    """The events with which a fork begins, by its number.

    Submitted again are the tasks that begin `anew`, and those that the parent had not submitted yet at that point. What it
    `replaces` are files that it may write over.
    """
    before = await inherited_by_fork(log, point, fork=0)
    known = {entry.task for entry in before if isinstance(entry.event, TaskSubmitted)}
    every = await submissions_of(log, parent.number)
    submitted = {name: anew.get(name, event) for name, event in every.items() if name in anew or name not in known}
    opened = SessionOpened(
        type="fork",
        title=parent.title,
        directory=parent.directory,
        version=VERSION,
        settings=pack.put(msgspec.json.encode(plan).decode()),
        source=_lasting(parent.source, parent.opened) if parent.source else None,
        path=parent.path,
        schedule=plan.schedule,
        parent=point.session,
        parent_position=point.until,
        replaces=tuple(replaces),
    )

    def opening(number: int) -> Sequence[NewEvent]:
        tasks = [new_event(event, number, project, task=name) for name, event in submitted.items()]
        first = new_event(opened, number, project, topic=SESSIONS)
        return [first, *tasks, *first_steps(tasks, number, project, before=as_of(before, number))]

    return opening


async def require_tree(log: EventLog, point: Stretch, session: int, root: Path) -> None:
    """See that the project is, but for what sessions delivered, as it was when drafts of the session were checked.

    Compared is what is recorded last up to the point, else first behind it; where no check ran on the project there is
    nothing to compare. Raises UsageError where it is another one.
    """
    from swarm.tools.workcopy import tree_of  # a fork alone needs it here

    found = await _recorded_tree(log, session, point.until)
    if found is None:
        return
    at, ref = found
    then = await log.text(ref, at=at)
    tasks = (await fold_session(log, TasksView(), session)).of(session)
    earlier = (await fold_session(log, TasksView(), session, until=at)).of(session)
    now = await tree_of(root, without=own_files(root, log, tasks, then=earlier))
    if now == then:
        return
    name = session_name(session)
    before, after = then.partition(",")[0], now.partition(",")[0]
    how = f"it had {before} and has {after}" if before != after else f"of its {after}, not all are the same"
    since = [task for task in tasks if tasks[task].applied and not (task in earlier and earlier[task].applied)]
    undo = " and ".join(f"`swarm undo {name}/{task}`" for task in since)
    back = f" ({undo} takes back what was taken over since)" if since else ""
    raise UsageError(
        f"{root} is not what it was when {name} worked on it (event {at}): {how}; put it back to that state{back}, or fork "
        "with `--as-is`: what was accepted then stays accepted, what follows takes it as it is now"
    )


async def _recorded_tree(log: EventLog, session: int, at: int) -> tuple[int, TextRef] | None:
    """Where the state of the project is recorded that is nearest to a position, and what refers to it."""
    found: tuple[int, TextRef] | None = None
    entries = await inherited(log, session)
    async for page in read_all(log, session=session):
        entries += page
    for entry in entries:
        trees = [each.text for each in getattr(entry.event, "captured", ()) if each.name == TREE]
        if trees and (entry.position <= at or found is None):
            found = entry.position, trees[0]
    return found


async def written_by_relatives(log: EventLog, session: int, root: Path) -> list[OutputFile]:
    """Files of the project that are just as a session delivered them which has this one's beginnings, or part of them.

    Their texts are in the log, so a fork that writes over them destroys nothing.
    """
    delivered: dict[str, set[str]] = {}
    for relative in await _family(log, session):
        async for page in read_all(log, session=relative):
            for entry in page:
                for output in entry.event.outputs if isinstance(entry.event, TaskAccepted) else ():
                    delivered.setdefault(output.path, set()).add(output.digest)
    found: list[OutputFile] = []
    for path, digests in delivered.items():
        with suppress(UsageError):  # something else stands there now: delivery will say so
            digest = (await to_thread.run_sync(fingerprint, root, [path]))[path]
            if digest in digests:
                found.append(OutputFile(path, digest))
    return found


async def _family(log: EventLog, session: int) -> list[int]:
    """The sessions that go back to the same one as `session`, by forks."""
    founders: dict[int, int] = {}
    async for page in read_all(log, topic=SESSIONS):
        for entry in page:
            if isinstance(entry.event, SessionOpened):
                parent = entry.event.parent
                founders[entry.session] = founders.get(parent, parent) or entry.session
    return [each for each, founder in founders.items() if founder == founders.get(session)]


def _lasting(ref: TextRef, at: int) -> TextRef:
    return TextRef(ref.digest, ref.place or at)
